"""How fast `relaydrill account` reads a gigabyte of Postfix's logs, and in how much memory.

Two servers at the edge hand on to two with mailboxes; each has its own log. The goal is half of
what ``zcat | grep -c`` reads in a second on this machine, or 50 MB/s, whichever is less.
"""

from __future__ import annotations

import gzip
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measured_command import measured

_SIZES_MB = (100, 1000)
_GOAL_MB_S = 50.0
_BATCH = 2_000


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each size."""
    for size in _SIZES_MB:
        logs = folder / str(size)
        messages, written = write(logs, size * 1_000_000)
        plain = measured("account", str(logs), "--json")
        assert f'"delivered": {messages}' in plain.told, plain.told[:2000]
        told = f"{written / 1e6:6.0f} MB, {messages:,} messages"
        yield f"{told}: {plain}; {_rate(written, plain.took_s)}"
    packed = folder / "packed"
    _pack(logs, packed)
    begin = time.monotonic()
    for each in sorted(packed.iterdir()):
        subprocess.run(f"zcat {each} | grep -c removed", shell=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - begin
    yield f"{written / 1e6:6.0f} MB by zcat | grep -c: {took:5.2f} s; {_rate(written, took)}"
    read = measured("account", str(packed), "--json")
    goal = min(_GOAL_MB_S, written / 1e6 / took / 2)
    told = f"{written / 1e6:6.0f} MB, packed"
    yield f"{told}: {read}; {_rate(written, read.took_s)}; goal {goal:.0f} MB/s"


def _rate(size: int, took: float) -> str:
    return f"{size / 1e6 / took:.0f} MB/s"


def _pack(logs: Path, packed: Path) -> None:
    packed.mkdir()
    for each in logs.iterdir():
        with each.open("rb") as source, gzip.open(packed / f"{each.name}.gz", "wb", 3) as target:
            while piece := source.read(1 << 20):
                target.write(piece)


def write(folder: Path, size: int) -> tuple[int, int]:
    """Write logs of four hosts; how many messages are in them, and bytes."""
    folder.mkdir(parents=True)
    chance = random.Random(7)
    names = ("mx1", "mx2", "mbx1", "mbx2")
    files = {name: (folder / f"{name}.mail.log").open("wb") for name in names}
    written = messages = 0
    while written < size:
        lines: dict[str, list[str]] = {name: [] for name in names}
        for _ in range(_BATCH):
            edge, box = chance.choice(names[:2]), chance.choice(names[2:])
            _message(lines[edge], lines[box], edge, box, messages, chance)
            messages += 1
        for name, each in lines.items():
            written += files[name].write("".join(each).encode())
    for file in files.values():
        file.close()
    return messages, written


def _message(
    edge: list[str],
    box: list[str],
    edge_name: str,
    box_name: str,
    number: int,
    chance: random.Random,
) -> None:
    second = number // 40
    day, hour, minute = second // 86400 % 28 + 1, second // 3600 % 24, second // 60 % 60
    at = f"Nov {day:2d} {hour:02d}:{minute:02d}:{second % 60:02d}"
    first, then = f"{chance.getrandbits(44):011X}", f"{chance.getrandbits(44):011X}"
    message = f"<{chance.getrandbits(64):016x}.{number}@app.contoso.com>"
    sender, to = f"user{number % 977}@contoso.com", f"anna{number % 8191}@fabrikam.com"
    pid, reply = number % 30_000 + 1000, f"250 2.0.0 Ok: queued as {then}"
    client = f"out{number % 13}.example.net[192.0.2.{number % 250}]"
    _taken(edge, f"{at} {edge_name} postfix", pid, first, client, message, sender)
    head = f"{at} {edge_name} postfix"
    edge.append(
        f"{head}/smtp[{pid + 3}]: {first}: to=<{to}>, relay={box_name}.fabrikam.com[10.0.0.7]:25,"
        f" delay=0.{number % 90 + 10}, delays=0.02/0/0.01/0.0{number % 9 + 1}, dsn=2.0.0,"
        f" status=sent ({reply})\n"
    )
    edge.append(f"{head}/qmgr[811]: {first}: removed\n")
    head = f"{at} {box_name} postfix"
    _taken(box, head, pid, then, f"{edge_name}.fabrikam.com[10.0.0.1]", message, sender)
    box.append(
        f"{head}/virtual[{pid + 4}]: {then}: to=<{to}>, relay=virtual, delay=0.{number % 90 + 10},"
        " delays=0.01/0/0/0.01, dsn=2.0.0, status=sent (delivered to maildir)\n"
    )
    box.append(f"{head}/qmgr[811]: {then}: removed\n")


def _taken(
    lines: list[str], head: str, pid: int, queue_id: str, client: str, message: str, sender: str
) -> None:
    lines += (
        f"{head}/smtpd[{pid}]: connect from {client}\n",
        f"{head}/smtpd[{pid}]: {queue_id}: client={client}\n",
        f"{head}/cleanup[{pid + 1}]: {queue_id}: message-id={message}\n",
        f"{head}/qmgr[811]: {queue_id}: from=<{sender}>, size={pid}, nrcpt=1 (queue active)\n",
        f"{head}/smtpd[{pid}]: disconnect from {client} ehlo=1 mail=1 rcpt=1 data=1 quit=1"
        " commands=5\n",
    )
