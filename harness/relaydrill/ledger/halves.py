"""Large journals, read by two processes at once: each takes half of the bytes.

The second process is an interpreter of its own and no fork, for the harness has threads. It gets
what to read on its standard input, and what it has read leaves it on its standard output.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from relaydrill.errors import HarnessError
from relaydrill.ledger.bulk import Journals
from relaydrill.ledger.stretches import Stretch

_FIRST = 0.52
"""What the first process reads; the second has to start, and to hand over what it has read."""


def read_in_halves(paths: list[Path]) -> Journals:
    """What the journals tell, in the order of these files.

    Raises:
        HarnessError: The second process could not do its part.
    """
    first, second = _halves(paths)
    journals = Journals()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdin is not None
            assert other.stdout is not None
            pickle.dump(second, other.stdin)
            other.stdin.close()
            journals.read(first)
            # It is our own program that writes this, and nobody else has its pipe.
            journals.extend(pickle.load(other.stdout))
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            other.kill()
            told = f"ended with status {other.wait()} before it had read its half"
            raise HarnessError(f"the second process that reads the journals {told}") from error
        finally:
            other.kill()
    return journals


def _halves(paths: list[Path]) -> tuple[list[Stretch], list[Stretch]]:
    """Each file cut in two: what one message left in all of them is mostly in the same half."""
    sizes = [path.stat().st_size for path in paths]
    cuts = [int(size * _FIRST) for size in sizes]
    first = [Stretch(path, 0, cut) for path, cut in zip(paths, cuts, strict=True)]
    files = zip(paths, cuts, sizes, strict=True)
    return first, [Stretch(path, cut, size) for path, cut, size in files]


def main() -> None:
    """Read what standard input asks for."""
    journals = Journals()
    journals.read(pickle.load(sys.stdin.buffer))
    pickle.dump(journals, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
