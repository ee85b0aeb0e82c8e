"""What names lead to, what that means for mail, and how findings tell it."""

from __future__ import annotations

import pytest

from relaydrill import topology_files
from relaydrill.drills.findings.names import kept_too_long, wrong_with
from relaydrill.kinds.exim import log as exim_log
from relaydrill.kinds.postfix import log as postfix_log
from relaydrill.kinds.postfix.sending import fact_of
from relaydrill.nodes.sending.mta import Tried
from relaydrill.planning import shares
from relaydrill.smtp import Outcome, Result
from relaydrill.topology import Topology
from relaydrill.topology.naming import chain_of, exchangers, host_names, led_to, ttl_of
from relaydrill.topology.paths import targets_of
from relaydrill.topology.units import units_of

DESIGN = """
name: names
nodes:
  edge1: {role: edge}
  edge2: {role: edge}
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  cache: {role: dns, upstream: [ns1]}
  world: {role: sender}
names: {mail.contoso.com: [edge1, edge2]}
aliases:
  smtp.contoso.com: mail.contoso.com
  www.contoso.com: smtp.contoso.com
  old.contoso.com: gone.contoso.com
  one.contoso.com: two.contoso.com
  two.contoso.com: one.contoso.com
  sales.contoso.com: contoso.com
zones:
  contoso.com:
    ttl: 5min
    mx:
    - {host: smtp.contoso.com, preference: 20}
    - {host: old.contoso.com}
    - {host: '[edge1]'}
  null.test: {mx: [{host: ., preference: 0}]}
  both.test: {mx: [{host: ., preference: 0}, {host: mail.contoso.com}]}
  address.test: {mx: [{host: '[edge2]'}]}
  empty.test: {mx: [{host: mx.empty.test, addresses: []}]}
ttls: {mail.contoso.com: 5s}
flows:
  flow: {from: world, persona: PERSONA, to: TARGET}
expect: {gap: 60s}
"""


def design(target: str, persona: str = "rfc5321") -> Topology:
    """The design with a flow to a name."""
    text = DESIGN.replace("TARGET", target).replace("PERSONA", persona)
    return topology_files.parse(text)


def test_aliases_are_followed_to_their_end() -> None:
    """Over several names; what leads to none, or round in a circle, leads to nothing."""
    found = design("contoso.com")
    assert chain_of(found, "www.contoso.com")[-1] == "mail.contoso.com"
    assert led_to(found, "www.contoso.com") == ("edge1", "edge2")
    assert led_to(found, "old.contoso.com") == led_to(found, "one.contoso.com") == ()
    assert led_to(found, "edge1") == ("edge1",)
    assert host_names(found)["mx.empty.test"] == ()


def test_a_ttl_is_a_names_own_or_that_of_its_zone() -> None:
    """Or an hour, of what lies in no zone."""
    found = design("contoso.com")
    asked = ("mail.contoso.com", "smtp.contoso.com", "contoso.com", "elsewhere.test")
    assert [ttl_of(found, name) for name in asked] == [5.0, 300.0, 300.0, 3600.0]


@pytest.mark.parametrize(
    ("target", "persona", "servers"),
    [
        ("contoso.com", "rfc5321", {"edge1", "edge2"}),
        ("sales.contoso.com", "exim", {"edge1", "edge2"}),
        ("null.test", "rfc5321", set()),
        ("both.test", "postfix", set()),
        ("both.test", "exim", {"edge1", "edge2"}),
        ("address.test", "postfix", {"edge2"}),
        ("address.test", "exim", set()),
        ("empty.test", "lowest_mx", set()),
        ("www.contoso.com", "mail_client", {"edge1", "edge2"}),
    ],
)
def test_a_flow_goes_where_its_sender_is_led(target: str, persona: str, servers: set[str]) -> None:
    """As each persona takes the records; the arithmetic says the same."""
    found = design(target, persona)
    assert {*targets_of(found, "flow")} == servers
    assert {*shares(found, "flow", frozenset())} == servers


def test_a_record_that_leads_nowhere_takes_no_share() -> None:
    """Postfix takes the address of 10 before the alias of 20; the standard has the alias alone."""
    assert shares(design("contoso.com", "postfix"), "flow", frozenset())["edge1"] == 1.0
    by_standard = shares(design("contoso.com"), "flow", frozenset())
    assert by_standard == {"edge1": 0.5, "edge2": 0.5}


def test_a_null_mx_is_no_unit_that_could_be_lost() -> None:
    """What stands behind a host can be lost; behind a dot there is nothing."""
    found = design("contoso.com")
    assert exchangers(found, "null.test") == ()
    assert "." not in {unit.name for unit in units_of(found)}


@pytest.mark.parametrize(
    ("target", "persona", "words"),
    [
        ("null.test", "rfc5321", "null.test has a null MX (MX 0 .): it says that it takes no mail"),
        ("both.test", "postfix", "both.test has a null MX (MX 0 .) beside mail.contoso.com"),
        ("address.test", "exim", "no MX host of address.test has an address (MX 10 the address"),
        ("empty.test", "exim", "no MX host of empty.test has an address (MX 10 mx.empty.test)"),
        ("one.contoso.com", "mail_client", "one.contoso.com is an alias that leads round in a"),
        ("both.test", "exim", ""),
        ("address.test", "postfix", ""),
        ("contoso.com", "rfc5321", ""),
        ("mail.contoso.com", "mail_client", ""),
    ],
)
def test_a_finding_names_the_domain_and_the_record(target: str, persona: str, words: str) -> None:
    """Where its sender gets no address by what the zones say, and nowhere else."""
    said = [each.sentence[: len(words)] for each in wrong_with(design(target, persona), "flow")]
    assert said == ([words] if words else [])


def test_a_finding_names_what_is_kept_for_too_long() -> None:
    """Longer than the flow may be without mail; not the name that has a shorter TTL."""
    [said] = kept_too_long(design("smtp.contoso.com", "mail_client"), "flow")
    assert said.sentence.startswith(
        "a resolver keeps what it was told of smtp.contoso.com for up to 300s"
    )
    assert [*kept_too_long(design("mail.contoso.com", "mail_client"), "flow")] == []


def test_what_real_programs_log_of_a_null_mx() -> None:
    """Postfix 3.7 and Exim 4.96: the sender's own no for good, as the personas have it."""
    postfix = fact_of(
        postfix_log.parse(
            "Nov 30 10:10:00 pf postfix/smtp[167]: 3C755EC057: to=<u@null.test>, relay=none,"
            " delay=3.2, delays=2.9/0.28/0/0, dsn=5.1.0, status=bounced (Domain null.test does not"
            " accept mail (nullMX))"
        )
    )
    exim = exim_log.parse(
        "2026-11-30 10:10:00.000 1xVojD-00001Y-04 ** u@null.test R=out: an MX or SRV record"
        " indicated no SMTP service"
    )
    fake = Outcome.null_mx("null.test")
    for fact in (postfix, exim):
        assert isinstance(fact, Tried)
        assert (fact.outcome.result, fact.outcome.reply) == (Result.REFUSED, fake.reply)
        assert fact.outcome.address == ""
