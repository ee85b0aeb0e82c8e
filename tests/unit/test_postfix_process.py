"""What the keeper does to Postfix's spool, and sees in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from relaydrill.kinds.postfix import process
from relaydrill.nodes.supervisor import Supervisor

# What ``postfix start-fg`` is: a script that waits for the master, which has a session of its own.
_MASTER = """\
import os, signal, sys
from pathlib import Path

def end(*_):
    print("postfix/master[1]: terminating on signal 15", flush=True)
    sys.exit(0)

os.setsid()
signal.signal(signal.SIGTERM, end)
Path({pid!r}).write_text(f"{{os.getpid():>32}}\\n")
print("postfix/master[1]: daemon started", flush=True)
while True:
    signal.pause()
"""


def test_what_a_kill_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-written message and a dead master's number go; a message that was promised stays."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    for folder in ("incoming", "pid"):
        (tmp_path / folder).mkdir()
    promised = tmp_path / "incoming" / "4c7qJm5tL2z9sT"
    promised.touch()
    for left in ("incoming/421285.109", "pid/master.pid"):
        (tmp_path / left).touch()
    process.Postfix._tidy()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [promised]


def test_the_configuration_is_not_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postfix need not wait for a file that somebody might be writing still: it looks old."""
    monkeypatch.setattr(process, "_CONFIGURATION", tmp_path)
    monkeypatch.setattr(process, "main_cf", lambda _settings, *, overrides: "a = b\n")
    monkeypatch.setattr(process, "master_cf", lambda _settings, *, listening: "")
    postfix = object.__new__(process.Postfix)
    postfix._settings, postfix._overrides, postfix._listening = None, {}, True  # type: ignore[assignment]
    postfix._configure()
    assert (tmp_path / "main.cf").read_text() == "a = b\n"
    assert (tmp_path / "main.cf").stat().st_mtime < time.time() - 2


def test_mail_that_is_coming_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has a queue id is coming in; a half-written file is not."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    (tmp_path / "incoming").mkdir()
    for name in ("421285.109", "4c7qJm5tL2z9sT"):
        (tmp_path / "incoming" / name).touch()
    assert process.Postfix.coming_in() == {"4c7qJm5tL2z9sT"}


def test_its_end_is_that_of_its_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that started it does not pass a signal on; mail would go on until the kill."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    (tmp_path / "pid").mkdir()
    master = tmp_path / "master.py"
    master.write_text(_MASTER.format(pid=str(tmp_path / "pid/master.pid")))
    script = f"{shlex.quote(sys.executable)} {shlex.quote(str(master))}; exit $?"

    async def run() -> tuple[list[str], int]:
        postfix = process.Postfix(None)  # type: ignore[arg-type]
        told: list[str] = []
        supervisor = Supervisor("ht1", postfix, postfix.log_lines(), told.append)
        await postfix.start("sh", "-c", script)
        try:
            await supervisor.start(lambda: postfix.serves(lambda: bool(told)))
            async with asyncio.timeout(5.0):
                await supervisor.stop()
        finally:
            number = int((tmp_path / "pid/master.pid").read_text())
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return told, await postfix.ended()

    told, status = asyncio.run(run())
    assert told[-1] == "postfix/master[1]: terminating on signal 15"
    assert status == 0


def test_an_end_before_there_is_a_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is ended, while it still looks at Postfix's files."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)

    async def run() -> int:
        postfix = process.Postfix(None)  # type: ignore[arg-type]
        await postfix.start("sleep", "60")
        await postfix.end()
        return await postfix.ended()

    assert asyncio.run(run()) == -signal.SIGTERM
