"""The lines of a server's log, wherever it is: a file, a folder, a FIFO, a command, a container."""

from __future__ import annotations

from pathlib import Path

from relaydrill.drivers.attach.observers.command import CommandOutput
from relaydrill.drivers.attach.observers.container import ContainerLog
from relaydrill.drivers.attach.observers.fifo import Fifo
from relaydrill.drivers.attach.observers.folder import Folder
from relaydrill.drivers.attach.observers.growing import GrowingFile
from relaydrill.drivers.attach.observers.mail_log import Lines
from relaydrill.topology.log_source import LogSource


def lines_of(log: LogSource, now: float) -> Lines:
    """Where an inventory says that a log is.

    Args:
        log: What the inventory says.
        now: Seconds since the epoch: what was written before is not new.

    Raises:
        UsageError: A file, a program or a folder is not there.
    """
    if log.docker:
        return ContainerLog(log.docker, now)
    if log.file is None:
        return CommandOutput(command_of(log, now))
    path = Path(log.file)
    if path.is_dir():
        return Folder(path)
    return Fifo(path) if path.is_fifo() else GrowingFile(path)


def command_of(log: LogSource, now: float) -> tuple[str, ...]:
    """The command that prints a log from a moment on (journalctl(1))."""
    since = f"{now:.0f}"
    if log.journald:
        unit = ("journalctl", "--unit", log.journald)
        return (*unit, "--follow", "--no-tail", "--since", f"@{since}", "--output", "json")
    assert log.run
    return log.run


def program_of(log: LogSource) -> tuple[str, str]:
    """The key under which a log's command is declared, and the program that it needs."""
    if log.docker:
        return "docker", "docker"
    return "journald" if log.journald else "run", command_of(log, 0)[0]
