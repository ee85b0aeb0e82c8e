"""WNLB from the kernel: a host's filter as text for nft, and how it is put into force.

As in WNLB's multicast mode every host has the VIP, and answers to "who has it?" with one Ethernet
address that belongs to a group: the bridge floods what is sent there to all hosts, and each keeps
its share. Three things make the kernel do so:

- the ARP answers for the VIP bear the group's address in place of the host's own;
- TCP takes only packets for the host's own Ethernet address: the packets' type is set to that;
- a hash of the client decides (``jhash``). The older way, iptables' ``cluster`` match, can neither
  weigh nor take the client's port.

The filter lets packets through only while heartbeats go out: a frozen program is a frozen host,
though its kernel goes on.
"""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterable, Iterator
from typing import Final

from relaydrill.errors import LabError
from relaydrill.nodes import config
from relaydrill.nodes.wnlb.mapping import SEEDS, Slots, stages

_TABLE: Final = "relaydrill"
_GROUP: Final = "03:bf"
"""What WNLB's multicast addresses begin with; the VIP's four bytes follow."""

_KEYS: Final = {
    "none": "ip saddr . tcp sport",
    "single": "ip saddr",
    "network": "@nh,96,24",  # the first three bytes of the source address
}


def group_address(vip: str) -> str:
    """The Ethernet address of a VIP in multicast mode."""
    return ":".join([_GROUP, *(f"{byte:02x}" for byte in ipaddress.IPv4Address(vip).packed)])


def setup(cluster: config.Cluster, me: str) -> str:
    """What stands for as long as the host does; nothing gets through until there is a view."""
    vips = ", ".join(cluster.vips.values())
    masks = "\n".join(
        f"    arp saddr ip {vip} arp saddr ether set {group_address(vip)}"
        for vip in cluster.vips.values()
    )
    port = next(host.beats.port for host in cluster.hosts if host.name == me)
    patience_ms = max(1, round(cluster.patience * 1000))
    return f"""\
table arp {_TABLE} {{
  chain output {{
    type filter hook output priority 0
{masks}
  }}
}}
table ip {_TABLE} {{
  set alive {{ typeof ip version; size 1; flags dynamic, timeout; timeout {patience_ms}ms; }}
  chain share {{ drop; }}
  chain kept {{ accept; }}
  chain output {{
    type filter hook output priority mangle
    udp sport {port} update @alive {{ ip version }}
  }}
  chain prerouting {{
    type filter hook prerouting priority mangle
    ip daddr != {{ {vips} }} accept
    ip version != @alive drop
    meta pkttype set host
    ct state established goto kept
    tcp flags & (fin|syn|rst|ack) == syn goto share
    drop
  }}
}}
"""


def share(cluster: config.Cluster, me: str, live: frozenset[str], *, is_stopped: bool) -> str:
    """Replaces the rules for connections by those of a view; a host that is stopped has none."""
    lines = [f"flush chain ip {_TABLE} kept", f"flush chain ip {_TABLE} share"]
    lines.append(f"add rule ip {_TABLE} kept {'drop' if is_stopped else 'accept'}")
    if me in live and not is_stopped:
        lines += [f"add rule ip {_TABLE} share {rule}" for rule in _rules(cluster, me, live)]
    return "\n".join([*lines, f"add rule ip {_TABLE} share drop", ""])


def _rules(cluster: config.Cluster, me: str, live: frozenset[str]) -> Iterator[str]:
    for rule in cluster.rules:
        ports = ", ".join(map(str, rule.ports))
        if rule.ports:
            key, where = _KEYS[rule.affinity], f"ip daddr {rule.address} tcp dport {{ {ports} }}"
            for seed, choice in zip(SEEDS, stages(cluster, rule, live), strict=False):
                yield f"{where} {_choice(key, seed, choice, me, live)}"
            yield f"{where} drop"
    # What no rule covers goes to one host.
    if any(choice[0].host == me for choice in stages(cluster, None, live)):
        yield "accept"


def _choice(key: str, seed: int, choice: tuple[Slots, ...], me: str, live: frozenset[str]) -> str:
    """Mine is accepted, what is another's is dropped, and for a host's that is gone one goes on."""
    total = choice[-1].end
    verdicts = [
        f"{_range(each)} : {'accept' if each.host == me else 'drop'}"
        for each in choice
        if each.host in live
    ]
    if not verdicts:
        return "continue"
    if total == 1:
        return verdicts[0].rpartition(" ")[2]
    return f"jhash {key} mod {total} seed {seed:#x} vmap {{ {', '.join(verdicts)} }}"


def _range(part: Slots) -> str:
    last = part.end - 1
    return str(part.first) if last == part.first else f"{part.first}-{last}"


class Kernel:
    """The filter of the machine, or container, that the program runs on.

    Raises:
        LabError: (by each method) A program is missing, or the kernel does not take it.
    """

    def __init__(self, cluster: config.Cluster, me: str) -> None:
        self._cluster = cluster
        self._me = me

    def prepare(self) -> None:
        """Take the VIPs, and let nothing through yet."""
        for vip in self._cluster.vips.values():
            # On the loopback interface, for the other may be taken away and brought back.
            _run(["ip", "address", "replace", f"{vip}/32", "dev", "lo"])
        _nft(setup(self._cluster, self._me))

    def apply(self, live: frozenset[str], *, is_stopped: bool) -> None:
        """Keep the share of a view from now on; or nothing, where the host is stopped."""
        _nft(share(self._cluster, self._me, live, is_stopped=is_stopped))


def _nft(text: str) -> None:
    _run(["nft", "-f", "-"], text)


def _run(command: Iterable[str], text: str = "") -> None:
    words = list(command)
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LabError(f"a host of a WNLB cluster needs the program {words[0]}: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise LabError(f"the kernel does not take {' '.join(words)}: {said}")
