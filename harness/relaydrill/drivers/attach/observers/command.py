"""What a command prints, line by line, for as long as it runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Final

from relaydrill.drivers.attach.observers.splitting import Splitter
from relaydrill.errors import UsageError

_CHUNK: Final = 1 << 20
_ENDS_WITHIN_S: Final = 2.0
_SHOWN: Final = 200


class CommandOutput:
    """A command that prints a log as it grows: ``journalctl -f``, ``ssh … tail -F`` and so on.

    It has no terminal and no input; what it complains of is read with what it prints.

    Args:
        command: It and its arguments.

    Attributes:
        is_over: Whether all that it printed has been read.

    Raises:
        UsageError: It cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.name = shlex.join(command)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{self.name} cannot be started: {error}") from None
        assert self._process.stdout
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._pipe.fileno(), fcntl.F_SETPIPE_SZ, _CHUNK)
        self._split = Splitter()
        self._last = b""
        self.is_over = False

    def lines(self) -> Iterator[bytes]:
        """The whole lines that it has printed since the last time."""
        while not self.is_over:
            try:
                chunk = os.read(self._pipe.fileno(), _CHUNK)
            except BlockingIOError:
                return
            self.is_over = not chunk
            for line in self._split.lines(chunk):
                self._last = line
                yield line

    def begin(self) -> None:
        """What it tells is how it is now, and nothing of that is over."""

    def unread(self) -> Iterator[str]:
        """That it has ended, where it has."""
        status = self._process.poll()
        if status is not None or self.is_over:
            how = "has ended" if status is None else f"ended with {status}"
            last = (self._split.rest or self._last)[:_SHOWN].decode("utf-8", "backslashreplace")
            said = f"; its last line: {last.strip()!r}" if last.strip() else ""
            yield f"{self.name}: {how}, and what was logged from then on was not seen{said}"

    def close(self) -> None:
        """End it, and all that it has started."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_WITHIN_S)
                break
        self._pipe.close()
