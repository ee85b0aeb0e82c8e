"""A fault that is cut short at whatever moment: it heals, and the lab is as it was."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of

_OURS = {"deeds.py", "process.py", "local_nodes.py", "wait.py"}
"""Where a fault is done. Not the fork server's client: a real signal never comes between a lock and
its ``with``, as one of these can."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    """A lab for all moments of all faults."""
    with ProcessLab(
        topology_files.load("sharepoint"), tmp_path_factory.mktemp("cut") / "lab"
    ) as up:
        yield up


def _cut_short(act: Callable[[], None], line: int) -> bool:
    """Do something, and be interrupted at the N-th line of the drivers; whether it got that far."""
    lines = itertools.count()

    def at_line(frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line" and next(lines) == line:
            sys.settrace(None)
            raise KeyboardInterrupt
        return at_line

    def at_call(frame: FrameType, _event: str, _arg: Any) -> Any:
        file = Path(frame.f_code.co_filename)
        return at_line if file.name in _OURS and "relaydrill" in file.parts else None

    assert threading.current_thread() is threading.main_thread()
    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


# One that was not connected yet, and is closed by whoever collects it: nothing stays.
@pytest.mark.filterwarnings("ignore:.*unclosed .*'0.0.0.0'")
@pytest.mark.parametrize("kind", ["kill", "stop", "pause", "blackhole"])
def test_a_fault_that_is_cut_short_heals(lab: ProcessLab, kind: str) -> None:
    """Interrupted at any line of breaking or of healing, a node is healed by healing it (again)."""
    deed = deed_of(lab, fault_called(kind))
    for act, first in ((deed.inject, deed.heal), (deed.heal, deed.inject)):
        for line in _moments():
            if act == deed.heal:
                first(lab, "ht1")
            reached = _cut_short(lambda act=act: act(lab, "ht1"), line)  # type: ignore[misc]
            deed.heal(lab, "ht1")
            assert lab.control("ht1")("ping") == "ht1", (act, line)
            assert lab.deaths() == []
            if not reached:
                assert line > 0, "it was cut short nowhere"
                break


def _moments() -> Iterator[int]:
    """Every line of the first forty, where the deeds are; then fewer: those are of waiting."""
    yield from range(40)
    yield from range(40, 400, 15)
