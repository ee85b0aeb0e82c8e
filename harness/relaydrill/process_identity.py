"""Which process it is: its number, where that means something, and the moment at which it began.

A number alone proves nothing. Once its process has ended, the system gives it to another; and in
another container, or on another machine, it is another process's from the start.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_SAME_S: Final = 0.5
"""Seconds by which two readings of one moment since 1970 may differ."""
_START: Final = 22
"""The field of ``/proc/PID/stat`` with the ticks from the machine's start to the process's, from 1
(proc_pid_stat(5)); the second, the program's name in brackets, may have blanks and brackets in it.
"""


def process_table() -> str:
    """Names the table in which this process's number means something: its kernel, its namespace.

    Two containers on one machine have a table each, and two machines of one host name; so has a
    machine before and after it is started anew. Empty where the system does not say (it is no
    Linux, or /proc is not there).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, and no later one of the same number.

    Attributes:
        pid: Its number.
        born: The moment at which it began: seconds from the start of its machine, which no setting
            of the clock changes; without a table, seconds since 1970.
        table: The process table in which its number means something; empty where that is not known.
    """

    pid: int
    born: float
    table: str = ""

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The process that has a number now.

        Raises:
            psutil.NoSuchProcess: None has.
        """
        if table := process_table():
            return cls(pid, _born_after_start(pid), table)
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def myself(cls) -> ProcessIdentity:
        """This process."""
        return cls.of(os.getpid())

    @property
    def is_of_here(self) -> bool:
        """Whether its number means something here, as far as anything is known of that."""
        return not self.table or self.table == process_table()

    def find(self) -> psutil.Process | None:
        """The process; None where it has ended, or is none of here.

        One that only waits to be reaped has ended.
        """
        if not self.is_of_here:
            return None
        try:
            process = psutil.Process(self.pid)
            is_it = self._began_as(process)
            return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def lives(self) -> bool:
        """Whether it runs, here."""
        return self.find() is not None

    def _began_as(self, process: psutil.Process) -> bool:
        if self.table:
            return _born_after_start(self.pid) == self.born
        return abs(process.create_time() - self.born) < _SAME_S


def _born_after_start(pid: int) -> float:
    """Seconds from the start of this machine to that of a process.

    Raises:
        psutil.NoSuchProcess: There is none of that number.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    from_the_third = text.rpartition(")")[2].split()
    return int(from_the_third[_START - 3]) / os.sysconf("SC_CLK_TCK")
