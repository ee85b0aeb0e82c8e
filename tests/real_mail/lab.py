"""A lab of real servers, what is true of it, and a drill of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import yaml

from relaydrill.ledger import Account
from tests.real_mail.mailboxes import messages
from tests.standing_lab import RUN, changed

DOMAIN: Final = "contoso.com"
_ACCOUNTS: Final = tuple(map(str, Account))
USER: Final = f"user@{DOMAIN}"


class Server(Protocol):
    """Anything that is started and stopped."""

    def start(self) -> None:
        """Return when it listens."""

    def stop(self) -> None:
        """End it."""


AServer = TypeVar("AServer", bound=Server)


class Site:
    """A folder and a network of its own, for the servers of one lab.

    Args:
        folder: With a short path: sockets lie in it.
        number: The third byte of its addresses.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.number = number
        self._stack = contextlib.ExitStack()

    def address(self, last: int) -> str:
        """An address of it."""
        return f"127.62.{self.number}.{last}"

    def run(self, server: AServer) -> AServer:
        """Start a server, which is stopped when the lab is gone, however that comes."""
        server.start()
        self._stack.callback(server.stop)
        return server

    def at_end(self, *calls: Callable[[], object]) -> None:
        """Have something done when the lab is gone, in this order."""
        for call in reversed(calls):
            self._stack.callback(call)

    def close(self) -> None:
        """Stop whatever runs."""
        self._stack.close()


@dataclass
class Built:
    """A lab that stands.

    Attributes:
        attached: The inventory's nodes, by name.
        design: What is otherwise in the topology than in `topology`.
        mailboxes: Maildirs on disk of those to whom mail was sent, by recipient.
        copies: Maildirs of others, who are to get copies.
        during: What happens to the lab meanwhile.
    """

    attached: dict[str, Any]
    design: dict[str, Any] = field(default_factory=dict)
    mailboxes: Mapping[str, list[Path]] = field(default_factory=dict)
    copies: list[Path] = field(default_factory=list)
    during: Callable[[], None] | None = None


@dataclass(frozen=True)
class Case:
    """One topology, and what is true of it.

    Attributes:
        name: For people.
        build: Starts it.
        verdict: ``pass``, ``fail`` or ``unknown``; ``not pass`` or ``not fail`` where two of them
            are true; ``stuck``: a fail, unless the machine starved while queues were to settle.
        accounts: The accounts that all messages have, and no others.
        says: What the verdict must say in any of its words; parts, each of which must be there.
        never: What it must not say.
        needs: Programs, beside Postfix.
        copies: Copies to others, for each message.
        faults: What is broken.
    """

    name: str
    build: Callable[[Site], Built]
    verdict: str
    accounts: tuple[str, ...]
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    copies: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What a drill said, and what lies on disk.

    Attributes:
        status: The exit status.
        document: Its JSON.
        text: All that it said.
        on_disk: Files by Message-ID, of each recipient.
        copies: And of others.
    """

    status: int
    document: Any
    text: str
    on_disk: Mapping[str, Counter[str]]
    copies: Counter[str]

    def counts(self) -> dict[str, int]:
        """How many messages ended in each account, over all flows."""
        found: Counter[str] = Counter()
        for flow in self.document["flows"].values():
            for check in flow["checks"]:
                if check["check"] == "account":
                    found.update({name: check["figures"].get(name, 0) for name in _ACCOUNTS})
        return {name: count for name, count in found.items() if count}


def topology(site: Site, built: Built) -> dict[str, Any]:
    """The design with its inventory."""
    document: dict[str, Any] = {
        "name": "real",
        "clock": 1,
        "nodes": {
            "ht1": {"role": "hub"},
            "mbx": {"role": "mailbox", "domains": [DOMAIN]},
            "app": {"role": "sender"},
        },
        "connectors": {"relay": {"port": 25, "remote": ["app"], "relay": True}},
        "flows": {
            "relay": {"from": "app", "persona": "single_host", "to": "ht1", "rate": 4},
        },
        "expect": {"lost": 0, "duplicated": 0, "gap": "2s"},
        "attach": {
            "here": site.address(14),
            "settle": "6s",
            "nodes": built.attached,
            "allow": {"hosts": [f"{site.address(0)}/24"], "ports": [25], "domains": [DOMAIN]},
        },
    }
    return changed(document, built.design)


def drilled(case: Case, number: int) -> Seen:
    """Build a case's lab, drill it, and count what lies on disk.

    Args:
        case: The case.
        number: Of its network; no two that run at once share one.
    """
    folder = Path(tempfile.mkdtemp(prefix="real-"))
    folder.chmod(0o755)
    try:
        with contextlib.closing(Site(folder, number)) as site:
            built = case.build(site)
            return _drill(case, site, built)
    finally:
        shutil.rmtree(folder)


def _drill(case: Case, site: Site, built: Built) -> Seen:
    inventory = site.folder / "inventory.yaml"
    inventory.write_text(yaml.safe_dump(topology(site, built), sort_keys=False))
    faults = [word for fault in case.faults for word in ("--fault", fault)]
    if case.faults:
        faults.append("--allow-faults")
    environment = {**os.environ, "XDG_STATE_HOME": str(site.folder / "state")}
    environment |= {"MAIL_USER": USER, "MAIL_PASSWORD": "secret"}
    environment["ARCHIVE_USER"] = f"archive@{DOMAIN}"
    command = [*RUN, "drill", str(inventory), "--driver", "attach", "--json"]
    with subprocess.Popen(
        [*command, *faults, "--out", str(site.folder / "run")],
        cwd=site.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            if built.during:
                built.during()
            said, complained = running.communicate(timeout=150)
        except BaseException:
            running.terminate()
            raise
    keep = os.environ.get("REAL_MAIL_KEEP")
    if keep:
        shutil.copytree(site.folder, Path(keep) / case.name, ignore=_no_sockets)
    return Seen(
        running.returncode,
        json.loads(said) if said.startswith("{") else {"flows": {}},
        said + complained,
        {recipient: messages(paths) for recipient, paths in built.mailboxes.items()},
        messages(built.copies),
    )


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [
        name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())
    ]
