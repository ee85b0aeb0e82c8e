"""What an entry point's answers come to, against servers that are no more than their answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relaydrill import topology_files
from relaydrill.drills.policy import judge_question, lacking, questions
from relaydrill.drills.policy.envelopes import to_try
from relaydrill.drivers.base import Lab
from relaydrill.errors import CapabilityMissing
from relaydrill.placement import Seat
from relaydrill.verdict import Status, Verdict

OK = "250 2.1.5 OK"
NO_RELAY = "550 5.7.1 Unable to relay"
WANTS_TLS = "530 5.7.0 Must issue a STARTTLS command first"
WANTS_LOGIN = "530 5.7.1 Client was not authenticated"
OWN = "contoso.com"

Mail = Callable[[str], str]
Rcpt = Callable[[str, str], str]


def _takes_all(_sender: str) -> str:
    return OK


def own_only(_sender: str, recipient: str) -> str:
    """Mail for its own domain, and no other."""
    return OK if recipient.endswith(f"@{OWN}") and recipient[0] != "@" else NO_RELAY


def plain_only(sender: str, recipient: str) -> str:
    """As `own_only`, and no address that hides another."""
    hides = any(each in recipient for each in '%"!')
    return NO_RELAY if hides else own_only(sender, recipient)


@dataclass
class Server:
    """How a server answers.

    Attributes:
        mail: Its reply to a sender.
        rcpt: Its reply to a sender and a recipient.
        secure: How it answers after STARTTLS; None: it offers none.
        logged_in: How it answers after a login; None: it offers none, or refuses every one.
        any_login: Whether it takes one of nobody's.
        banner: What it calls itself.
        most: Refusals after which it ends a session.
        way: Where mail for an address would go; None: it cannot tell.
    """

    mail: Mail = _takes_all
    rcpt: Rcpt = plain_only
    secure: Server | None = None
    logged_in: Server | None = None
    any_login: bool = False
    banner: str = "ht1.contoso.com"
    most: int = 1000
    way: Callable[[str], str] | None = None

    @property
    def offers(self) -> list[str]:
        """As in its EHLO."""
        return (["starttls"] if self.secure else []) + (["auth"] if self.logged_in else [])


def _told(said: str, phase: str, banner: str) -> dict[str, Any]:
    code = int(said[:3]) if said[:3].isdigit() else 0
    result = "accepted" if 200 <= code < 300 else "refused" if code else "dropped"
    return {
        "result": result,
        "phase": phase,
        "code": code,
        "said": said,
        "address": "127.0.0.1:25",
        "server": banner,
    }


def session(
    server: Server | None,
    envelopes: Iterable[tuple[str, str]],
    asked: dict[str, int],
    tls: bool,
    login: str,
) -> dict[str, Any]:
    """What one session with a server tells; None: nobody listens."""
    if server is None:
        told = {**_told("connection refused", "connect", ""), "result": "unreachable"}
        return {"opened": told, "server": "", "offers": [], "answers": []}
    at, banner, most = server, server.banner, server.most

    def not_opened(said: str, phase: str) -> dict[str, Any]:
        told = _told(said, phase, banner)
        return {"opened": told, "server": "", "offers": [], "answers": []}

    if tls:
        if not at.secure:
            return not_opened("the server offers no STARTTLS", "starttls")
        at = at.secure
    if login != "none":
        if not at.logged_in or (login == "made-up" and not at.any_login):
            return not_opened("535 5.7.3 Authentication unsuccessful", "auth")
        at = at.logged_in
    answers: list[dict[str, Any]] = []
    for sender, recipient in list(envelopes)[asked.get(banner, 0) :]:
        if sum(each["code"] >= 500 for each in answers) >= most:
            answers.append(_told("421 4.7.0 Too many errors on this connection", "mail", banner))
            break
        said, phase = at.mail(sender), "mail"
        if said.startswith("2"):
            said, phase = at.rcpt(sender, recipient), "rcpt"
        answers.append(_told(said, phase, banner))
    opened = _told("250 Hello", "ehlo", banner)
    return {"opened": opened, "server": banner, "offers": at.offers, "answers": answers}


@dataclass
class Stage:
    """A lab whose entry points are such servers, in turns where there are several."""

    topology: Any
    servers: list[Server | None]
    turns: Any = None
    sessions: int = field(default=0)

    def control(self, node: str) -> Callable[..., Any]:
        """The control channel of a sender, or of a hub."""
        self.turns = self.turns or itertools.cycle(self.servers)

        def ask(op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
            if op == "way":
                way = next((each.way for each in self.servers if each and each.way), None)
                if way is None:
                    raise CapabilityMissing(op, "it", node)
                return way(args["recipient"])
            self.sessions += 1
            return session(
                next(self.turns), args["envelopes"], args["asked"], args["tls"], args["login"]
            )

        return ask


DESIGN = """
name: door
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  lb1: {role: balancer, backends: [ht1, ht2, ht3], vips: {mail: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  out: {role: mailbox, domains: [fabrikam.com], internet: true}
  app: {role: sender}
  guest: {role: sender}
connectors: {%s}
flows: {relay: {from: app, to: mail}}
"""
RELAY = "relay: {port: 25, remote: [app], relay: true, tls: %s}"
CLIENT = "client: {port: 587, tls: required, auth: required}"


def verdict(asked: str, *servers: Server | None, connectors: str = RELAY % "offered") -> Verdict:
    """The verdict on one question."""
    topology = topology_files.parse(DESIGN % connectors)
    [question] = [each for each in questions(topology) if str(each) == asked]
    return judge_question(cast(Lab, Stage(topology, list(servers))), question)


GUEST = "guest must not relay through ht1 port 25"
APP = "app may relay through ht1 port 25"
VIA_VIP = "guest must not relay through mail port 25"


def test_a_server_that_relays_for_nobody_passes() -> None:
    """It refuses every envelope, and says why."""
    found = verdict(GUEST, Server())
    assert found.status is Status.PASS, found.summary
    assert "550 5.7.1 Unable to relay at rcpt" in found.summary


def test_relay_once_starttls_was_said_is_found() -> None:
    """What is refused in clear may be open over TLS."""
    found = verdict(GUEST, Server(mail=lambda _: WANTS_TLS, secure=Server(rcpt=lambda *_: OK)))
    assert found.status is Status.FAIL
    assert "over TLS" in found.summary


def test_any_login_that_opens_a_relay_is_found() -> None:
    """A server that takes the password of nobody keeps nobody out."""
    anybody = Server(logged_in=Server(rcpt=lambda *_: OK), any_login=True)
    found = verdict(GUEST, Server(secure=anybody))
    assert found.status is Status.FAIL
    assert "after any login" in found.summary


def test_a_login_that_is_somebodys_opens_no_relay_to_strangers() -> None:
    """Who has logged in may relay; a stranger cannot."""
    users = Server(logged_in=Server(rcpt=lambda *_: OK))
    assert verdict(GUEST, Server(secure=users)).status is Status.PASS


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_a_server_that_only_minds_forged_local_senders_is_found(phase: str) -> None:
    """It refuses senders of its own domain to strangers, and relays for all others."""
    refusal = "550 5.7.1 Not allowed"

    def mail(sender: str) -> str:
        return refusal if phase == "mail" and sender.endswith(OWN) else OK

    def rcpt(sender: str, _recipient: str) -> str:
        return refusal if sender.endswith(OWN) else OK

    found = verdict(GUEST, Server(mail=mail, rcpt=rcpt))
    assert found.status is Status.FAIL
    assert "<guest@fabrikam.com>" in found.summary


def test_a_refusal_of_forged_senders_alone_is_no_answer() -> None:
    """Where all other senders are put off, nobody has said who may relay."""

    def mail(sender: str) -> str:
        return "550 5.7.1 Not allowed" if sender.endswith(OWN) else "450 4.2.0 Greylisted"

    found = verdict(GUEST, Server(mail=mail))
    assert found.status is Status.UNKNOWN
    assert "do not say who may relay" in found.summary


@pytest.mark.parametrize("only", ["", "guest@fabrikam.com", "guest@contoso.com"])
def test_relay_for_one_form_of_sender_is_found(only: str) -> None:
    """The null sender, a foreign one, or one of the own domain."""
    found = verdict(GUEST, Server(rcpt=lambda s, r: OK if s == only else plain_only(s, r)))
    assert found.status is Status.FAIL
    assert f"from <{only}>" in found.summary


@pytest.mark.parametrize(
    "recipient",
    ["probe@fabrikam.com", "probe@elsewhere.invalid", "@contoso.com:probe@fabrikam.com"],
)
def test_relay_for_one_form_of_recipient_is_found(recipient: str) -> None:
    """A domain that there is, one that there is not, or a source route."""
    found = verdict(GUEST, Server(rcpt=lambda s, r: OK if r == recipient else plain_only(s, r)))
    assert found.status is Status.FAIL
    assert f"to <{recipient}>" in found.summary


HIDING = sorted(
    each.recipient
    for each in to_try(topology_files.parse(DESIGN % ""), "guest")
    if each.form.name == "HIDDEN" and not each.sender
)


@pytest.mark.parametrize("recipient", HIDING)
def test_an_address_that_hides_another_is_taken_apart(recipient: str) -> None:
    """A server that refuses nobody's address of its own domain, and takes this, has read it."""

    def rcpt(sender: str, to: str) -> str:
        if to == recipient:
            return OK
        return "550 5.1.1 User unknown" if to.startswith("nobody") else plain_only(sender, to)

    found = verdict(GUEST, Server(rcpt=rcpt))
    assert found.status is Status.FAIL
    assert "what an address hides" in found.summary


def test_a_server_that_takes_every_address_of_its_own_is_unknown() -> None:
    """RCPT does not tell whether it would relay what such an address hides."""
    found = verdict(GUEST, Server(rcpt=own_only))
    assert found.status is Status.UNKNOWN
    assert "RCPT does not tell" in found.summary


@pytest.mark.parametrize(("percent", "status"), [("mbx", Status.PASS), ("out", Status.FAIL)])
def test_a_node_that_knows_where_mail_goes_is_asked(percent: str, status: Status) -> None:
    """An address of its own is delivered there, unless the node would send it elsewhere."""
    server = Server(rcpt=own_only, way=lambda to: percent if "%" in to else "mbx")
    assert verdict(GUEST, server).status is status


@pytest.mark.parametrize(
    "said",
    [
        "550 5.1.2 Bad destination system",
        "550 5.4.4 No route",
        "450 4.2.0 Greylisted",
        "421 4.3.2 Service not available",
        "552 5.2.3 Too large",
        "550 5.1.8 Bad sender's system address",
    ],
)
def test_a_refusal_for_another_reason_is_unknown(said: str) -> None:
    """It says nothing of who may relay: neither that a stranger may not, nor that the app may."""
    assert verdict(GUEST, Server(rcpt=lambda *_: said)).status is Status.UNKNOWN
    assert verdict(APP, Server(rcpt=lambda *_: said)).status is Status.UNKNOWN
    assert verdict(GUEST, Server(mail=lambda _: said)).status is Status.UNKNOWN


def test_a_server_that_ends_sessions_after_some_errors_is_asked_all() -> None:
    """Its 421 is about their number; the next session goes on where it ended."""
    found = verdict(GUEST, Server(most=2))
    assert found.status is Status.PASS, found.summary
    relays_at_last = Server(most=2, rcpt=lambda s, r: OK if not s else plain_only(s, r))
    assert verdict(GUEST, relays_at_last).status is Status.FAIL


def test_one_backend_of_three_that_relays_is_found() -> None:
    """The VIP is asked until each of its hubs has answered."""
    hubs = [Server(banner=f"ht{n}.contoso.com") for n in (1, 2, 3)]
    assert verdict(VIA_VIP, *hubs).status is Status.PASS
    hubs[2].rcpt = lambda *_: OK
    found = verdict(VIA_VIP, *hubs)
    assert found.status is Status.FAIL
    assert "an open relay at ht3" in found.summary


def test_a_backend_that_never_answers_is_named() -> None:
    """Nothing is known of it; and after some connections no more are made."""
    hubs = [Server(banner=f"ht{n}.contoso.com") for n in (1, 2)]
    found = verdict(VIA_VIP, *hubs)
    assert found.status is Status.UNKNOWN
    assert "for ht3 never answered, in" in found.summary
    assert found.figures["connections"] < 60
    found = verdict(VIA_VIP, hubs[0], None)
    assert found.figures["unheard"] == ["ht2", "ht3"]


def test_a_relay_is_found_beside_a_backend_that_never_answers() -> None:
    """What is wrong is wrong, whatever else is not known."""
    assert verdict(VIA_VIP, Server(rcpt=lambda *_: OK), None).status is Status.FAIL


def test_backends_that_give_themselves_other_names_count() -> None:
    """Three names that are no node's are three servers."""
    names = ("a.example", "b.example", "c.example")
    assert verdict(VIA_VIP, *(Server(banner=each) for each in names)).status is Status.PASS
    assert verdict(VIA_VIP, *(Server(banner="a.example") for _ in names)).status is Status.UNKNOWN


def test_another_node_s_name_is_no_backend_s() -> None:
    """A balancer that also leads elsewhere has not had its third hub answer."""
    hubs = [Server(banner=f"{name}.contoso.com") for name in ("ht1", "ht2", "out")]
    found = verdict(VIA_VIP, *hubs)
    assert found.status is Status.UNKNOWN
    assert found.figures["unheard"] == ["ht3"]


def test_an_entry_point_that_refuses_connections_is_unknown() -> None:
    """It has said nothing, and no more is asked of it."""
    for asked in (GUEST, APP):
        found = verdict(asked, None)
        assert found.status is Status.UNKNOWN
        assert found.summary.endswith("there was no answer: connection refused at connect")


def test_who_may_relay_over_tls_alone_may() -> None:
    """A connector that wants TLS refuses in clear, and relays after STARTTLS."""
    healthy = Server(mail=lambda _: WANTS_TLS, secure=Server(rcpt=lambda *_: OK))
    wants = RELAY % "required"
    assert verdict(APP, healthy, connectors=wants).status is Status.PASS
    assert verdict(APP, healthy).status is Status.FAIL  # nobody said that it wants TLS
    in_clear = verdict(APP, Server(rcpt=lambda *_: OK), connectors=wants)
    assert in_clear.status is Status.FAIL
    assert "needs no TLS" in in_clear.summary


def test_who_may_relay_in_clear_may_over_tls() -> None:
    """Where STARTTLS is offered, senders use it."""
    found = verdict(APP, Server(rcpt=lambda *_: OK, secure=Server()))
    assert found.status is Status.FAIL
    assert "over TLS" in found.summary


SECURE = "ht1 port 587 wants TLS"
LOGIN = "ht1 port 587 wants a login"


def test_submission_refuses_mail_in_clear() -> None:
    """At MAIL: a refusal of the recipient alone does not count, nor one of the sender."""
    healthy = Server(mail=lambda _: WANTS_TLS, secure=Server())
    assert verdict(SECURE, healthy, connectors=CLIENT).status is Status.PASS
    late = verdict(SECURE, Server(rcpt=lambda *_: NO_RELAY), connectors=CLIENT)
    assert late.status is Status.FAIL
    spoofed = Server(mail=lambda s: "550 5.7.1 Sender rejected" if s.endswith(OWN) else OK)
    assert verdict(SECURE, spoofed, connectors=CLIENT).status is Status.FAIL
    doubtful = Server(mail=lambda _: "550 5.1.8 Bad sender")
    assert verdict(SECURE, doubtful, connectors=CLIENT).status is Status.UNKNOWN


def test_submission_takes_nothing_without_a_login() -> None:
    """Not even mail for the own domain; at MAIL, or at RCPT where all refusals come then."""

    def submission(secure: Server) -> Status:
        server = Server(mail=lambda _: WANTS_TLS, secure=secure)
        return verdict(LOGIN, server, connectors=CLIENT).status

    assert submission(Server(mail=lambda _: WANTS_LOGIN)) is Status.PASS
    denied = "554 5.7.1 <guest>: Client host rejected: Access denied"
    assert submission(Server(rcpt=lambda *_: denied)) is Status.PASS
    assert submission(Server()) is Status.FAIL
    assert submission(Server(rcpt=lambda *_: "550 5.1.1 User unknown")) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("ranges", "says"),
    [
        ("0.0.0.0/1, 128.0.0.0/1", True),
        ("0.0.0.0-126.255.255.255, 128.0.0.0/1", True),
        ("'2000::/3'", True),
        ("10.0.0.0/8, 172.16.0.0/12", False),
    ],
)
def test_what_the_linter_calls_an_open_relay_does_not_pass(ranges: str, says: bool) -> None:
    """Whatever the senders of the lab are told, whose addresses may lie outside of the range."""
    topology = topology_files.parse(
        DESIGN % f"relay: {{port: 25, remote: [app, {ranges}], relay: true}}"
    )
    assert ("an open relay" in lacking(topology)) is says


def test_ranges_of_several_connectors_count_together() -> None:
    """And a smaller range that does not relay takes its addresses away from them."""
    halves = "{port: 25, remote: [%s], relay: true}"
    two = f"one: {halves % '0.0.0.0/1'}, two: {halves % '128.0.0.0/1'}"
    assert "one and two" in lacking(topology_files.parse(DESIGN % two))
    shut = "shut: {port: 25, remote: [0.0.0.0/1, 128.0.0.0/1]}"
    nobody = f"world: {halves % '0.0.0.0/0'}, {shut}"
    assert lacking(topology_files.parse(DESIGN % nobody)) == ""


ELSEWHERE = """
attach:
  nodes:
    ht1: {address: 127.9.0.11}
    ht2: {address: 127.9.0.12}
    ht3: {address: 127.9.0.13}
    lb1: {address: 127.9.0.10}
  vips: {mail: {address: 127.9.0.10}}
  allow: {hosts: [127.9.0.0/24], domains: [contoso.com]}
"""
HERE, OWN_ADDRESS = "127.9.0.50", "127.9.0.51"
OPEN = Server(rcpt=lambda *_: OK)


@dataclass
class StageElsewhere(Stage):
    """One that runs already; each sender asks from an address of this machine."""

    seats: dict[str, Seat] = field(default_factory=dict)

    @property
    def placement(self) -> Any:
        """Where the senders are."""
        return SimpleNamespace(seats=self.seats)


def verdict_elsewhere(asked: str, *servers: Server, guest: str, connectors: str) -> Verdict:
    """The verdict on a question to a real lab, where app asks from HERE."""
    topology = topology_files.parse(DESIGN % connectors + ELSEWHERE)
    [question] = [each for each in questions(topology) if str(each) == asked]
    seats = {"app": Seat(HERE), "guest": Seat(guest), "lb1": Seat("127.9.0.10")}
    return judge_question(cast(Lab, StageElsewhere(topology, list(servers), seats=seats)), question)


@pytest.mark.parametrize("asked", [GUEST, VIA_VIP])
def test_a_stranger_that_is_the_same_machine_proves_no_open_relay(asked: str) -> None:
    """Who asks from the address of one who may relay is let through by a healthy server, too."""
    servers = [Server(rcpt=lambda *_: OK, banner=f"ht{at}.contoso.com") for at in (1, 2, 3)]
    one_machine = verdict_elsewhere(asked, *servers, guest=HERE, connectors=RELAY % "offered")
    assert one_machine.status is Status.UNKNOWN
    assert "guest and app ask from the same address 127.9.0.50, and app may relay" in (
        one_machine.summary
    )
    assert "attach.nodes.guest.address" in one_machine.summary
    told_apart = verdict_elsewhere(asked, *servers, guest=OWN_ADDRESS, connectors=RELAY % "offered")
    assert told_apart.status is Status.FAIL


def test_a_refusal_to_one_machine_is_an_answer() -> None:
    """Who is refused at an address that may relay is refused at any."""
    found = verdict_elsewhere(GUEST, Server(), guest=HERE, connectors=RELAY % "offered")
    assert found.status is Status.PASS


def test_after_a_login_of_nobody_it_is_the_same_machine_still() -> None:
    """It is let through for its address, whatever it logged in as."""
    anybody = Server(secure=Server(logged_in=OPEN, any_login=True))
    found = verdict_elsewhere(GUEST, anybody, guest=HERE, connectors=RELAY % "offered")
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("connectors", "status"),
    [
        ("r: {port: 25, remote: [127.9.0.0/24], relay: true}", Status.UNKNOWN),
        ("r: {port: 25, remote: [app, 127.9.0.1-127.9.0.99], relay: true}", Status.UNKNOWN),
        ("r: {port: 25, remote: [127.8.0.0/24], relay: true}", Status.FAIL),
        (
            "r: {port: 25, remote: [127.9.0.0/24], relay: true},"
            " s: {port: 25, remote: [127.9.0.51]}",
            Status.FAIL,
        ),
        (
            "r: {port: 25, remote: [127.9.0.0/24], relay: true, nodes: [ht2]}, s: {port: 25}",
            Status.FAIL,
        ),
    ],
)
def test_a_range_that_relays_may_hold_this_machine(connectors: str, status: Status) -> None:
    """By the connector that would serve its address there: the smallest range has it."""
    found = verdict_elsewhere(GUEST, OPEN, guest=OWN_ADDRESS, connectors=connectors)
    assert found.status is status, found.summary
    if status is Status.UNKNOWN:
        assert "guest asks from 127.9.0.51, and the range 127.9.0." in found.summary


def test_whoever_may_relay_and_cannot_is_told_wherever_it_asks_from() -> None:
    """That others share its address excuses no refusal."""
    found = verdict_elsewhere(APP, Server(), guest=HERE, connectors=RELAY % "offered")
    assert found.status is Status.FAIL
