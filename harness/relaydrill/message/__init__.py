"""Messages: how one is composed, how it is recognised again, and how it is compared. Pure."""

from __future__ import annotations

from relaydrill.message.bodies import digest
from relaydrill.message.changes import CHANGES, Change
from relaydrill.message.composing import (
    BLOCKED,
    ELSEWHERE,
    GTUBE,
    SPAM,
    SPAM_MARK,
    UNKNOWN,
    WANTED,
    compose,
)
from relaydrill.message.headers import last_hop, message_id, split
from relaydrill.message.recognising import Recognised, own_id, recognise
from relaydrill.message.seven_bit import in_seven_bits

__all__ = [
    "BLOCKED",
    "CHANGES",
    "ELSEWHERE",
    "GTUBE",
    "SPAM",
    "SPAM_MARK",
    "UNKNOWN",
    "WANTED",
    "Change",
    "Recognised",
    "compose",
    "digest",
    "in_seven_bits",
    "last_hop",
    "message_id",
    "own_id",
    "recognise",
    "split",
]
