"""Write the journals of a drill that never ran (`Judged`), and judge them.

A small tier of its own, of which no more is said than a check looks at. The schedule of the senders
is that of the harness, for a drill whose attempts are not on it has holes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from relaydrill.drills.closing import close
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.family import first_look
from relaydrill.drills.judge import judge
from relaydrill.drills.loads import PlannedLoad, loads_of
from relaydrill.drills.model import Drill
from relaydrill.drills.result import Judgement
from relaydrill.faults import FaultSpec, Proof
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.topology.paths import entry_points_of, takers_of, targets_of
from tests.histories import BODY, History
from tests.report.made_up import write_run

from .course import NOBODY, Happens, Judged

_CUT: Final = Happens(result=Result.DROPPED, code=0, phase=Phase.BANNER, by=NOBODY)
_NO_WAY: Final = Happens(result=Result.UNREACHABLE, code=0, phase=Phase.CONNECT, by=NOBODY)
_SERVED: Final = Happens()


def judge_made_up(
    way: Judged, topology: Topology, directory: Path, seed: int, name: str
) -> Judgement:
    """The judgement of a drill that never ran.

    Args:
        way: How it is judged.
        topology: The design.
        directory: For its run.
        seed: Seed of the drill.
        name: Name of the drill.
    """
    levels = first_look(way.tests) if way.tests else None
    drill = plan(topology, faults=way.faults, flows=way.flows, seed=seed, name=name, levels=levels)
    write_run(directory, topology, drill, _Telling(way, topology, drill).events())
    for hole in way.holes:
        journal = directory / "journals" / f"{hole.journal}.jsonl"
        if hole.gone:
            journal.unlink()
            continue
        lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
        at = [n for n, line in enumerate(lines) if json.loads(line)["kind"] in _of(hole.kind, line)]
        left_out = {*at[int(hole.part * len(at)) :]}
        kept = [line for number, line in enumerate(lines) if number not in left_out]
        journal.write_text("".join(kept), encoding="utf-8")
        if hole.closed:
            close(journal)
    return judge(directory)


def _of(kind: str, line: str) -> tuple[str, ...]:
    """The kinds that a hole is about: the one, or whatever the line is but the closing mark."""
    found = json.loads(line)["kind"]
    return (kind,) if kind else (found,) if found != "closed" else ()


class _Telling:
    """One drill, told attempt for attempt."""

    def __init__(self, way: Judged, topology: Topology, drill: Drill) -> None:
        self._way, self._topology, self._drill = way, topology, drill
        self._history = History()
        self._matches = Counter[int]()
        self._turns = Counter[str]()
        self._queues: dict[str, list[list[str]]] = {node: [] for node in topology.queueing}

    def events(self) -> Iterator[Any]:
        """All of it, in order of time."""
        self._tell_faults()
        if self._way.unread:
            sight: dict[str, Any] = {"arrivals": True, "blind": [], "unread": [*self._way.unread]}
            self._history.write("harness", "sight", at=0.0, **sight)
        for begin, end, lost in self._way.stalls:
            self._history.stall(self._wall(begin), self._wall(end), lost=self._wall(lost))
        for flow in self._drill.flows:
            for load in loads_of(self._topology, self._drill, flow):
                due = load.due(0.0, self._wall(self._drill.length_s))
                for number, moment in enumerate(due):
                    self._tell(load, f"<{flow}{number}@{load.node}>", moment)
        self._look_into_queues()
        return iter(sorted(self._history.events, key=lambda event: event.mono))

    def _wall(self, field_s: float) -> float:
        return field_s / self._topology.clock

    def _tell_faults(self) -> None:
        for spec in self._drill.faults:
            end = None if spec.for_good else self._wall(spec.end_s)
            self._history.fault(spec.label, inject=self._wall(spec.start_s), heal=end)
            noticed = self._way.noticed
            if noticed is None or self._way.inert or not _is_silent(spec):
                continue
            changes = (("down", spec.start_s + noticed), ("up", spec.end_s + noticed))
            for name, balancer in self._topology.balancers.items():
                if spec.node not in balancer.backends:
                    continue
                for state, moment in changes[: 2 if self._is_back(spec) else 1]:
                    for port in (25, 587):
                        self._believe(name, spec.node, port, state, moment)

    def _believe(self, balancer: str, node: str, port: int, state: str, moment: float) -> None:
        told: dict[str, Any] = {"backend": node, "port": port, "state": state, "reason": ""}
        self._history.write(balancer, "backend", at=self._wall(moment), **told)

    def _tell(self, load: PlannedLoad, message: str, moment: float) -> None:
        """One attempt: whose turn it is, what becomes of it, and who journals what."""
        field_s = moment * self._topology.clock
        choice, turn = self._turn(load.flow, field_s)
        what = self._what(load.flow, turn, field_s)
        if what.until:
            what = replace(what, took=what.until - field_s)
        by = {NOBODY: "", "": turn}.get(what.by, what.by)
        self._told_by_the_sender(load, message, moment, choice, by, what)
        port = self._topology.flows[load.flow].port
        told: dict[str, Any]
        for balancer in entry_points_of(self._topology, load.flow):
            is_there = balancer in self._topology.balancers and what.phase is not Phase.CONNECT
            if is_there and what.result is not Result.UNSENT:
                told = {"client": "", "port": port, "backend": turn}
                self._history.write(balancer, "connected", at=moment + 1e-4, **told)
        server = by or turn
        done = moment + self._wall(what.took)
        if what.bitten:
            told = {"fault": what.bitten, "phase": str(what.phase), "port": port, "client": "c"}
            self._history.write(server, "bitten", at=done - 1e-4, probe=what.probe, **told)
        if what.is_stored:
            self._stored(load.flow, message, done, server, what)

    def _told_by_the_sender(
        self, load: PlannedLoad, message: str, moment: float, choice: str, by: str, what: Happens
    ) -> None:
        flow, to = self._topology.flows[load.flow], self._topology.recipient(load.flow)
        told: dict[str, Any] = {"flow": load.flow, "scheduled": moment, "port": flow.port}
        self._history.write(
            load.node, "attempt", message, at=moment, recipient=to, digest=BODY, **told
        )
        if what.result is None:
            return
        said: dict[str, Any] = {"result": str(what.result), "phase": str(what.phase)}
        said |= {"code": what.code} if what.code else {}
        said |= {"reason": what.reason} if what.reason else {}
        said |= {"server": f"{by}.contoso.com"} if by else {}
        said |= {"choice": choice} if choice else {}
        ended = moment + self._wall(what.took)
        self._history.write(load.node, "outcome", message, at=ended, recipient=to, **said)

    def _stored(self, flow: str, message: str, done: float, server: str, what: Happens) -> None:
        to = self._topology.recipient(flow)
        port = self._topology.flows[flow].port
        self._history.write(server, "accepted", message, at=done - 1e-4, recipient=to, port=port)
        boxes = {**self._topology.mailboxes, **self._topology.sinks}
        domain = to.rpartition("@")[2]
        box = next(name for name, each in boxes.items() if domain in each.domains)
        for other in what.seen_at:
            at = done + self._wall(what.after)
            self._history.write(
                box, "copied", message, at=at, recipient=other, declared=what.declared
            )
        for other in what.strangers:
            at = done + self._wall(what.after)
            told_of: dict[str, Any] = {"digest": BODY, "port": 25}
            self._history.write(box, "arrived", message, at=at, recipient=other, **told_of)
        if what.mixed_with:
            at, marks = done + self._wall(what.after), [message, what.mixed_with]
            said = f"its header bears the marks of {' and '.join(marks)}"
            told_: dict[str, Any] = {"marks": marks, "said": said}
            self._history.write(box, "unattributed", message, at=at, recipient="", **told_)
        if what.leaves:
            who = {"to" if what.leaves == "handed-on" else "by": what.whither}
            at = done + 1e-4
            self._history.write(server, what.leaves, message, at=at, recipient=to, **who)
            if what.leaves == "held":
                self._queues[server].append([message, to])
            return
        arrival = self._arrival(box, done + self._wall(what.after))
        if arrival is not None:
            told: dict[str, Any] = {"digest": what.digest or BODY, "port": 25}
            told |= {"changed": [*what.changed]} if what.changed else {}
            told |= {"known_by": what.known_by} if what.known_by else {}
            told |= {"needs": [*what.needs]} if what.needs else {}
            for copy in range(what.copies):
                told |= {"mailbox": what.mailboxes[copy]} if what.mailboxes else {}
                moment = arrival + copy * 1e-3
                self._history.write(box, "arrived", message, at=moment, recipient=to, **told)
            if what.copies:
                at = arrival + what.copies * 1e-3
                self._history.write(
                    server, "relayed", message, at=at, recipient=to, to="127.0.0.1:25"
                )
        if what.kept or arrival is None:
            self._queues[server].append([message, to])

    def _arrival(self, box: str, moment: float) -> float | None:
        """When a mailbox server has a message that comes to it at a moment; None: never."""
        for spec in self._drill.faults:
            is_away = self._wall(spec.start_s) <= moment < self._wall(spec.end_s)
            if spec.node == box and is_away and not self._way.inert and _is_silent(spec):
                return None if spec.for_good else self._wall(spec.end_s + 1.0)
        return moment

    def _turn(self, flow: str, field_s: float) -> tuple[str, str]:
        """What the sender connects to, and the server whose turn it is."""
        servers = [each for each in self._topology.nodes if each in self._takers(flow)]
        targets = targets_of(self._topology, flow)
        by_vip = any(each in self._topology.vips for each in targets)
        there = [each for each in servers if not (by_vip and self._is_marked_down(each, field_s))]
        turn = there[self._turns[flow] % len(there)] if there else servers[0]
        self._turns[flow] += 1
        return (targets[0] if by_vip else turn), turn

    def _takers(self, flow: str) -> frozenset[str]:
        return takers_of(self._topology, flow)

    def _is_marked_down(self, node: str, field_s: float) -> bool:
        noticed = self._way.noticed
        return noticed is not None and any(
            spec.node == node
            and spec.start_s + noticed <= field_s
            and not (self._is_back(spec) and spec.end_s + noticed <= field_s)
            for spec in self._drill.faults
            if _is_silent(spec) and not self._way.inert
        )

    def _is_back(self, spec: FaultSpec) -> bool:
        return self._way.back and not spec.for_good

    def _what(self, flow: str, turn: str, field_s: float) -> Happens:
        for number, each in enumerate(self._way.happens):
            if each.begin <= field_s < each.end and each.turn in ("", turn):
                if each.flow not in ("", flow):
                    continue
                if each.broken and not self._is_broken(turn, field_s):
                    continue
                self._matches[number] += 1
                if self._matches[number] % each.every == 0:
                    return each
        if self._way.inert:
            return _SERVED
        broken = [
            spec.node
            for spec in self._drill.faults
            if _is_silent(spec) and spec.start_s <= field_s < spec.end_s
        ]
        entry_points = [*entry_points_of(self._topology, flow)]
        if any(each in entry_points for each in broken if each in self._topology.balancers):
            return _NO_WAY
        if turn not in broken:
            return _SERVED
        if not any(entry_point in self._topology.balancers for entry_point in entry_points):
            return self._without_balancer(flow, broken)
        return _CUT

    def _is_broken(self, node: str, field_s: float) -> bool:
        return any(
            spec.node == node and spec.start_s <= field_s < spec.end_s
            for spec in self._drill.faults
        )

    def _without_balancer(self, flow: str, broken: list[str]) -> Happens:
        """Of a sender that chose a broken server: it goes on to another, if it ever does."""
        others = [each for each in self._takers(flow) if each not in broken]
        goes_on = self._topology.flows[flow].persona not in ("single_host", "first_address")
        return replace(_SERVED, by=min(others)) if others and goes_on else _NO_WAY

    def _look_into_queues(self) -> None:
        gone = {spec.node for spec in self._drill.faults if spec.for_good}
        end = self._wall(self._drill.length_s + self._drill.settle_s)
        heals = [spec.end_s for spec in self._drill.faults if not spec.for_good]
        end = max(end, self._wall(max(heals, default=0.0) + self._drill.settle_s))
        for node, items in self._queues.items():
            at = end if node not in gone else self._wall(self._drill.length_s)
            self._history.write(node, "queue", at=at + 1e-3, items=items)


def _is_silent(spec: FaultSpec) -> bool:
    """Whether a fault takes a node away."""
    return spec.fault.proof is Proof.SILENT
