"""The figures of each check, as a verdict has them. Times are field seconds, but for ``wall_s``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field
from typing_extensions import TypedDict


class HarnessFigures(TypedDict, total=False):
    """Whether the harness did its part."""

    attempts: int
    """Attempts that were made."""
    late_ms: float
    """How far the latest attempt was behind its schedule, milliseconds of the wall clock."""
    unsent: int
    """Attempts that failed on the sender's own machine."""
    untold: int
    """Attempts without an outcome: their sender ended first."""


class SteadyFigures(TypedDict, total=False):
    """Whether mail flowed before anything was broken."""

    attempts: int
    """Attempts that were over before the fault; all of them in the steady state."""
    accepted: int
    """Those of them that were accepted in time."""
    deferred: int
    """Those of them that got a 4xx, where the flow allows for it."""
    said: str
    """What the servers said to those that failed."""


class BiteFigures(TypedDict, total=False):
    """Whether the fault was felt; of several faults, of one that was not."""

    before: int
    """Messages that the node took before the fault."""
    during: int
    """Messages that it took while the fault was in force."""
    met: int
    """Attempts that met the fault."""
    probes: int
    """Health checks that met it."""
    of: int
    """Attempts before the fault, the node's and those of others."""
    attempts: int
    """Attempts while the fault was in force."""
    chance: float
    """How likely chance alone leaves the node without any of them: a probability."""
    needed_s: float
    """For how long the fault would have to last to rule out chance, field seconds."""


AccountFigures = TypedDict(
    "AccountFigures",
    {
        "delivered": Annotated[int, Field(description="Arrived, once.")],
        "duplicated": Annotated[int, Field(description="Arrived more than once.")],
        "recovered": Annotated[int, Field(description="Arrived, though the sender got no answer.")],
        "queued": Annotated[int, Field(description="In a server's queue at the end.")],
        "handed on": Annotated[
            int,
            Field(description="Given to a program or server whose own log is not at hand."),
        ],
        "discarded": Annotated[int, Field(description="Thrown away on purpose.")],
        "lost": Annotated[int, Field(description="Accepted, and nowhere at the end.")],
        "altered": Annotated[int, Field(description="Arrived with another body.")],
        "phantom": Annotated[
            int, Field(description="Arrived or queued, though no server had taken it.")
        ],
        "unknown": Annotated[
            int, Field(description="The sender got no answer, and nothing arrived.")
        ],
        "missing": Annotated[
            int, Field(description="Accepted, not arrived, and not every queue could be seen.")
        ],
        "unobserved": Annotated[
            int, Field(description="Accepted; its arrival could not have been seen.")
        ],
        "refused": Annotated[int, Field(description="Refused: the sender got a 4xx or 5xx.")],
        "not accepted": Annotated[
            int, Field(description="No connection, or one that was cut before the dot.")
        ],
        "copies": Annotated[
            dict[str, int],
            Field(description="Copies that came to others, by the address that got them."),
        ],
    },
    total=False,
)
AccountFigures.__doc__ = """What became of every message for each recipient; accounts of none are
left out."""


class RejectedFigures(TypedDict, total=False):
    """How much of the mail that should be taken was refused for good."""

    rejected: int
    """Attempts that got a 5xx from MAIL on."""
    of: int
    """All attempts of the flow."""
    allowed: int
    """How many may (expect: rejected)."""


class GapFigures(TypedDict, total=False):
    """The longest time in which nothing was accepted."""

    gap_s: float
    """How long it was, field seconds."""
    resolution_s: float
    """How exactly that is known: so much more or less, field seconds."""
    allowed_s: float
    """How long it may be (expect: gap), field seconds."""
    wall_s: float
    """How long it was by the wall clock, seconds."""
    attempts: int
    """Attempts that fell into it."""
    begin_s: float
    """When it began, field seconds after the flow's first attempt."""
    recovered: int
    """Attempts in it that got no answer, and whose mail arrived all the same."""
    after_heal_s: float
    """How much of it lies after a heal, field seconds."""
    stalled_s: float
    """For how long in it the machine stood still or starved, field seconds."""


class FalseGreen(TypedDict):
    """A server that was given mail, and did not serve it."""

    node: str
    """The server."""
    balancer: str
    """The balancer that gave it mail."""
    refused: int
    """Connections that it refused."""
    failed: int
    """Attempts that failed on it."""
    believed_up_s: float | None
    """For how long the balancer took it for up meanwhile, field seconds; null: nobody tells."""


class DegradedFigures(TypedDict, total=False):
    """For how long some attempts failed, or were late, after a change."""

    failed: int
    """Attempts that failed or were late."""
    attempts: int
    """All attempts of the flow."""
    last_s: float
    """How long after a change the last of them was, field seconds."""
    allowed_s: float
    """How long that may be (expect: degraded), field seconds."""
    deferred: int
    """Attempts that got a 4xx, where the flow allows for it."""
    late: int
    """Those of `failed` that were accepted, only too late."""
    detection_s: float
    """How long after the fault the slowest balancer marked the node down, field seconds."""
    recovery_s: float
    """How long after the heal the slowest balancer marked it up, field seconds."""
    false_green: FalseGreen
    """The server that failed most attempts which a balancer gave it."""
    by_fault: dict[str, int]
    """By fault, how many of the failed attempts it explains, perhaps with others."""
    stalled_s: float
    """For how long the machine stood still or starved meanwhile, field seconds."""


class ReturnFigures(TypedDict, total=False):
    """Whether a healed node got its share again."""

    took: int
    """Messages that it got after its return."""
    of: int
    """Messages that all got in that time."""
    fair: float
    """Its fair share: a part of 1."""
    needed: int
    """How many messages the test needs."""
    tried: int
    """Messages for which it was tried first, where it did not take all of them."""
    p: float
    """How likely chance alone gives it so few: a probability."""
    alarm: float
    """The check fails where `p` is at most so much."""
    doubt: float
    """A second look is taken where `p` is at most so much."""
    tests: int
    """How many healed nodes were tested; the figures are of the one that chance explains least."""
    met: int
    """Messages that came to it in that time."""
    not_accepted: int
    """Those of them that it did not accept."""


class SpreadFigures(TypedDict, total=False):
    """Whether all servers got equal shares."""

    counts: dict[str, int]
    """By server, the choices that it accepted."""
    tried: dict[str, int]
    """By server, the choices that fell on it."""
    elsewhere: int
    """Choices that no server of the promise accepted."""
    choices: int
    """All independent choices."""
    needed: int
    """How many the test needs."""
    false_alarm: float
    """How likely a fair spread fails: a probability."""
    miss: float
    """How likely at most a server with half of its share is missed: a probability."""
    alarm: float
    """The check fails where `p` is at most so much."""
    doubt: float
    """A second look is taken where `p` is at most so much."""
    p: float
    """How likely chance alone is so uneven: a probability."""


class FilteredSort(TypedDict):
    """One sort of mail that is to be refused."""

    sent: int
    """Attempts to send it."""
    refused: int
    """Those of them that were refused for good, for what they were."""


class RefusalFigures(TypedDict, total=False):
    """Whether the mail of a flow that is to be refused was."""

    attempts: int
    """All attempts."""
    refused: int
    """Those of them that were refused for good (5xx), by a server or by their sender itself."""
    accepted: int
    """Those of them that were accepted, though none was to be."""
    undecided: int
    """Those of them that came to no decision, or were put off."""


FIGURES: Final[Mapping[str, object]] = MappingProxyType(
    {
        "harness": HarnessFigures,
        "steady": SteadyFigures,
        "bite": BiteFigures,
        "account": AccountFigures,
        "rejected": RejectedFigures,
        "gap": GapFigures,
        "degraded": DegradedFigures,
        "return": ReturnFigures,
        "spread": SpreadFigures,
        "filter": dict[str, FilteredSort],
        "refusal": RefusalFigures,
    }
)
"""By the name of a check; a check from elsewhere has figures of its own."""
