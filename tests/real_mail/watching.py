"""Labs whose mail all arrives, and whose log cannot be read whole: nothing may count as lost."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relaydrill.wait import wait_for
from tests.real_mail.building import final, one_server
from tests.real_mail.lab import Built, Case, Site
from tests.real_mail.mailboxes import messages
from tests.real_mail.postfix import Postfix
from tests.real_mail.programs import program

_ENOUGH: Final = 14
"""Messages after which a log is turned over: a third of a drill's."""


def _watched(server: Postfix, log: Path) -> Built:
    built = one_server(server)
    attached = {**built.attached}
    attached["mbx"] = {"address": server.address, "arrivals": {"postfix_log": str(log)}}
    return dataclasses.replace(built, attached=attached)


def _some_mail(server: Postfix) -> None:
    wait_for(
        lambda: len(messages([server.mailbox("user")])) >= _ENOUGH,
        what="some mail to arrive",
        deadline_s=60,
    )


def _written_anew(server: Postfix) -> None:
    """Have Postfix open its log anew, as ``postfix logrotate`` does."""
    etc = str(server.folder / "etc")
    subprocess.run([program("postfix"), "-c", etc, "reload"], capture_output=True, check=False)


def _silent(site: Site) -> Built:
    """The log that is named is there, and nobody writes to it."""
    server = final(site)
    log = site.folder / "elsewhere.log"
    log.touch()
    return _watched(server, log)


def _foreign(site: Site) -> Built:
    """The log that is named grows, and is of something else."""
    server = final(site)
    log = site.folder / "access.log"
    log.touch()

    def grow() -> None:
        _some_mail(server)
        line = '10.0.0.7 - - [30/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 5316\n'
        with log.open("a") as file:
            file.write(line * 1400)

    return dataclasses.replace(_watched(server, log), during=grow)


def _turned_over(site: Site) -> Built:
    server = final(site)

    def turn() -> None:
        _some_mail(server)
        server.log.rename(server.log.with_suffix(".log.1"))
        _written_anew(server)

    return dataclasses.replace(one_server(server), during=turn)


def _turned_over_twice(site: Site) -> Built:
    """What was in the log between the two is in a file that nobody was told of."""
    server = final(site)

    def turn() -> None:
        _some_mail(server)
        for number in (1, 2):
            server.log.rename(server.log.with_suffix(f".log.{number}"))
            _written_anew(server)
            time.sleep(0.5)

    return dataclasses.replace(one_server(server), during=turn)


def _copied_and_truncated(site: Site) -> Built:
    server = final(site)

    def turn() -> None:
        _some_mail(server)
        shutil.copy(server.log, server.log.with_suffix(".log.1"))
        os.truncate(server.log, 0)

    return dataclasses.replace(one_server(server), during=turn)


def _removed(site: Site) -> Built:
    server = final(site)

    def remove() -> None:
        _some_mail(server)
        server.log.unlink()
        _written_anew(server)

    return dataclasses.replace(one_server(server), during=remove)


def _ends_early(site: Site) -> Built:
    """What brings the log here ends in the middle of the drill, and mail goes on arriving."""
    server = final(site)
    log = site.folder / "collected.log"
    log.touch()

    def bring() -> None:
        with server.log.open("rb") as source, log.open("ab", buffering=0) as copy:
            while len(messages([server.mailbox("user")])) < _ENOUGH:
                copy.write(source.read())
                time.sleep(0.2)

    return dataclasses.replace(_watched(server, log), during=bring)


def _dirty(site: Site) -> Built:
    """The log bears NUL bytes, half lines and a line of a megabyte between its own."""
    server = final(site)

    def soil() -> None:
        _some_mail(server)
        with server.log.open("ab") as file:
            for dirt in (b"\0" * 5000 + b"\n", b"x" * 1_000_000 + b"\n", b"\xff\xfe\n", b"Nov \n"):
                file.write(dirt)
                file.flush()
                time.sleep(0.2)

    return dataclasses.replace(one_server(server), during=soil)


_LINE: Final = re.compile(r"(\w{3} [ \d]\d [\d:]{8}) (\S+) ([^\[\s]+)\[(\d+)\]: (.*)")


def _as_rfc5424(line: str) -> str:
    _, host, tag, pid, text = _fields(line)
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return f"<22>1 {now} {host} {tag} {pid} - - {text}"


def _as_iso(line: str) -> str:
    _, host, tag, pid, text = _fields(line)
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return f"{now} {host} {tag}[{pid}]: {text}"


def _as_docker(line: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "time": now})


def _as_journal(line: str) -> str:
    _, host, tag, pid, text = _fields(line)
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": str(time.time_ns() // 1000),
            "_HOSTNAME": host,
            "SYSLOG_IDENTIFIER": tag,
            "_PID": pid,
            "MESSAGE": text,
        }
    )


def _fields(line: str) -> tuple[str, ...]:
    found = _LINE.fullmatch(line)
    assert found, line
    return found.groups()


def _framed(frame: Callable[[str], str]) -> Callable[[Site], Built]:
    """A lab whose log is written by something else, in another frame, until the drill is over."""

    def build(site: Site) -> Built:
        server = final(site)
        log = site.folder / "framed.log"
        log.touch()
        over = threading.Event()
        writing = threading.Thread(target=_write_anew, args=(server.log, log, frame, over))
        writing.start()
        site.at_end(over.set, writing.join)
        return _watched(server, log)

    return build


def _write_anew(
    source: Path, target: Path, frame: Callable[[str], str], over: threading.Event
) -> None:
    with source.open() as read, target.open("a", buffering=1) as write:
        while not over.wait(0.1):
            write.writelines(f"{frame(line.rstrip())}\n" for line in read)


def _followed(site: Site) -> Built:
    """The log comes by a command, as one over ssh would."""
    server = final(site)
    built = one_server(server)
    log = {"run": ["tail", "-n", "0", "-F", str(server.log)]}
    attached = {**built.attached}
    attached["mbx"] = {"address": server.address, "arrivals": {"log": log}}
    return dataclasses.replace(built, attached=attached)


def _command_ends(site: Site) -> Built:
    """The command that brings the log ends in the middle of the drill."""
    server = final(site)
    built = one_server(server)
    tail = f"timeout 6 tail -n 0 -F {server.log}"
    attached = {**built.attached}
    attached["mbx"] = {
        "address": server.address,
        "arrivals": {"log": {"run": ["sh", "-c", tail]}},
    }
    return dataclasses.replace(built, attached=attached)


def _by_fifo(site: Site) -> Built:
    server = final(site)
    fifo = site.folder / "log.fifo"
    os.mkfifo(fifo)
    with fifo.open("r+b", buffering=0) as both:
        tail = subprocess.Popen(
            ["tail", "-n", "0", "-F", str(server.log)], stdout=both, stderr=subprocess.DEVNULL
        )
    site.at_end(tail.terminate, tail.wait)
    return _watched(server, fifo)


ALL: Final = (
    Case("log in RFC 5424", _framed(_as_rfc5424), "pass", ("delivered",)),
    Case("log with ISO times", _framed(_as_iso), "pass", ("delivered",)),
    Case("log of docker", _framed(_as_docker), "pass", ("delivered",)),
    Case("log of journald", _framed(_as_journal), "pass", ("delivered",)),
    Case("log by a command", _followed, "pass", ("delivered",)),
    Case("log by a command that ends", _command_ends, "unknown", (), ("timeout 6",)),
    Case("log by a FIFO", _by_fifo, "pass", ("delivered",)),
    Case("log that nobody writes", _silent, "unknown", (), ("elsewhere.log",)),
    Case("log of something else", _foreign, "unknown", (), ("access.log", "1,400")),
    Case("log turned over", _turned_over, "pass", ("delivered",)),
    Case("log turned over twice", _turned_over_twice, "not fail", ()),
    Case("log copied and truncated", _copied_and_truncated, "not fail", ()),
    Case("log removed", _removed, "not fail", ()),
    Case("log that ends early", _ends_early, "unknown", (), ("collected.log",)),
    Case("log with dirt in it", _dirty, "not fail", ()),
)
