"""keepalived.conf: two machines that hold the same address, and what makes them change places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from relaydrill.lint.own_files.rule import FoundInFile, file_rule
from relaydrill.lint.rule import Severity
from relaydrill.marks import Path
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.keepalived import Instance
from relaydrill.sentences import listed

_PAGE = "keepalived.conf(5)"
_PROGRAMS = ("track_process", "track_script", "track_file")


def _of(instance: Instance, *more: str) -> Path:
    return ("vrrp_instance", instance.name, *more)


def _pairs(files: OwnFiles) -> Iterator[tuple[Instance, Instance]]:
    """Instances of two machines that hold an address in common, the later one first."""
    for one, other in itertools.combinations(files.keepalived, 2):
        for first, second in itertools.product(one.instances, other.instances):
            if first.addresses & second.addresses:
                yield second, first


@file_rule(
    "keepalived-both-master",
    Severity.WARNING,
    fact="A machine that begins as MASTER takes the address before it has listened to the other:"
    f' with two of them both hold it until one has heard the other\'s priority ({_PAGE}, "state").',
    remedy="Write state MASTER on one machine and state BACKUP on the other.",
)
def both_master(files: OwnFiles) -> Iterator[FoundInFile]:
    """Two machines that both begin with the address."""
    for one, other in _pairs(files):
        if one.state == other.state == "MASTER":
            text = f"{one.name} begins as MASTER, and so does {other.line('state')}"
            yield one.line("state"), _of(one, "state"), text


@file_rule(
    "keepalived-equal-priority",
    Severity.WARNING,
    fact="The master is the one with the highest priority, and of equals the one with the highest"
    " address (RFC 5798 §6.4.3): which of them it is, nobody chose, and a track_script with a"
    " weight may leave them equal again.",
    remedy="Give the machine that is to have the address by default the higher priority:"
    " priority 150 there, priority 100 on the other.",
)
def equal_priority(files: OwnFiles) -> Iterator[FoundInFile]:
    """Two machines of the same priority."""
    for one, other in _pairs(files):
        if one.priority == other.priority:
            text = f"{one.name} has priority {one.priority}, as has {other.line('priority')}"
            yield one.line("priority"), _of(one, "priority"), text


@file_rule(
    "keepalived-router-id",
    Severity.ERROR,
    fact="Machines are one virtual router by their virtual_router_id; with another each is alone,"
    " hears nobody, and takes the address (RFC 5798 §5.2.3).",
    remedy="Write the same virtual_router_id on both machines.",
)
def router_id(files: OwnFiles) -> Iterator[FoundInFile]:
    """Two machines that hold one address and do not know each other."""
    for one, other in _pairs(files):
        if one.router_id != other.router_id:
            shared = listed(sorted(one.addresses & other.addresses))
            text = f"{one.name} holds {shared} with virtual_router_id {one.router_id or 'none'}"
            where = other.line("virtual_router_id")
            told = f"{text}, and {where} with {other.router_id or 'none'}"
            yield one.line("virtual_router_id"), _of(one, "virtual_router_id"), told


@file_rule(
    "keepalived-no-track",
    Severity.ERROR,
    fact="Keepalived gives the address up when its own machine or interface fails; that the"
    " balancer's program has died, only a track_process or track_script tells it"
    f' ({_PAGE}, "track_process").',
    remedy="Write vrrp_track_process haproxy { process haproxy } and, in the instance,"
    " track_process { haproxy }.",
)
def no_track(files: OwnFiles) -> Iterator[FoundInFile]:
    """Machines that keep the address when the program behind it is dead."""
    for each in files.keepalived:
        for one in () if each.balances else each.instances:
            if not any(track.kind in _PROGRAMS for track in one.tracks):
                text = f"{one.name} tracks no process and no script: it keeps"
                held = listed(sorted(one.addresses)) or "its address"
                yield one.at, _of(one), f"{text} {held} when the balancer's program dies"


@file_rule(
    "keepalived-weight-too-small",
    Severity.ERROR,
    fact="A track with a weight changes the priority by it and does no more; the address moves only"
    f' when the other machine\'s is higher then ({_PAGE}, "weight").',
    remedy="Leave the weight out (a failed track then gives the address up), or make it larger than"
    " the difference of the priorities.",
)
def weight_too_small(files: OwnFiles) -> Iterator[FoundInFile]:
    """Tracks that notice, and leave the address where it is."""
    for pair in _pairs(files):
        for one, other in (pair, pair[::-1]):
            if one.priority <= other.priority:
                continue
            for track in one.tracks:
                highest = other.priority + sum(
                    max(each.weight, 0) for each in other.tracks if each.kind in _PROGRAMS
                )
                full = one.priority + sum(max(each.weight, 0) for each in one.tracks)
                left = full - abs(track.weight)
                if track.kind in _PROGRAMS and track.weight and left >= highest:
                    text = f"{track.name} fails, and {one.name} still has priority {left}: the"
                    where = _of(one, track.kind, track.name)
                    yield track.at, where, f"{text} other machine has {highest}"


@file_rule(
    "keepalived-nopreempt-master",
    Severity.WARNING,
    fact="For nopreempt to work the state must be BACKUP at the start: with MASTER the machine"
    f' takes the address back all the same ({_PAGE}, "nopreempt").',
    remedy="Write state BACKUP on both machines, nopreempt, and priorities that differ.",
)
def nopreempt_master(files: OwnFiles) -> Iterator[FoundInFile]:
    """A word that has no effect."""
    for each in files.keepalived:
        for one in each.instances:
            if one.block.last("nopreempt") and one.state == "MASTER":
                text = f"{one.name} has nopreempt and begins as MASTER"
                yield one.line("nopreempt"), _of(one, "nopreempt"), text


@file_rule(
    "keepalived-peer",
    Severity.ERROR,
    fact="With unicast_peer advertisements go to the addresses that are listed and nowhere else: a"
    " machine that the other does not list hears nothing and takes the address"
    f' ({_PAGE}, "unicast_peer").',
    remedy="List each machine's unicast_src_ip in the other's unicast_peer.",
)
def peer(files: OwnFiles) -> Iterator[FoundInFile]:
    """Machines that do not send to each other."""
    for pair in _pairs(files):
        for one, other in (pair, pair[::-1]):
            source = other.source_address
            if one.peers and source and source not in one.peers:
                text = f"{one.name} sends to {listed(sorted(one.peers))}, and not to {source}"
                yield one.line("unicast_peer"), _of(one, "unicast_peer"), text
            elif bool(one.peers) and not other.peers:
                text = f"{one.name} sends by unicast, and {other.at} by multicast"
                yield one.line("unicast_peer"), _of(one, "unicast_peer"), text


RULES = (
    *(both_master, equal_priority, router_id, no_track, weight_too_small, nopreempt_master, peer),
)
