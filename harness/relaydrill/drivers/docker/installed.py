"""Whether the libraries are installed that talk to a Docker engine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from relaydrill.errors import UsageError


@contextlib.contextmanager
def docker_installed() -> Iterator[None]:
    """A block that imports what talks to a Docker engine.

    Raises:
        UsageError: Its libraries are not installed.
    """
    try:
        with _some_home():
            yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the docker driver needs the package {error.name}; run:"
            " pip install 'relaydrill[docker]'"
        ) from None


@contextlib.contextmanager
def _some_home() -> Iterator[None]:
    """A block in which there is a home: testcontainers asks for one while it is imported.

    Without HOME and without an entry in the user database that fails, though it only looks for a
    file of settings there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"
        try:
            yield
        finally:
            del os.environ["HOME"]
    else:
        yield
