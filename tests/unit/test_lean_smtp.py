"""Our session and stock aiosmtpd's answer the same dialogues with the same words."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.nodes.lean import LeanSmtp
from relaydrill.nodes.lean.body import Body, Flaw

MOST = 3000
"""Bytes of a message, so that dialogues of the test exceed it."""


@pytest.fixture(autouse=True, scope="module")
def _silent() -> Iterator[None]:
    """Nothing logged: a client's nonsense is the matter of these tests."""
    log = logging.getLogger("mail.log")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)


class Handler:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | None, tuple[str, ...], bytes | None]] = []

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        """As stock would."""
        session.host_name = hostname
        return lines

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Echo what was understood."""
        envelope.mail_from = address
        return f"250 from {address!r} {options!r}"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Echo what was understood."""
        envelope.rcpt_tos.append(address)
        return f"250 to {address!r} {options!r}"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep it."""
        self.messages.append(
            (envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content)
        )
        return "250 taken"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.said = bytearray()
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keep it."""
        self.said += data

    def is_closing(self) -> bool:
        """Whether the server has hung up."""
        return self._is_closing

    def close(self) -> None:
        """Hang up."""
        self._is_closing = True

    def pause_reading(self) -> None:
        """All has been fed already."""

    def resume_reading(self) -> None:
        """All has been fed already."""


def no(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """Nobody may log in."""
    return AuthResult(success=False, handled=False)


def stock(handler: Handler) -> SMTP:
    """A session as aiosmtpd makes it."""
    made = SMTP(
        handler,
        hostname="ht1",
        data_size_limit=MOST,
        timeout=60,
        authenticator=no,
        loop=asyncio.get_running_loop(),
    )
    made.__ident__ = ""
    # On the class it is shared with every other session.
    made.command_size_limits = defaultdict(lambda: 512)
    return made


def lean(handler: Handler) -> SMTP:
    """A session of ours."""
    made = LeanSmtp(handler, hostname="ht1", data_size_limit=MOST, timeout=60, authenticator=no)
    made.command_size_limits = defaultdict(lambda: 512)
    return made


async def _served(make: Any, pieces: Sequence[bytes]) -> tuple[bytes, list[Any]]:
    handler, wire = Handler(), Wire()
    session = make(handler)
    session.connection_made(wire)
    for piece in (b"", *pieces):
        if piece and not wire.is_closing():
            session.data_received(piece)
        for _ in range(4 + 3 * piece.count(b"\n")):
            await asyncio.sleep(0)
    session.connection_lost(None)
    await asyncio.sleep(0)
    return bytes(wire.said), handler.messages


def served(make: Any, pieces: Sequence[bytes]) -> tuple[bytes, list[Any]]:
    """What a server says to a client that sends these pieces, and the messages that it takes."""
    return asyncio.run(_served(make, pieces))


def cut(dialogue: bytes, at: Sequence[int]) -> list[bytes]:
    """A dialogue in pieces."""
    places = sorted({min(place, len(dialogue)) for place in at} | {0, len(dialogue)})
    return [dialogue[a:b] for a, b in pairwise(places)]


addresses = st.one_of(
    st.sampled_from(
        [
            *("<app@contoso.com>", "app@contoso.com", "<>", "< app@contoso.com >", "<app>", ""),
            *('<"a b"@contoso.com>', "<app@[127.0.0.1]>", "<@a,@b:app@contoso.com>", "<app@>"),
            *("<a..b@contoso.com>", "<.a@contoso.com>", "<a@contoso..com>", "<a@b@c>", "<a@b> x"),
            *("<a@b>(comment)", "(comment)<a@b>", "<a(x)@b>", "<a@b>SIZE=1", "<a@b>\tSIZE=1"),
            *("<a@b_c>", "<a@-b->", "<a@b.>", "  <a@b>  ", "<a@b>  SIZE=1  BODY=7BIT", "a@b c@d"),
        ]
    ),
    st.text(alphabet="<>@.ab\"\\ ()[]=-_+'\t", max_size=12),
)
options = st.sampled_from(
    [
        "",
        "",
        " SIZE=100",
        " SIZE=99999",
        " size=1 body=8bitmime",
        " BODY=X",
        " FOO",
        " SIZE=",
        " =1",
    ]
)
commands = st.one_of(
    st.sampled_from(
        [
            *("EHLO client", "HELO client", "EHLO", "HELO", "RSET", "RSET x", "NOOP", "NOOP x"),
            *("QUIT", "QUIT x", "VRFY <a@b>", "VRFY", "HELP", "HELP MAIL", "EXPN x", "STARTTLS"),
            *(
                "AUTH",
                "AUTH PLAIN",
                "AUTH LOGIN",
                "",
                " ",
                "XYZ",
                "MAIL",
                "RCPT",
                "mail from",
                "\t",
            ),
            *("DATA x", "Y" * 511, "Y" * 513, "Y" * 1001, "Y" * 1002, "Y" * 2500, "\xe9\xe9 x"),
        ]
    ),
    st.builds("MAIL FROM:{}{}".format, addresses, options),
    st.builds("RCPT TO:{}{}".format, addresses, options),
)
lines = st.one_of(
    st.sampled_from(["", "x", "hello", "..", "..x", ".x", "a\rb", "a\nb", "\r", "\n.", "\n.\n"]),
    st.integers(990, 1010).map("l".__mul__),
    st.integers(1, 3).map(lambda n: "m" * 900 * n),
    st.text(alphabet=".\r\n a\xe9", max_size=8),
)
mails = st.lists(lines, max_size=6).map(
    lambda found: "\r\n".join(
        ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", *found, ".", ""]
    )
)
dialogues = st.lists(
    st.one_of(commands.map(lambda line: f"{line}\r\n"), mails, st.just("DATA\r\n")), max_size=8
).map(lambda parts: "".join(parts).encode("latin-1"))
places = st.lists(st.integers(0, 6000), max_size=12)


@settings(max_examples=300, deadline=None)
@given(dialogues, places)
def test_nothing_changes_on_the_wire(dialogue: bytes, at: list[int]) -> None:
    """Whatever is said, in pieces of any size: the same replies, the same messages taken."""
    pieces = cut(dialogue, at)
    assert served(lean, pieces) == served(stock, pieces)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=8), places)
def test_a_body_is_the_same_in_pieces_of_any_size(given_lines: list[str], at: list[int]) -> None:
    """Where the network cuts a message makes no difference to what is taken of it."""
    data = "\r\n".join([*given_lines, ".", "rest"]).encode("latin-1")
    whole, pieces = Body(longest_line=1001, most=MOST), Body(longest_line=1001, most=MOST)
    rest = whole.feed(data)
    assert rest is not None
    after: bytes | None = None
    for piece in cut(data, at):
        after = pieces.feed(piece) if after is None else after + piece
    assert after == rest
    assert (pieces.flaw, pieces.content if pieces.flaw is Flaw.NONE else b"") == (
        whole.flaw,
        whole.content if whole.flaw is Flaw.NONE else b"",
    )


@pytest.mark.parametrize(
    ("dialogue", "answer"),
    [
        ("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n..x\r\n.\r\nNOOP\r\n", "250 OK"),
        ("Y" * 3000 + "\r\nNOOP\r\n", "250 OK"),
    ],
)
@pytest.mark.parametrize("make", [stock, lean])
def test_a_dialogue_goes_on_after_what_was_special(dialogue: str, answer: str, make: Any) -> None:
    """After a message, and after a line that is too long, the next command is answered."""
    said, _ = served(make, [dialogue.encode()])
    assert said.decode().splitlines()[-1] == answer


def test_a_session_has_all_that_stock_has() -> None:
    """No attribute that aiosmtpd gives a session is missing: its own methods may use any."""

    async def attributes() -> tuple[set[str], set[str]]:
        return set(vars(stock(Handler()))), set(vars(lean(Handler())))

    theirs, ours = asyncio.run(attributes())
    assert theirs - ours == set()


@pytest.mark.parametrize("at", ["proxy", "banner", "command"])
def test_a_client_that_is_gone_is_hung_up_on_at_once(at: str) -> None:
    """Its end closes the connection, before the banner too: nothing stays open until a timeout."""

    class Slow(LeanSmtp):
        async def push(self, status: Any) -> None:
            if at == "banner":
                await asyncio.sleep(60)
            await super().push(status)

    async def gone() -> bool:
        wire = Wire()
        session = Slow(Handler(), hostname="ht1", timeout=60)
        if at == "proxy":
            session._proxy_timeout = 60
        session.connection_made(wire)
        assert not wire.is_closing()
        session.eof_received()
        for _ in range(3):
            await asyncio.sleep(0)
        found = wire.is_closing()
        session.connection_lost(None)
        return found

    assert asyncio.run(gone())


def test_a_silent_client_is_hung_up_on() -> None:
    """After the timeout, counted from the last command, and not before."""

    async def silence() -> tuple[bool, bool]:
        wire = Wire()
        session = LeanSmtp(Handler(), hostname="ht1", timeout=0.3)
        session.connection_made(wire)
        for _ in range(3):
            await asyncio.sleep(0.15)
            session.data_received(b"NOOP\r\n")
        await asyncio.sleep(0.15)
        was_closing = wire.is_closing()
        await asyncio.sleep(0.4)
        found = wire.is_closing()
        session.connection_lost(None)
        await asyncio.sleep(0)
        return was_closing, found

    assert asyncio.run(silence()) == (False, True)
