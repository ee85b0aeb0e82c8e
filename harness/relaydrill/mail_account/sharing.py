"""Large logs are read by several processes, each of hosts of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from relaydrill.errors import HarnessError
from relaydrill.mail_account.files import LogFile, head_of
from relaydrill.mail_account.hosts import Host, instance_name
from relaydrill.mail_account.legs import Gathered, Legs
from relaydrill.mail_account.reader import Read, Reader
from relaydrill.mail_account.stores import Stores
from relaydrill.mail_account.under_way import UnderWay, Wanted
from relaydrill.mail_logs.framing import Framer
from relaydrill.mail_logs.reading import Takers

_WORTH_IT: Final = 24_000_000
_MOST: Final = 4
_PACKED: Final = 8
_LOOKED_AT: Final = 200
_USUAL: Final = "postfix"
"""The name of a Postfix that was given none of its own."""


@dataclass(frozen=True, slots=True)
class Task:
    """Logs for one process.

    Attributes:
        legs: Where its rows go.
        logs: In their order.
        places: By log, whose it is if its lines name no host.
        wanted: As for `reading.account_of`.
        takers: As for `reading.account_of`.
    """

    legs: Legs
    logs: Sequence[LogFile]
    places: dict[str, str]
    wanted: Wanted
    takers: Takers


@dataclass(slots=True)
class _Result:
    """What a process has read, but for its rows."""

    hosts: list[Host]
    takers: list[bytes]
    reads: list[Read]


def shares(logs: Sequence[LogFile], places: dict[str, str]) -> list[list[LogFile]]:
    """Deal logs out, those of one host together; one share where more are not worth it."""
    sizes = {log.name: log.size * (_PACKED if log.is_packed else 1) for log in logs}
    groups = _by_host(logs, places) if sum(sizes.values()) > _WORTH_IT else [list(logs)]
    count = min(_MOST, os.cpu_count() or 1, len(groups))
    dealt: list[list[LogFile]] = [[] for _ in range(max(1, count))]
    for group in sorted(groups, key=lambda group: -sum(sizes[log.name] for log in group)):
        least = min(dealt, key=lambda share: sum(sizes[log.name] for log in share))
        least += group
    rank = {log.name: number for number, log in enumerate(logs)}
    return [sorted(share, key=lambda log: rank[log.name]) for share in dealt]


def _by_host(logs: Sequence[LogFile], places: dict[str, str]) -> list[list[LogFile]]:
    groups: list[tuple[set[str], list[LogFile]]] = []
    for log in logs:
        hosts, together = _hosts_in(log, places[log.name]), [log]
        for group in [group for group in groups if group[0] & hosts]:
            groups.remove(group)
            hosts |= group[0]
            together += group[1]
        groups.append((hosts, together))
    return [group for _, group in groups]


def _hosts_in(log: LogFile, place: str) -> set[str]:
    framer = Framer(log.name, log.ends)
    framed = (framer.frame(line) for line in head_of(log).split(b"\n")[:_LOOKED_AT])
    return {each.host or place for each in framed if each} or {place}


def read_all(tasks: Sequence[Task]) -> tuple[list[Host], Gathered, list[Read]]:
    """Read all logs; the hosts that they are of, by their numbers, and the rows.

    Raises:
        HarnessError: A process was ended.
    """
    results = [_read(tasks[0])] if len(tasks) == 1 else list(_read_apart(tasks))
    hosts: dict[str, Host] = {}
    several = []
    names = _names(host for result in results for host in result.hosts)
    for task, result in zip(tasks, results, strict=True):
        numbers = [
            _known(hosts, names[host.name, host.instance], host).number for host in result.hosts
        ]
        several.append((task.legs, result.takers, numbers))
    for name in {names[host.name, host.instance] for host in _losing(results)}:
        for known in hosts.values():  # its logger does not say which Postfix wrote what it dropped
            known.lost_lines |= known.machine == name
    reads = [read for result in results for read in result.reads]
    return list(hosts.values()), Gathered(several), reads


def _losing(results: Iterable[_Result]) -> Iterable[Host]:
    """Hosts whose logger says that it dropped lines."""
    return (host for result in results for host in result.hosts if host.lost_lines)


def _names(hosts: Iterable[Host]) -> dict[tuple[str, str], str]:
    """What each host is to be called, and each Postfix where a host has several."""
    found = {(host.name, host.instance) for host in hosts}
    names = same_hosts(name for name, _ in sorted(found))
    instances: dict[str, set[str]] = defaultdict(set)
    for name, instance in found:
        if instance:
            instances[names[name]].add(instance)
    called = {}
    for name, instance in found:
        host = names[name]
        is_one_of_several = instance not in ("", _USUAL) and len(instances[host]) > 1
        called[name, instance] = instance_name(host, instance) if is_one_of_several else host
    return called


def same_hosts(names: Iterable[str]) -> dict[str, str]:
    """What each host is to be called: ``mx1`` and ``mx1.contoso.com`` are one, if no third is."""
    names = list(dict.fromkeys(names))
    full: dict[str, set[str]] = {}
    for name in names:
        label, _, domain = name.lower().partition(".")
        full.setdefault(label, set()).update({name.lower()} if domain else ())
    called: dict[str, str] = {}
    for name in names:
        label = name.lower().partition(".")[0]
        others = full[label]
        called[name] = label if len(others) <= 1 else name.lower()
    first = {short: name for name, short in reversed(called.items())}
    return {name: first[short] for name, short in called.items()}


def _known(hosts: dict[str, Host], name: str, host: Host) -> Host:
    known = hosts.setdefault(name, Host(name, len(hosts), host.instance))
    known.covered += host.covered
    known.tries += host.tries
    known.refused += host.refused
    known.lost_lines |= host.lost_lines
    known.changes += host.changes
    known.nameless += host.nameless
    for server, counts in host.sessions.items():
        known.sessions.setdefault(server, Counter()).update(counts)
    return known


def _read(task: Task) -> _Result:
    under_way = UnderWay(task.legs, task.wanted)
    stores = Stores(task.legs, lambda name: under_way.host(name).number)
    reader = Reader(under_way, task.takers, stores)
    was_enabled = gc.isenabled()
    gc.disable()  # nothing here is in a cycle: to look for some takes a tenth of the time
    try:
        reads = [reader.read(log, task.places[log.name]) for log in task.logs]
        under_way.end()
        stores.end()
        for name, count in stores.nameless.items():
            under_way.host(name).nameless += count
    finally:
        if was_enabled:
            gc.enable()
    return _Result(list(under_way.hosts.values()), list(task.legs.takers), reads)


def _read_apart(tasks: Sequence[Task]) -> Iterable[_Result]:
    # Forked, so that all have the same hashes, and write to files that this process has open.
    context = multiprocessing.get_context("fork")
    running = []
    for task in tasks:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(task, there), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        there.close()
        running.append((task, process, here))
    results = []
    for task, process, here in running:
        try:
            hosts, takers, counts = here.recv()
        except EOFError:
            process.join()
            raise HarnessError(
                f"the process that read {task.logs[0].name} ended with {process.exitcode}"
            ) from None
        process.join()
        reads = [Read(log, *count) for log, count in zip(task.logs, counts, strict=True)]
        results.append(_Result(hosts, takers, reads))
    return results


def _serve(task: Task, to: Connection) -> None:
    result = _read(task)
    task.legs.finish()
    counts = [
        (read.lines, read.mail, read.other, read.odd, read.doubtful, read.torn, read.span)
        for read in result.reads
    ]
    to.send((result.hosts, result.takers, counts))
    to.close()
