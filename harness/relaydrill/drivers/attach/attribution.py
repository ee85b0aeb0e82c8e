"""Whose an arrival is, by what the evidence names and what the inventory declares. Pure.

A message is credited only to a recipient to whom it was sent, and only where

- the evidence names that recipient: as the one before aliases (``orig_to``), or as the one for whom
  it was delivered;
- or a server's log says that the named address came from that recipient (an alias, a group);
- or the inventory maps the recipient to the named mailbox (``attach.recipients``);
- or the evidence names nobody, and the mailbox is declared as that recipient's (``imap: {for}``).

All else is a copy for whoever is named, or, where nobody is, unattributed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.topology.attach import AnyOf

Mapped = Mapping[str, "tuple[str, ...] | AnyOf"]

_NO_ADDRESS: Final = (":", "|", "/", '"')
"""How a destination begins that is no mailbox: a router's word, a program, a file."""


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose one deed is.

    Attributes:
        recipients: To whom it is credited; none where it is a copy, or nobody's.
        mailbox: Which of the recipient's mailboxes; empty for its own.
        needs: The mailboxes all of which must get it, where the inventory says so.
        copy_for: For whom it is a copy; empty where it is none, or names nobody.
        is_declared: Whether it is known to be a copy.
        said: What to declare, where that is missing.
    """

    recipients: tuple[str, ...] = ()
    mailbox: str = ""
    needs: tuple[str, ...] = ()
    copy_for: str = ""
    is_declared: bool = False
    said: str = ""


class Attribution:
    """Knows the inventory's mapping of recipients.

    Args:
        recipients: As of ``attach.recipients``.
        copies: As of ``attach.copies``.
    """

    def __init__(self, recipients: Mapped, copies: Collection[str]) -> None:
        self._boxes = {
            whose.lower(): tuple(each.lower() for each in (to.any if isinstance(to, AnyOf) else to))
            for whose, to in recipients.items()
        }
        self._is_any = {whose.lower() for whose, to in recipients.items() if isinstance(to, AnyOf)}
        self._copies = {each.lower() for each in copies}

    def of(
        self,
        deed: Deed,
        sent_to: Collection[str],
        *,
        renamed: Mapping[str, str],
        owners: Collection[str],
        is_copy: bool = False,
    ) -> Credit:
        """Whose a deed is.

        Args:
            deed: What happened to the message.
            sent_to: To whom the message was sent, in lower case.
            renamed: By address, the one that it came from, as servers told of this message.
            owners: Whose mailbox it is that names nobody, in lower case.
            is_copy: Whether a server's log says that the named address only gets a copy.
        """
        if deed.marks:
            return Credit(said=f"its header bears the marks of {' and '.join(deed.marks)}")
        named, original = deed.recipient.lower(), deed.original.lower()
        if not named and not original:
            return self._of_nobody(deed, sent_to, owners)
        if is_copy or (named in self._copies and named not in sent_to):
            return Credit(copy_for=named, is_declared=True)
        whose = _came_from(named, original, sent_to, renamed)
        if whose:
            return self._of_one(deed, whose, named or original)
        mapped = [
            each for each in sent_to if {named, original} & {*self._boxes.get(each, ())} - {""}
        ]
        if len(mapped) == 1:
            return self._of_one(deed, mapped[0], named or original)
        if mapped:
            return Credit(said=f"several of its recipients are mapped to {named or original}")
        return Credit(copy_for=named or original)

    def _of_nobody(self, deed: Deed, sent_to: Collection[str], owners: Collection[str]) -> Credit:
        if deed.does is not Does.DELIVERED:
            return Credit(tuple(sorted(sent_to)))  # the message as a whole
        mine = [each for each in sent_to if each in owners]
        to = ", ".join(sorted(sent_to))
        if len(mine) == 1 and _is_of_another(deed.by, mine[0]):
            return Credit(said=f"it lies with {deed.by}; if that is {to}: imap: {{for: [{to}]}}")
        if len(mine) == 1:
            return self._of_one(deed, mine[0], mine[0])
        if owners and not mine:
            whose = min(owners)
            return Credit(copy_for=whose, is_declared=whose in self._copies)
        return Credit(said=f"nothing says whose mailbox it is: imap: {{for: [{to}]}}")

    def _of_one(self, deed: Deed, whose: str, named: str) -> Credit:
        is_own = _is_own(deed, whose, named)
        boxes = self._boxes.get(whose)
        if boxes is None:
            return Credit((whose,), "" if is_own else named)
        if not is_own and named not in boxes:
            return Credit(copy_for=named, is_declared=True)
        mailbox = "" if is_own else named
        needs = (mailbox,) if whose in self._is_any else boxes
        return Credit((whose,), mailbox, tuple("" if each == whose else each for each in needs))


def _is_of_another(mailbox: str, recipient: str) -> bool:
    """Whether a mailbox that bears an address is somebody else's than the recipient's."""
    local, _, domain = recipient.partition("@")
    own = {recipient, f"{local.partition('+')[0]}@{domain}"}
    return "@" in mailbox and mailbox.lower() not in own


def _came_from(
    named: str, original: str, sent_to: Collection[str], renamed: Mapping[str, str]
) -> str:
    """The recipient to whom it was sent under another name, or this one; empty if none is told."""
    for address in filter(None, (original, named)):
        seen: set[str] = set()
        while address and address not in seen:
            if address in sent_to:
                return address
            seen.add(address)
            address = renamed.get(address, "")
    if named and "@" not in named:  # the name of an account
        same = [each for each in sent_to if each.rpartition("@")[0] == named]
        return same[0] if len(same) == 1 else ""
    return ""


def _is_own(deed: Deed, whose: str, named: str) -> bool:
    """Whether a named destination is a recipient's own, and not another mailbox of it."""
    if named in (whose, whose.rpartition("@")[0]):
        return True
    return deed.does is not Does.DELIVERED and named.startswith(_NO_ADDRESS)
