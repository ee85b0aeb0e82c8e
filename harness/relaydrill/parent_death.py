"""A child that ends when its parent does, however that ends (Linux; elsewhere it outlives it)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def dies_with_parent() -> Callable[[], None]:
    """What a child of this process has to call, right after the fork (``preexec_fn``)."""
    parent = os.getpid()
    # Made here, because a child that was forked should do as little as it can.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it has ended before it could be asked for
                os._exit(1)

    return prepare
