"""Which lines of a balancer's own file a finding is about, with a remedy in that file's words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from relaydrill.lint.own_files import FileRule, haproxy
from relaydrill.marks import Mark
from relaydrill.own_configuration import OwnFiles
from relaydrill.topology import Topology
from relaydrill.verbatim.fitting import Fitted, fit

About = Literal["unchecked", "blind", "unseen", "slow", "spread"]
"""What is wrong with how a balancer dealt with its servers: none of them is checked, the check does
not see it, no check sees it, the check sees it too late, or their shares are uneven."""

_RULES: Final = MappingProxyType[About, tuple[FileRule, ...]](
    {
        "unchecked": (haproxy.no_check,),
        "blind": (haproxy.tcp_check, haproxy.blind_check, haproxy.check_elsewhere),
        "unseen": (),
        "slow": (haproxy.slow_check, haproxy.no_redispatch),
        "spread": (haproxy.sticky,),
    }
)
"""The rules of `relaydrill.lint` that find the lines of each."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file says that a finding is about.

    Attributes:
        text: ``haproxy.cfg:41: server ht2 of listen smtp has no check``.
        remedy: What to write there instead.
    """

    text: str
    remedy: str


def lines_about(
    topology: Topology,
    balancer: str,
    about: About,
    nodes: Collection[str] = (),
    allowed_s: float | None = None,
) -> Lines | None:
    """The lines of a balancer's own file that a finding is about; None where it has no such file.

    Args:
        topology: The design.
        balancer: Whose file it is.
        about: What is wrong.
        nodes: The servers that it is wrong with; none: all.
        allowed_s: How long mail may be gone when something dies, field seconds.
    """
    if not topology.balancers[balancer].config:
        return None
    fitted = fit(topology, balancer)
    files = OwnFiles(haproxy=(fitted.haproxy,), failover_s=allowed_s)
    told: dict[str, str] = {}
    for rule in _RULES[about]:
        for found in rule.findings(files):
            if _concerns(fitted, found.where, nodes):
                told.setdefault(f"{found.mark}: {found.summary}", rule.remedy)
    if told:
        remedies = dict.fromkeys(remedy.rstrip(".") for remedy in told.values())
        return Lines("; ".join(told), ". ".join(remedies))
    where = ", ".join(str(at) for at in _servers(fitted, nodes))
    return Lines(where, "") if where else None


def _concerns(fitted: Fitted, where: tuple[str | int, ...], nodes: Collection[str]) -> bool:
    """Whether what a rule has found is about some of these nodes: their servers, or their section.

    ``where`` is ``("listen", "smtp", "server", "ht2")``, or ``("listen", "smtp", "balance")``.
    """
    section = str(where[1])
    if section not in fitted.farms:
        return False
    if not nodes:
        return True
    if where[2:3] == ("server",):
        return bool({*fitted.servers.get((section, str(where[3])), ())} & {*nodes})
    return any({*found} & {*nodes} for (of, _), found in fitted.servers.items() if of == section)


def _servers(fitted: Fitted, nodes: Collection[str]) -> Iterator[Mark]:
    """The lines of some nodes' servers."""
    for proxy in fitted.haproxy.proxies:
        for server in proxy.servers:
            if {*fitted.servers.get((proxy.name, server.name), ())} & {*nodes}:
                yield server.at
