"""The examples of docs/python/writing-a-fault.md are whole, and do what they say."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from relaydrill import topology_files
from relaydrill.disturbance import OF_A_MAIL_SERVER
from relaydrill.drivers.base import Lab
from relaydrill.drivers.process import ProcessLab
from relaydrill.faults import ServiceFault
from relaydrill.injection import deed_of
from relaydrill.personas.base import Persona, SenderSettings
from relaydrill.verdict import Verdict
from tests.histories import History
from tests.unit.test_checks import FAIL, KILL, PASS, UNKNOWN, case, flow

_PAGE = Path(__file__).parents[2] / "docs" / "python" / "writing-a-fault.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def example(name: str) -> Any:
    """What an example defines by that name."""
    defines = re.compile(rf"^((def|class) {name}\b|{name} =)", re.M)
    [block] = [each for each in _BLOCK.findall(_PAGE.read_text()) if defines.search(each)]
    module = ModuleType(f"example_{name}")
    sys.modules[module.__name__] = module  # dataclasses look there for what a name means
    exec(compile(block, str(_PAGE), "exec", dont_inherit=True), vars(module))
    return getattr(module, name)


class Records:
    """DNS of a domain with two MX hosts."""

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """One is preferred."""
        return ((10, "first"), (20, "second"))

    def addresses(self, host: str) -> tuple[str, ...]:
        """Two of each."""
        return {"first": ("10.0.0.1", "10.0.0.2"), "second": ("10.0.0.3", "10.0.0.4")}[host]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One hub and its mailbox server."""
    text = "name: one\nnodes:\n  ht1: {role: hub}\n  mbx: {role: mailbox, domains: [contoso.com]}\n"
    design = topology_files.parse(text, "one.yaml")
    with ProcessLab(design, tmp_path_factory.mktemp("lab") / "lab") as made:
        yield made


def test_the_fault_of_a_service_is_done_and_undone(lab: Lab) -> None:
    """A node is told of it, and of its end."""
    fault: ServiceFault = example("GREYLIST")
    assert fault.kind == "greylist"
    deed = deed_of(lab, fault)
    deed.inject(lab, "ht1")
    deed.heal(lab, "ht1")
    assert fault.action in OF_A_MAIL_SERVER


def test_the_fault_of_a_host_is_done_and_undone(lab: ProcessLab) -> None:
    """The node answers again when it is healed, wherever the stutter was."""
    for _ in range(3):
        deed = deed_of(lab, example("Stutter")())
        deed.inject(lab, "ht1")
        deed.heal(lab, "ht1")
        assert lab.control("ht1")("ping") == "ht1"


def test_the_persona_begins_at_the_end() -> None:
    """The least preferred host first, one address of each."""
    persona: Persona = example("LastMx")()
    sender = persona.new_sender(SenderSettings(random.Random(1)))
    assert [*sender.addresses("contoso.com", Records())] == ["10.0.0.3", "10.0.0.1"]


def test_the_check_passes_fails_and_says_when_it_cannot_tell() -> None:
    """Fast mail passes, slow mail fails, little mail proves nothing; faults do not concern it."""
    check = example("check_pace")

    def judged(history: History) -> tuple[Any, Mapping[str, Any]]:
        verdict: Verdict | None = check(case(history))
        assert verdict
        return verdict.status, verdict.figures

    history = History()
    flow(history, 2.0)
    assert judged(history)[0] is PASS
    few = History()
    flow(few, 0.5)
    assert judged(few)[0] is UNKNOWN
    slow = History()
    for number in range(30):
        slow.attempt(f"<{number}@app>", at=number * 1.0, took=0.9)
        slow.accepted(f"<{number}@app>", at=number * 1.0 + 0.8)
    assert judged(slow) == (FAIL, {"p90_s": 9.0})
    assert check(case(history, KILL)) is None
