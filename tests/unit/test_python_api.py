"""The Python API, as far as it needs no lab."""

from __future__ import annotations

import ast
import errno
import inspect
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.python_api_promises import PROMISED

import relaydrill
from relaydrill.api.boundary import Listener, own_errors
from relaydrill.drivers.base import Lab

SURFACE = Path(__file__).with_name("python_api.txt")
EXAMPLE = Path(__file__).parents[1] / "python_api_types.py"


def members(found: type) -> Iterator[str]:
    """The public members of a class that are Relaydrill's own, methods with their signatures."""
    names = {
        name
        for each in found.__mro__
        if each.__module__.startswith("relaydrill.")
        for name in (*vars(each), *inspect.get_annotations(each))
        if not name.startswith("_")
    }
    promised = PROMISED.get(found.__name__, names)
    assert promised <= names, f"{found.__name__} has no {promised - names}"
    for name in sorted(promised):
        member = inspect.getattr_static(found, name, None)
        yield f"{name}{signature(member)}" if inspect.isfunction(member) else name


def signature(function: Callable[..., object]) -> str:
    """How a function is called, with its types as a person writes them."""
    return str(inspect.signature(function)).replace("'", "")


def surface() -> Iterator[str]:
    """All that `relaydrill` offers, a line each."""
    for name in relaydrill.__all__:
        found = getattr(relaydrill, name)
        if inspect.isfunction(found):
            yield f"{name}{signature(found)}"
        elif isinstance(found, type):
            yield f"class {name}"
            yield from (f"    {member}" for member in members(found))
        else:
            yield name


def test_the_public_surface_changes_only_on_purpose() -> None:
    """Names, signatures and members are those that are written down beside this test."""
    found = "\n".join(surface()) + "\n"
    assert found == SURFACE.read_text(encoding="utf-8"), (
        "if that is meant, say so in CHANGELOG.md and run: python -m tests.unit.test_python_api"
    )


def run_python(code: str) -> str:
    """What a program prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_loads_nothing() -> None:
    """``import relaydrill`` loads no other module of Relaydrill's, and none of others."""
    code = """
import sys
before = {*sys.modules}
import relaydrill
new = {name.partition(".")[0] for name in {*sys.modules} - before} - sys.stdlib_module_names
print(*sorted(new), *(name for name in sys.modules if name.startswith("relaydrill.")))
"""
    assert run_python(code).split() == ["relaydrill"]


def test_nothing_of_it_needs_pytest_or_the_command_line() -> None:
    """Every name is to be had where pytest, click and the Docker libraries are not installed."""
    code = """
import sys
sys.modules |= dict.fromkeys(("pytest", "_pytest", "click", "docker", "testcontainers", "locust"))
import relaydrill
for name in relaydrill.__all__:
    getattr(relaydrill, name)
print(relaydrill.load("sharepoint").name)
"""
    assert run_python(code).split() == ["sharepoint"]


def test_what_is_light_stays_light() -> None:
    """Loading a topology and planning a drill load no numpy, no templates and no terminal."""
    code = """
import sys
import relaydrill
relaydrill.drill(relaydrill.load("sharepoint"), "kill:ht1")
print(*({"numpy", "msgspec", "jinja2", "rich", "click", "docker"} & {*sys.modules}))
"""
    assert run_python(code).split() == []


def test_type_checkers_see_the_same_names() -> None:
    """What is imported for type checkers is what is found when it is asked for."""
    code = ast.parse(Path(relaydrill.__file__).read_text(encoding="utf-8"))
    block, _ = (node for node in code.body if isinstance(node, ast.If))
    homes = {
        name.name: str(node.module).removeprefix("relaydrill.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert homes == relaydrill._HOMES
    assert sorted(relaydrill.__all__) == sorted([*homes, "__version__"])
    assert dir(relaydrill) == sorted(relaydrill.__all__)


def test_no_public_name_is_a_modules() -> None:
    """Importing a module of that name would put itself in the place of what is public."""
    folder = Path(relaydrill.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    assert modules & {*relaydrill.__all__} == set()


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module: ``hasattr`` and ``from … import`` rely on it."""
    assert not hasattr(relaydrill, "nonsense")
    with pytest.raises(ImportError):
        exec("from relaydrill import nonsense")


def test_the_types_of_every_function_are_held() -> None:
    """The example that mypy looks at uses every public function."""
    used = {
        node.attr
        for node in ast.walk(ast.parse(EXAMPLE.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    functions = {name for name in relaydrill.__all__ if name.islower() and name[0] != "_"}
    assert functions - used == set()


MINE = {"extends": "sharepoint", "name": "mine"}


def test_a_topology_is_a_name_a_file_a_text_or_values(tmp_path: Path) -> None:
    """All four come to the same."""
    text = "extends: sharepoint\nname: mine\n"
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    found = [relaydrill.load(each) for each in (file, str(file), MINE)]
    assert found == [relaydrill.parse(text)] * 3
    assert relaydrill.load("sharepoint").name in relaydrill.builtin_topologies()


def test_values_are_taken_as_they_are() -> None:
    """Text that looks like something else stays text; tuples are lists."""
    assert relaydrill.load({**MINE, "summary": "on"}).summary == "on"
    assert relaydrill.load({**MINE, "summary": "2025"}).summary == "2025"
    assert relaydrill.load({**MINE, "names": {"mail.example.com": ("ht1", "ht2")}}).names


def test_what_is_wrong_with_values_is_told_by_their_keys() -> None:
    """No line of a text that nobody has seen; in a file that is extended, its line."""
    with pytest.raises(relaydrill.TopologyError) as caught:
        relaydrill.load({**MINE, "nodes": {"ht1": {"role": "hubb"}}, "clock": "fast"})
    problems = caught.value.mistakes
    assert {problem.where for problem in problems} == {"<mapping>"}
    assert {problem.what.partition(":")[0] for problem in problems} == {"nodes.ht1.role", "clock"}


def test_what_is_wrong_in_a_file_that_values_extend_is_told_by_its_line(tmp_path: Path) -> None:
    """The file can be looked into."""
    file = tmp_path / "base.yaml"
    file.write_text("extends: sharepoint\nname: base\nclock: fast\n")
    with pytest.raises(relaydrill.TopologyError) as caught:
        relaydrill.load({"extends": str(file), "name": "mine"})
    assert [problem.where for problem in caught.value.mistakes] == [f"{file}:3"]


@pytest.mark.parametrize(
    "call",
    [
        relaydrill.drill,
        relaydrill.lab,
        relaydrill.audit,
        relaydrill.lint_topology,
        relaydrill.plan_capacity,
    ],
)
def test_a_topology_that_was_never_a_file_is_held_to_the_rules(
    call: Callable[[relaydrill.Topology], object],
) -> None:
    """Its models check fields alone; nothing is begun with a flow that nobody sends."""
    values = relaydrill.load("sharepoint").model_dump(mode="json", by_alias=True)
    values["flows"]["relay"]["from"] = "nobody"
    with pytest.raises(relaydrill.TopologyError) as caught:
        call(relaydrill.Topology.model_validate(values))
    [problem] = caught.value.mistakes
    assert problem.where == "<topology sharepoint>"
    assert problem.what == "flows.relay.from: no sender is called 'nobody'"


def test_a_topology_that_was_never_a_file_is_held_to_its_fence(tmp_path: Path) -> None:
    """Before anything is connected to: a mail domain that the inventory does not allow."""
    file = tmp_path / "mine.yaml"
    file.write_text(INVENTORY)
    values = relaydrill.load(file).model_dump(mode="json", by_alias=True)
    values["flows"]["in"]["recipient"] = "user@example.com"
    outside = relaydrill.Topology.model_validate(values)
    with pytest.raises(relaydrill.TopologyError, match="mail to example.com is not allowed"):
        relaydrill.lab(outside, driver="attach")


INVENTORY = """\
name: staging
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [test.contoso.com]}
  app: {role: sender}
flows:
  in: {from: app, to: ht1}
attach:
  allow: {hosts: [10.0.0.0/24], ports: [25], domains: [test.contoso.com], rate: 50/s}
  nodes:
    ht1: {address: 10.0.0.1}
"""

SHAREPOINT = relaydrill.load("sharepoint")
DRILL = relaydrill.drill(SHAREPOINT, "kill:ht1")


class Over:
    """A lab whose with block has ended."""

    topology = SHAREPOINT

    def alive(self, _node: str) -> bool:
        """Nothing runs."""
        return False


OVER: Any = Over()
NAME: Any = "sharepoint"
NOT_ENTERED: Any = relaydrill.lab(SHAREPOINT)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: relaydrill.load("sharpoint"), "did you mean 'sharepoint'"),
        (lambda: relaydrill.load({"a": object()}), "use dictionaries"),
        (lambda: relaydrill.load({"a": {**MINE, "b": {1, object()}}}), "use dictionaries"),
        (lambda: relaydrill.drill(SHAREPOINT, "kill"), "KIND[.PHASE][%SHARE]:NODE"),
        (lambda: relaydrill.drill(SHAREPOINT, "kill:nope"), "there are: ht1"),
        (lambda: relaydrill.drill(SHAREPOINT, flows="nope"), "there are: relay"),
        (lambda: relaydrill.lab(SHAREPOINT, driver="nope"), "there are: process"),
        (lambda: relaydrill.lab(NAME), "'sharepoint' is no topology; give relaydrill.load"),
        (lambda: relaydrill.lab(SHAREPOINT, allow_faults=True), "for the driver attach"),
        (lambda: relaydrill.lab(SHAREPOINT, project="x"), "docker"),
        (lambda: relaydrill.lab(SHAREPOINT, driver="attach").__enter__(), "add attach:"),
        (lambda: relaydrill.lab(SHAREPOINT, directory="/proc/x").__enter__(), "cannot be made"),
        (lambda: relaydrill.audit(SHAREPOINT, driver="attach"), "add attach:"),
        (lambda: relaydrill.audit(SHAREPOINT, nodes="nope"), "there are: ht1"),
        (lambda: relaydrill.audit(SHAREPOINT, fault="nope"), "no fault is called"),
        (lambda: relaydrill.audit(SHAREPOINT, at_once=0), "at least one"),
        (lambda: relaydrill.run(NOT_ENTERED, DRILL), "with relaydrill.lab"),
        (lambda: relaydrill.run(OVER, DRILL), "with block has ended"),
        (lambda: relaydrill.policy(OVER), "with block has ended"),
        (lambda: relaydrill.experiment(OVER).__enter__(), "with block has ended"),
        (lambda: relaydrill.judge("/nope"), "no such directory"),
        (lambda: relaydrill.judge_audit("/nope"), "no audit"),
        (lambda: relaydrill.history("/nope"), "no folder"),
        (lambda: relaydrill.account("/nope"), "not there"),
        (lambda: relaydrill.account([]), "name files"),
        (lambda: relaydrill.plan_capacity(SHAREPOINT), "no flow to a domain"),
    ],
)
def test_a_callers_mistake_is_a_usage_error_that_says_what_to_do(
    call: Callable[[], object], says: str
) -> None:
    """Whatever is wrong with an argument, it is told in words, before anything is begun."""
    with pytest.raises(relaydrill.UsageError) as caught:
        call()
    assert says in str(caught.value)


ANY: Any = relaydrill
"""As a program sees it that no type checker has looked at."""


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ANY.drill("sharepoint", "kill:ht1"), "give relaydrill.load('sharepoint')"),
        (lambda: ANY.lint_topology("sharepoint"), "give relaydrill.load('sharepoint')"),
        (lambda: ANY.plan_capacity(None), "None is no topology"),
        (lambda: ANY.lab("sharepoint"), "no topology"),
        (lambda: ANY.audit("sharepoint"), "no topology"),
        (lambda: ANY.parse(b"name: x"), "no text"),
        (lambda: ANY.parse("name: x", folder=3), "no path"),
        (lambda: ANY.drill(SHAREPOINT, None), "faults: None"),
        (lambda: ANY.drill(SHAREPOINT, b"kill:ht1"), "neither text nor a list of it"),
        (lambda: ANY.drill(SHAREPOINT, [3]), "faults: 3 is no text"),
        (lambda: ANY.drill(SHAREPOINT, flows=3), "flows: 3"),
        (lambda: ANY.drill(SHAREPOINT, seed="1"), "seed: '1' is no whole number"),
        (lambda: ANY.drill(SHAREPOINT, seed=None), "seed: None"),
        (lambda: ANY.drill(SHAREPOINT, name=3), "name: 3"),
        (lambda: ANY.lab(SHAREPOINT, directory=3), "3 is no path"),
        (lambda: ANY.lab(SHAREPOINT, directory=b"x"), "no path"),
        (lambda: ANY.lab(SHAREPOINT, directory="a\0b"), "no path of any file"),
        (lambda: ANY.lab(SHAREPOINT, driver=["process"]), "driver: "),
        (lambda: ANY.run(OVER, "kill:ht1"), "with block has ended"),
        (lambda: ANY.run(DRILL, DRILL), "no running lab"),
        (lambda: ANY.audit(SHAREPOINT, at_once="2"), "at_once: '2'"),
        (lambda: ANY.audit(SHAREPOINT, fault=None), "fault: None"),
        (lambda: ANY.audit(SHAREPOINT, nodes="ht1", on_step=3), "3 cannot be called"),
        (lambda: ANY.judge(None), "None is no path"),
        (lambda: ANY.judge(""), "no path of any"),
        (lambda: ANY.history(None), "no path"),
        (lambda: ANY.html_report("x"), "no drill's result"),
        (lambda: ANY.account(None), "logs: None"),
        (lambda: ANY.account([None]), "no path"),
        (lambda: ANY.account(""), "no path of any"),
        (lambda: ANY.account(__file__, since="2026-01-01"), "no datetime.datetime"),
        (lambda: ANY.account(__file__, recipients=""), "recipients: one is empty"),
        (lambda: ANY.account(__file__, recipients="\ud800"), "no text that a log can hold"),
    ],
)
def test_a_value_of_a_wrong_type_is_a_usage_error(call: Callable[[], object], says: str) -> None:
    """Told at once and in a line, as the page promises, and no error from deep inside."""
    with pytest.raises(relaydrill.UsageError) as caught:
        call()
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_is_run_must_be_a_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the text of one."""
    monkeypatch.setattr(Over, "alive", lambda _self, _node: True)
    with pytest.raises(relaydrill.UsageError, match="give relaydrill.drill"):
        relaydrill.run(OVER, ANY.load)


def test_a_lab_that_never_was_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither among the temporary files nor in a folder that was chosen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for directory in (None, tmp_path / "chosen"):
        with pytest.raises(relaydrill.UsageError, match="add attach:"):
            relaydrill.lab(SHAREPOINT, driver="attach", directory=directory).__enter__()
    assert [each for each in tmp_path.rglob("*") if each.name != "chosen"] == []


class Journalled(Over):
    """A lab that can be broken."""

    driver = "journalled"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def alive(self, _node: str) -> bool:
        """All run."""
        return True

    def journal(self, node: str) -> Path:
        """Where the harness writes."""
        return self._folder / f"{node}.jsonl"


def test_an_experiment_that_has_ended_breaks_nothing(tmp_path: Path) -> None:
    """Nobody would heal it; and its journal's descriptor may be another file's by then."""
    lab: Any = Journalled(tmp_path)
    with relaydrill.experiment(lab) as experiment:
        block = experiment.broken("kill:ht1")
    journal = lab.journal("harness").read_bytes()
    other = tmp_path / "other"
    with other.open("wb"):
        for late in (block, experiment.broken("kill:ht2")):
            with pytest.raises(relaydrill.UsageError, match="with block has ended"):
                late.__enter__()
    assert other.read_bytes() == b""
    assert lab.journal("harness").read_bytes() == journal


def test_a_drill_of_another_topology_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is begun, with the name that does not fit."""
    monkeypatch.setattr(Over, "alive", lambda _self, _node: True)
    other = relaydrill.drill(relaydrill.load("twosites"))
    with pytest.raises(relaydrill.UsageError, match="of another topology, sharepoint has no"):
        relaydrill.run(OVER, other)


def test_a_drill_is_made_of_text_or_of_faults() -> None:
    """One alone, several, or those of another drill."""
    assert relaydrill.drill(SHAREPOINT, ["kill:ht1"]) == DRILL
    assert relaydrill.drill(SHAREPOINT, DRILL.faults) == DRILL
    assert relaydrill.drill(SHAREPOINT, DRILL.faults[0]).faults == DRILL.faults
    assert relaydrill.drill(SHAREPOINT, flows="relay").flows == ("relay",)


def test_errors_of_the_system_are_told_as_the_harness_s() -> None:
    """A full disk is no error of Python's to whoever calls."""
    with pytest.raises(relaydrill.HarnessError, match="No space"), own_errors():
        raise OSError(errno.ENOSPC, "No space left on device", "/var/run.json")


def test_errors_of_a_callback_come_as_they_are() -> None:
    """They are the caller's own, of whatever kind; it is not called again once it has failed."""
    heard = []

    def fail(step: str) -> None:
        heard.append(step)
        raise OSError("my own")

    listener = Listener(fail)
    for step in ("first", "second"):
        with pytest.raises(OSError, match="my own"), own_errors(listener):
            listener(step)
    assert heard == ["first"]
    silent = Listener[str](None)
    silent("a step")


POSTFIX = """\
Nov 30 05:00:00 mx1 postfix/smtpd[10]: 3F2A41C0D2: client=app[10.0.0.9]
Nov 30 05:00:00 mx1 postfix/cleanup[11]: 3F2A41C0D2: message-id=<a@app>
Nov 30 05:00:00 mx1 postfix/qmgr[12]: 3F2A41C0D2: from=<app@contoso.com>, size=300, nrcpt=1
Nov 30 05:00:01 mx1 postfix/local[13]: 3F2A41C0D2: to=<user@contoso.com>, relay=local, delay=1, \
delays=0.1/0/0/0.9, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 30 05:00:01 mx1 postfix/qmgr[12]: 3F2A41C0D2: removed
"""


def test_logs_are_accounted_for(tmp_path: Path) -> None:
    """Postfix's; those that are asked for, and within the time."""
    log = tmp_path / "mail.log"
    log.write_text(POSTFIX)
    found = relaydrill.account(log)
    assert found.exchange is None
    assert found.counts == {"delivered": 1}
    assert found.status is relaydrill.Status.PASS
    assert relaydrill.account([str(log)], recipients="@contoso.com").counts == {"delivered": 1}
    assert relaydrill.account(log, recipients="@example.com").counts == {}
    assert relaydrill.account(log, since=datetime(2999, 1, 1, tzinfo=UTC)).counts == {}
    with pytest.raises(relaydrill.UsageError, match="Exchange"):
        relaydrill.account(log, run=tmp_path)


def test_a_log_may_be_called_anything(tmp_path: Path) -> None:
    """Its name need not be UTF-8, as that of an old archive is not."""
    log = tmp_path / "m\udcfcller.log"
    log.write_text(POSTFIX)
    found = relaydrill.account(log)
    assert found.counts == {"delivered": 1}
    assert relaydrill.account(log, recipients="m\udcfc@contoso.com").counts == {}


def test_a_lab_is_for_one_block() -> None:
    """Entering it a second time is refused, and not a second lab in the first one's place."""
    lab = relaydrill.lab(SHAREPOINT, driver="attach")
    with pytest.raises(relaydrill.UsageError, match="add attach:"):
        lab.__enter__()
    with pytest.raises(relaydrill.UsageError, match="for one with block"):
        lab.__enter__()


def test_a_lab_that_did_not_come_up_leaves_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither among the temporary files nor in the folder that was given, which itself stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given = tmp_path / "given"
    given.mkdir()
    for directory in (None, given):
        with pytest.raises(relaydrill.UsageError, match="add attach:"):
            relaydrill.lab(SHAREPOINT, driver="attach", directory=directory).__enter__()
    assert [*tmp_path.rglob("*")] == [given]


def test_what_can_be_said_without_a_lab() -> None:
    """The rules of the design, and the shares of inbound mail."""
    assert all(
        each.severity in relaydrill.Severity for each in relaydrill.lint_topology(SHAREPOINT)
    )
    first, *_ = relaydrill.plan_capacity(relaydrill.load("microsoft"))
    assert first.gone == "nothing"
    assert first.holds


def test_files_are_linted_by_line(tmp_path: Path) -> None:
    """As by the command; a file that nobody knows has its kind said, and what is wrong is told."""
    file = tmp_path / "balancer.txt"
    file.write_text("listen smtp\n    mode tcp\n    bind :25\n    server ht1 10.1.0.11:25\n")
    found = relaydrill.lint_files(file, kinds={str(file): "haproxy"})
    assert [each.rule for each in found.findings if each.mark.line == 4] == [
        "haproxy-hides-clients",
        "haproxy-single-server",
    ]
    blank = tmp_path / "blank.txt"
    blank.write_text("hello\n")
    calls: tuple[tuple[str, list[Path], dict[str, str]], ...] = (
        ("no file is given", [], {}),
        ("nobody can tell whose", [blank], {}),
        ("no file that is given", [file], {"x": "haproxy"}),
        ("no kind 'x'", [file], {str(file): "x"}),
        ("gone.cfg", [tmp_path / "gone.cfg"], {}),
    )
    for says, files, kinds in calls:
        with pytest.raises(relaydrill.UsageError, match=re.escape(says)):
            relaydrill.lint_files(*files, kinds=kinds)


def test_every_lab_has_what_is_asked_of_it() -> None:
    """The type of what ``with`` gives is the protocol of all drivers."""
    assert relaydrill.Lab is Lab


if __name__ == "__main__":
    SURFACE.write_text("\n".join(surface()) + "\n", encoding="utf-8")
