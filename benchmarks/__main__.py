"""Run every benchmark, and print its figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import docker_lab, gap_truth, inbound, lab_start, one_hub, shared_load, throughput


def main() -> None:
    """Run them one after the other; each says what it measured."""
    for benchmark in (lab_start, docker_lab, gap_truth, one_hub, throughput, shared_load, inbound):
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
            for line in benchmark.run(Path(folder)):
                print(f"  {line}")


if __name__ == "__main__":
    main()
