"""The real VRRP: keepalived, which gives the VIPs to this machine's network and takes them away.

It needs a network of its own, so it runs in containers only. The balancer beside it listens on the
VIPs all the time, whether the machine has them or not (``ip_nonlocal_bind``), as is usual beside
keepalived.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from relaydrill.nodes import config
from relaydrill.nodes.own_network import interface_of
from relaydrill.nodes.program import Program, find_program
from relaydrill.nodes.supervisor import Supervisor
from relaydrill.nodes.vrrp.router import VrrpState

_LOOK_S: Final = 0.2
_ROUTER_ID: Final = 51
_CONFIGURATION: Final = "keepalived.conf"
_PID_FILES: Final = {"--pid": "keepalived.pid", "--vrrp_pid": "vrrp.pid"}
_ENTERS: Final = re.compile(r"\(pair\) Entering (MASTER|BACKUP|FAULT) STATE")


def render(settings: config.Vrrp, interface: str) -> str:
    """A whole configuration file.

    Args:
        settings: The node's part in the pair.
        interface: The one that is to have the VIPs.
    """
    return "\n".join(_lines(settings, interface)) + "\n"


def _lines(settings: config.Vrrp, interface: str) -> Iterator[str]:
    yield "global_defs {"
    yield "    vrrp_version 3"  # version 2 knows whole seconds only
    yield "    dynamic_interfaces allow_if_changes"  # it may be gone for a while
    yield "    vrrp_garp_master_delay 1"
    if settings.later_s:
        yield f"    vrrp_startup_delay {settings.later_s:g}"
    yield "}"
    yield "vrrp_instance pair {"
    yield "    state BACKUP"
    yield f"    interface {interface}"
    yield f"    virtual_router_id {_ROUTER_ID}"
    yield f"    priority {settings.priority}"
    yield f"    advert_int {max(0.01, settings.advert_s):.2f}"
    if not settings.preempt:
        yield "    nopreempt"
    yield "    virtual_ipaddress {"
    for vip in settings.vips:
        yield f"        {vip}/32"
    yield "    }"
    yield "}"


def entered(line: str) -> VrrpState | None:
    """The state that a line of its log tells; a machine without a network is no master."""
    found = _ENTERS.search(line)
    if not found:
        return None
    return VrrpState.MASTER if found[1] == "MASTER" else VrrpState.BACKUP


class Keepalived:
    """keepalived as a child of this process.

    Args:
        settings: The balancer.
        changed: Called with each state that keepalived tells.
    """

    def __init__(
        self,
        settings: config.Balancer,
        vrrp: config.Vrrp,
        changed: Callable[[VrrpState], None],
    ) -> None:
        self._name = settings.name
        self._address = settings.address
        self._folder = Path(settings.workdir)
        self._vrrp = vrrp
        self._interface = ""
        self._changed = changed
        self._program = Program("keepalived")
        self._supervisor = Supervisor(self._name, self._program, self._program.lines(), self._note)
        self._watch: asyncio.Task[None]

    async def start(self) -> None:
        """Start it.

        Raises:
            LabError: It is not installed.
        """
        program = find_program(
            "keepalived", node=self._name, kind="keepalived", package="keepalived"
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configure(interface_of(self._address))
        for stale in _PID_FILES.values():
            # After a kill the number in it may be somebody else's by now.
            (self._folder / stale).unlink(missing_ok=True)
        await self._program.start(
            *(program, "--dont-fork", "--vrrp", "--log-console", "--log-detail"),
            *("--use-file", _CONFIGURATION),
            *(f"{option}={self._folder}/{name}" for option, name in _PID_FILES.items()),
            cwd=self._folder,
        )
        self._supervisor.follow()
        self._watch = asyncio.get_running_loop().create_task(self._follow_the_network())

    async def stop(self) -> None:
        """End it; a master says so, and is followed within the other's skew."""
        self._watch.cancel()
        await self._supervisor.stop()

    def _configure(self, interface: str) -> None:
        self._interface = interface
        (self._folder / _CONFIGURATION).write_text(render(self._vrrp, interface))

    async def _follow_the_network(self) -> None:
        """Tell keepalived where its network is.

        A host that was cut off and is connected again has the interface that it had. A container
        gets another one, of another name.
        """
        while True:
            await asyncio.sleep(_LOOK_S)
            interface = interface_of(self._address)
            if interface and interface != self._interface:
                self._configure(interface)
                self._program.send_signal(signal.SIGHUP)

    def _note(self, line: str) -> None:
        """Follow a line of its log."""
        self._program.note(line)
        if (state := entered(line)) is not None:
            self._changed(state)
