"""Configurations in the styles that are in use, and for each rule one that breaks it alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill.lint.own_files import FilesLinted, lint_files
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.gathering import Gathered

_TOP: Final = """\
global
    log /dev/log local0
    maxconn 4000

defaults
    mode tcp
    log global
    option tcplog
    option redispatch 1
    retries 3
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    timeout check 5s

"""
_MAIL_CHECK: Final = r"""    option tcp-check
    tcp-check connect
    tcp-check expect rstring ^220
    tcp-check send "EHLO lb.contoso.com\r\n"
    tcp-check expect rstring ^250
    tcp-check send "MAIL FROM:<probe@contoso.com>\r\n"
    tcp-check expect rstring ^250
    tcp-check send "QUIT\r\n"
    tcp-check expect rstring ^221
"""

_KEEPALIVED: Final = """\
! one of two balancers
global_defs {{
    router_id lb
}}
vrrp_track_process haproxy {{
    process haproxy
}}
vrrp_script chk_smtp {{
    script "/usr/local/bin/check smtp"
    interval 2
    weight -60
}}
vrrp_instance VI_1 {{
    state {state}
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    unicast_src_ip 10.0.0.{own}
    unicast_peer {{
        10.0.0.{other}
    }}
    virtual_ipaddress {{
        10.0.0.10/24 dev eth0
    }}
    track_process {{
        haproxy
    }}
    track_script {{
        chk_smtp
    }}
}}
"""
_EXIM: Final = """\
# by hand
HUBS = hub-a.contoso.com:hub-b.contoso.com
primary_hostname = app.contoso.com
domainlist local_domains = @
hostlist relay_from_hosts = <; 127.0.0.1 ; ::1 ; \\
    10.2.0.0/16
acl_smtp_rcpt = acl_check_rcpt

begin acl
acl_check_rcpt:
  accept hosts = +relay_from_hosts

begin routers
smarthost:
  driver = manualroute
  domains = ! +local_domains
  transport = remote_smtp
  route_list = * HUBS
  hosts_randomize

begin transports
remote_smtp:
  driver = smtp
  hosts_try_auth = <; ${if exists{/etc/passwd.client} {*}}

begin retry
*  *  F,2h,15m; G,16h,1h,1.5; F,4d,6h
"""
_NGINX: Final = """\
worker_processes auto;
events { worker_connections 1024; }
stream {
    # the hubs
    upstream hubs {
        least_conn;
        server 127.0.0.1:20025 max_fails=2 fail_timeout=10s;
        server 127.0.0.2:20025 weight=2 max_fails=2 fail_timeout=10s;
        server 127.0.0.3:20025 backup;
    }
    proxy_timeout 10m;
    server {
        listen 127.83.8.1:2525;
        proxy_connect_timeout 5s;
        proxy_protocol on;
        proxy_pass hubs;
    }
}
http { include "/none/*.conf"; server { listen 127.83.8.1:28080; } }
"""
_ZONE: Final = """\
$TTL 300
@       IN SOA ns1.contoso.com. hostmaster.contoso.com. (
            2026113001 ; serial
            7200 3600 1209600 300 )
        NS  ns1
        NS  ns2
        MX  10 maila
        MX  10 mailb
ns1     A   192.0.2.53
ns2     A   192.0.2.54
maila   A   192.0.2.1
        AAAA 2001:db8::1
mailb   60 IN A 192.0.2.2
mail    A   192.0.2.1
        A   192.0.2.2
www     CNAME web.example.
_smtp   TXT "v=1; (quoted)" ; comment
lab     NS  ns.lab
"""

STYLES: Final[dict[str, dict[str, str]]] = {
    "mail check": {
        "haproxy.cfg": _TOP
        + "listen smtp\n    bind 127.0.0.1:2525\n    balance roundrobin\n"
        + _MAIL_CHECK
        + "    default-server inter 3s fall 2 rise 2\n"
        + "    server ht1 10.1.0.11:25 check send-proxy-v2\n"
        + "    server ht2 10.1.0.12:25 check send-proxy-v2\n"
    },
    "submission, passed through": {
        "haproxy.cfg": _TOP
        + "frontend submissions\n    bind 127.0.0.1:465\n    bind 127.0.0.1:587\n"
        + "    default_backend farm\n\nbackend farm\n    balance leastconn\n"
        + _MAIL_CHECK
        + "    server ht1 10.1.0.11 check port 587\n"
        + "    server ht2 10.1.0.12 check port 587\n"
        + "    server ht3 10.1.0.13 check port 587 backup\n"
    },
    "transparent": {
        "haproxy.cfg": _TOP
        + "defaults relaying\n    mode tcp\n    timeout connect 4s\n    timeout client 10m\n"
        + "    timeout server 10m\n    option redispatch 1\n    source 0.0.0.0 usesrc clientip\n\n"
        + "frontend smtp\n    bind 127.0.0.1:2525-2526\n"
        + "    acl inside src 10.0.0.0/8 192.168.0.0/16\n"
        + "    use_backend relay if inside\n    default_backend edge\n\n"
        + "backend relay from relaying\n    balance leastconn\n"
        + _MAIL_CHECK
        + "    default-server check inter 2s slowstart 60s on-marked-down shutdown-sessions\n"
        + "    server ht1 10.1.0.11:25 weight 20\n    server ht2 10.1.0.12:25 weight 10\n\n"
        + "backend edge from relaying\n    balance roundrobin\n"
        + "    server edge1 10.1.0.21:25 track relay/ht1\n"
        + "    server edge2 10.1.0.22:25 track relay/ht2\n"
    },
    "resolvers": {
        "haproxy.cfg": _TOP
        + "resolvers dns\n    nameserver ns1 127.0.0.1:53\n    hold valid 10s\n\n"
        + "listen smtp\n    bind 127.0.0.1:2525\n    balance leastconn\n"
        + _MAIL_CHECK
        + "    server-template ht 3 hubs.contoso.com:25 check resolvers dns init-addr none"
        + " send-proxy-v2\n"
    },
    "two balancers": {
        "keepalived-a.conf": _KEEPALIVED.format(state="MASTER", priority=150, own=2, other=3),
        "keepalived-b.conf": _KEEPALIVED.format(state="BACKUP", priority=100, own=3, other=2),
    },
    "null client": {
        "main.cf": "# all mail goes to the tier\nmyhostname = app.contoso.com\n"
        "mydestination =\nrelayhost = contoso.com:25\n"
        "mynetworks = 127.0.0.0/8,\n    [::1]/128\ninet_interfaces = loopback-only\n"
        "smtp_data_done_timeout = 600s\nmaximal_queue_lifetime = 5d\n",
        "db.contoso.com": _ZONE,
    },
    "hub with a fallback": {
        "main.cf": "next = hub-a.contoso.com\nrelayhost = [$next]\n"
        "smtp_fallback_relay = [hub-b.contoso.com] [${next}]\n"
        "mynetworks = 127.0.0.0/8 10.2.0.0/16\nmynetworks_style = host\n",
    },
    "balanced Postfix": {
        "haproxy.cfg": _TOP
        + "listen smtp\n    bind 10.1.0.10:25\n"
        + _MAIL_CHECK
        + "    server ht1 10.1.0.11:25 check send-proxy-v2\n"
        + "    server ht2 10.1.0.12:25 check send-proxy-v2\n",
        "main.cf": "mynetworks = 127.0.0.0/8 10.1.0.0/24\n",
        "master.cf": "smtp inet n - y - - smtpd\n"
        "  -o smtpd_upstream_proxy_protocol=haproxy\n"
        "submission inet n - y - - smtpd\n  -o { smtpd_tls_security_level = encrypt }\n"
        "pickup unix n - y 60 1 pickup\n",
    },
    "smart hosts": {
        "exim4.conf": _EXIM,
    },
    "nginx stream": {
        "nginx.conf": _NGINX,
    },
    "zone": {
        "named.conf": 'options { directory "/etc/bind"; }; // ours\n'
        'zone "contoso.com" {\n  type primary;\n  file "contoso";\n};\n',
        "contoso": _ZONE,
    },
}
"""Files in which nothing is found, by style and name."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A change of one style that breaks one rule.

    Attributes:
        style: What is changed.
        replace: Text, and what takes its place: in the only file that has it.
        line: Words of the line that is to be named, once it is changed.
        says: Words of the summary.
        failover_s: What is promised.
        forgives: Rules that the change breaks besides, which is not its point.
    """

    style: str
    replace: tuple[tuple[str, str], ...]
    line: str
    says: str
    failover_s: float | None = None
    forgives: tuple[str, ...] = ()

    def files(self) -> dict[str, str]:
        """The files, sabotaged."""
        files = dict(STYLES[self.style])
        for old, new in self.replace:
            [name] = [each for each, text in files.items() if old in text]
            files[name] = files[name].replace(old, new, 1)
        return files


_OTHER_ROUTER: Final = "state BACKUP\n    interface eth0\n    virtual_router_id 52"
_LIGHT: Final = "weight -20\n}\nvrrp_instance VI_1 {\n    state MASTER"
_ADDRESS: Final = "    virtual_ipaddress {\n        10.0.0.10/24 dev eth0\n    }\n"
_TRACKS: Final = (
    "    track_process {\n        haproxy\n    }\n    track_script {\n        chk_smtp\n    }\n"
)
_CHECK_OF_MAIL: Final = (_MAIL_CHECK, "    option smtpchk EHLO lb.contoso.com\n")

SABOTAGES: Final = {
    "haproxy-no-check": Sabotage(
        "mail check",
        (("10.1.0.12:25 check ", "10.1.0.12:25 "),),
        "server ht2",
        "server ht2 of listen smtp has no check",
    ),
    "haproxy-tcp-check": Sabotage(
        "mail check",
        ((_MAIL_CHECK, ""),),
        "server ht1",
        "ht1 and ht2 of listen smtp are checked by a connection alone",
    ),
    "haproxy-blind-check": Sabotage(
        "mail check", (_CHECK_OF_MAIL,), "option smtpchk", "the check of listen smtp ends before"
    ),
    "haproxy-check-elsewhere": Sabotage(
        "submission, passed through",
        (("10.1.0.12 check port 587", "10.1.0.12 check port 143"),),
        "server ht2",
        "ht2 of backend farm is checked at 143, and mail goes to 465 and 587",
    ),
    "haproxy-check-proxy": Sabotage(
        "mail check",
        (("10.1.0.12:25 check ", "10.1.0.12:25 check addr 10.1.0.12 "),),
        "server ht2",
        "ht2 of listen smtp gets mail with send-proxy-v2 and checks without",
    ),
    "haproxy-slow-check": Sabotage(
        "mail check",
        (("inter 3s fall 2", "inter 30s fall 3"),),
        "default-server",
        "ht1 of listen smtp may be dead for 105 s before it is taken out, and 60 s are promised",
        failover_s=60,
    ),
    "haproxy-short-timeout": Sabotage(
        "mail check",
        (("timeout server 10m", "timeout server 50s"),),
        "timeout server",
        "timeout server ends a silent session of listen smtp after 50 s",
    ),
    "haproxy-sticky": Sabotage(
        "mail check",
        (("balance roundrobin", "balance source"),),
        "balance source",
        "balance source in listen smtp binds clients",
    ),
    "haproxy-hides-clients": Sabotage(
        "transparent",
        (("    source 0.0.0.0 usesrc clientip\n", "    source 10.1.0.10\n"),),
        "source 10.1.0.10",
        "ht1 and ht2 of backend relay see the balancer's address",
    ),
    "haproxy-single-server": Sabotage(
        "mail check",
        (("    server ht2 10.1.0.12:25 check send-proxy-v2\n", ""),),
        "server ht1",
        "ht1 is the only server of listen smtp",
    ),
    "haproxy-no-redispatch": Sabotage(
        "mail check",
        (("retries 3", "retries 0"),),
        "retries 0",
        "listen smtp has retries 0",
    ),
    "haproxy-name-at-start": Sabotage(
        "resolvers",
        (("resolvers dns init-addr none ", ""),),
        "server-template",
        "ht of listen smtp is hubs.contoso.com, which is looked up at the start alone",
    ),
    "haproxy-one-backup": Sabotage(
        "submission, passed through",
        (("10.1.0.12 check port 587", "10.1.0.12 check port 587 backup"),),
        "server ht2",
        "of ht2 and ht3 in backend farm one takes all the mail",
    ),
    "haproxy-mode-http": Sabotage(
        "mail check",
        (("mode tcp", "mode http"),),
        "mode http",
        "listen smtp passes mail on in mode",
    ),
    "haproxy-tls-at-once": Sabotage(
        "mail check",
        (("10.1.0.12:25 check send-proxy-v2", "10.1.0.12:25 check send-proxy-v2 ssl verify none"),),
        "server ht2",
        "server ht2 of listen smtp is spoken to by TLS at once, on 25",
    ),
    "keepalived-both-master": Sabotage(
        "two balancers",
        (("state BACKUP", "state MASTER"),),
        "state MASTER",
        "VI_1 begins as MASTER, and so does ",
    ),
    "keepalived-equal-priority": Sabotage(
        "two balancers",
        (("priority 100", "priority 150"),),
        "priority 150",
        "VI_1 has priority 150, as has ",
    ),
    "keepalived-router-id": Sabotage(
        "two balancers",
        (("state BACKUP\n    interface eth0\n    virtual_router_id 51", _OTHER_ROUTER),),
        "virtual_router_id 52",
        "VI_1 holds 10.0.0.10 with virtual_router_id 52, and ",
    ),
    "keepalived-no-track": Sabotage(
        "two balancers",
        (("10.0.0.2\n    }\n" + _ADDRESS + _TRACKS, "10.0.0.2\n    }\n" + _ADDRESS),),
        "vrrp_instance VI_1",
        "VI_1 tracks no process and no script: it keeps 10.0.0.10",
    ),
    "keepalived-weight-too-small": Sabotage(
        "two balancers",
        (("weight -60\n}\nvrrp_instance VI_1 {\n    state MASTER", _LIGHT),),
        "chk_smtp",
        "chk_smtp fails, and VI_1 still has priority 130: the other machine has 100",
    ),
    "keepalived-nopreempt-master": Sabotage(
        "two balancers",
        (("state MASTER", "state MASTER\n    nopreempt"),),
        "nopreempt",
        "VI_1 has nopreempt and begins as MASTER",
    ),
    "keepalived-peer": Sabotage(
        "two balancers",
        (("        10.0.0.3\n", "        10.0.0.4\n"),),
        "unicast_peer",
        "VI_1 sends to 10.0.0.4, and not to 10.0.0.3",
    ),
    "postfix-open-relay": Sabotage(
        "null client",
        (("[::1]/128", "[::1]/128 0.0.0.0/0"),),
        "mynetworks =",
        "mynetworks holds 0.0.0.0/0: strangers may relay",
    ),
    "postfix-wide-networks": Sabotage(
        "hub with a fallback",
        (("10.2.0.0/16", "10.0.0.0/8"),),
        "mynetworks =",
        "mynetworks holds all of 10.0.0.0/8",
    ),
    "postfix-trusts-balancer": Sabotage(
        "balanced Postfix",
        (
            ("12:25 check send-proxy-v2", "12:25 check"),
            ("11:25 check send-proxy-v2", "11:25 check"),
            ("  -o smtpd_upstream_proxy_protocol=haproxy\n", ""),
        ),
        "mynetworks =",
        "mynetworks holds 10.1.0.10 (10.1.0.0/24), which all clients of listen smtp have",
        forgives=("haproxy-hides-clients",),
    ),
    "postfix-lone-relay": Sabotage(
        "hub with a fallback",
        (("smtp_fallback_relay", "# smtp_fallback_relay"),),
        "relayhost =",
        "relayhost = [hub-a.contoso.com] asks for no MX record, and there is no fallback",
    ),
    "postfix-bare-address": Sabotage(
        "hub with a fallback",
        (("[hub-b.contoso.com]", "10.1.0.12"),),
        "smtp_fallback_relay =",
        "smtp_fallback_relay = 10.1.0.12 has no brackets",
    ),
    "postfix-short-timeout": Sabotage(
        "null client",
        (("timeout = 600s", "timeout = 1m"),),
        "smtp_data_done_timeout",
        "smtp_data_done_timeout gives up after 60 s, and a server may take 600 s",
    ),
    "postfix-short-queue": Sabotage(
        "null client",
        (("lifetime = 5d", "lifetime = 4h"),),
        "maximal_queue_lifetime",
        "maximal_queue_lifetime gives mail up after 4 h",
    ),
    "postfix-proxy-missing": Sabotage(
        "balanced Postfix",
        (("  -o smtpd_upstream_proxy_protocol=haproxy\n", ""),),
        "send-proxy-v2",
        "ht1 gets send-proxy-v2 at port 25, and Postfix does not expect it",
    ),
    "postfix-proxy-unsent": Sabotage(
        "balanced Postfix",
        (("12:25 check send-proxy-v2", "12:25 check"), ("10.1.0.0/24", "10.7.0.0/24")),
        "server ht2",
        "ht2 gets no PROXY header at port 25, and Postfix waits for one",
        forgives=("haproxy-hides-clients",),
    ),
    "exim-open-relay": Sabotage(
        "smart hosts",
        (("10.2.0.0/16", "0.0.0.0/0"),),
        "relay_from_hosts",
        "relay_from_hosts holds 0.0.0.0/0: strangers may relay",
    ),
    "exim-wide-networks": Sabotage(
        "smart hosts",
        (("10.2.0.0/16", "10.0.0.0/8"),),
        "relay_from_hosts",
        "relay_from_hosts holds all of 10.0.0.0/8",
    ),
    "exim-lone-host": Sabotage(
        "smart hosts",
        (("hub-a.contoso.com:hub-b.contoso.com", "hub-a.contoso.com"),),
        "route_list",
        "smarthost hands mail to hub-a.contoso.com alone",
    ),
    "exim-first-host": Sabotage(
        "smart hosts",
        (("  hosts_randomize\n", ""),),
        "route_list",
        "smarthost tries hub-a.contoso.com first, before hub-b.contoso.com, every time",
    ),
    "nginx-single-server": Sabotage(
        "nginx stream",
        (
            ("        server 127.0.0.2:20025 weight=2 max_fails=2 fail_timeout=10s;\n", ""),
            ("127.0.0.3:20025 backup", "127.0.0.3:20025 down"),
        ),
        "server 127.0.0.1:20025",
        "127.0.0.1:20025 is the only server of upstream hubs",
    ),
    "nginx-no-max-fails": Sabotage(
        "nginx stream",
        (("weight=2 max_fails=2", "weight=2 max_fails=0"),),
        "server 127.0.0.2:20025",
        "127.0.0.2:20025 of upstream hubs has max_fails=0",
    ),
    "nginx-no-next-server": Sabotage(
        "nginx stream",
        (("proxy_pass hubs;", "proxy_pass hubs;\n        proxy_next_upstream off;"),),
        "proxy_next_upstream off",
        "upstream hubs tries no other server",
    ),
    "nginx-slow-connect": Sabotage(
        "nginx stream",
        (("        proxy_connect_timeout 5s;\n", ""),),
        "server {",
        "upstream hubs waits 60 s for a dead host",
    ),
    "nginx-short-timeout": Sabotage(
        "nginx stream",
        (("proxy_timeout 10m", "proxy_timeout 30s"),),
        "proxy_timeout 30s",
        "proxy_timeout ends a silent session of upstream hubs after 30 s",
    ),
    "nginx-sticky": Sabotage(
        "nginx stream",
        (
            ("least_conn", "hash $remote_addr consistent"),
            ("        server 127.0.0.3:20025 backup;\n", ""),
        ),
        "hash $remote_addr",
        "hash $remote_addr in upstream hubs binds clients",
    ),
    "nginx-hides-clients": Sabotage(
        "nginx stream",
        (("        proxy_protocol on;\n", ""),),
        "server {",
        "the servers of upstream hubs see the balancer's address",
    ),
    "zone-mx-cname": Sabotage(
        "zone",
        (("maila   A   192.0.2.1\n        AAAA 2001:db8::1", "maila   CNAME mail"),),
        "MX  10 maila",
        "contoso.com has the MX host maila.contoso.com, which is a CNAME",
    ),
    "zone-mx-literal": Sabotage(
        "zone",
        (("MX  10 maila", "MX  10 192.0.2.1."),),
        "MX  10 192.0.2.1.",
        "contoso.com has the MX host 192.0.2.1, which is an address",
    ),
    "zone-mx-no-address": Sabotage(
        "zone",
        (("MX  10 mailb", "MX  10 mailc"),),
        "MX  10 mailc",
        "contoso.com has the MX host mailc.contoso.com, which has no address",
    ),
    "zone-null-mx-beside": Sabotage(
        "zone",
        (("MX  10 mailb", "MX  10 mailb\n        MX  0 ."),),
        "MX  0 .",
        "contoso.com has a null MX beside maila.contoso.com and mailb.contoso.com",
    ),
    "zone-one-mx": Sabotage(
        "zone",
        (("        MX  10 maila\n", ""),),
        "MX  10 mailb",
        "contoso.com has one MX host, mailb.contoso.com, with one address",
    ),
    "zone-mx-shared-address": Sabotage(
        "zone",
        (("A 192.0.2.2", "A 192.0.2.1"),),
        "MX  10 mailb",
        "mailb.contoso.com has 192.0.2.1, and so has maila.contoso.com",
    ),
    "zone-long-ttl": Sabotage(
        "zone",
        (("mail    A   192.0.2.1\n        A   192.0.2.2", "mail    3600 A   192.0.2.1"),),
        "mail    3600 A",
        "mail.contoso.com leads to one address for 3600 s, and 60 s are promised",
        failover_s=60,
    ),
}
"""By rule."""


def written(files: dict[str, str], folder: Path) -> list[str]:
    """Write files into a folder; their paths."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in files]


def read(files: dict[str, str], folder: Path, failover_s: float | None = None) -> OwnFiles:
    """The configurations that some files are."""
    gathered = Gathered()
    for path in written(files, folder):
        gathered.add(path)
    assert gathered.problems == {}
    return gathered.files(failover_s)


def found_in(files: dict[str, str], folder: Path, failover_s: float | None = None) -> FilesLinted:
    """What is said of some files."""
    return lint_files(read(files, folder, failover_s))
