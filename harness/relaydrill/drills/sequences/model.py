"""What a file of a sequence may say: faults one after another, and again. Field seconds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from relaydrill.errors import UsageError
from relaydrill.faults import FaultText
from relaydrill.model import Model
from relaydrill.scalars import Duration, Name, one_or_more, wrong

MOST_TURNS: Final = 500
"""Of a sequence; a longer one is a soak."""

Order = Literal["in turn", "at once", "drawn"]


def _kind(text: str) -> str:
    try:
        FaultText.of_kind(text)
    except UsageError as error:
        told = f"{error}; see: relaydrill faults"
        raise wrong("fault", "not a fault; allowed: {told}", told=told) from None
    return text


def _lasting(seconds: float | None) -> float | None:
    if seconds == 0:
        raise wrong("lasting", "a fault that lasts for no time; allowed: more than 0s")
    return seconds


Kinds = Annotated[
    tuple[Annotated[str, AfterValidator(_kind)], ...],
    BeforeValidator(one_or_more),
    Field(min_length=1),
]
Whom = Annotated[tuple[str, ...], BeforeValidator(one_or_more), Field(min_length=1)]


class Step(Model):
    """One step of a sequence: what some nodes suffer, once each, or again and again.

    Attributes:
        fault: ``KIND[.PHASE][%SHARE]``; several follow one another on the same node.
        nodes: What is broken: nodes, sites, or groups of a design (``all hubs``).
        down: For how long each fault lasts; by default as long as one of a drill.
        up: For how long all is whole afterwards; by default until it shows that a node is back.
        times: How often all of it is done.
        order: Whether the nodes go one after the other, at once, or one of them each time, as the
            seed draws it, with one of the faults.
        at: When it begins, from the begin of the mail; by default when the step before is over.
    """

    fault: Kinds
    nodes: Whom
    down: Annotated[Duration | None, AfterValidator(_lasting)] = None
    up: Duration | None = None
    times: Annotated[int, Field(ge=1, le=MOST_TURNS)] = 1
    order: Order = "in turn"
    at: Duration | None = None


class Sequence(Model):
    """A sequence of faults, whatever the design.

    Attributes:
        name: Of the drill.
        summary: What is broken.
        promises: What a tier that copes does meanwhile.
        steps: One after the other.
    """

    name: Name
    summary: str = ""
    promises: str = ""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
