"""Sound files that a rule once accused, and wrong ones of which it once said nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from tests.own_files import found_in

_SUBMISSION: Final = """\
listen submission
    bind 10.1.0.10:587
    server ht1 10.1.0.11:587 check
    server ht2 10.1.0.12:587 check
"""
_MASTER: Final = "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
_LVS: Final = """\
vrrp_instance VI_1 {
    state BACKUP
    virtual_ipaddress {
        10.0.0.10
    }
}
virtual_server 10.0.0.10 25 {
    protocol TCP
}
"""
_SIX: Final = """\
vrrp_script chk {
    script "/usr/bin/killall -0 haproxy"
}
vrrp_instance V {
    state BACKUP
    virtual_router_id 51
    priority 150
    unicast_src_ip fd00::1
    unicast_peer {
        fd00::2
    }
    virtual_ipaddress {
        fd00::10/64
    }
    track_script {
        chk
    }
}
"""
_EXIM: Final = """\
begin routers
smarthost:
  driver = manualroute
  transport = plain
  route_list = * hub-a.contoso.com
begin transports
plain:
  driver = smtp
other:
  driver = smtp
  hosts = hub-b.contoso.com
  fallback_hosts = hub-c.contoso.com
"""
_NGINX: Final = """\
stream {
    upstream hubs {
        server hubs.contoso.com:25 resolve;
    }
    server {
        listen 25;
        proxy_pass hubs;
    }
}
"""


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        # Zero is no limit to HAProxy.
        (
            "haproxy-short-timeout",
            {
                "haproxy.cfg": "defaults\n  timeout client 0\n  timeout server 0s\n  timeout tunnel"
                f" 0\n{_SUBMISSION}"
            },
        ),
        # A number alone is days here, where it is seconds elsewhere.
        ("postfix-short-queue", {"main.cf": "maximal_queue_lifetime = 5\n"}),
        # The service with the address of the server is the one that it stands for.
        (
            "postfix-proxy-missing",
            {
                "haproxy.cfg": "listen smtp\n  bind :25\n  server a 10.1.0.11:25 send-proxy\n",
                "master.cf": "127.0.0.1:smtp inet n - y - - smtpd\n10.1.0.11:smtp inet n - y - -"
                " smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n",
            },
        ),
        # A null client takes nothing from a balancer.
        (
            "postfix-proxy-missing",
            {
                "haproxy.cfg": "listen smtp\n  bind :25\n  server a 10.1.0.11:25 send-proxy\n",
                "main.cf": "inet_interfaces = loopback-only\nrelayhost = [mail.contoso.com]\n",
            },
        ),
        # Only who logs in relays there, whatever the network.
        *(
            (
                "postfix-trusts-balancer",
                {
                    "haproxy.cfg": _SUBMISSION,
                    "main.cf": "mynetworks = 10.1.0.0/24\n",
                    "master.cf": f"{_MASTER}  -o {name}=permit_sasl_authenticated,{end}\n",
                },
            )
            for name, end in (
                ("smtpd_relay_restrictions", "reject"),
                ("smtpd_relay_restrictions", "defer_unauth_destination"),
                ("smtpd_client_restrictions", "reject"),
                ("smtpd_recipient_restrictions", "reject_unauth_destination"),
            )
        ),
        (
            "postfix-trusts-balancer",
            {
                "haproxy.cfg": _SUBMISSION,
                "main.cf": "mynetworks = 10.1.0.0/24\n",
                "master.cf": f"{_MASTER}  -o mynetworks=127.0.0.0/8\n",
            },
        ),
        # The kernel balances, and no program that could be tracked.
        ("keepalived-no-track", {"keepalived.conf": _LVS}),
        # The same address may be written in two ways.
        (
            "keepalived-peer",
            {
                "keepalived-a.conf": _SIX,
                "keepalived-b.conf": _SIX.replace("fd00::1\n", "fd00:0::2\n").replace(
                    "  fd00::2\n", "  fd00:0::1\n"
                ),
            },
        ),
        # How many servers a name stands for that is looked up again and again, nobody knows here.
        ("nginx-single-server", {"nginx.conf": _NGINX}),
    ],
)
def test_sound_files_are_not_accused(rule: str, files: dict[str, str], tmp_path: Path) -> None:
    """Each is read as its program reads it."""
    found = found_in(files, tmp_path).findings
    assert [each.summary for each in found if each.rule == rule] == []


@pytest.mark.parametrize(
    ("rule", "files", "at"),
    [
        (
            "haproxy-short-timeout",
            {"haproxy.cfg": f"defaults\n timeout client 1\n{_SUBMISSION}"},
            2,
        ),
        ("postfix-short-queue", {"main.cf": "maximal_queue_lifetime = 5h\n"}, 1),
        ("postfix-short-queue", {"main.cf": "maximal_queue_lifetime = 0\n"}, 1),
        ("postfix-open-relay", {"master.cf": f"{_MASTER}  -o mynetworks=0.0.0.0/0\n"}, 1),
        ("postfix-wide-networks", {"master.cf": f"{_MASTER}  -o mynetworks=10.0.0.0/8\n"}, 1),
        (
            "postfix-short-timeout",
            {"master.cf": "relay unix - - y - - smtp\n  -o smtp_helo_timeout=5\n"},
            1,
        ),
        (
            "postfix-trusts-balancer",
            {
                "haproxy.cfg": _SUBMISSION,
                "main.cf": "mynetworks = 10.1.0.0/24\n",
                "master.cf": _MASTER,
            },
            1,
        ),
        (
            "postfix-trusts-balancer",
            {
                "haproxy.cfg": _SUBMISSION,
                "main.cf": "mynetworks = 127.0.0.0/8\n",
                "master.cf": f"{_MASTER}  -o mynetworks=10.1.0.0/24\n",
            },
            1,
        ),
        (
            "postfix-trusts-balancer",
            {
                "haproxy.cfg": _SUBMISSION,
                "main.cf": "mynetworks = 10.1.0.0/24\nsmtpd_restriction_classes = ours\n"
                "ours = permit_mynetworks\nsmtpd_relay_restrictions = ours, reject\n",
            },
            1,
        ),
        ("keepalived-no-track", {"keepalived.conf": _LVS.partition("virtual_server")[0]}, 1),
        (
            "keepalived-router-id",
            {
                "keepalived-a.conf": _SIX,
                "keepalived-b.conf": _SIX.replace("::10", ":0::10").replace("_id 51", "_id 52"),
            },
            6,
        ),
        ("exim-lone-host", {"exim4.conf": _EXIM}, 5),
        ("nginx-single-server", {"nginx.conf": _NGINX.replace(" resolve", "")}, 3),
    ],
)
def test_wrong_files_are_told_of(rule: str, files: dict[str, str], at: int, tmp_path: Path) -> None:
    """At the line that is to be changed, be it one of master.cf."""
    found = found_in(files, tmp_path).findings
    assert [each.mark.line for each in found if each.rule == rule] == [at]
