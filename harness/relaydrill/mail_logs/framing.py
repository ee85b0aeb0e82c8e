"""The frame of a log's line: when, which host, which program; the rest is what it says. Pure.

Frames are of syslog (RFC 3164 §4.1, RFC 5424 §6, rsyslog's high precision times), of journald
(``journalctl -o short``, ``short-iso``, ``json``), of container engines (``docker logs``, their
JSON files, ``kubectl logs``), of Postfix's postlogd(8), and of Exim's main log, which has none but
a time. They are taken off one after the other: a container engine puts its own around another.
What shippers of logs make of lines as JSON is read by `relaydrill.mail_logs.shipped`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

from relaydrill.mail_logs import shipped
from relaydrill.mail_logs.shipped import number_in, written
from relaydrill.mail_logs.times import Clock

LONGEST: Final = 64 * 1024
"""Bytes; a longer line is none of a mail server's."""

_MOST_FRAMES: Final = 20
"""Around one line; what has more says nothing."""


class Framed(NamedTuple):
    """One line without its frame.

    Attributes:
        program: The syslog tag, whole, as ``postfix-mbx/smtp``; ``exim`` for a line of Exim's own
            main log; empty where the line bears none.
        process: Its number; 0 where that is not told.
        text: What it says.
        wall: Seconds since the epoch; None where it bears no time.
        host: Which host wrote it; empty where that is not told.
        where: ``file:line``, or the command and the number of the line.
    """

    program: str
    process: int
    text: str
    wall: float | None = None
    host: str = ""
    where: str = ""


_TAG: Final = r"(?P<tag>[^\s\[\]:<>\"']+)(?:\[(?P<pid>\d+)\])?: ?"
_ISO: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d)\b)?"
_BSD: Final = r"[A-Z][a-z]{2} (?:[ \d]\d|\d) (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
_UNIX: Final = r"\d{9,11}\.\d{1,9}"
_PRIORITY: Final = r"(?:<\d{1,3}>)?"
_SEVERITY: Final = "emerg|alert|crit|err|error|warn|warning|notice|info|debug"
_FACILITY: Final = rf"(?:<?[a-z0-9]+[.:](?:{_SEVERITY})>? )?"
"""Of a syslog that says facility and severity: ``mail.info`` (BusyBox, FreeBSD), ``mail:info``
(AIX)."""

_FORWARDED: Final = r"(?:Message forwarded from (?P<origin>[^\s\[\]]+): )?"
"""AIX's syslogd names so the host that a line came from."""

_SYSLOG: Final = re.compile(
    rf"{_PRIORITY}(?:(?:[A-Z][a-z]{{2}} )?(?P<iso>{_ISO})|(?P<bsd>{_BSD})|(?P<unix>{_UNIX})) "
    rf"(?P<rest>{_FACILITY}(?:(?P<host>[^\s\[\]]+) {_FACILITY}{_FORWARDED})?{_TAG}(?P<text>.*))",
    re.S,
)
_MODERN: Final = re.compile(
    rf"(?:<\d{{1,3}}>)?1 (?P<iso>{_ISO}|-) (?P<host>\S+) (?P<tag>\S+) (?P<pid>\S+) \S+ "
    r"(?P<data>-|(?:\[(?:[^\"\]]|\"(?:[^\"\\]|\\.)*\")*\])+)(?: {1,2}\ufeff?(?P<text>.*))?$",
    re.S,
)
"""RFC 5424 §6: version 1, then time, host, program, process, kind and structured data."""

_EXIM_ID: Final = r"[1-9]\w{5}-(?:\w{6}|\w{11})-(?:\w{2}|\w{4})"
_EXIM: Final = re.compile(
    r"(?P<iso>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?) (?:\[(?P<pid>\d+)\] )?"
    r"(?P<text>.*)",
    re.S,
)
_EXIM_SAYS: Final = re.compile(
    rf"{_EXIM_ID} |(?:exim \d|Start queue run|End queue run|SMTP |no (?:host|IP)|H=|Warning: )"
)
_LEADING_TIME: Final = re.compile(
    rf"(?P<iso>{_ISO}) +(?:std(?:out|err) (?P<part>[FP]) )?(?P<rest>.*)", re.S
)
_NAMED_BY: Final = re.compile(r"(?:\[pod/[^\]]+\] ?|[\w./-]+ +\| ?)(?P<rest>.*)", re.S)
"""``[pod/NAME/CONTAINER] `` is of ``kubectl logs --prefix``, ``NAME-1  | `` of Docker Compose."""

_DOVECOT: Final = re.compile(
    rf"(?:(?P<iso>{_ISO})|(?P<bsd>{_BSD})) (?P<text>(?:lmtp|lda|deliver)\(.*)", re.S
)
"""Of its own file (``log_path``): no host and no tag."""

_SOLARIS: Final = re.compile(r"\[ID \d+ \w+\.\w+\] ")
_PIECE: Final = re.compile(r"\[(?P<number>\d+)[/\\](?P<of>\d+)\] ?(?P<rest>.*)", re.S)
_END_OF_TIME: Final = 253_402_300_800.0
"""The year 10,000, in seconds since the epoch: no calendar here goes beyond."""
_NUMBER: Final = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
_WITHIN: Final = re.compile(
    rf"(?:[^\[\]:]|:(?! )){{1,160}}?(?<![\w+])(?={_PRIORITY}(?:1 )?(?:{_ISO}|{_BSD}) |\{{\")", re.S
)
"""What others put before a line: ``grep -Hn``, ``stern``, Swarm, a relay's time and host, a count
of octets (RFC 6587 §3.4.1), colours. A line's own words stand behind brackets, and are none."""

_NUL: Final = re.compile(rb"\0+")
_OBJECT: Final = ('{"', '{ "', "{}")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,20}m")
_REMARK: Final = re.compile(r"-- .* --$|==> .* <==$|$")
"""Of journalctl and ``tail -F``: no line of any server's."""


@dataclass(slots=True)
class Count:
    """How much of a source has been made out.

    Attributes:
        lines: Whole ones.
        torn: Pieces of one that was cut, or that is no line of text.
    """

    lines: int = 0
    torn: int = 0


class Framer:
    """Takes the frames off the lines of one source, in their order.

    Args:
        source: What the source is called, for `Framed.where`.
        now: Seconds since the epoch at which the source ends at the latest: times that bear no year
            are of the twelve months before it. By default the present.
    """

    def __init__(self, source: str = "", now: float | None = None) -> None:
        self._source = source
        self._clock = Clock(time.time() if now is None else now)
        self._number = self._frames = 0
        self._begun: dict[str, str] = {}
        self.count = Count()

    def frame(self, line: bytes) -> Framed | None:
        """What a line says; None if it has no frame that is known, or is no whole line.

        Args:
            line: With or without its end.
        """
        self._number += 1
        line = line.rstrip(b"\r\n")
        if b"\0" in line:
            # A crash leaves zeroes in place of what was not written any more, and so does a file
            # that was emptied under its writer: what stands before them is half a line.
            *halves, line = _NUL.split(line)
            self.count.torn += sum(map(bool, halves))
        if len(line) > LONGEST:
            self.count.torn += 1
            return None
        try:
            text = line.decode()
        except UnicodeDecodeError:
            text = line.decode("utf-8", "backslashreplace")
        if not text or (text[0] in "-=" and _REMARK.match(text)):
            return None
        self.count.lines += 1
        self._frames = 0
        return self._unwrapped(text)

    def _unwrapped(
        self, text: str | None, host: str = "", wall: float | None = None
    ) -> Framed | None:
        """Take off one frame after the other, from the outside in."""
        self._frames += 1
        if not text or self._frames > _MOST_FRAMES:
            return None
        if text[0] == "2" and (found := _EXIM.match(text)) and _EXIM_SAYS.match(found["text"]):
            at = self._clock.iso(found["iso"])
            return self._framed("exim", number_in(found["pid"]), found["text"], at, host)
        if found := _SYSLOG.match(text):
            return self._of_syslog(found, host, wall)
        if text.startswith(_OBJECT):
            return self._of_json(text, host, wall)
        if found := _MODERN.match(text):
            return self._of_modern(found)
        if found := _DOVECOT.match(text):
            return self._framed("dovecot", 0, found["text"], self._time(found), host)
        if found := _LEADING_TIME.match(text):
            at = self._clock.iso(found["iso"])
            return self._unwrapped(self._whole(found["rest"], found["part"] or "F"), host, at)
        if (found := _NAMED_BY.match(text)) and found["rest"]:
            return self._unwrapped(found["rest"], host, wall)
        if "\t" in text:  # so some templates set a line's fields apart
            return self._unwrapped(text.replace("\t", " "), host, wall)
        if found := _WITHIN.match(_COLOUR.sub("", text)):
            return self._unwrapped(found.string[found.end() :], host, wall)
        return self._bare(text, host, wall)

    def _of_syslog(self, found: re.Match[str], host: str, wall: float | None) -> Framed | None:
        rest = found["rest"]
        if "(" in (found["host"] or ""):  # Dovecot's own file has neither a host nor a tag
            return self._framed("dovecot", 0, rest, self._time(found), host)
        if found["iso"] and (rest[:1].isdigit() or rest[:1] == "<") and _begins_with_time(rest):
            # ``docker logs -t`` puts a time before the line's own.
            return self._unwrapped(rest, host, self._clock.iso(found["iso"]))
        at = self._time(found)
        if at is None:
            at = wall
        tag, inner, host = found["tag"], found["text"], found["origin"] or found["host"] or host
        if inner[:1] == "[":
            inner = _SOLARIS.sub("", inner, count=1)
            if piece := _PIECE.match(inner):
                # Exim cuts what is too long for a syslog, and numbers the pieces.
                part = "F" if piece["number"] == piece["of"] else "P"
                whole = self._whole(piece["rest"], part, f"{host} {tag} {found['pid']}")
                if whole is None:
                    return None
                inner = whole
        if _may_begin_with_time(inner) and (within := self._unwrapped(inner, host, at)):
            return within
        return self._framed(tag, number_in(found["pid"]), inner, at, host)

    def _time(self, found: re.Match[str]) -> float | None:
        if bsd := found["bsd"]:
            return self._clock.bsd(bsd)
        if iso := found["iso"]:
            return self._clock.iso(iso)
        return float(found["unix"])

    def _of_modern(self, found: re.Match[str]) -> Framed:
        at = None if found["iso"] == "-" else self._clock.iso(found["iso"])
        process = number_in(found["pid"])
        host = "" if found["host"] == "-" else found["host"]
        return self._framed(found["tag"], process, found["text"] or "", at, host)

    def _of_json(self, text: str, host: str, wall: float | None) -> Framed | None:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            self.count.torn += 1
            return None
        if not isinstance(fields, dict):
            return None
        told = shipped.read(fields)
        if told is None:
            is_event = "event" in fields and isinstance(fields.get("fields"), dict)
            return self._of_event(text, fields) if is_event else None
        at = self._time_of(told.when)
        at = wall if at is None else at
        host = told.host or host
        if told.program and not _may_begin_with_time(told.said):
            return self._framed(told.program, told.process, told.said, at, host)
        whole = self._whole(told.said, "F" if told.is_end else "P", told.stream)
        return self._unwrapped(whole, host, at)

    def _of_event(self, text: str, fields: dict[str, object]) -> Framed:
        """One of Dovecot's events, exported into a file of its own."""
        at = self._time_of(fields.get("end_time"))
        return self._framed("dovecot", 0, text, at, written(str(fields.get("hostname") or "")))

    def _time_of(self, said: object) -> float | None:
        text = str(said or "")
        if _NUMBER.fullmatch(text):
            number = float(text)
            # journald counts microseconds, others milliseconds or seconds.
            number /= 1e6 if number > 1e14 else 1e3 if number > 1e11 else 1
            return number if number < _END_OF_TIME else None
        at = self._clock.iso(text)
        return self._clock.bsd(text) if at is None else at

    def _whole(self, piece: str, part: str, stream: str = "") -> str | None:
        """The line that ends here; None while its end is to come (engines cut at 16 KiB)."""
        begun = self._begun.pop(stream, "") + piece
        if len(begun) > LONGEST:
            self.count.torn += 1
            return None
        if part == "P":
            self._begun[stream] = begun
            return None
        return begun

    def _bare(self, text: str, host: str, wall: float | None) -> Framed | None:
        """Where a container's program is its own syslog: nothing but a tag, if that."""
        if found := _BARE.match(text):
            return self._framed(found["tag"], number_in(found["pid"]), found["text"], wall, host)
        return None

    def _framed(
        self, program: str, process: int, text: str, wall: float | None, host: str
    ) -> Framed:
        return Framed(program, process, text, wall, host, f"{self._source}:{self._number}")


_BARE: Final = re.compile(rf"{_PRIORITY}{_TAG}(?P<text>.*)", re.S)
_TIMES: Final = re.compile(rf"{_PRIORITY}(?:1 )?(?:{_ISO}|{_BSD}) ")


def _begins_with_time(text: str) -> bool:
    return bool(_TIMES.match(text))


def _may_begin_with_time(text: str) -> bool:
    return (text[3:4] == " " or text[4:5] == "-") and _begins_with_time(text)
