"""A story, played: who was asked when, what each server did, and what each of them journals.

A discrete-event model. Times in here are wall seconds of one monotonic clock; `Played.field` turns
a span into field seconds.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from relaydrill.schedule import moments

from .story import (
    CLOSING,
    DOMAIN,
    EXITS,
    PHASES,
    RECIPIENT,
    SILENCING,
    Balancer,
    Fault,
    Flow,
    Slip,
    Story,
)

REPLY_S: Final = 60.0
"""How long a sender waits for a reply, field seconds."""
RETRY_S: Final = 60.0
"""When a hub tries again what its next hop did not take, field seconds."""
ANSWER_S: Final = 2.0
"""How long a sender waits for a name server, field seconds."""
SLOW_S: Final = 5.0
"""By how much ``slow`` delays an answer, field seconds."""

REPLIES: Final = {
    "tempfail": (451, "4.3.0 Local error in processing"),
    "reject": (550, "5.7.1 Unable to relay"),
    "backpressure": (452, "4.3.1 Insufficient system resources"),
    "drain": (421, "4.3.2 Service not active"),
    "busy": (421, "4.3.2 Service not available"),
}
_ACTS_AT: Final = {
    "hang": "banner",
    "busy": "banner",
    "backpressure": "mail",
    "drain": "mail",
    "tempfail": "rcpt",
    "reject": "rcpt",
    "slow": "mail",
    "drop-mid-data": "body",
    "drop-before-store": "dot",
    "drop-after-store": "reply",
}
_RCODES: Final = {"nxdomain": "NXDOMAIN", "servfail": "SERVFAIL"}
_MET_BY: Final = {"tcp": (), "smtp": ("banner", "ehlo"), "mail": ("banner", "ehlo", "mail")}


@dataclass(frozen=True)
class Line:
    """One line of a journal."""

    mono: float
    node: str
    kind: str
    message: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class InForce:
    """One fault in time.

    Attributes:
        inject: When the injection began.
        injected: When it was done.
        heal: When the healing began.
        healed: When it was done.
        begin: From when on the node truly was broken.
        end: Until when it was.
    """

    fault: Fault
    inject: float
    injected: float
    heal: float
    healed: float
    begin: float
    end: float

    @property
    def phase(self) -> str:
        """Where it acts in a session; empty where it is the whole node."""
        return self.fault.phase or _ACTS_AT.get(self.fault.kind, "")


@dataclass(eq=False)
class Tried:
    """One attempt, and all that is true of it.

    Attributes:
        met: The faults that acted on it.
        held: Those of them that held it until they were healed.
        away: Those on a server that it was not given to because of them.
        taker: The server that accepted it; empty if none did.
    """

    flow: Flow
    number: int
    identity: str
    due: float
    started: float
    ended: float = math.nan
    result: str = ""
    code: int = 0
    phase: str = ""
    taker: str = ""
    choice: str = ""
    met: list[InForce] = field(default_factory=list)
    held: list[InForce] = field(default_factory=list)
    away: list[InForce] = field(default_factory=list)
    slip: str = ""
    unsure: tuple[str, dict[str, Any]] | None = None

    @property
    def accepted(self) -> bool:
        """Whether it got its 250."""
        return self.result == "accepted"


@dataclass
class Fate:
    """What became of a message in the tier.

    Attributes:
        exits: How it left by other ways, in their order.
        archived: Whether an archive has it.
    """

    arrived: list[float] = field(default_factory=list)
    altered: bool = False
    queued_on: list[str] = field(default_factory=list)
    exits: list[str] = field(default_factory=list)
    archived: bool = False


@dataclass
class Played:
    """A story that has been played.

    Attributes:
        begun: From when on the schedules count.
        stopped: When the senders were stopped.
        drill: What its Message-IDs begin with.
        over: When all was over.
        lines: By journal.
        tried: Every attempt.
        fates: By message.
        windows: The faults in time.
        visits: By node, when it took which message.
        hops: By node, which faults of it met which messages on their way to it from another server.
    """

    story: Story
    begun: float
    stopped: float
    drill: str
    over: float
    lines: dict[str, list[Line]]
    tried: list[Tried]
    fates: dict[str, Fate]
    windows: list[InForce]
    visits: dict[str, list[tuple[float, str]]]
    hops: dict[str, list[tuple[InForce, str]]]

    def field(self, span: float) -> float:
        """Wall seconds as field seconds."""
        return span * self.story.clock


class _Stage:
    """The play under way."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.noise = random.Random(story.noise)
        self.clock = story.clock
        self.begun = round(1000 + self.noise.random() * 5000, 6)
        self.drill = f"{story.seed}.{self.noise.getrandbits(40):x}"
        self.lines: dict[str, list[Line]] = defaultdict(list)
        self.tried: list[Tried] = []
        self.fates: dict[str, Fate] = defaultdict(Fate)
        self.visits: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.hops: dict[str, list[tuple[InForce, str]]] = defaultdict(list)
        self._todo: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self.addresses = self._addresses()
        self.end = self.stopped = self.begun + story.length / self.clock
        self.windows = [self._in_force(each) for each in story.faults]
        self.by_node: dict[str, list[InForce]] = defaultdict(list)
        for each in self.windows:
            if each.fault.works and each.fault.kind != "none":
                self.by_node[each.fault.node].append(each)
        self.turns: dict[tuple[str, int], itertools.count[int]] = defaultdict(itertools.count)
        self.beliefs: dict[tuple[str, str, int], list[tuple[float, bool]]] = {}
        self.turned_away: dict[tuple[str, str], int] = defaultdict(int)
        self.answers: dict[str, int] = defaultdict(int)
        self.slips: dict[int, int] = {}
        self.numbers: dict[str, int] = defaultdict(int)
        # What is queued: node -> message -> moment from which it will not be tried any more.
        self.queues: dict[str, dict[str, float]] = defaultdict(dict)

    def _addresses(self) -> dict[str, str]:
        story = self.story
        names = [*story.hubs, *story.edges, *(b.name for b in story.balancers)]
        names += ["mbx", *story.name_servers, *dict.fromkeys(flow.sender for flow in story.flows)]
        names += [each.vip for each in story.balancers]
        net = f"127.{self.noise.randrange(1, 250)}.{self.noise.randrange(1, 250)}"
        return {name: f"{net}.{number}" for number, name in enumerate(names, 1)}

    def _in_force(self, fault: Fault) -> InForce:
        jitter = self.noise.uniform
        inject = self.begun + fault.start / self.clock + jitter(0.0, 0.002)
        injected = inject + (jitter(0.004, 0.009) if fault.kind in ("kill", "stop") else 0.001)
        begin = inject + jitter(0.3, 0.9) * (injected - inject)
        if fault.for_good:
            return InForce(fault, inject, injected, math.inf, math.inf, begin, math.inf)
        heal = self.begun + fault.end / self.clock + jitter(0.0, 0.002)
        healed = heal + (jitter(0.01, 0.02) if fault.kind in ("kill", "stop") else 0.001)
        end = heal + jitter(0.3, 0.9) * (healed - heal)
        return InForce(fault, inject, injected, heal, healed, begin, end)

    # Time.

    def at(self, moment: float, act: Callable[[float], None]) -> None:
        """Do something then."""
        heapq.heappush(self._todo, (moment, next(self._order), act))

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._todo:
            moment, _, act = heapq.heappop(self._todo)
            act(moment)

    def soon(self, longest: float = 0.003) -> float:
        """A small delay."""
        return self.noise.uniform(0.0005, longest)

    def note(
        self, moment: float, node: str, kind: str, message: str = "", /, **detail: Any
    ) -> None:
        """A line in a node's journal."""
        self.lines[node].append(Line(moment, node, kind, message, detail))

    # Nodes.

    def broken(self, node: str, moment: float) -> list[InForce]:
        """What is in force on a node."""
        return [each for each in self.by_node[node] if each.begin <= moment < each.end]

    def closed(self, node: str, moment: float) -> InForce | None:
        """Why nobody listens there."""
        return next((w for w in self.broken(node, moment) if w.fault.kind in CLOSING), None)

    def frozen(self, node: str, moment: float) -> InForce | None:
        """Why it is silent."""
        return next((w for w in self.broken(node, moment) if w.fault.kind == "pause"), None)

    def still_refuses(self, node: str, moment: float) -> InForce | None:
        """The fault that left it refusing, though it is healed."""
        found = (w for w in self.by_node[node] if w.fault.after == "refuses" and w.end <= moment)
        return next(found, None)

    def up_again(self, node: str, moment: float) -> float:
        """From when on, at or after a moment, its program runs; inf if never."""
        for each in sorted(self.by_node[node], key=lambda w: w.begin):
            if each.fault.kind in ("kill", "stop", "pause") and each.begin <= moment < each.end:
                moment = each.end + 0.001
        return moment

    # Health checks.

    def check_all(self) -> None:
        """Every check of every balancer, from the begin to the end."""
        for balancer in self.story.balancers:
            for port in sorted({25, *(flow.port for flow in self.story.flows)}):
                for number, backend in enumerate(balancer.backends):
                    self.beliefs[balancer.name, backend, port] = [(-math.inf, True)]
                    if balancer.check.kind != "none":
                        self._check(balancer, backend, port, number)

    def _check(self, balancer: Balancer, backend: str, port: int, number: int) -> None:
        check = balancer.check
        interval = check.interval / self.clock
        moment = self.begun - self.noise.uniform(0.0, interval) - number * 0.01
        up, row = True, 0
        restarts = sorted(
            w.end for w in self.by_node[balancer.name] if w.fault.kind in ("kill", "stop")
        )
        while moment < self.end:
            asleep = self.closed(balancer.name, moment) or self.frozen(balancer.name, moment)
            if asleep:
                if math.isinf(asleep.end):
                    return
                moment = asleep.end + 0.02
            untried = False
            while restarts and restarts[0] <= moment:
                restarts.pop(0)
                if not up:
                    self.beliefs[balancer.name, backend, port].append((moment, True))
                up, row, untried = True, 0, True
            moment, reason = self._probe(balancer, backend, moment)
            good = not reason
            row = 0 if good is up else row + 1
            wanted = (1 if untried else check.fall) if up else check.rise
            if row >= wanted and self._believes(balancer, good):
                up, row = good, 0
                self.beliefs[balancer.name, backend, port].append((moment, up))
                told = reason or f"{wanted} good checks"
                self.note(
                    moment,
                    balancer.name,
                    "backend",
                    backend=backend,
                    port=port,
                    state="up" if up else "down",
                    reason=told,
                )
            moment += interval

    @staticmethod
    def _believes(balancer: Balancer, good: bool) -> bool:
        return not (balancer.stuck == "green" and not good) and not (
            balancer.stuck == "down" and good
        )

    def _probe(self, balancer: Balancer, backend: str, moment: float) -> tuple[float, str]:
        """One check: when it is over, and why it failed."""
        check, now = balancer.check, moment + self.soon(0.002)
        if self.closed(backend, now):
            return now, "connection refused"
        if check.kind == "tcp":
            return now, ""
        wait = check.timeout / self.clock
        if pause := self.frozen(backend, now):
            return (pause.end, "") if pause.end - now < wait else (now + wait, "timed out")
        for phase in _MET_BY[check.kind]:
            for window in self.broken(backend, now):
                if window.phase != phase or window.fault.kind in SILENCING:
                    continue
                self._bitten(now, window, balancer.name, probe=True)
                match window.fault.kind:
                    case "hang":
                        late = window.end - now
                    case "slow":
                        late = SLOW_S / self.clock
                    case kind:
                        return now, f"{REPLIES[kind][0]} to {_command(phase)}"
                if late >= wait:
                    return now + wait, "timed out"
                now += late
        return now, ""

    def _bitten(self, moment: float, window: InForce, client: str, *, probe: bool) -> None:
        self.note(
            moment,
            window.fault.node,
            "bitten",
            fault=window.fault.kind,
            phase=window.phase,
            client=self.addresses[client],
            probe=probe,
        )

    def believes_up(self, balancer: str, backend: str, port: int, moment: float) -> bool:
        """Whether a balancer gives connections to a backend."""
        state = True
        for since, up in self.beliefs[balancer, backend, port]:
            if since > moment:
                break
            state = up
        return state

    # Attempts.

    def send_all(self) -> None:
        """All flows' attempts, on the schedule that the harness would keep."""
        # Healing takes its time, and what was planned after it is not cut short.
        self.stopped = over = self.end + self.noise.uniform(0.0, 0.02)
        for flow in self.story.flows:
            seed = f"{self.story.seed} {flow.name} {flow.sender}@{DOMAIN}"
            dues = moments(seed, begin=self.begun, rate=flow.rate)
            for number, due in enumerate(itertools.takewhile(lambda d: d < over, dues)):
                self.at(due + self.soon(), self._start(flow, number, due))

    def _start(self, flow: Flow, number: int, due: float) -> Callable[[float], None]:
        def act(moment: float) -> None:
            identity = f"<{self.drill}.{flow.name}.{number}@{flow.sender}.{DOMAIN}>"
            tried = Tried(flow, number, identity, due, moment)
            self.tried.append(tried)
            self.note(
                moment,
                flow.sender,
                "attempt",
                identity,
                flow=flow.name,
                sort="wanted",
                scheduled=round(due, 6),
                port=flow.port,
                digest=_digest(identity),
            )
            if flow.balancer:
                self._resolve(tried, self.story.balancer(flow.balancer), moment)
            else:
                self._exchange(tried, moment)

        return act

    def _ask(self, tried: Tried, name: str, records: list[str], moment: float) -> tuple[float, str]:
        """A sender asks for a name: when it knows, and why it does not."""
        now, client = moment, self.addresses[tried.flow.sender]
        reason = f"{name}: no name server answers"
        for number, server in enumerate(self.story.name_servers):
            now += self.soon(0.002)
            if gone := self.closed(server, now):
                tried.met.append(gone)
                continue
            if frozen := self.frozen(server, now):
                tried.met.append(frozen)
                patient_until = now + ANSWER_S / self.clock
                if frozen.end > patient_until:
                    now = patient_until
                    continue
                others = self.story.name_servers[number + 1 :]
                if not any(self.answers_at(each, patient_until) for each in others):
                    tried.held.append(frozen)
                now = frozen.end + self.soon()
            self.visits[server].append((now, tried.identity))
            told = {"name": name, "type": "A", "client": client}
            wrong = next((w for w in self.broken(server, now) if w.fault.kind in _RCODES), None)
            if wrong is None:
                self.note(now, server, "answered", rcode="NOERROR", records=records, **told)
                return now, ""
            tried.met.append(wrong)
            self.note(
                now,
                server,
                "bitten",
                fault=wrong.fault.kind,
                phase="",
                client=client,
            )
            rcode = _RCODES[wrong.fault.kind]
            self.note(now + 0.0001, server, "answered", rcode=rcode, records=[], **told)
            if rcode == "NXDOMAIN":
                return now, f"{name}: there is no such name (NXDOMAIN)"
            reason = f"{name}: SERVFAIL from the name server"
        return now, reason

    def answers_at(self, server: str, moment: float) -> bool:
        """Whether a name server would have served who asks it then."""
        return not self.broken(server, moment)

    def _unresolved(self, tried: Tried, moment: float, reason: str) -> None:
        tried.choice = ""
        self._over(tried, moment + self.soon(0.001), "unreachable", "connect", "", reason=reason)

    def _resolve(self, tried: Tried, balancer: Balancer, moment: float) -> None:
        address = self.addresses[balancer.vip]
        now, reason = self._ask(tried, f"{balancer.vip}.{DOMAIN}", [address], moment)
        if reason:
            self._unresolved(tried, now, reason)
            return
        tried.choice = balancer.vip
        self.at(now + self.soon(), lambda then: self._balance(tried, balancer, then))

    def _balance(self, tried: Tried, balancer: Balancer, moment: float) -> None:
        """A client's connection comes to a balancer."""
        flow, address = tried.flow, self.addresses[balancer.vip]
        if gone := self.closed(balancer.name, moment):
            tried.met.append(gone)
            self._over(
                tried,
                moment + self.soon(),
                "unreachable",
                "connect",
                address,
                reason="connection refused",
            )
            return
        if frozen := self.frozen(balancer.name, moment):
            tried.met.append(frozen)
            wait = REPLY_S / self.clock
            if frozen.end - moment > wait:
                self._over(tried, moment + wait, "dropped", "banner", address, reason="timed out")
                return
            tried.held.append(frozen)
            then = frozen.end + self.soon()
            self.at(then, lambda later: self._balance(tried, balancer, later))
            return
        client = self.addresses[flow.sender]
        reason = "no backend is up"
        for backend in self._candidates(tried, balancer, moment):
            if gone := self.closed(backend, moment):
                if gone not in tried.met:
                    tried.met.append(gone)
                reason = f"{backend}: connection refused"
                continue
            self.note(
                moment + 0.0001,
                balancer.name,
                "connected",
                client=client,
                port=flow.port,
                backend=backend,
            )
            self.visits[balancer.name].append((moment, tried.identity))
            self._session(tried, backend, moment + self.soon(), address)
            return
        self.note(
            moment + 0.0002, balancer.name, "unserved", client=client, port=flow.port, reason=reason
        )
        self._over(
            tried, moment + self.soon(), "dropped", "banner", address, reason="connection closed"
        )

    def _candidates(self, tried: Tried, balancer: Balancer, moment: float) -> list[str]:
        port = tried.flow.port
        ready = []
        for backend in balancer.backends:
            if self.believes_up(balancer.name, backend, port, moment):
                ready.append(backend)
            else:
                tried.away += self._lately(backend, moment)
        if not ready:
            tried.met += [each for each in tried.away if each not in tried.met]
            return []
        turn = next(self.turns[balancer.name, port]) % len(ready)
        order = ready[turn:] + ready[:turn]
        if balancer.stuck == "rare" and len(order) > 1:
            first = order[0]
            healed = any(each.end <= moment for each in self.by_node[first])
            if healed:
                self.turned_away[balancer.name, first] += 1
                if self.turned_away[balancer.name, first] % 8:
                    order = [*order[1:], first]
        return order if balancer.redispatch else order[:1]

    def _lately(self, node: str, moment: float) -> list[InForce]:
        """The last fault on a node that began before a moment."""
        before = [each for each in self.by_node[node] if each.begin <= moment]
        return before[-1:]

    def _exchange(self, tried: Tried, moment: float) -> None:
        """A sending mail server looks up MX records, and tries one server after another."""
        flow, now = tried.flow, moment + self.soon()
        hosts = sorted(self.story.exchangers, key=lambda mx: mx.preference)
        match flow.persona:
            case "pinned_mx":
                hosts = [mx for mx in hosts if mx.host == flow.pin]
            case "lowest_mx":
                hosts = hosts[:1]
            case _:
                groups = itertools.groupby(hosts, lambda mx: mx.preference)
                equals = [list(group) for _, group in groups]
                hosts = [mx for equal in equals for mx in self.noise.sample(equal, len(equal))]
        servers: list[str] = []
        for mx in hosts:
            turn = self.answers[mx.host] % len(mx.nodes)
            self.answers[mx.host] += 1
            turned = [*mx.nodes[turn:], *mx.nodes[:turn]]
            records = [self.addresses[node] for node in turned]
            now, reason = self._ask(tried, mx.host, records, now)
            if reason:
                self._unresolved(tried, now, reason)
                return
            servers += turned[:1] if flow.persona == "lowest_mx" else turned
        tried.choice = servers[0]
        self.at(now, lambda then: self._next_server(tried, servers, then))

    def _next_server(self, tried: Tried, servers: list[str], moment: float) -> None:
        server, rest = servers[0], servers[1:]
        address = self.addresses[server]
        if gone := self.closed(server, moment):
            tried.met.append(gone)
            goes_on = tried.flow.persona != "lowest_mx"
            if rest and goes_on:
                self._next_server(tried, rest, moment + self.soon(0.001))
                return
            self._over(
                tried,
                moment + self.soon(0.001),
                "unreachable",
                "connect",
                address,
                reason="connection refused",
            )
            return
        self._session(tried, server, moment + self.soon(0.002), address, rest)

    def _session(
        self, tried: Tried, server: str, moment: float, address: str, rest: list[str] | None = None
    ) -> None:
        """A session with a server that has the connection."""
        rest = rest or []
        patience = REPLY_S / self.clock
        if frozen := self.frozen(server, moment):
            tried.met.append(frozen)
            if frozen.end - moment > patience:
                self._failed(
                    tried, rest, moment + patience, "dropped", "banner", address, reason="timed out"
                )
                return
            tried.held.append(frozen)
            then = frozen.end + self.soon()
            self.at(then, lambda later: self._session(tried, server, later, address, rest))
            return
        fqdn = f"{server}.{DOMAIN}"
        now = moment
        for window in self._acting(server, moment):
            now += self.soon(0.001)
            tried.met.append(window)
            self._bitten(now, window, tried.flow.sender, probe=False)
            kind, phase = window.fault.kind, window.phase
            name = "" if phase == "banner" else fqdn
            if kind == "hang":
                if window.end - now > patience:
                    self._failed(
                        tried,
                        rest,
                        now + patience,
                        "dropped",
                        "banner",
                        address,
                        reason="timed out",
                    )
                    return
                tried.held.append(window)
                then = window.end + self.soon()
                self.at(then, lambda later: self._session(tried, server, later, address, rest))
                return
            if kind == "slow":
                now += SLOW_S / self.clock
                continue
            if kind in REPLIES:
                if phase == "reply":
                    self._stored(tried, server, now - 0.0001)
                code, text = REPLIES[kind]
                self._failed(
                    tried,
                    rest,
                    now + self.soon(0.001),
                    "refused",
                    phase,
                    address,
                    server=name,
                    code=code,
                    text=text,
                )
                return
            if phase == "reply":
                self._stored(tried, server, now - 0.0001)
            unsure = phase in ("dot", "reply")
            self._failed(
                tried,
                rest,
                now + self.soon(0.001),
                "unanswered" if unsure else "dropped",
                "reply" if unsure else phase,
                address,
                server=fqdn,
                reason="connection closed",
            )
            return
        if left := self.still_refuses(server, now):
            tried.met.append(left)
            code, text = REPLIES["tempfail"]
            self._failed(
                tried,
                rest,
                now + self.soon(),
                "refused",
                "mail",
                address,
                server=fqdn,
                code=code,
                text=text,
            )
            return
        self._take(tried, server, now + self.soon(), address, rest)

    def _acting(self, server: str, moment: float) -> Iterator[InForce]:
        """The faults of a session's phases, in the order in which it meets them."""
        found = [w for w in self.broken(server, moment) if w.fault.kind not in SILENCING]
        # This mail is sent in clear, and without a login.
        met = [w for w in found if w.phase not in ("starttls", "auth", "")]
        yield from sorted(met, key=lambda w: PHASES.index(w.phase))

    def _take(
        self, tried: Tried, server: str, moment: float, address: str, rest: list[str]
    ) -> None:
        """The session goes well, but for a slip, or a death in the middle of it."""
        fqdn = f"{server}.{DOMAIN}"
        slip = self._slip(tried)
        tried.slip = slip
        if slip in ("refused", "phantom"):
            if slip == "phantom":
                self._stored(tried, server, moment)
            code, text = REPLIES["tempfail"]
            phase = "reply" if slip == "phantom" else "mail"
            self._failed(
                tried,
                [],
                moment + self.soon(0.001),
                "refused",
                phase,
                address,
                server=fqdn,
                code=code,
                text=text,
            )
            return
        if slip == "late":
            moment += (tried.flow.promise.degraded_s + 6.0) / self.clock
        cut = next(
            (w for w in self.broken(server, moment) if w.fault.kind in ("kill", "stop")), None
        )
        if cut and cut.begin > tried.started:
            tried.met.append(cut)
            self._failed(
                tried,
                rest,
                moment + self.soon(0.001),
                "dropped",
                "mail",
                address,
                server=fqdn,
                reason="connection closed",
            )
            return
        if (frozen := self.frozen(server, moment)) and frozen not in tried.met:
            tried.met.append(frozen)
            tried.held.append(frozen)
            self.at(
                frozen.end + self.soon(),
                lambda later: self._take(tried, server, later, address, rest),
            )
            return
        self._stored(tried, server, moment)
        self.numbers[server] += 1
        tried.taker = server
        text = (
            f"2.6.0 {tried.identity} [InternalId={self.numbers[server]}] Queued mail for delivery"
        )
        self._over(
            tried,
            moment + self.soon(0.0015),
            "accepted",
            "reply",
            address,
            server=fqdn,
            code=250,
            text=text,
        )

    def _slip(self, tried: Tried) -> str:
        passed = (tried.started - self.begun) * self.clock
        for index, slip in enumerate(self.story.slips):
            used = self.slips.get(index, 0)
            if (
                slip.flow == tried.flow.name
                and slip.begin <= passed < slip.end
                and used < slip.most
            ):
                self.slips[index] = used + 1
                return slip.kind
        return ""

    def _failed(
        self,
        tried: Tried,
        rest: list[str],
        moment: float,
        result: str,
        phase: str,
        address: str,
        **more: Any,
    ) -> None:
        """One server did not take it: the next, where the sender goes on."""
        persona = tried.flow.persona
        if result == "unanswered":
            tried.unsure = (address, more)
        goes_on = persona == "rfc5321" and (phase == "banner" or more.get("code", 0) < 500)
        if rest and goes_on:
            self._next_server(tried, rest, moment + self.soon(0.001))
            return
        self._over(tried, moment, result, phase, address, **more)

    def _over(
        self,
        tried: Tried,
        moment: float,
        result: str,
        phase: str,
        address: str,
        *,
        server: str = "",
        code: int = 0,
        text: str = "",
        reason: str = "",
    ) -> None:
        if tried.unsure and result not in ("accepted", "unanswered"):
            # A server that may have it outweighs a later one's refusal.
            address, told = tried.unsure
            result, phase, code, text = "unanswered", "reply", 0, ""
            server, reason = told["server"], told["reason"]
        tried.ended, tried.result, tried.code, tried.phase = moment, result, code, phase
        detail: dict[str, Any] = {
            "result": result,
            "phase": phase,
            "address": f"{address}:{tried.flow.port}" if address else "",
            "server": server,
            "choice": tried.choice,
        }
        if code:
            detail |= {"code": code, "text": text}
        if reason:
            detail["reason"] = reason
        self.note(moment, tried.flow.sender, "outcome", tried.identity, **detail)

    # Delivery.

    def _stored(self, tried: Tried, server: str, moment: float) -> None:
        self.visits[server].append((moment, tried.identity))
        self.note(
            moment,
            server,
            "accepted",
            tried.identity,
            client=self.addresses[tried.flow.sender],
            port=tried.flow.port,
            connector="default",
            stored=self._tells_stored(server, tried),
        )
        self._queue(server, tried, moment)

    def _tells_stored(self, node: str, tried: Tried) -> bool:
        """Whether a server says that it stored a message when it took it, and not later."""
        return tried.slip != "held" or node not in self.story.hubs

    def _queue(self, node: str, tried: Tried, moment: float) -> None:
        self.queues[node][tried.identity] = math.inf
        kind = self._slip_of(tried)
        if node in self.story.hubs and kind == "lost":
            self.queues[node].pop(tried.identity)
            return
        if node in self.story.hubs and kind == "stuck":
            return
        self.at(moment + self.soon(), lambda then: self._hand_on(node, tried, then))

    @staticmethod
    def _slip_of(tried: Tried) -> str:
        return tried.slip

    def _hand_on(self, node: str, tried: Tried, moment: float) -> None:
        """A hub or an Edge server tries the next hop."""
        running = self.up_again(node, moment)
        if math.isinf(running):
            return
        if running > moment:
            self.at(running + self.soon(), lambda then: self._hand_on(node, tried, then))
            return
        if node in self.story.hubs and self._leaves(node, tried, moment):
            return
        to = "mbx" if node in self.story.hubs else self._hub(tried)
        again = moment + RETRY_S / self.clock
        if gone := self.closed(to, moment):
            self.hops[to].append((gone, tried.identity))
            reason = f"{self.addresses[to]}:25: unreachable at connect: connection refused"
            self.note(moment + 0.0002, node, "deferred", tried.identity, reason=reason)
            self.at(again, lambda then: self._hand_on(node, tried, then))
            return
        if frozen := self.frozen(to, moment):
            self.hops[to].append((frozen, tried.identity))
            if not math.isinf(frozen.end):
                self.at(frozen.end + self.soon(), lambda then: self._hand_on(node, tried, then))
            return
        refusing = next((w for w in self._acting(to, moment) if w.fault.kind == "tempfail"), None)
        if refusing:
            self.hops[to].append((refusing, tried.identity))
            self._bitten(moment, refusing, node, probe=False)
            code, text = REPLIES["tempfail"]
            self.note(
                moment + 0.0005,
                node,
                "deferred",
                tried.identity,
                reason=f"{self.addresses[to]}:25: {code} {text}",
            )
            self.at(again, lambda then: self._hand_on(node, tried, then))
            return
        self._handed_on(node, to, tried, moment)

    def _leaves(self, node: str, tried: Tried, moment: float) -> bool:
        """Whether a hub does something else with a message than to bring it to its mailbox."""
        if tried.slip == "held":
            self.note(moment, node, "held", tried.identity, by="a milter", said="looks odd")
            return True
        fate, ways = self.fates[tried.identity], EXITS.get(tried.slip, ())
        if fate.exits or not ways:
            return False  # it is back from its filter
        for number, way in enumerate(ways):
            who = {} if way == "stored" else {"to" if way == "handed-on" else "by": "a filter"}
            self.note(moment + number * 0.0002, node, way, tried.identity, **who)
        fate.exits += [way for way in ways if way != "stored"]
        if ways[-1] == "stored":
            self.at(moment + self.soon(), lambda then: self._hand_on(node, tried, then))
        else:
            self.queues[node].pop(tried.identity)
        return True

    def _archived(self, tried: Tried, moment: float) -> None:
        """An archive gets its copy."""
        self.fates[tried.identity].archived = True
        is_known = self.story.archive == "known"
        self.note(moment, "mbx", "copied", tried.identity, declared=is_known)

    def _hub(self, tried: Tried) -> str:
        return self.story.hubs[tried.number % len(self.story.hubs)]

    def _handed_on(self, node: str, to: str, tried: Tried, moment: float) -> None:
        slip, now = tried.slip, moment + self.soon(0.001)
        self.visits[to].append((now, tried.identity))
        if to == "mbx" and (self.story.archive or slip == "archived-alone"):
            self._archived(tried, now + 0.002)
        if to != "mbx":
            self.note(
                now,
                to,
                "accepted",
                tried.identity,
                client=self.addresses[node],
                port=25,
                connector=f"Default {to}",
                stored=self._tells_stored(to, tried),
            )
            self._queue(to, tried, now)
        elif slip != "archived-alone":
            self._arrive(node, tried, now)
        self.queues[node].pop(tried.identity, None)
        towards = "mailbox" if to == "mbx" else "hub"
        self.note(
            now + 0.0002,
            node,
            "relayed",
            tried.identity,
            to=f"{self.addresses[to]}:25",
            towards=towards,
        )

    def _arrive(self, node: str, tried: Tried, moment: float) -> None:
        """The mailbox server puts what a hub brought into the recipient's mailbox."""
        fate = self.fates[tried.identity]
        copies = {"lost-behind": 0, "duplicated": 2}.get(tried.slip, 1)
        for copy in range(copies):
            fate.arrived.append(moment)
            fate.altered |= tried.slip == "altered"
            body = tried.identity + (" changed" if tried.slip == "altered" else "")
            self.note(
                moment + copy * 0.004,
                "mbx",
                "arrived",
                tried.identity,
                digest=_digest(body),
                via=f"{node}.{DOMAIN}",
                client=self.addresses[node],
                port=25,
            )

    # The end.

    def close(self) -> float:
        """Let the queues drain, look into them, and say when all was over."""
        gone = {w.fault.node for w in self.windows if w.fault.for_good}
        last = max((tried.ended for tried in self.tried), default=self.end)
        moment = max(last, self.end) + 0.01
        latest = moment + self.story.settle / self.clock
        queueing = [*self.story.hubs, *self.story.edges]
        draining = [node for node in queueing if node not in gone]
        while self._todo and any(self.queues[node] for node in draining):
            if self._todo[0][0] > latest:
                break
            then, _, act = heapq.heappop(self._todo)
            act(then)
            moment = max(moment, then + 0.01)
        if any(self.queues[node] for node in queueing if node not in gone):
            moment = latest
        for node in queueing:
            for identity in self.queues[node]:
                self.fates[identity].queued_on.append(node)
            if node not in gone:
                items = [[identity, RECIPIENT] for identity in self.queues[node]]
                self.note(moment, node, "queue", items=items)
        if self.story.unread:
            unread = ["mail.log was rotated away"]
            self.note(moment + 0.001, "harness", "sight", arrivals=True, blind=[], unread=unread)
        return moment + 0.005


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _command(phase: str) -> str:
    return {"banner": "the banner", "ehlo": "EHLO", "mail": "MAIL"}[phase]


def play(story: Story) -> Played:
    """What happens in a story."""
    stage = _Stage(story)
    stage.check_all()
    stage.send_all()
    _drive(stage)
    over = stage.close()
    _tell_faults(stage, over)
    _tell_machine(stage, over)
    return Played(
        story,
        stage.begun,
        stage.stopped,
        stage.drill,
        over,
        stage.lines,
        stage.tried,
        stage.fates,
        stage.windows,
        stage.visits,
        stage.hops,
    )


def _drive(stage: _Stage) -> None:
    """Play on until every attempt has its outcome; what hubs have to do later comes after."""
    while stage._todo and (stage._todo[0][0] < stage.end + 0.03 or _waiting(stage)):
        moment, _, act = heapq.heappop(stage._todo)
        act(moment)


def _waiting(stage: _Stage) -> bool:
    return any(math.isnan(tried.ended) for tried in stage.tried)


def _tell_faults(stage: _Stage, over: float) -> None:
    for window in stage.windows:
        fault = window.fault
        if fault.for_good:
            window.heal, window.healed = over + 0.001, over + 0.015
            if math.isinf(window.end):
                window.end = over + 0.01
        stage.note(
            window.inject,
            "harness",
            "inject",
            fault=fault.label,
            kind=fault.kind,
            node=fault.node,
            by_hook=False,
        )
        if not fault.possible:
            reason = f"{fault.node} cannot be made to: {fault.kind}"
            stage.note(window.injected, "harness", "not-injected", fault=fault.label, reason=reason)
            continue
        stage.note(window.injected, "harness", "injected", fault=fault.label)
        stage.note(window.heal, "harness", "heal", fault=fault.label)
        stage.note(window.healed, "harness", "healed", fault=fault.label)
        if not fault.works or fault.kind == "none":
            continue
        if fault.kind in ("kill", "stop") and not fault.for_good:
            stage.note(window.end, fault.node, "ready", pid=stage.noise.randrange(300, 30000))
        if fault.kind not in ("kill", "stop", "pause"):
            stage.note(window.begin, fault.node, "disturbed", fault=fault.kind, on=True)
            if not fault.for_good:
                stage.note(window.end, fault.node, "disturbed", fault=fault.kind, on=False)


def _tell_machine(stage: _Stage, over: float) -> None:
    for since in stage.story.stalls:
        begin = stage.begun + since / stage.clock
        end = begin + 0.23
        stage.note(
            end,
            "machine",
            "stalled",
            begin=round(begin, 6),
            end=round(end, 6),
            lost_s=round(stage.noise.uniform(0.017, 0.03), 6),
        )
        for node in stage.noise.sample(sorted(stage.lines), k=2):
            if node not in ("harness", "machine"):
                stage.note(
                    end,
                    node,
                    "starved",
                    begin=round(begin - 0.1, 6),
                    end=round(end, 6),
                    lost_s=round(stage.noise.uniform(0.02, 0.05), 6),
                )
    stage.note(
        over + 0.01,
        "machine",
        "watched",
        watched_s=round(over - stage.begun, 6),
        worst_s=0.009,
        pressure_s=0.5,
    )


__all__ = ["InForce", "Line", "Played", "Slip", "Tried", "play"]
