"""All other checks that did not hold, or that prove nothing."""

from __future__ import annotations

from relaydrill.drills.finding import Said
from relaydrill.drills.findings.wording import broken, row_title
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.sentences import listed
from relaydrill.verdict import Verdict


def said(judgement: Judgement, kind: str, worst: Verdict, flows: list[FlowVerdict]) -> Said:
    """A check that failed: what it saw of the first of these flows, and what would help."""
    names = listed(flow.flow for flow in flows)
    match kind:
        case "return":
            return Said(
                f"{row_title(judgement)} and healed, {_got_no(judgement)} share of {names} again: "
                f"{worst.summary}",
                "a balancer that takes a server back by itself (rise), senders that try it again",
            )
        case "spread":
            return Said(
                f"{names} is not spread evenly: {worst.summary}",
                "equal preferences, as many addresses behind each MX host, a name server that "
                "rotates, and senders that do not sort what it answers",
            )
        case "filter":
            return Said(
                f"mail of {names} that was to be refused was taken: {worst.summary}",
                "the filters of every server that the name leads to, alike",
            )
        case _:
            return Said(f"{names}: {worst.check}: {worst.summary}", "look at the evidence")


def _got_no(judgement: Judgement) -> str:
    is_one = len(broken(judgement)) == 1
    return "it did not get its" if is_one else "not all of them got their"


_WHAT_WOULD_PROVE_IT = {
    "harness": "what the harness needs: a machine that is not busy with other things",
    "steady": "mail that flows before anything is broken",
    "bite": "a flow that passes what is broken, or a fault that this lab can do to it",
    "account": "a sight of what arrives, and of the queues",
    "gap": "a longer fault, more attempts, or a machine that is not busy with other things",
    "degraded": "a longer fault, more attempts, or a machine that is not busy with other things",
    "return": "a longer drill or more attempts a second after the heal",
    "spread": "more senders, or more messages a second: each sender's choice counts once",
    "filter": "more mail that is to be refused",
}
"""What is missing where a check could not decide."""


def unproven(worst: Verdict, flows: list[FlowVerdict]) -> Said:
    """A check that could not decide."""
    names = listed(flow.flow for flow in flows)
    wanted = _WHAT_WOULD_PROVE_IT.get(worst.check, "a closer look at the evidence")
    return Said(
        f"nothing was proven of {names}: {worst.check}: {worst.summary}", f"it takes {wanted}"
    )


def not_whole(flows: list[FlowVerdict]) -> Said:
    """Evidence that is missing: nothing is said of the mail, neither good nor bad."""
    names, holes = listed(flow.flow for flow in flows), flows[0].holes
    more = f" (and {len(holes) - 1} more)" if len(holes) > 1 else ""
    return Said(
        f"the evidence about {names} is not whole: {holes[0]}{more}",
        "run the drill again, to its end: a verdict needs all journals, as they were written",
    )
