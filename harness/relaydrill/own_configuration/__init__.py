"""The configuration files of the user's own programs, read with the line of each statement.

A reader understands what failover depends on, and says by line what it leaves out. Nothing is
started, and no name is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from relaydrill.own_configuration.exim import Exim
from relaydrill.own_configuration.haproxy import Haproxy
from relaydrill.own_configuration.keepalived import Keepalived
from relaydrill.own_configuration.nginx import Nginx
from relaydrill.own_configuration.postfix import Postfix
from relaydrill.own_configuration.text import Note, TextFile
from relaydrill.own_configuration.zones import Named, Zone


class Configuration(Protocol):
    """What every program's configuration has."""

    @property
    def source(self) -> str:
        """As the user named it."""

    @property
    def texts(self) -> tuple[TextFile, ...]:
        """The files that it was read from."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was not understood, by line."""

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Configurations that belong together: those of one mail tier.

    Attributes:
        haproxy: Balancers, one for each process.
        keepalived: One for each machine.
        postfix: One for each Postfix.
        exim: One for each Exim.
        nginx: Balancers, one for each nginx.
        named: What name servers say of their zones.
        zones: One for each zone file.
        failover_s: How long mail may be gone when something dies, if anybody has promised that.
    """

    haproxy: tuple[Haproxy, ...] = ()
    keepalived: tuple[Keepalived, ...] = ()
    postfix: tuple[Postfix, ...] = ()
    exim: tuple[Exim, ...] = ()
    nginx: tuple[Nginx, ...] = ()
    named: tuple[Named, ...] = ()
    zones: tuple[Zone, ...] = ()
    failover_s: float | None = None

    @property
    def all(self) -> tuple[tuple[str, Configuration], ...]:
        """Every one of them, with its kind."""
        return (
            *(("haproxy", each) for each in self.haproxy),
            *(("keepalived", each) for each in self.keepalived),
            *(("postfix", each) for each in self.postfix),
            *(("exim", each) for each in self.exim),
            *(("nginx", each) for each in self.nginx),
            *(("named", each) for each in self.named),
            *(("zone", each) for each in self.zones),
        )


__all__ = ["Configuration", "OwnFiles"]
