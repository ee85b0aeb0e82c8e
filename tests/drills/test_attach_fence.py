"""What DNS says does not lead beyond the fence of an inventory."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.attach.lab import AttachLab
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import UndoLog
from relaydrill.verdict import Status

_INSIDE, _OUTSIDE = "127.83.1.1", "127.84.1.1"


@contextlib.contextmanager
def name_server(address: str) -> Iterator[int]:
    """A name server whose every MX host has that address; the port that it is on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving:
        serving.bind((_INSIDE, 0))
        thread = threading.Thread(target=_answer, args=(serving, address))
        thread.start()
        try:
            yield int(serving.getsockname()[1])
        finally:
            serving.sendto(b"", serving.getsockname())
            thread.join()


def _answer(serving: socket.socket, address: str) -> None:
    while True:
        packet, asking = serving.recvfrom(4096)
        if not packet:
            return
        query = dns.message.from_wire(packet)
        [question] = query.question
        reply = dns.message.make_response(query)
        kind = dns.rdatatype.to_text(question.rdtype)
        text = {"MX": "10 mail.contoso.com.", "A": address}[kind]
        reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, text))
        serving.sendto(reply.to_wire(), asking)


class Listener:
    """Whoever connects is counted, and sent away.

    Args:
        address: Where.
        port: 0 for any that is free.
    """

    def __init__(self, address: str, port: int) -> None:
        self._serving = socket.create_server((address, port))
        self.port = int(self._serving.getsockname()[1])
        self._thread = threading.Thread(target=self._count)
        self._over = False
        self.connections = 0

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        socket.create_connection(self._serving.getsockname()).close()
        self._thread.join()
        self._serving.close()

    def _count(self) -> None:
        while True:
            connection, _ = self._serving.accept()
            connection.close()
            if self._over:
                return
            self.connections += 1


def drill_by_mx(folder: Path, dns_port: int, port: int) -> Judgement:
    """The steady drill of mail that goes where DNS says."""
    design = folder / "inbound.yaml"
    design.write_text(
        yaml.safe_dump(
            {
                "name": "inbound",
                "clock": 10,
                "nodes": {
                    "edge1": {"role": "edge"},
                    "ns1": {"role": "dns"},
                    "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                    "world": {"role": "sender"},
                },
                "zones": {
                    "contoso.com": {
                        "mx": [
                            {
                                "host": "mail.contoso.com",
                                "preference": 10,
                                "addresses": ["edge1"],
                            }
                        ]
                    }
                },
                "connectors": {"internet": {"port": port}},
                "flows": {
                    "inbound": {
                        "from": "world",
                        "persona": "rfc5321",
                        "to": "contoso.com",
                        "port": port,
                        "rate": 20,
                    }
                },
                "expect": {"gap": "5s"},
                "attach": {
                    "here": "127.0.0.1",
                    "nodes": {
                        "edge1": {"address": _INSIDE},
                        "ns1": {"address": _INSIDE, "ports": {53: dns_port}},
                        "mbx": {"address": _INSIDE},
                    },
                    "allow": {
                        "hosts": ["127.83.1.0/24"],
                        "ports": [port],
                        "domains": ["contoso.com"],
                    },
                },
            }
        )
    )
    topology = topology_files.load(design)
    lab = AttachLab(
        topology,
        folder / "lab",
        registry=Registry(folder / "registry"),
        undo_log=UndoLog(folder / "undo"),
    )
    with lab:
        return run_drill(lab, plan(topology), folder / "run")


@pytest.mark.parametrize("led_to", [_INSIDE, _OUTSIDE], ids=["inside", "outside"])
def test_an_answer_of_dns_is_followed_within_the_fence_only(led_to: str, tmp_path: Path) -> None:
    """A server outside of the allowed range sees no connection at all, and the verdict is unknown.

    The same answer within the range is followed: it is the fence that keeps the mail back.
    """
    with Listener(led_to, 0) as listener, name_server(led_to) as dns_port:
        found = drill_by_mx(tmp_path, dns_port, listener.port)
        connections = listener.connections
    if led_to == _INSIDE:
        assert connections > 0
        assert found.status is Status.FAIL  # it sends everybody away
        return
    assert connections == 0
    assert found.status is Status.UNKNOWN, found.document()
    harness = found.flow("inbound").check("harness")
    assert harness
    assert harness.status is Status.UNKNOWN
    assert f"{_OUTSIDE}:{listener.port} is outside of what the inventory allows" in harness.summary
