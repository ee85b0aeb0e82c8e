"""A session's fast path, and the dialogue that takes over, say what a dialogue alone says."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.disturbance import Disturbance
from relaydrill.journal import Journal, read_events
from relaydrill.message import GTUBE
from relaydrill.node_settings import Filters, Greylist, RateLimit
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.dialogue import PROBE_NAME, Dialogue
from relaydrill.nodes.receiving.fast_path import FastPath
from relaydrill.nodes.receiving.policy import Policy
from relaydrill.nodes.receiving.reception import Received, Reception
from relaydrill.smtp import Phase, Reply

CLIENT, PROXY = "127.0.0.9", "127.0.0.5"
HEADER = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x09\x7f\x00\x00\x05\x30\x39\x00\x19"
"""Of a proxy that speaks for the client."""

Fault = tuple[str, Phase | None]
Step = bytes | Fault | None
"""Data from the client; a fault that begins; the end of all faults."""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Nothing logged, and one time of day for all banners."""
    log = logging.getLogger("mail.log")
    before = log.level
    log.setLevel(logging.CRITICAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replies, "date", lambda: "Mon, 1 Jan 2007 00:00:00 -0000")
        yield
    log.setLevel(before)


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and who is to read."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 1)} if peer else {})
        self.said = bytearray()
        self.protocol: Any = None
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keep it."""
        if not self._is_closing:
            self.said += data

    def is_closing(self) -> bool:
        """Whether the server has hung up."""
        return self._is_closing

    def close(self) -> None:
        """Hang up."""
        self._is_closing = True

    def abort(self) -> None:
        """Hang up."""
        self._is_closing = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another one reads from here on."""
        self.protocol = protocol

    def pause_reading(self) -> None:
        """All has been fed already."""

    def resume_reading(self) -> None:
        """All has been fed already."""


@dataclass
class Node:
    """Takes mail for one domain, and remembers it; some of it is refused, or breaks it."""

    answers_at_once = True
    taken: list[Received] = field(default_factory=list)

    async def accept(self, received: Received) -> Reply:
        """By what it says."""
        self.taken.append(received)
        if b"full" in received.content:
            return replies.BACK_PRESSURE
        if b"broken" in received.content:
            raise LookupError("broken")
        return replies.queued("<1@x>", len(self.taken))

    def takes(self, recipient: str, *, relay: bool) -> Reply | None:
        """Its own domain."""
        is_own = recipient.endswith("@contoso.com")
        return None if is_own or relay else replies.UNABLE_TO_RELAY


@dataclass(frozen=True)
class Told:
    """All that a session has left behind."""

    said: bytes
    taken: list[Received]
    journal: list[tuple[str, str, dict[str, Any]]]
    is_closing: bool
    open_sessions: int
    is_empty: bool


def receiver(journal: Path, **connector: Any) -> config.Hub:
    """A node's settings; its filters know one sender, one recipient and one client."""
    return config.Hub(
        name="ht1",
        fqdn="ht1.contoso.com",
        address="127.0.0.1",
        control=config.Control(address="127.0.0.1", port=1, token="t"),
        journal=str(journal),
        listeners=(
            config.Listener(
                port=25,
                bind=config.Address(address="127.0.0.1", port=25),
                connectors=(config.Connector().model_copy(update={"size": 3000, **connector}),),
            ),
        ),
        domains=("contoso.com",),
        trusted_proxies=(PROXY,),
        queue=str(journal.with_suffix(".sqlite")),
        routes=(),
        filters=Filters(
            senders=("spam@world.test",),
            recipients=("user@contoso.com", "other@contoso.com", "friend@elsewhere.test"),
            blocked=("127.0.0.66/32",),
            tarpit=0.0,
        ),
    )


Make = Callable[[config.Listener, Reception, Policy], asyncio.Protocol]


def whole(listener: config.Listener, reception: Reception, policy: Policy) -> asyncio.Protocol:
    """A dialogue from the start."""
    return Dialogue(listener, reception, policy)


def plain(listener: config.Listener, reception: Reception, policy: Policy) -> asyncio.Protocol:
    """A fast path, as long as it is one."""
    make = functools.partial(Dialogue, listener, reception, policy)
    return FastPath(listener, reception, make)


def begin(disturbances: Disturbances, fault: Fault) -> None:
    """Put a fault in force."""
    action, phase = fault
    reply = Reply(451, "4.3.2 later") if action == "reply" else None
    disturbances.add(Disturbance("f", action, phase, reply))  # type: ignore[arg-type]


async def _told(make: Make, folder: Path, steps: Sequence[Step], peer: str, **how: Any) -> Told:
    path = folder / "ht1.jsonl"
    path.unlink(missing_ok=True)
    for old in folder.glob("ht1.greylist.*"):
        old.unlink()
    journal, disturbances, node = Journal.open("ht1", path), Disturbances(), Node()
    configured = receiver(path, **how)
    reception = Reception(configured, node, journal, disturbances)
    listener = configured.listeners[0]
    wire = Wire(peer)
    if steps and isinstance(steps[0], tuple):  # in force before the client comes
        begin(disturbances, steps[0])
        steps = steps[1:]
    wire.protocol = make(listener, reception, Policy(reception, listener))
    wire.protocol.connection_made(wire)
    for step in steps:
        if isinstance(step, bytes):
            if step and not wire.is_closing():
                wire.protocol.data_received(step)
        elif step is None:
            disturbances.lift("f")
        else:
            begin(disturbances, step)
        for _ in range(4):
            await asyncio.sleep(0)
    disturbances.lift("f")
    for _ in range(4):
        await asyncio.sleep(0)
    found = wire.is_closing()
    wire.protocol.connection_lost(None)
    await asyncio.sleep(0)
    journal.close()
    events = [(each.kind, each.recipient, dict(each.detail)) for each in read_events(path)]
    reception.known.close()
    left = sum(reception.occupancy._open.values())
    return Told(bytes(wire.said), node.taken, events, found, left, reception.empty.is_set())


def told(make: Make, folder: Path, steps: Sequence[Step], peer: str = CLIENT, **how: Any) -> Told:
    """What comes of a session."""
    return asyncio.run(_told(make, folder, steps, peer, **how))


HELLO = b"EHLO client.test\r\n"
MAIL = b"MAIL FROM:<app@world.test>\r\n"
RCPT = b"RCPT TO:<user@contoso.com>\r\n"
DATA = b"DATA\r\n"
LETTER = b"Subject: x\r\n\r\n..x\r\n.\r\n"
QUIT = b"QUIT\r\n"
COURSE = (HELLO, MAIL, RCPT, DATA, LETTER, QUIT)

SLOTS: tuple[tuple[bytes, ...], ...] = (
    (
        *(HELLO, HELLO, b"HELO client.test\r\n", f"EHLO {PROBE_NAME}\r\n".encode()),
        *(b"ehlo a\r\n", b"EHLO [127.0.0.1]\r\n", b"EHLO\r\n", b"EHLO a b\r\n", b"EHLO a\n"),
    ),
    (
        *(
            MAIL,
            MAIL,
            MAIL,
            b"mail from:<a@b.test>\r\n",
            b"MAIL FROM:<app@world.test> SIZE=100\r\n",
        ),
        *(b"MAIL FROM:<app@world.test> size=9999\r\n", b"MAIL FROM:<spam@world.test>\r\n"),
        *(b"MAIL FROM:<>\r\n", b"MAIL FROM:a\r\n", b"MAIL FROM:<" + b"a" * 510 + b"@b.test>\r\n"),
        *(b"MAIL FROM:<a@b> BODY=8BITMIME\r\n", MAIL + RCPT),
    ),
    (
        *(RCPT, RCPT, RCPT, b"RCPT TO:<other@contoso.com>\r\n", b"rcpt to:<user@contoso.com>\r\n"),
        *(b"RCPT TO:<nobody@contoso.com>\r\n", b"RCPT TO:<friend@elsewhere.test>\r\n"),
        *(
            b"RCPT TO:<user@elsewhere.test>\r\n",
            b"RCPT TO:<x>\r\n",
            b"RCPT\r\n",
            RCPT + DATA + LETTER,
        ),
    ),
    (DATA, DATA, DATA, DATA, DATA, b"DATA x\r\n", b"DATA\r\r\n", b"data\r\n", DATA + LETTER),
    (
        *(LETTER, LETTER, LETTER + MAIL, LETTER + QUIT, b".\r\n", b"the disk is full\r\n.\r\n"),
        *(b"a broken one\r\n.\r\n", GTUBE + b"\r\n.\r\n", b"l" * 1200 + b"\r\n.\r\n"),
        *((b"m" * 900 + b"\r\n") * 4 + b".\r\n", b"x\r\n.\r\nRSET\r\n"),
    ),
    (QUIT, b"QUIT x\r\n", b"QUIT\r\nNOOP\r\n", b"RSET\r\n", b"NOOP\r\n", b"STARTTLS\r\n"),
)
"""What may come in each place of the fast path."""

odd = st.sampled_from(
    [
        *(b"RSET\r\n", b"NOOP\r\n", b"VRFY x\r\n", b"STARTTLS\r\n", b"AUTH LOGIN\r\n", b"\r\n"),
        *(
            b"XSHADOW ht2 1 2\r\n",
            b"XQDISCARD 1 2\r\n",
            b"\xe9\xe9\r\n",
            b"EHL",
            HEADER,
            HELLO,
            MAIL,
        ),
    ]
)
faults = st.tuples(
    st.sampled_from(["reply", "delay", "drop", "hang"]), st.sampled_from([None, *Phase])
)


@st.composite
def sessions(draw: st.DrawFn) -> list[Step]:
    """The fast path, of one message or two, each part of it in one of its forms.

    Now and then a part is left out, comes twice, or is cut in two, something odd comes in between,
    or a fault begins or ends.
    """
    steps: list[Step] = []
    for slot in (*SLOTS[:5], *SLOTS[draw(st.integers(1, 5)) :]):
        step = draw(st.sampled_from(slot))
        match draw(st.integers(0, 20)):
            case 0:
                continue
            case 1:
                steps.append(step)
            case 2:
                steps.append(draw(odd))
            case 3:
                steps.append(draw(faults))
            case 4:
                steps.append(None)
            case 5:
                at = draw(st.integers(0, len(step)))
                steps.append(step[:at])
                step = step[at:]
        steps.append(step)
    return steps


@settings(max_examples=600, deadline=None)
@given(sessions(), st.sampled_from([CLIENT, CLIENT, PROXY, "127.0.0.66", ""]))
def test_nothing_tells_a_fast_path_from_a_dialogue(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], peer: str
) -> None:
    """Whatever comes, and whenever a fault begins: the same words, messages and journal lines."""
    folder = tmp_path_factory.getbasetemp() / f"course{os.getpid()}"
    folder.mkdir(exist_ok=True)
    if peer == PROXY:
        steps = [HEADER, *steps]
    found = told(plain, folder, steps, peer)
    assert found == told(whole, folder, steps, peer)
    assert (found.open_sessions, found.is_empty) == (0, True)


SPECIAL: dict[str, tuple[Step, ...]] = {
    "greets in the middle of a message": (HELLO, MAIL, HELLO, RCPT, DATA, LETTER),
    "a blocked sender": (HELLO, b"MAIL FROM:<spam@world.test>\r\n", MAIL, RCPT),
    "spam": (*COURSE[:4], GTUBE + b"\r\n.\r\n", *COURSE[1:]),
    "a size, after HELO": (b"HELO a\r\n", b"MAIL FROM:<a@b.test> SIZE=1\r\n"),
    "a size that is too much": (HELLO, b"MAIL FROM:<a@b.test> SIZE=9999\r\n"),
    "a command that is too long": (HELLO, SLOTS[1][9], MAIL),
    "a command right after the dot": (*COURSE[:4], LETTER + MAIL, RCPT, DATA, LETTER),
    "a recipient that is not taken": (*COURSE[:2], b"RCPT TO:<friend@elsewhere.test>\r\n", DATA),
    "a recipient that is not known": (*COURSE[:2], b"RCPT TO:<nobody@contoso.com>\r\n", DATA),
    "nothing before MAIL": (MAIL, RCPT, DATA),
    "nothing before RCPT": (HELLO, RCPT, DATA),
    "nothing before DATA": (HELLO, MAIL, DATA),
    "two messages": (*COURSE[:5], *COURSE[1:]),
    "a second sender": (HELLO, MAIL, MAIL, RCPT),
    "a full disk": (*COURSE[:4], b"the disk is full\r\n.\r\n", *COURSE[1:]),
    "a defect": (*COURSE[:4], b"a broken one\r\n.\r\n", *COURSE[1:]),
    "a line that is too long": (*COURSE[:4], b"l" * 1200 + b"\r\n.\r\n", *COURSE[1:]),
    "a message that is too long": (*COURSE[:4], (b"m" * 900 + b"\r\n") * 4 + b".\r\n", QUIT),
    "a health check": (f"EHLO {PROBE_NAME}\r\n".encode(), ("reply", Phase.MAIL), MAIL),
    "a fault before the client comes": (("reply", Phase.BANNER), *COURSE),
    "a fault before a command": (*COURSE[:2], ("reply", Phase.RCPT), *COURSE[2:]),
    "a fault in the middle of a message": (*COURSE[:4], b"x", ("reply", Phase.DOT), LETTER),
    "a fault that was": (HELLO, ("drop", Phase.DATA), MAIL, None, *COURSE[2:]),
}


@pytest.mark.parametrize("steps", SPECIAL.values(), ids=SPECIAL)
def test_what_is_not_plain_is_left_to_a_dialogue(tmp_path: Path, steps: tuple[Step, ...]) -> None:
    """Each rule that makes a session special, by itself."""
    assert told(plain, tmp_path, steps) == told(whole, tmp_path, steps)


@pytest.mark.parametrize(
    "connector",
    [
        {"anonymous": False},
        {"auth": "required"},
        {"tls": "required"},
        {"connections": 0},
        {"per_source": 0},
        {"recipients": 1},
        {"relay": True, "internal": True},
        {"size": 0},
        {"greylist": Greylist(delay=60.0)},
        {"greylist": Greylist(delay=0.0)},
        {"rate_limit": RateLimit(messages=1)},
        {"rate_limit": RateLimit(sessions=1)},
    ],
    ids=str,
)
def test_every_kind_of_connector_keeps_its_rules(tmp_path: Path, connector: dict[str, Any]) -> None:
    """What a connector wants is wanted of a fast path, too."""
    other, beyond = b"RCPT TO:<other@contoso.com>\r\n", b"RCPT TO:<user@elsewhere.test>\r\n"
    for steps in (COURSE, (*COURSE[:3], other, *COURSE[3:]), (*COURSE[:3], beyond, *COURSE[3:])):
        found = told(plain, tmp_path, steps, **connector)
        assert found == told(whole, tmp_path, steps, **connector)


@pytest.mark.parametrize("peer", [CLIENT, PROXY])
def test_a_plain_session_needs_no_dialogue(tmp_path: Path, peer: str) -> None:
    """From the greeting to the end, for several messages, nobody takes over."""

    def alone(listener: config.Listener, reception: Reception, _policy: Policy) -> FastPath:
        return FastPath(listener, reception, lambda: pytest.fail("a dialogue took over"))

    steps = [*([HEADER] if peer == PROXY else []), *COURSE[:5], *COURSE[1:]]
    found = told(alone, tmp_path, steps, peer)
    assert len(found.taken) == 2
    assert found.said.decode().splitlines()[-1] == "221 2.0.0 Service closing transmission channel"
    assert {each.client for each in found.taken} == {CLIENT}


class Hasty(asyncio.SelectorEventLoop):
    """An event loop whose clock a test can put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        """Monotonic seconds."""
        return super().time() + self.ahead_s

    async def pass_over(self, seconds: float) -> None:
        """Have so much time pass at once; what is due then is done."""
        self.ahead_s += seconds
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("make", [whole, plain])
@pytest.mark.parametrize(("peer", "says"), [(CLIENT, True), (PROXY, False)])
def test_a_silent_client_is_hung_up_on(tmp_path: Path, make: Make, peer: str, says: bool) -> None:
    """After the timeout, counted from the last that it said, be it a piece of a message.

    It is told so if it had been greeted.
    """
    loop = Hasty()

    async def silence() -> tuple[bool, bytes]:
        configured = receiver(tmp_path / "j").model_copy(update={"idle_s": 400.0})
        journal = Journal.open("ht1", tmp_path / "j")
        reception = Reception(configured, Node(), journal, Disturbances())
        listener, wire = configured.listeners[0], Wire(peer)
        wire.protocol = make(listener, reception, Policy(reception, listener))
        wire.protocol.connection_made(wire)
        if says:
            for data in (HELLO, MAIL, RCPT, DATA, b"Subject: slow\r\n", b"\r\n", b"text\r\n"):
                await loop.pass_over(300.0)
                wire.protocol.data_received(data)
        await loop.pass_over(300.0)
        was_closing = wire.is_closing()
        await loop.pass_over(300.0)
        assert wire.is_closing()
        wire.protocol.connection_lost(None)
        journal.close()
        return was_closing, bytes(wire.said)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        was_closing, said = runner.run(silence())
    assert not was_closing
    assert said.endswith(b"451 4.7.0 Timeout waiting for client input\r\n") == says
