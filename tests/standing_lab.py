"""A lab that runs already: ``relaydrill up`` in a process of its own, and its inventory."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from relaydrill.wait import wait_for

RUN: Final = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
USER, PASSWORD = "RELAYDRILL_TEST_USER", "RELAYDRILL_TEST_PASSWORD"

_SEAT = re.compile(
    r"^\s*(?P<host>\w+)(?: \(\S+\))?\s+\w+\s+(?P<address>127\.\d+\.\d+\.\d+)(?P<ports>.*)$", re.M
)
_PORT = re.compile(r"\b(\d+) → (\d+)")
_LOGIN = re.compile(r"--auth-user (\S+) --auth-password (\S+)")

# Gives a command to the lab through its FIFO, and waits until the lab has said that it is done.
_TELL = """
    import sys, time
    fifo, said, command, answer = sys.argv[1:]
    before = open(said).read().count(answer)
    open(fifo, "w").write(command + chr(10))
    deadline = time.monotonic() + 20
    while open(said).read().count(answer) == before:
        if time.monotonic() > deadline:
            sys.exit(f"the lab did not say: {answer}")
        time.sleep(0.01)
"""

# Prints a fake hub's queue as ``postqueue -j`` does.
_QUEUE = """
    import json, sqlite3, sys
    rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(
        "SELECT message, recipient FROM queue")
    for message, recipient in rows:
        print(json.dumps({"message_id": message, "recipients": [{"address": recipient}]}))
"""


@dataclass
class StandingLab:
    """A lab in another process.

    Attributes:
        folder: Its own.
        design: What it runs, the name of a built-in topology or a file.
        address: Of each host.
        ports: Of each host, the real port behind a logical one.
        login: User and password.
        environment: What a command needs that attaches to it.
    """

    folder: Path
    design: str
    address: dict[str, str] = field(default_factory=dict)
    ports: dict[str, dict[int, int]] = field(default_factory=dict)
    login: tuple[str, str] = ("", "")

    @property
    def environment(self) -> dict[str, str]:
        """With the login, and a state directory of its own."""
        return {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder / "state"),
            USER: self.login[0],
            PASSWORD: self.login[1],
        }

    @property
    def undo_records(self) -> list[Path]:
        """What is still to be healed."""
        return sorted((self.folder / "state" / "relaydrill" / "undo").glob("*.json"))

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return (self.folder / "up.log").read_text()

    def tell(self, command: str, answer: str) -> list[str]:
        """A command for a hook: have the lab obey, and return when it has said the answer."""
        program = textwrap.dedent(_TELL)
        return [
            *(sys.executable, "-c", program),
            *(str(self.folder / "fifo"), str(self.folder / "up.log"), command, answer),
        ]

    def hook(self, kind: str = "kill", answer: str = "{node} ") -> dict[str, Any]:
        """A hook that does a fault as the playground does."""
        return {
            "inject": {"run": self.tell(f"{kind}:{{node}}", answer)},
            "heal": {"run": self.tell("heal", "Everything is healed")},
        }

    def inventory(self, change: dict[str, Any] | None = None, **attach: Any) -> Path:
        """Write an inventory of it, with something changed, and return its file.

        Args:
            change: Of the topology.
            attach: Of its ``attach``; None takes something away.
        """
        there: dict[str, Any] = {
            "here": "127.0.0.1",
            "ca": str(self.folder / "up" / "tls" / "ca.pem"),
            "login": {"user": f"env:{USER}", "password": f"env:{PASSWORD}"},
            "nodes": {},
            "vips": {"mail": {"address": self.address["mail"], "ports": self.ports["mail"]}},
            "allow": {
                "hosts": [f"{self.address['ht1'].rpartition('.')[0]}.0/24"],
                "ports": sorted(
                    {25, 587, *(real for ports in self.ports.values() for real in ports.values())}
                ),
                "domains": ["contoso.com"],
                "rate": 100,
            },
        }
        for hub in ("ht1", "ht2", "ht3"):
            queue = self.folder / "up" / "queues" / f"{hub}.sqlite"
            run = [sys.executable, "-c", textwrap.dedent(_QUEUE), str(queue)]
            there["nodes"][hub] = {
                "address": self.address[hub],
                "ports": self.ports[hub],
                "hooks": {"kill": self.hook()},
                "queue": {"run": run},
            }
        there["nodes"]["lb1"] = {"address": self.address["lb1"], "hooks": {"kill": self.hook()}}
        arrivals = {"journal": str(self.folder / "up" / "journals" / "mbx.jsonl")}
        there["nodes"]["mbx"] = {"address": self.address["mbx"], "arrivals": arrivals}
        for sender in ("app", "guest"):
            there["nodes"][sender] = {"address": self.address[sender]}
        document = {"extends": self.design, "name": "staging", **(change or {})}
        document["attach"] = changed(there, attach)
        path = self.folder / "staging.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of Relaydrill beside it, and check its exit status."""
        done = subprocess.run(
            [*RUN, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done


def changed(there: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A mapping with another merged into it; None takes a key away."""
    merged = dict(there)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = changed(merged[key], value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def design(folder: Path, name: str, change: dict[str, Any] | None = None) -> str:
    """The file of a ``sharepoint`` whose checks and bounds have time on a busy machine, too."""
    path = folder / f"{name}.yaml"
    check = {"interval": "1s", "timeout": "1s", "fall": 2, "rise": 2}
    roomy = {
        "extends": "sharepoint",
        "name": name,
        "clock": 2,
        "nodes": {"lb1": {"check": check}},
        "flows": {"relay": {"rate": 20}, "submission": {"rate": 12}},
        "expect": {"gap": "8s"},
    }
    path.write_text(yaml.safe_dump(changed(roomy, change or {})))
    return str(path)


@contextlib.contextmanager
def standing(folder: Path, sabotage: dict[str, Any] | None = None) -> Iterator[StandingLab]:
    """A lab that was brought up by somebody else; it takes commands from a FIFO.

    Args:
        folder: Its own.
        sabotage: What is otherwise than its inventory says.
    """
    lab = StandingLab(folder, design(folder, "believed"))
    built = design(folder, "built", sabotage)
    os.mkfifo(folder / "fifo")
    command = " ".join(shlex.quote(part) for part in [*RUN, "up", built, "--out", "up"])
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "up-state"), "COLUMNS": "200"}
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command} 0<>fifo"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(
            lambda: "ends it" in lab.said or process.poll() is not None,
            what="the lab to stand",
            deadline_s=30,
            diagnosis=lambda: lab.said,
        )
        assert process.poll() is None, lab.said
        for seat in _SEAT.finditer(lab.said):
            lab.address[seat["host"]] = seat["address"]
            mapped = _PORT.findall(seat["ports"])
            lab.ports[seat["host"]] = {int(logical): int(real) for logical, real in mapped}
        found = _LOGIN.search(lab.said.replace("\n", " "))
        assert found, lab.said
        lab.login = (found[1], shlex.split(found[2])[0])
        yield lab
    finally:
        process.terminate()
        process.wait(timeout=20)
