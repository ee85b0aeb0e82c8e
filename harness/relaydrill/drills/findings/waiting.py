"""Mail that was accepted while its only mailbox server was away, and had to wait: no failure."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.findings.wording import broken, how, row_title
from relaydrill.drills.result import NOTE, Finding, Judgement
from relaydrill.ledger import Account, Entry
from relaydrill.sentences import listed, number_of
from relaydrill.verdict import Status


def notes(judgement: Judgement) -> Iterator[Finding]:
    """One for each domain whose only mailbox servers were broken, where the flows held."""
    topology, lost = judgement.topology, frozenset(broken(judgement))
    for domain in topology.domains:
        boxes = {name for name, box in topology.mailboxes.items() if domain in box.domains}
        if boxes != lost:  # the loss of more than them tells nothing that theirs did not
            continue
        held = [
            flow.flow
            for flow in judgement.flows
            if flow.status is Status.PASS
            and topology.recipient(flow.flow).rpartition("@")[2].lower() == domain
        ]
        waited = {flow: [*_waited(judgement, flow)] for flow in held}
        if any(waited.values()):
            yield _note(judgement, domain, sorted(boxes), waited)


def _waited(judgement: Judgement, flow: str) -> Iterator[Entry]:
    """What was accepted before the mailbox server was back, and arrived after that."""
    back = max((window.healed or 0.0 for window in judgement.ledger.faults), default=0.0)
    yield from judgement.ledger.across(flow, back)


def _note(
    judgement: Judgement, domain: str, boxes: list[str], waited: dict[str, list[Entry]]
) -> Finding:
    entries = [entry for each in waited.values() for entry in each]
    longest = max(entry.arrived[0][0] - entry.accepted[0][0] for entry in entries)
    where = dict.fromkeys(entry.accepted[-1][1] for entry in entries)
    holders = sorted(where, key=[*judgement.topology.nodes].index)
    holds = number_of(len(boxes), "holds", "hold")
    lost = any(judgement.ledger.accounts(flow).get(Account.LOST) for flow in waited)
    return Finding(
        kind="waits",
        status=NOTE,
        title=row_title(judgement),
        sentence=(
            f"{listed(boxes)} {holds} {domain} alone; {how(judgement)}, {len(entries)} accepted "
            f"{number_of(len(entries), 'message', 'messages')} waited up to "
            f"{longest * judgement.topology.clock:.1f} s on {listed(holders)}"
            + ("" if lost else ", and none was lost")
        ),
        remedy="",
        evidence=tuple((flow, f"{len(each)} waited") for flow, each in waited.items() if each),
    )
