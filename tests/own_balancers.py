"""Files of HAProxy in the styles that are in use: what a lab runs just as it is, whole and spoilt.

The times in them are short, for a lab that runs them has no clock of its own to turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from relaydrill import topology_files
from relaydrill.topology import Topology

TOP: Final = """\
global
    log /dev/log local0
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy
    daemon
    maxconn 4000

defaults
    mode tcp
    log global
    option tcplog
    option redispatch 1
    retries 3
    timeout connect 2s
    timeout client 10m
    timeout server 10m
    timeout check 1s

"""
_SMTPCHK: Final = "    option smtpchk EHLO lb.contoso.com\n"
_GREETING: Final = "    option tcp-check\n    tcp-check expect rstring ^220\n"
_QUICK: Final = "    default-server inter 1s fall 2 rise 2\n"


def _listen(inside: str, servers: str) -> str:
    return f"listen smtp\n    bind 10.1.0.10:25\n{inside}{servers}"


def _servers(options: str = "check", count: int = 3, port: str = ":25") -> str:
    return "".join(
        f"    server ht{number} 10.1.0.1{number}{port} {options}\n"
        for number in range(1, count + 1)
    )


@dataclass(frozen=True)
class Style:
    """A file that works, and a change that spoils it.

    Attributes:
        text: The file.
        spoil: Words, and what takes their place in the spoilt one.
        line: Words of the line that a finding about the spoilt one names.
        fault: What is broken, in both.
        names: What names lead to, where the file has some.
        topology: What else a topology of it says.
    """

    text: str
    spoil: tuple[tuple[str, str], ...]
    line: str
    fault: str = "kill:ht2"
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    topology: tuple[tuple[str, Any], ...] = ()

    @property
    def hubs(self) -> tuple[str, ...]:
        """The servers that it has."""
        found = re.findall(r"^    server (\S+)", self.text, re.M)
        return tuple(dict.fromkeys(found)) or self.names[0][1]

    @property
    def ports(self) -> list[int]:
        """The ports at which the design takes mail."""
        return [port for port in (25, 587) if f":{port}\n" in self.text]

    @property
    def spoilt(self) -> str:
        """The spoilt file."""
        text = self.text
        for old, new in self.spoil:
            assert old in text, old
            text = text.replace(old, new, 1)
        return text

    @property
    def number(self) -> int:
        """The number of the line that is to be named."""
        [found] = [n for n, line in enumerate(self.spoilt.splitlines(), 1) if self.line in line]
        return found


_UNCHECKED: Final = (
    ("10.1.0.12:25 check", "10.1.0.12:25"),
    ("    option redispatch 1\n", ""),
)

STYLES: Final[dict[str, Style]] = {
    "smtpchk": Style(TOP + _listen(_SMTPCHK + _QUICK, _servers()), _UNCHECKED, "server ht2"),
    "tcp-check expects 220": Style(
        TOP + _listen(_GREETING + _QUICK, _servers()),
        (("    tcp-check expect rstring ^220\n", ""),),
        "option tcp-check",
        fault="pause:ht2",
    ),
    "send-proxy-v2": Style(
        TOP + _listen(_SMTPCHK + _QUICK, _servers("check send-proxy-v2 check-send-proxy")),
        _UNCHECKED,
        "server ht2",
    ),
    "backup": Style(
        TOP
        + _listen(_SMTPCHK + _QUICK, _servers(count=1))
        + "    server ht2 10.1.0.12:25 check backup\n",
        (("10.1.0.11:25 check", "10.1.0.11:25"), ("    option redispatch 1\n", "")),
        "server ht1",
        fault="kill:ht1",
    ),
    "source": Style(
        TOP + _listen("    balance source\n" + _SMTPCHK + _QUICK, _servers(count=2)),
        _UNCHECKED,  # it is ht2 that the address of the sender leads to
        "server ht2",
    ),
    "leastconn": Style(
        TOP + _listen("    balance leastconn\n" + _SMTPCHK + _QUICK, _servers()),
        (("inter 1s fall 2", "inter 10s fall 20"), ("    option redispatch 1\n", "")),
        "default-server inter 10s fall 20",
    ),
    "check port and track": Style(
        TOP
        + "listen smtp\n    bind 10.1.0.10:25\n"
        + _SMTPCHK
        + _QUICK
        + _servers("check port 25", port="")
        + "\nlisten submission\n    bind 10.1.0.10:587\n"
        + _SMTPCHK
        + "".join(
            f"    server ht{n} 10.1.0.1{n}:587 inter 1s fall 2 rise 2 track smtp/ht{n}\n"
            for n in (1, 2, 3)
        ),
        (
            ("10.1.0.12 check port 25", "10.1.0.12"),
            ("10.1.0.12:587 inter 1s fall 2 rise 2 track smtp/ht2", "10.1.0.12:587"),
            ("    option redispatch 1\n", ""),
        ),
        "server ht2 10.1.0.12:587",
    ),
    "slow start": Style(
        TOP
        + _listen(
            _SMTPCHK + "    default-server check inter 1s fall 2 rise 2 slowstart 5s\n",
            _servers(""),
        ),
        (("10.1.0.12:25 ", "10.1.0.12:25 no-check "), ("    option redispatch 1\n", "")),
        "server ht2",
    ),
    "resolvers and server-template": Style(
        TOP
        + "resolvers lab\n    nameserver ns1 10.1.0.53:53\n    hold valid 2s\n"
        + "    accepted_payload_size 8192\n\n"
        + _listen(
            _SMTPCHK + _QUICK,
            "    server-template ht 3 hubs.contoso.com:25 check resolvers lab init-addr none\n",
        ),
        (("25 check resolvers", "25 resolvers"), ("    option redispatch 1\n", "")),
        "server-template",
        names=(("hubs.contoso.com", ("ht1", "ht2", "ht3")),),
        topology=(("ns1", {"role": "dns", "address": "10.1.0.53"}),),
    ),
    "frontend with conditions": Style(
        TOP
        + "frontend smtp\n    bind :25\n    acl inside src 10.0.0.0/8\n"
        + "    use_backend relay if inside\n    default_backend relay\n\nbackend relay\n"
        + _SMTPCHK
        + _QUICK
        + _servers(),
        _UNCHECKED,
        "server ht2",
    ),
    "465 passed through": Style(
        TOP
        + "frontend mail\n    bind 10.1.0.10:25\n    default_backend hubs\n\n"
        + "frontend submissions\n    bind 10.1.0.10:465\n    default_backend implicit\n\n"
        + "backend hubs\n"
        + _SMTPCHK
        + _QUICK
        + _servers()
        + "\nbackend implicit\n    option tcp-check\n"
        + _servers("check inter 1s", 2, port=":465"),
        (("10.1.0.12:25 check", "10.1.0.12:25"), ("    option redispatch 1\n", "")),
        "server ht2 10.1.0.12:25",
    ),
}
"""By what is particular about each."""


def document(style: Style, text: str) -> dict[str, Any]:
    """A topology whose balancer runs a file: by their names, nodes have the addresses there."""
    ports, vip = style.ports, "smtp"
    flow = {"from": "app", "persona": "single_host", "to": "mail.contoso.com", "rate": "20/s"}
    return {
        "name": "own",
        "clock": 1,
        "nodes": {
            **{hub: {"role": "hub"} for hub in style.hubs},
            "lb1": {
                "role": "balancer",
                "kind": "haproxy",
                "config": [{"path": "haproxy.cfg", "text": text}],
                "backends": [*style.hubs],
                "vips": {vip: {"ports": ports}},
            },
            "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
            "app": {"role": "sender", "address": "10.1.0.77"},
            **dict(style.topology),
        },
        "names": {"mail.contoso.com": vip, **{name: [*to] for name, to in style.names}},
        "connectors": {f"at-{port}": {"port": port} for port in ports},
        "flows": {f"at-{port}": {**flow, "port": port} for port in ports},
        "expect": {"lost": 0, "gap": "5s", "degraded": "8s"},
    }


def topology_of(style: Style, text: str, folder: Path) -> Topology:
    """The same, loaded from a file.

    Args:
        style: What the file is.
        text: The file, or what a test has made of it.
        folder: Where the topology is written.
    """
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(document(style, text), sort_keys=False))
    return topology_files.load(path)
