"""What everybody may know of a kind of nodes: plain data, which costs nothing to load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FAKE: Final = "fake"
"""The kind that comes with Relaydrill, and can be anything."""

Role = Literal["hub", "mailbox", "edge", "balancer", "standby", "dns", "sender"]
"""What a node does in the mail tier, as a topology says it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A setting of a node that the program has nothing for.

    Attributes:
        role: Of the node.
        setting: Its name.
        usual: The value that it must have, which is its default.
        what: Why another is wrong.
        remedy: What to write instead.
    """

    role: Role
    setting: str
    usual: object
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Retries:
    """When a sender tries again what it could not send; seconds as in the field.

    Attributes:
        first: Wait after a failure that may pass.
        longest: No wait is longer.
        queue_run: How often it looks through its queue for what is due.
    """

    first: float
    longest: float
    queue_run: float


# A fake does not try again; but a hub that holds its mail does (Exchange's queue glitch retry).
_OF_A_FAKE: Final = Retries(first=60.0, longest=60.0, queue_run=60.0)


@dataclass(frozen=True, slots=True)
class NodeKind:
    """One program that nodes run.

    Attributes:
        name: As topologies have it (``kind: bind``); also that of its folder.
        title: What people call it.
        roles: What it can be in a tier.
        package: Where systems have the program from; empty for one that comes with Relaydrill.
        in_image: What its image holds, for people; empty: the image that every node can run in.
        own_machine: Whether it takes the whole machine, or an interface of it, and so runs in
            containers only.
        one_connector_a_port: Whether several receive connectors cannot share one of its ports.
        refusals: What it cannot be told.
        attaches: Whether mail can be handed in to one that runs already, as a sender.
        retries: As a sender.
    """

    name: str
    title: str
    roles: tuple[Role, ...]
    package: str = ""
    in_image: str = ""
    own_machine: bool = False
    one_connector_a_port: bool = False
    refusals: tuple[Refusal, ...] = ()
    attaches: bool = False
    retries: Retries = _OF_A_FAKE
