"""Postfix's configuration as hub, mailbox server or sender: text from settings, and nothing else.

Every timer of the topology is given to Postfix in whole seconds, rounded up: it knows no smaller
unit, but for the few that it reads in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from relaydrill.address_span import AddressSpan
from relaydrill.message import ELSEWHERE
from relaydrill.nodes import config

MAIL_FOLDER: Final = "mail"
"""Where a mailbox server's mail is put, under its working directory."""

BOX: Final = "box/"
"""The one Maildir that all recipients share."""

RECEIVED_FOR: Final = "relaydrill"
"""Marks the log lines that tell a recipient who was taken."""

Settings = config.Hub | config.Mailbox | config.Mta
"""What a node that is a Postfix is told."""

_OWNER: Final = 65_534  # nobody: virtual(8) delivers as an ordinary user

_SERVICES: Final = """\
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def main_cf(settings: Settings, *, overrides: Mapping[str, str]) -> str:
    """The file ``main.cf``.

    Args:
        settings: The node's configuration.
        overrides: Parameters that a service fault sets otherwise.
    """
    parameters = dict(_common(settings))
    match settings:
        case config.Hub():
            parameters |= _hub(settings)
        case config.Mailbox():
            parameters |= _mailbox(settings)
        case config.Mta():
            parameters |= _sender(settings)
    parameters |= overrides
    return "".join(f"{name} = {value}\n" for name, value in parameters.items())


def master_cf(settings: Settings, *, listening: bool) -> str:
    """The file ``master.cf``; without its network services if it shall not listen."""
    listeners = settings.listeners if listening else ()
    return "".join(_smtpd(settings, listener) for listener in listeners) + _SERVICES


def _common(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "compatibility_level", "3.6"
    yield "maillog_file", "/dev/stdout"
    yield "myhostname", settings.fqdn
    yield "mydestination", ""
    yield "alias_maps", ""
    yield "local_recipient_maps", ""
    yield "inet_protocols", "ipv4"
    yield "smtp_bind_address", settings.address
    yield "enable_long_queue_ids", "yes"
    yield "always_add_missing_headers", "yes"
    yield "smtputf8_enable", "no"
    yield "biff", "no"
    # Nothing here may wait for a name server: there is none.
    yield "disable_dns_lookups", "yes"
    yield "smtpd_peername_lookup", "no"
    yield "smtpd_banner", "$myhostname ESMTP Postfix"
    yield "smtpd_timeout", _seconds(settings.idle_s)
    sizes = [each.size for listener in settings.listeners for each in listener.connectors]
    yield "message_size_limit", str(max(sizes))
    # One client stands for many here: no limits on what a client may do.
    for limit in ("connection_count", "connection_rate", "message_rate"):
        yield f"smtpd_client_{limit}_limit", "0"
    connectors = [each for listener in settings.listeners for each in listener.connectors]
    if times := [each.rate_limit.per for each in connectors if each.rate_limit]:
        yield "anvil_rate_time_unit", _seconds(min(times))  # one for all, as the rules have it
    yield "in_flow_delay", "0"
    if settings.tls:
        yield "smtpd_tls_cert_file", settings.tls.certificate
        yield "smtpd_tls_key_file", settings.tls.key
    yield "smtpd_tls_auth_only", "yes"
    yield "smtpd_sasl_path", "smtpd"
    yield "smtpd_sasl_local_domain", settings.fqdn
    if settings.trusted_proxies:
        # Postfix then wants the header from everybody who connects.
        yield "smtpd_upstream_proxy_protocol", "haproxy"
    # It accepts every recipient here, and logs each with its client.
    told = f"check_recipient_access static:{{INFO {RECEIVED_FOR}}}"
    yield "smtpd_data_restrictions", "reject_unauth_pipelining"
    yield "smtpd_end_of_data_restrictions", ""
    yield "smtpd_recipient_restrictions", told


def _hub(settings: config.Hub) -> dict[str, str]:
    # Without a way for it, it would refuse the domain whoever asks, and never tell who may relay.
    by_domain = [f"{{ {ELSEWHERE} = discard: }}"] + [
        f"{{ {domain} = {_transport(route)} }}"
        for route in settings.routes
        for domain in route.domains
    ]
    others = [_transport(route) for route in settings.routes if not route.domains]
    return {
        "relay_domains": " ".join(settings.domains),
        "transport_maps": f"inline:{{ {' '.join(by_domain)} }}",
        "default_transport": others[0] if others else "error:5.4.4 no route",
        "relay_transport": others[0] if others else "error:5.4.4 no route",
        "smtp_tls_security_level": "none",
        "smtp_connect_timeout": _seconds(settings.connect_s),
        "smtp_helo_timeout": _seconds(settings.reply_s),
        "smtp_mail_timeout": _seconds(settings.reply_s),
        "smtp_rcpt_timeout": _seconds(settings.reply_s),
        "smtp_data_done_timeout": _seconds(settings.reply_s),
        "queue_run_delay": _seconds(settings.glitch_retry_s),
        "transport_retry_time": _seconds(settings.glitch_retry_s),
        "minimal_backoff_time": _seconds(settings.glitch_retry_s),
        "maximal_backoff_time": _seconds(settings.glitch_retry_s),
    }


def _transport(route: config.Route) -> str:
    return "relay:" + ", ".join(f"[{hop.address}]:{hop.port}" for hop in route.next_hops)


def _mailbox(settings: config.Mailbox) -> dict[str, str]:
    return {
        "virtual_mailbox_domains": " ".join(settings.domains),
        "virtual_mailbox_base": f"{settings.workdir}/{MAIL_FOLDER}",
        "virtual_mailbox_maps": f"static:{BOX}",
        "virtual_mailbox_limit": "0",
        "virtual_minimum_uid": str(_OWNER),
        "virtual_uid_maps": f"static:{_OWNER}",
        "virtual_gid_maps": f"static:{_OWNER}",
    }


def _sender(settings: config.Mta) -> dict[str, str]:
    if settings.smart_host:
        route = {
            "relayhost": f"[{settings.smart_host}]:{settings.port}",
            "smtp_host_lookup": "native",
        }
    else:
        route = {"disable_dns_lookups": "no", "smtp_host_lookup": "dns"}
    return route | {
        "smtp_tls_security_level": "none",
        # What it would return to a sender goes nowhere: nobody here reads it.
        "sender_dependent_default_transport_maps": "inline:{ { <> = discard: } }",
        "notify_classes": "",
        "smtp_connect_timeout": _seconds(settings.connect_s),
        "smtp_helo_timeout": _seconds(settings.reply_s),
        "smtp_mail_timeout": _seconds(settings.reply_s),
        "smtp_rcpt_timeout": _seconds(settings.reply_s),
        "smtp_data_init_timeout": _seconds(settings.reply_s),
        "smtp_data_xfer_timeout": _seconds(settings.reply_s),
        "smtp_data_done_timeout": _seconds(2 * settings.reply_s),
        "queue_run_delay": _seconds(settings.queue_run_s),
        "minimal_backoff_time": _seconds(settings.retry_s),
        "maximal_backoff_time": _seconds(settings.late_retry_s),
        "transport_retry_time": _seconds(settings.dead_host_s),
    }


def _smtpd(settings: Settings, listener: config.Listener) -> str:
    options = "".join(f"  -o {{{name} = {value}}}\n" for name, value in _smtpd_options(listener))
    where = f"{listener.bind.address}:{listener.bind.port}"
    return f"{where} inet n - n - - smtpd\n{options}"


def _smtpd_options(listener: config.Listener) -> Iterator[tuple[str, str]]:
    # Servers of the organisation's own are clients of the one connector that a port has here.
    [connector] = [each for each in listener.connectors if not each.internal] or [
        listener.connectors[0]
    ]
    networks = [
        _pattern(network)
        for each in listener.connectors
        for span in each.networks
        for network in AddressSpan.parse(span).networks
    ]
    yield "syslog_name", f"postfix/{listener.port}"
    yield "mynetworks", " ".join(dict.fromkeys(networks))
    yield "smtpd_recipient_limit", str(connector.recipients)
    if connector.limits_a_source:
        # By default whoever is in $mynetworks is excepted: all clients that may send here.
        yield "smtpd_client_event_limit_exceptions", ""
    if connector.per_source is not None:
        yield "smtpd_client_connection_count_limit", str(connector.per_source)
    if limit := connector.rate_limit:
        if limit.messages is not None:
            yield "smtpd_client_message_rate_limit", str(limit.messages)
        if limit.sessions is not None:
            yield "smtpd_client_connection_rate_limit", str(limit.sessions)
    security = {"none": "none", "offered": "may", "required": "encrypt"}[connector.tls]
    yield "smtpd_tls_security_level", security
    if connector.auth == "required":
        yield "smtpd_sasl_auth_enable", "yes"
        yield "smtpd_client_restrictions", "permit_sasl_authenticated, reject"
        yield "smtpd_relay_restrictions", "permit_sasl_authenticated, reject"
        return
    yield "smtpd_client_restrictions", "permit_mynetworks, reject"
    permit = "permit_mynetworks, " if connector.relay else ""
    yield "smtpd_relay_restrictions", f"{permit}reject_unauth_destination"


def _pattern(network: str) -> str:
    """A network as Postfix has it: without brackets an IPv6 one is the type of a table to it."""
    address, _, length = network.partition("/")
    return f"[{address}]/{length}" if ":" in address else network


def _seconds(seconds: float) -> str:
    return f"{max(1, math.ceil(seconds))}s"
