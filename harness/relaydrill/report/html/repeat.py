"""What it takes to run a drill again, or to judge it: commands, written out in full. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from relaydrill.drills.model import Drill

_ATTACH: Final = "attach"
"""The driver's name, as a run directory has it: a report knows nothing of drivers."""


def command(drill: Drill, driver: str, topology: Path) -> str:
    """The command that runs this very drill: its flows, its faults with their times, its seed.

    Args:
        drill: The drill.
        driver: The driver that ran it.
        topology: The file of the topology as run.
    """
    words = ["relaydrill", "drill", str(topology), "--driver", driver, "--seed", str(drill.seed)]
    for flow in drill.flows:
        words += ["--flow", flow]
    for fault in drill.faults:
        words += ["--fault", str(fault)]
    if driver == _ATTACH and drill.faults:
        words.append("--allow-faults")
    return shlex.join(words)


def judging(run: Path) -> str:
    """The command that judges a run directory again, of a drill or an audit."""
    return shlex.join(["relaydrill", "judge", str(run)])
