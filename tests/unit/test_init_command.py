"""`relaydrill init --from FILE`: what is refused, each in a sentence, and nothing written then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.own_files import STYLES

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.errors import UsageError

WEB = "listen web\n    bind :80\n    server w1 10.0.0.1:80 check\n"


def run(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(cli, ["init", *arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files of every sort in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "haproxy.cfg").write_text(STYLES["mail check"]["haproxy.cfg"])
    (tmp_path / "same.cfg").symlink_to("haproxy.cfg")
    (tmp_path / "web-haproxy.cfg").write_text(WEB)
    (tmp_path / "main.cf").write_text("# all as it comes\n")
    (tmp_path / "notes.txt").write_text("buy milk\n")
    (tmp_path / "nul.cfg").write_bytes(b"listen a\n\0\n")
    (tmp_path / "there.yaml").write_text("name: there\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize("where", [("-o", "mine.yaml"), ("mine.yaml",)])
def test_a_file_of_ones_own_becomes_a_topology_of_that_name(where: tuple[str, ...]) -> None:
    """Whether the file to write stands after -o, or alone; and what to look at is told."""
    found = run("--from", "haproxy.cfg", *where)
    assert found.return_value == 0
    first, second = found.stdout.splitlines()
    assert first == "Wrote mine.yaml. Next: relaydrill audit mine.yaml"
    assert re.fullmatch(r"\d+ of its lines say ASSUMED: look at them first\.", second)
    assert topology_files.load(Path("mine.yaml")).name == "mine"


def test_whose_a_file_is_may_be_said() -> None:
    """Where neither its name nor what stands in it tells, or in place of --from."""
    Path("lb.txt").write_text(Path("haproxy.cfg").read_text())
    assert run("--as", "haproxy=lb.txt", "-o", "a.yaml").return_value == 0
    assert run("--from", "lb.txt", "--as", "haproxy=lb.txt", "-o", "b.yaml").return_value == 0
    assert [*topology_files.load(Path("a.yaml")).hubs] == ["ht1", "ht2"]


def test_a_built_in_topology_is_copied_as_before() -> None:
    """With --from, or the usual one without."""
    assert run("mine.yaml", "--from", "microsoft").return_value == 0
    assert [*topology_files.load(Path("mine.yaml")).zones] == ["contoso.com"]
    assert run("-o", "other.yaml").return_value == 0
    assert [*topology_files.load(Path("other.yaml")).vips] == ["mail"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "none.cfg"], "there is no file 'none.cfg'"),
        (["--from", "micro"], "no topology is called 'micro'; did you mean 'microsoft'?"),
        (["--from", "haproxy.cfg", "--from", "haproxy.cfg"], "haproxy.cfg is given twice"),
        (["--from", "haproxy.cfg", "--from", "./haproxy.cfg"], "is the file haproxy.cfg, which"),
        (["--from", "haproxy.cfg", "--from", "same.cfg"], "same.cfg is the file haproxy.cfg"),
        (["--from", "microsoft", "--from", "haproxy.cfg"], "microsoft is a built-in topology"),
        (["--from", "microsoft", "--from", "sharepoint"], "microsoft is a built-in topology"),
        (["--from", "there.yaml"], "write extends: there.yaml"),
        (["--from", "notes.txt"], "nobody can tell whose file this is; say --as KIND"),
        (["--from", "empty"], "a folder without main.cf and without a file *.cfg"),
        (["--from", "nul.cfg"], "nul.cfg:2: a NUL byte"),
        (["--from", "web-haproxy.cfg"], "web-haproxy.cfg:1: no section passes mail on"),
        (["--from", "main.cf"], "main.cf:1: nothing is written here"),
        (["--as", "sendmail=haproxy.cfg"], "write KIND=FILE with one of the kinds: keepalived"),
        (["--as", "haproxy"], "write KIND=FILE"),
        (["--from", "a\0b"], "cannot be"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    arguments: list[str], said: str
) -> None:
    """A user's mistake, with what to do: exit status 2."""
    found = run(*arguments, "-o", "mine.yaml")
    assert isinstance(found.exception, UsageError)
    assert found.exception.exit_status == 2
    assert said in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not Path("mine.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "there.yaml"], "there.yaml exists already; choose another name"),
        (["there.yaml", "--from", "haproxy.cfg"], "there.yaml exists already"),
        (["a.yaml", "-o", "b.yaml"], "two files to write to"),
        ([], "no file to write to"),
        (["-o", "no/such.yaml"], "no/such.yaml cannot be written"),
    ],
)
def test_where_it_cannot_be_written_is_told(arguments: list[str], said: str) -> None:
    """And what is there already stays as it is."""
    found = run(*arguments)
    assert isinstance(found.exception, UsageError)
    assert said in str(found.exception)
    assert Path("there.yaml").read_text() == "name: there\n"
