"""What became of one message for one recipient, as far as a set of logs can tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.exchange_logs.coverage import DELIVERY, TRANSPORT
from relaydrill.exchange_logs.steps import PROMISE
from relaydrill.exchange_logs.tracking import Key, Step, Tracking
from relaydrill.ledger import Account, Entry
from relaydrill.mail_logs.deeds import Does

FAILED: Final = "failed"
DISCARDED: Final = "discarded"
HELD: Final = "held"
HANDED_ON: Final = "handed on"

_FINAL: Final = {Does.FAILED: FAILED, Does.DISCARDED: DISCARDED}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message for one recipient.

    Attributes:
        account: One of `relaydrill.exchange_logs.log_account.ORDER`.
        entry: The ledger's.
        steps: What the logs say, by time.
        why: What is to be said of it beside that: who has discarded it, what was not read.
    """

    account: str
    entry: Entry
    steps: tuple[Step, ...]
    why: str = ""

    @property
    def last(self) -> Step | None:
        """Where it was last seen."""
        return self.steps[-1] if self.steps else None


def fate_of(tracking: Tracking, key: Key, entry: Entry) -> Fate:
    """The fate of an entry of the ledger, by what the logs say beside."""
    steps = tuple(tracking.steps.get(key, ()))
    found = entry.account
    if found is Account.DUPLICATED and len(entry.arrived) < 2:
        # A log may lack the line by which a second server got rid of it.
        found = Account.DELIVERED if entry.arrived else Account.QUEUED
    if found is Account.QUEUED:
        return Fate(*_open(tracking, key, entry, steps))
    if found in (Account.LOST, Account.UNKNOWN):
        return Fate(*_gone(tracking, key, entry, steps))
    return Fate(found, entry, steps)


_Found = tuple[str, Entry, tuple[Step, ...], str]


def _open(tracking: Tracking, key: Key, entry: Entry, steps: tuple[Step, ...]) -> _Found:
    """What lies in a queue, as far as the logs go."""
    lying = [step for step in steps if step.node in entry.queued_on]
    last = lying[-1] if lying else None
    if strange := tracking.strange_on.get(key):
        return Account.UNKNOWN, entry, steps, _strange(strange)
    if last and last.does is Does.HELD:
        return HELD, entry, steps, _held(last)
    # Held by a server that is not the one where it lies: a moderator's arbitration mailbox.
    held = [step for step in steps if step.does is Does.HELD]
    if held and steps[-1] is held[-1]:
        return HELD, entry, steps, _held(held[-1])
    if last and (why := tracking.coverage.hole_after(last.server, (TRANSPORT,), last.time)):
        return Account.UNOBSERVED, entry, steps, why
    return Account.QUEUED, entry, steps, ""


def _gone(tracking: Tracking, key: Key, entry: Entry, steps: tuple[Step, ...]) -> _Found:
    """What lies nowhere, and was not seen to arrive: the first of these that its steps show."""
    ends = [step for step in steps if step.does in _FINAL]
    if ends:
        last = ends[-1]
        return _FINAL[last.does], entry, steps, _ended(last)
    held = [step for step in steps if step.does is Does.HELD]
    if held and steps[-1] is held[-1]:
        return HELD, entry, steps, _held(held[-1])
    came_from = {step.peer for step in steps if step.event == "RECEIVE"}
    # Through a balancer, say: its name is no server's, and the next one's log is at hand.
    handed = [
        step for step in steps if step.does is Does.HANDED_ON and step.server not in came_from
    ]
    if handed:
        return HANDED_ON, entry, steps, _handed(handed[-1])
    if strange := tracking.strange_on.get(key):
        return Account.UNKNOWN, entry, steps, _strange(strange)
    if entry.account is Account.UNKNOWN:
        return Account.UNKNOWN, entry, steps, ""
    if why := _not_seen(tracking, key, entry, steps):
        return Account.UNOBSERVED, entry, steps, why
    if holders := tracking.shadows.get(key):
        why = f"a shadow copy is still on {', '.join(sorted(holders))}"
        return Account.QUEUED, entry, steps, why
    return Account.LOST, entry, steps, ""


def _not_seen(tracking: Tracking, key: Key, entry: Entry, steps: tuple[Step, ...]) -> str:
    """Which log, or part of one, may hold what became of it; empty if none that is missing."""
    if not steps:
        return _never_seen(tracking, entry)
    took = {step.server for step in steps if step.does is Does.PROMISED and step.event != PROMISE}
    for step in steps:
        if step.event == PROMISE and (
            why := tracking.coverage.why_not(step.server, TRANSPORT, step.time)
        ):
            return f"its SmtpReceive log has the 250, and {why}"
        if not step.onward or (step.onward in took and step.onward != step.server):
            continue
        if why := _not_seen_behind(tracking, step):
            return why
    last = steps[-1]
    return tracking.coverage.hole_after(last.server, (TRANSPORT,), last.time)


def _not_seen_behind(tracking: Tracking, step: Step) -> str:
    coverage, to = tracking.coverage, step.onward
    at = tracking.clocks.moved(step.time, step.server, to)
    is_own = to == step.server
    is_delivery = step.is_direct and coverage.delivers_by_itself(to)
    if not is_own and (why := coverage.why_not(to, TRANSPORT, at)):
        return why
    if is_delivery and (why := coverage.why_not(to, DELIVERY, at)):
        return why
    if is_own and not is_delivery:
        return coverage.why_not(to, TRANSPORT, at)
    return "" if is_own else _passed_on(tracking, step)


def _passed_on(tracking: Tracking, step: Step) -> str:
    """Why the front end that took it may have passed it on to where nobody can look.

    From 2013 on a front end chooses a transport service for each message, also another server's
    (Microsoft, "Mail flow and the transport pipeline"). An Edge server has no front end.
    """
    coverage, to = tracking.coverage, step.onward
    if step.is_direct or step.is_to_edge or not coverage.delivers_by_itself(to):
        return ""
    if tracking.absent:
        absent = min(tracking.absent)
        return f"{to}'s front end may have passed it on to {absent}, whose log is not at hand"
    for server in coverage.hubs:
        at = tracking.clocks.moved(step.time, step.server, server)
        if server != to and (why := coverage.why_not(server, TRANSPORT, at)):
            return f"{to}'s front end may have passed it on, and {why}"
    return ""


def _never_seen(tracking: Tracking, entry: Entry) -> str:
    """Of what a sender was promised, and no log has."""
    promises = [attempt for attempt in entry.attempts if attempt.accepted]
    if not promises:
        return ""
    attempt = promises[-1]
    server = tracking.servers.known(attempt.server)
    if attempt.server and not server:
        return f"the log of {attempt.server} is not at hand"
    names = (server,) if server else tracking.servers.names
    at = attempt.ended or attempt.started
    return next(
        (why for each in names if (why := tracking.coverage.why_not(each, TRANSPORT, at))), ""
    )


def _ended(step: Step) -> str:
    by = f"by {step.by}" if step.by and step.does is Does.DISCARDED else ""
    return ": ".join(part for part in (by, step.says) if part)


def _held(step: Step) -> str:
    return step.said if step.event == "REDIRECT" else step.says


def _handed(step: Step) -> str:
    if step.event == "SENDEXTERNAL":
        return f"it left the organization, to {step.to}"
    if step.event == "REDIRECT":
        return f"{step.by} sent it to {step.to} in place of the recipient"
    return f"to {step.to}, whose log is not at hand" if step.to else f"to {step.by}: {step.says}"


def _strange(events: list[str]) -> str:
    told = ", ".join(dict.fromkeys(events))
    return f"nobody knows what {told} means for it"
