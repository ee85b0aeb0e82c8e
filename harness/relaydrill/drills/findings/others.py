"""All other checks that did not hold, or that prove nothing."""

from __future__ import annotations

from relaydrill.drills.findings.wording import Wording, broken, row_title
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.sentences import listed
from relaydrill.topology.paths import path_of
from relaydrill.verbatim.lines import Lines, lines_about
from relaydrill.verdict import Verdict


def describe(judgement: Judgement, kind: str, worst: Verdict, flows: list[FlowVerdict]) -> Wording:
    """A check that failed: what it saw of the first of these flows, and what would help."""
    names = listed(flow.flow for flow in flows)
    match kind:
        case "return":
            return Wording(
                f"{row_title(judgement)} and healed, {_got_no(judgement)} share of {names} again: "
                f"{worst.summary}",
                "a balancer that takes a server back by itself (rise), senders that try it again",
            )
        case "spread":
            sentence = f"{names} is not spread evenly: {worst.summary}"
            if told := _uneven_by_file(judgement, flows):
                return Wording(f"{sentence}; {told.text}", told.remedy)
            return Wording(
                sentence,
                "equal preferences, as many addresses behind each MX host, a name server that "
                "rotates, and senders that do not sort what it answers",
            )
        case "rejected":
            return Wording(
                f"mail of {names} that should be taken was refused for good: {worst.summary}",
                "a server that cannot ask its directory says so with a 4xx, and not that there is"
                " no such recipient: after a 5xx nobody tries again",
            )
        case "filter":
            return Wording(
                f"mail of {names} that was to be refused was taken: {worst.summary}",
                "the filters of every server that the name leads to, alike",
            )
        case "refusal":
            return Wording(
                f"mail of {names} was to be refused for good, and was not: {worst.summary}",
                "a null MX (MX 0 .) as the domain's only MX record, and senders that heed it",
            )
        case _:
            return Wording(f"{names}: {worst.check}: {worst.summary}", "look at the evidence")


def _uneven_by_file(judgement: Judgement, flows: list[FlowVerdict]) -> Lines | None:
    """The lines of a balancer's own file that make shares uneven, where there are some."""
    topology = judgement.topology
    path = frozenset[str]().union(*(path_of(topology, flow.flow) for flow in flows))
    for name in topology.balancers:
        if name in path and (found := lines_about(topology, name, "spread")) and found.remedy:
            return found
    return None


def _got_no(judgement: Judgement) -> str:
    is_one = len(broken(judgement)) == 1
    return "it did not get its" if is_one else "not all of them got their"


_WHAT_WOULD_PROVE_IT = {
    "harness": "a machine that is not busy with other things",
    "steady": "mail that flows before anything is broken",
    "bite": "a flow that passes what is broken, or a fault that this lab can do to it",
    "account": "visibility of deliveries, of the queues, and of the logs of whoever has the mail",
    "gap": "a longer fault, more attempts, or a machine that is not busy with other things",
    "degraded": "a longer fault, more attempts, or a machine that is not busy with other things",
    "return": "a longer drill or more attempts a second after the heal",
    "spread": "more senders, or more messages a second: each sender's choice counts once",
    "filter": "more mail that is to be refused",
    "refusal": "a machine that is not busy with other things, and name servers that answer",
}
"""What is missing where a check could not decide."""


def unproven(worst: Verdict, flows: list[FlowVerdict]) -> Wording:
    """A check that could not decide."""
    names = listed(flow.flow for flow in flows)
    wanted = _WHAT_WOULD_PROVE_IT.get(worst.check, "a closer look at the evidence")
    if worst.check == "bite" and "needed_s" in worst.figures:  # what was broken is passed by it
        wanted = "a longer fault, or more attempts a second"
    return Wording(
        f"nothing was proven of {names}: {worst.check}: {worst.summary}", f"it takes {wanted}"
    )


def not_whole(flows: list[FlowVerdict]) -> Wording:
    """Evidence that is missing: nothing is said of the mail, neither good nor bad."""
    names, holes = listed(flow.flow for flow in flows), flows[0].holes
    more = f" (and {len(holes) - 1} more)" if len(holes) > 1 else ""
    return Wording(
        f"the evidence about {names} is not whole: {holes[0]}{more}",
        "run the drill again, to its end: a verdict needs all journals, as they were written",
    )
