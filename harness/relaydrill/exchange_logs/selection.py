"""Which mail an account is about: from whom, for whom, when; none of the servers' own. Pure.

The names of probes and of system mailboxes are those of Microsoft's "Managed availability" and
"Recreate arbitration mailboxes" pages, and of the recipient that sends reports of non-delivery.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SYSTEM: Final = re.compile(
    r"^(inboundproxy@|maildeliveryprobe@"
    r"|microsoftexchange329e71ec88ae4615bbc36ab6ce41109e@|systemmailbox\{|migration\.8f3e7716-"
    r"|federatedemail\.4c1f4d8b-|discoverysearchmailbox\{)",
    re.I,
)
_PROBE: Final = re.compile(r"^healthmailbox([0-9a-f]*|-[^@]*)@", re.I)
_JOURNAL: Final = "@journal.report.generator>"


def is_system(address: str) -> bool:
    """Whether an address is a probe's or a system mailbox's."""
    return is_probe(address) or bool(_SYSTEM.match(address.strip("<> ")))


def is_probe(address: str) -> bool:
    """Whether an address is that of a mailbox for health probes (2013 and later)."""
    return bool(_PROBE.match(address.strip("<> ")))


def is_journal_report(message: str) -> bool:
    """Whether a Message-ID is one that the journaling agent makes for its reports."""
    return message.lower().endswith(_JOURNAL)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which mail is asked for; all that is not said is all.

    Attributes:
        recipients: Addresses, or parts of them such as ``@contoso.com``, lower case.
        senders: Addresses, or parts of them, lower case.
        since: Only messages first seen from then on, seconds since the epoch.
        until: Only messages first seen before then.
    """

    recipients: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    def takes(self, recipient: str, names: tuple[str, ...], sender: str, begun: float) -> bool:
        """Whether a message for one recipient is asked for.

        Args:
            recipient: In lower case.
            names: What it was called before (groups, old addresses).
            sender: Of its envelope.
            begun: When the message was first seen, seconds since the epoch.
        """
        if self.recipients and not any(
            _fits(each, self.recipients) for each in (recipient, *names)
        ):
            return False
        if self.senders and not _fits(sender.lower(), self.senders):
            return False
        return not (
            (self.since is not None and begun < self.since)
            or (self.until is not None and begun >= self.until)
        )


def _fits(address: str, wanted: tuple[str, ...]) -> bool:
    return any(
        address.endswith(each) if each.startswith("@") else address == each for each in wanted
    )
