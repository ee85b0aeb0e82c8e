"""Rules of flows: who sends, whereto, in which way, to whom, and what is promised of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.kinds import FAKE
from relaydrill.marks import Mistake
from relaydrill.scalars import DOMAIN
from relaydrill.topology.design import Topology
from relaydrill.topology.naming import domain_of
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of
from relaydrill.topology.traffic import BY_MX, Expect, Flow, looks_up_mx


def sender(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Mail comes from a sender."""
    here = ("flows", key, "from")
    yield from draft.undeclared(here, "sender", flow.sender, draft.topology.senders)


def target(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Mail goes to a name, a domain, a VIP or a node."""
    topology = draft.topology
    known = {*topology.nodes, *topology.vips, *topology.names, *topology.aliases}
    known |= {*topology.zones, *_hosts(topology)}
    if flow.to not in known | draft.lost:
        here = ("flows", key, "to")
        yield draft.mistake(here, f"nothing is called {flow.to!r}", one_of(known))


def persona_that_connects_to_a_name(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """One that looks up no MX records finds nothing at a domain; a real program always does."""
    senders = draft.topology.senders
    is_real = flow.sender in senders and senders[flow.sender].kind != FAKE
    is_domain = domain_of(draft.topology, flow.to) and not looks_up_mx(flow.persona)
    if is_domain and not is_real and flow.sender not in draft.lost:
        text = f"{flow.to!r} is a domain with MX records, and {flow.persona!r} connects to a name"
        yield draft.mistake(("flows", key, "to"), text, "persona " + one_of(BY_MX))


def persona_that_looks_up_a_name(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """A VIP or a node is no name.

    A name without MX records is one: it is its own exchanger (RFC 5321 §5.1).
    """
    known = {*draft.topology.zones, *draft.topology.names, *draft.topology.aliases}
    if looks_up_mx(flow.persona) and flow.to not in known | draft.lost:
        text = f"{flow.persona!r} looks up a domain or a name, and {flow.to!r} is neither"
        yield draft.mistake(("flows", key, "to"), text, one_of(known))


def pin(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Who is pinned is so to an MX host."""
    here = ("flows", key, "pin")
    if flow.pin is not None and flow.persona != "pinned_mx":
        yield draft.mistake(here, f"{flow.persona!r} is not pinned", "persona: pinned_mx")
    elif flow.pin is not None:
        yield from draft.undeclared(here, "MX host", flow.pin, _hosts(draft.topology))


def mix(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Something wanted is left."""
    if flow.mix.blocked + flow.mix.unknown + flow.mix.spam >= 1.0:
        allowed = "shares that add up to less than 1"
        yield draft.mistake(("flows", key, "mix"), "nothing wanted is left", allowed)


def blocked_part(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Somebody else sends it: what is blocked is an address."""
    here = ("flows", key, "blocked_from")
    if flow.blocked_from is None:
        if flow.mix.blocked:
            text = "nobody sends the blocked part"
            yield draft.mistake(("flows", key, "mix"), text, "blocked_from: a sender")
        return
    yield from draft.undeclared(here, "sender", flow.blocked_from, draft.topology.senders)
    if flow.blocked_from == flow.sender:
        text = f"{flow.sender!r} sends the wanted part, too, and has one address"
        yield draft.mistake(here, text, "another sender")


def retries(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """A real mail server tries again at times of its own, and Locust workers never do."""
    here, found = ("flows", key, "retry"), draft.topology.senders.get(flow.sender)
    if flow.retry is None or found is None:
        return
    if found.kind != FAKE:
        text = f"{flow.sender} is a real {found.kind}, and tries again at times of its own"
        yield draft.mistake(here, text, "no retry, or kind: fake")
    elif found.load:
        text = f"{flow.sender} shares its load among Locust workers, which try nothing again"
        yield draft.mistake(here, text, "no retry, or no load")
    elif draft.topology.attach and flow.sender in draft.topology.attach.nodes:
        text = f"{flow.sender} is a mail server of a real lab, with times of its own"
        yield draft.mistake(here, text, "no retry")


def recipient(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """A recipient is an address."""
    domain = flow.recipient.rpartition("@")[2]
    if flow.recipient and ("@" not in flow.recipient or not DOMAIN.match(domain.lower())):
        text = f"{flow.recipient!r} is no address"
        yield draft.mistake(("flows", key, "recipient"), text, "user@domain")


def received_by_somebody(draft: Draft, key: str, _flow: Flow) -> Iterator[Mistake]:
    """Without a mailbox server there is nobody to send to."""
    draft.ask_for_all("nodes")
    if not draft.topology.domains:
        text = "no mailbox server receives this mail"
        yield draft.mistake(("flows", key), text, "a node of role mailbox")


def shares(draft: Draft) -> Iterator[Mistake]:
    """Those that are to get an equal share each are nodes."""
    topology = draft.topology
    expected: dict[tuple[str, ...], Expect | None] = {("expect",): topology.expect}
    expected |= {("flows", key, "expect"): flow.expect for key, flow in topology.flows.items()}
    for path, expect in expected.items():
        for at, node in enumerate(expect.spread if expect else ()):
            if node not in topology.nodes and node not in draft.lost:
                text = f"no node is called {node!r}"
                yield draft.mistake((*path, "spread", at), text, one_of(topology.tier))


def refusal(draft: Draft, key: str, flow: Flow) -> Iterator[Mistake]:
    """Where all mail is to be refused, none of it is shared among servers, or of another sort."""
    topology = draft.topology
    if not topology.expectation(key).refusal:
        return
    where = ("flows", key, "expect") if flow.expect else ("expect",)
    if topology.expectation(key).spread:
        text = f"all mail of {key} is to be refused, so no server gets a share of it"
        yield draft.mistake((*where, "spread"), text, "no spread, or no refusal")
    if flow.mix.wanted < 1.0:
        text = f"all mail of {key} is to be refused (expect: refusal)"
        yield draft.mistake(("flows", key, "mix"), text, "no mix")


def _hosts(topology: Topology) -> tuple[str, ...]:
    """The hosts of MX records that are names."""
    records = (mx for zone in topology.zones.values() for mx in zone.mx)
    return tuple(mx.host for mx in records if not mx.is_null and not mx.literal)


RULES: Final[tuple[Rule, ...]] = (
    of_each(
        lambda topology: topology.flows,
        sender,
        target,
        persona_that_connects_to_a_name,
        persona_that_looks_up_a_name,
        pin,
        mix,
        blocked_part,
        retries,
        recipient,
        received_by_somebody,
        refusal,
    ),
    shares,
)
