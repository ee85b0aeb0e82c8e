"""Whether an event says what its kind must: a shape for each kind that the ledger knows. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from relaydrill.journal import LAST_S, Event
from relaydrill.smtp import Result

RESULTS: Final = frozenset(map(str, Result))
"""What an outcome may have as its ``result``."""

_SHOWN: Final = 40
_BEYOND_KIND: Final = re.compile("[.=%]")
"""What begins a fault's phase, its amount or its share, behind its kind."""
_BEFORE_NODE: Final = re.compile("<>|[<>]")
"""What stands between the two nodes of a way, of a fault of the network."""
_REFUSED: Final = 400
"""From this code on a reply refuses (RFC 5321 §4.2.1)."""
_LOSSES: Final = frozenset({"stalled", "starved"})
_ROUNDED_S: Final = 1e-5
"""Times are written down to the microsecond."""


class _Field(NamedTuple):
    """What one detail must be.

    Attributes:
        is_so: Whether a value is it.
        wanted: The same in words.
        needed: Whether it must be there.
        plain: A type of which each value is it; None: there is no such.
    """

    is_so: Callable[[Any], bool]
    wanted: str
    needed: bool = False
    plain: type | None = None


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


def _are_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


_TEXT: Final = _Field(_is_text, "text", plain=str)
_NAME: Final = _Field(_is_text, "text", needed=True, plain=str)
_SECONDS: Final = _Field(_is_seconds, "time in seconds")
_MOMENT: Final = _Field(_is_seconds, "time in seconds", needed=True)
_PORT: Final = _Field(_is_port, "port")
_CODE: Final = _Field(_is_number, "number", plain=int)
_FLAG: Final = _Field(_is_flag, "true or false", plain=bool)

_OF_FAULT: Final = {"fault": _NAME}
_OF_ALIAS: Final = {"mailbox": _TEXT, "queue_id": _TEXT}
_SHAPES: Final[Mapping[str, Mapping[str, _Field]]] = {
    "attempt": {"flow": _TEXT, "sort": _TEXT, "scheduled": _SECONDS, "digest": _TEXT},
    "outcome": {
        "result": _Field(lambda value: _is_text(value) and value in RESULTS, "result", needed=True),
        **dict.fromkeys(("phase", "reason", "address", "server", "choice"), _TEXT),
        "code": _CODE,
        "member": _Field(lambda value: value is None or _is_number(value), "number"),
        "slack_s": _Field(lambda value: _is_seconds(value) and value >= 0, "time that passed"),
        "reused": _FLAG,
    },
    "stored": {"port": _PORT, "stored": _FLAG},
    "accepted": {"port": _PORT, "stored": _FLAG},
    "relayed": {"to": _TEXT, "towards": _TEXT, **_OF_ALIAS},
    "bounced": {"reason": _TEXT, **_OF_ALIAS},
    "deferred": {"reason": _TEXT, **_OF_ALIAS},
    "arrived": {
        "digest": _TEXT,
        "port": _PORT,
        "file": _TEXT,
        **_OF_ALIAS,
        "known_by": _TEXT,
        "changed": _Field(_is_texts, "list of words"),
        "needs": _Field(_is_texts, "list of mailboxes"),
    },
    "copied": {"declared": _FLAG, "said": _TEXT},
    "unattributed": {
        "declared": _FLAG,
        "said": _TEXT,
        "marks": _Field(_is_texts, "list of messages"),
    },
    "handed-on": {"to": _TEXT, "said": _TEXT, **_OF_ALIAS},
    "discarded": {"by": _TEXT, "said": _TEXT, **_OF_ALIAS},
    "held": {"by": _TEXT, "said": _TEXT, **_OF_ALIAS},
    "queue": {
        "items": _Field(_is_mail, "list of messages and recipients", needed=True),
        "shadows": _Field(_are_counts, "number for each hub"),
    },
    "connected": {"port": _PORT},
    "answered": {"port": _PORT},
    "sight": {
        "arrivals": _FLAG._replace(needed=True),
        "blind": _Field(_is_texts, "list of nodes", needed=True),
        "unread": _Field(_is_texts, "list of sentences"),
    },
    "bitten": {
        "fault": _TEXT,
        "phase": _TEXT,
        "client": _TEXT,
        "port": _PORT,
        "probe": _FLAG,
        "at": _TEXT,
    },
    "put-off": {
        **dict.fromkeys(("layer", "connector", "phase", "client"), _TEXT),
        "port": _PORT,
        "code": _CODE,
    },
    "backend": {"backend": _NAME, "state": _NAME, "port": _PORT},
    "stalled": {"begin": _MOMENT, "end": _MOMENT, "lost_s": _MOMENT},
    "starved": {"begin": _MOMENT, "end": _MOMENT, "lost_s": _MOMENT},
    "saved": {"files": _Field(_are_digests, "SHA-256 of each file", needed=True)},
    "worker": {"worker": _NAME, "state": _NAME},
    "inject": {**_OF_FAULT, "kind": _NAME, "node": _NAME, "by_hook": _FLAG},
    "not-injected": {**_OF_FAULT, "reason": _NAME},
    "injected": _OF_FAULT,
    "heal": _OF_FAULT,
    "healed": _OF_FAULT,
}
_FIELDS: Final = {kind: tuple(shape.items()) for kind, shape in _SHAPES.items()}
_ABSENT: Final = object()


def unsound(event: Event) -> str:
    """What an event lacks of what its kind must say; empty where it is sound.

    Kinds that the ledger passes over are sound whatever they say.
    """
    detail = event.detail
    for name, (is_so, wanted, needed, plain) in _FIELDS.get(event.kind, ()):
        value = detail.get(name, _ABSENT)
        if value is _ABSENT:
            if needed:
                return f"{event.kind!r} without {name!r}"
        # Each line of a run comes by here: most values need no call.
        elif type(value) is not plain and not is_so(value):
            shown = f"{value!r}"[:_SHOWN].encode("ascii", "backslashreplace").decode()
            return f"{event.kind!r} with {name!r} {shown}, which is no {wanted}"
    match event.kind:
        case "outcome" if contradicts(str(detail["result"]), detail.get("code", 0)):
            return f"'outcome' that is accepted, with {detail['code']}"
        case "inject":
            return _unsound_injection(event)
        case kind if kind in _LOSSES:
            return _unsound_loss(event)
    return ""


def contradicts(result: str, code: int) -> bool:
    """Whether an outcome says accepted, and by its code refused."""
    return result == Result.ACCEPTED and code >= _REFUSED


def _unsound_injection(event: Event) -> str:
    """What is injected is called by what it is, and by the node to which it is done."""
    label, kind, node = (str(event.detail[each]) for each in ("fault", "kind", "node"))
    what, _, at = label.partition(":")
    if (_BEYOND_KIND.split(what, maxsplit=1)[0], _BEFORE_NODE.split(at)[-1]) == (kind, node):
        return ""
    return f"'inject' of {label[:_SHOWN]!a} with kind {kind[:_SHOWN]!a} and node {node[:_SHOWN]!a}"


def _unsound_loss(event: Event) -> str:
    """A time ends after it began, and no more of it can be lost than it lasted."""
    lasted_s = event.detail["end"] - event.detail["begin"]
    if lasted_s >= 0.0 and -_ROUNDED_S <= event.detail["lost_s"] <= lasted_s + _ROUNDED_S:
        return ""
    return f"{event.kind!r} with {event.detail['lost_s']} s lost of {lasted_s:g} s"
