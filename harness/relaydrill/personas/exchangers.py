"""A domain's mail exchangers, sorted and resolved as RFC 5321 §5.1 wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from relaydrill.personas.base import Directory, NoSuchName, NullMx, Unresolved
from relaydrill.smtp import NO_EXCHANGER

_NO_HOST: Final = ""
"""The host of a null MX, without its dot."""


def by_preference(
    domain: str, directory: Directory, *, null_prevails: bool = False
) -> list[list[str]]:
    """The MX hosts in groups of equal preference, lowest first, each in the order of the answer.

    A domain without MX records is its own (RFC 5321 §5.1, the implicit MX).

    Args:
        domain: Whose exchangers they are.
        directory: Where to look them up.
        null_prevails: Whether a null MX counts that stands beside others.

    Raises:
        NullMx: The domain takes no mail (RFC 7505).
        Unresolved: DNS has no answer.
    """
    records = directory.mx(domain) or ((0, domain),)
    hosts = [record for record in records if record[1] != _NO_HOST]
    if not hosts or (null_prevails and len(hosts) < len(records)):
        raise NullMx(domain)
    by_rank = sorted(hosts, key=lambda record: record[0])
    return [[host for _, host in group] for _, group in groupby(by_rank, lambda record: record[0])]


class Resolving:
    """The addresses of one domain's hosts, one after the other.

    A host without one is passed over, and a failure to look it up put off: it is no failure of the
    domain while another host has addresses.

    Args:
        domain: Whose hosts they are.
        directory: Where to look them up.
    """

    def __init__(self, domain: str, directory: Directory) -> None:
        self._domain = domain
        self._directory = directory
        self._found = False
        self._failed: Unresolved | None = None

    def addresses(self, host: str) -> tuple[str, ...]:
        """A host's addresses; none, where it has none or they cannot be told just now."""
        try:
            found = self._directory.addresses(host)
        except NoSuchName:
            return ()
        except Unresolved as error:
            self._failed = self._failed or error
            return ()
        self._found = self._found or bool(found)
        return found

    def of_all(self, hosts: Iterable[str]) -> list[str]:
        """The addresses of several hosts, in their order."""
        return [address for host in hosts for address in self.addresses(host)]

    def finish(self) -> None:
        """Say so if no host had an address.

        Raises:
            Unresolved: None had one: for now, if one of them could not be looked up.
        """
        if not self._found:
            raise self._failed or NoSuchName(f"{self._domain}: {NO_EXCHANGER}")

    def every(self, groups: Iterable[Iterable[str]]) -> Iterator[list[str]]:
        """The addresses of group after group; empty groups too.

        Raises:
            Unresolved: As `finish`, after the last of them.
        """
        for hosts in groups:
            yield self.of_all(hosts)
        self.finish()
