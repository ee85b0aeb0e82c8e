"""A tiny content scanner, by SMTP or LMTP: it hands mail back, or keeps it for itself."""

from __future__ import annotations

import contextlib
import smtplib
import socketserver
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.real_mail.listening import Listening

PORT: Final = 10024


@dataclass(frozen=True)
class Verdict:
    """What a scanner does with mail.

    Attributes:
        reply: Its answer after the dot.
        back: Address and port that it hands mail back to; None where it keeps it.
        times: How often it does so.
        change: What it makes of a message, as it came by SMTP.
    """

    reply: str
    back: tuple[str, int] | None = None
    times: int = 1
    change: Callable[[bytes], bytes] = bytes


class _Dialogue(socketserver.StreamRequestHandler):
    server: Scanner

    def handle(self) -> None:
        """One connection; it may carry several messages."""
        sender, recipients = "", list[str]()
        self._say("220 scanner.contoso.com ready")
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline().decode().strip():
                verb = line[:4].upper()
                if verb in {"EHLO", "LHLO", "HELO"}:
                    self._say("250-scanner.contoso.com", "250 8BITMIME")
                elif verb == "MAIL":
                    sender, recipients = _address(line), []
                    self._say("250 2.1.0 Ok")
                elif verb == "RCPT":
                    recipients.append(_address(line))
                    self._say("250 2.1.5 Ok")
                elif verb == "DATA":
                    self._say("354 go on")
                    self._take(sender, recipients, self._data())
                elif verb == "QUIT":
                    self._say("221 2.0.0 Bye")
                    return
                else:
                    self._say("250 2.0.0 Ok")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _take(self, sender: str, recipients: list[str], message: bytes) -> None:
        verdict = self.server.verdict
        changed = verdict.change(message)
        for _ in range(verdict.times if verdict.back else 0):
            assert verdict.back
            with smtplib.SMTP(*verdict.back, local_hostname="scanner", timeout=20) as onward:
                onward.sendmail(sender, recipients, changed, mail_options=["BODY=8BITMIME"])
        for _ in recipients if self.server.by_lmtp else [""]:
            self._say(verdict.reply)

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


class Scanner(Listening):
    """A scanner that listens in a thread of this process.

    Args:
        address: Where.
        verdict: What it does with all mail.
        by_lmtp: Whether it answers for each recipient (RFC 2033, section 4.2).
    """

    def __init__(self, address: str, verdict: Verdict, *, by_lmtp: bool = False) -> None:
        super().__init__(address, PORT, _Dialogue)
        self.verdict = verdict
        self.by_lmtp = by_lmtp
