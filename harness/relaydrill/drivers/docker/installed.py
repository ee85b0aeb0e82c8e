"""Whether the libraries are installed that talk to a Docker engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from relaydrill.errors import UsageError


@contextlib.contextmanager
def docker_installed() -> Iterator[None]:
    """A block that imports what talks to a Docker engine.

    Raises:
        UsageError: Its libraries are not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the docker driver needs the package {error.name}; run:"
            " pip install 'relaydrill[docker]'"
        ) from None
