"""Run every benchmark, and print its figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import (
    docker_lab,
    gap_truth,
    inbound,
    lab_size,
    lab_start,
    ledger_size,
    one_hub,
    throughput,
)

_ALL = (
    *(lab_start, lab_size, docker_lab, gap_truth, one_hub, throughput, inbound),
    ledger_size,
)


def main() -> None:
    """Run them one after the other; each says what it measured."""
    for benchmark in _ALL:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
            for line in benchmark.run(Path(folder)):
                print(f"  {line}")


if __name__ == "__main__":
    main()
