"""Whatever stands in a run directory: a verdict, or one sentence; never a traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.histories import History
from tests.report.made_up import KILL, drill, outage, topology, write_run

from relaydrill.drills.archive import read_history
from relaydrill.drills.audit import judge_either
from relaydrill.drills.closing import close
from relaydrill.drills.comparison import compare_directories
from relaydrill.drills.judge import judge
from relaydrill.drills.record import DRILL, TOPOLOGY, VERDICT
from relaydrill.errors import RelaydrillError, UsageError
from relaydrill.journal import TORN
from relaydrill.report import html
from relaydrill.verdict import Status

UNHURRIED = settings(
    deadline=None,
    max_examples=60,
    # To explain a failure is to run it under a tracer, which takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
sometimes = st.integers(0, 5).map(lambda number: number == 5)
"""A page takes a fifth of a second, so that not every example has one."""

nonsense: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, [], {}, [1], [[]], {"a": 1}, "", "nonsense", "\ud800", "\x00", "zu spät"),
        *(0, -1, 65536, 2**70, 1e300, -1e300, 1e9, float("inf"), float("-inf"), float("nan")),
    ]
)


def everything() -> History:
    """An outage in which something of every kind is told."""
    history = outage()
    history.write("harness", "sight", at=0.0, arrivals=True, blind=[])
    history.belief("ht1", "down", at=2.2)
    history.belief("ht1", "up", at=4.2)
    history.stall(1.0, 1.1)
    history.queue("ht1", at=5.9)
    history.queue("ht2", "<3@app>", at=5.9)
    history.write("ht1", "bitten", at=2.1, fault="kill", phase="mail", client="1.2.3.4")
    history.write("ht2", "bounced", "<9@app>", at=5.1, reason="554 no")
    history.write("ht2", "resubmitted", "<9@app>", at=5.2, primary="ht1")
    history.write("app", "worker", at=5.2, worker="w1", state="gone")
    history.write("lb1", "connected", at=5.2, client="1.2.3.4", port=25, backend="ht2")
    return history


def made(folder: Path) -> Path:
    """Its run directory, judged."""
    run = write_run(folder / "run", topology(), drill(KILL), everything().events)
    (run / VERDICT).write_text(json.dumps(judge(run).document()))
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run directory for all examples."""
    return made(tmp_path_factory.mktemp("whole"))


@contextmanager
def copied(run: Path) -> Iterator[Path]:
    """One that may be spoilt."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(run, Path(folder) / "run"))


def looked_at(run: Path, *, page: bool = True) -> set[Status]:
    """What all ways to look at a run say; none of them may end with any other error."""
    found = set()
    for many_bytes in (0, 1 << 30):
        with suppress(RelaydrillError):
            found.add(judge(run, many_bytes=many_bytes).status)
    if page:
        with suppress(RelaydrillError):
            html.report(run)
    with suppress(RelaydrillError):
        compare_directories(run, run)
    with suppress(RelaydrillError):
        read_history(run.parent)
    return found


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield at
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from places(inner, (*at, key))


def replaced(document: Any, at: tuple[Any, ...], value: Any, *, leave_out: bool) -> Any:
    """The document with something else in one place."""
    if not at:
        return value
    found = document[at[0]]
    document = list(document) if isinstance(document, list) else dict(document)
    if len(at) == 1 and leave_out:
        del document[at[0]]
    else:
        document[at[0]] = replaced(found, at[1:], value, leave_out=leave_out)
    return document


def spoilt(data: st.DataObject, document: Any) -> Any:
    """A document with nonsense in one place, or without something."""
    at = data.draw(st.sampled_from([*places(document)]))
    return replaced(document, at, data.draw(nonsense), leave_out=data.draw(st.booleans()))


@given(st.data())
@UNHURRIED
def test_nonsense_in_any_field_of_a_journal(whole: Path, data: st.DataObject) -> None:
    """Judged by both readers alike, with and without a mark; and told in a page."""
    with copied(whole) as run:
        path = data.draw(st.sampled_from(sorted((run / "journals").iterdir())))
        lines = path.read_text().splitlines()
        first = {json.loads(line)["kind"]: number for number, line in enumerate(lines)}
        at = data.draw(st.sampled_from(sorted(first.values())))
        lines[at] = json.dumps(spoilt(data, json.loads(lines[at])))
        path.write_text("\n".join(lines) + "\n")
        if data.draw(st.booleans()):
            close(path)
        assert len(looked_at(run, page=data.draw(sometimes))) <= 1


@given(st.data(), st.sampled_from([DRILL, VERDICT]))
@UNHURRIED
def test_nonsense_in_any_field_of_the_documents(
    whole: Path, data: st.DataObject, name: str
) -> None:
    """Of the drill and of the verdict."""
    with copied(whole) as run:
        document = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(spoilt(data, document)))
        looked_at(run, page=data.draw(sometimes))


@given(st.data(), st.binary(max_size=300))
@UNHURRIED
def test_garbage_in_any_file(whole: Path, data: st.DataObject, garbage: bytes) -> None:
    """Binary, in place of a part of it, of all of it, or of an audit's index."""
    with copied(whole) as run:
        files = sorted(each for each in run.rglob("*") if each.is_file())
        path = data.draw(st.sampled_from([*files, run / "audit.json"]))
        whole_bytes = path.read_bytes() if path.exists() else b""
        begin = data.draw(st.integers(0, len(whole_bytes)))
        path.write_bytes(whole_bytes[:begin] + garbage)
        looked_at(run, page=data.draw(sometimes))


@pytest.mark.parametrize(
    "index", ["[]", '{"rows": 5}', '{"rows": ["../x"]}', '{"rows": [[]]}', "["]
)
def test_an_audit_of_nonsense_is_refused(tmp_path: Path, index: str) -> None:
    """In a sentence that names the place."""
    (tmp_path / "audit.json").write_text(index)
    with pytest.raises(UsageError, match=re.escape(str(tmp_path))):
        judge_either(tmp_path)


@pytest.mark.parametrize("many_bytes", [0, 1 << 30])
@pytest.mark.parametrize(
    ("node", "line", "told"),
    [
        (
            "app",
            '"kind":"outcome","detail":{"result":"maybe"}',
            "'result' 'maybe', which is no result",
        ),
        ("app", '"kind":"outcome","detail":{"result":["accepted"]}', "which is no result"),
        (
            "app",
            '"kind":"outcome","detail":{"result":"accepted","slack_s":-9.0}',
            "'slack_s' -9.0, which is no time that passed",
        ),
        (
            "app",
            '"kind":"outcome","detail":{"result":"accepted","code":550}',
            "'outcome' that is accepted, with 550",
        ),
        (
            "harness",
            '"kind":"inject","detail":{"fault":"kill:ht1","kind":"kill","node":"ht2"}',
            "'inject' of 'kill:ht1' with kind 'kill' and node 'ht2'",
        ),
        ("app", '"kind":"attempt","detail":{"scheduled":1e300}', "which is no time in seconds"),
        ("app", '"kind":"attempt","detail":{"scheduled":null}', "which is no time in seconds"),
        ("ht1", '"kind":"relayed","detail":{"to":25}', "'to' 25, which is no text"),
        ("ht1", '"kind":"relayed","detail":{"towards":null}', "'towards' None, which is no text"),
        ("ht1", '"kind":"queue","detail":{}', "'queue' without 'items'"),
        ("ht1", '"kind":"queue","detail":{"items":[["<1@app>"]]}', "no list of messages"),
        (
            "lb1",
            '"kind":"backend","detail":{"backend":1,"state":"up"}',
            "'backend' 1, which is no text",
        ),
        ("harness", '"kind":"sight","detail":{"arrivals":1}', "which is no true or false"),
        ("harness", '"kind":"healed","detail":{}', "'healed' without 'fault'"),
        ("mbx", '"kind":"arrived","detail":[]', "no journal line"),
        (
            "machine",
            '"kind":"stalled","detail":{"begin":3.0,"end":3.2,"lost_s":30.0}',
            "'stalled' with 30.0 s lost of 0.2 s",
        ),
        (
            "ht1",
            '"kind":"starved","detail":{"begin":3.2,"end":3.0,"lost_s":0.1}',
            "'starved' with 0.1 s lost of -0.2 s",
        ),
        (
            "ht1",
            '"kind":"starved","detail":{"begin":3.0,"end":3.2,"lost_s":-0.1}',
            "'starved' with -0.1 s lost of 0.2 s",
        ),
        (
            "app",
            '"kind":"starved","detail":{"begin":3.0,"end":NaN,"lost_s":0.1}',
            "which is no time in seconds",
        ),
    ],
)
def test_a_line_of_nonsense_is_named(
    tmp_path: Path, node: str, line: str, told: str, many_bytes: int
) -> None:
    """By file and line; and what it would have said is unknown."""
    run = made(tmp_path)
    path = run / "journals" / f"{node}.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    at = len(lines) // 2
    lines.insert(at, f'{{"mono":3.0,"wall":1.0,"node":"{node}",{line}}}\n')
    path.write_text("".join(lines))
    close(path)
    found = judge(run, many_bytes=many_bytes)
    summary = found.flows[0].checks[0].summary
    assert f"journals/{node}.jsonl:{at + 1}: " in summary
    assert told in summary
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize("many_bytes", [0, 1 << 30])
@pytest.mark.parametrize("at", [0, 100, None], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize(
    "line",
    [
        f'{{"mono":5.2,"wall":1.0,"node":"ht1","kind":"acc{TORN}',
        "\n",
        '{"mono":5.2,"wall":1.0,"node":"ht1","kind":"log","detail":{"reason":"é"}}\n',
        '{"mono":"5.2","wall":1.0,"node":"ht1","kind":"log"}\n',
    ],
    ids=["half a line", "nothing", "not ASCII", "another style"],
)
def test_an_odd_line_makes_no_other_one_odd(
    tmp_path: Path, line: str, at: int | None, many_bytes: int
) -> None:
    """A node that was killed while it wrote leaves half a line; what stands after it is whole."""
    run = made(tmp_path)
    path = run / "journals" / "ht1.jsonl"
    lines = path.read_text().splitlines(keepends=True)[:-1]
    lines.insert(len(lines) if at is None else at, line)
    path.write_text("".join(lines))
    close(path)
    assert judge(run, many_bytes=many_bytes).flows[0].holes == ()


def test_a_journal_that_is_no_file(tmp_path: Path) -> None:
    """A directory, a pipe that would be waited for, and a link to nowhere."""
    run = made(tmp_path)
    for node in ("ht1", "ht2", "mbx"):
        (run / "journals" / f"{node}.jsonl").unlink()
    (run / "journals" / "ht1.jsonl").mkdir()
    os.mkfifo(run / "journals" / "ht2.jsonl")
    (run / "journals" / "mbx.jsonl").symlink_to("nowhere")
    summary = judge(run).flows[0].checks[0].summary
    assert "journals/ht1.jsonl cannot be read: it is no file" in summary
    assert "journals/ht2.jsonl cannot be read: it is no file" in summary
    assert "journals/mbx.jsonl cannot be read: No such file or directory" in summary


def test_what_changed_since_it_was_judged_is_told(tmp_path: Path) -> None:
    """By name, whatever the change is worth; and that nothing would tell, where nothing does."""
    run = made(tmp_path)
    assert judge(run).remarks == ()
    document = json.loads((run / DRILL).read_text())
    (run / DRILL).write_text(json.dumps({**document, "python": "3.99"}))
    (run / "journals" / "mbx.jsonl").unlink()
    told = "changed since this run was first judged: drill.json and journals/mbx.jsonl"
    assert judge(run).remarks == (told,)
    verdict = json.loads((run / VERDICT).read_text())
    del verdict["evidence"]
    (run / VERDICT).write_text(json.dumps(verdict))
    untold = (
        "nothing shows whether drill.json and topology.yaml are as they were when the drill ran"
    )
    assert [each.startswith(untold) for each in judge(run).remarks] == [True]
    (run / VERDICT).unlink()
    assert [each.startswith(untold) for each in judge(run).remarks] == [True]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 99}, "has version 99 of relaydrill.run, and this Relaydrill (0.1.0) reads up"),
        ({"version": True}, "has version True of relaydrill.run, which never existed"),
        ({"format": 99}, "has version 99 of relaydrill.run, and this Relaydrill (0.1.0) reads up"),
        ({"format": "x"}, "has format 'x', and 'relaydrill.run' belongs there"),
        ({"begun": 1e300}, "begun is 1e+300, which is no time"),
        ({"problems": 5}, "5 where a list of sentences belongs"),
        ({"drill": None}, "cannot be read"),
        ({"drill": {**drill(KILL).to_json(), "levels": {"miss": 0.99}}}, "doubt 0.01, miss 0.99"),
    ],
)
def test_a_drill_of_nonsense_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    """In one sentence that names the file."""
    run = made(tmp_path)
    document = json.loads((run / DRILL).read_text())
    (run / DRILL).write_text(json.dumps({**document, **change}))
    with pytest.raises(UsageError) as refused:
        judge(run)
    assert told in str(refused.value)
    assert str(run / DRILL) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_topology_of_another_drill_is_refused(tmp_path: Path) -> None:
    """Its flows and nodes are those of the drill."""
    run = made(tmp_path)
    text = (run / TOPOLOGY).read_text()
    (run / TOPOLOGY).write_text(text.replace("relay:", "other:"))
    with pytest.raises(RelaydrillError, match="there is no flow 'relay'"):
        judge(run)


def test_a_drill_that_would_take_years_is_judged_at_once(tmp_path: Path) -> None:
    """Nobody waits for the schedule of a length that is nonsense."""
    run = write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    path = run / DRILL
    document = json.loads(path.read_text())
    document["drill"]["length_s"] = 1e9
    path.write_text(json.dumps(document))
    judged = judge(run)
    assert judged.status is Status.UNKNOWN
    harness = judged.flows[0].check("harness")
    assert harness is not None
    assert "attempts of relay are told of the" in harness.summary


@pytest.mark.parametrize("name", [DRILL, TOPOLOGY])
def test_a_pipe_in_a_run_directory_is_not_waited_for(name: str, tmp_path: Path) -> None:
    """It is said to be no file."""
    run = write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(UsageError, match="it is no file"):
        judge(run)


def test_a_pipe_for_a_verdict_is_not_waited_for(tmp_path: Path) -> None:
    """That changes since then are not noticed is said; and a history leaves the run out."""
    run = write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    (run / VERDICT).unlink(missing_ok=True)
    os.mkfifo(run / VERDICT)
    assert any("it is no file" in each for each in judge(run).remarks)
    with pytest.raises(UsageError, match="it is no file"):
        read_history(tmp_path)
