"""What shippers of logs have made of a line, as JSON: who says what, on which host, when. Pure.

Fields are those of journald (systemd.journal-fields(7)), of Docker's json-file, fluentd and GELF
drivers, of the templates of rsyslog's manual (``jsonmesg``, Elasticsearch's), of syslog-ng's
``$(format-json)``, Fluent Bit, Filebeat and the Elastic Common Schema, Vector, and what Loki,
Splunk, Elasticsearch and Google's Cloud Logging give out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_SAYS: Final = ("message", "msg", "log", "short_message", "_raw", "line", "textpayload")
_WHOLE: Final = ("rawmsg", "event.original", "full_message")
"""The line with its frame, beside what it says without one."""

_WHO: Final = (
    *("syslog_identifier", "syslogtag", "log.syslog.appname", "process.program", "program"),
    *("app-name", "programname", "appname", "app_name", "_application_name", "_program", "ident"),
    *("process.name", "process", "tag"),
)
_HOST: Final = (
    *("_hostname", "hostname", "log.syslog.hostname", "host.hostname", "host.name", "host"),
    *("fromhost", "labels.host"),
)
_PROCESS: Final = (
    *("syslog_pid", "_pid", "procid", "log.syslog.procid", "process.pid", "_process_id", "pid"),
)
_WHEN: Final = (
    *("_source_realtime_timestamp", "__realtime_timestamp", "timereported", "timestamp"),
    *("@timestamp", "isodate", "isotime", "time", "_time", "date"),
)
_AROUND: Final = ("_source", "result", "jsonpayload")
"""What a search of Elasticsearch, of Splunk or of Cloud Logging puts around a record."""

_ENGINES: Final = ("container_id", "container_name")
"""With these a container engine tells who wrote a line: its tag is none of a program's."""

_DOCKERS_OWN: Final = frozenset(("log", "stream", "time", "attrs"))
"""All that a line of Docker's json-file has; it alone ends what is whole with a new line."""

_MOST_DIGITS: Final = 18
_TAG: Final = re.compile(r"(?P<tag>[^\[\]]+?)(?:\[(?P<pid>\d{1,10})\])?:?$")


class Shipped(NamedTuple):
    """One record.

    Attributes:
        said: What the line says; with a frame of its own where `program` is empty.
        program: The syslog tag; empty where the record does not tell.
        process: Its number; 0 where that is not told.
        host: Which host wrote it; empty where that is not told.
        when: As the record has it, a number or a text; None where it bears no time.
        is_end: Whether the line ends here; engines cut what is too long.
        stream: Of which of its container's streams it is.
    """

    said: str
    program: str
    process: int
    host: str
    when: object
    is_end: bool
    stream: str


def read(record: Mapping[str, object]) -> Shipped | None:
    """What a record holds; None where it says nothing."""
    fields = dict(_flat(record))
    said = _text_of(_first(fields, _SAYS))
    if not said:
        return None
    by_engine = any(name in fields for name in _ENGINES)
    found = None if by_engine else _TAG.match(_word(fields, _WHO))
    if not found and not by_engine and (whole := _text_of(_first(fields, _WHOLE))):
        said = whole
    process = number_in(_word(fields, _PROCESS)) or number_in(found["pid"] if found else "")
    return Shipped(
        said=said.strip("\r\n").removeprefix(" "),
        program=found["tag"] if found else "",
        process=process,
        host=_word(fields, _HOST),
        when=_first(fields, _WHEN),
        is_end=_is_end(fields, said),
        stream=str(fields.get("stream", "")),
    )


def number_in(text: str | None) -> int:
    """The number of a process; 0 where it is none, or none that a system gives out."""
    return int(text) if text and text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def written(text: str) -> str:
    """The same as it can stand in a file: JSON may name halves of characters (RFC 8259 §8.2)."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _flat(record: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Its fields by their names in lower case, those within others by both names, two deep."""
    for name, value in record.items():
        name = name.lower()
        if not isinstance(value, dict):
            yield name, value
        elif name in _AROUND:
            yield from _flat(value)
        else:
            for inner, each in value.items():
                if isinstance(each, dict):
                    yield from ((f"{name}.{inner}.{last}".lower(), at) for last, at in each.items())
                else:
                    yield f"{name}.{inner}".lower(), each


def _is_end(fields: Mapping[str, object], said: str) -> bool:
    """Whether a line ends with this record (the CRI's ``F``; Docker's drivers say it otherwise)."""
    mark = fields.get("logtag") or fields.get("_p")
    if mark in ("F", "P"):
        return mark == "F"
    if "stream" in fields and fields.keys() <= _DOCKERS_OWN | {
        name for name in fields if name.startswith("attrs.")
    }:
        return said.endswith("\n")
    is_part = fields.get("container_partial_message") or fields.get("partial_message")
    return str(is_part).lower() != "true" or str(fields.get("partial_last")).lower() == "true"


def _first(fields: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((fields[name] for name in names if fields.get(name)), None)


def _word(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    found = _first(fields, names)
    is_word = isinstance(found, str | int) and not isinstance(found, bool)
    return written(str(found)) if is_word else ""


def _text_of(said: object) -> str:
    """A field of journald's is a list of numbers where it is no UTF-8."""
    if isinstance(said, list):
        try:
            return bytes(said).decode("utf-8", "backslashreplace")
        except (ValueError, TypeError):
            return ""
    return written(said) if isinstance(said, str) else ""
