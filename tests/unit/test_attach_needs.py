"""What an inventory names and this machine does not have: told before a drill, line by line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme
import yaml
from click.testing import CliRunner, Result

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drivers.attach.lab import AttachLab
from relaydrill.errors import TopologyError, UsageError

_INVENTORY = """\
extends: sharepoint
name: staging
attach:
  here: 127.0.0.1
  ca: {ca}
  login:
    user: env:{variable}
    password: file:{password}
  nodes:
    ht1:
      address: 127.9.0.11
      hooks:
        stop:
          inject:
            run: ["{program}", "{{address}}"]
          heal:
            haproxy:
              socket: unix:{socket}
              server: [smtp/ht1]
              state: ready
      queue:
        run: ["{queue}"]
    ht2: {{address: 127.9.0.12}}
    ht3: {{address: 127.9.0.13}}
    lb1: {{address: 127.9.0.9}}
    mbx:
      address: 127.9.0.20
      arrivals:
        {arrivals}: {seen}
  vips:
    mail: {{address: 127.9.0.10}}
  allow:
    hosts: [127.9.0.0/24]
    ports: [25, 587, 993]
    domains: [contoso.com]
    rate: 100/s
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the inventory names, and what is all there."""
    monkeypatch.setenv("DRILL_USER", "drill")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "mail.log").touch()
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    listening = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    listening.bind("haproxy.sock")
    listening.close()
    names = {"ca": "ca.pem", "password": "password", "socket": "haproxy.sock", "seen": "mail.log"}
    found = {key: str(tmp_path / name) for key, name in names.items()}
    tools = {"program": str(tmp_path / "tool"), "queue": "sh"}
    return {**found, **tools, "variable": "DRILL_USER", "arrivals": "postfix_log"}


def written(values: dict[str, str]) -> Path:
    """The inventory in a file, in the working directory."""
    path = Path("staging.yaml")
    path.write_text(_INVENTORY.format(**values))
    return path


def rehearsed(*options: str, command: str = "drill") -> Result:
    """A dry run of the inventory."""
    words = (command, "staging.yaml", "--driver", "attach", "--dry-run", *options)
    return CliRunner().invoke(cli, words, standalone_mode=False)


def problems(found: Result) -> list[str]:
    """What it said is missing, by line."""
    assert isinstance(found.exception, TopologyError), found.output
    return [str(problem) for problem in found.exception.mistakes]


def test_nothing_is_said_where_all_is_there(here: dict[str, str]) -> None:
    """An inventory whose files, variables, programs and sockets are all here is no problem."""
    written(here)
    found = rehearsed("--fault", "stop:ht1")
    assert found.exception is None
    assert found.output.rstrip().endswith("Nothing was done.")


@pytest.mark.parametrize(
    ("key", "value", "line", "told"),
    [
        ("ca", "/nowhere/ca.pem", 5, "attach.ca: /nowhere/ca.pem: No such file"),
        ("ca", "mail.log", 5, "attach.ca: mail.log holds no certificate in PEM"),
        ("variable", "DRILL_NOBODY", 7, "the environment variable DRILL_NOBODY is not set"),
        ("password", "/nowhere/password", 8, "file:/nowhere/password: No such file"),
        ("password", "mail.log", 8, "the file mail.log is empty"),
        ("password", "binary", 8, "the file is no text"),
        ("program", "no-such-program", 15, "there is no program 'no-such-program'"),
        ("program", "mail.log", 15, "there is no program 'mail.log' that may be run"),
        ("socket", "/nowhere/sock", 18, "/nowhere/sock: there is no such socket"),
        ("queue", "./{node}-queue", 22, "there is no program './ht1-queue'"),
        ("seen", "/nowhere/mail.log", 29, "/nowhere/mail.log: No such file"),
        ("seen", "/", 29, "/: Is a directory"),
    ],
)
def test_a_dry_run_tells_what_is_missing_and_where(
    here: dict[str, str], key: str, value: str, line: int, told: str
) -> None:
    """The plan is printed all the same; then the line that names it, and what to do. Status 2."""
    Path("binary").write_bytes(b"\xff\xfe\x00")
    written(here | {key: value})
    found = rehearsed("--fault", "stop:ht1")
    assert "Nothing was done." in found.output
    [problem] = problems(found)
    assert problem.startswith(f"staging.yaml:{line}: attach.")
    assert told in problem
    assert problem.endswith(")")  # the remedy
    assert isinstance(found.exception, TopologyError)
    assert found.exception.exit_status == 2


def test_everything_that_is_missing_is_told_at_once(here: dict[str, str]) -> None:
    """In the order of the lines, once each, however many drills an audit has."""
    gone = dict.fromkeys(("ca", "password", "program", "socket", "seen"), "/nowhere/x")
    written(here | gone)
    found = problems(rehearsed("--fault", "stop", "--node", "ht1", "--depth", "2", command="audit"))
    assert [each.split(":")[1] for each in found] == ["5", "8", "15", "18", "29"]


def test_only_the_hooks_that_are_wanted_must_be_possible(here: dict[str, str]) -> None:
    """A drill that breaks nothing needs no program of a hook."""
    written(here | {"program": "no-such-program", "socket": "/nowhere/sock"})
    assert rehearsed().exception is None
    assert len(problems(rehearsed("--fault", "stop:ht1"))) == 2


@pytest.mark.parametrize("arrivals", ["tracking_logs", "journal"])
def test_every_way_to_see_arrivals_is_looked_at(here: dict[str, str], arrivals: str) -> None:
    """A folder of logs and a journal are files of this machine, too."""
    written(here | {"arrivals": arrivals, "seen": "/nowhere/x"})
    [problem] = problems(rehearsed())
    assert problem.startswith(f"staging.yaml:29: attach.nodes.mbx.arrivals.{arrivals}: /nowhere/x")


def test_the_login_of_a_mailbox_is_looked_for(here: dict[str, str]) -> None:
    """Whoever looks by IMAP logs in."""
    login = {"user": "env:DRILL_NOBODY", "password": f"file:{here['password']}"}
    written(
        here | {"arrivals": "imap", "seen": yaml_line({"server": "127.9.0.20", "login": login})}
    )
    [problem] = problems(rehearsed())
    assert "attach.nodes.mbx.arrivals.imap.login.user: env:DRILL_NOBODY" in problem


def yaml_line(value: object) -> str:
    """A value in a line."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).strip()


def test_what_cannot_be_read_is_missing(here: dict[str, str]) -> None:
    """A name that leads to something else than a file, closed ones among them, is told by why."""
    seen = Path(here["seen"])
    seen.unlink()
    seen.mkdir()
    written(here)
    assert "Is a directory" in problems(rehearsed())[0]


@pytest.mark.parametrize("command", ["drill", "audit", "policy"])
def test_a_drill_does_not_begin_without_it(here: dict[str, str], command: str) -> None:
    """The same is said where it is no dry run; nothing is started, and no directory made."""
    written(here | {"ca": "/nowhere/ca.pem"})
    options = ("--allow-faults",) if command == "audit" else ()
    words = (command, "staging.yaml", "--driver", "attach", "--out", "run", *options)
    found = CliRunner().invoke(cli, words, standalone_mode=False)
    [problem] = problems(found)
    assert problem.startswith("staging.yaml:5: attach.ca: /nowhere/ca.pem: No such file")
    assert not Path("run").exists()


def test_a_lab_of_a_test_says_it_too(here: dict[str, str]) -> None:
    """Whoever has no file and line at hand, pytest say, hears keys and remedies."""
    path = written(here | {"ca": "/nowhere/ca.pem", "seen": "/nowhere/mail.log"})
    with (
        pytest.raises(UsageError, match=r"attach\.ca: /nowhere.*\n.*postfix_log: /nowhere.*name a"),
        AttachLab(topology_files.load(path), Path("lab")),
    ):
        pass
    assert not Path("lab").exists()
