"""Mail that healthy servers put off for limits of their own: which, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from relaydrill.drills.checks import Case
from relaydrill.drills.findings.wording import Wording
from relaydrill.ledger import Attempt
from relaydrill.node_settings import Limit
from relaydrill.sentences import listed, number_of
from relaydrill.topology.paths import path_of

_QUEUE: Final = "a sender that keeps what is put off and tries again (a null client with a queue)"


def of(case: Case, attempts: Iterable[Attempt]) -> list[Wording]:
    """What servers put off of some attempts, a sentence for each limit, and what would help."""
    by_limit: dict[tuple[str, str], Counter[str]] = {}
    for (limit, connector, node), count in case.restraint.counts(attempts).items():
        by_limit.setdefault((limit, connector), Counter())[node] += count
    return [*_worded(case, by_limit)]


def _worded(case: Case, by_limit: dict[tuple[str, str], Counter[str]]) -> Iterator[Wording]:
    for (limit, connector), nodes in sorted(by_limit.items()):
        count = nodes.total()
        were = f"{count} {number_of(count, 'attempt was', 'attempts were')} put off by"
        whose = f"{connector} of {listed(sorted(nodes))}"
        if limit == Limit.GREYLIST:
            yield Wording(f"{were} the greylist of {whose}", _for_the_greylisted(case, nodes))
        elif limit == Limit.CONNECTIONS:
            sentence = f"{were} {limit}, all that {whose} may have open"
            yield Wording(sentence, f"more {limit} for {connector}, or {_QUEUE}")
        else:
            sentence = f"{were} what {whose} allows one address ({limit})"
            if snat := _snat(case):
                sentence += f", and behind {snat} all clients have the address of {snat}"
            yield Wording(sentence, _for_the_throttled(case, limit, connector, snat))


def _for_the_greylisted(case: Case, nodes: Counter[str]) -> str:
    """What helps those whom a greylist puts off."""
    flow = case.topology.flows[case.flow]
    sender = flow.sender
    exempt = f"a connector of its own for {sender}, without greylist"
    if snat := _snat(case):
        exempt = f"{exempt}, and source: proxy at {snat}, which hides its address"
    told = [exempt]
    if flow.retry is None:
        told.append(_QUEUE)
    if len(nodes) > 1:
        told.append("one list for all servers, for what one of them knows the others do not")
    return ", or ".join(told)


def _for_the_throttled(case: Case, limit: str, connector: str, snat: str) -> str:
    """What helps those who are more than one address may be."""
    sender = case.topology.flows[case.flow].sender
    left = "with a server lost, the others get its part, too"
    if snat:
        return (
            f"keep the clients' addresses (source: proxy at {snat}), or raise {limit} of"
            f" {connector} to what all clients send: {left}"
        )
    return (
        f"a connector of its own for {sender} with a higher {limit} ({left}), or {_QUEUE} and"
        " sends no faster"
    )


def _snat(case: Case) -> str:
    """A balancer on the flow's way that shows servers its own address; empty where none does."""
    path = path_of(case.topology, case.flow)
    balancers = case.topology.balancers.items()
    return next((name for name, each in balancers if name in path and each.source == "snat"), "")
