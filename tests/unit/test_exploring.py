"""The search for plans of faults, without labs: what is drawn, tried, made smaller and told."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.simulated_drills import TWO_MX

import relaydrill
from relaydrill.cli.commands import run
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.exploring.drawing import Drawing
from relaydrill.drills.exploring.exploration import Exploration, Plan
from relaydrill.drills.exploring.search import Limits, Progress, Search
from relaydrill.drills.exploring.space import KINDS, Space, space_of
from relaydrill.drills.exploring.trials import Outcome
from relaydrill.errors import UsageError
from relaydrill.faults import FaultText, ServiceFault
from relaydrill.topology import Topology
from relaydrill.verdict import Status


@pytest.fixture(scope="module")
def design() -> Topology:
    """Two hubs, a mailbox server, a name server."""
    return relaydrill.parse(TWO_MX, where="mx.yaml")


class MadeUp:
    """Tries plans without a lab.

    Args:
        verdict: What each comes to.
    """

    def __init__(self, verdict: Callable[[Plan], Status]) -> None:
        self.tried: list[Plan] = []
        self._verdict = verdict

    def outcomes(self, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Outcome]]:
        """One after the other."""
        for each in plans:
            self.tried.append(each)
            yield each, Outcome(self._verdict(each))


def searched(
    space: Space, verdict: Callable[[Plan], Status], seed: int = 1, limits: Limits | None = None
) -> Search:
    """A search that is over."""
    search = Search(space, seed, limits or Limits(600.0, 100), MadeUp(verdict), lambda _: None)
    search.run()
    return search


def units_of(tried: Plan) -> set[str]:
    """What a plan breaks."""
    return {FaultText.parse(text).node for text in tried}


def both_hubs(tried: Plan) -> Status:
    """Breaks where both hubs are broken; nothing is proven where only the mailbox server is."""
    if {"ht1", "ht2"} <= units_of(tried):
        return Status.FAIL
    return Status.UNKNOWN if units_of(tried) == {"mbx"} else Status.PASS


def test_the_smallest_plan_is_found_whatever_was_drawn_first(design: Topology) -> None:
    """Of plans that break both hubs, that with two faults, the first kind and the usual times."""
    for seed in (1, 2):
        found = searched(space_of(design), both_hubs, seed)
        assert found.best == ("kill:ht1@10s+22s", "kill:ht2@10s+22s"), seed
        assert found.is_smallest
        assert found.first is not None
        assert both_hubs(found.first) is Status.FAIL


def test_order_and_times_are_found_too(design: Topology) -> None:
    """What breaks only where one fault begins as the other ends shrinks to just that."""

    def back_to_back(tried: Plan) -> Status:
        ends = {plan(design, faults=(text,)).faults[0].end_s for text in tried if "kill" in text}
        begins = {plan(design, faults=(text,)).faults[0].start_s for text in tried}
        return Status.FAIL if ends & begins else Status.PASS

    found = searched(space_of(design), back_to_back)
    assert found.best is not None
    assert len(found.best) == 2
    assert back_to_back(found.best) is Status.FAIL


def test_unknown_is_not_found_and_is_counted(design: Topology) -> None:
    """Where nothing is ever proven nothing is found, and all that was tried counts as unknown."""
    found = searched(space_of(design), lambda _: Status.UNKNOWN, limits=Limits(600.0, 30))
    assert found.best is None
    assert [*found.known.values()] == [Status.UNKNOWN] * 31
    assert next(iter(found.known)) == ()


def test_nothing_broken_goes_first(design: Topology) -> None:
    """Of a design that fails as it is, the smallest plan is none, and no other is tried."""
    found = searched(space_of(design), lambda _: Status.FAIL)
    assert (found.best, found.is_smallest, [*found.known]) == ((), True, [()])


def test_all_of_a_small_space_is_tried_and_the_search_ends(design: Topology) -> None:
    """One kind and one node leave as many plans as there are durations; each is tried once."""
    space = space_of(design, kinds=("kill",), units=("ht1",), most=1)
    trials = MadeUp(lambda _: Status.PASS)
    search = Search(space, 1, Limits(600.0), trials, lambda _: None)
    search.run()
    assert search.is_exhausted
    assert len(trials.tried) == len({*trials.tried}) == 1 + len(space.durations)


def test_the_seed_alone_says_what_is_drawn(design: Topology) -> None:
    """Twice the same plans, each once; another seed draws others."""
    space = space_of(design)
    one, again, other = ([*islice(Drawing(space, seed), 120)] for seed in (1, 1, 2))
    assert one == again
    assert len({*one}) == 120
    assert one != other


def test_time_is_up_in_the_midst_of_shrinking(design: Topology) -> None:
    """What was found stands, and is told not to be the smallest."""
    begun: list[Plan] = []

    def verdict(tried: Plan) -> Status:
        status = both_hubs(tried)
        if status is Status.FAIL:
            begun.append(tried)
        return status

    space = space_of(design)
    search = Search(space, 1, Limits(600.0), MadeUp(verdict), lambda _: None)
    search.observe = lambda progress: (
        setattr(search, "limits", Limits(1e-9)) if progress.best else None
    )
    search.run()
    assert search.best == begun[0]
    assert not search.is_smallest


def test_every_plan_that_is_drawn_is_a_drill_and_no_fault_hides_another(design: Topology) -> None:
    """`plan` takes each; and no two faults act at one step of a node's sessions at once."""
    kinds = (*KINDS, "tempfail.rcpt%30", "reject.rcpt", "drain", "reset.mail", "backpressure")
    space = space_of(design, kinds=kinds, for_good=True)
    for each in islice(Drawing(space, 1), 40):
        specs = plan(design, faults=each).faults
        for number, one in enumerate(specs):
            for other in specs[number + 1 :]:
                if one.node != other.node or one.end_s <= other.start_s:
                    continue
                first, second = one.fault, other.fault
                assert isinstance(first, ServiceFault)
                assert isinstance(second, ServiceFault)
                assert first.phase != second.phase, each


def test_what_is_accepted_is_left_out_and_told() -> None:
    """Sharepoint's lone balancer is not drawn, unless it is asked for."""
    design = relaydrill.load("sharepoint")
    assert "lb1" not in space_of(design).aims
    assert space_of(design).left_out == ("lb1: its loss is accepted",)
    assert [*space_of(design, units=("lb1",)).aims] == ["lb1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kind", "kill:ht1"), "names more than a fault"),
        (("--kind", "explode"), "explode"),
        (("--node", "ht9"), "no node or site is called 'ht9'"),
        (("--flow", "post"), "no flow is called 'post'"),
        (("--kind", "nxdomain"), "can be done to nothing in sharepoint"),
        (("--budget", "soon"), "not a duration"),
        (("--budget", "0s"), "more than 0s"),
    ],
)
def test_a_mistake_gives_a_sentence(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, what is wrong, and nothing was started."""
    assert run(["explore", "sharepoint", *words]) == 2
    assert told in capsys.readouterr().err


def test_what_cannot_be_simulated_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real program among the nodes: status 3, and no program is started for it."""
    file = tmp_path / "real.yaml"
    file.write_text(TWO_MX.replace("ht1: {role: hub}", "ht1: {role: hub, kind: postfix}"))
    assert run(["explore", str(file), "--out", str(tmp_path / "run")]) == 3
    assert "the simulate driver cannot simulate a postfix ht1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_without_hypothesis_the_remedy_is_told(
    design: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence with what to install."""

    def missing(name: str, *rest: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'relaydrill\[explore\]'"):
        Drawing(space_of(design), 1)


def test_the_command_can_be_pasted() -> None:
    """Names of files and shares are quoted as a shell wants them."""
    from relaydrill.drills.exploring.exploration import Found

    found = Exploration(
        topology="mine",
        called="my designs/mine.yaml",
        directory=Path(),
        flows=("relay",),
        most=3,
        seed=7,
        tried={Status.PASS: 1},
        survived=0,
        elapsed_s=1.0,
        is_exhausted=False,
        untried=(),
        pairs=0,
        all_pairs=0,
        left_out=(),
        found=Found(("tempfail.rcpt%30:ht1@5s+10s",), (), True, None),  # type: ignore[arg-type]
    )
    assert shlex.split(found.command) == [
        *("relaydrill", "drill", "my designs/mine.yaml"),
        *("--fault", "tempfail.rcpt%30:ht1@5s+10s", "--flow", "relay", "--seed", "7"),
    ]
    assert found.status is Status.FAIL
    # The one plan that passed may be that in which nothing is broken.
    assert replace(found, found=None).status is Status.UNKNOWN
    assert replace(found, found=None, survived=1).status is Status.PASS


@pytest.mark.parametrize("wrong", [{"faults": 0}, {"plans": 0}, {"budget_s": 0}, {"at_once": 0}])
def test_numbers_that_make_no_sense_are_refused(design: Topology, wrong: dict[str, int]) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        relaydrill.explore(design, **wrong)  # type: ignore[arg-type]


def test_progress_tells_what_is_left() -> None:
    """An estimate by plans, never more than the budget leaves."""
    from relaydrill.report.exploration import _so_far

    tried = {Status.PASS: 9, Status.UNKNOWN: 1, Status.FAIL: 0}
    told = _so_far(Progress(tried, 60.0, Limits(300.0, 20)))
    assert told == "10 plans tried (9 pass, 1 unknown), 1:00 so far, at most 1:00 left"
    assert "at most 4:00 left" in _so_far(Progress(tried, 60.0, Limits(300.0)))
