"""Postfix's configuration as text."""

from __future__ import annotations

import pytest

from relaydrill.kinds.postfix.configuration import main_cf, master_cf
from relaydrill.nodes import config

CONTROL = config.Control(address="10.0.0.1", port=2500, token="t")
COMMON = {
    "name": "ht1",
    "fqdn": "ht1.contoso.com",
    "address": "10.0.0.1",
    "control": CONTROL,
    "journal": "-",
    "workdir": "/relaydrill/work",
    "domains": ("contoso.com", "fabrikam.com"),
}


def listener(port: int, **rest: object) -> config.Listener:
    """A port with one receive connector."""
    bind = config.Address(address="10.0.0.1", port=port)
    connector = config.Connector.model_validate(rest)
    return config.Listener(port=port, bind=bind, connectors=(connector,))


def hub(*listeners: config.Listener, **rest: object) -> config.Hub:
    """A hub's settings."""
    hops = (
        config.Address(address="10.0.0.5", port=25),
        config.Address(address="10.0.0.6", port=25),
    )
    return config.Hub.model_validate(
        {
            **COMMON,
            "role": "hub",
            "kind": "postfix",
            "queue": "/q",
            "listeners": listeners,
            "routes": [{"domains": ["contoso.com", "fabrikam.com"], "next_hops": hops}],
            **rest,
        }
    )


def parameters(text: str) -> dict[str, str]:
    """The parameters of a ``main.cf``."""
    return dict(line.split(" = ", 1) for line in text.splitlines())


def test_a_hub_relays_its_domains_to_the_next_hops_without_asking_dns() -> None:
    """Mail goes to the addresses of the mailbox servers in brackets, one after the other."""
    found = parameters(main_cf(hub(listener(25)), overrides={}))
    assert found["relay_domains"] == "contoso.com fabrikam.com"
    way = "relay:[10.0.0.5]:25, [10.0.0.6]:25"
    assert found["transport_maps"] == (
        "inline:{ { elsewhere.invalid = discard: } "
        f"{{ contoso.com = {way} }} {{ fabrikam.com = {way} }} }}"
    )
    assert found["disable_dns_lookups"] == "yes"
    assert found["mydestination"] == ""


@pytest.mark.parametrize(("wall_s", "said"), [(0.02, "1s"), (6.0, "6s"), (6.2, "7s")])
def test_timers_are_whole_seconds_rounded_up(wall_s: float, said: str) -> None:
    """Postfix knows no smaller unit; none of its timers may become zero, which means for ever."""
    found = parameters(main_cf(hub(listener(25), glitch_retry_s=wall_s), overrides={}))
    assert found["minimal_backoff_time"] == found["queue_run_delay"] == said


def test_a_connector_relays_for_its_networks_only() -> None:
    """Who may relay to any domain is who the connector serves; everybody else is turned away."""
    services = master_cf(hub(listener(25, networks=("10.0.0.9/32",), relay=True)), listening=True)
    assert "10.0.0.1:25 inet" in services
    assert "{mynetworks = 10.0.0.9/32}" in services
    assert "{smtpd_client_restrictions = permit_mynetworks, reject}" in services
    relaying = "{smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination}"
    assert relaying in services
    closed = master_cf(hub(listener(25)), listening=True)
    assert "{smtpd_relay_restrictions = reject_unauth_destination}" in closed


def test_networks_of_both_ip_versions_are_written_as_postfix_reads_them() -> None:
    """An IPv6 one has brackets: without them Postfix looks for a table of that type, and ends."""
    assert "{mynetworks = 0.0.0.0/0 [::]/0}" in master_cf(hub(listener(25)), listening=True)
    services = master_cf(hub(listener(25, networks=("10.0.0.0/24", "2001:db8::1"))), listening=True)
    assert "{mynetworks = 10.0.0.0/24 [2001:db8::1]/128}" in services


def test_submission_wants_tls_and_a_login() -> None:
    """On 587 nobody may do anything without either."""
    services = master_cf(hub(listener(587, tls="required", auth="required")), listening=True)
    assert "{smtpd_tls_security_level = encrypt}" in services
    assert "{smtpd_relay_restrictions = permit_sasl_authenticated, reject}" in services
    assert "{syslog_name = postfix/587}" in services


def test_the_proxy_protocol_is_wanted_where_a_balancer_speaks_it() -> None:
    """With a trusted proxy every connection must begin with its header, else none may."""
    assert "upstream_proxy" not in main_cf(hub(listener(25)), overrides={})
    behind = hub(listener(25), trusted_proxies=("10.0.0.4",))
    assert parameters(main_cf(behind, overrides={}))["smtpd_upstream_proxy_protocol"] == "haproxy"


def test_a_service_fault_overrides_a_parameter_or_takes_the_listeners_away() -> None:
    """Back pressure is a parameter; a refusing service has no network service at all."""
    found = parameters(main_cf(hub(listener(25)), overrides={"queue_minfree": "9"}))
    assert found["queue_minfree"] == "9"
    assert "inet" not in master_cf(hub(listener(25)), listening=False)
    assert "qmgr" in master_cf(hub(listener(25)), listening=False)


def test_a_mailbox_server_delivers_into_one_maildir() -> None:
    """All recipients of its domains share a Maildir, written by an ordinary user."""
    settings = config.Mailbox.model_validate(
        {**COMMON, "role": "mailbox", "kind": "postfix", "listeners": (listener(25),)}
    )
    found = parameters(main_cf(settings, overrides={}))
    assert found["virtual_mailbox_domains"] == "contoso.com fabrikam.com"
    assert found["virtual_mailbox_base"] == "/relaydrill/work/mail"
    assert found["virtual_mailbox_maps"].endswith("/")
    assert found["virtual_uid_maps"] != "static:0"


def test_limits_of_one_client_hold_for_those_who_may_relay_too() -> None:
    """By default whoever is in mynetworks is excepted, and that is every client of a hub here."""
    limited = listener(25, per_source=20, rate_limit={"messages": 50, "sessions": 70, "per": 60})
    told = master_cf(hub(limited), listening=True)
    for option in (
        "smtpd_client_event_limit_exceptions = ",
        "smtpd_client_connection_count_limit = 20",
        "smtpd_client_message_rate_limit = 50",
        "smtpd_client_connection_rate_limit = 70",
    ):
        assert f"-o {{{option}}}" in told
    assert parameters(main_cf(hub(limited), overrides={}))["anvil_rate_time_unit"] == "60s"
    free = listener(25)
    assert "event_limit_exceptions" not in master_cf(hub(free), listening=True)
    assert "anvil_rate_time_unit" not in main_cf(hub(free), overrides={})
