"""The same drill in a simulated world and with processes, and where the two disagree.

A drill's verdict is a matter of the design. What may differ is luck (which message meets which hub
at which moment), and the time that processes take to start, to end and to be woken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.drivers.catalogue import SIMULATE, lab_maker
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict
from tests.sensitivity.catalogue import BY_ID
from tests.sensitivity.defect import Drilled
from tests.sensitivity.running import no_longer_than_needed
from tests.simulated_drills import INTRA_ORG

WAKING_S: Final = 0.25
"""What processes take to end, to start and to be ready, longer than no time at all; wall s."""
LUCK: Final = 0.2
"""How far two counts of the same thing may lie apart: of the larger one,"""
FEW: Final = 6
"""and this many more. A fault that is injected a moment later meets that many others."""
_LOOKS: Final = 3
"""How often processes may try until the machine has let them."""


@dataclass(frozen=True, slots=True)
class Case:
    """A drill for both.

    Attributes:
        name: For a person.
        topology: A built-in one's name, or the text of one.
        faults: What is broken.
        flows: Which; all by default.
        defect: Of the catalogue, in place of all others.
    """

    name: str
    topology: str = ""
    faults: tuple[str, ...] = ()
    flows: tuple[str, ...] = field(default=())
    defect: str = ""

    def design(self) -> Topology:
        """What is drilled."""
        if self.defect:
            return BY_ID[self.defect].topology()
        if self.topology in topology_files.builtins():
            return topology_files.load(self.topology)
        return topology_files.parse(self.topology, f"{self.name}.yaml")

    def drilled(self, driver: str, folder: Path) -> Judgement:
        """The judgement of the drill, in a lab of a driver of its own."""
        design = self.design()
        if self.defect:
            defect = BY_ID[self.defect]
            assert isinstance(defect.way, Drilled), f"{self.defect} is found without a drill"
            whole = plan(design, faults=defect.way.faults, flows=defect.way.flows, name=self.name)
            drill = no_longer_than_needed(defect, whole)
        else:
            drill = plan(design, faults=self.faults, flows=self.flows, name=self.name)
        return run_in_own_lab(lab_maker(driver), design, drill, folder, lambda _step: None)


def disagreements(case: Case, folder: Path) -> list[str]:
    """What the two worlds say differently of a drill.

    Where the machine starved the processes, a difference says nothing, and they try again.

    Raises:
        AssertionError: It starved them each time.
    """
    simulated = case.drilled(SIMULATE, folder / "simulated")
    for look in range(_LOOKS):
        real = case.drilled("process", folder / f"real{look}")
        found = [*differences(simulated, real)]
        if not found or not starved(real):
            return found
    raise AssertionError(f"{case.name}: the machine starved the processes {_LOOKS} times: {found}")


def starved(found: Judgement) -> bool:
    """Whether the machine kept a drill from saying anything for sure."""
    told = [flow.check("harness") for flow in found.flows]
    return bool(found.ledger.stalls) or any(each.status is not Status.PASS for each in told if each)


def differences(one: Judgement, other: Judgement) -> Iterator[str]:
    """What differs by more than luck and waking may account for, a sentence each."""
    names = [[flow.flow for flow in found.flows] for found in (one, other)]
    if names[0] != names[1]:
        yield f"other flows: {names[0]}, {names[1]}"
        return
    clock = one.topology.clock
    for mine, theirs in zip(one.flows, other.flows, strict=True):
        for what in _of_flow(mine, theirs, clock):
            yield f"{mine.flow}: {what}"


def _of_flow(one: FlowVerdict, other: FlowVerdict, clock: float) -> Iterator[str]:
    if one.status is not other.status:
        yield f"{one.status}, and {other.status}"
    checks = {each.check for each in (*one.checks, *other.checks)}
    for name in sorted(checks):
        mine, theirs = one.check(name), other.check(name)
        if (mine and mine.status) != (theirs and theirs.status):
            yield f"{name}: {_shown(mine)}, and {_shown(theirs)}"
    yield from _of_gap(one, other, clock)
    yield from _of_failures(one, other)
    kinds = sorted({*one.account, *other.account})
    for kind in kinds:
        counts = one.account.get(kind, 0), other.account.get(kind, 0)
        if is_apart(*counts):
            yield f"{kind}: {counts[0]}, and {counts[1]}"


def _shown(verdict: Verdict | None) -> str:
    return f"{verdict.status} ({verdict.summary})" if verdict else "nothing"


def _of_gap(one: FlowVerdict, other: FlowVerdict, clock: float) -> Iterator[str]:
    gaps = [each.check("gap") for each in (one, other)]
    found = [each.figures for each in gaps if each and "gap_s" in each.figures]
    if len(found) == 2:
        most_s = WAKING_S * clock + sum(each["resolution_s"] for each in found)
        apart_s = abs(found[0]["gap_s"] - found[1]["gap_s"])
        if apart_s > most_s:
            yield f"gap: {found[0]['gap_s']} s, and {found[1]['gap_s']} s (may be {most_s:.1f} s)"


def _of_failures(one: FlowVerdict, other: FlowVerdict) -> Iterator[str]:
    checks = [each.check("degraded") for each in (one, other)]
    counts = [int(each.figures["failed"]) for each in checks if each and "failed" in each.figures]
    if len(counts) == 2 and is_apart(*counts):
        yield f"failed attempts: {counts[0]}, and {counts[1]}"


def is_apart(one: int, other: int) -> bool:
    """Whether two counts differ by more than luck."""
    return abs(one - other) > FEW + LUCK * max(one, other)


SMALL_INBOUND: Final = """
name: small-inbound
clock: 10
nodes:
  edge1: {role: edge, site: east}
  edge2: {role: edge, site: west}
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  ns2: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx: [{host: maila.contoso.com, addresses: [edge1, edge2]}]
flows:
  any: {from: world, to: contoso.com, persona: rfc5321, rate: 30/s}
  pinned: {from: world, to: contoso.com, persona: pinned_mx, pin: maila.contoso.com, rate: 20/s,
    population: 20}
expect: {gap: 20s}
"""
ROUND_ROBIN: Final = """
name: round-robin
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  app: {role: sender}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
names: {mail.contoso.com: [ht1, ht2]}
connectors: {relay: {port: 25, relay: true, tls: offered}}
flows:
  relay: {from: app, to: mail.contoso.com, persona: single_host, rate: 40/s}
expect: {gap: 15s}
"""

_ON_A_HUB: Final = (
    *("kill", "stop", "pause", "blackhole", "isolate", "refuse", "hang", "reset", "busy"),
    *("backpressure", "drain", "tempfail", "reject", "slow", "swallow", "double", "misdeliver"),
    *("truncate", "garble", "readdress", "auth-down", "auth-refused", "directory-down"),
    *("phantom-reject", "certificate-expired", "certificate-not-yet", "certificate-name"),
    *("certificate-unknown", "starttls-hidden", "handshake-fails", "handshake-stalls"),
    "tls-outdated",
    *("drop-mid-data", "drop-before-store", "drop-after-store"),
    *("hang.data", "busy%30", "tempfail.rcpt%30", "swallow%20"),
)
_ON_A_NAME_SERVER: Final = ("kill", "hang", "nxdomain", "servfail", "stale")
_DEFECTS: Final = (
    *("no-checks-relay", "no-checks-submission", "ehlo-check-under-back-pressure-relay"),
    *("ehlo-check-of-a-draining-hub", "answers-before-storing", "stores-twice", "single-hub"),
    *("port-not-forwarded", "port-not-forwarded-under-a-fault", "hub-forgotten"),
)

CASES: Final = (
    Case("sharepoint steady", "sharepoint"),
    *(Case(f"sharepoint {kind}:ht2", "sharepoint", (f"{kind}:ht2",)) for kind in _ON_A_HUB),
    *(
        Case(f"sharepoint {fault}", "sharepoint", (fault,))
        for fault in ("kill:lb1", "stop:lb1", "pause:lb1", "blackhole:lb1")
    ),
    *(
        Case(f"sharepoint {fault}", "sharepoint", (fault,))
        for fault in ("kill:mbx", "pause:mbx", "tempfail:mbx", "kill:mbx+forever")
    ),
    *(
        Case(f"twosites {fault}", "twosites", (fault,))
        for fault in ("kill:ht1", "refuse:ht3", "kill:edge1", "pause:edge2")
    ),
    *(
        Case(f"inbound {fault}", SMALL_INBOUND, (fault,))
        for fault in ("kill:edge1", "backpressure:edge1", "tempfail.rcpt:edge2", "kill:ht1")
    ),
    *(Case(f"inbound {kind}:ns1", SMALL_INBOUND, (f"{kind}:ns1",)) for kind in _ON_A_NAME_SERVER),
    *(
        Case(f"intra-org {fault}", INTRA_ORG, (fault,))
        for fault in ("kill:ht1", "refuse:ht1", "busy:ht1")
    ),
    Case("round robin kill:ht1", ROUND_ROBIN, ("kill:ht1",)),
    *(Case(f"defect {each}", defect=each) for each in _DEFECTS),
)
"""All drills that both worlds are held to: built-in designs, what is built from, and defects."""
