"""The sending side: what is learnt from whatever a server does at whatever phase."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from tests.scripted_server import Answer, Cut, ScriptedServer

from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.fibres.pool import FibrePool
from relaydrill.message import compose, digest
from relaydrill.smtp import Outcome, Phase, Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession

NAME = "mail.contoso.com"
TO = "user@contoso.com"
CONTENT = b"Message-ID: <1@app>\r\n\r\nbody\r\n"
SHORT_S = 0.15
"""A timeout for servers that are silent."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority of one's own."""
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str = NAME) -> ssl.SSLContext:
    """A server's context, with a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def route(
    endpoint: Endpoint,
    *,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
    reply_s: float = 5.0,
    source: tuple[str, ...] = (),
) -> Route:
    """A way to a server."""
    return Route(
        endpoint,
        helo="app.contoso.com",
        source=source,
        connect_s=min(reply_s, 5.0),
        reply_s=reply_s,
        tls=tls,
        server_name=NAME,
        login=Credentials("app", "secret") if login else None,
    )


def send(
    via: Route, *recipients: str, content: bytes = CONTENT, then_quit: bool = True
) -> dict[str, Outcome]:
    """Send one message, as a sender does; what ends the session holds for all recipients."""
    to = recipients or (TO,)
    try:
        session = SmtpSession.connect(via)
    except SessionEnded as ended:
        return dict.fromkeys(to, ended.outcome)
    try:
        outcomes = session.send("app@contoso.com", to, content)
    except SessionEnded as ended:
        session.close()
        return dict.fromkeys(to, ended.outcome)
    if then_quit:
        session.quit()
    else:
        session.close()
    return outcomes


@pytest.fixture(scope="module", autouse=True, params=["thread", "fibre"])
def carried_out_by(request: pytest.FixtureRequest) -> Iterator[None]:
    """All of it holds in a thread, where sockets block, and in a fibre, where they only seem to."""
    if request.param == "thread":
        yield
        return
    pool, plainly = FibrePool(8), send

    def in_a_fibre(via: Route, *recipients: str, **how: Any) -> dict[str, Outcome]:
        return pool.submit(plainly, via, *recipients, **how).result(60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "send", in_a_fibre)
        yield
    pool.shutdown()


def met(answers: dict[Phase, Answer], authority: trustme.CA, *, secure: bool = True) -> Outcome:
    """The outcome of sending to a server with such answers."""
    silent = Cut.SILENCE in answers.values()
    with ScriptedServer(answers, tls=server_tls(authority)) as server:
        tls = client_tls(authority) if secure else None
        reply_s = SHORT_S if silent else 5.0
        return send(route(server.endpoint, tls=tls, login=True, reply_s=reply_s))[TO]


BEFORE_THE_BODY = (
    Phase.BANNER,
    Phase.EHLO,
    Phase.STARTTLS,
    Phase.AUTH,
    Phase.MAIL,
    Phase.RCPT,
    Phase.DATA,
)
REFUSALS = ("421 4.3.2 Service not available", "451 4.3.0 Local error", "550 5.7.1 No")
GARBAGE = ("", "hello", "999 what", "100 continue", "2 50", "-1 x", "\xff\xfe")


def test_a_polite_server_accepts(authority: trustme.CA) -> None:
    """Through TLS and AUTH to the 250: accepted, by the server that the banner names."""
    outcome = met({}, authority)
    assert outcome.result is Result.ACCEPTED
    assert outcome.phase is Phase.REPLY
    assert outcome.server == "ht1.contoso.com"
    assert outcome.reply is not None
    assert outcome.reply.code == 250
    assert outcome.address.startswith("127.0.0.1:")


@pytest.mark.parametrize("phase", [*BEFORE_THE_BODY, Phase.REPLY])
@pytest.mark.parametrize("said", REFUSALS)
def test_a_refusal_is_a_refusal_at_its_phase(
    phase: Phase, said: str, authority: trustme.CA
) -> None:
    """4xx or 5xx, at any phase: refused there, with the reply; also if the server then hangs up."""
    outcome = met({phase: said}, authority)
    assert (outcome.result, outcome.phase) == (Result.REFUSED, phase)
    assert str(outcome.reply) == said


@pytest.mark.parametrize("phase", BEFORE_THE_BODY)
@pytest.mark.parametrize("cut", list(Cut))
def test_a_cut_before_the_body_is_dropped(phase: Phase, cut: Cut, authority: trustme.CA) -> None:
    """Hung up, reset or silent before the dot: dropped at that phase, without a reply."""
    outcome = met({phase: cut}, authority)
    seen = (outcome.result, outcome.phase, outcome.reply)
    dropped = [(Result.DROPPED, phase, None)]
    if (phase, cut) == (Phase.BANNER, Cut.RESET):
        # A reset that comes before the client has looked is a connection that never was.
        dropped.append((Result.UNREACHABLE, Phase.CONNECT, None))
    assert seen in dropped
    reasons = {
        Cut.CLOSE: ("connection closed", "connection reset"),
        Cut.RESET: ("connection reset", "connection closed"),
        Cut.SILENCE: ("timed out",),
    }
    assert outcome.reason in reasons[cut]


@pytest.mark.parametrize("cut", list(Cut))
def test_a_cut_after_the_dot_leaves_the_sender_not_knowing(cut: Cut, authority: trustme.CA) -> None:
    """Once the dot is sent, a missing reply is never taken for a failure (RFC 5321 §4.2.5)."""
    outcome = met({Phase.REPLY: cut}, authority)
    assert (outcome.result, outcome.phase) == (Result.UNANSWERED, Phase.REPLY)


@pytest.mark.parametrize("phase", [*BEFORE_THE_BODY, Phase.REPLY])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_no_reply(phase: Phase, garbage: str, authority: trustme.CA) -> None:
    """What is no SMTP reply counts as a cut at that phase; it neither accepts nor crashes."""
    outcome = met({phase: garbage}, authority)
    expected = Result.UNANSWERED if phase is Phase.REPLY else Result.DROPPED
    assert (outcome.result, outcome.phase) == (expected, phase)
    assert outcome.reason


@pytest.mark.parametrize("cut", [Cut.RESET, Cut.SILENCE])
def test_a_cut_in_a_large_body_is_before_the_dot(cut: Cut) -> None:
    """A body that cannot be sent to its end was not accepted, and the sender knows it."""
    content = CONTENT + b"x" * 70 + b"\r\n"
    content += (b"y" * 76 + b"\r\n") * 200_000
    with ScriptedServer({Phase.BODY: cut}) as server:
        if cut is Cut.SILENCE:  # what silence does to a body is that its sending stops
            with _deaf() as endpoint:
                outcome = send(route(endpoint, reply_s=0.5), content=content)[TO]
        else:
            outcome = send(route(server.endpoint), content=content)[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.BODY)


@contextlib.contextmanager
def _deaf() -> Iterator[Endpoint]:
    """A server that stops reading after DATA."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in ("220 x", "250 x", "250 x", "250 x", "354 go"):
                connection.sendall(answer.encode() + b"\r\n")
            done.wait(20)

    thread = threading.Thread(target=serve)
    thread.start()
    yield Endpoint(*listener.getsockname()[:2])
    done.set()
    thread.join()
    listener.close()


def test_a_cut_in_a_body_that_is_already_out_leaves_the_sender_not_knowing(
    authority: trustme.CA,
) -> None:
    """A small message and its dot leave at once: from outside it is a silence after the dot."""
    outcome = met({Phase.BODY: Cut.CLOSE}, authority, secure=False)
    assert outcome.result is Result.UNANSWERED


@pytest.mark.parametrize("code", [200, 211, 220, 235, 251, 252, 299, 354])
def test_only_exactly_250_accepts(code: int, authority: trustme.CA) -> None:
    """Any other code after the dot, be it a 2xx, is not taken as a promise."""
    outcome = met({Phase.REPLY: f"{code} fine"}, authority, secure=False)
    assert outcome.result is Result.REFUSED
    assert outcome.reply is not None
    assert outcome.reply.code == code


@pytest.mark.parametrize("code", [250, 251, 300, 353, 355])
def test_only_exactly_354_asks_for_the_message(code: int, authority: trustme.CA) -> None:
    """Without a 354 no body is sent: it would be taken for commands."""
    with ScriptedServer({Phase.DATA: f"{code} fine"}) as server:
        outcome = send(route(server.endpoint))[TO]
        assert (outcome.result, outcome.phase) == (Result.REFUSED, Phase.DATA)
    assert server.bodies == []
    assert not any(line.startswith(b"Message-ID") for line in server.lines)


@pytest.mark.parametrize(
    "answer", ["421 4.3.2 Service not available", "500 what", "gibberish", *Cut]
)
def test_nothing_at_quit_takes_an_acceptance_back(answer: Answer, authority: trustme.CA) -> None:
    """After the 250 the message is the server's: a retry because of QUIT would duplicate it."""
    assert met({Phase.QUIT: answer}, authority, secure=False).result is Result.ACCEPTED


def test_a_multi_line_reply_is_one_reply(authority: trustme.CA) -> None:
    """The lines of one reply are joined, and its code is that of the last."""
    outcome = met({Phase.REPLY: "550-first\r\n550-second\r\n550 third"}, authority, secure=False)
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.text) == (550, "first\nsecond\nthird")


@pytest.mark.parametrize("offered", [True, False])
def test_an_eight_bit_body_goes_as_the_server_can_take_it(offered: bool) -> None:
    """By BODY=8BITMIME as it is, or else in seven bits (RFC 6152 §3): either way the same body."""
    content = compose("<1@app>", sender="app@contoso.com", recipients=(TO,), size=2000, date=1e9)
    offers = "250-ht1\r\n250 8BITMIME" if offered else "250 ht1"
    with ScriptedServer({Phase.EHLO: offers}) as server:
        send(route(server.endpoint), content=content)
    [came] = server.bodies
    assert (b"MAIL FROM:<app@contoso.com> BODY=8BITMIME" in server.lines) is offered
    assert came.isascii() is not offered
    assert digest(came.replace(b"\r\n.", b"\r\n")) == digest(content)


def test_an_endless_line_is_no_reply(authority: trustme.CA) -> None:
    """A server that never ends its line does not fill the sender's memory, nor crash it."""
    outcome = met({Phase.MAIL: "250 " + "x" * 100_000}, authority, secure=False)
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.MAIL)


# --- connecting -------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_nobody_listens() -> None:
    """A refused connection is unreachable, at connect."""
    outcome = send(route(Endpoint("127.0.0.1", free_port())))[TO]
    assert (outcome.result, outcome.phase) == (Result.UNREACHABLE, Phase.CONNECT)
    assert outcome.reason == "connection refused"
    assert outcome.server == ""


@contextlib.contextmanager
def black_hole() -> Iterator[Endpoint]:
    """An address at which connecting neither succeeds nor is refused: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            filler = fillers.enter_context(socket.socket())
            filler.settimeout(0.1)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
        yield Endpoint(*listener.getsockname()[:2])


def test_a_host_that_does_not_answer_is_unreachable() -> None:
    """Connecting times out, within the time that the route gives it."""
    with black_hole() as endpoint:
        outcome = send(route(endpoint, reply_s=0.2))[TO]
    assert (outcome.result, outcome.phase) == (Result.UNREACHABLE, Phase.CONNECT)
    assert outcome.reason == "timed out"


def test_a_missing_source_address_is_the_sender_s_own_failure() -> None:
    """An address that this machine does not have says nothing of the server: nothing was sent."""
    with ScriptedServer() as server:
        outcome = send(route(server.endpoint, source=("203.0.113.77",)))[TO]
    assert (outcome.result, outcome.phase) == (Result.UNSENT, Phase.CONNECT)
    assert server.lines == []


def test_the_connection_comes_from_the_source_address() -> None:
    """The server sees the address that the route names."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint(*listener.getsockname()[:2])
        send(route(endpoint, source=("127.9.9.9",), reply_s=SHORT_S))
        connection, peer = listener.accept()
        connection.close()
    assert peer[0] == "127.9.9.9"


# --- TLS and AUTH -----------------------------------------------------------------------------


def test_a_certificate_with_the_wrong_name_is_not_accepted(authority: trustme.CA) -> None:
    """The name that was asked for must be in the certificate, or nothing is sent."""
    with ScriptedServer(tls=server_tls(authority, "other.contoso.com")) as server:
        outcome = send(route(server.endpoint, tls=client_tls(authority), login=True))[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.STARTTLS)
    assert "certificate: " in outcome.reason
    assert NAME in outcome.reason
    assert server.lines == [b"ehlo app.contoso.com", b"STARTTLS"]


def test_a_certificate_of_a_strange_authority_is_not_accepted(authority: trustme.CA) -> None:
    """Only the lab's own authority is trusted."""
    with ScriptedServer(tls=server_tls(trustme.CA())) as server:
        outcome = send(route(server.endpoint, tls=client_tls(authority)))[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.STARTTLS)
    assert "certificate: " in outcome.reason


def test_a_server_without_starttls_gets_no_mail(authority: trustme.CA) -> None:
    """A sender that wants TLS does not fall back to the clear."""
    with ScriptedServer({Phase.EHLO: "250 ht1"}) as server:
        outcome = send(route(server.endpoint, tls=client_tls(authority), login=True))[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.STARTTLS)
    assert outcome.reason == "the server offers no STARTTLS"
    assert server.lines == [b"ehlo app.contoso.com"]


def test_garbage_instead_of_a_handshake_is_a_cut(authority: trustme.CA) -> None:
    """A server that says 220 and then speaks no TLS drops the session at STARTTLS."""
    with ScriptedServer({Phase.STARTTLS: "220 go\r\nnot TLS at all, but rather a lot of it"}) as s:
        outcome = send(route(s.endpoint, tls=client_tls(authority)))[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.STARTTLS)
    assert outcome.reason


def test_a_cut_in_the_handshake_reads_as_any_other(authority: trustme.CA) -> None:
    """A server that says 220 to STARTTLS and hangs up has closed; no library's words are shown."""
    said = iter((b"220 ht1\r\n", b"250-ht1\r\n250 STARTTLS\r\n", b"220 go\r\n"))

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for answer in said:
                connection.sendall(answer)
                lines.readline()
            lines.read1()  # the client's hello: unread, it would make the close a reset

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        outcome = send(route(Endpoint(*listener.getsockname()), tls=client_tls(authority)))[TO]
        server.join()
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.STARTTLS)
    assert outcome.reason in ("connection closed", "connection reset")


def test_the_session_begins_anew_after_starttls(authority: trustme.CA) -> None:
    """EHLO is said again, encrypted, and AUTH only after that (RFC 3207 §4.2)."""
    with ScriptedServer(tls=server_tls(authority)) as server:
        send(route(server.endpoint, tls=client_tls(authority), login=True))
    verbs = [line.split()[0].upper() for line in server.lines]
    assert verbs[:4] == [b"EHLO", b"STARTTLS", b"EHLO", b"AUTH"]


@pytest.mark.parametrize("reply", ["535 5.7.3 Authentication unsuccessful", "454 4.7.0 Later"])
def test_a_login_is_tried_once(reply: str, authority: trustme.CA) -> None:
    """A refused login is refused: it is not tried again by another way, which may lock accounts."""
    with ScriptedServer({Phase.AUTH: reply}) as server:
        outcome = send(route(server.endpoint, login=True))[TO]
    assert (outcome.result, outcome.phase, str(outcome.reply)) == (
        Result.REFUSED,
        Phase.AUTH,
        reply,
    )
    assert sum(line.startswith(b"AUTH") for line in server.lines) == 1


@pytest.mark.parametrize("phase", [Phase.STARTTLS, Phase.AUTH])
def test_a_strange_success_is_none(phase: Phase, authority: trustme.CA) -> None:
    """A 2xx that is not the one of STARTTLS or AUTH does not let the session go on without them."""
    with ScriptedServer({phase: "250 sure"}) as server:
        tls = client_tls(authority) if phase is Phase.STARTTLS else None
        outcome = send(route(server.endpoint, tls=tls, login=True))[TO]
    assert (outcome.result, outcome.phase) == (Result.REFUSED, phase)
    assert not any(line.upper().startswith(b"MAIL") for line in server.lines)


@pytest.mark.parametrize(
    ("offer", "verb"), [("AUTH LOGIN PLAIN", b"PLAIN"), ("AUTH=LOGIN", b"LOGIN")]
)
def test_login_by_what_is_offered(offer: str, verb: bytes) -> None:
    """PLAIN where it is offered, else LOGIN."""
    with ScriptedServer({Phase.EHLO: f"250-ht1\r\n250 {offer}"}) as server:
        assert send(route(server.endpoint, login=True))[TO].result is Result.ACCEPTED
    assert any(line.upper().startswith(b"AUTH " + verb) for line in server.lines)


@pytest.mark.parametrize("offer", ["250 SIZE", "250 AUTH NTLM"])
def test_a_login_that_cannot_be_done_sends_nothing(offer: str) -> None:
    """Without a known way to log in the session is given up, at AUTH."""
    with ScriptedServer({Phase.EHLO: f"250-ht1\r\n{offer}"}) as server:
        outcome = send(route(server.endpoint, login=True))[TO]
    assert (outcome.result, outcome.phase) == (Result.DROPPED, Phase.AUTH)
    assert "no AUTH" in outcome.reason


# --- envelope and content ---------------------------------------------------------------------


def test_recipients_are_accounted_for_one_by_one() -> None:
    """Those whom the server takes get the message; those it refuses, its reply."""
    refusals: dict[str, Answer] = {
        "b@x.example": "550 5.1.1 User unknown",
        "c@x.example": "452 Full",
    }
    with ScriptedServer(recipients=refusals) as server:
        outcomes = send(route(server.endpoint), "a@x.example", "b@x.example", "c@x.example", TO)
    assert {address: outcome.result for address, outcome in outcomes.items()} == {
        "a@x.example": Result.ACCEPTED,
        "b@x.example": Result.REFUSED,
        "c@x.example": Result.REFUSED,
        TO: Result.ACCEPTED,
    }
    assert outcomes["b@x.example"].phase is Phase.RCPT
    assert str(outcomes["c@x.example"].reply) == "452 Full"
    assert server.bodies == [CONTENT]


def test_without_a_recipient_no_message_is_sent() -> None:
    """If all are refused, DATA is not even said."""
    with ScriptedServer({Phase.RCPT: "550 no"}) as server:
        outcomes = send(route(server.endpoint), "a@x.example", "b@x.example")
    assert {outcome.result for outcome in outcomes.values()} == {Result.REFUSED}
    assert b"DATA" not in [line.upper() for line in server.lines]


def test_a_refusal_after_the_dot_holds_for_all_that_were_taken() -> None:
    """SMTP knows one reply after the dot: it is everybody's, but not theirs who were refused."""
    with ScriptedServer(
        {Phase.REPLY: "554 spam"}, recipients={"b@x.example": "550 unknown"}
    ) as server:
        outcomes = send(route(server.endpoint), TO, "b@x.example")
    assert (str(outcomes[TO].reply), outcomes[TO].phase) == ("554 spam", Phase.REPLY)
    assert str(outcomes["b@x.example"].reply) == "550 unknown"


def test_several_messages_over_one_session() -> None:
    """A session carries messages one after another, also after a refusal and RSET."""
    with ScriptedServer(recipients={"b@x.example": "550 unknown"}) as server:
        session = SmtpSession.connect(route(server.endpoint))
        for recipient, result in ((TO, Result.ACCEPTED), ("b@x.example", Result.REFUSED)) * 2:
            outcome = session.send("app@contoso.com", (recipient,), CONTENT)[recipient]
            assert outcome.result is result
            assert session.reset()
        session.quit()
    assert server.bodies == [CONTENT, CONTENT]


def test_a_session_that_cannot_be_reset_says_so() -> None:
    """After a cut, RSET reports a useless session and does not raise."""
    with ScriptedServer({Phase.MAIL: "421 gone"}) as server:
        session = SmtpSession.connect(route(server.endpoint))
        assert session.send("app@contoso.com", (TO,), CONTENT)[TO].result is Result.REFUSED
        assert not session.reset()
        session.quit()


lines = st.binary(max_size=30).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
dotted = st.one_of(lines, st.sampled_from([b"", b".", b"..", b"...", b".x", b"From x", b"x."]))


@pytest.fixture(scope="module")
def polite() -> Iterator[ScriptedServer]:
    """One server for many messages."""
    with ScriptedServer() as server:
        yield server


@given(content=st.lists(dotted, min_size=1, max_size=10), ended=st.booleans())
def test_any_content_arrives_as_it_was(
    polite: ScriptedServer, content: list[bytes], ended: bool
) -> None:
    """Dots are stuffed so that, taken out again by rule, the very same message is there.

    RFC 5321 §4.5.2: the receiver deletes the first of any leading dots. A message that does not end
    with a line end gets one: SMTP knows no other end.
    """
    text = b"\r\n".join(content) + (b"\r\n" if ended else b"")
    polite.bodies.clear()
    assert send(route(polite.endpoint), content=text)[TO].result is Result.ACCEPTED
    (body,) = polite.bodies
    received = b"".join(line[line.startswith(b".") :] for line in body.splitlines(keepends=True))
    assert received == (text if text.endswith(b"\r\n") else text + b"\r\n")
