"""A lab to play with: where it can be reached, faults by hand, and what became of the mail."""

from __future__ import annotations

import contextlib
import shlex
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relaydrill.drills.lab_ledger import read_ledger
from relaydrill.drivers.base import Lab
from relaydrill.errors import LabError, RelaydrillError, UsageError
from relaydrill.injection import Injections, to_hold
from relaydrill.journal import Journal
from relaydrill.ledger import Account, Entry, Ledger, counted
from relaydrill.placement import CONTROL_PORT
from relaydrill.sentences import messages_accounted, number_of

_HELP = """\
  KIND:NODE     break a node: kill:ht1, pause:ht2, backpressure:ht3, tempfail.rcpt%30:ht1 …
  heal          heal everything
  account       what became of all mail so far
  quit          end the lab (Ctrl-D and Ctrl-C do, too)"""

_ANSWER_S: Final = 2.0
"""How long a node may take to look into its queue, while a person waits."""

_BOUNCED: Final = "bounced"

_SHOWN: Final = frozenset(
    {
        *map(str, (Account.LOST, Account.DISCARDED, Account.HANDED_ON)),
        *map(str, (Account.PHANTOM, Account.ALTERED)),
        *map(str, (Account.DUPLICATED, Account.QUEUED)),
        _BOUNCED,
    }
)
"""What is told by name: all that did not arrive as it should."""


def show_endpoints(lab: Lab, on: Console) -> None:
    """Every address and port of a lab, its login, and commands to try."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("host", "role", "address", "ports"):
        table.add_column(heading)
    topology, seats = lab.topology, lab.placement.seats
    names = {target: name for name, targets in topology.names.items() for target in targets}
    for host, seat in seats.items():
        role = topology.nodes[host].role if host in topology.nodes else "VIP"
        ports = [
            f"{logical}" if logical == real else f"{logical} → {real}"
            for logical, real in sorted(seat.ports.items())
            if logical != CONTROL_PORT
        ]
        shown = f"{host} ({names[host]})" if host in names else host
        table.add_row(shown, str(role), seat.address, ", ".join(ports))
    on.print(f"{topology.name} is up; its journals are in {lab.directory}", soft_wrap=True)
    on.print(table)
    for line in _published(lab):
        on.print(line, soft_wrap=True)
    for remark in lab.remarks:
        on.print(f"Note: {remark}", soft_wrap=True)
    for command in commands(lab):
        on.print(f"  {escape(command)}", soft_wrap=True)


def _published(lab: Lab) -> Iterator[str]:
    """Where this machine reaches VIPs that sit on a network of the lab's own."""
    for vip, (_, rule) in lab.topology.vips.items():
        if reason := _out_of_reach(lab, vip, rule.ports[0]):
            yield reason
            continue
        for port in rule.ports:
            inside, here = lab.placement.seats[vip].endpoint(port), lab.reachable(vip, port)
            if inside != here:
                yield f"{vip} port {port} is {here} on this machine"


def commands(lab: Lab) -> Iterator[str]:
    """Swaks commands that deliver through the lab's VIPs."""
    topology, login = lab.topology, lab.placement.credentials
    recipient = f"user@{topology.domains[0]}" if topology.domains else "user@example.com"
    for vip, (_, rule) in topology.vips.items():
        name = next((host for host, targets in topology.names.items() if vip in targets), vip)
        if _out_of_reach(lab, vip, rule.ports[0]):
            continue
        for port in rule.ports:
            where = lab.reachable(vip, port)
            command = f"swaks --server {where.address}:{where.port} --to {recipient}"
            if port == 587:
                command += (
                    f" --tls --tls-ca-path {shlex.quote(lab.placement.ca_file)} --tls-verify"
                    f" --tls-sni {name} --auth-user {login.user}"
                    f" --auth-password {shlex.quote(login.password)}"
                )
            yield command


def _out_of_reach(lab: Lab, vip: str, port: int) -> str:
    """Why this machine does not reach a VIP; empty if it does."""
    try:
        lab.reachable(vip, port)
    except LabError as error:
        return str(error)
    return ""


class Hands:
    """Faults that a person injects one after the other, until all are healed.

    Args:
        lab: Where; with nothing broken.
        journal: The harness's own.
    """

    def __init__(self, lab: Lab, journal: Journal) -> None:
        self._lab = lab
        self._injections = Injections(lab, journal)

    def inject(self, text: str) -> str:
        """Break a node as ``KIND[.PHASE][%SHARE]:NODE`` says, and say what happens to it.

        Raises:
            UsageError: There is no such fault or node, or the node cannot suffer it, or not now.
            RelaydrillError: It could not be done.
        """
        spec = to_hold(self._lab.topology, text)
        if reason := self._injections.refusal(spec):
            raise UsageError(reason)
        found = self._injections.inject(spec, 0.0, needs_mail=False)
        if found.not_injected:
            return f"{spec.label} was not injected: {found.not_injected}"
        return f"{spec.node} {spec.fault.summary}"

    def heal(self) -> None:
        """Put everything right, the last fault first."""
        self._injections.heal()


def play(lab: Lab, on: Console) -> None:
    """Take commands until the person ends; from a pipe, those that come, and then wait for ever."""
    with contextlib.ExitStack() as ending:
        journal = Journal.open("harness", lab.journal("harness"))
        ending.callback(journal.close)
        hands = Hands(lab, journal)
        ending.callback(hands.heal)
        if not sys.stdin.isatty():
            on.print("Ctrl-C, or SIGTERM, ends it.")
            for line in sys.stdin:
                _obey(line.strip(), lab, hands, on)
            threading.Event().wait()
        on.print(_HELP)
        while (line := _ask()) not in (None, "quit", "exit"):
            if line:
                _obey(line, lab, hands, on)


def _ask() -> str | None:
    try:
        return input("> ").strip()
    except EOFError:
        return None


def _obey(line: str, lab: Lab, hands: Hands, on: Console) -> None:
    try:
        if line == "heal":
            hands.heal()
            on.print("Everything is healed.")
        elif line == "account":
            show_account(lab, on)
        elif ":" in line:
            on.print(escape(hands.inject(line)))
        else:
            on.print(_HELP)
    except RelaydrillError as error:
        on.print(escape(str(error)))


def show_account(lab: Lab, on: Console) -> None:
    """What became of all mail in a lab, and by name of what did not arrive as it should."""
    ledger, _ = read_ledger(lab, answer_s=_ANSWER_S)
    show_fates(ledger, on)


def show_fates(ledger: Ledger, on: Console) -> None:
    """The same of a ledger."""
    fates = {key: _fate(entry) for key, entry in ledger.entries.items()}
    counts = Counter(fates.values())
    order = (*map(str, Account), _BOUNCED)
    told = counted({fate: counts[fate] for fate in order})
    count = messages_accounted(len(ledger.entries))
    on.print(f"{count}: {told or 'none yet'}", soft_wrap=True)
    for key, entry in ledger.entries.items():
        if fates[key] in _SHOWN:
            on.print(f"  {_trail(entry)}", soft_wrap=True, markup=False)


def _fate(entry: Entry) -> str:
    """Its account; mail that a hub gave up went back to its sender, and is not lost in silence.

    In a drill it counts as lost, for there all mail can be delivered. Here a person may have sent
    it to whoever they liked.
    """
    return _BOUNCED if entry.account is Account.LOST and entry.bounce else str(entry.account)


def _trail(entry: Entry) -> str:
    hops = ", ".join(dict.fromkeys(node for _, node in entry.accepted)) or "no hub"
    told = f"{_fate(entry)}: {entry.message} to {entry.recipient}, accepted by {hops}"
    if entry.bounce:
        return f"{told}, {entry.bounce}"
    if entry.exit and entry.account is entry.exit.account:
        by = {Account.DISCARDED: "by", Account.HANDED_ON: "to"}.get(entry.account, "by")
        named = f" {by} {entry.exit.to}" if entry.exit.to else ""
        told += f", {entry.account}{named} on {entry.exit.node}"
    queued = f", queued on {', '.join(entry.queued_on)}" if entry.queued_on else ""
    times = len(entry.arrived)
    return f"{told}{queued}, arrived {times} {number_of(times, 'time', 'times')}"
