"""What a balancer did about a broken server, beside what its check is declared to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from relaydrill.disturbance import OF_TLS
from relaydrill.drills.checks.blame import delay_of, fault_of
from relaydrill.drills.checks.conduct import Conduct, behaves_as_declared
from relaydrill.drills.checks.encounters import outcomes_of
from relaydrill.drills.checks.health_checks import kind_that_sees, sees
from relaydrill.drills.findings.causes import Cause
from relaydrill.drills.findings.wording import Wording
from relaydrill.faults import NetworkFault, ServiceFault, strength_of
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Balancer
from relaydrill.verbatim.lines import About, lines_about

MAY_BE_LATE: Final = "where mail may be as late as that: expect: {late: 10s}"
"""Of a server that is only slow: it accepts mail, and only its author knows how soon it must."""

_FAR_ENOUGH: Final = {
    "tcp": "connects (kind: tcp)",
    "smtp": "waits for the banner and says EHLO (kind: smtp)",
    "mail": "goes as far as MAIL FROM (kind: mail)",
}
"""What each kind of check does."""


def reasons(name: str, causes: Sequence[Cause]) -> Iterator[Wording]:
    """Why a balancer went on giving mail to what was broken behind it, as far as it can be told."""
    topology = causes[0].case.topology
    balancer = topology.balancers[name]
    dealt = [_Dealt(cause, each) for cause in causes for each in cause.conducts]
    dealt = [each for each in dealt if each.conduct.balancer == name]
    if balancer.mode == "wnlb":
        if any(each.met for each in dealt):
            yield Wording(
                f"{name} is a WNLB cluster, which watches hosts and not services",
                "a script on every host that stops WNLB when the service fails, or a balancer"
                " that checks the service",
            )
        return
    if balancer.config and (told := _by_its_own_file(name, causes, dealt)):
        yield told
        return
    if balancer.check.kind == "none":
        yield Wording(
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


def _by_its_own_file(name: str, causes: Sequence[Cause], dealt: Sequence[_Dealt]) -> Wording | None:
    """What a balancer did, and the lines of its own file that made it do so."""
    kept = [each for each in dealt if each.met]
    if not kept:
        return None
    topology, longest = causes[0].case.topology, max(kept, key=lambda each: each.kept_s)
    nodes = [*dict.fromkeys(each.conduct.node for each in kept)]
    allowed_s = min(cause.case.expect.degraded_s for cause in causes)
    blind = [each for each in kept if not each.is_seen(topology.balancers[name])]
    about: About = "blind" if blind else "slow"
    unchecked = lines_about(topology, name, "unchecked", nodes)
    if not any(each.sight for each in kept):
        about = "unseen"
    elif unchecked and unchecked.remedy:
        about = "unchecked"
    elif blind and all(each.is_of_some or not each.sight for each in blind):
        about = "unseen"
    if not (found := lines_about(topology, name, about, nodes, allowed_s)):
        return None
    stayed = f"{listed(nodes)} stayed in rotation for {longest.kept_s:.1f} s"
    remedy = found.remedy
    if blind and not remedy:
        remedy = "; and ".join(_sights(name, topology.balancers[name].check.kind, blind))
    remedy = remedy or "shorter intervals, shorter timeouts, or fewer failures in a row"
    return Wording(f"{stayed}: {found.text}", remedy)


class _Dealt:
    """How a balancer dealt with one fault, and what a cause tells of it."""

    def __init__(self, cause: Cause, conduct: Conduct) -> None:
        self.case = cause.case
        self.conduct = conduct
        self.met = conduct.met or self._explained(cause)

    def _explained(self, cause: Cause) -> tuple[Attempt, ...]:
        """The attempts that no server gave its name to, where only this one explains them."""
        window = self.conduct.window
        end = window.heal or float("inf")
        return tuple(
            attempt
            for attempt, windows in cause.explained
            if self.case.answered_by(attempt) in ("", window.node)
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
        return sees(self.case, self.conduct.balancer, balancer.check, self.conduct.window)

    @property
    def sight(self) -> str:
        """The kind of check that sees this fault; empty where none does."""
        return kind_that_sees(self.case, self.conduct.balancer, self.conduct.window)

    @property
    def is_of_some(self) -> bool:
        """Whether only some of the sessions suffer the fault."""
        return strength_of(fault_of(self.conduct.window)) < 1.0

    def is_as_declared(self, balancer: Balancer) -> bool:
        """Whether the balancer could have the check that the topology says it has."""
        return behaves_as_declared(self.case, balancer, self.conduct, self.kept_s)


def _not_as_declared(name: str, balancer: Balancer, odd: list[_Dealt]) -> Wording:
    check, longest = balancer.check, max(odd, key=lambda each: each.kept_s)
    nodes = listed(dict.fromkeys(each.conduct.node for each in odd))
    if longest.conduct.is_told:
        did = f"it believed {nodes} to be up for {longest.kept_s:.1f} s"
    else:
        did = f"it went on giving {nodes} mail for {longest.kept_s:.1f} s"
    return Wording(
        f"{name} does not behave as declared: its check ({check.kind}, each {check.interval:g} s, "
        f"{check.fall} {number_of(check.fall, 'failure', 'failures')}) would have seen this within "
        f"{check.detection_s:g} s, and {did}",
        f"compare the configuration of {name} with the topology: whether its check is on, what "
        "kind it is, and how often it is made",
    )


def _blind(name: str, balancer: Balancer, blind: list[_Dealt]) -> Wording:
    nodes = [*dict.fromkeys(each.conduct.node for each in blind)]
    who, they = listed(nodes), number_of(len(nodes), "it", "they")
    met = [attempt for each in blind for attempt in each.met]
    check = balancer.check.kind
    if all(each.conduct.is_told for each in blind):
        told = f"{name} believed {who} to be up while {they} {outcomes_of(met)} (check: {check})"
    else:
        of = sum(
            len(case.attempts) for case in {id(each.case): each.case for each in blind}.values()
        )
        told = (
            f"{who} went on being given mail by {name}, whose check ({check}) does not see this: "
            f"{they} {outcomes_of(met).replace('of them', f'of the {of} attempts', 1)}"
        )
    return Wording(told, "; and ".join(_sights(name, check, blind)))


def _sights(name: str, check: str, blind: list[_Dealt]) -> Iterator[str]:
    """What would see what a check is blind to, and what helps where none does."""
    some = [each for each in blind if each.is_of_some]
    if some:
        yield (
            "senders that try another server, or again later: no check marks down for certain what"
            " fails only some sessions"
        )
    rest = [each for each in blind if each not in some]
    wanted = [(each.sight, each) for each in rest]
    kinds = {kind for kind, _ in wanted}
    farthest = next((kind for kind in reversed(_FAR_ENOUGH) if kind in kinds), "")
    if farthest and check == farthest:  # it goes so far, and is more patient than the senders
        yield f"shorter timeouts of the check on {name}"
    elif farthest:
        yield f"a check on {name} that {_FAR_ENOUGH[farthest]}"
    unseen = [each.conduct.window for kind, each in wanted if not kind]
    if unseen and all(map(_is_of_tls, unseen)):
        nodes = listed(dict.fromkeys(each.node for each in unseen))
        yield (
            f"ask {nodes} for STARTTLS and its certificate from outside, as relaydrill policy does:"
            " no health check speaks TLS"
        )
    elif unseen and all(map(_is_of_the_network, unseen)):
        yield (
            "senders that try another server, or again later: a check sees of the network only that"
            " nothing comes through, on its own way"
        )
    elif unseen and all(map(delay_of, unseen)):
        nodes = listed(dict.fromkeys(each.node for each in unseen))
        yield f"find out what makes {nodes} slow: no health check goes so far into a session"
    elif unseen:
        yield "senders that try again later: no health check goes so far into a session"
    if any(delay_of(each.conduct.window) for each in blind):
        yield MAY_BE_LATE


def _is_of_tls(window: FaultWindow) -> bool:
    """Whether only who speaks TLS can see a fault."""
    fault = fault_of(window)
    return isinstance(fault, ServiceFault) and fault.action in OF_TLS


def _is_of_the_network(window: FaultWindow) -> bool:
    """Whether both machines were well, and what lay between them was not."""
    return isinstance(fault_of(window), NetworkFault)


def _too_slow(
    name: str, balancer: Balancer, causes: Sequence[Cause], dealt: list[_Dealt]
) -> Iterator[Wording]:
    """Checks that see what was wrong, only too late for what the flows promise."""
    check = balancer.check
    allowed = min(cause.case.expect.degraded_s for cause in causes)
    found = [each.conduct.detection_s for each in dealt if each.conduct.detection_s is not None]
    noticed = max(found, default=None)
    if noticed is not None and noticed > allowed:
        yield Wording(
            f"{name} took {noticed:.1f} s to notice, {allowed:g} s are allowed",
            f"shorter intervals or fewer failures in a row (now {check.fall} of {check.interval:g} "
            f"s: up to {check.detection_s:g} s), or redispatch: true",
        )
    elif check.detection_s > allowed:
        yield Wording(
            f"{name} may take {check.detection_s:g} s to notice, {allowed:g} s are allowed",
            "shorter intervals, shorter timeouts, or fewer failures in a row",
        )
