"""What a mail store says of messages that a mail server has handed to it. Pure.

The server says ``sent`` when the store says ``Saved``; what the store did stands in its own lines,
in the same log where both run on one host, and mostly before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from relaydrill.mail_logs import dovecot
from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.reading import Told, keeps_mail, session_in, store_says

_SAID_OF_ONE: Final = 50
"""Lines of a store's about one message that are kept."""


class Keeping:
    """Knows what stores have said of messages.

    Args:
        remembered: Of how many messages.
    """

    def __init__(self, remembered: int) -> None:
        self._most = remembered
        self._known: OrderedDict[str, None] = OrderedDict()
        self._said: OrderedDict[str, list[Told]] = OrderedDict()

    def comes(self, message: str) -> None:
        """A mail server tells of a message, and will tell that it was delivered."""
        self._known[message] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def is_news(self, told: Told) -> bool:
        """Take in what a store says; whether nobody else here tells of this message."""
        if not (told.message or told.queue_id):
            return False
        said = self._said.setdefault(told.message or told.queue_id, [])
        if told.queue_id and told.does is Does.DELIVERED and any(map(_same_as(told), said)):
            return False  # a script may keep it in several mailboxes: it came once
        if len(said) < _SAID_OF_ONE:
            said.append(told)
        if len(self._said) > self._most:
            self._said.popitem(last=False)
        return bool(told.message) and told.message not in self._known

    def did_not_keep(self, delivered: Told, message: str) -> Told | None:
        """What a store did in place of keeping what was delivered to it; None where it kept it."""
        session = session_in(delivered.said)
        said = self._said.get(message) or self._said.get(session)
        if not said or not (keeps_mail(delivered.by) or store_says(delivered.said)):
            return None
        if session and (mine := [each for each in said if each.queue_id == session]):
            return dovecot.comes_to(mine)
        names = dovecot.accounts_of(delivered.recipient)
        mine = [each for each in said if each.recipient.lower() in names]
        if not mine and len({each.recipient for each in said}) == 1:
            mine = said  # its user has a name of its own
        return dovecot.comes_to(mine)


def _same_as(told: Told) -> Callable[[Told], bool]:
    """Whether another line is of the same delivery in the same session."""
    what = (told.does, told.queue_id, told.recipient)
    return lambda other: (other.does, other.queue_id, other.recipient) == what
