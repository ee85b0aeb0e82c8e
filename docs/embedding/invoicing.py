"""An application that sends mail: the smallest that is worth testing."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import make_msgid


def send_invoice(host: str, port: int, customer: str) -> None:
    """Mail an invoice; try again once where the relay closes the door."""
    message = EmailMessage()
    message["From"], message["To"] = "billing@contoso.com", customer
    message["Subject"], message["Message-ID"] = "Your invoice", make_msgid(domain="contoso.com")
    message.set_content("Please find your invoice attached.\n")
    for last_try in (False, False, True):
        try:
            with smtplib.SMTP(host, port, timeout=5) as smtp:
                smtp.send_message(message)
            return
        except OSError:
            if last_try:
                raise
