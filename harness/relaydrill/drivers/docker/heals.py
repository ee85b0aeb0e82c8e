"""How what a drill does to somebody's compose project is undone: on disk before it is done.

A lab that this process makes ends with it. A compose project stays, and with it whatever a drill
that was killed has left broken, and its senders, which would go on for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker

from relaydrill.drivers.docker.engine import engine_host, engine_id
from relaydrill.drivers.docker.standing import Standing
from relaydrill.drivers.undo import MAIL, Open, Repair, Undo, UndoLog
from relaydrill.topology import Topology


class Heals:
    """The records of what is done to one compose project.

    Args:
        engine: Its Docker engine.
        standing: Its containers.
        lab: The topology's name.
        log: Where the records lie.

    Raises:
        LabError: The engine cannot say which it is.
    """

    def __init__(
        self, engine: docker.DockerClient, standing: Standing, lab: str, log: UndoLog
    ) -> None:
        self._engine = engine_id(engine)
        self._standing = standing
        self._lab = lab
        self._log = log
        self._open: dict[tuple[str, str], Open] = {}

    def write(self, node: str, fault: str, *, goes_on: bool) -> None:
        """Write down how a fault is healed; see `relaydrill.drivers.base.KeepsHeals`.

        Raises:
            LabError: It cannot be written; so nothing may be broken.
        """
        if (node, fault) in self._open:
            return
        sits = self._standing.nodes[node]
        heal = Repair(
            container=str(sits.container.id),
            name=str(sits.container.name),
            network=str(self._standing.network.name),
            address=sits.address,
            second=sits.second,
            anew=not goes_on,
            engine=self._engine,
            engine_host=engine_host(),
        )
        undo = Undo(self._lab, node, fault, sits.address, heal)
        self._open[node, fault] = self._log.open(undo)

    def forget(self, node: str, fault: str) -> None:
        """A fault was healed, or did not begin."""
        if record := self._open.pop((node, fault), None):
            record.done()

    def leave(self) -> None:
        """What could not be healed is left to ``relaydrill heal``."""
        for record in self._open.values():
            record.leave()
        self._open.clear()


@contextlib.contextmanager
def kept(
    engine: docker.DockerClient, standing: Standing, topology: Topology, log: UndoLog
) -> Iterator[Heals]:
    """A block in which a compose project may be broken, and its senders may send.

    Args:
        engine: Its Docker engine.
        standing: Its containers.
        topology: The design.
        log: Where the records lie.

    Raises:
        LabError: They cannot be written, or the engine cannot say which it is.
    """
    heals = Heals(engine, standing, topology.name, log)
    try:
        for sender in topology.senders:
            heals.write(sender, MAIL, goes_on=False)
        yield heals
    finally:
        for sender in topology.senders:
            heals.forget(sender, MAIL)
        heals.leave()
