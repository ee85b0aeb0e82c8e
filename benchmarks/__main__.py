"""Run every benchmark, and print its figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import (
    balancer_latency,
    docker_lab,
    gap_truth,
    inbound,
    lab_start,
    one_hub,
    throughput,
)


def main() -> None:
    """Run them one after the other; each says what it measured."""
    for benchmark in (
        lab_start,
        docker_lab,
        gap_truth,
        one_hub,
        balancer_latency,
        throughput,
        inbound,
    ):
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
            for line in benchmark.run(Path(folder)):
                print(f"  {line}")


if __name__ == "__main__":
    main()
