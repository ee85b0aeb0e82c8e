"""Which server has written a log, and what it is called in the others' logs. Pure.

A log does not name its server. Its rows do: who received, and who sent. One log may say ``HT1``
where another says ``ht1.contoso.com``; both are one server as long as only one name begins so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from relaydrill.exchange_logs import ExchangeLog, TrackingRow

_FOLDERS: Final = {"smtpreceive", "messagetracking", "protocollog", "hub", "logs"}


class Servers:
    """The servers whose logs are at hand."""

    def __init__(self, logs: Iterable[ExchangeLog]) -> None:
        self._of_log: dict[Path, str] = {}
        self._addresses: dict[str, str] = {}
        logs = tuple(logs)
        named = {log.path: _writer(log) for log in logs}
        self._names = _one_name_each(set(named.values()))
        for log in logs:
            name = self._of_log[log.path] = self._names[named[log.path]]
            for row in log.tracking:
                if row.event == "RECEIVE" and row.server_ip:
                    self._addresses[row.server_ip] = name

    @property
    def names(self) -> tuple[str, ...]:
        """Each server once, sorted."""
        return tuple(sorted(set(self._names.values())))

    def of(self, log: ExchangeLog) -> str:
        """The server that has written a log."""
        return self._of_log[log.path]

    def known(self, name: str, address: str = "") -> str:
        """The server that is called so, or has this address; empty if its log is not at hand."""
        wanted = name.lower()
        short = wanted.partition(".")[0]
        alike = {
            found
            for each, found in self._names.items()
            if each == wanted
            or (short == each.partition(".")[0] and ("." not in wanted or "." not in each))
        }
        if len(alike) == 1:
            return alike.pop()
        return self._addresses.get(address, "")


def _writer(log: ExchangeLog) -> str:
    """The name that most rows give to the server whose log they stand in."""
    said = Counter(name.lower() for row in log.tracking if (name := _own_name(row)))
    said.update(name.lower() for row in log.protocol if (name := row.connector.rpartition("\\")[0]))
    if said:
        return said.most_common(1)[0][0]
    folders = [part for part in log.path.parts[:-1] if part.lower() not in _FOLDERS]
    return folders[-1].lower() if folders else log.path.stem.lower()


def _own_name(row: TrackingRow) -> str:
    if row.event in ("RECEIVE", "HARECEIVE"):
        return row.server
    return row.client if row.event in ("SEND", "DELIVER", "DEFER", "SUBMIT") else ""


def _one_name_each(names: set[str]) -> dict[str, str]:
    """Every name, and the one by which its server goes: the longer of two that mean the same."""
    chosen = {}
    for name in names:
        longer = [each for each in names if each.startswith(f"{name}.")]
        chosen[name] = longer[0] if "." not in name and len(longer) == 1 else name
    return chosen
