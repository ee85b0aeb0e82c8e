"""The contract of the fake hub: what a client, a balancer and a mailbox server may rely on."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import signal
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import pytest
import trustme

from relaydrill import topology_files
from relaydrill.disturbance import Disturbance
from relaydrill.drivers import loopback
from relaydrill.drivers.certificates import Authority
from relaydrill.drivers.fork_server_client import ForkServerClient
from relaydrill.endpoint import Endpoint
from relaydrill.faults import ServiceFault, fault_called
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account, Ledger, join
from relaydrill.message import GTUBE, SPAM_MARK, compose, digest
from relaydrill.node_settings import Filters
from relaydrill.nodes import config
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Seat
from relaydrill.smtp import Phase, Reply, Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession, with_transparent_dots
from relaydrill.wait import wait_for
from tests.scripted_server import ScriptedServer

_TOKEN: Final = "the hub's token"
_LOGIN: Final = config.Login(user="app", password="secret")
_TO: Final = "user@contoso.com"
_CONTENT: Final = b"Message-ID: <1@app>\r\nSubject: one\r\n\r\nbody\r\n"
_PATIENCE_S: Final = 10.0


class Client:
    """Says to a server what it is told to, line by line.

    Args:
        where: The server.
        source: Own address.
        first: What is sent before the banner has come.
    """

    def __init__(self, where: Endpoint, source: str, first: bytes = b"") -> None:
        self._socket = socket.create_connection(
            (where.address, where.port), timeout=_PATIENCE_S, source_address=(source, 0)
        )
        self._replies = self._socket.makefile("rb")
        self._socket.sendall(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._replies.close()
        self._socket.close()

    def reply(self) -> str:
        """The next reply, its lines as they come; empty where the server has hung up."""
        lines: list[str] = []
        with contextlib.suppress(ConnectionResetError):
            while line := self._replies.readline().decode():
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def say(self, line: str) -> str:
        """Send one command, and return its reply."""
        self.send(f"{line}\r\n".encode())
        return self.reply()

    def greet(self) -> Self:
        """Take the banner and say EHLO."""
        assert self.reply().startswith("220 ")
        assert self.say("EHLO app.contoso.com").startswith("250")
        return self

    def starttls(self, context: ssl.SSLContext) -> Self:
        """Go over to TLS, and greet again."""
        assert self.say("STARTTLS") == "220 2.0.0 SMTP server ready"
        self._replies.close()
        self._socket = context.wrap_socket(self._socket, server_hostname="ht1.contoso.com")
        self._replies = self._socket.makefile("rb")
        assert self.say("EHLO app.contoso.com").startswith("250")
        return self

    def message(self, content: bytes = _CONTENT, *recipients: str) -> str:
        """Send a message, and return the reply that decided."""
        commands = [f"RCPT TO:<{each}>" for each in recipients or (_TO,)]
        for command in ("MAIL FROM:<app@contoso.com>", *commands, "DATA"):
            reply = self.say(command)
            if reply[0] not in "23":
                return reply
        self.send(content + b".\r\n")
        return self.reply()

    def half_close(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """Reset the connection, as a client does that crashes."""
        linger = struct.pack("ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._replies.close()
        self._socket.close()


class Tier:
    """A hub, and whatever stands around it.

    Args:
        fork_server: What forks the nodes.
        seats: Where they sit.
        folder: For their files.
        tls: The hub's certificate.
    """

    def __init__(
        self, fork_server: ForkServerClient, seats: dict[str, Seat], folder: Path, tls: config.Tls
    ) -> None:
        self.seats = seats
        self.folder = folder
        self._fork_server = fork_server
        self._tls = tls

    def hub(self, *next_hops: Endpoint, **changes: Any) -> None:
        """Start the hub; its next hop is the mailbox server where none is given."""
        seat, hops = self.seats["ht1"], next_hops or (self.seats["mbx"].endpoint(25),)
        settings = config.Hub(
            **self._common("ht1"),
            listeners=(
                _listener(25, seat, config.Connector(relay=True)),
                _listener(587, seat, config.Connector(tls="required", auth="required")),
            ),
            domains=("contoso.com",),
            trusted_proxies=(self.seats["lb1"].address,),
            tls=self._tls,
            logins=(_LOGIN,),
            queue=str(self.folder / "queue.sqlite"),
            routes=(config.Route(next_hops=tuple(map(_address, hops))),),
            glitch_retry_s=0.05,
            deferral_s=0.1,
        )
        self._start("ht1", settings.model_copy(update=changes))

    def mailbox(self) -> None:
        """Start the mailbox server."""
        listeners = (_listener(25, self.seats["mbx"], config.Connector()),)
        settings = config.Mailbox(
            **self._common("mbx"), listeners=listeners, domains=("contoso.com",)
        )
        self._start("mbx", settings)

    def connect(self, port: int = 25, *, source: str = "app", first: bytes = b"") -> Client:
        """A client of the hub."""
        return Client(self.seats["ht1"].endpoint(port), self.seats[source].address, first)

    def control(self, node: str) -> ControlClient:
        """A node's control channel."""
        return ControlClient(node, self.seats[node].endpoint(CONTROL_PORT), _TOKEN)

    def pid(self, node: str) -> int:
        """A node's process number."""
        pid = self._fork_server.pid_of(node)
        assert pid
        return pid

    def events(self, node: str, kind: str) -> list[Event]:
        """What a node has journalled."""
        return [event for event in read_events(self.journal(node)) if event.kind == kind]

    def until(self, node: str, kind: str, count: int = 1) -> list[Event]:
        """Wait until a node has journalled something so often."""
        wait_for(
            lambda: len(self.events(node, kind)) >= count,
            what=f"{node} to journal {count} x {kind}",
            deadline_s=_PATIENCE_S,
        )
        return self.events(node, kind)

    def drained(self) -> Ledger:
        """The account of everything, once the hub's queue is empty."""
        wait_for(
            lambda: self.control("ht1")("queue_length") == 0,
            what="the queue to drain",
            deadline_s=_PATIENCE_S,
        )
        nodes = [node for node in ("ht1", "mbx") if self.journal(node).exists()]
        return join(event for node in nodes for event in read_events(self.journal(node)))

    def journal(self, node: str) -> Path:
        """A node's journal."""
        return self.folder / f"{node}.jsonl"

    def end(self) -> None:
        """Kill whatever runs."""
        for node in ("ht1", "mbx"):
            if pid := self._fork_server.pid_of(node):
                with contextlib.suppress(ProcessLookupError):  # a test has killed it just now
                    os.kill(pid, signal.SIGKILL)
                self._until(lambda node=node: not self._fork_server.pid_of(node), f"{node} to end")

    def _common(self, node: str) -> dict[str, Any]:
        endpoint = self.seats[node].endpoint(CONTROL_PORT)
        control = config.Control(address=endpoint.address, port=endpoint.port, token=_TOKEN)
        return {
            "name": node,
            "fqdn": f"{node}.contoso.com",
            "address": self.seats[node].address,
            "control": control,
            "journal": str(self.journal(node)),
        }

    def _start(self, node: str, settings: config.Hub | config.Mailbox) -> None:
        log = self.folder / f"{node}.log"
        self._fork_server.start(node, settings.model_dump(mode="json"), log)
        self._until(self.control(node).answers, f"{node} to be ready")

    @staticmethod
    def _until(condition: Any, what: str) -> None:
        wait_for(condition, what=what, deadline_s=_PATIENCE_S, every_s=0.002)


def _listener(port: int, seat: Seat, *connectors: config.Connector) -> config.Listener:
    return config.Listener(port=port, bind=_address(seat.endpoint(port)), connectors=connectors)


def _address(endpoint: Endpoint) -> config.Address:
    return config.Address(address=endpoint.address, port=endpoint.port)


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServerClient]:
    """What forks the nodes of all tests."""
    with ForkServerClient() as client:
        yield client


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the hub's certificate."""
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> config.Tls:
    """The hub's certificate."""
    folder, issued = tmp_path_factory.mktemp("tls"), authority.issue_cert("ht1.contoso.com")
    chain, key = folder / "ht1.pem", folder / "ht1.key"
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    return config.Tls(certificate=str(chain), key=str(key))


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """What a client trusts."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def tier(fork_server: ForkServerClient, certificate: config.Tls, tmp_path: Path) -> Iterator[Tier]:
    """Seats for a hub, a mailbox server, a balancer and two clients; nothing runs yet."""
    hub, nobody = frozenset({25, 587}), frozenset[int]()
    hosts = {"ht1": hub, "mbx": frozenset({25}), "lb1": nobody, "app": nobody, "other": nobody}
    with loopback.network(hosts) as net:
        made = Tier(fork_server, net.seats, tmp_path, certificate)
        try:
            yield made
        finally:
            made.end()


@pytest.fixture
def hub(tier: Tier) -> Tier:
    """A hub and its mailbox server, running."""
    tier.mailbox()
    tier.hub()
    return tier


def test_a_session_is_in_exchange_words(hub: Tier) -> None:
    """Banner, EHLO and every reply of a good session are those of an Exchange server."""
    with hub.connect() as client:
        banner = client.reply()
        assert banner.startswith("220 ht1.contoso.com Microsoft ESMTP MAIL Service ready at ")
        hello = client.say("EHLO app").split("\n")
        assert hello[0] == f"250-ht1.contoso.com Hello [{hub.seats['app'].address}]"
        assert hello[1] == "250-SIZE 37748736"
        assert hello[-1].startswith("250 ")
        assert client.say("MAIL FROM:<app@contoso.com> SIZE=100") == "250 2.1.0 Sender OK"
        assert client.say(f"RCPT TO:<{_TO}>") == "250 2.1.5 Recipient OK"
        assert client.say("DATA") == "354 Start mail input; end with <CRLF>.<CRLF>"
        client.send(_CONTENT + b".\r\n")
        reply = client.reply()
        assert reply.startswith("250 2.6.0 <1@app> [InternalId=")
        assert reply.endswith("] Queued mail for delivery")
        assert client.say("RSET") == "250 2.0.0 Resetting"
        assert client.say("NOOP") == "250 2.0.0 OK"
        assert client.say("QUIT") == "221 2.0.0 Service closing transmission channel"


def test_only_what_the_hub_can_do_is_announced(hub: Tier) -> None:
    """No CHUNKING, DSN or BINARYMIME: a client would use them."""
    with hub.connect() as client:
        client.reply()
        announced = client.say("EHLO app").upper()
    for extension in ("CHUNKING", "DSN", "BINARYMIME", "PIPELINING"):
        assert extension not in announced


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        (["MAIL FROM:<app@contoso.com>"], "503 5.5.2 Send hello first"),
        (["EHLO app", f"RCPT TO:<{_TO}>"], "503 5.5.2 Need mail command"),
        (["EHLO app", "MAIL FROM:<a@contoso.com>", "DATA"], "503 5.5.2 Need rcpt command"),
        (["EHLO app", "MAIL FROM:<a@b.c>", "MAIL FROM:<a@b.c>"], "503 5.5.2 Sender already"),
        (["EHLO app", "XYZZY"], "500 5.3.3 Unrecognized command"),
        (["EHLO app", "MAIL FROM:<a@b.c> SIZE=999999999"], "552 5.3.4 Message size exceeds fixed"),
        (["EHLO app", "MAIL FROM:nonsense <"], "501 5.5.4 Invalid arguments"),
    ],
)
def test_commands_out_of_place_are_refused(hub: Tier, commands: list[str], reply: str) -> None:
    """A wrong command gets Exchange's refusal, and the session goes on."""
    with hub.connect() as client:
        client.reply()
        said = [client.say(command) for command in commands]
        assert said[-1].startswith(reply)
        assert client.say("NOOP") == "250 2.0.0 OK"


def test_relaying_is_for_the_connector_that_allows_it(tier: Tier) -> None:
    """A connector without relay takes the accepted domains only; the others it refuses."""
    seat = tier.seats["ht1"]
    closed = _listener(25, seat, config.Connector())
    tier.mailbox()
    tier.hub(listeners=(closed,))
    with tier.connect() as client:
        client.greet().say("MAIL FROM:<app@contoso.com>")
        assert client.say("RCPT TO:<a@fabrikam.com>") == "550 5.7.1 Unable to relay"
        assert client.say(f"RCPT TO:<{_TO}>") == "250 2.1.5 Recipient OK"
    [refused] = tier.events("ht1", "refused")
    assert (refused.recipient, refused.detail["code"]) == ("a@fabrikam.com", 550)


def test_a_client_out_of_range_is_refused(tier: Tier) -> None:
    """A connector serves its own address range; everybody else is told to authenticate."""
    seat, app = tier.seats["ht1"], tier.seats["app"].address
    tier.mailbox()
    connector = config.Connector(networks=(f"{app}/32",), relay=True)
    tier.hub(listeners=(_listener(25, seat, connector),))
    with tier.connect() as client:
        assert client.greet().message().startswith("250 2.6.0")
    with tier.connect(source="other") as client:
        assert client.greet().message() == "530 5.7.1 Client was not authenticated"


def test_the_smallest_range_around_a_client_serves_it(tier: Tier) -> None:
    """Of connectors that share a port the most specific wins, in whatever order they stand."""
    seat, app = tier.seats["ht1"], tier.seats["app"].address
    everybody = config.Connector(name="internet")
    own = config.Connector(name="relay", networks=(f"{app}/32",), relay=True)
    tier.mailbox()
    tier.hub(listeners=(_listener(25, seat, everybody, own),))
    for source, reply in (
        ("app", "250 2.1.5 Recipient OK"),
        ("other", "550 5.7.1 Unable to relay"),
    ):
        with tier.connect(source=source) as client:
            client.greet().say("MAIL FROM:<app@contoso.com>")
            assert client.say("RCPT TO:<a@fabrikam.com>") == reply
    [refused] = tier.events("ht1", "refused")
    assert refused.detail["connector"] == "internet"


def test_a_connector_takes_so_many_sessions_and_no_more(tier: Tier) -> None:
    """The next one from the same address gets 421 and is closed; one that ends makes room."""
    seat = tier.seats["ht1"]
    tier.mailbox()
    tier.hub(listeners=(_listener(25, seat, config.Connector(per_source=2)),))
    with contextlib.ExitStack() as clients:
        first, second = (clients.enter_context(tier.connect()) for _ in range(2))
        first.greet()
        second.greet()
        with tier.connect() as third:
            assert third.reply().startswith(
                "421 4.3.2 The maximum number of concurrent connections"
            )
            assert third.reply() == ""
        with tier.connect(source="other") as elsewhere:
            elsewhere.greet()
        assert second.say("QUIT").startswith("221")
        assert second.reply() == ""
        with tier.connect() as fourth:
            fourth.greet()


def test_a_full_connector_tells_everybody_so(tier: Tier) -> None:
    """At the limit of all sessions it is the server's own limit that the 421 names."""
    seat = tier.seats["ht1"]
    tier.mailbox()
    tier.hub(listeners=(_listener(25, seat, config.Connector(connections=1)),))
    with tier.connect() as client:
        client.greet()
        with tier.connect(source="other") as late:
            assert "concurrent server connections" in late.reply()


def test_a_message_has_so_many_recipients_and_no_more(tier: Tier) -> None:
    """The rest are put off with 452, and the message goes to those that were taken."""
    seat = tier.seats["ht1"]
    tier.mailbox()
    connector = config.Connector(recipients=2, size=2000)
    tier.hub(listeners=(_listener(25, seat, connector),))
    with tier.connect() as client:
        client.greet().say("MAIL FROM:<app@contoso.com>")
        said = [client.say(f"RCPT TO:<{name}@contoso.com>") for name in "abc"]
        assert said == [*["250 2.1.5 Recipient OK"] * 2, "452 4.5.3 Too many recipients"]
        assert client.say("DATA").startswith("354")
        client.send(_CONTENT + b".\r\n")
        assert client.reply().startswith("250 2.6.0")
        assert client.message(_CONTENT + b"xxxxxxxx\r\n" * 300).startswith("552 5.3.4")


def test_submission_wants_tls_and_a_login(hub: Tier, trust: ssl.SSLContext) -> None:
    """On 587 nothing goes without STARTTLS, then nothing without AUTH, then even relaying does."""
    wrong, right = (
        base64.b64encode(f"\0{_LOGIN.user}\0{word}".encode()).decode()
        for word in ("guess", _LOGIN.password)
    )
    with hub.connect(587) as client:
        client.greet()
        assert client.say("MAIL FROM:<app@contoso.com>").startswith("530 5.7.0 Must issue")
        client.starttls(trust)
        refused = client.say("MAIL FROM:<app@contoso.com>")
        assert refused == "530 5.7.1 Client was not authenticated"
        assert client.say(f"AUTH PLAIN {wrong}") == "535 5.7.3 Authentication unsuccessful"
        assert client.say(f"AUTH PLAIN {right}") == "235 2.7.0 Authentication successful"
        assert client.message(_CONTENT, "a@fabrikam.com").startswith("250 2.6.0")


def test_the_balancer_alone_may_speak_for_another(hub: Tier) -> None:
    """A PROXY header names the client where it comes from the trusted balancer, and only there."""
    client_address = ipaddress.IPv4Address("10.9.8.7")
    header = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack(">H", 12)
    header += client_address.packed + ipaddress.IPv4Address("10.0.0.1").packed
    header += struct.pack(">HH", 4000, 25)
    with hub.connect(source="lb1", first=header) as client:
        client.reply()
        assert f"Hello [{client_address}]" in client.say("EHLO app")
    with hub.connect(source="other", first=header) as client:
        assert client.reply().startswith("220 ")
        assert str(client_address) not in client.say("EHLO app")


def test_accepted_mail_waits_for_its_mailbox_server(tier: Tier) -> None:
    """With the mailbox server away mail is taken and queued; it arrives when that comes back."""
    tier.hub()
    with tier.connect() as client:
        assert client.greet().message().startswith("250 2.6.0")
    tier.until("ht1", "deferred")
    assert tier.control("ht1")("queue_length") == 1
    tier.mailbox()
    [entry] = tier.drained().entries.values()
    assert entry.account is Account.DELIVERED


def test_a_refused_message_bounces_and_a_deferred_one_comes_again(tier: Tier) -> None:
    """The next hop's 4xx puts a message off; its 5xx ends it, journalled as bounced."""
    answers = {Phase.RCPT: "452 4.3.1 Insufficient system resources"}
    with ScriptedServer(answers) as hop:
        tier.hub(hop.endpoint)
        with tier.connect() as client:
            client.greet().message()
        tier.until("ht1", "deferred", 2)
        assert tier.control("ht1")("queue_length") == 1
    tier.end()
    with ScriptedServer({Phase.RCPT: "550 5.1.1 User unknown"}) as hop:
        tier.hub(hop.endpoint)
        [bounced] = tier.until("ht1", "bounced")
    assert "550 5.1.1" in bounced.detail["reason"]
    assert tier.control("ht1")("queue_length") == 0


def test_the_queue_survives_a_kill(tier: Tier) -> None:
    """What the hub has answered 250 for is delivered after a SIGKILL and a start."""
    tier.hub()
    with tier.connect() as client:
        client.greet()
        for number in range(20):
            content = _CONTENT.replace(b"<1@", b"<%d@" % number)
            assert client.message(content).startswith("250 2.6.0")
        os.kill(tier.pid("ht1"), signal.SIGKILL)
        assert client.reply() == ""
    tier.end()
    tier.mailbox()
    tier.hub()
    accounts = {entry.account for entry in tier.drained().entries.values()}
    assert accounts == {Account.DELIVERED}
    assert len(tier.events("mbx", "arrived")) == 20


@pytest.mark.parametrize("way", ["vanish", "half_close"])
def test_half_a_message_is_no_message(hub: Tier, way: str) -> None:
    """A client that goes before the dot leaves nothing in the queue, and no acceptance."""
    with hub.connect() as client:
        client.greet()
        for command in ("MAIL FROM:<app@contoso.com>", f"RCPT TO:<{_TO}>", "DATA"):
            client.say(command)
        client.send(_CONTENT)
        getattr(client, way)()
    with hub.connect() as client:
        assert client.greet().message(_CONTENT.replace(b"<1@", b"<2@")).startswith("250 ")
    assert [event.message for event in hub.until("mbx", "arrived")] == ["<2@app>"]
    assert [event.message for event in hub.events("ht1", "accepted")] == ["<2@app>"]


def test_what_arrives_is_what_was_sent(hub: Tier) -> None:
    """Leading dots, bare lines and long bodies come through unchanged, traced by the hub."""
    body = b"..dot\r\n.\x20\r\nFrom here\r\n" + b"x" * 990 + b"\r\n"
    content = b"Message-ID: <1@app>\r\n\r\n" + body
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    with hub.connect() as client:
        assert client.greet().message(stuffed).startswith("250 2.6.0 <1@app>")
    [arrived] = hub.until("mbx", "arrived")
    assert arrived.detail["digest"] == digest(content)
    assert arrived.detail["via"] == "ht1.contoso.com"


def test_a_message_that_loops_is_refused(hub: Tier) -> None:
    """More Received headers than any honest road has are answered with a 554."""
    looped = b"".join(b"Received: from a by b; now\r\n" for _ in range(31)) + _CONTENT
    with hub.connect() as client:
        assert client.greet().message(looped).startswith("554 5.4.6 Hop count exceeded")


def test_recipients_are_taken_one_by_one(hub: Tier) -> None:
    """Each recipient of a message has an account of its own."""
    with hub.connect() as client:
        assert client.greet().message(_CONTENT, _TO, "two@contoso.com").startswith("250 ")
    ledger = hub.drained()
    assert {key: entry.account for key, entry in ledger.entries.items()} == {
        ("<1@app>", _TO): Account.DELIVERED,
        ("<1@app>", "two@contoso.com"): Account.DELIVERED,
    }


def test_a_fault_that_is_lifted_leaves_no_trace(hub: Tier) -> None:
    """Back pressure refuses MAIL with a 452, is journalled as a bite, and ends when lifted."""
    pressure = Disturbance(
        "backpressure", "reply", Phase.MAIL, Reply(452, "4.3.1 Insufficient system resources")
    )
    control = hub.control("ht1")
    control("disturb", **pressure.to_json())
    with hub.connect() as client:
        assert client.greet().message() == "452 4.3.1 Insufficient system resources"
        control("relieve", label=pressure.label)
        assert client.message().startswith("250 2.6.0")
    [bite] = hub.events("ht1", "bitten")
    assert bite.detail["phase"] == "mail"


def test_a_fault_of_a_share_spares_the_other_sessions(hub: Tier) -> None:
    """Some sessions are refused, for all their messages; each of them is journalled, and no other.

    The same seed draws the same ones.
    """
    reply = Reply(451, "4.3.0 Local error in processing")
    some = Disturbance("tempfail", "reply", Phase.RCPT, reply, strength=0.5, seed="7/ht1")
    fates: list[list[bool]] = []
    for _ in range(2):
        hub.control("ht1")("disturb", **some.to_json())
        fates.append([])
        for _ in range(10):
            with hub.connect() as client:
                taken = client.greet().message().startswith("250 2.6.0")
                client.say("RSET")
                assert client.message().startswith("250 2.6.0") == taken
                fates[-1].append(taken)
    assert fates[0] == fates[1]
    assert 0 < sum(fates[0]) < 10
    bites = hub.until("ht1", "bitten", 2 * 2 * fates[0].count(False))
    assert len(bites) == 4 * fates[0].count(False)


_LIES: Final = {
    "swallow": {_TO: Account.LOST},
    "double": {_TO: Account.DUPLICATED},
    "misdeliver": {_TO: Account.LOST, "somebody-else@contoso.com": Account.DELIVERED},
    "truncate": {_TO: Account.ALTERED},
    "garble": {_TO: Account.ALTERED},
    "readdress": {_TO: Account.ALTERED},
}


def _lied_about(lie: str) -> tuple[str, bytes]:
    """The message that is sent to a server while it lies: its Message-ID, and all of it."""
    identity = f"<{lie}@app.contoso.com>"
    made = compose(identity, sender="app@contoso.com", recipients=(_TO,), size=400, date=1e9)
    return identity, made


def _as_sent(lie: str) -> Iterator[Event]:
    """What a sender journals of it."""
    identity, content = _lied_about(lie)
    for at, kind, told in (
        (0.0, "attempt", {"digest": digest(content)}),
        (0.1, "outcome", {"result": "accepted"}),
    ):
        yield Event(at, at, "app", kind, identity, _TO, told)


@pytest.mark.parametrize("liar", ["ht1", "mbx"])
def test_the_account_finds_every_lie(hub: Tier, liar: str) -> None:
    """Told 250 each time; what became of each message stands in the account, and who promised it.

    A hub that swallows mail journals its promise, as real ones log theirs.
    """
    for lie in _LIES:
        lying = Disturbance(lie, lie, Phase.DOT)  # type: ignore[arg-type]
        hub.control(liar)("disturb", **lying.to_json())
        with hub.connect() as client:
            content = with_transparent_dots(_lied_about(lie)[1])
            assert client.greet().message(content).startswith("250 2.6.0")
        hub.drained()
        hub.control(liar)("relieve", label=lie)
    events = [event for node in ("ht1", "mbx") for event in read_events(hub.journal(node))]
    ledger = join((*events, *(event for lie in _LIES for event in _as_sent(lie))))
    for lie, accounts in _LIES.items():
        identity, _ = _lied_about(lie)
        found = {to: each for (message, to), each in ledger.entries.items() if message == identity}
        assert {to: each.account for to, each in found.items()} == accounts, lie
        assert {node for _, node in found[_TO].accepted} == {"ht1"}
    assert [event.detail["fault"] for event in hub.events(liar, "bitten")] == [*_LIES]


_HT1: Final = topology_files.parse(
    """\
name: one
nodes:
  ht1: {role: hub, certificate: [ht1.contoso.com]}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows: {relay: {from: app, to: ht1}}
""",
    "one.yaml",
)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("certificate-expired", "certificate: certificate has expired"),
        ("certificate-not-yet", "certificate: certificate is not yet valid"),
        ("certificate-name", "certificate: Hostname mismatch"),
        ("certificate-unknown", "certificate: unable to get local issuer certificate"),
        ("starttls-hidden", "the server offers no STARTTLS"),
        ("handshake-fails", "handshake failure"),
        ("handshake-stalls", "timed out"),
        ("tls-outdated", ""),  # by the client's library: it is closed, or what comes is too old
    ],
)
def test_a_client_that_verifies_meets_each_fault_of_tls(
    hub: Tier, authority: trustme.CA, trust: ssl.SSLContext, kind: str, told: str
) -> None:
    """It gets no further than STARTTLS, and learns why; healed, it is served again."""
    route = Route(
        hub.seats["ht1"].endpoint(587),
        helo="app.contoso.com",
        source=(hub.seats["app"].address,),
        reply_s=0.3 if kind == "handshake-stalls" else _PATIENCE_S,
        tls=trust,
        server_name="ht1.contoso.com",
    )
    fault = fault_called(kind)
    assert isinstance(fault, ServiceFault)
    disturbance = fault.disturbance(1.0)
    if fault.flaw:
        signs = Authority(authority, hub.folder / "ca.pem")
        chain, key = signs.flawed(_HT1, "ht1", fault.flaw)
        disturbance = replace(disturbance, certificate=chain, key=key)
    control = hub.control("ht1")
    control("disturb", **disturbance.to_json())
    with pytest.raises(SessionEnded) as ended:
        SmtpSession.connect(route)
    assert (ended.value.outcome.result, ended.value.outcome.phase) == (
        Result.DROPPED,
        Phase.STARTTLS,
    )
    assert told in ended.value.outcome.reason
    control("relieve", label=kind)
    SmtpSession.connect(replace(route, reply_s=_PATIENCE_S)).quit()
    [bite] = hub.events("ht1", "bitten")
    assert (bite.detail["fault"], bite.detail["port"]) == (kind, 587)


@pytest.fixture
def edge(tier: Tier) -> Tier:
    """An Edge server with every filter, and a mailbox server behind it."""
    blocked = f"{tier.seats['other'].address}/32"
    filters = Filters(blocked=(blocked,), senders=("@fabrikam.com",), recipients=(_TO,), tarpit=0.2)
    tier.mailbox()
    listener = _listener(25, tier.seats["ht1"], config.Connector())
    tier.hub(role="edge", filters=filters, listeners=(listener,))
    return tier


def test_an_edge_refuses_each_kind_of_mail_in_its_own_words(edge: Tier) -> None:
    """Block list and recipient filter after RCPT, sender filter at MAIL, content after the dot."""
    with edge.connect(source="other") as client:
        address = edge.seats["other"].address
        assert client.greet().message() == (
            f"550 5.7.1 External client with IP address {address} does not have permissions to"
            " submit to this server."
        )
    with edge.connect() as client:
        client.greet()
        assert client.say("MAIL FROM:<a@fabrikam.com>") == "554 5.1.0 Sender denied"
        assert client.message(_CONTENT, "nobody@contoso.com") == "550 5.1.1 User unknown"
        assert client.say("RSET") == "250 2.0.0 Resetting"
        for mark in (GTUBE, SPAM_MARK):
            content = _CONTENT.replace(b"body", mark)
            reply = client.message(content)
            assert reply == "550 5.7.1 Message rejected as spam by Content Filtering."
        assert client.message().startswith("250 2.6.0")
    layers = [event.detail["layer"] for event in edge.events("ht1", "refused")]
    assert layers == ["connection", "sender", "recipient", "content", "content"]
    assert len(edge.until("mbx", "arrived")) == 1


def test_an_edge_makes_guessers_of_recipients_wait(edge: Tier) -> None:
    """The tarpit delays the refusal of a recipient, and nothing else."""
    with edge.connect() as client:
        client.greet().say("MAIL FROM:<app@contoso.com>")
        begin = time.monotonic()
        assert client.say("RCPT TO:<nobody@contoso.com>").startswith("550 5.1.1")
        assert time.monotonic() - begin >= 0.2
        assert client.say(f"RCPT TO:<{_TO}>") == "250 2.1.5 Recipient OK"
