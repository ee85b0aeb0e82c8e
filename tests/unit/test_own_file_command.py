"""`relaydrill lint` over configuration files: which they are, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from tests.documents import misfits
from tests.own_files import SABOTAGES, STYLES
from tests.unit.test_lint_command import SARIF

from relaydrill.cli.commands import cli
from relaydrill.documents.design import LINT

BROKEN = SABOTAGES["haproxy-no-check"].files()["haproxy.cfg"]
LINE = next(at for at, line in enumerate(BROKEN.splitlines(), 1) if "server ht2" in line)


def run(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(cli, ["lint", *arguments], standalone_mode=False)


def document(*arguments: str) -> dict[str, Any]:
    """What it prints for programs, which is as its schema says."""
    told: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    assert misfits(told, LINT) == []
    return told


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a broken configuration in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "haproxy.cfg").write_text(BROKEN)
    return tmp_path


def test_a_finding_leads_to_the_line_of_the_file() -> None:
    """With its rule and remedy, and with exit status 1 as for a topology."""
    found = run("haproxy.cfg")
    first, second, last = found.stdout.splitlines()
    head = f"haproxy.cfg:{LINE}: error haproxy-no-check: server ht2 of listen smtp has no check"
    assert first.startswith(head)
    assert second.startswith("    Write check after the server's address")
    assert last == "FAIL: 1 file, 1 finding (1 error)"
    assert found.return_value == 1
    assert run("haproxy.cfg", "--fail-on", "critical").return_value == 0


IDLE = {
    "haproxy.cfg": "listen web\n    bind :80\n    server w1 10.0.0.1:80 check\n",
    "global.haproxy.cfg": "global\n    maxconn 4000\n",
    "nginx.conf": "stream {\n    server { listen 53; proxy_pass 10.0.0.1:53; }\n}\n",
    "keepalived.conf": "global_defs {\n    router_id lb1\n}\n",
    "main.cf": "# all as it comes\n",
    "exim4.conf": "# nothing yet\n",
    "db.example.com": "$TTL 60\n",
    "named.conf": "# nothing yet\n",
}


@pytest.mark.parametrize("name", IDLE)
def test_what_no_rule_looked_at_does_not_pass(name: str, folder: Path) -> None:
    """Such a file proves nothing: unknown, with a note why; beside others it is a note alone."""
    (folder / name).write_text(IDLE[name])
    found = run(name)
    first, last = found.stdout.splitlines()
    assert first.startswith(f"{name}:1: note: no")
    assert last == "UNKNOWN: 1 file, 0 findings, 1 note"
    assert found.return_value == 3
    assert document(name)["status"] == "unknown"
    beside = run(name, "sharepoint", "--fail-on", "critical")
    assert first in beside.stdout
    assert beside.stdout.splitlines()[-1].startswith("PASS: 1 topology and 1 file, ")
    assert beside.return_value == 0


def test_what_cannot_be_read_is_named_once(folder: Path) -> None:
    """With its line where there is one."""
    (folder / "binary.cfg").write_bytes(b"global\n\0")
    said = run("binary.cfg").stderr.splitlines()
    assert said == [
        "relaydrill: binary.cfg:2: a NUL byte: this is no text; name a configuration file"
    ]


def test_a_topology_may_stand_beside_it() -> None:
    """Each is told with its own; what the topology promises counts for the file."""
    found = run("haproxy.cfg", "sharepoint")
    assert "sharepoint (built in):17: info blind-check" in found.stdout
    assert found.stdout.splitlines()[-1].startswith("FAIL: 1 topology and 1 file, ")
    slow = BROKEN.replace("inter 3s", "inter 30s")
    Path("slow.haproxy.cfg").write_text(slow)
    assert "haproxy-slow-check" not in run("slow.haproxy.cfg").stdout
    assert "and 15 s are promised" in run("slow.haproxy.cfg", "sharepoint").stdout
    assert (
        "and 1 s are promised" in run("slow.haproxy.cfg", "sharepoint", "--failover", "1s").stdout
    )


def test_json_has_the_files_beside_the_topologies(folder: Path) -> None:
    """With the program's kind, each finding's line, and what was not understood."""
    (folder / "haproxy.cfg").write_text(f"{BROKEN}    frobnicate 3\n")
    told = document("haproxy.cfg", "sharepoint", "--failover", "1min")
    assert [each["topology"] for each in told["topologies"]] == ["sharepoint"]
    [file] = told["files"]
    assert (file["source"], file["kind"]) == ("haproxy.cfg", "haproxy")
    [finding] = file["findings"]
    assert (finding["file"], finding["line"]) == ("haproxy.cfg", LINE)
    assert finding["where"] == ["listen", "smtp", "server", "ht2"]
    assert finding["at"] == "listen.smtp.server.ht2"
    [note] = file["notes"]
    assert note["line"] == len(BROKEN.splitlines()) + 1
    assert "'frobnicate' is not known here" in note["what"]


def test_sarif_shows_it_beside_the_line(folder: Path) -> None:
    """As of a topology; what was not understood is a notification."""
    (folder / "haproxy.cfg").write_text(f"{BROKEN}    frobnicate 3\n")
    log = json.loads(run("haproxy.cfg", "--sarif").stdout)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    [only] = log["runs"]
    [result] = only["results"]
    rules = only["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "haproxy-no-check"
    [place] = result["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "haproxy.cfg"
    assert place["physicalLocation"]["region"] == {"startLine": LINE}
    [notice] = only["invocations"][0]["toolExecutionNotifications"]
    assert notice["level"] == "note"
    assert "frobnicate" in notice["message"]["text"]


@pytest.mark.parametrize(
    ("above", "after", "status"),
    [
        ("    # relaydrill: allow haproxy-no-check: the lab has no second hub\n", "", 0),
        ("", " # relaydrill: allow haproxy-no-check: the lab has no second hub", 0),
        ("    # relaydrill: allow haproxy-sticky: it is about another rule\n", "", 1),
        ("    # relaydrill: allow haproxy-no-check\n", "", 1),
        ("    # relaydrill: allow haproxy-no-check: short\n", "", 1),
        ("    # relaydrill: allow no-such-rule: there is no rule of that name\n", "", 1),
    ],
)
def test_a_comment_lets_a_finding_stand(above: str, after: str, status: int, folder: Path) -> None:
    """On its line or right above it, of that rule alone, and with a reason."""
    [line] = [each for each in BROKEN.splitlines() if "server ht2" in each]
    (folder / "haproxy.cfg").write_text(BROKEN.replace(line, f"{above}{line}{after}".lstrip("\n")))
    found = run("haproxy.cfg")
    assert found.return_value == status, found.stdout
    assert ("suppressed because: the lab has no second hub" in found.stdout) is not status
    told = {
        "haproxy-sticky": "unused-suppression",
        "no-such-rule": "there is no rule no-such-rule",
        "short": "write why",
    }
    for words, answer in told.items():
        if words in above:
            assert answer in found.stdout


def test_several_files_of_one_process_are_read_together(folder: Path) -> None:
    """A plus between them, or the folder that HAProxy is given; each line keeps its own file."""
    head, listen = BROKEN.split("listen smtp")
    conf = folder / "conf.d"
    conf.mkdir()
    (conf / "10-top.cfg").write_text(head)
    (conf / "20-smtp.cfg").write_text(f"listen smtp{listen}")
    (conf / "README").write_text("not read")
    line = LINE - len(head.splitlines())
    for source in ("conf.d", "conf.d/10-top.cfg+conf.d/20-smtp.cfg"):
        told = document(source)
        [file] = told["files"]
        found = [(each["file"], each["line"], each["rule"]) for each in file["findings"]]
        assert found == [("conf.d/20-smtp.cfg", line, "haproxy-no-check")]
        assert file["notes"] == []


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("anything.txt", ("anything.txt",), "haproxy"),
        ("lb", ("./lb",), "haproxy"),
        ("haproxy-a.cfg", ("haproxy-a.cfg",), "haproxy"),
        ("lb.yaml", ("--as", "haproxy", "lb.yaml"), "haproxy"),
        ("lb.yaml", ("--as", "haproxy=lb.yaml"), "haproxy"),
    ],
)
def test_whose_a_file_is_shows_by_its_name_or_by_what_stands_in_it(
    name: str, arguments: tuple[str, ...], kind: str, folder: Path
) -> None:
    """Or is said by ``--as``."""
    (folder / name).write_text(BROKEN)
    assert [each["kind"] for each in document(*arguments)["files"]] == [kind]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such/haproxy.cfg",), "there is no file 'no-such/haproxy.cfg'"),
        (("haproxy.bin.cfg",), "a NUL byte: this is no text"),
        (("empty",), "is a folder without main.cf and without a file *.cfg"),
        (("both",), "both holds main.cf and haproxy.cfg; name the files"),
        (("--as", "haproxy=none.txt"), "there is no file 'none.txt'"),
        (("prose.txt",), "prose.txt"),
        (("--as", "haproxy", "latin.cfg", "none"), "there is no file 'none'"),
    ],
)
def test_what_cannot_be_read_is_told_and_hides_no_other(
    arguments: tuple[str, ...], said: str, folder: Path
) -> None:
    """In a sentence, with exit status 2."""
    (folder / "haproxy.bin.cfg").write_bytes(b"\x7fELF\0\0")
    (folder / "prose.txt").write_text("This is a letter.\n")
    (folder / "latin.cfg").write_bytes("# größe\n".encode("cp1252") + BROKEN.encode())
    (folder / "empty").mkdir()
    (folder / "both").mkdir()
    (folder / "both" / "main.cf").write_text("relayhost =\n")
    (folder / "both" / "haproxy.cfg").write_text(BROKEN)
    found = run(*arguments, *(() if "--as" in arguments[0] else ("haproxy.cfg",)))
    assert found.return_value == 2
    assert said in found.stderr
    assert found.exception is None
    if "--as" not in arguments[0]:
        assert "haproxy-no-check" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "sendmail", "x"), "--as sendmail: no such kind"),
        (("--as", "sendmail=x"), "--as sendmail: no such kind"),
        (("--failover", "soon", "haproxy.cfg"), "--failover soon: not a duration"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """With what is allowed."""
    assert said in str(run(*arguments).exception)


def test_sound_files_pass(folder: Path) -> None:
    """With 0, and without a word but the last line."""
    (folder / "haproxy.cfg").write_text(STYLES["mail check"]["haproxy.cfg"])
    found = run("haproxy.cfg")
    assert found.return_value == 0
    assert found.stdout == "PASS: 1 file, 0 findings\n"
