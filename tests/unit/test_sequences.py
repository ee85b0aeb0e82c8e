"""Sequences: from files, each mistake by its line, to the faults of a topology and a verdict."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.simulated_drills import TWO_MX, RunDrill

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drills import sequences
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.model import Drill
from relaydrill.errors import TopologyError, UsageError
from relaydrill.report.estimate import estimate
from relaydrill.topology import Topology
from relaydrill.verdict import Status

SHAREPOINT = topology_files.load("sharepoint")
SITES = topology_files.load("twosites")
QUICK = TWO_MX.replace("rate: 40/s", "rate: 20/s")


def planned(steps: str, design: Topology = SHAREPOINT, seed: int = 1) -> Drill:
    """The drill of a sequence with these steps, which begin in line 3."""
    return plan(
        design, sequence=sequences.parse(f"name: mine\nsteps:\n{steps}", "mine.yaml"), seed=seed
    )


def faults(drill: Drill) -> list[str]:
    """What is broken, without times."""
    return [each.label for each in drill.faults]


@pytest.mark.parametrize(
    ("steps", "line", "words"),
    [
        ("- {fault: kil, nodes: ht1}", 3, ("'kil'", "relaydrill faults")),
        ("- fault: kill\n  nodes: ht9", 4, ("no node or site is called 'ht9'", "all hubs")),
        ("- fault: kill\n  nodes: [ht1, app]", 4, ("app only sends mail",)),
        ("- fault: drain\n  nodes: lb1", 4, ("drain is done by", "lb1 is a balancer")),
        ("- {fault: kill, nodes: ht1, tims: 3}", 3, ("unknown key", "'times'")),
        ("- {fault: kill, nodes: ht1}\n- {nodes: ht2}", 4, ("fault: missing",)),
        ("- {fault: kill, nodes: ht1,\n   down: soon}", 4, ("not a duration",)),
        ("- {fault: kill, nodes: ht1, down: 0s}", 3, ("lasts for no time",)),
        ("- {fault: kill, nodes: ht1, times: 0}", 3, ("too small",)),
        ("- {fault: kill, nodes: ht1, order: backwards}", 3, ("not one of the choices", "at once")),
        ("- {fault: [], nodes: ht1}", 3, ("empty",)),
        ("- {fault: kill, nodes: app>ht1}", 3, ("kill is done to a node", "cut:app>NODE")),
        ("- {fault: cut, nodes: ap>all hubs}", 3, ("no node or site is called 'ap'",)),
        ("- {fault: cut, nodes: ap>lb1}", 3, ("no node or site is called 'ap'",)),
        ("- {fault: cut, nodes: app>mbx}", 3, ("no mail goes from app to mbx itself",)),
        ("- {fault: kill, nodes: ht1@3s}", 3, ("a node, a site or a group", "at, down")),
        (
            "- {fault: cut, nodes: [lb1>ht1, lb1<ht2], order: at once}",
            3,
            ("reached by one way", "a step for each way"),
        ),
        (
            "- {fault: kill, nodes: ht1, at: 10s, down: 9s}\n- {fault: stop, nodes: ht1, at: 15s}",
            4,
            ("ht1 is broken by kill and stop at once", "let the second begin"),
        ),
    ],
)
def test_a_mistake_is_told_by_its_line(steps: str, line: int, words: tuple[str, ...]) -> None:
    """What is wrong, where, and what to do: of the file alone, and beside a topology."""
    with pytest.raises(TopologyError) as found:
        planned(steps)
    (mistake,) = found.value.mistakes
    assert mistake.where == f"mine.yaml:{line}"
    assert all(word in str(mistake) for word in words), str(mistake)


def test_all_mistakes_are_told_at_once() -> None:
    """Whoever mends a file does so once."""
    with pytest.raises(TopologyError) as found:
        planned("- {fault: kill, nodes: ht8}\n- {fault: kill, nodes: [ht1, ht9]}")
    assert [each.at.line for each in found.value.mistakes] == [3, 4]


@pytest.mark.parametrize(
    "text", ["", "[]", "steps: []", "name: mine", "name: [", "name: x\nsteps: 3"]
)
def test_what_is_no_sequence_is_refused(text: str) -> None:
    """In a sentence, with the name of the file."""
    with pytest.raises(TopologyError, match="mine.yaml"):
        sequences.parse(text, "mine.yaml")


def test_an_unknown_name_tells_what_there_is(tmp_path: Path) -> None:
    """A name that is nearly right, and a file that is not there."""
    with pytest.raises(UsageError, match="did you mean 'patch-night'"):
        sequences.load("patch-nigth")
    with pytest.raises(UsageError, match="rolling-restart"):
        sequences.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("design", [SHAREPOINT, SITES, topology_files.load("microsoft")])
def test_a_rolling_restart_has_one_server_out_at_a_time(design: Topology) -> None:
    """Each hub and Edge server once, the next when the one before had its time to be back."""
    drill = plan(design, sequence=sequences.load("rolling-restart"))
    assert drill.name == "rolling-restart"
    assert {each.node for each in drill.faults} == {*design.hubs, *design.edges}
    for one, other in pairwise(drill.faults):
        assert other.start_s > one.end_s
    assert drill.length_s > drill.faults[-1].end_s


def test_a_patch_night_drains_before_it_stops_and_leaves_nothing_out() -> None:
    """Every machine of the tier is restarted, and never two at once."""
    drill = plan(SHAREPOINT, sequence=sequences.load("patch-night"))
    assert faults(drill)[:2] == ["drain:ht1", "stop:ht1"]
    assert {each.node for each in drill.faults if each.kind == "stop"} == {*SHAREPOINT.tier}
    for one, other in combinations(drill.faults, 2):
        assert other.start_s >= one.end_s or one.start_s >= other.end_s


def test_a_flapping_hub_goes_up_and_down_as_often_as_it_says() -> None:
    """Twenty times, every six seconds; the name says so in short."""
    drill = plan(SHAREPOINT, sequence=sequences.load("flapping-hub"), name="")
    starts = [each.start_s for each in drill.faults]
    assert len(starts) == 20
    assert {round(b - a, 6) for a, b in pairwise(starts)} == {6.0}


def test_the_network_is_broken_on_one_way_after_another() -> None:
    """To each member of a group that mail comes to by it, in its direction, and to no other."""
    steps = "- {fault: [cut, latency=2s], nodes: lb1>all hubs, down: 9s}\n"
    said = [f"{kind}:lb1>{hub}" for hub in SHAREPOINT.hubs for kind in ("cut", "latency=2s")]
    assert faults(planned(steps)) == said
    assert faults(planned("- {fault: cut, nodes: app<lb1}")) == ["cut:app<lb1"]
    together = planned("- {fault: cut, nodes: lb1>all hubs, order: at once}").faults
    assert {each.start_s for each in together} == {together[0].start_s}
    assert faults(planned("- {fault: cut, nodes: ht1>all mailbox servers}")) == ["cut:ht1>mbx"]
    with pytest.raises(UsageError, match="breaks nothing of sharepoint"):
        planned("- {fault: cut, nodes: app>all edges}")


def test_a_sequence_breaks_the_network_in_a_simulated_lab(tmp_path: Path) -> None:
    """One way after another, and the verdict names the one after which mail was late."""
    written = tmp_path / "network.yaml"
    step = "- {fault: cut, nodes: world>all hubs, down: 20s}"
    written.write_text(f"name: network\nsteps:\n{step}\n")
    (tmp_path / "two.yaml").write_text(QUICK)
    done = CliRunner().invoke(
        cli,
        [
            *("drill", str(tmp_path / "two.yaml"), "--driver", "simulate"),
            *("--sequence", str(written), "--out", str(tmp_path / "run")),
        ],
        standalone_mode=False,
    )
    assert "cut:world>ht1" in done.output, done.output
    assert "after fault 2 of 2, cut:world>ht2" in " ".join(done.output.split()), done.output


def test_a_storm_is_drawn_by_the_seed() -> None:
    """The same seed draws the same nodes and faults, and another others."""
    storm = "- {fault: [kill, tempfail.rcpt%30], nodes: all hubs, times: 12, order: drawn}"
    one, again, other = (faults(planned(storm, seed=seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert {each.partition(":")[0] for each in one} == {"kill", "tempfail.rcpt%30"}


def test_sites_go_one_after_the_other_each_as_a_whole() -> None:
    """All of a site at the same time, and the next when it is back."""
    drill = planned("- {fault: kill, nodes: all sites, down: 30s, up: 60s}", SITES)
    moments = sorted({(each.start_s, each.end_s) for each in drill.faults})
    assert len(moments) == len(SITES.sites)
    assert moments[1][0] == moments[0][1] + 60.0
    at_once = planned("- {fault: kill, nodes: [ht1, ht3], order: at once}")
    assert len({each.start_s for each in at_once.faults}) == 1


def test_a_group_that_a_design_has_not_is_left_out_and_nothing_at_all_is_refused() -> None:
    """What is built in fits every design; a sequence that breaks nothing tests nothing."""
    assert faults(planned("- {fault: kill, nodes: [all edges, ht1]}")) == ["kill:ht1"]
    with pytest.raises(UsageError, match="breaks nothing of sharepoint"):
        planned("- {fault: kill, nodes: all edges}")
    with pytest.raises(UsageError, match="up to 500 times"):
        planned("- {fault: kill, nodes: all hubs, down: 1s, up: 1s, times: 400}")


def test_times_that_add_up_badly_are_no_overlap() -> None:
    """230.8 s and 32.6 s are 263.4 s, whatever binary fractions make of it."""
    drill = plan(SHAREPOINT, faults=("drain:ht3@230.8s+32.6s", "stop:ht3@263.4s"))
    assert drill.faults[0].end_s == drill.faults[1].start_s
    assert Drill.from_json(drill.to_json()) == drill
    steps = "- {fault: [drain, stop], nodes: all hubs, down: 0.1s, up: 0.2s, times: 30}"
    assert len(planned(steps).faults) == 180


def test_a_share_so_small_that_the_drill_takes_for_ever_is_told() -> None:
    """How long it will take, why, and what to do."""
    text = estimate(SHAREPOINT, plan(SHAREPOINT, faults=("tempfail.rcpt%0.1:ht1",)))
    assert " h" in text or " min" in text
    assert "tempfail.rcpt%0.1 hits so few sessions" in text
    assert "+DURATION" in text
    assert "so few" not in estimate(SHAREPOINT, plan(SHAREPOINT, faults=("kill:ht1",)))


def test_the_command_line_knows_sequences(tmp_path: Path) -> None:
    """They are listed with what they promise; one is a start for one's own; mistakes have lines."""
    run = CliRunner().invoke
    listed = run(cli, ["sequences"])
    assert listed.exit_code == 0
    assert all(each.name in listed.output for each in sequences.builtins())
    printed = run(cli, ["sequences", "patch-night"]).output
    assert sequences.parse(printed).says.name == "patch-night"
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsteps:\n- {fault: kill, nodes: nobody}\n")
    with pytest.raises(TopologyError, match=r"mine\.yaml:3"):
        run(cli, ["drill", "sharepoint", "--sequence", str(file)], catch_exceptions=False)


def test_a_hub_that_flaps_ten_times_is_proven_to_and_is_seen_to_be_back(tmp_path: Path) -> None:
    """Each time is too short to prove anything, and all together do; its senders try another."""
    steps = "- {fault: kill, nodes: ht1, down: 1s, up: 1s, times: 10}"
    written = sequences.parse(f"name: flap\nsteps:\n{steps}")
    found = RunDrill(tmp_path)(topology_files.parse(QUICK, "mx.yaml"), sequence=written)
    flow = found.flow("inbound")
    bite, back = flow.check("bite"), flow.check("return")
    assert found.status is Status.PASS, [(each.check, each.summary) for each in flow.checks]
    assert bite is not None
    assert back is not None
    assert "9 more returns of ht1 told nothing" in back.summary
    assert {*flow.account} == {"delivered"}


def test_the_verdict_names_the_fault_of_a_sequence_that_broke_it(tmp_path: Path) -> None:
    """A rolling restart of one hub too few: the second that goes is the last that takes mail."""
    steps = (
        "- {fault: kill, nodes: ht1, down: 4s, up: 6s}\n"
        "- {fault: kill, nodes: [ht1, ht2], order: at once, down: 14s}"
    )
    written = sequences.parse(f"name: both\nsteps:\n{steps}")
    found = RunDrill(tmp_path)(topology_files.parse(QUICK, "mx.yaml"), sequence=written)
    gap = found.flow("inbound").check("gap")
    assert gap is not None
    assert gap.status is Status.FAIL, gap.summary
    assert "fault 2 of 3, kill:ht1" in gap.summary or "fault 3 of 3, kill:ht2" in gap.summary


def test_every_built_in_says_what_it_breaks_and_promises() -> None:
    """The list is of use to somebody who has not read the files."""
    for each in sequences.builtins():
        assert each.summary, each.name
        assert each.promises, each.name
