"""What was not broken is not healed for ever; and what may be broken is never taken for whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.runtime_api import FakeHaproxy, runtime_api

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drivers.attach.lab import AttachLab, Permission
from relaydrill.drivers.attach.mending import found_to_be, mend
from relaydrill.drivers.attach.trial import would_be_refused
from relaydrill.drivers.undo import Undo, UndoLog
from relaydrill.errors import FaultRefused, HarnessError, LabError, RelaydrillError
from relaydrill.topology.attach import Action, Check, RuntimeApi

_INVENTORY = """\
extends: sharepoint
name: staging
attach:
  here: 127.0.0.1
  nodes:
    ht1: {{address: 127.0.0.11, hooks: {{drain: {hook}}}}}
    ht2: {{address: 127.0.0.12}}
    ht3: {{address: 127.0.0.13}}
    lb1: {{address: 127.0.0.9}}
  vips:
    mail: {{address: 127.0.0.10}}
  allow:
    hosts: [127.0.0.0/24]
    ports: [25, 587, {port}]
    domains: [contoso.com]
    rate: 100/s
"""


@pytest.fixture
def haproxy() -> Iterator[FakeHaproxy]:
    """One with ht1 behind both ports."""
    with runtime_api("smtp/ht1", "submission/ht1") as fake:
        yield fake


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UndoLog:
    """The undo log of this test, which the commands find."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return UndoLog.default()


def set_to(state: str, *servers: str, at: FakeHaproxy | str) -> str:
    """An action as an inventory writes it."""
    where = at if isinstance(at, str) else at.where
    named = ", ".join(f'"{each}"' for each in servers)
    return f'{{haproxy: {{socket: "{where}", server: [{named}], state: {state}}}}}'


def hook_of(inject: str, heal: str, check: str = "") -> str:
    """A hook as an inventory writes it."""
    more = f", check: {{run: {check}, timeout: 0s}}" if check else ""
    return f"{{inject: {inject}, heal: {heal}{more}}}"


def lab_of(hook: str, haproxy: FakeHaproxy, log: UndoLog) -> AttachLab:
    """A lab with a hook, that may be broken."""
    text = _INVENTORY.format(hook=hook, port=haproxy.port)
    Path("staging.yaml").write_text(text)
    design = topology_files.load("staging.yaml")
    return AttachLab(design, Path("lab"), permission=Permission(faults=True), undo_log=log)


def records(log: UndoLog) -> list[str]:
    """What is still to be healed."""
    found, problems = log.left()
    assert problems == []
    return [str(each.undo) for each in found]


def heal(*options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ("heal", *options), standalone_mode=False)


class TestAnInjectThatIsRefused:
    """Its own error is shown, and nothing stays to be healed that was not broken."""

    def test_for_want_of_permission(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """HAProxy refused the first command, so it did nothing."""
        haproxy.level = "operator"
        server = "smtp/{node}"
        lab = lab_of(
            hook_of(set_to("drain", server, at=haproxy), set_to("ready", server, at=haproxy)),
            haproxy,
            log,
        )
        with pytest.raises(FaultRefused, match=r"(?s)did not take 'set server smtp/ht1.*Perm"):
            lab.break_by_hook("ht1", "drain")
        assert records(log) == []
        lab.heal_what_is_broken()  # there is nothing
        assert haproxy.told == ["set server smtp/ht1 state drain"]

    @pytest.mark.parametrize("kind", ["unix", "tcp", "program", "name"])
    def test_because_nobody_is_there(self, kind: str, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """No such socket, no such program, a wrong name of a server."""
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        ways = {
            "unix": set_to("drain", "smtp/ht1", at="unix:/nowhere/x.sock"),
            "tcp": set_to("drain", "smtp/ht1", at=f"tcp:127.0.0.1:{port}"),
            "program": "{run: [/nowhere/x]}",
            "name": set_to("drain", "smtp/hub-ht1", at=haproxy),
        }
        fake = FakeHaproxy(port) if kind == "tcp" else haproxy
        lab = lab_of(hook_of(ways[kind], "{run: ['false']}"), fake, log)
        with pytest.raises(FaultRefused, match="ht1 still works: nothing was done to it"):
            lab.break_by_hook("ht1", "drain")
        assert records(log) == []

    def test_half_way_through(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """One server was set and the next is not known: that one is broken, and is healed."""
        servers = ("smtp/ht1", "submission/hub-ht1")
        lab = lab_of(
            hook_of(set_to("drain", *servers, at=haproxy), set_to("ready", *servers, at=haproxy)),
            haproxy,
            log,
        )
        with pytest.raises(LabError, match="No such server") as told:
            lab.break_by_hook("ht1", "drain")
        assert not isinstance(told.value, FaultRefused)
        assert records(log) == ["drain:ht1 on staging"]
        lab.heal_by_hook("ht1", "drain")  # which fails likewise, after it has set the one there is
        assert haproxy.states["smtp/ht1"] == "ready"
        assert records(log) == []

    @pytest.mark.parametrize(("whole", "refused"), [("true", True), ("false", False)])
    def test_a_command_s_is_looked_into_by_the_check(
        self, whole: str, refused: bool, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """What a command did before it failed only the check can tell."""
        lab = lab_of(hook_of("{run: ['false']}", "{run: ['false']}", f"['{whole}']"), haproxy, log)
        with pytest.raises(RelaydrillError, match="false ended with 1") as told:
            lab.break_by_hook("ht1", "drain")
        assert isinstance(told.value, FaultRefused) is refused
        assert bool(records(log)) is not refused

    def test_a_command_that_was_ended_may_yet_break_it(
        self, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """What it has begun elsewhere may go on: the check speaks too soon."""
        lab = lab_of(
            hook_of("{run: [sleep, '9'], timeout: 0s}", "{run: ['true']}", "['true']"), haproxy, log
        )
        with pytest.raises(LabError, match="took longer"):
            lab.break_by_hook("ht1", "drain")
        assert records(log) == ["drain:ht1 on staging"]
        lab.heal_by_hook("ht1", "drain")
        assert records(log) == []

    def test_what_failed_first_is_told_with_a_heal_that_fails(
        self, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """Both errors, and all three ways out."""
        lab = lab_of(hook_of("{run: [sh, '-c', 'exit 7']}", "{run: ['false']}"), haproxy, log)
        with pytest.raises(LabError):
            lab.break_by_hook("ht1", "drain")
        with pytest.raises(HarnessError, match="IS STILL BROKEN") as told:
            lab.heal_by_hook("ht1", "drain")
        for part in ("false ended with 1", "ended with 7", "--with FILE", "--drop drain:ht1"):
            assert part in str(told.value)

    def test_what_was_broken_before_stays_on_record(
        self, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """A second inject that is refused says nothing of the first, whose heal had failed."""
        server = "smtp/ht1"
        lab = lab_of(
            hook_of(set_to("drain", server, at=haproxy), set_to("ready", server, at=haproxy)),
            haproxy,
            log,
        )
        lab.break_by_hook("ht1", "drain")
        haproxy.level = "user"
        with pytest.raises(HarnessError):
            lab.heal_by_hook("ht1", "drain")
        with pytest.raises(LabError) as told:
            lab.break_by_hook("ht1", "drain")
        assert not isinstance(told.value, FaultRefused)
        assert records(log) == ["drain:ht1 on staging"]


def undo_of(
    haproxy: FakeHaproxy,
    *servers: str,
    heals: str = "",
    lab: str = "staging",
    fault: str = "drain",
) -> Undo:
    """A record of a server that was set to drain."""
    named = servers or ("smtp/ht1",)
    inject = Action(haproxy=RuntimeApi(socket=haproxy.where, server=named, state="drain"))
    back = (heals,) if heals else named
    ready = Action(haproxy=RuntimeApi(socket=haproxy.where, server=back, state="ready"))
    return Undo(lab, "ht1", fault, "127.0.0.11", ready, inject=inject)


class TestTheStateIsAsked:
    """Whoever was told to break it can tell; a heal's own mistakes prove nothing."""

    def test_a_heal_that_names_another_server_hides_nothing(self, haproxy: FakeHaproxy) -> None:
        """The server that was broken is asked for, not the one that the heal names by mistake."""
        haproxy.states["smtp/ht1"] = "drain"
        with pytest.raises(LabError, match="smtp/ht1 is in state drain"):
            mend(undo_of(haproxy, heals="smtp/hub-ht1"), print)

    def test_a_heal_that_obeys_and_does_nothing_is_none(self, haproxy: FakeHaproxy) -> None:
        """It set another server that there is; the broken one is still broken."""
        haproxy.states["smtp/ht1"] = "drain"
        with pytest.raises(LabError, match="its heal was done, but HAProxy .* smtp/ht1 is"):
            mend(undo_of(haproxy, heals="submission/ht1"), print)

    def test_whoever_was_healed_by_hand_is_whole(self, haproxy: FakeHaproxy) -> None:
        """The heal is refused, and HAProxy says that the server is ready."""
        haproxy.level = "user"
        assert "smtp/ht1 is ready" in mend(undo_of(haproxy), print)

    def test_a_server_that_nobody_knows_is_not_taken_for_whole(self, haproxy: FakeHaproxy) -> None:
        """It may be another HAProxy that answers there now."""
        undo = undo_of(haproxy, "smtp/gone")
        assert found_to_be(undo).is_whole is None
        with pytest.raises(LabError, match="No such server"):
            mend(undo, print)

    def test_a_check_waits_for_what_starts(self, tmp_path: Path) -> None:
        """After a heal the node has time to be whole; a check that goes on saying no fails it."""
        begun = tmp_path / "begun"
        script = f"test -e {begun} || {{ touch {begun}; exit 1; }}"
        true = Action(run=("true",))
        undo = Undo("x", "ht1", "stop", "10.0.0.1", true, inject=true)
        slow = Check(run=("sh", "-c", script), timeout=5.0)
        assert "healed" in mend(replace(undo, check=slow), print)
        never = Check(run=("false",), timeout=0.0)
        with pytest.raises(LabError, match="its heal was done, but its check says so"):
            mend(replace(undo, check=never), print)


class TestTheTrialBeforeADrill:
    """A hook that would be refused is told by its line, and nothing is changed."""

    @pytest.mark.parametrize(
        ("server", "level", "told"),
        [
            ("smtp/{node}", "user", "has the level user, and may change no server"),
            ("smtp/hub-{node}", "admin", "knows no server smtp/hub-ht1 (it knows smtp/ht1 and"),
        ],
    )
    def test_a_wrong_hook(
        self, server: str, level: str, told: str, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """By the command, and by the lab itself for those who have no command."""
        haproxy.level = level
        hook = hook_of(set_to("drain", server, at=haproxy), set_to("ready", "smtp/ht1", at=haproxy))
        lab = lab_of(hook, haproxy, log)
        assert told in lab.why_not("ht1", "drain")
        words = ("drill", "staging.yaml", "--driver", "attach", "--allow-faults")
        found = CliRunner().invoke(
            cli, (*words, "--fault", "drain:ht1", "--out", "run"), standalone_mode=False
        )
        assert told in str(found.exception)
        assert "staging.yaml:6: attach.nodes.ht1.hooks.drain.inject.haproxy" in str(found.exception)
        assert haproxy.told == []
        assert not Path("run").exists()

    def test_a_hook_that_will_do(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """Nothing is said of it, and of hooks that are not wanted."""
        hook = hook_of(*(set_to(state, "smtp/ht1", at=haproxy) for state in ("drain", "ready")))
        lab = lab_of(hook, haproxy, log)
        assert lab.why_not("ht1", "drain") == ""
        haproxy.level = "user"
        assert [*would_be_refused(lab.attach, [])] == []


class TestHeal:
    """``relaydrill heal`` for records whose own heal does not work."""

    def test_with_a_mended_inventory(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """Its hook is done in place of the record's, and the record goes."""
        haproxy.states["smtp/ht1"] = "drain"
        log.open(undo_of(haproxy, heals="smtp/hub-ht1")).leave()
        assert heal().return_value == 4
        hook = hook_of(*(set_to(state, "smtp/ht1", at=haproxy) for state in ("drain", "ready")))
        lab_of(hook, haproxy, log)
        found = heal("--with", "staging.yaml")
        assert found.return_value == 0, found.output
        assert haproxy.states["smtp/ht1"] == "ready"
        assert records(log) == []

    def test_a_mended_inventory_of_another_lab_is_refused(
        self, haproxy: FakeHaproxy, log: UndoLog
    ) -> None:
        """So is one without the hook; nothing is healed by a mistake."""
        log.open(undo_of(haproxy, lab="other")).leave()
        lab_of(hook_of("{run: ['true']}", "{run: ['true']}"), haproxy, log)
        assert "is the lab staging, but the records are of other" in str(
            heal("--with", "staging.yaml").exception
        )
        log.open(undo_of(haproxy, fault="stop")).leave()
        assert "staging has no attach.nodes.ht1.hooks.stop" in str(
            heal("--with", "staging.yaml").exception
        )

    def test_a_person_may_drop_a_record(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """Who says that the node is whole; what is seen of it is told all the same."""
        haproxy.states["smtp/ht1"] = "drain"
        log.open(undo_of(haproxy)).leave()
        assert "add --yes" in str(heal("--drop", "drain:ht1").exception)
        assert records(log) == ["drain:ht1 on staging"]
        found = heal("--drop", "drain:ht1", "--yes")
        assert "smtp/ht1 is in state drain" in found.output
        assert records(log) == []
        assert haproxy.told == []  # nothing was healed

    def test_what_cannot_be_read_may_be_dropped_by_its_file(self, log: UndoLog) -> None:
        """Else the command would end with 4 for ever."""
        log.directory.mkdir(parents=True)
        (log.directory / "x.json").write_text("{")
        assert heal().return_value == 4
        assert heal("--drop", "x.json", "--yes").return_value == 0
        assert heal().return_value == 0

    def test_a_record_of_a_run_that_lives_is_kept(self, haproxy: FakeHaproxy, log: UndoLog) -> None:
        """It sees to it itself; and what is not recorded is told with what is."""
        record = log.open(undo_of(haproxy))
        assert "is in use by process" in str(heal("--drop", "drain:ht1", "--yes").exception)
        record.leave()
        told = str(heal("--drop", "kill:ht9", "--yes").exception)
        assert told == "no record is called kill:ht9; there are: drain:ht1"

    def test_a_record_of_an_earlier_version_is_read(self, log: UndoLog) -> None:
        """It knows the heal alone."""
        log.directory.mkdir(parents=True)
        (log.directory / "old.json").write_text(
            '{"lab": "x", "node": "ht1", "fault": "kill", "address": "10.0.0.1", "heal":'
            ' {"run": ["true"], "timeout": "30s"}, "inject_s": 1.0, "owner": {"pid": 1, "born": 0}}'
        )
        found = heal()
        assert "kill:ht1 on x: healed (true)" in found.output
        assert records(log) == []
