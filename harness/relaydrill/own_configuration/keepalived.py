"""keepalived.conf: VRRP instances, what they track, and the addresses that they hold."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.blocks import Block, Style, parse, spliced
from relaydrill.own_configuration.including import Includes
from relaydrill.own_configuration.text import NOTHING_THERE, Note, TextFile

_STYLE: Final = Style(comments=("#", "!"), by_line=True)
_DEFAULT_PRIORITY: Final = {"MASTER": 150, "BACKUP": 100}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_TRACKS: Final = ("track_script", "track_process", "track_interface", "track_file", "track_bfd")
_KNOWN: Final = frozenset(
    {
        *("global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_process"),
        *("vrrp_track_file", "track_file", "static_ipaddress", "static_routes", "static_rules"),
        *("virtual_server", "virtual_server_group", "real_server", "garp_group", "bfd_instance"),
        *("net_namespace", "instance", "linkbeat_use_polling", "SSL", "interface_up_down_delays"),
    }
)
_KNOWN_INSIDE: Final = frozenset(
    {
        *("state", "priority", "virtual_router_id", "interface", "nopreempt", "preempt"),
        *("preempt_delay", "advert_int", "authentication", "virtual_ipaddress", "unicast_peer"),
        *("unicast_src_ip", "virtual_ipaddress_excluded", "virtual_routes", "virtual_rules"),
        *("notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "smtp_alert"),
        *("dont_track_primary", "garp_master_delay", "garp_master_repeat", "garp_master_refresh"),
        *("garp_master_refresh_repeat", "garp_lower_prio_delay", "garp_lower_prio_repeat"),
        *("garp_interval", "gna_interval", "lower_prio_no_advert", "higher_prio_send_advert"),
        *("mcast_src_ip", "mcast_dst_ip", "native_ipv6", "version", "use_vmac", "debug", "accept"),
        *("no_accept", "vmac_xmit_base", "strict_mode", "promote_secondaries", "notify_fifo"),
        *("skip_check_adv_addr", "track_src_ip", "check_unicast_src", "unicast_ttl", "linkbeat"),
        *("notify_master_rx_lower_pri", "down_timer_adverts", "kernel_rx_buf_size", *_TRACKS),
        "unicast_fault_no_peer",
    }
)


@dataclass(frozen=True, slots=True)
class Track:
    """Something that an instance tracks.

    Attributes:
        at: The line.
        kind: ``track_script``, ``track_process`` …
        name: The script, process or interface.
        weight: What is added to the priority: 0 means that the instance is in fault.
    """

    at: Mark
    kind: str
    name: str
    weight: int


def plain_address(text: str) -> str:
    """An address as it is usually written, so that two ways to write one are the same."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Instance:
    """One VRRP instance."""

    block: Block
    tracks: tuple[Track, ...] = ()

    @property
    def at(self) -> Mark:
        """The line that begins it."""
        return self.block.at

    @property
    def name(self) -> str:
        """Its name."""
        return self.block.word(1)

    def line(self, keyword: str) -> Mark:
        """The line of a statement, or the first one of the instance."""
        found = self.block.last(keyword)
        return found.at if found else self.at

    def says(self, keyword: str) -> str:
        """The word after a keyword; empty if it is not there."""
        found = self.block.last(keyword)
        return found.word(1) if found else ""

    @property
    def state(self) -> str:
        """How it begins: ``MASTER`` or ``BACKUP``, which it is by default."""
        return self.says("state") or "BACKUP"

    @property
    def priority(self) -> int:
        """Its priority, by default that of an owner of nothing."""
        text = self.says("priority")
        known = text.isdigit() and len(text) < 6
        return int(text) if known else _DEFAULT_PRIORITY.get(self.state, 100)

    @property
    def router_id(self) -> str:
        """Its ``virtual_router_id``."""
        return self.says("virtual_router_id")

    @property
    def addresses(self) -> frozenset[str]:
        """The virtual addresses, without their networks."""
        kinds = self.block.all("virtual_ipaddress", "virtual_ipaddress_excluded")
        return frozenset(
            plain_address(each.keyword.partition("/")[0]) for kind in kinds for each in kind.inside
        )

    @property
    def peers(self) -> frozenset[str]:
        """The addresses that advertisements go to; empty: to all by multicast."""
        kinds = self.block.all("unicast_peer")
        return frozenset(plain_address(each.keyword) for kind in kinds for each in kind.inside)

    @property
    def source_address(self) -> str:
        """The address that its advertisements come from; empty if it is not written."""
        return plain_address(self.says("unicast_src_ip"))


@dataclass(frozen=True, slots=True)
class Keepalived:
    """The keepalived of one machine.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        instances: Its VRRP instances.
        balances: Whether it is the balancer itself, by a ``virtual_server`` of the kernel.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    instances: tuple[Instance, ...]
    balances: bool
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if self.instances else NOTHING_THERE


def read(files: Sequence[TextFile], source: str) -> Keepalived:
    """What the keepalived.conf of one machine says.

    Args:
        files: It, and others that it is read with.
        source: As the user named it.
    """
    includes = Includes(texts=[*files])
    notes = includes.notes
    for each in files:
        notes += each.notes
    inside = [block for file in files for block in _file(file, includes)]
    for block in inside:
        if block.keyword not in _KNOWN:
            notes.append(Note(block.at, f"{show(block.keyword)} is not known here"))
    weights = {
        (block.keyword, block.word(1)): _weight(block)
        for block in inside
        if block.keyword in ("vrrp_script", "vrrp_track_process", "vrrp_track_file", "track_file")
    }
    groups = [block for block in inside if block.keyword == "vrrp_sync_group"]
    instances = tuple(
        _instance(block, groups, weights, notes)
        for block in inside
        if block.keyword == "vrrp_instance"
    )
    balances = any(block.keyword == "virtual_server" for block in inside)
    return Keepalived(source, tuple(includes.texts), instances, balances, tuple(sorted({*notes})))


def _file(file: TextFile, includes: Includes) -> Sequence[Block]:
    """The statements of a file and of those that it includes, with variables in place."""
    lines, variables = [], {}
    for number, line in enumerate(file.lines, 1):
        defined = re.match(r"\s*\$(\w+)\s*=\s*(.*?)\s*(\\)?$", line)
        if defined:
            variables[defined[1]] = defined[2].strip("\"'")
            if defined[3]:
                includes.notes.append(
                    Note(file.mark(number), f"of {defined[1]} only the first line is read")
                )
            line = ""
        elif line.lstrip().startswith("@"):
            what = "a line for one machine alone (@…) is left out"
            includes.notes.append(Note(file.mark(number), what))
            line = ""
        lines.append(_VARIABLE.sub(lambda one: _value(one, variables), line))
    whole = parse(TextFile(file.path, tuple(lines)), _STYLE, includes.notes)

    def included(block: Block) -> Sequence[Block] | None:
        if block.keyword not in ("include", "includer", "includem", "includew", "includeb"):
            return None
        found = includes.files(block.word(1), block.at)
        return [each for one in found for each in _file(one, includes)]

    return spliced(whole, included).inside


def _value(found: re.Match[str], variables: dict[str, str]) -> str:
    return variables.get(found[1] or found[2], found[0])


def _weight(block: Block) -> int:
    found = block.last("weight")
    return _number(found.word(1)) if found else 0


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[+-]?\d{1,4}", text) else 0


def _instance(
    block: Block,
    groups: Sequence[Block],
    weights: dict[tuple[str, str], int],
    notes: list[Note],
) -> Instance:
    for each in block.inside:
        if each.keyword not in _KNOWN_INSIDE:
            notes.append(
                Note(each.at, f"{show(each.keyword)} of a vrrp_instance is not known here")
            )
    mine = [
        group
        for group in groups
        for members in group.all("group")
        if block.word(1) in {each.keyword for each in members.inside}
    ]
    tracks = [track for each in (block, *mine) for track in _tracks(each, weights, notes)]
    return Instance(block, tuple(tracks))


def _tracks(
    block: Block, weights: dict[tuple[str, str], int], notes: list[Note]
) -> Iterator[Track]:
    defined: Final = {
        "track_script": ("vrrp_script",),
        "track_process": ("vrrp_track_process",),
        "track_file": ("vrrp_track_file", "track_file"),
    }
    for kind in block.all(*_TRACKS):
        for each in kind.inside:
            name = each.keyword
            homes = defined.get(kind.keyword, ())
            known = [weights[home, name] for home in homes if (home, name) in weights]
            if homes and not known:
                notes.append(Note(each.at, f"there is no {homes[0]} {show(name)}"))
            own = [
                _number(each.word(at + 1)) for at, word in enumerate(each.words) if word == "weight"
            ]
            yield Track(each.at, kind.keyword, name, (own or known or [0])[0])
