"""Which server has written a log, and what it is called in the others' logs. Pure.

A log does not name its server. Its rows do: who received, and who sent. One log may say ``HT1``
where another says ``ht1.contoso.com``; both are one server as long as only one name begins so. An
address tells a server only if no other has it: a front end, a scanner and the transport service of
one host all speak from its loopback address.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from relaydrill.exchange_logs import ExchangeLog, TrackingRow
from relaydrill.exchange_logs.deeds import own_name

_FOLDERS: Final = frozenset(
    {
        *("smtpreceive", "messagetracking", "protocollog", "hub", "logs", "frontend", "edge"),
        *("smtpsend",),
        *("transportroles", "mailbox", "delivery", "submission", "hubtransport"),
    }
)


class Servers:
    """The servers whose logs are at hand."""

    def __init__(self, logs: Iterable[ExchangeLog]) -> None:
        self._of_log: dict[Path, str] = {}
        logs = tuple(logs)
        named = _writers(log for log in logs if log.tracking or log.protocol)
        several = {
            name.lower()
            for log in logs
            if _may_be_of_several(log)
            for row in log.tracking
            if (name := own_name(row))
        }
        self._names = _one_name_each(set(named.values()) | several)
        self._of_log = {path: self._names[name] for path, name in named.items()}
        self._alike: dict[str, str] = {}
        self._addresses = self._unique_addresses(logs)

    def _unique_addresses(self, logs: Iterable[ExchangeLog]) -> dict[str, str]:
        found: dict[str, set[str]] = defaultdict(set)
        for log in logs:
            for row in log.tracking:
                if row.event == "RECEIVE" and row.server_ip:
                    found[row.server_ip].add(self.of(log, row))
        return {
            address: names.pop()
            for address, names in found.items()
            if len(names) == 1 and is_of_one_host(address)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Each server once, sorted."""
        return tuple(sorted(set(self._names.values())))

    def of(self, log: ExchangeLog, row: TrackingRow | None = None) -> str:
        """The server that has written a log, or one row of a file that holds several servers'."""
        if row is not None and _may_be_of_several(log) and (name := own_name(row)):
            return self._names.get(name.lower(), "") or self._of_log[log.path]
        return self._of_log[log.path]

    def known(self, name: str, address: str = "") -> str:
        """The server that is called so, or has this address; empty if its log is not at hand.

        A full name that is none of the servers' is another host's, or another program's on the same
        host, whatever its address is.
        """
        wanted = name.lower().rstrip(".")
        found = self._alike.get(wanted)
        if found is None:
            found = self._alike[wanted] = self._named(wanted)
        if found or ("." in wanted and not _is_address(wanted)):
            return found
        return self._addresses.get(address, "")

    def _named(self, wanted: str) -> str:
        short = wanted.partition(".")[0]
        alike = {
            found
            for each, found in self._names.items()
            if each == wanted
            or (short == each.partition(".")[0] and ("." not in wanted or "." not in each))
        }
        return alike.pop() if len(alike) == 1 and wanted else ""


def is_of_one_host(address: str) -> bool:
    """Whether an address can belong to one host alone: loopback ones and none are everybody's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return not (found.is_loopback or found.is_unspecified or found.is_link_local)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _may_be_of_several(log: ExchangeLog) -> bool:
    return log.is_export or log.blocks > 1


def _writers(logs: Iterable[ExchangeLog]) -> dict[Path, str]:
    """Who has written each log: by its rows, or as the others beside it, or by its folder."""
    found: dict[Path, str] = {}
    silent: list[ExchangeLog] = []
    beside: dict[Path, set[str]] = defaultdict(set)
    for log in logs:
        if name := _writer(log):
            found[log.path] = name
            beside[log.path.parent].add(name)
        else:
            silent.append(log)
    for log in silent:
        names = beside[log.path.parent]
        found[log.path] = next(iter(names)) if len(names) == 1 else by_folder(log.path)
    return found


def _writer(log: ExchangeLog) -> str:
    """The name that most rows give to the server whose log they stand in."""
    said = Counter(name.lower() for row in log.tracking if (name := own_name(row)))
    said.update(name.lower() for row in log.protocol if (name := row.connector.rpartition("\\")[0]))
    return said.most_common(1)[0][0] if said else ""


def by_folder(path: Path) -> str:
    """What a server is called by the folder of its log, in lower case."""
    folders = [part for part in path.parts[:-1] if part.lower() not in _FOLDERS]
    return folders[-1].lower() if folders else path.stem.lower()


def _one_name_each(names: set[str]) -> dict[str, str]:
    """Every name, and the one by which its server goes: the longer of two that mean the same."""
    longer: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if "." in name:
            longer[name.partition(".")[0]].append(name)
    return {
        name: longer[name][0] if "." not in name and len(longer[name]) == 1 else name
        for name in names
    }
