"""Which of several Postfix instances on one host a line is of. Pure.

Each has a queue of its own, and gives out queue ids without asking the others (postmulti(1),
MULTI_INSTANCE_README); their lines differ by ``syslog_name`` alone. So may those of single services
of one instance (``-o syslog_name=postfix/submission``), which are none of their own: an instance is
what has a queue manager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

_QUEUE_MANAGERS: Final = ("qmgr", "nqmgr", "oqmgr")

_BEGINNERS: Final = ("smtpd", "qmqpd", "pickup", "cleanup")
"""With these a message begins: that another one has its queue id under way says nothing."""


class Instances:
    """Knows the instances of each host, as far as their lines have shown them.

    Attributes:
        changes: How often something was learned.
    """

    def __init__(self) -> None:
        # By host and name: whether its queue manager has spoken; else its cleanup(8) has.
        self._of_host: dict[str, dict[str, bool]] = {}
        self.changes = 0

    def of(
        self, host: str, tag: str, program: str, has: Callable[[str], bool] | None = None
    ) -> str:
        """The name of the instance that a line is of.

        Args:
            host: Whose line it is.
            tag: Its syslog tag, whole.
            program: Postfix's program, the last part of the tag.
            has: Whether an instance has the line's queue id under way; None where the line has
                none.
        """
        named = tag.removesuffix(program).removesuffix("/")
        known = self._of_host.setdefault(host, {})
        if program in _QUEUE_MANAGERS:
            self._learn(known, named, is_sure=True)
        elif program == "cleanup" and not _longest(named, known):
            self._learn(known, named, is_sure=False)
        if len(known) == 1:
            return next(iter(known))
        own = _longest(named, known)
        if self.is_settled(host, tag, program) or has is None:
            return own or named
        if own and (program in _BEGINNERS or has(own)):
            return own
        # A cleanup(8) whose name is its own, and no instance's.
        others = [each for each, is_sure in known.items() if not (own and is_sure) and has(each)]
        return others[0] if len(others) == 1 else own or named

    def is_settled(self, host: str, tag: str, program: str) -> bool:
        """Whether lines with this tag are of the same instance whatever their queue id is."""
        known = self._of_host.get(host, {})
        named = tag.removesuffix(program).removesuffix("/")
        return len(known) == 1 or (bool(_longest(named, known)) and all(known.values()))

    def _learn(self, known: dict[str, bool], named: str, *, is_sure: bool) -> None:
        if known.get(named) is None or (is_sure and not known[named]):
            known[named] = is_sure
            self.changes += 1


def _longest(named: str, known: Iterable[str]) -> str:
    """The instance of which a service's name begins with its own: ``mx`` for ``mx/submission``."""
    fitting = [each for each in known if named == each or named.startswith(f"{each}/")]
    return max(fitting, key=len, default="")
