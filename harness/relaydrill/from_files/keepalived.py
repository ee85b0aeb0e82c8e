"""keepalived.conf of each machine → who holds which address, and who takes it over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.farms.parts import Remarks
from relaydrill.marks import Mark, show
from relaydrill.own_configuration.keepalived import Instance, Keepalived
from relaydrill.scalars import LONGEST_S

_SECONDS: Final = re.compile(r"\d{1,5}(?:\.\d{1,6})?")
_SHORTEST_ADVERT_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """A virtual address, and the machines that may hold it.

    Attributes:
        address: Itself.
        at: The line of the instance that holds it first.
        machines: The files of the machines, the one with the highest priority first.
        advert: From one advertisement to the next.
        preempt: Whether the first machine takes it back.
    """

    address: str
    at: Mark
    machines: tuple[str, ...]
    advert: float = 1.0
    preempt: bool = True


def held(machines: Iterable[Keepalived], remarks: Remarks) -> Mapping[str, Held]:
    """Every virtual address, in the order of the files.

    Args:
        machines: The keepalived of each machine.
        remarks: What has no place in a topology is added here.
    """
    claims: dict[str, list[tuple[Keepalived, Instance]]] = {}
    for machine in machines:
        _tell(machine, remarks)
        for instance in machine.instances:
            for address in sorted(instance.addresses):
                claims.setdefault(address, []).append((machine, instance))
    return {address: _held(address, each, remarks) for address, each in claims.items()}


def _held(address: str, claims: list[tuple[Keepalived, Instance]], remarks: Remarks) -> Held:
    # Of equals the first one named: which of them it is in the field, nobody chose.
    ranked = sorted(claims, key=lambda each: -each[1].priority)
    _, first = ranked[0]
    machines = tuple(dict.fromkeys(machine.source for machine, _ in ranked))
    for machine, instance in ranked:
        if machine.source in machines[2:]:
            what = f"a third machine for {address}: a topology's balancer has one standby"
            remarks.leave_out(instance.at, what)
    keeps = bool(first.block.last("nopreempt")) and first.state != "MASTER"
    return Held(address, first.at, machines, _advert(first, remarks), not keeps)


def _advert(instance: Instance, remarks: Remarks) -> float:
    text = instance.says("advert_int")
    if not text:
        return 1.0
    seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
    if not _SHORTEST_ADVERT_S <= seconds <= LONGEST_S:
        what = f"advert_int {show(text)} is no interval from {_SHORTEST_ADVERT_S:g} s on"
        remarks.leave_out(instance.line("advert_int"), f"{what}: 1 s stands in the topology")
        return 1.0
    return seconds


def _tell(machine: Keepalived, remarks: Remarks) -> None:
    """Add what may matter when something dies, and that no topology holds."""
    if machine.balances:
        start = Mark(machine.texts[0].path, 1)
        what = "a virtual_server is not read: write its real servers into the topology as backends"
        remarks.leave_out(start, what)
    for instance in machine.instances:
        for track in instance.tracks:
            what = "in a lab a balancer and its VRRP die together; what a track finds besides, and"
            remarks.leave_out(track.at, f"{what} its weight, no topology holds")
        if not instance.tracks:
            what = f"{instance.name} tracks nothing: it keeps its addresses when the balancer's"
            says = f"{what} program dies alone; in a lab the two die together"
            remarks.leave_out(instance.at, says)
        for keyword in ("preempt_delay", "vrrp_sync_group", "down_timer_adverts"):
            if instance.block.last(keyword):
                remarks.leave_out(instance.line(keyword), f"no topology holds {keyword}")
