"""What a balancer did about a broken server, beside what its check is declared to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from relaydrill.drills.checks.conduct import (
    Conduct,
    behaves_as_declared,
    kind_that_sees,
    sees,
    told_of,
)
from relaydrill.drills.finding import Said
from relaydrill.drills.findings.causes import Cause
from relaydrill.ledger import Attempt
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Balancer

_FAR_ENOUGH: Final = {
    "tcp": "connects (kind: tcp)",
    "smtp": "waits for the banner and says EHLO (kind: smtp)",
    "mail": "goes as far as MAIL FROM (kind: mail)",
}
"""What each kind of check does."""


def reasons(name: str, causes: Sequence[Cause]) -> Iterator[Said]:
    """Why a balancer went on giving mail to what was broken behind it, as far as it can be told."""
    topology = causes[0].case.topology
    balancer = topology.balancers[name]
    dealt = [_Dealt(cause, each) for cause in causes for each in cause.conducts]
    dealt = [each for each in dealt if each.conduct.balancer == name]
    if balancer.mode == "wnlb":
        if any(each.met for each in dealt):
            yield Said(
                f"{name} is a WNLB cluster, which watches hosts and not services",
                "something on every host that stops WNLB there when the service is not well, or a "
                "balancer that checks the service",
            )
        return
    if balancer.check.kind == "none":
        yield Said(
            f"{name} does not check its backends", f"a health check of the service on {name}"
        )
        return
    odd = [each for each in dealt if not each.is_as_declared(balancer)]
    if odd:
        yield _not_as_declared(name, balancer, odd)
    rest = [each for each in dealt if each not in odd]
    blind = [each for each in rest if each.met and not each.is_seen(balancer)]
    if blind:
        yield _blind(name, balancer, blind)
    if not odd and not blind:
        yield from _too_slow(name, balancer, causes, rest)


class _Dealt:
    """How a balancer dealt with one fault, and what a cause tells of it."""

    def __init__(self, cause: Cause, conduct: Conduct) -> None:
        self.case = cause.case
        self.conduct = conduct
        self.met = conduct.met or self._explained(cause)

    def _explained(self, cause: Cause) -> tuple[Attempt, ...]:
        """The attempts that no server gave its name to, where only this one explains them."""
        window, nodes = self.conduct.window, self.case.topology.nodes
        end = window.heal or float("inf")
        return tuple(
            attempt
            for attempt, windows in cause.explained
            if attempt.answered_by(nodes) in ("", window.node)
            and all(each.node == window.node for each in windows)
            and window.inject <= (attempt.ended or attempt.started)
            and attempt.started < end
        )

    @property
    def kept_s(self) -> float:
        """For how long the balancer demonstrably stayed with the server, field seconds."""
        if self.conduct.is_told:
            return self.conduct.kept_s if self.met else 0.0
        window = self.conduct.window
        begun = window.injected or window.inject
        last = max((each.started for each in self.met), default=begun)
        return (last - begun) * self.case.clock

    def is_seen(self, balancer: Balancer) -> bool:
        """Whether the balancer's declared check fails on a server with this fault."""
        return sees(self.case, balancer.check, self.conduct.window)

    def is_as_declared(self, balancer: Balancer) -> bool:
        """Whether the balancer could have the check that the topology says it has."""
        return behaves_as_declared(self.case, balancer, self.conduct, self.kept_s)


def _not_as_declared(name: str, balancer: Balancer, odd: list[_Dealt]) -> Said:
    check, longest = balancer.check, max(odd, key=lambda each: each.kept_s)
    nodes = listed(dict.fromkeys(each.conduct.node for each in odd))
    if longest.conduct.is_told:
        did = f"it believed {nodes} to be up for {longest.kept_s:.1f} s"
    else:
        did = f"it went on giving {nodes} mail for {longest.kept_s:.1f} s"
    return Said(
        f"{name} does not behave as declared: its check ({check.kind}, each {check.interval:g} s, "
        f"{check.fall} {number_of(check.fall, 'failure', 'failures')}) would have seen this within "
        f"{check.detection_s:g} s, and {did}",
        f"compare the configuration of {name} with the topology: whether its check is on, what "
        "kind it is, and how often it is made",
    )


def _blind(name: str, balancer: Balancer, blind: list[_Dealt]) -> Said:
    nodes = [*dict.fromkeys(each.conduct.node for each in blind)]
    who, they = listed(nodes), number_of(len(nodes), "it", "they")
    met = [attempt for each in blind for attempt in each.met]
    check = balancer.check.kind
    if all(each.conduct.is_told for each in blind):
        told = f"{name} believed {who} to be up while {they} {told_of(met)} (check: {check})"
    else:
        of = sum(
            len(case.attempts) for case in {id(each.case): each.case for each in blind}.values()
        )
        told = (
            f"{who} went on being given mail by {name}, whose check ({check}) does not see this: "
            f"{they} {told_of(met).replace('of them', f'of the {of} attempts', 1)}"
        )
    kinds = {kind_that_sees(each.case, each.conduct.window) for each in blind}
    farthest = next((kind for kind in reversed(_FAR_ENOUGH) if kind in kinds), "")
    if check == farthest:  # it goes so far, and is more patient than the senders
        return Said(told, f"shorter timeouts of the check on {name}")
    if "" in kinds:
        return Said(
            told, "senders that try again later: no health check goes so far into a session"
        )
    return Said(told, f"a check on {name} that {_FAR_ENOUGH[farthest]}")


def _too_slow(
    name: str, balancer: Balancer, causes: Sequence[Cause], dealt: list[_Dealt]
) -> Iterator[Said]:
    """Checks that see what was wrong, only too late for what the flows promise."""
    check = balancer.check
    allowed = min(cause.case.expect.degraded_s for cause in causes)
    found = [each.conduct.detection_s for each in dealt if each.conduct.detection_s is not None]
    noticed = max(found, default=None)
    if noticed is not None and noticed > allowed:
        yield Said(
            f"{name} took {noticed:.1f} s to notice, {allowed:g} s are allowed",
            f"shorter intervals or fewer failures in a row (now {check.fall} of {check.interval:g} "
            f"s: up to {check.detection_s:g} s), or redispatch: true",
        )
    elif check.detection_s > allowed:
        yield Said(
            f"{name} may take {check.detection_s:g} s to notice, {allowed:g} s are allowed",
            "shorter intervals, shorter timeouts, or fewer failures in a row",
        )
