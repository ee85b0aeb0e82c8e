"""The journals of a long drill that never ran: eight hubs, one of them killed in the middle.

What befalls the messages is drawn from a seed: most are delivered in milliseconds, a few are
refused, cut off or never answered, a few arrive twice, and what the killed hub had taken waits for
its return.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.drills.closing import close
from relaydrill.drills.loads import loads_of
from relaydrill.drills.model import Drill
from relaydrill.drills.record import RunDirectory
from relaydrill.topology import Topology

_HUBS: Final = tuple(f"ht{number}" for number in range(1, 9))
_NEW: Final = "".join(f"  {hub}: {{role: hub}}\n" for hub in _HUBS[3:])
_RATE: Final = 1000.0
"""Messages a second, of both flows together, where no other rate is wanted."""
_BEGIN: Final = 5000.0
_KILLED: Final = "ht1"
_NOTICED_S: Final = 5.0
_BATCH: Final = 20_000
_WALL: Final = 1_764_000_000.0


def write(directory: Path, messages: int, seed: int = 1, rate: float = _RATE) -> int:
    """Make a run directory of so many messages.

    Args:
        directory: The run directory.
        messages: How many messages it has.
        seed: Seed of all random choices.
        rate: Messages a second, of both flows together.

    Returns:
        How many lines its journals have.
    """
    path = directory.with_suffix(".yaml")
    path.write_text(_design(rate))
    topology = topology_files.load(path)
    length_s = messages / rate
    fault = f"kill:{_KILLED}@{0.4 * length_s:g}s+{0.2 * length_s:g}s"
    run = RunDirectory(directory)
    document = {
        "name": f"kill:{_KILLED}",
        "flows": ["relay", "submission"],
        "faults": [fault],
        "length_s": length_s,
        "settle_s": 60.0,
        "seed": seed,
    }
    schedule = _schedule(topology, Drill.from_json(document), messages)
    # It ends with the last of them, which comes somewhat sooner or later than in the mean.
    drill = Drill.from_json({**document, "length_s": schedule[-1][0] - _BEGIN + 1e-6})
    run.save_inputs(topology, drill, "process")
    run.save_outcome(drill, "process", _BEGIN, ())
    folder = directory / "journals"
    written = _Writer(folder, schedule, length_s, random.Random(seed)).write(drill)
    for node in topology.nodes:
        (folder / f"{node}.jsonl").touch()
    for journal in folder.iterdir():
        close(journal)
    return written


def _schedule(topology: Topology, drill: Drill, messages: int) -> list[tuple[float, str]]:
    """When the attempts are due, and of which flow each is."""
    loads = [load for flow in drill.flows for load in loads_of(topology, drill, flow)]
    due = (((moment, load.flow) for moment in load.due(_BEGIN, math.inf)) for load in loads)
    return [*islice(heapq.merge(*due), messages)]


def _design(rate: float) -> str:
    return f"""\
extends: sharepoint
name: long
clock: 1
nodes:
  lb1: {{backends: [{", ".join(_HUBS)}]}}
{_NEW}
flows:
  relay: {{rate: {0.6 * rate:g}/s}}
  submission: {{rate: {0.4 * rate:g}/s}}
"""


class _Writer:
    """Writes the lines of each node in the order of their times, a batch after another."""

    def __init__(
        self,
        folder: Path,
        schedule: list[tuple[float, str]],
        length_s: float,
        chance: random.Random,
    ) -> None:
        self._folder = folder
        self._schedule = schedule
        self._chance = chance
        self._lines: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._kill, self._heal = _BEGIN + 0.4 * length_s, _BEGIN + 0.6 * length_s
        self._turn = 0

    def write(self, drill: Drill) -> int:
        """All journals; how many lines they have."""
        self._the_fault()
        self._the_course(drill)
        written = 0
        for first in range(0, len(self._schedule), _BATCH):
            batch = self._schedule[first : first + _BATCH]
            for number, (due, flow) in enumerate(batch, first):
                self._message(number, due, flow)
            written += self._flush(batch[-1][0])
        for hub in _HUBS:
            self._put(hub, self._heal + len(self._schedule), "queue", "", '"items":[]')
        return written + self._flush(float("inf"))

    def _the_course(self, drill: Drill) -> None:
        end = _BEGIN + drill.length_s
        self._put("harness", _BEGIN, "begun", "", f'"begin":{_BEGIN}')
        for flow in drill.flows:
            self._put("harness", end, "stop", "", f'"flow":"{flow}"')
        self._put("harness", end, "over", "", f'"length_s":{drill.length_s}')
        told = f'"watched_s":{drill.length_s},"worst_s":0.0'
        self._put("machine", end, "watched", "", told)

    def _flush(self, until: float) -> int:
        written = 0
        for node, lines in self._lines.items():
            lines.sort()
            ready = [line for moment, line in lines if moment < until]
            with (self._folder / f"{node}.jsonl").open("a") as journal:
                journal.write("".join(ready))
            written += len(ready)
            self._lines[node] = lines[len(ready) :]
        return written

    def _put(self, node: str, moment: float, kind: str, subject: str, detail: str) -> None:
        line = (
            f'{{"mono":{moment:.6f},"wall":{_WALL + moment:.6f},"node":"{node}","kind":"{kind}"'
            f'{subject},"detail":{{{detail}}}}}\n'
        )
        self._lines[node].append((moment, line))

    def _the_fault(self) -> None:
        label = f"kill:{_KILLED}"
        told = f'"fault":"{label}"'
        self._put("harness", self._kill, "inject", "", f'{told},"kind":"kill","node":"{_KILLED}"')
        self._put("harness", self._kill + 0.004, "injected", "", told)
        self._put("harness", self._heal, "heal", "", told)
        self._put("harness", self._heal + 0.02, "healed", "", told)
        for port in (25, 587):
            for state, moment in (("down", self._kill), ("up", self._heal)):
                told = f'"backend":"{_KILLED}","port":{port},"state":"{state}","reason":"check"'
                self._put("lb1", moment + _NOTICED_S, "backend", "", told)

    def _message(self, number: int, due: float, flow: str) -> None:
        chance = self._chance.random
        port = 25 if flow == "relay" else 587
        name = f"<1.dcd8867f52.{flow}.{number}@app.contoso.com>"
        subject = f',"message":"{name}","recipient":"user@contoso.com"'
        digest = f"{self._chance.getrandbits(256):064x}"
        begun = due + 0.0004 * chance()
        self._put(
            "app",
            begun,
            "attempt",
            subject,
            f'"flow":"{flow}","sort":"wanted","scheduled":{due:.6f},"port":{port},'
            f'"digest":"{digest}"',
        )
        hub = self._hub(begun)
        client = f'"client":"127.225.100.6","port":{port}'
        self._put("lb1", begun + 0.001, "connected", "", f'{client},"backend":"{hub}"')
        where = f'"address":"127.225.100.8:{port}"'
        ended = begun + 0.004 + 0.006 * chance()
        lot = chance()
        if hub == _KILLED and self._kill - 0.003 < begun < self._heal:
            told = f'"result":"dropped","phase":"banner","reason":"connection closed",{where}'
            self._put("app", ended, "outcome", subject, f'{told},"choice":"mail"')
            return
        server = f'{where},"server":"{hub}.contoso.com","choice":"mail"'
        if lot < 0.001:
            told = f'"result":"refused","phase":"mail",{server},"code":452,"text":"4.3.1 later"'
            self._put("app", ended, "outcome", subject, told)
            return
        self._put(hub, ended - 0.001, "accepted", subject, f'{client},"stored":true')
        text = f"2.6.0 {name} [InternalId={number}] Queued mail for delivery"
        told = f'"result":"accepted","phase":"reply",{server},"code":250,"text":"{text}"'
        if lot < 0.0012:
            told = f'"result":"unanswered","phase":"reply",{server},"reason":"connection closed"'
        self._put("app", ended, "outcome", subject, told)
        gone = ended + 0.002 + 0.004 * chance()
        if hub == _KILLED and ended < self._kill <= gone:
            gone += self._heal - self._kill + 0.05
        came = f'"digest":"{digest}","via":"{hub}.contoso.com","client":"127.225.100.1","port":25'
        for copy in range(2 if lot > 0.9998 else 1):
            self._put("mbx", gone - 0.001 + copy, "arrived", subject, came)
        towards = '"to":"127.225.100.5:25","towards":"mailbox"'
        self._put(hub, gone, "relayed", subject, towards)

    def _hub(self, moment: float) -> str:
        """The next one in turn that the balancer believes in."""
        while True:
            self._turn += 1
            hub = _HUBS[self._turn % len(_HUBS)]
            is_down = self._kill + _NOTICED_S <= moment < self._heal + _NOTICED_S
            if hub != _KILLED or not is_down:
                return hub
