"""A tiny milter: it lets every message come to its end, and then does one thing to it.

The protocol is libmilter's: a length of four bytes, a letter, and data; see ``mfdef.h`` of Sendmail
8.18 for the letters.
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
from typing import Final

from tests.real_mail.listening import Listening

_NEGOTIATE, _MACROS, _ABORT, _QUIT, _END_OF_BODY = b"O", b"D", b"A", b"Q", b"E"
_CONTINUE: Final = b"c"
_ACTIONS: Final = 0x1FF
"""Whatever a milter may ask for (``SMFI_CURR_ACTS``)."""

DISCARD: Final = (b"d",)
QUARANTINE: Final = (b"qsuspicious\0", b"a")
REJECT: Final = (b"y550 5.7.1 not wanted here\0",)
ACCEPT: Final = (b"a",)


def add_recipient(address: str) -> tuple[bytes, ...]:
    """Somebody gets a copy."""
    return (f"+<{address}>\0".encode(), b"a")


class _Dialogue(socketserver.StreamRequestHandler):
    server: Milter

    def handle(self) -> None:
        """One connection of Postfix's; it may carry several messages."""
        with contextlib.suppress(ConnectionError, struct.error):
            while True:
                (length,) = struct.unpack("!I", self.rfile.read(4))
                packet = self.rfile.read(length)
                letter = packet[:1]
                if letter == _QUIT:
                    return
                if letter == _NEGOTIATE:
                    (version,) = struct.unpack("!I", packet[1:5])
                    self._say(_NEGOTIATE + struct.pack("!III", min(version, 6), _ACTIONS, 0))
                elif letter == _END_OF_BODY:
                    for each in self.server.does:
                        self._say(each)
                elif letter not in {_MACROS, _ABORT}:
                    self._say(_CONTINUE)

    def _say(self, packet: bytes) -> None:
        self.wfile.write(struct.pack("!I", len(packet)) + packet)


class Milter(Listening):
    """A milter that listens in a thread of this process.

    Args:
        address: Where, on a port of its own.
        does: Its answer to each message's end.
    """

    def __init__(self, address: str, does: tuple[bytes, ...]) -> None:
        super().__init__(address, 8891, _Dialogue)
        self.does = does
