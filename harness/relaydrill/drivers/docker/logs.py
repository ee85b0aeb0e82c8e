"""A container's standard output, where its node journals, copied to a file as it comes."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any, Final

from docker.errors import DockerException
from docker.models.containers import Container

_JOIN_S: Final = 10.0


class LogFollower:
    """Copies one container's standard output into a file, over all its restarts.

    The engine keeps the whole output of a container; after a restart it is read from the begin,
    and what is in the file already is passed over.
    """

    def __init__(self, container: Container, path: Path) -> None:
        self._container = container
        self._path = path
        self._stream: Any = None
        self._thread: threading.Thread | None = None

    def follow(self) -> None:
        """Begin to copy, until the container ends."""
        self._path.touch()
        # Asked for here: what the container says from now on cannot be missed.
        self._stream = self._container.logs(stream=True, follow=True, stdout=True, stderr=False)
        self._thread = threading.Thread(target=self._copy, args=(self._stream,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Return when everything that an ended container has said is in the file."""
        if self._thread:
            self._thread.join(_JOIN_S)

    def give_up(self) -> None:
        """Stop copying."""
        if self._stream is not None:
            with contextlib.suppress(Exception):  # the engine may be gone
                self._stream.close()
        self.finish()

    def _copy(self, stream: Any) -> None:
        known = self._path.stat().st_size
        with (
            self._path.open("ab", buffering=0) as file,
            contextlib.suppress(DockerException, OSError, ValueError),
        ):
            for chunk in stream:
                new = chunk[known:] if known else chunk
                known = max(0, known - len(chunk))
                if new:
                    file.write(new)
