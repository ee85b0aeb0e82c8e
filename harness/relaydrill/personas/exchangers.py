"""A domain's mail exchangers, sorted as RFC 5321 §5.1 wants them."""

from __future__ import annotations

from itertools import groupby

from relaydrill.personas.base import Directory


def by_preference(domain: str, directory: Directory) -> list[list[str]]:
    """The MX hosts in groups of equal preference, lowest first, each in the order of the answer.

    A domain without MX records is its own (RFC 5321 §5.1, the implicit MX).

    Raises:
        Unresolved: DNS has no answer.
    """
    records = directory.mx(domain) or ((0, domain),)
    by_rank = sorted(records, key=lambda record: record[0])
    return [[host for _, host in group] for _, group in groupby(by_rank, lambda record: record[0])]
