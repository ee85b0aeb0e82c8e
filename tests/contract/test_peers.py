"""What servers of the organisation may say to each other, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.smtp import Result
from relaydrill.smtp_client import Route, SmtpSession

_NOBODY = "user@nobody.example"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    """Two sites whose hubs keep shadow copies for each other."""
    hubs = "".join(f"  {hub}: {{ack: shadow}}\n" for hub in ("ht1", "ht2", "ht3", "ht4"))
    text = f"extends: twosites\nname: shadows\nnodes:\n{hubs}"
    with ProcessLab(topology_files.parse(text, "s.yaml"), tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def session(lab: ProcessLab, server: str, client: str) -> SmtpSession:
    """A session with a server, from the address of another node."""
    seat = lab.placement.seats[client]
    return SmtpSession.connect(
        Route(lab.reachable(server, 25), helo=client, source=(seat.address,))
    )


@pytest.mark.parametrize("command", ["XSHADOW ht2 1 1", "XQDISCARD 1 1"])
@pytest.mark.parametrize("client", ["server", "guest"])
def test_clients_cannot_speak_as_hubs_do(lab: ProcessLab, command: str, client: str) -> None:
    """Neither who may relay nor anybody else can plant a copy, or ask after a queue."""
    told = session(lab, "ht1", client)
    assert told.extension(command).code == 500
    told.quit()


@pytest.mark.parametrize(
    "command",
    [
        *("XSHADOW", "XSHADOW ht2", "XSHADOW ht2 1", "XSHADOW ht2 1 x", "XSHADOW ht2 1 1 1"),
        *("XQDISCARD", "XQDISCARD 1", "XQDISCARD -1 1", f"XQDISCARD {10**30} 1"),
    ],
)
def test_half_a_command_is_refused(lab: ProcessLab, command: str) -> None:
    """What is no primary and two rows, or no two rows, is not acted on; the session goes on."""
    told = session(lab, "ht1", "ht2")
    assert told.extension(command).code == 500
    assert told.extension("XQDISCARD 1 1").text == "discard"
    told.quit()


def test_a_hub_keeps_a_copy_for_another(lab: ProcessLab) -> None:
    """After XSHADOW a message is kept, and neither queued nor delivered."""
    told = session(lab, "ht3", "ht1")
    assert told.extension("XSHADOW ht1 17 17").ok
    content = b"Message-ID: <copy@test>\r\n\r\n\r\n"
    (outcome,) = told.send("a@contoso.com", ("user@contoso.com",), content).values()
    told.quit()
    assert outcome.result is Result.ACCEPTED
    assert lab.control("ht3")("shadows") == {"ht1": 1}
    assert lab.control("ht3")("queue") == []


def test_servers_of_the_organisation_may_relay_through_an_edge_server(lab: ProcessLab) -> None:
    """A hub's mail to the Internet is taken where a client's is refused."""
    for client, taken in (("ht1", Result.ACCEPTED), ("server", Result.REFUSED)):
        told = session(lab, "edge1", client)
        assert told.ask("a@contoso.com", _NOBODY).result is taken
        told.quit()
