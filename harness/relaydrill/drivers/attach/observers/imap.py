"""Arrivals by IMAP (RFC 3501): new mail of one mailbox, by its Message-ID."""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any, Final

from relaydrill.drivers.attach import secrets
from relaydrill.drivers.attach.imap_connection import opened
from relaydrill.drivers.attach.observers.arrival import Arrival
from relaydrill.drivers.attach.reaching import ANYWHERE, Bounds
from relaydrill.errors import LabError
from relaydrill.message import Recognised, recognise
from relaydrill.topology.attach import Imap

_EVERY_S: Final = 0.25
_NEXT: Final = re.compile(rb"UIDNEXT (\d+)")
_UID: Final = re.compile(rb"UID (\d+)")

_Broken = (imaplib.IMAP4.error, OSError, LabError)


class ImapObserver:
    """A mailbox that the test domain's mail arrives in; nothing in it is changed.

    Args:
        settings: Where it is.
        ca: A file with the authority that signed its certificate; empty for those of the system.
        bounds: Where this machine may connect to.

    Raises:
        LabError: It cannot be looked into.
        UsageError: The login cannot be found.
    """

    def __init__(self, settings: Imap, ca: str, bounds: Bounds = ANYWHERE) -> None:
        self._settings = settings
        self._bounds = bounds
        self._login = secrets.read(settings.login)
        self._trust = ssl.create_default_context(cafile=ca or None)
        self._looked = float("-inf")
        try:
            self._mailbox = self._open()
            self._next = self._uid_next()
        except _Broken as error:
            raise self._blind(error) from None

    def new(self) -> Iterator[Arrival]:
        """What has arrived; the server is asked four times a second at most.

        Raises:
            LabError: It cannot be looked into any more.
        """
        if time.monotonic() < self._looked + _EVERY_S:
            return
        try:
            found = self._fetch()
        except _Broken:
            try:  # it may have ended the session, which is nobody's fault
                self._mailbox = self._open()
                found = self._fetch()
            except _Broken as error:
                raise self._blind(error) from None
        self._looked = time.monotonic()
        for content in found:
            message, lies_with = recognise(content), self._lies_with(content)
            if message.identity:
                yield self._arrival(message, lies_with)
            for each in message.marks:
                yield Arrival(each, by=lies_with, marks=message.marks)

    def close(self) -> None:
        """Log out."""
        with contextlib.suppress(*_Broken):
            self._mailbox.logout()

    def _lies_with(self, content: bytes) -> str:
        """Whose mailbox the last delivery says that it is; empty where the inventory says it."""
        if self._settings.whose:
            return ""
        named = BytesHeaderParser(policy=compat32).parsebytes(content)["Delivered-To"]
        return str(named or "").strip(" <>")

    def _arrival(self, message: Recognised, lies_with: str) -> Arrival:
        if not self._settings.compare:
            return Arrival(
                message.identity, by=lies_with, known_by=message.known_by, bears=message.bears
            )
        return Arrival(
            message.identity,
            by=lies_with,
            digest=message.digest,
            known_by=message.known_by,
            bears=message.bears,
            changed=message.changed,
        )

    def _open(self) -> imaplib.IMAP4:
        where = self._settings
        mailbox = opened(where, self._login, self._trust, self._bounds)
        with contextlib.ExitStack() as on_error:
            on_error.callback(mailbox.shutdown)
            _wanted(mailbox.select(_quoted(where.folder), readonly=True))
            on_error.pop_all()
        return mailbox

    def _uid_next(self) -> int:
        said = _wanted(self._mailbox.status(_quoted(self._settings.folder), "(UIDNEXT)"))
        found = _NEXT.search(b" ".join(part for part in said if isinstance(part, bytes)))
        if not found:
            raise imaplib.IMAP4.error("it tells no UIDNEXT")
        return int(found[1])

    def _fetch(self) -> list[bytes]:
        """The messages that are new, whole."""
        self._mailbox.noop()  # new mail is told of in the answer to any command
        said = _wanted(self._mailbox.uid("FETCH", f"{self._next}:*", "(UID BODY.PEEK[])"))
        found = []
        for part in said:
            uid = _UID.search(part[0]) if isinstance(part, tuple) else None
            # "n:*" names the last message even where its number is below n.
            if uid and int(uid[1]) >= self._next:
                found.append((int(uid[1]), part[1]))
        self._next = max([self._next, *(number + 1 for number, _ in found)])
        return [content for _, content in found]

    def _blind(self, error: Exception) -> LabError:
        where = self._settings
        return LabError(
            f"the mailbox {where.folder} at {where.host}:{where.port} cannot be looked into:"
            f" {error}"
        )


def _wanted(answer: tuple[str, list[Any]]) -> list[Any]:
    status, said = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status} {said}")
    return said


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
