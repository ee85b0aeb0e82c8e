"""The fast path for ordinary sessions: commands one by one, mail that is taken.

Nearly every session is of this kind, and a harness has thousands of them a second. It needs no
coroutine, no stream and none of the library's state: each piece of data is a command, and has one
answer. As soon as anything else comes (a fault, STARTTLS, half a line, a command or an address of
another form, whatever would be refused), nothing is answered: a `Dialogue` takes over, with the
session's state and the data as it came. So all that this must know is what is ordinary; a test
holds the two together.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from relaydrill.nodes import config
from relaydrill.nodes.lean.body import Body, Flaw
from relaydrill.nodes.lean.session import PARAMETERS, PLAIN, REFUSALS
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.dialogue import PROBE_NAME, Dialogue, SessionState
from relaydrill.nodes.receiving.reception import Received, Reception
from relaydrill.smtp import Phase, Reply

_PROXIED: Final = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"
"""The head of a PROXY v2 header that speaks for a client of TCP over IPv4, without more (§2.2)."""
_HEADER_BYTES: Final = 28

_HELLO: Final = re.compile(rb"(EHLO|HELO) ([A-Za-z0-9.-]+)\r\n", re.I)
_FROM: Final = re.compile(rb"MAIL FROM:%b%b\r\n" % (PLAIN.encode(), PARAMETERS.encode()), re.I)
_TO: Final = re.compile(rb"RCPT TO:%b\r\n" % PLAIN.encode(), re.I)

_LONGEST_LINE: Final = Dialogue.line_length_limit
_LONGEST_COMMAND: Final = 512
"""RFC 5321 §4.5.3.1.4."""


def _line(reply: Reply | str) -> bytes:
    return f"{reply}\r\n".encode("ascii", "replace")


@functools.lru_cache(maxsize=2)
def _banner(fqdn: str, date: str) -> bytes:
    return _line(replies.banner(fqdn, date))


@functools.lru_cache(maxsize=256)
def _capabilities(fqdn: str, client: str, size_limit: int, more: str) -> bytes:
    return _line(replies.capabilities(fqdn, client, size_limit, more))


_SENDER_OK: Final = _line(replies.SENDER_OK)
_RECIPIENT_OK: Final = _line(replies.RECIPIENT_OK)
_START: Final = _line(replies.in_exchange_words("354 "))
_CLOSING: Final = _line(replies.CLOSING)
_TOO_LATE: Final = _line(replies.IDLE)

_log = logging.getLogger("mail.log")


class FastPath(asyncio.Protocol):
    """One session.

    Args:
        listener: Where it came in.
        reception: What all sessions of the node share. Its acceptor answers at once.
        dialogue: Makes what takes over.
    """

    transport: asyncio.Transport
    _at: SessionState

    def __init__(
        self, listener: config.Listener, reception: Reception, dialogue: Callable[[], Dialogue]
    ) -> None:
        self.listener = listener
        self._reception = reception
        self._dialogue = dialogue
        self._loop = asyncio.get_running_loop()
        self._is_served = False
        self._body: Body | None = None
        self._idle_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def client(self) -> str:
        """Its address."""
        return self._at.client

    @property
    def connector(self) -> config.Connector:
        """What serves it."""
        return self._at.connector

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client, unless a proxy must tell first who it is."""
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        if not peer:
            self._hand_over_whole(b"")
        elif peer[0] not in self._reception.settings.trusted_proxies:
            self._greet(peer[0], b"")
        else:
            self._reception.entered(self)
            self._stay()

    def _greet(self, client: str, data: bytes) -> None:
        """Begin to serve a client, if it is an ordinary one.

        Args:
            client: The client's address.
            data: What tells who it is, if it has not been read.
        """
        reception, port = self._reception, self.listener.port
        connector = reception.serving(self.listener, client)
        may_send = connector.anonymous and "required" not in (connector.tls, connector.auth)
        has_room = may_send and reception.occupancy.has_room(port, connector, client)
        if reception.disturbances or not has_room:
            self._hand_over_whole(data)
            return
        reception.entered(self)
        reception.occupancy.enter(port, connector, client)
        self._at = SessionState(client, connector)
        self._is_served = True
        self._stay()
        self.transport.write(_banner(reception.settings.fqdn, replies.date()))

    def data_received(self, data: bytes) -> None:
        """Answer a command, or take a piece of a message."""
        if self._body is not None:
            self._take(self._body, data)
        elif not self._is_served:
            self._learn_client(data)
        elif self._reception.disturbances or not self._obeys(data):
            self._hand_over(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the session."""
        self._leave()
        if self._is_served:
            at = self._at
            self._reception.occupancy.leave(self.listener.port, at.connector, at.client)

    def _learn_client(self, data: bytes) -> None:
        """Take the header of a proxy; what follows it is none of the fast path's."""
        if data.startswith(_PROXIED) and len(data) == _HEADER_BYTES:
            self._greet(socket.inet_ntoa(data[16:20]), data)
        else:
            self._hand_over_whole(data)

    def _obeys(self, data: bytes) -> bool:
        """Answer, if this is a whole plain command that is not refused."""
        step = _STEPS.get(data[:5].upper())
        if step is None or len(data) > _LONGEST_COMMAND or not step(self, data):
            return False
        self._idle_until = self._loop.time() + self._reception.settings.idle_s
        return True

    def _hello(self, data: bytes) -> bool:
        found, at = _HELLO.fullmatch(data), self._at
        if found is None or at.sender:
            return False
        at.helo = found[2].decode("ascii")
        at.probe = at.probe or at.helo == PROBE_NAME
        at.is_extended = found[1].upper() == b"EHLO"
        fqdn = self._reception.settings.fqdn
        if at.is_extended:
            has_tls = self._reception.tls_context and at.connector.tls != "none"
            more, size = "STARTTLS" if has_tls else "", at.connector.size
            self.transport.write(_capabilities(fqdn, at.client, size, more))
        else:
            self.transport.write(_line(f"250 {replies.hello(fqdn, at.client)}"))
        return True

    def _mail(self, data: bytes) -> bool:
        found, at = _FROM.fullmatch(data), self._at
        if found is None or at.sender or not at.helo or self._is_not_fine(found):
            return False
        sender = found[1].decode("ascii")
        if self._reception.filters_of(at.connector).sender(sender):
            return False
        occupancy, port = self._reception.occupancy, self.listener.port
        if not occupancy.has_room_for_message(port, at.connector, at.client):
            return False
        occupancy.begin_message(port, at.connector, at.client)
        at.sender = sender
        at.options = [each.decode("ascii").upper() for each in (found[2], found[3]) if each]
        self.transport.write(_SENDER_OK)
        return True

    def _is_not_fine(self, found: re.Match[bytes]) -> bool:
        """Whether the parameters of MAIL need a closer look."""
        most, size = self._at.connector.size, found[2]
        if not size and not found[3]:
            return False
        return not self._at.is_extended or bool(size and most and int(size[5:]) > most)

    def _rcpt(self, data: bytes) -> bool:
        found, at = _TO.fullmatch(data), self._at
        if found is None or not at.sender or len(at.recipients) >= at.connector.recipients:
            return False
        recipient = found[1].decode("ascii")
        reception = self._reception
        if reception.acceptor.takes(recipient, relay=at.connector.relay):
            return False
        if reception.filters_of(at.connector).recipient(recipient, at.client):
            return False
        if reception.puts_off(at.connector, at.client, at.sender, recipient):
            return False
        at.recipients.append(recipient)
        self.transport.write(_RECIPIENT_OK)
        return True

    def _data(self, data: bytes) -> bool:
        if data[4:] != b"\r\n" or not self._at.recipients:
            return False
        most = self._at.connector.size or 0
        self._body = Body(longest_line=_LONGEST_LINE, most=most)
        self.transport.write(_START)
        return True

    def _quit(self, data: bytes) -> bool:
        if data[4:] != b"\r\n":
            return False
        self.transport.write(_CLOSING)
        self.transport.close()
        return True

    def _take(self, body: Body, data: bytes) -> None:
        """Take a piece of a message, and answer after its dot."""
        self._idle_until = self._loop.time() + self._reception.settings.idle_s
        after = body.feed(data)
        if after is None:
            return
        self._body = None
        if body.flaw is not Flaw.NONE:
            self._answer(_line(replies.in_exchange_words(REFUSALS[body.flaw])))
        elif self._is_plain(content := body.content):
            self._accept(content)
        else:
            self._hand_over(after, content)
            return
        if after:
            self.data_received(after)

    def _is_plain(self, content: bytes) -> bool:
        """Whether nothing else is to be done with a message than to take it."""
        reception = self._reception
        is_refused = reception.filters_of(self._at.connector).content(content)
        return not reception.disturbances and not is_refused

    def _accept(self, content: bytes) -> None:
        """Give a message to the node, and answer."""
        at, reception = self._at, self._reception
        received = Received(
            sender=at.sender,
            recipients=tuple(at.recipients),
            content=content,
            client=at.client,
            helo=at.helo,
            port=self.listener.port,
            tls=False,
            connector=at.connector.name,
        )
        try:
            reply = _result(reception.acceptor.accept(received))
        except Exception:
            _log.exception("%s SMTP session exception", at.client)
            self.transport.write(_line(replies.LOCAL_ERROR))  # and the message is still begun
        else:
            self._answer(_line(reply if reply.ok else reception.refuse(self, Phase.REPLY, reply)))

    def _answer(self, answer: bytes) -> None:
        """Say what has become of a message; the next may begin."""
        self._at.sender, self._at.options, self._at.recipients = "", [], []
        self.transport.write(answer)

    def _hand_over(self, data: bytes, content: bytes | None = None) -> None:
        """Let a dialogue go on: with a message that has come in, and with what follows."""
        dialogue = self._dialogue()
        self.transport.set_protocol(dialogue)
        dialogue.take_over(self.transport, self._at, content)
        self._leave()
        if data:
            dialogue.data_received(data)

    def _hand_over_whole(self, data: bytes) -> None:
        """Let a dialogue do all of it: nothing has been said yet."""
        dialogue = self._dialogue()
        self.transport.set_protocol(dialogue)
        dialogue.connection_made(self.transport)
        self._leave()
        if data:
            dialogue.data_received(data)

    def _leave(self) -> None:
        self._reception.left(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stay(self) -> None:
        """Begin to count the client's silence."""
        idle_s = self._reception.settings.idle_s
        self._idle_until = self._loop.time() + idle_s
        if self._timer is None:
            self._timer = self._loop.call_later(idle_s, self._look_at_clock)

    def _look_at_clock(self) -> None:
        left = self._idle_until - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look_at_clock)
            return
        if self._is_served:
            self.transport.write(_TOO_LATE)
        self.transport.close()


_STEPS: Final[dict[bytes, Callable[[FastPath, bytes], bool]]] = {
    b"EHLO ": FastPath._hello,
    b"HELO ": FastPath._hello,
    b"MAIL ": FastPath._mail,
    b"RCPT ": FastPath._rcpt,
    b"DATA\r": FastPath._data,
    b"QUIT\r": FastPath._quit,
}


def _result(answering: Coroutine[Any, Any, Reply]) -> Reply:
    """What an acceptor answers that never waits."""
    try:
        answering.send(None)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    answering.close()
    raise RuntimeError("the acceptor waits, and was to answer at once")
