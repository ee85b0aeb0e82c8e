"""The road of one message over several servers, against servers that answer by a script."""

from __future__ import annotations

import base64
import contextlib
import random
import ssl
from collections.abc import Mapping

import pytest
from tests.scripted_server import Answer, Cut, ScriptedServer

from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.personas import PERSONAS, SenderSettings
from relaydrill.personas.courier import Answers, Courier, Inquiry, Sent
from relaydrill.personas.directories import KnownHosts
from relaydrill.smtp import Phase, Result

Script = Mapping[Phase, Answer]
POLITE: Script = {}
FULL: Script = {Phase.MAIL: "452 4.3.1 Insufficient system resources"}
GREY: Script = {Phase.RCPT: "451 4.7.1 Later"}
UNKNOWN: Script = {Phase.RCPT: "550 5.1.1 No such user"}
CUT_AFTER_DOT: Script = {Phase.REPLY: Cut.CLOSE}
CUT_IN_BODY: Script = {Phase.BODY: Cut.CLOSE}


def send(persona: str, *scripts: Script) -> tuple[Sent, list[int]]:
    """Send one message to a name with a server for each script; with how many came to each."""
    addresses = tuple(f"10.0.0.{number}" for number in range(1, len(scripts) + 1))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ScriptedServer(script)) for script in scripts]
        ends = {
            address: server.endpoint for address, server in zip(addresses, servers, strict=True)
        }

        def endpoint(address: str, _port: int) -> Endpoint:
            return ends[address]

        courier = Courier(
            helo="world.test",
            source=(),
            directory=KnownHosts({"mx": addresses}),
            endpoint=endpoint,
            connect_s=5.0,
            reply_s=5.0,
            tls=ssl.create_default_context(),
            login=Credentials("app", "secret"),
        )
        chosen = PERSONAS[persona]
        sender = chosen.new_sender(SenderSettings(_Unshuffled(1)))
        sent = courier.send(
            chosen,
            sender,
            "mx",
            25,
            sender="a@world.test",
            recipient="b@contoso.com",
            content=b"Subject: x\r\n\r\nx\r\n",
        )
        return sent, [len(server.bodies) for server in servers]


class _Unshuffled(random.Random):
    """Leaves every list as it is."""

    def sample(self, population, k, *, counts=None):  # type: ignore[no-untyped-def]
        """The first ones."""
        return list(population)[:k]


@pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim"])
@pytest.mark.parametrize("first", [FULL, GREY, CUT_IN_BODY])
def test_what_may_pass_sends_an_mta_to_its_next_server(persona: str, first: Script) -> None:
    """A 4xx, or a connection cut in the message: the next server gets it within the same try."""
    sent, bodies = send(persona, first, POLITE)
    assert sent.outcome.result is Result.ACCEPTED
    assert sent.choice == "10.0.0.1"
    assert bodies == [0, 1]


@pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim"])
def test_no_for_good_ends_the_try(persona: str) -> None:
    """After a 5xx nobody else is asked."""
    sent, bodies = send(persona, UNKNOWN, POLITE)
    assert (sent.outcome.result, sent.outcome.phase) == (Result.REFUSED, Phase.RCPT)
    assert bodies == [0, 0]


def test_silence_after_the_dot_may_duplicate() -> None:
    """A server that may have it does not keep an MTA from giving it to the next one, too."""
    sent, bodies = send("postfix", CUT_AFTER_DOT, POLITE)
    assert sent.outcome.result is Result.ACCEPTED
    assert bodies == [1, 1]


@pytest.mark.parametrize("last", [UNKNOWN, FULL, GREY])
def test_a_server_that_may_have_it_outweighs_a_later_refusal(last: Script) -> None:
    """What nobody can know stays unanswered; told as refused, its arrival would be a phantom."""
    sent, _ = send("postfix", CUT_AFTER_DOT, last)
    assert sent.outcome.result is Result.UNANSWERED


def test_a_client_of_one_address_tries_no_other() -> None:
    """An application server gives up at once."""
    sent, bodies = send("single_host", FULL, POLITE)
    assert sent.outcome.result is Result.REFUSED
    assert bodies == [0, 0]


def ask(server: ScriptedServer, inquiry: Inquiry) -> Answers:
    """Ask one server."""
    courier = Courier(
        helo="world.test",
        source=(),
        directory=KnownHosts({}),
        endpoint=lambda _address, _port: server.endpoint,
        connect_s=5.0,
        reply_s=5.0,
        tls=ssl.create_default_context(),
        login=Credentials("app", "secret"),
    )
    return courier.ask("10.0.0.1", 25, inquiry)


MANY = tuple(("a@world.test", f"{number}@contoso.com") for number in range(20))


def test_a_session_of_questions_sends_nothing_and_goes_on_where_the_last_ended() -> None:
    """It has enough after some refusals, for servers mind their number; the next asks the rest."""
    with ScriptedServer(UNKNOWN) as server:
        first = ask(server, Inquiry(MANY))
        said = len(first.outcomes)
        rest = ask(server, Inquiry(MANY, asked={first.server: said}))
    assert 0 < said < 10  # Postfix answers ever slower from the tenth error on
    assert f"RCPT TO:<{said}@contoso.com>".encode() in server.lines
    assert len({line for line in server.lines if line.startswith(b"RCPT")}) == said + len(
        rest.outcomes
    )
    assert b"DATA" not in server.lines


def test_whom_a_server_refuses_at_mail_it_has_refused_for_every_recipient() -> None:
    """One question of each sender is enough then."""
    with ScriptedServer({Phase.MAIL: "530 5.7.1 Client was not authenticated"}) as server:
        found = ask(server, Inquiry(MANY))
    assert len(found.outcomes) == len(MANY)
    assert sum(line.startswith(b"MAIL") for line in server.lines) == 1


def test_a_session_that_is_cut_tells_what_was_said_before() -> None:
    """The last answer is that it ended."""
    with ScriptedServer(recipients={"2@contoso.com": Cut.CLOSE}) as server:
        found = ask(server, Inquiry(MANY))
    assert [each.result for each in found.outcomes] == [
        *[Result.ACCEPTED] * 2,
        Result.DROPPED,
    ]


def test_a_made_up_login_is_nobodys() -> None:
    """It has neither the user nor the password of the lab; and it is told what is offered."""
    with ScriptedServer() as server:
        found = ask(server, Inquiry(MANY[:1], login="made-up"))
    [login] = [line for line in server.lines if line.startswith(b"AUTH")]
    plain = base64.b64decode(login.split()[-1])
    assert b"nobody-" in plain
    assert b"secret" not in plain
    assert {"auth", "starttls"} <= found.offers
