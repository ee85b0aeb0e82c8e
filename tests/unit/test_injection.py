"""A fault's life, on labs that remember what was done to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_relaydrill.drilling import RelayFault
from pytest_relaydrill.trace import Trace
from relaydrill import topology_files
from relaydrill.api.experiments import Experiment
from relaydrill.drivers.base import Control
from relaydrill.errors import CapabilityMissing, ControlError, HarnessError, UsageError
from relaydrill.faults import FAULTS, FaultSpec, FaultText, Proof, known
from relaydrill.injection import Injections, drain, to_hold
from relaydrill.journal import Journal, read_events

DESIGN = topology_files.load("sharepoint")
KILL = FaultSpec("kill", "ht1", 0.0, 1.0)


class StubLab:
    """A lab that kills and starts nodes, and has queues.

    Attributes:
        done: What was done to it.
        broken: Healing fails for as long as it is true.
        queued: How much each node queues; None: it does not answer.
    """

    topology = DESIGN
    driver = "stub"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.broken = False
        self.queued: dict[str, int | None] = {}

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that have queues."""
        return tuple(self.queued)

    def alive(self, node: str) -> bool:
        """All are."""
        return True

    def kill(self, node: str) -> None:
        """Kill a node."""
        self.done.append(f"kill {node}")

    def restart(self, node: str) -> None:
        """Start it again, if that works."""
        if self.broken:
            raise HarnessError("it does not start")
        self.done.append(f"restart {node}")

    def control(self, node: str) -> Control:
        """The control channel of a node."""

        def ask(op: str, **_: Any) -> Any:
            if self.queued.get(node, 0) is None:
                raise ControlError(f"{node} does not answer")
            self.done.append(f"{op} {node}")
            return [] if op == "shadows" else self.queued.get(node)

        return ask  # type: ignore[return-value]


class TheirLab(StubLab):
    """A lab of somebody else's, whose hooks do everything that it does not refuse.

    Attributes:
        refuses: What it says of any fault; empty: it does it.
        problem: Why its mail does not flow; empty: it does.
        asked: How often it was asked what it refuses.
    """

    def __init__(self, *, refuses: str = "", problem: str = "") -> None:
        super().__init__()
        self.refuses = refuses
        self.problem = problem
        self.wanted_mail: list[bool] = []
        self.asked = 0

    def why_not(self, node: str, fault: str) -> str:
        """What it refuses."""
        self.asked += 1
        return self.refuses

    def break_by_hook(self, node: str, fault: str) -> None:
        """Break a node."""
        self.done.append(f"{fault} {node}")

    def heal_by_hook(self, node: str, fault: str) -> None:
        """Heal it."""
        self.done.append(f"heal {fault} {node}")

    def heal_what_is_broken(self) -> None:
        """Nothing is."""

    def begin(self) -> dict[str, Any]:
        """Everything can be seen."""
        return {}

    def sight(self) -> dict[str, Any]:
        """Everything."""
        return {}

    def outstanding(self) -> int:
        """No mail is under way."""
        return 0

    def unsteady(self, since: float, *, needs_mail: bool = True) -> str:
        """Why nothing may be broken."""
        self.wanted_mail.append(needs_mail)
        return self.problem


@pytest.fixture
def told(tmp_path: Path) -> Callable[[], list[str]]:
    """The kinds of what was journalled so far."""
    return lambda: [each.kind for each in read_events(tmp_path / "harness.jsonl")]


def injections(lab: StubLab, folder: Path) -> Injections:
    """Those of one drill."""
    journal = Journal.open("harness", folder / "harness.jsonl")
    return Injections(lab, journal)  # type: ignore[arg-type]


def test_a_fault_is_in_force_until_its_heal_has_worked(
    tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    """A heal that fails can be tried again; one that worked is not done twice."""
    lab = StubLab()
    mine = injections(lab, tmp_path)
    mine.inject(KILL, 0.0)
    lab.broken = True
    with pytest.raises(HarnessError, match="kill:ht1 could not be healed: it does not start"):
        mine.heal()
    assert (mine.gone, len(mine.in_force)) == (frozenset({"ht1"}), 1)
    lab.broken = False
    mine.heal()
    mine.heal()
    assert (mine.gone, mine.in_force) == (frozenset(), ())
    assert lab.done == ["kill ht1", "restart ht1"]
    assert told() == ["inject", "injected", "heal", "heal", "healed"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pause:ht1", "ht1 is broken by kill already: heal it first"),
        ("kill:app", "app only sends mail"),
        ("kill:ht9", "no node is called 'ht9'"),
        ("stale:ht2", "stale is done by name servers"),
        ("pause:ht2", "the stub driver cannot pause ht2"),
    ],
)
def test_what_may_not_be_is_not_tried(
    text: str, why: str, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    """Whoever asks: the node stays whole, the journal says why, and nothing is left to heal."""
    lab = StubLab()
    mine = injections(lab, tmp_path)
    mine.inject(KILL, 0.0)
    said = FaultText.parse(text)
    found = mine.inject(FaultSpec(said.kind, said.node, 0.0, 1.0), 0.0)
    assert why in found.not_injected
    assert not found.in_force
    assert lab.done == ["kill ht1"]
    assert told() == ["inject", "injected", "inject", "not-injected"]


def test_a_lab_of_others_is_broken_by_its_hook_and_the_journal_says_so(tmp_path: Path) -> None:
    """By the kind and phase that a person wrote; the checks of its evidence need to know."""
    lab = TheirLab()
    mine = injections(lab, tmp_path)
    mine.inject(to_hold(DESIGN, "tempfail.mail:ht1"), 0.0)
    mine.heal()
    assert lab.done == ["tempfail.mail ht1", "heal tempfail.mail ht1"]
    begun = next(iter(read_events(tmp_path / "harness.jsonl")))
    assert begun.detail["by_hook"] is True


@pytest.mark.parametrize("needs_mail", [True, False])
def test_a_lab_of_others_is_asked_whether_it_is_steady(needs_mail: bool, tmp_path: Path) -> None:
    """Before anything is broken, and not afterwards: what fails then is the fault's doing."""
    lab = TheirLab(problem="nothing was accepted before it")
    mine = injections(lab, tmp_path)
    found = mine.inject(KILL, time.monotonic(), needs_mail=needs_mail)
    assert found.not_injected == "the steady state did not hold: nothing was accepted before it"
    lab.problem = ""
    assert not mine.inject(KILL, 0.0, needs_mail=needs_mail).not_injected
    lab.problem = "3 attempts failed before it"
    other = FaultSpec("kill", "ht2", 0.0, 1.0)
    assert not mine.inject(other, 0.0, needs_mail=needs_mail).not_injected
    assert lab.wanted_mail == [needs_mail, needs_mail]


def test_a_lab_of_others_may_refuse(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    """Without permission, say; its hook is not run."""
    lab = TheirLab(refuses="a run without --allow-faults cannot kill ht1")
    found = injections(lab, tmp_path).inject(KILL, 0.0)
    assert found.not_injected == lab.refuses
    assert lab.done == []
    assert told() == ["inject", "not-injected"]


def test_what_a_lab_refused_once_it_may_do_later(tmp_path: Path) -> None:
    """A person mends what was in the way, and tries again: nothing old stands against it."""
    lab = TheirLab(refuses="there is no container ht1")
    mine = injections(lab, tmp_path)
    assert mine.inject(KILL, 0.0).not_injected == lab.refuses
    lab.refuses = ""
    assert not mine.inject(KILL, 0.0).not_injected
    mine.heal()
    lab.refuses = "there is no container ht1 any more"
    assert mine.inject(KILL, 0.0).not_injected == lab.refuses


def test_what_a_drill_asked_before_its_mail_is_not_asked_again(tmp_path: Path) -> None:
    """Asking takes time, and a fault is to begin when it is due."""
    lab = TheirLab()
    mine = injections(lab, tmp_path)
    assert mine.hindrance(KILL) == mine.hindrance(KILL) == ""
    mine.inject(KILL, 0.0)
    assert lab.asked == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kill", r"write KIND\[.PHASE\]\[%SHARE\]:NODE"),
        ("kill:ht1@5s", "it begins now and lasts until it is healed; write kill:ht1"),
        ("kill.rcpt:ht1", "kill takes no phase"),
        ("kill:app", "app only sends mail"),
    ],
)
def test_a_fault_that_is_held_says_what_and_where(text: str, why: str) -> None:
    """And not when, which whoever holds it decides."""
    with pytest.raises(UsageError, match=why):
        to_hold(DESIGN, text)


def test_what_a_lab_cannot_do_is_told_from_what_failed(tmp_path: Path) -> None:
    """A harness that fails halfway leaves a fault in force, for the node may be broken."""
    lab = StubLab()
    mine = injections(lab, tmp_path)
    lab.kill = _fails  # type: ignore[method-assign]
    with pytest.raises(HarnessError):
        mine.inject(KILL, 0.0)
    assert mine.gone == {"ht1"}
    mine.heal()
    assert lab.done == ["restart ht1"]
    lab.kill = _cannot  # type: ignore[method-assign]
    assert mine.inject(KILL, 0.0).not_injected
    assert not mine.in_force


def _fails(node: str) -> None:
    raise HarnessError(f"{node} hangs")


def _cannot(node: str) -> None:
    raise CapabilityMissing("kill", "this lab", node)


def test_draining_ends_when_all_queues_are_empty() -> None:
    """Then each is looked into, but for those of nodes that are gone."""
    lab = StubLab()
    lab.queued = {"ht1": None, "ht2": 0, "ht3": 0}
    assert drain(lab, 5.0, gone={"ht1"}) == []  # type: ignore[arg-type]
    assert lab.done[-2:] == ["queue ht2", "queue ht3"]


def test_draining_ends_at_its_deadline() -> None:
    """What is left is told by the queues; a node that does not answer is named."""
    lab = StubLab()
    lab.queued = {"ht1": None, "ht2": 3}
    problems = drain(lab, 0.05)  # type: ignore[arg-type]
    assert problems == ["the queue of ht1 could not be read: ht1 does not answer"]
    assert lab.done[-1] == "queue ht2"


def fault_of_a_test(lab: StubLab, folder: Path) -> RelayFault:
    """The fixture ``relay_fault`` of one test."""
    return fault_by(injections(lab, folder))


def fault_by(mine: Injections) -> RelayFault:
    """The same, of injections that the test looks into."""
    began = time.monotonic()
    return RelayFault(Experiment(mine.lab, mine, began), Trace([], began))


def test_the_fixture_asks_as_a_drill_does(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    """What a node cannot suffer is a mistake of the test; a block heals what it broke."""
    lab = StubLab()
    relay_fault = fault_of_a_test(lab, tmp_path)
    with pytest.raises(UsageError, match="stale is done by name servers"):
        relay_fault("stale:ht1")
    with relay_fault("kill:ht1"):
        already = pytest.raises(UsageError, match="ht1 is broken by kill already")
        with already, relay_fault("pause:ht1"):
            pass
        assert lab.done == ["kill ht1"]
    assert lab.done == ["kill ht1", "restart ht1"]
    assert told() == ["inject", "injected", "heal", "healed"]


def test_the_fixture_breaks_no_lab_of_others_whose_mail_fails(tmp_path: Path) -> None:
    """Nothing is proven then. That no mail was sent before is no reason: the test may send it."""
    lab = TheirLab(problem="2 attempts failed before it")
    unproven = pytest.raises(pytest.fail.Exception, match="2 attempts failed before it")
    with unproven, fault_of_a_test(lab, tmp_path)("kill:ht1"):
        pass
    assert lab.done == []
    assert lab.wanted_mail == [False]


def test_the_fixture_tries_a_heal_again(tmp_path: Path) -> None:
    """One that fails at the end of a block is tried once more at the end of the test."""
    lab = StubLab()
    mine = injections(lab, tmp_path)
    fails = pytest.raises(pytest.fail.Exception, match="it does not start")
    with fails, fault_by(mine)("kill:ht1"):
        lab.broken = True
    lab.broken = False
    mine.heal()
    assert lab.done == ["kill ht1", "restart ht1"]


@dataclass(frozen=True)
class Stutter:
    """A fault of another package: it breaks something, and no journal shows that it does."""

    kind: str = "stutter"
    summary: str = "is frozen half of the time"
    proof: Proof = Proof.NONE


def test_a_fault_that_nothing_shows_takes_a_hook_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only ``none`` takes none: on a lab of others hooks do whatever breaks something."""
    monkeypatch.setattr(known, "FAULTS", {**FAULTS, "stutter": Stutter()})
    lab = TheirLab(refuses="there is no hook for stutter")
    spec = FaultSpec("stutter", "ht1", 0.0, 1.0)
    assert injections(lab, tmp_path).inject(spec, 0.0).not_injected == lab.refuses
    lab.refuses = ""
    mine = injections(lab, tmp_path)
    assert not mine.inject(spec, 0.0).not_injected
    mine.heal()
    assert lab.done == ["stutter ht1", "heal stutter ht1"]
