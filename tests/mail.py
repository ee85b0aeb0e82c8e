"""A flow on a lab, started and stopped by hand, and what became of it."""

from __future__ import annotations

from relaydrill import clock
from relaydrill.drivers.base import Lab
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account, Ledger, join
from relaydrill.wait import wait_for


class Mail:
    """A flow on a lab, started and stopped by hand."""

    def __init__(self, lab: Lab, flow: str = "relay", rate: float = 50.0) -> None:
        self._lab = lab
        self._flow = flow
        self._rate = rate
        self._begin = clock.monotonic()

    def start(self) -> None:
        """Begin to send."""
        topology = self._lab.topology
        flow = topology.flows[self._flow]
        self._begin = clock.monotonic()
        self._lab.control(flow.sender)(
            "start",
            drill=f"{int(self._begin * 1e9):x}",
            flow=self._flow,
            persona=flow.persona,
            host=flow.to,
            port=flow.port,
            rate=self._rate,
            sender=f"app@{topology.domains[0]}",
            recipient=topology.recipient(self._flow),
            size=flow.size,
            begin=self._begin,
            most=10_000,
        )

    def stop(self) -> None:
        """Send no more, and wait for the last attempts."""
        sender = self._lab.topology.flows[self._flow].sender
        self._lab.control(sender)("stop", timeout_s=60.0, flow=self._flow, wait=True)

    def outcomes(self) -> list[Event]:
        """What the sender has learnt by now."""
        return [event for event in self._events(self._sender) if event.kind == "outcome"]

    def accepted(self) -> int:
        """How many messages were accepted by now."""
        return sum(event.detail["result"] == "accepted" for event in self.outcomes())

    def ledger(self) -> Ledger:
        """The account of what was sent, once the queues are empty or will not empty."""
        hubs = [hub for hub in self._lab.topology.hubs if self._lab.alive(hub)]
        wait_for(
            lambda: not any(self._lab.control(hub)("queue_length") for hub in hubs),
            what="the queues to drain",
            deadline_s=30.0,
        )
        for hub in hubs:
            self._lab.control(hub)("queue")
        return join(event for node in self._lab.topology.nodes for event in self._events(node))

    def accounts(self) -> dict[Account, int]:
        """How many messages ended in each account."""
        return self.ledger().accounts(self._flow)

    @property
    def _sender(self) -> str:
        return self._lab.topology.flows[self._flow].sender

    def _events(self, node: str) -> list[Event]:
        return [e for e in read_events(self._lab.journal(node)) if e.mono >= self._begin]
