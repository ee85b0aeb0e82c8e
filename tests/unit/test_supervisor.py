"""A real program as a child of a node, and the node's end with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from relaydrill.errors import LabError
from relaydrill.nodes.program import Program, find_program
from relaydrill.nodes.supervisor import Supervisor

_FOR_EVER = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"


class Shell:
    """A shell script as the program of a node, and what was noted of it."""

    def __init__(self, *, ends_s: float = 5.0) -> None:
        self.program = Program("the shell", ends_s=ends_s)
        self.told: list[str] = []
        self.supervisor = Supervisor("ht1", self.program, self.program.lines(), self.note)

    def note(self, line: str) -> None:
        """Keep a line."""
        self.told.append(line)
        self.program.note(line, aloud=False)

    async def start(self, script: str) -> None:
        """Run a script, and wait until it says that it is up."""
        await self.program.start("sh", "-c", script)
        await self.supervisor.start(lambda: self.program.serves(self.is_up, deadline_s=5.0))

    def is_up(self) -> bool:
        """Whether it has said so."""
        return "up" in self.told


def test_what_it_tells_is_noted_until_its_wanted_end() -> None:
    """Its last line, which it says while it ends, too; and the node goes on."""

    async def run() -> list[str]:
        shell = Shell()
        await shell.start(_FOR_EVER)
        await shell.supervisor.stop()
        return shell.told

    assert asyncio.run(run()) == ["up", "bye"]


@pytest.mark.parametrize(
    ("ends", "how"),
    [("exit 3", "exit status 3"), ("kill -KILL $$", "SIGKILL"), ("exit 0", "exit status 0")],
)
def test_its_unwanted_end_is_the_end_of_the_node(ends: str, how: str) -> None:
    """How it ended, and what it said last, are in the message; an end without an error is one."""

    async def run() -> None:
        shell = Shell()
        await shell.start(f"trap 'echo why; {ends}' USR1; echo up; while :; do sleep 0.01; done")
        shell.program.send_signal(signal.SIGUSR1)
        await asyncio.Event().wait()

    with pytest.raises(SystemExit) as ended:
        asyncio.run(run())
    assert ended.value.code == f"ht1: the shell ended by itself ({how})\n  up\n  why"


def test_an_end_at_its_start_is_told_by_whoever_starts_it() -> None:
    """As a `LabError`, and not from a task that nobody waits for."""

    async def run() -> None:
        shell = Shell()
        with pytest.raises(LabError, match=r"ended at its start \(exit status 2\)\n  why"):
            await shell.start("echo why; exit 2")

    asyncio.run(run())


class Slow:
    """A program whose end is seen before what it said last is read, or cannot be followed."""

    title = "the slow one"

    def __init__(self, error: Exception | None = None) -> None:
        self.last_words: list[str] = []
        self._error = error

    async def lines(self) -> AsyncIterator[str]:
        """What it said."""
        await asyncio.sleep(0.05)
        yield "why"

    async def ended(self) -> int:
        """At once."""
        if self._error:
            raise self._error
        return 2

    async def end(self) -> None:
        """It has ended."""

    async def serves(self) -> bool:
        """It has ended instead."""
        return False


def test_last_words_that_come_after_the_end_are_waited_for() -> None:
    """A program's end and its output come by two roads; the reason is in the output."""

    async def run() -> None:
        slow = Slow()
        supervisor = Supervisor("ht1", slow, slow.lines(), slow.last_words.append)
        with pytest.raises(LabError, match=r"ended at its start \(exit status 2\)\n  why"):
            await supervisor.start(slow.serves)

    asyncio.run(run())


@pytest.mark.parametrize("error", [ValueError("a line of 2 MB"), OSError(28, "No space left")])
def test_an_end_that_cannot_be_followed_ends_the_node(error: Exception) -> None:
    """Its standard error is read by another task: where that fails, nobody would see it die."""

    async def run() -> None:
        slow = Slow(error)
        Supervisor("ht1", slow, slow.lines(), slow.last_words.append).follow()
        async with asyncio.timeout(2.0):
            await asyncio.Event().wait()

    with pytest.raises(SystemExit, match="ht1 cannot"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "ht1 cannot write its journal: .*No space left"),
        (ValueError("no time"), "ht1 cannot follow the shell: .*no time"),
    ],
)
def test_what_cannot_be_noted_ends_the_node(error: Exception, told: str) -> None:
    """What comes after it would be missed in silence."""

    async def run() -> None:
        program = Program("the shell")

        def note(_line: str) -> None:
            raise error

        supervisor = Supervisor("ht1", program, program.lines(), note)
        await program.start("sh", "-c", "echo up; sleep 5")
        supervisor.follow()
        try:
            await asyncio.Event().wait()
        finally:
            await program.end()

    with pytest.raises(SystemExit, match=told):
        asyncio.run(run())


def test_a_signal_to_the_whole_group_may_reach_the_program_first() -> None:
    """It has ended in good order before the node hears that it is to end."""

    async def run() -> None:
        shell = Shell()
        await shell.start(_FOR_EVER)
        shell.program.send_signal(signal.SIGTERM)
        await shell.program.ended()
        await asyncio.sleep(0.05)
        await shell.supervisor.stop()

    asyncio.run(run())


def test_who_does_not_end_is_killed() -> None:
    """A program that ignores SIGTERM has its time, and then SIGKILL."""

    async def run() -> int:
        shell = Shell(ends_s=0.1)
        await shell.start("trap '' TERM; echo up; while :; do sleep 0.01; done")
        await shell.supervisor.stop()
        return await shell.program.ended()

    assert asyncio.run(run()) == -signal.SIGKILL


@pytest.mark.parametrize(("whole", "told"), [(True, ["one"]), (False, ["one", "tw"])])
def test_a_line_that_was_cut(whole: bool, told: list[str]) -> None:
    """Half a line of a log is told; half a message is none."""

    async def run() -> list[str]:
        program = Program("the shell")
        await program.start("sh", "-c", "echo one; printf tw")
        lines = [line async for line in program.lines(whole=whole)]
        await program.ended()
        return lines

    assert asyncio.run(run()) == told


def test_a_program_that_is_not_installed_is_named_with_the_remedy() -> None:
    """The node, its kind, the program, and the package that has it."""
    with pytest.raises(LabError, match="ht1 is of kind bind .* named-none: .*install bind9"):
        find_program("named-none", node="ht1", kind="bind", package="bind9")
