"""Documents for programs: each fits its schema, says what it is, and is refused where it is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from tests.documents import BY_NAME, misfits, misfits_of_run
from tests.mail_logs_model import bsd, log_of, tier
from tests.oracle import files
from tests.oracle.tier import play
from tests.oracle.trial import story_of
from tests.report.made_up import KILL, drill, outage, topology, write_run

import relaydrill.journal
from relaydrill.cli.commands import cli, run
from relaydrill.documents.catalogue import FORMATS
from relaydrill.documents.formats import Format
from relaydrill.documents.journal import DETAILS, JOURNAL
from relaydrill.documents.run import RUN
from relaydrill.documents.schema import schema_of
from relaydrill.documents.verdict import VERDICT
from relaydrill.drills.judge import judge
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import Undo, UndoLog
from relaydrill.exchange_logs import TRACKING_FIELDS, TRACKING_TYPE, header, to_line
from relaydrill.topology.attach import Action, Check

RECORDED = Path(__file__).parent / "recorded"
NEEDS_A_LAB = {"audit", "drill", "explore", "policy"}
"""Their documents are held against their schemas where labs run: in tests/drills, and in
tests/explore."""
STORIES = 20
"""Made-up drills of all sorts, whose verdicts have figures of every kind."""

ALL = pytest.mark.parametrize("wanted", FORMATS, ids=lambda each: each.short_name)


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    """The one document that a command prints."""
    assert run([*words, "--json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert misfits(document) == []
    return document


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A run directory of today, with its verdict, in a folder of runs."""
    directory = write_run(tmp_path / "runs" / "run", topology(), drill(KILL), outage().events)
    for _ in range(2):  # first it is told that no verdict.json is there
        (directory / "verdict.json").write_text(json.dumps(judge(directory).document()))
    return directory


@pytest.fixture
def audit(judged: Path) -> Path:
    """An audit's folder with that run as its row."""
    folder = judged.parent
    index = {
        "format": "relaydrill.audit-index",
        "version": 1,
        "rows": [judged.name],
        "seed": 1,
        "false_alarm": {"rate": 0.01, "tests": 1, "method": "Holm", "again": []},
        "remarks": [],
    }
    assert misfits(index) == []
    (folder / "audit.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory, empty."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "relaydrill"


def recorded(name: str, folder: Path) -> Path:
    """A run directory that a real drill left, of some version."""
    with tarfile.open(RECORDED / f"{name}.tar.xz") as archive:
        safely = getattr(tarfile, "data_filter", None)  # since 3.11.4
        archive.extractall(folder, **({"filter": safely} if safely else {}))
    return folder / name


class TestSchemas:
    """What ``relaydrill schema`` prints."""

    @ALL
    def test_each_says_what_every_field_is(self, wanted: Format) -> None:
        """It is a JSON Schema of 2020-12, and no field goes without a description."""
        schema = schema_of(wanted)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"].endswith("2020-12/schema")
        parts = [schema, *schema.get("$defs", {}).values()]
        silent = [
            name
            for part in parts
            for name, field in part.get("properties", {}).items()
            if not field.get("description", "").rstrip().endswith(".")
        ]
        assert silent == []
        assert [part for part in parts if not part.get("description")] == []

    @ALL
    def test_each_names_its_own_format_and_version(self, wanted: Format) -> None:
        """A document of another one does not fit; lines of journals say theirs in the last."""
        properties = schema_of(wanted)["properties"]
        if wanted is JOURNAL:
            assert "format" not in properties
            return
        assert properties["format"]["const"] == wanted.name
        assert properties["version"]["const"] == wanted.version
        assert {"format", "version"} <= {*schema_of(wanted)["required"]}

    def test_fields_to_come_are_allowed_to_readers(self, judged: Path) -> None:
        """The schemas that are printed pass over fields, checks and kinds they do not know."""
        document: Any = json.loads((judged / "verdict.json").read_text())
        document["later"] = document["flows"]["relay"]["later"] = 1
        check = document["flows"]["relay"]["checks"][0]
        check["figures"]["later"] = 1
        document["flows"]["relay"]["checks"].append({**check, "check": "later"})
        jsonschema.validate(document, schema_of(VERDICT))
        line = {"mono": 1.0, "wall": 1.0, "node": "ht1", "kind": "later", "detail": {"a": 1}}
        jsonschema.validate(line, schema_of(JOURNAL))
        assert len(misfits(document)) == 4
        assert len(misfits(line, JOURNAL)) == 1

    def test_every_kind_of_line_that_the_journal_tells_of_has_a_schema(self) -> None:
        """The table in `relaydrill.journal` names no other."""
        table = (relaydrill.journal.__doc__ or "").split("============ ")
        kinds = re.findall(r"^([a-z-]+)\s", table[-3].partition("=\n")[2], re.M)
        assert len(kinds) > 30
        assert [each for each in kinds if each not in DETAILS] == []

    def test_the_command_prints_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        """By short and by full name; without a name, it lists them all."""
        assert run(["schema"]) == 0
        listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert listed == ["topology", *(each.short_name for each in FORMATS)]
        for name in ("audit", "relaydrill.audit"):
            assert run(["schema", "--of", name]) == 0
            assert json.loads(capsys.readouterr().out)["title"] == "relaydrill.audit, version 1"
        assert run(["schema", "--of", "nonsense"]) == 2
        assert "the formats are: topology, verdict, audit," in capsys.readouterr().err


class TestCommands:
    """Every command with ``--json`` prints one document that fits its schema."""

    def test_no_command_is_forgotten(self) -> None:
        """Each command that takes ``--json`` is in this class, or needs a lab."""
        takes = {
            name
            for name, command in cli.commands.items()
            if not isinstance(command, click.Group)
            and any("--json" in each.opts for each in command.params)
        }
        looked_at = {
            *("judge", "history", "compare", "account", "lint", "plan", "faults", "topologies")
        }
        assert takes == looked_at | NEEDS_A_LAB

    def test_judge_of_a_drill(self, judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """It is the document of verdict.json."""
        document = told(capsys, "judge", str(judged), status=1)
        assert document == json.loads((judged / "verdict.json").read_text())
        assert document["format"] == "relaydrill.verdict"

    def test_judge_of_an_audit(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Its rows are documents of their own."""
        document = told(capsys, "judge", str(audit), status=1)
        assert document["format"] == "relaydrill.audit"
        assert [misfits(row) for row in document["rows"]] == [[]]

    def test_history(self, judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """With a run before it, and one that cannot be read."""
        shutil.copytree(judged, judged.with_name("again"))
        (judged.with_name("half")).mkdir()
        (judged.with_name("half") / "drill.json").write_text("{")
        document = told(capsys, "history", str(judged.parent))
        assert document["format"] == "relaydrill.history"
        assert len(document["series"][0]["runs"]) == 2
        assert len(document["left_out"]) == 1

    def test_compare(self, judged: Path, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A drill beside the audit that it is a row of."""
        document = told(capsys, "compare", str(judged), str(audit))
        assert document["format"] == "relaydrill.comparison"
        assert [row["what"] for row in document["rows"]] == ["same"]

    @pytest.mark.parametrize("name", ["sharepoint", "microsoft", "organization"])
    def test_lint(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Of the built-in topologies, and of a file that cannot be read."""
        document = told(capsys, "lint", name, "./nowhere.yaml", status=2)
        assert document["format"] == "relaydrill.lint"
        assert document["status"] == "unreadable"

    @pytest.mark.parametrize(
        ("words", "wanted"),
        [
            (("lint", "--rules"), "lint-rules"),
            (("plan", "microsoft"), "plan"),
            (("faults",), "faults"),
            (("topologies",), "topologies"),
        ],
    )
    def test_what_needs_nothing(
        self, words: tuple[str, ...], wanted: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Lists, and what-if arithmetic."""
        status = run([*words])
        capsys.readouterr()
        assert told(capsys, *words, status=status)["format"] == f"relaydrill.{wanted}"

    def test_account_of_mail_servers(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """There is no part for Exchange, then."""
        world = tier(1, 0.0)
        for ends in (["delivered", "discarded"], ["failed"], ["queued"], ["duplicated"]):
            world.send(ends)
        for name, host in world.hosts.items():
            (tmp_path / f"{name}.log").write_bytes(b"".join(log_of(host, bsd)))
        document = told(capsys, "account", str(tmp_path), status=1)
        assert document["format"] == "relaydrill.account"
        assert document["status"] == document["mail"]["status"] == "fail"
        assert document["mail"]["undelivered"]
        assert document["exchange"] is None

    def test_account_of_exchange(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """With what a run's senders saw, of which there is nothing in these logs."""
        stamp = "2026-11-24T12:00:00.000Z"
        row = {
            "date-time": stamp,
            "event-id": "RECEIVE",
            "source": "SMTP",
            "message-id": "<1@app>",
            "recipient-address": "user@contoso.com",
            "server-hostname": "ht1",
            "client-ip": "10.0.0.99",
        }
        text = header(TRACKING_TYPE, TRACKING_FIELDS, stamp)
        text += to_line(row.get(field, "") for field in TRACKING_FIELDS)
        (tmp_path / "MSGTRK20261124-1.LOG").write_text(text, newline="")
        document = told(capsys, "account", str(tmp_path), status=3)
        assert document["mail"] is None
        [fate] = document["exchange"]["undelivered"]
        assert fate["last"]["event"] == "RECEIVE"
        assert document["exchange"]["coverage"]["ht1"]


@pytest.mark.parametrize("first", range(0, STORIES, 10))
def test_verdicts_of_all_sorts_fit(first: int, tmp_path: Path) -> None:
    """Of the oracle's stories: balancers, name servers, outages, losses, shares, acceptances."""
    for number in range(first, first + 10):
        files.write(play(story_of(19, number)), directory := tmp_path / str(number))
        document = json.loads(json.dumps(judge(directory).document()))
        assert misfits(document) == [], number
        (directory / "verdict.json").write_text(json.dumps(document))
        assert [each for each in misfits_of_run(directory) if "levels" not in each] == []


class TestFiles:
    """Every file of a run, and every record that outlives one."""

    def test_a_run_directory(self, judged: Path) -> None:
        """drill.json, verdict.json and each line of each journal; the last one names the format."""
        assert misfits_of_run(judged) == []
        for path in (judged / "journals").iterdir():
            last = json.loads(path.read_text().splitlines()[-1])
            assert last["detail"]["format"] == JOURNAL.name
            assert last["detail"]["version"] == JOURNAL.version

    def test_a_recorded_run_directory(self, tmp_path: Path) -> None:
        """A real one of the version that is written today; its verdict is the one it had."""
        directory = recorded("version-3", tmp_path)
        assert misfits_of_run(directory) == []
        document: Any = json.loads((directory / "verdict.json").read_text())
        again: Any = json.loads(json.dumps(judge(directory).document()))
        assert again["evidence"] == document["evidence"]
        assert again["status"] == document["status"] == "pass"
        checks = [[flow["checks"] for flow in each["flows"].values()] for each in (document, again)]
        assert checks[0] == checks[1]

    def test_records_of_heals(self, state: Path) -> None:
        """With all that a record may say."""
        action = Action(run=("true",))
        undo = Undo(
            *("staging", "ht1", "kill", "10.0.0.1", action),
            inject=action,
            check=Check(run=("true",)),
            hosts=("10.0.0.1",),
            ports=(25,),
        )
        for each in (undo, Undo("staging", "ht1", "kill", "10.0.0.1", action)):
            record = UndoLog.default().open(each)
            assert misfits(json.loads(record.path.read_text())) == []
            record.done()
        assert state.is_dir()

    def test_records_of_labs(self, state: Path) -> None:
        """With the processes that were noted down."""
        with Registry.default().record("bench", state) as record:
            record.add("ht1", os.getpid())
            [path] = (state / "labs").iterdir()
            assert misfits(json.loads(path.read_text())) == []


def documents_of(judged: Path) -> Iterator[dict[str, Any]]:
    """Real documents: a verdict and what was drilled."""
    for name in ("verdict.json", "drill.json"):
        yield json.loads((judged / name).read_text())


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of a document, as the keys that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        if isinstance(value, dict):
            yield (*at, key)
        if isinstance(each, dict | list):
            yield from places(each, (*at, key))


def without(document: Any, at: tuple[Any, ...], put: object = None) -> Any:
    """A copy that lacks a field, or has something else in its place."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    if put is None:
        del inner[at[-1]]
    else:
        inner[at[-1]] = put
    return copy


_NAMED_BY_USERS = {"flows", "evidence", "by_fault"}
"""Objects whose keys are names, of which none must be there."""


def test_a_mutated_document_does_not_fit(judged: Path) -> None:
    """Whatever field is taken away or holds something else, it is seen; and so is one more."""
    for document in documents_of(judged):
        wanted = BY_NAME[document["format"]]
        for at in places(document):
            mutated = without(document, at, {"nonsense": [None]})
            assert misfits(mutated, wanted), f"nonsense in {at}"
            inside = at[-2] if len(at) > 1 else ""
            if "figures" in at[:-1] or inside in _NAMED_BY_USERS:
                continue  # there where there is something to tell
            assert misfits(without(document, at), wanted), f"without {at}"
            beside = without(document, (*at[:-1], "one_more"), 1)
            assert misfits(beside, wanted), f"beside {at}"


class TestRefused:
    """What another version or another program wrote: one sentence, with what to do."""

    @pytest.mark.parametrize("name", ["drill.json", "verdict.json"])
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"version": 99}, "has version 99 of {name}, and this Relaydrill"),
            ({"format": "other.thing"}, "has format 'other.thing', and '{name}' belongs there"),
            ({"version": "1"}, "has version '1' of {name}, which never existed"),
            ({"version": 0}, "has version 0 of {name}, which never existed"),
            ({"version": None}, "has version None of {name}, which never existed"),
        ],
    )
    def test_a_run(
        self,
        judged: Path,
        name: str,
        change: dict[str, Any],
        said: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Both by judge and by report; history tells of it, and goes on."""
        file = judged / name
        document = json.loads(file.read_text())
        wanted = said.format(name=document["format"])
        file.write_text(json.dumps(document | change))
        for command in ("judge", "report"):
            assert run([command, str(judged)]) == 2
            [line] = capsys.readouterr().err.splitlines()
            assert line.startswith(f"relaydrill: {file} {wanted}")
            assert "use the newer one that wrote it" in line or "put back" in line
        shutil.copytree(judged, judged.with_name("good"))
        good = judged.with_name("good") / name
        good.write_text(json.dumps(document))
        assert run(["history", str(judged.parent), "--json"]) == 0
        [left_out] = json.loads(capsys.readouterr().out)["left_out"]
        assert wanted in left_out

    @pytest.mark.parametrize("change", [{"version": 2}, {"format": "other.thing"}])
    def test_a_journal(
        self, judged: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """By its last line."""
        file = judged / "journals" / "ht1.jsonl"
        *lines, last = file.read_text().splitlines()
        line = json.loads(last)
        line["detail"] |= change
        file.write_text("\n".join([*lines, json.dumps(line)]) + "\n")
        assert run(["judge", str(judged)]) == 2
        assert capsys.readouterr().err.startswith(f"relaydrill: {file} has ")

    @pytest.mark.parametrize("change", [{"version": 2}, {"format": "other.thing"}])
    def test_an_audit(
        self, audit: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """By its audit.json."""
        file = audit / "audit.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
        assert run(["judge", str(audit)]) == 2
        assert capsys.readouterr().err.startswith(f"relaydrill: {file} has ")

    @pytest.mark.parametrize("change", [{"version": 3}, {"format": "other.thing"}])
    def test_a_record_of_a_heal(
        self, state: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It stays; as with any record that cannot be read, the command ends with 4."""
        record = UndoLog.default().open(Undo("bench", "ht1", "kill", "::1", Action(run=("true",))))
        record.path.write_text(json.dumps(json.loads(record.path.read_text()) | change))
        record.leave()
        assert run(["heal"]) == 4
        assert capsys.readouterr().err.startswith(f"{record.path} has ")
        assert record.path.exists()
        assert state.is_dir()

    @pytest.mark.parametrize("change", [{"version": 3}, {"format": "other.thing"}])
    def test_a_record_of_a_lab(
        self,
        state: Path,
        change: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nothing of it is ended; what other records say is."""
        monkeypatch.setattr("relaydrill.cli.labs._clean_engine", lambda _forced: ([], [], ""))
        gone = {"name": "harness", "pid": 2**22, "born": 1.0}
        whole = {"lab": "bench", "directory": "/bench", "owner": gone, "processes": []}
        (state / "labs").mkdir(parents=True)
        good, strange = state / "labs" / "a.json", state / "labs" / "b.json"
        good.write_text(json.dumps(whole))
        strange.write_text(json.dumps({"format": "relaydrill.lab", "version": 1} | whole | change))
        assert run(["clean"]) == 2
        said = capsys.readouterr()
        assert said.err.startswith(f"relaydrill: {strange} has ")
        assert said.out == "bench in /bench: no process was left\n"
        assert [path.name for path in (state / "labs").iterdir()] == ["b.json"]


class TestEarlier:
    """What earlier versions wrote is read."""

    @pytest.mark.parametrize(
        ("name", "version", "verdict", "checks"),
        [
            ("version-1", 1, "unknown", {"harness": "pass", "gap": "pass", "bite": "unknown"}),
            ("version-2", 2, "fail", {"harness": "pass", "gap": "pass", "account": "fail"}),
        ],
    )
    def test_a_run_directory(
        self,
        name: str,
        version: int,
        verdict: str,
        checks: dict[str, str],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """It is judged, reported and compared; its files have no name of a format."""
        directory = recorded(name, tmp_path)
        document = json.loads((directory / "drill.json").read_text())
        assert RUN.version_of(document, directory) == version
        verdict_file = json.loads((directory / "verdict.json").read_text())
        assert "format" not in verdict_file
        found = judge(directory)
        assert str(found.status) == verdict
        [flow] = found.flows
        said = {check.check: str(check.status) for check in flow.checks}
        assert said | checks == said
        assert not [each for each in found.remarks if "changed" in each]
        assert told(capsys, "history", str(tmp_path))["left_out"] == []
        assert run(["report", str(directory)]) == 0

    def test_an_audit(self, audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Its audit.json had no format."""
        (audit / "audit.json").write_text(json.dumps({"rows": ["run"]}))
        assert told(capsys, "judge", str(audit), status=1)["format"] == "relaydrill.audit"

    def test_a_record_of_a_heal(self, state: Path) -> None:
        """It had no format, and knew of no fence."""
        (state / "undo").mkdir(parents=True)
        old = {
            "lab": "bench",
            "node": "ht1",
            "fault": "kill",
            "address": "::1",
            "heal": {"run": ["true"]},
            "inject_s": 30.0,
            "owner": {"pid": 2**22, "born": 1.0},
        }
        (state / "undo" / "a.json").write_text(json.dumps(old))
        [left], problems = UndoLog.default().left()
        assert left.undo == Undo("bench", "ht1", "kill", "::1", Action(run=("true",)))
        assert problems == []


class TestErrors:
    """With ``--json`` a command that fails prints why, as a document."""

    @pytest.mark.parametrize(
        ("words", "status", "kind", "said"),
        [
            (("judge", "."), 2, "arguments", "is no run directory"),
            (("judge", "./nowhere"), 2, "arguments", "does not exist"),
            (("plan", "./nowhere.yaml"), 2, "arguments", "nowhere.yaml"),
            (("plan", "--nonsense"), 2, "arguments", "No such option"),
            (("clean",), 2, "arguments", "No such option"),
            (("nonsense",), 2, "arguments", "No such command"),
            (("lint", "--sarif", "sharepoint"), 2, "arguments", "do not go together"),
            (("drill", "--dry-run"), 2, "arguments", "do not go together"),
        ],
    )
    def test_arguments(
        self,
        words: tuple[str, ...],
        status: int,
        kind: str,
        said: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A person is told the same on standard error; without ``--json`` that alone."""
        monkeypatch.chdir(tmp_path)
        assert run([*words, "--json"]) == status
        found = capsys.readouterr()
        document = json.loads(found.out)
        assert misfits(document) == []
        assert (document["kind"], document["exit_status"]) == (kind, status)
        assert said in document["message"]
        assert document["message"] in found.err
        if "--json" not in said and words[0] in ("judge", "nonsense"):
            assert run([*words]) == status
            assert capsys.readouterr().out == ""

    def test_a_topology(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Each of its mistakes by itself, with the line."""
        file = tmp_path / "bad.yaml"
        file.write_text("extends: sharepoint\nflows:\n  relay:\n    rate: quick\n    nonsense: 1\n")
        document = told(capsys, "plan", str(file), status=2)
        assert document["format"] == "relaydrill.error"
        assert document["kind"] == "topology"
        lines = [each["where"] for each in document["problems"]]
        assert lines == [f"{file}:4", f"{file}:5"]

    def test_the_system(
        self, judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What it refused is the harness's failure: status 4."""
        (judged / "drill.json").unlink()
        (judged / "drill.json").mkdir()
        document = told(capsys, "judge", str(judged), status=2)
        assert document["kind"] == "arguments"
        assert str(judged) in document["message"]

    def test_words_after_two_dashes_are_no_options(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A file may be called ``--json``."""
        assert run(["lint", "--", "--json"]) == 2
        assert not capsys.readouterr().out.startswith("{")


def test_names_are_unique_and_short() -> None:
    """Two formats have two names, of which the short form is one word."""
    assert len(BY_NAME) == len(FORMATS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)?", each.short_name) for each in FORMATS)
