"""The frame of a log's line: when, which host, which program; the rest is what it says. Pure.

Frames are of syslog (RFC 3164 §4.1, RFC 5424 §6, rsyslog's high precision times), of journald
(``journalctl -o short``, ``short-iso``, ``json``), of container engines (``docker logs``, their
JSON files, ``kubectl logs``), of Postfix's postlogd(8), and of Exim's main log, which has none but
a time. They are taken off one after the other: a container engine puts its own around another.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

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
_BSD: Final = r"[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
_UNIX: Final = r"\d{9,11}\.\d{1,9}"
_PRIORITY: Final = r"(?:<\d{1,3}>)?"
_SEVERITY: Final = "emerg|alert|crit|err|error|warn|warning|notice|info|debug"
_FACILITY: Final = rf"(?:<?[a-z0-9]+\.(?:{_SEVERITY})>? )?"
"""Of a syslog that says facility and severity: ``mail.info`` (BusyBox, FreeBSD)."""

_SYSLOG: Final = re.compile(
    rf"{_PRIORITY}(?:(?:[A-Z][a-z]{{2}} )?(?P<iso>{_ISO})|(?P<bsd>{_BSD})|(?P<unix>{_UNIX})) "
    rf"(?P<rest>{_FACILITY}(?:(?P<host>[^\s\[\]]+) {_FACILITY})?{_TAG}(?P<text>.*))",
    re.S,
)
_MODERN: Final = re.compile(
    rf"(?:<\d{{1,3}}>)?1 (?P<iso>{_ISO}|-) (?P<host>\S+) (?P<tag>\S+) (?P<pid>\S+) \S+ "
    r"(?P<data>-|(?:\[(?:[^\"\]]|\"(?:[^\"\\]|\\.)*\")*\])+)(?: \ufeff?(?P<text>.*))?$",
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
    rf"(?P<iso>{_ISO}) (?:std(?:out|err) (?P<part>[FP]) )?(?P<rest>.*)", re.S
)
_NAMED_BY: Final = re.compile(r"(?:\[pod/[^\]]+\] ?|[\w./-]+ +\| ?)(?P<rest>.*)", re.S)
"""``[pod/NAME/CONTAINER] `` is of ``kubectl logs --prefix``, ``NAME-1  | `` of Docker Compose."""

_DOVECOT: Final = re.compile(
    rf"(?:(?P<iso>{_ISO})|(?P<bsd>{_BSD})) (?P<text>(?:lmtp|lda|deliver)\(.*)", re.S
)
"""Of its own file (``log_path``): no host and no tag."""

_SOLARIS: Final = re.compile(r"\[ID \d+ \w+\.\w+\] ")
_PIECE: Final = re.compile(r"\[(?P<number>\d+)[/\\](?P<of>\d+)\] ?(?P<rest>.*)", re.S)
_NUL: Final = re.compile(rb"\0+")
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
            return self._framed("exim", int(found["pid"] or 0), found["text"], at, host)
        if found := _SYSLOG.match(text):
            return self._of_syslog(found, host, wall)
        if text[0] == "{":
            return self._of_json(text)
        if found := _MODERN.match(text):
            return self._of_modern(found)
        if found := _DOVECOT.match(text):
            return self._framed("dovecot", 0, found["text"], self._time(found), host)
        if found := _LEADING_TIME.match(text):
            at = self._clock.iso(found["iso"])
            return self._unwrapped(self._whole(found["rest"], found["part"] or "F"), host, at)
        if (found := _NAMED_BY.match(text)) and found["rest"]:
            return self._unwrapped(found["rest"], host, wall)
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
        tag, inner, host = found["tag"], found["text"], found["host"] or host
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
        return self._framed(tag, int(found["pid"] or 0), inner, at, host)

    def _time(self, found: re.Match[str]) -> float | None:
        if bsd := found["bsd"]:
            return self._clock.bsd(bsd)
        if iso := found["iso"]:
            return self._clock.iso(iso)
        return float(found["unix"])

    def _of_modern(self, found: re.Match[str]) -> Framed:
        at = None if found["iso"] == "-" else self._clock.iso(found["iso"])
        process = int(found["pid"]) if found["pid"].isdigit() else 0
        host = "" if found["host"] == "-" else found["host"]
        return self._framed(found["tag"], process, found["text"] or "", at, host)

    def _of_json(self, text: str) -> Framed | None:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            self.count.torn += 1
            return None
        if not isinstance(fields, dict):
            return None
        said = _text_of(_first(fields, _SAYS))
        if not said:
            is_event = "event" in fields and isinstance(fields.get("fields"), dict)
            return self._of_event(text, fields) if is_event else None
        at = self._time_of(_first(fields, _WHEN))
        host = str(_first(fields, _HOST) or "")
        by_engine = "CONTAINER_ID" in fields or "CONTAINER_NAME" in fields
        tag = None if by_engine or _may_begin_with_time(said) else _first(fields, _WHO)
        if tag:
            process = str(_first(fields, _PROCESS) or "")
            number = int(process) if process.isdigit() and process.isascii() else 0
            return self._framed(str(tag), number, said.rstrip("\r\n"), at, host)
        if "log" in fields:
            part = "F" if said.endswith("\n") else "P"
            whole = self._whole(said.rstrip("\r\n"), part, str(fields.get("stream", "")))
            return self._unwrapped(whole, host, at)
        return self._unwrapped(said.rstrip("\r\n"), host, at)

    def _of_event(self, text: str, fields: dict[str, object]) -> Framed:
        """One of Dovecot's events, exported into a file of its own."""
        at = self._time_of(fields.get("end_time"))
        return self._framed("dovecot", 0, text, at, str(fields.get("hostname") or ""))

    def _time_of(self, said: object) -> float | None:
        text = str(said or "")
        if text.isdigit() and text.isascii() and len(text) < 20:
            number = float(text)
            # journald counts microseconds, others milliseconds or seconds.
            return number / 1e6 if number > 1e14 else number / 1e3 if number > 1e11 else number
        return self._clock.iso(text)

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
            return self._framed(found["tag"], int(found["pid"] or 0), found["text"], wall, host)
        return None

    def _framed(
        self, program: str, process: int, text: str, wall: float | None, host: str
    ) -> Framed:
        return Framed(program, process, text, wall, host, f"{self._source}:{self._number}")


_BARE: Final = re.compile(rf"{_PRIORITY}{_TAG}(?P<text>.*)", re.S)
_TIMES: Final = re.compile(rf"{_PRIORITY}(?:1 )?(?:{_ISO}|{_BSD}) ")

_SAYS: Final = ("MESSAGE", "message", "msg", "log", "Message")
_WHO: Final = (
    *("SYSLOG_IDENTIFIER", "syslogtag", "program", "programname", "appname", "app_name", "ident"),
    *("process", "tag"),
)
_HOST: Final = ("_HOSTNAME", "hostname", "host", "HOSTNAME", "fromhost")
_PROCESS: Final = ("SYSLOG_PID", "_PID", "procid", "pid", "PROCID")
_WHEN: Final = (
    *("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", "timereported", "timestamp"),
    *("@timestamp", "time", "isotime"),
)
"""What journald (systemd.journal-fields(7)), Docker's json-file, and usual templates of rsyslog,
syslog-ng and Fluent Bit call these."""


def _first(fields: dict[str, object], names: tuple[str, ...]) -> object:
    return next((fields[name] for name in names if fields.get(name)), None)


def _text_of(said: object) -> str:
    """A field of journald's is a list of numbers where it is no UTF-8."""
    if isinstance(said, list):
        try:
            return bytes(said).decode("utf-8", "backslashreplace")
        except (ValueError, TypeError):
            return ""
    return said if isinstance(said, str) else ""


def _begins_with_time(text: str) -> bool:
    return bool(_TIMES.match(text))


def _may_begin_with_time(text: str) -> bool:
    return (text[3:4] == " " or text[4:5] == "-") and _begins_with_time(text)
