"""The command line: parse, call, render. Exit statuses are in `main`'s docstring."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Final, NoReturn

_INTERRUPTED: Final = 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _interruptions_after() -> Iterator[None]:
    """Put an interruption off to the end of the block.

    Of modules that are being loaded: a class that is half made may turn it into an error of another
    kind (Python 3.11 does, in ``__set_name__``).
    """
    came: list[int] = []
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        signals.append(signal.SIGHUP)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell
        signals.remove(signal.SIGINT)
    for number in signals:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, _interrupt)
    if came:
        raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and exit.

    0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven; 4 the harness
    failed; 130 interrupted (by Ctrl-C, SIGTERM, or a terminal that is gone), after everything was
    healed.
    """
    try:
        with _interruptions_after():
            from relaydrill.cli.commands import run

        status = run(arguments)
    except KeyboardInterrupt:
        print("Interrupted; everything was healed and stopped.", file=sys.stderr)
        status = _INTERRUPTED
    sys.exit(status)
