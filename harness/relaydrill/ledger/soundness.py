"""Whether an event says what its kind must: a shape for each kind that the ledger knows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from relaydrill.journal import LAST_S, Event
from relaydrill.smtp import Result

RESULTS: Final = frozenset(map(str, Result))
"""What an outcome may have as its ``result``."""

_SHOWN: Final = 40


class _Field(NamedTuple):
    """What one detail must be.

    Attributes:
        is_so: Whether a value is it. wanted: The same in words. needed: Whether it must be there.
    """

    is_so: Callable[[Any], bool]
    wanted: str
    needed: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_seconds(value: Any) -> bool:
    # What is not finite is beyond this, too.
    return isinstance(value, float | int) and abs(value) <= LAST_S and not isinstance(value, bool)


def _is_port(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 65535


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_mail(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        _is_texts(each) and len(each) == 2 for each in value
    )


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


_TEXT: Final = _Field(_is_text, "text")
_NAME: Final = _Field(_is_text, "text", needed=True)
_SECONDS: Final = _Field(_is_seconds, "time in seconds")
_MOMENT: Final = _Field(_is_seconds, "time in seconds", needed=True)
_PORT: Final = _Field(_is_port, "port")
_FLAG: Final = _Field(_is_flag, "true or false")

_OF_FAULT: Final = {"fault": _NAME}
_SHAPES: Final[Mapping[str, Mapping[str, _Field]]] = {
    "attempt": {"flow": _TEXT, "sort": _TEXT, "scheduled": _SECONDS, "digest": _TEXT},
    "outcome": {
        "result": _Field(lambda value: _is_text(value) and value in RESULTS, "result", needed=True),
        **dict.fromkeys(("phase", "reason", "address", "server", "choice"), _TEXT),
        "code": _Field(_is_number, "number"),
        "member": _Field(lambda value: value is None or _is_number(value), "number"),
        "slack_s": _SECONDS,
    },
    "stored": {"port": _PORT, "stored": _FLAG},
    "accepted": {"port": _PORT, "stored": _FLAG},
    "relayed": {"to": _TEXT, "towards": _TEXT},
    "bounced": {"reason": _TEXT},
    "deferred": {"reason": _TEXT},
    "arrived": {"digest": _TEXT, "port": _PORT, "file": _TEXT},
    "queue": {
        "items": _Field(_is_mail, "list of messages and recipients", needed=True),
        "shadows": _Field(_are_counts, "number for each hub"),
    },
    "connected": {"port": _PORT},
    "answered": {"port": _PORT},
    "sight": {
        "arrivals": _FLAG._replace(needed=True),
        "blind": _Field(_is_texts, "list of nodes", needed=True),
    },
    "bitten": {"fault": _TEXT, "phase": _TEXT, "client": _TEXT, "port": _PORT, "probe": _FLAG},
    "backend": {"backend": _NAME, "state": _NAME, "port": _PORT},
    "stalled": {"begin": _MOMENT, "end": _MOMENT, "lost_s": _MOMENT},
    "worker": {"worker": _NAME, "state": _NAME},
    "inject": {**_OF_FAULT, "kind": _NAME, "node": _NAME, "by_hook": _FLAG},
    "not-injected": {**_OF_FAULT, "reason": _NAME},
    "injected": _OF_FAULT,
    "heal": _OF_FAULT,
    "healed": _OF_FAULT,
}


def unsound(event: Event) -> str:
    """What an event lacks of what its kind must say; empty where it is sound.

    Kinds that the ledger passes over are sound whatever they say.
    """
    detail = event.detail
    for name, field in _SHAPES.get(event.kind, {}).items():
        if name not in detail:
            if field.needed:
                return f"{event.kind!r} without {name!r}"
        elif not field.is_so(detail[name]):
            shown = f"{detail[name]!r}"[:_SHOWN].encode("ascii", "backslashreplace").decode()
            return f"{event.kind!r} with {name!r} {shown}, which is no {field.wanted}"
    return ""
