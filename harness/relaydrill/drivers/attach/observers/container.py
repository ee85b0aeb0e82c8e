"""The log of a container of this machine, on past its stops and starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from relaydrill.drivers.attach.observers.command import CommandOutput

_AGAIN_AFTER_S: Final = 0.5


class ContainerLog:
    """What ``docker logs`` prints of a container; it ends with the container, and begins again.

    Lines bear the engine's time, so that none is read twice.

    Args:
        container: Its name.
        since: Seconds since the epoch: what was written before is not new.
        program: The engine's client.

    Raises:
        UsageError: There is no such program.
    """

    def __init__(self, container: str, since: float, program: str = "docker") -> None:
        self.name = f"{program} logs {container}"
        self._program = program
        self._container = container
        self._since = f"{since:.0f}"
        self._last = b""
        self._output = self._begun()
        self._begun_at = time.monotonic()

    def _begun(self) -> CommandOutput:
        command = (self._program, "logs", "--follow", "--timestamps", "--since", self._since)
        return CommandOutput((*command, self._container))

    def lines(self) -> Iterator[bytes]:
        """The whole lines that it has written since the last time."""
        yield from self._new()
        if self._output.is_over and time.monotonic() > self._begun_at + _AGAIN_AFTER_S:
            self._output.close()
            self._output, self._begun_at = self._begun(), time.monotonic()

    def _new(self) -> Iterator[bytes]:
        for line in self._output.lines():
            stamp = line.partition(b" ")[0]
            if not stamp[:4].isdigit():
                yield line  # of the client itself
            elif stamp > self._last:
                self._last, self._since = stamp, stamp.decode("ascii", "replace")
                yield line

    def begin(self) -> None:
        """What it tells is how it is now, and nothing of that is over."""

    def unread(self) -> Iterator[str]:
        """That it cannot be followed now, where it cannot."""
        yield from self._output.unread()

    def close(self) -> None:
        """Let it go."""
        self._output.close()
