"""Reading logs, one after the other, into what is under way."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from relaydrill.mail_account import ordinary
from relaydrill.mail_account.files import LogFile, Torn, pieces
from relaydrill.mail_account.hosts import Host
from relaydrill.mail_account.ordinary import Deliveries
from relaydrill.mail_account.stores import Stores
from relaydrill.mail_account.under_way import UnderWay, put
from relaydrill.mail_logs import dovecot, exim, haproxy, postfix
from relaydrill.mail_logs.framing import Framed, Framer
from relaydrill.mail_logs.instances import Instances
from relaydrill.mail_logs.reading import NOTHING, Takers
from relaydrill.mail_logs.times import Clock

_LOGGERS: Final = ("rsyslogd", "imjournal", "systemd-journald", "syslog-ng", "syslogd", "imuxsock")

_EXIM: Final = "exim"
_OTHERS: Final = (_EXIM, haproxy.PROGRAM, dovecot.PROGRAM)
_DELIVERIES: Final = (
    (re.compile(rb"\bto=<[^>]{0,500}>"), re.compile(rb"\b(?:stat(?:us)?|result)=")),
    (re.compile(rb" (?:<=|=>|->) [^\s@]{1,300}@\S{1,300} "), re.compile(rb"\b[RTPH]=")),
)
"""What a delivery looks like in the logs of most servers: whom it is for, and then what came of it.
In two, so that no line takes long."""

_SESSION_BOUNDS: Final = tuple(each.encode() for each in postfix.SESSION_BOUNDS)
_MOST_KNOWN: Final = 10_000


@dataclass(slots=True)
class Read:
    """How much of one file was understood.

    Attributes:
        lines: All.
        mail: Those of a mail server that were understood.
        other: Those of other programs.
        odd: Those that were not understood.
        doubtful: Those that seem to speak of mail all the same, of whatever server.
        torn: Why it could not be read to its end; empty if it could.
        span: By host, the times of its first and last line of mail, seconds since the epoch.
    """

    log: LogFile
    lines: int = 0
    mail: int = 0
    other: int = 0
    odd: int = 0
    doubtful: int = 0
    torn: str = ""
    span: dict[str, tuple[float, float]] = field(default_factory=dict)


class Reader:
    """Reads logs into what is under way.

    Args:
        under_way: Of all hosts.
        takers: What is declared of who takes mail over.
        stores: What mail stores say.
    """

    def __init__(self, under_way: UnderWay, takers: Takers, stores: Stores) -> None:
        self._under_way = under_way
        self._takers = takers
        self._stores = stores
        self._deliveries = Deliveries(takers)
        self._instances = Instances()

    def read(self, log: LogFile, host: str) -> Read:
        """Read one log.

        Args:
            log: The file.
            host: Whose it is, if its lines do not say.
        """
        ours = self._under_way, self._takers, self._deliveries, self._stores, self._instances
        return _Reading(log, host, *ours).read()


class _Reading:
    """One log on its way."""

    def __init__(
        self,
        log: LogFile,
        host: str,
        under_way: UnderWay,
        takers: Takers,
        deliveries: Deliveries,
        stores: Stores,
        instances: Instances,
    ) -> None:
        self._instances = instances
        self._log, self._host, self._stores = log, host, stores
        self._under_way, self._takers, self._deliveries = under_way, takers, deliveries
        self._framer = Framer(log.name, log.ends)
        self._clock = Clock(log.ends)
        self._file = log.name.encode("utf-8", "surrogateescape")
        self._read = Read(log)
        self._known_by: dict[bytes, tuple[Take | None, str, Host | None]] = {}
        self._span: dict[int, tuple[Host, list[float]]] = {}
        self._wide = 15
        self._is_main_log = False
        self._second: tuple[bytes, float] = (b"", 0.0)

    def read(self) -> Read:
        number = 0
        try:
            for lines, is_plain in pieces(self._log):
                self._take(lines, number, is_plain=is_plain)
                number += len(lines)
        except Torn as torn:
            self._read.torn = str(torn)
        self._read.lines = number
        for host, (first, last) in self._span.values():
            host.covered.append((first, last))
            host.last_begin = max(first, host.last_begin)
            self._under_way.end_file(host, last)
            before = self._read.span.get(host.name, (first, last))  # of another Postfix there
            self._read.span[host.name] = (min(first, before[0]), max(last, before[1]))
        return self._read

    def _take(self, lines: list[bytes], number: int, *, is_plain: bool) -> None:
        """Take some lines in their order: ordinary ones by the short way, others by the table."""
        known_by, before, at, mail, other = self._known_by, b"", 0.0, 0, 0
        wide = self._wide
        for line in lines:
            number += 1
            head, _, body = line.partition(b"]: ")
            known = known_by.get(head[wide + 1 : head.find(b"[", wide)])
            if known is None or not (is_plain or (line.isascii() and b"\0" not in line)):
                if not self._is_main_log or not self._of_main_log(line, number):
                    self._by_table(line, number)
                    wide = self._wide
                continue
            take, program, host = known
            if take is _of_store and dovecot.speaks_of_mail(body):
                self._by_table(line, number)
                wide = self._wide
                continue
            if take is None or host is None:
                other += 1
                continue
            mail += 1
            queue_id, _, rest = body.partition(b": ")
            if take is _of_balancer:
                self._balanced(host, body, head)
                continue
            if host.waiting and body.startswith(_SESSION_BOUNDS):
                self._under_way.session_ends(host, head[head.rfind(b"[") + 1 :])
            if not rest or (take is _passed_over and rest[:4] != b"to=<"):
                continue  # of no message
            # A time is worked out once for all lines of a second.
            second = head[:15] if wide == 15 else head[:19] + head[wide - 6 : wide]
            if second != before:
                moment = self._moment(head, wide)
                if moment is None:
                    mail -= 1
                    self._by_table(line, number)
                    continue
                before, at = second, moment
                self._seen(host, at)
            if (queue_id not in host.open and not _is_queue_id(queue_id)) or not take(
                self, host, program, queue_id, rest, at, number
            ):
                self._apply(
                    host, program, body.decode("utf-8", "backslashreplace"), at, number, head
                )
        self._read.mail += mail
        self._read.other += other

    def _moment(self, line: bytes, space: int) -> float | None:
        """The time at the begin of a line, in whole seconds; None if it is not that simple."""
        text = line[:space].decode()
        if space == 15:
            moment = self._clock.bsd(text)
        elif line[10:11] == b"T" and line[4:5] == b"-":
            moment = self._clock.iso(text)
        else:
            return None
        return None if moment is None else float(math.floor(moment))

    def _seen(self, host: Host, at: float) -> None:
        known = self._span.get(host.number)
        if known is None:
            self._span[host.number] = host, [at, at]
            self._under_way.begin_file(host, at)
        elif at < known[1][0]:
            known[1][0] = at
        elif at > known[1][1]:
            known[1][1] = at

    # Ordinary lines. Each says whether it was one; if not, the table is asked.

    def _delivery(
        self, host: Host, program: str, queue_id: bytes, rest: bytes, at: float, number: int
    ) -> bool:
        if rest[:4] != b"to=<":
            return False
        sent = self._deliveries.sent(program, rest)
        if sent is None:
            return False
        message = self._under_way.message(host, queue_id, at, (self._file, number))
        recipient, original, way, by, said, next_id = sent
        put(message, recipient, original, (way, by, said, next_id, at))
        return True

    def _of_smtpd(
        self, host: Host, _: str, queue_id: bytes, rest: bytes, at: float, number: int
    ) -> bool:
        if rest[:7] != b"client=" or b"orig_" in rest or host.waiting:
            return False
        self._under_way.opened(host, queue_id, at, (self._file, number))
        return True

    def _of_cleanup(
        self, host: Host, _: str, queue_id: bytes, rest: bytes, at: float, number: int
    ) -> bool:
        name = b"" if host.waiting else ordinary.message_id(rest)
        if name:
            message = self._under_way.message(host, queue_id, at, (self._file, number))
            self._under_way.named(message, name)
        return bool(name)

    def _of_qmgr(
        self, host: Host, _: str, queue_id: bytes, rest: bytes, at: float, number: int
    ) -> bool:
        if rest == b"removed":
            self._under_way.ended(host, queue_id, at)
            return True
        found = ordinary.active(rest)
        if found:
            message = self._under_way.message(host, queue_id, at, (self._file, number))
            self._under_way.promised(message, *found)
        return found is not None

    def _of_others(
        self, host: Host, program: str, queue_id: bytes, rest: bytes, at: float, number: int
    ) -> bool:
        return False

    def _balanced(self, host: Host, body: bytes, head: bytes) -> None:
        """A line of HAProxy's: there is no queue id in it."""
        told = haproxy.read(body.decode("utf-8", "backslashreplace"))
        is_change = isinstance(told, haproxy.Change)
        host.balanced(told, (self._moment(head, self._wide) or 0.0) if is_change else 0.0)

    def _of_main_log(self, line: bytes, number: int) -> bool:
        """A line of Exim's own log, of the usual shape; whether it was one."""
        if line[19:20] != b" " or line[26:27] != b"-" or line[4:5] != b"-":
            return False
        if line[:19] != self._second[0]:
            moment = self._clock.iso(line[:19].decode("ascii", "replace"))
            if moment is None:
                return False
            self._second = line[:19], moment
            self._seen(self._under_way.host(self._host), moment)
        self._read.mail += 1
        text = line[20:].decode("utf-8", "backslashreplace")
        self._apply(self._under_way.host(self._host), _EXIM, text, self._second[1], number)
        return True

    # All other lines.

    def _apply(
        self, host: Host, program: str, text: str, at: float, number: int, head: bytes = b""
    ) -> None:
        """Do what the table says of a line without its frame.

        Args:
            host: Whose log it is.
            program: Who wrote the line.
            text: It, without its frame.
            at: When, in seconds since the epoch.
            number: The line's number.
            head: The frame, up to the number of the process.
        """
        if program == _EXIM:
            told = exim.read(text, self._takers)
        else:
            told = postfix.read(program, text, self._takers)
        if told is None:
            self._read.mail -= 1
            self._read.odd += 1
            self._read.doubtful += _speaks_of_mail(text.encode())
        elif told is not NOTHING:
            session = head[head.rfind(b"[") + 1 :]
            self._under_way.take(host, told, at, (self._file, number), text, session)

    def _by_table(self, line: bytes, number: int) -> None:
        """Take a line of any frame."""
        framed = self._framer.frame(line)
        if framed is None:
            self._read.odd += bool(line.strip())
            self._read.doubtful += _speaks_of_mail(line)
            return
        program = _program(framed)
        if not program:
            self._of_nobody(framed)
            if _speaks_of_mail(line):
                self._read.doubtful += 1
            else:
                self._learn(line, framed, None, "", None)
            return
        if (
            framed.program == program
            and program in postfix.PROGRAMS
            and (postfix.read(program, framed.text, self._takers) is NOTHING)
        ):
            self._read.other += 1  # a bare "error" or "local" is anybody's
            self._read.doubtful += _speaks_of_mail(line)
            return
        at = float(math.floor(framed.wall)) if framed.wall is not None else 0.0
        if program == dovecot.PROGRAM:
            self._of_mail_store(line, framed, at, number)
            return
        host = self._server(framed, program)
        self._read.mail += 1
        if program == haproxy.PROGRAM:  # of no message: it covers none of the host's time
            self._learn(line, framed, _of_balancer, program, host)
            host.balanced(haproxy.read(framed.text), at)
            return
        self._seen(host, at or self._log.ends)
        if program == _EXIM:
            self._is_main_log |= not framed.host
        elif self._is_settled(framed, program):
            self._learn(line, framed, _TAKES.get(program, _passed_over), program, host)
        session = b"[%d" % framed.process
        if host.waiting and framed.text.startswith(postfix.SESSION_BOUNDS):
            self._under_way.session_ends(host, session[1:])
        self._apply(host, program, framed.text, at, number, session)

    def _server(self, framed: Framed, program: str) -> Host:
        """Whose line it is: a host, or one of several instances of Postfix on it."""
        name = framed.host or self._host
        if program in _OTHERS:
            return self._under_way.host(name)
        instances, changes = self._instances, self._instances.changes
        queue_id = framed.text.partition(": ")[0].encode()

        def has(instance: str) -> bool:
            return queue_id in self._under_way.host(name, instance).open

        known = instances.of(name, framed.program, program, has if _is_queue_id(queue_id) else None)
        if instances.changes != changes:
            self._known_by.clear()  # whose a line is may have been taken for somebody else's
        return self._under_way.host(name, known)

    def _is_settled(self, framed: Framed, program: str) -> bool:
        name = framed.host or self._host
        return program in _OTHERS or self._instances.is_settled(name, framed.program, program)

    def _of_mail_store(self, line: bytes, framed: Framed, at: float, number: int) -> None:
        """A line of Dovecot's: most are of clients that read their mail."""
        self._learn(line, framed, _of_store, "", None)
        told = dovecot.read(framed.text)
        if told is NOTHING:
            self._read.other += 1
            return
        self._read.mail += 1
        self._stores.take(told, framed.host or self._host, at, (self._file, number))

    def _of_nobody(self, framed: Framed) -> None:
        self._read.other += 1
        if framed.program.startswith(_LOGGERS) and postfix.DROPPED.search(framed.text):
            self._under_way.host(framed.host or self._host).lost_lines = True

    def _learn(
        self, line: bytes, framed: Framed, take: Take | None, program: str, host: Host | None
    ) -> None:
        """Keep who writes lines like this, if they are as simple as they look."""
        end = line.find(b"]: ")
        space = line.find(b" ", 15, 40)
        bracket = line.find(b"[", space + 1, end)
        who = f"{framed.host} {framed.program}".encode()
        is_simple = (
            line[space + 1 : bracket] == who
            and line[bracket + 1 : end].isdigit()
            and line[end + 3 :].rstrip(b"\r") == framed.text.encode()
            and not framed.program.startswith(_LOGGERS)
            and framed.wall is not None
            and self._moment(line, space) == math.floor(framed.wall)
        )
        if is_simple and len(self._known_by) < _MOST_KNOWN:
            self._known_by[who] = (take, program, host)
            self._wide = space


def _speaks_of_mail(line: bytes) -> bool:
    return any(
        (whom := begin.search(line)) is not None and then.search(line, whom.end()) is not None
        for begin, then in _DELIVERIES
    )


def _is_queue_id(text: bytes) -> bool:
    return text.isalnum() and 5 <= len(text) <= 24 and text != b"NOQUEUE"


def _program(framed: Framed) -> str:
    """Whose line it is: one of Postfix's programs or of `_OTHERS`; empty for all others."""
    if program := postfix.program_of(framed.program):
        return program
    return next((name for name in _OTHERS if framed.program.startswith(name)), "")


Take = Callable[[_Reading, Host, str, bytes, bytes, float, int], bool]
"""A way to take an ordinary line."""


def _passed_over(
    reading: _Reading,
    host: Host,
    program: str,
    queue_id: bytes,
    rest: bytes,
    at: float,
    number: int,
) -> bool:
    """A program of whose lines only deliveries matter."""
    return reading._delivery(host, program, queue_id, rest, at, number)


def _of_balancer(*_: object) -> bool:
    """A program that knows no messages."""
    return False


def _of_store(*_: object) -> bool:
    """A program that knows no queue ids."""
    return False


_TAKES: Final[dict[str, Take]] = {
    "smtpd": _Reading._of_smtpd,
    "cleanup": _Reading._of_cleanup,
    "qmgr": _Reading._of_qmgr,
    "nqmgr": _Reading._of_qmgr,
    "oqmgr": _Reading._of_qmgr,
    "pickup": _Reading._of_others,
    postfix.UNTOLD: _Reading._of_others,
    "qmqpd": _Reading._of_others,
    "postsuper": _Reading._of_others,
}
"""Of Postfix's programs; `relaydrill.mail_logs.postfix` says of all others no more than of
deliveries, which a test holds."""
