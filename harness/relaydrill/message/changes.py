"""What may be changed in a message on its way, a word each."""

from __future__ import annotations

from typing import Final, Literal

Change = Literal[
    "message_id",
    "subject_prefix",
    "subject",
    "from",
    "to",
    "date",
    "content_type",
    "disclaimer",
    "body",
]
"""One thing that was written anew.

================ =============================================================================
message_id       the Message-ID
subject_prefix   text stands before the subject, and all of the subject behind it
subject          the subject, in any other way
from, to         these addresses, or the names beside them
date             the moment, not the zone that it is told in
content_type     the media type or a parameter of it, not the transfer encoding
disclaimer       text stands before or behind the body, and all of the body with it
body             the body, in any other way
================ =============================================================================
"""

CHANGES: Final[tuple[Change, ...]] = (
    *("message_id", "subject_prefix", "subject", "from", "to", "date"),
    *("content_type", "disclaimer", "body"),
)
"""All of them, in the order in which they are told."""

HARMLESS: Final = frozenset({"message_id"})
"""Those by which a message is not altered: whoever reads it sees what was sent."""

_COVERS: Final[dict[str, frozenset[str]]] = {
    "subject": frozenset({"subject", "subject_prefix"}),
    "body": frozenset({"body", "disclaimer"}),
}


def covered_by(declared: frozenset[str] | tuple[str, ...]) -> frozenset[str]:
    """All changes that do not alter a message where some are declared: the wide take in the narrow.

    Args:
        declared: What a lab changes on purpose.
    """
    return HARMLESS.union(*(_COVERS.get(each, frozenset({each})) for each in declared))
