"""A lab that runs already, and is reached by IPv6: everything of it is on ``::1``."""

from __future__ import annotations

import json
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner

from relaydrill.cli.commands import cli

_HERE = "::1"
_OWN = re.compile(r"[\w.+-]+@contoso\.com")


def _has_ipv6() -> bool:
    try:
        with socket.create_server((_HERE, 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")


def _free_port() -> int:
    with socket.create_server((_HERE, 0), family=socket.AF_INET6) as serving:
        return int(serving.getsockname()[1])


class Hub:
    """Passes mail for its domain on; relays for elsewhere only where it is told to.

    Args:
        onward: The port of the next hop.
        relays: Whether everybody may relay.
        at: The address of the next hop.
    """

    def __init__(self, onward: int, *, relays: bool = False, at: str = _HERE) -> None:
        self._onward = at, onward
        self._relays = relays
        self.clients: set[str] = set()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient of its own."""
        assert session.peer
        self.clients.add(session.peer[0])
        if not (self._relays or _OWN.fullmatch(address)):
            return "550 5.7.1 Unable to relay"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Pass it on before it is promised."""
        assert envelope.content
        with smtplib.SMTP(*self._onward) as onward:
            onward.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
        return "250 OK"


@pytest.fixture
def sink_port() -> int:
    """Where the mailbox server of the drill will listen."""
    return _free_port()


@pytest.fixture
def hub(sink_port: int, request: pytest.FixtureRequest) -> Iterator[tuple[Hub, int]]:
    """A hub of another program's on ``::1``, and its port."""
    handler = Hub(sink_port, relays=getattr(request, "param", False))
    port = _free_port()
    controller = Controller(handler, hostname=_HERE, port=port, server_hostname="ht1.contoso.com")
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def staging(tmp_path: Path, hub: tuple[Hub, int], sink_port: int) -> Path:
    """The inventory of that lab."""
    design = {
        "name": "six",
        "clock": 10,
        "nodes": {
            "ht1": {"role": "hub"},
            "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
            "app": {"role": "sender"},
        },
        "connectors": {"inward": {"port": 25}},
        "flows": {"mail": {"from": "app", "to": "ht1", "rate": "20/s"}},
        "attach": {
            "settle": "3s",
            "nodes": {"ht1": {"address": _HERE, "ports": {25: hub[1]}}},
            "ports": {25: sink_port},
            "allow": {
                "hosts": [f"{_HERE}/128"],
                "ports": [hub[1], sink_port],
                "domains": ["contoso.com"],
                "rate": "50/s",
            },
        },
    }
    path = tmp_path / "six.yaml"
    path.write_text(yaml.safe_dump(design))
    return path


def run(*words: str | Path) -> tuple[int, str]:
    """A command's exit status and what it printed."""
    found = CliRunner().invoke(cli, [str(each) for each in words], standalone_mode=False)
    assert found.exception is None, found.exception
    return int(found.return_value), found.output


def test_a_dry_run_shows_where_it_would_connect(staging: Path, hub: tuple[Hub, int]) -> None:
    """With brackets, as an address of IPv6 stands before a port; and nothing is connected to."""
    status, said = run("drill", staging, "--driver", "attach", "--dry-run")
    assert status == 0, said
    assert f"[::1]:{hub[1]}" in said
    assert not hub[0].clients


def test_mail_flows_by_ipv6_and_every_message_is_accounted_for(
    staging: Path, hub: tuple[Hub, int], tmp_path: Path
) -> None:
    """Sender, server and sink speak IPv6 alone, and the journal has the addresses as they are."""
    folder = tmp_path / "run"
    run("drill", staging, "--driver", "attach", "--out", folder)  # others may starve its times
    assert hub[0].clients == {"::1"}
    tried = details(folder, "app", "outcome")
    assert {each["address"] for each in tried} == {f"[::1]:{hub[1]}"}
    assert {each["result"] for each in tried} == {"accepted"}
    arrived = details(folder, "mbx", "arrived")
    assert len(tried) == len(arrived) > 20
    assert {each["client"] for each in arrived} == {"::1"}


def details(folder: Path, node: str, kind: str) -> list[dict[str, Any]]:
    """What a node's journal has of a kind of event."""
    lines = (folder / "journals" / f"{node}.jsonl").read_text().splitlines()
    return [each["detail"] for each in map(json.loads, lines) if each["kind"] == kind]


@pytest.mark.parametrize(("hub", "status"), [(False, 0), (True, 1)], indirect=["hub"])
def test_an_open_relay_is_found_by_ipv6(staging: Path, status: int) -> None:
    """A server that relays for whoever comes by IPv6 is found, and one that does not is not."""
    found, said = run("policy", staging, "--driver", "attach")
    assert found == status, said
    assert ("open relay" in said) == bool(status)


@pytest.fixture
def both(sink_port: int, request: pytest.FixtureRequest) -> Iterator[tuple[Hub, int]]:
    """A hub that listens at the addresses of a parameter, and its port."""
    handler, port = Hub(sink_port, at="127.0.0.1"), _free_port()
    there = [
        Controller(handler, hostname=at, port=port, server_hostname="ht1.contoso.com")
        for at in request.param
    ]
    for each in there:
        each.start()
    yield handler, port
    for each in there:
        each.stop()


@pytest.mark.parametrize(
    ("both", "by"),
    [(("127.0.0.1", _HERE), _HERE), (("127.0.0.1",), "127.0.0.1")],
    indirect=["both"],
)
def test_a_server_with_two_addresses_is_reached_by_either(
    both: tuple[Hub, int], staging: Path, tmp_path: Path, by: str
) -> None:
    """Senders try IPv6 first, and go by IPv4 where nobody listens at the other; both are shown."""
    handler, port = both
    design = yaml.safe_load(staging.read_text())
    for dual in ("ht1", "app"):
        design["nodes"][dual]["ip"] = "dual"
    design["names"] = {"mail.contoso.com": "ht1"}
    design["flows"]["mail"] |= {"persona": "rfc5321", "to": "mail.contoso.com"}
    attach = design["attach"]
    attach["here"] = "127.0.0.1"
    attach["nodes"]["ht1"] = {"address": "127.0.0.1", "ipv6": _HERE, "ports": {25: port}}
    attach["allow"]["hosts"] = ["127.0.0.1/32", f"{_HERE}/128"]
    attach["allow"]["ports"].append(port)
    staging.write_text(yaml.safe_dump(design))
    status, said = run("drill", staging, "--driver", "attach", "--dry-run")
    assert status == 0, said
    assert {f"[::1]:{port}", f"127.0.0.1:{port}"} <= {*said.split()}
    folder = tmp_path / "run"
    run("drill", staging, "--driver", "attach", "--out", folder)  # others may starve its times
    assert handler.clients == {by}
    taken = [each for each in details(folder, "app", "outcome") if each["result"] == "accepted"]
    assert {each["server"] for each in taken} == {"ht1.contoso.com"}
    assert len(details(folder, "mbx", "arrived")) == len(taken) > 20
