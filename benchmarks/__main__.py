"""Run every benchmark, and print its figures; with names, only those: ``one_hub ledger_size``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import (
    balancer_latency,
    docker_lab,
    gap_truth,
    inbound,
    lab_size,
    lab_start,
    ledger_size,
    mail_account,
    one_hub,
    one_sender,
    report_size,
    shared_load,
    simulated,
    structure,
    throughput,
)

_ALL = (
    *(lab_start, lab_size, docker_lab, gap_truth, one_hub, one_sender),
    *(balancer_latency, throughput, shared_load, inbound, ledger_size, report_size, mail_account),
    *(simulated, structure),
)


def main(names: list[str]) -> None:
    """Run them one after the other; each says what it measured."""
    by_name = {each.__name__.rpartition(".")[2]: each for each in _ALL}
    if wrong := [name for name in names if name not in by_name]:
        sys.exit(f"no benchmark is called {', '.join(wrong)}; there are: {', '.join(by_name)}")
    for benchmark in [by_name[name] for name in names] or _ALL:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{(benchmark.__doc__ or '').splitlines()[0]}")
            for line in benchmark.run(Path(folder)):
                print(f"  {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
