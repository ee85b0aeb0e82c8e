"""Invoices to mail, and mail to the relay."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import make_msgid

from invoicing.outbox import Outbox
from invoicing.settings import Settings


class Mailer:
    """Mails invoices by way of an outbox.

    Args:
        settings: Where the relay is, and the outbox.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.outbox = Outbox(settings.outbox)

    def invoice(self, customer: str, amount: str) -> str:
        """Put an invoice into the outbox, and return its Message-ID; `flush` sends it."""
        message = EmailMessage()
        message["From"], message["To"] = "billing@contoso.com", customer
        message["Subject"] = "Your invoice"
        message["Message-ID"] = make_msgid(domain="contoso.com")
        message.set_content(f"Please pay {amount}.\n")
        self.outbox.put(message)
        return str(message["Message-ID"])

    def flush(self) -> int:
        """Try everything that waits, once, and return how many wait still.

        Taken is what got 250 after the dot. A 5xx is for good, and the message is put aside for a
        person. Anything else may pass: a 4xx, a connection that is refused or cut. Such a message
        waits on with its Message-ID, so that one that was sent twice can be told from two.
        """
        for path, message in self.outbox.waiting():
            try:
                self._send(message)
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
                if _is_for_good(error):
                    path.rename(self.outbox.refused / path.name)
            except (OSError, smtplib.SMTPException):
                continue
            else:
                path.unlink()
        return len(self.outbox)

    def _send(self, message: EmailMessage) -> None:
        settings = self.settings
        smtp = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            smtp.send_message(message)
        finally:
            # Not with QUIT: what it is answered says nothing of the message, and may raise.
            smtp.close()


def _is_for_good(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return int(error.smtp_code) >= 500
