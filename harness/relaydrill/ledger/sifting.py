"""Which mail is ordinary, and the events of all other mail, out of millions of journal lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from relaydrill.journal import Event
from relaydrill.ledger.bulk import TELLING, Journals
from relaydrill.ledger.columns import DIGEST_BYTES, Array, Table, digests_of
from relaydrill.ledger.ordinary import ACCOUNTS, Ordinary
from relaydrill.smtp import Result


def sift(journals: Journals) -> tuple[Ordinary, list[Event]]:
    """The ordinary mail, and the events of all other."""
    messages, recipients = journals.rows.close()
    found = _is_ordinary(journals, len(messages))
    found[_for_several(messages)] = False
    ordinary = Ordinary(journals, np.flatnonzero(found), messages, recipients)
    return ordinary, [*journals.events, *_events_of(journals, ~found, messages, recipients)]


def _for_several(messages: list[str]) -> list[int]:
    """The rows of messages for more than one recipient: traffic tells of the message alone."""
    if len({*messages}) == len(messages):
        return []
    counts = Counter(messages)
    return [row for row, message in enumerate(messages) if counts[message] > 1]


def _is_ordinary(journals: Journals, count: int) -> Array:
    """Of each row, whether its mail is ordinary."""
    sent, over, arrived = journals.attempts, journals.outcomes, journals.arrived
    found = np.ones(count, dtype="?")
    found[[*journals.touched]] = False
    found &= (sent.counts(count) == 1) & (over.counts(count) == 1)
    rows = np.flatnonzero(found)
    sent_at, over_at = sent.last(count)[rows], over.last(count)[rows]
    seen = np.array([_seen(telling[0]) for telling in journals.tellings], dtype="i1")
    saw = seen[over.column("telling")[over_at]] if len(rows) else np.empty(0, dtype="i1")
    good = over.column("mono")[over_at] >= sent.column("mono")[sent_at]
    is_once = arrived.counts(count)[rows] == 1
    came_at = arrived.last(count)[rows]
    if arrived.counts(count).any():
        body, sent_body = digests_of(journals.arrived_digests), digests_of(journals.sent_digests)
        is_once &= (body[came_at] == sent_body[sent_at]).all(axis=1)
    tables = (journals.accepted, journals.stored, journals.relayed, arrived)
    untouched = np.logical_and.reduce([each.counts(count)[rows] == 0 for each in tables])
    good &= np.where(saw == _TAKEN, is_once, (saw == _NOT_TAKEN) & untouched)
    found[rows] = good
    found[_kept_rows(journals)] = False
    return found


_UNSURE, _TAKEN, _NOT_TAKEN = range(3)


def _seen(result: str) -> int:
    if result not in [*ACCOUNTS]:
        return _UNSURE
    return _TAKEN if result == Result.ACCEPTED else _NOT_TAKEN


def _kept_rows(journals: Journals) -> Array:
    """The rows of what was not stored once and then passed on once by each node that had it."""
    nodes = len(journals.nodes)
    accepted, stored, relayed = journals.accepted, journals.stored, journals.relayed
    promised = accepted.column("stored") != 0
    rows = np.concatenate([accepted.column("row")[promised], stored.column("row")])
    where = np.concatenate([accepted.column("node")[promised], stored.column("node")])
    came = np.concatenate([accepted.column("mono")[promised], stored.column("mono")])
    came_key = rows.astype("i8") * nodes + where
    gone_key = relayed.column("row").astype("i8") * nodes + relayed.column("node")
    by_came, by_gone = (np.argsort(each, kind="stable") for each in (came_key, gone_key))
    came_key, gone_key = came_key[by_came], gone_key[by_gone]
    bad = [
        came_key[1:][came_key[1:] == came_key[:-1]],
        gone_key[1:][gone_key[1:] == gone_key[:-1]],
        np.setxor1d(came_key, gone_key, assume_unique=True),
    ]
    # Of those that are in both, once each, the two lists are alike.
    is_bad = np.unique(np.concatenate(bad))
    here, there = (~np.isin(each, is_bad) for each in (came_key, gone_key))
    early = relayed.column("mono")[by_gone][there] < came[by_came][here]
    return np.concatenate([is_bad, came_key[here][early]]) // max(nodes, 1)


def _events_of(
    journals: Journals, others: Array, messages: list[str], to: list[str]
) -> Iterator[Event]:
    """The events of some rows, as far as the ledger wants to know of them.

    Args:
        journals: What was read.
        others: Of each row, whether it is asked for.
        messages: Of each row, its Message-ID.
        to: Of each row, its recipient.
    """
    nodes = [*journals.nodes]
    heads, tellings, files = [*journals.heads], [*journals.tellings], [*journals.files]
    tables: dict[str, Table] = {
        "attempt": journals.attempts,
        "outcome": journals.outcomes,
        "stored": journals.stored,
        "accepted": journals.accepted,
        "relayed": journals.relayed,
        "arrived": journals.arrived,
    }
    digests = {"attempt": journals.sent_digests, "arrived": journals.arrived_digests}
    for kind, table in tables.items():
        for at in np.flatnonzero(others[table.column("row")]).tolist():
            fields = table.line(at)
            row, mono, node = fields.pop("row"), fields.pop("mono"), fields.pop("node", None)
            detail: dict[str, Any] = fields
            if kind == "attempt":
                detail["flow"], detail["sort"] = heads[detail.pop("head")]
            if kind == "outcome":
                detail |= zip(TELLING, tellings[detail.pop("telling")], strict=True)
            if kind == "accepted":
                detail["stored"] = bool(detail["stored"])
            if kind == "arrived":
                detail["file"] = files[detail["file"]]
            if kind in digests:
                detail["digest"] = digests[kind][at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES].hex()
            name = "" if node is None else nodes[node]
            yield Event(mono, 0.0, name, kind, messages[row], to[row], detail)
