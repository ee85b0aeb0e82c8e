"""Which message has arrived, by all the marks that it bears, and what was changed in it.

A message of ours bears four marks: its Message-ID, a field of our own, its subject, and the first
line of its body. Gateways write some of them anew; the best that is left counts. Those outside of
the body must agree. What only speaks of a message of ours (a bounce, a reply, a forwarded one, a
journal report) bears some of its marks, too, and is not that message.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any, Final

from relaydrill.message.bodies import Part, decoded, hash_of, parts_of
from relaydrill.message.changes import CHANGES, Change
from relaydrill.message.composing import CONTENT_TYPE, MARK, check_of, last_line_of, subject_of
from relaydrill.message.headers import (
    Fields,
    addresses,
    fields_of,
    media_type,
    message_id,
    moment,
    plain,
    split,
    unencoded,
)

_OWN: Final = MARK.lower().encode()
_MARK: Final = re.compile(
    r"(?P<id><[!-;=?-~]+>)(?: (?P<date>-?\d{1,12}) (?P<from>[0-9a-f]{8}) (?P<to>[0-9a-f]{8}))?"
)
_FIRST_LINE: Final = re.compile(rf"relaydrill {_MARK.pattern}")
_IN_SUBJECT: Final = re.compile(r"relaydrill (<[!-;=?-~]+>)")
_BEGINS: Final = re.compile(rb"^relaydrill (<[!-;=?-~]+>) \d", re.M)
_TAG: Final = re.compile(rb"<[^<>]*>")
_BEGINNING: Final = 1 << 14
"""Bytes of a text in which its first line is looked for."""
_ID: Final = re.compile(rb"<[^<>\s]+>")
_TYPE: Final = media_type({b"content-type": [CONTENT_TYPE.encode()]})
_REPORTS: Final = frozenset({b"multipart/report", b"multipart/digest", b"message/rfc822"})


@dataclass(frozen=True, slots=True)
class Recognised:
    """A message that has arrived.

    Attributes:
        identity: The Message-ID that it was sent with, where it is one of ours; of another, the one
            that it bears. Empty where there is none, or its marks are those of several messages.
        digest: Of its body; of that which was sent, where all of it stands among other text.
        known_by: The mark that it was recognised by (``header``, ``subject``, ``body``); empty
            where its Message-ID is the one that it was sent with.
        bears: The Message-ID that it bears instead.
        changed: What was written anew on the way, as far as the message itself shows it: of the
            body only that text was added. What else there is the digest shows.
        marks: Of which messages it bears marks, where they are several, and so it is neither.
    """

    identity: str
    digest: str
    known_by: str = ""
    bears: str = ""
    changed: tuple[Change, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What a journal's line of its arrival is called."""
        return "unattributed" if self.marks else "arrived"

    @property
    def details(self) -> dict[str, Any]:
        """What a journal's line of its arrival says of it; what is as it was is left out."""
        if self.marks:
            return {"said": f"its header bears the marks of {' and '.join(self.marks)}"}
        found: dict[str, Any] = {"digest": self.digest}
        if self.known_by:
            found |= {"known_by": self.known_by, "bears": self.bears}
        if self.changed:
            found["changed"] = [*self.changed]
        return found


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a mark says of the message that it was made for."""

    identity: str
    date: int | None = None
    sender: str = ""
    recipients: str = ""


def own_id(content: bytes) -> str:
    """The Message-ID that a message was sent with, by its header alone; empty where it has none."""
    head, _ = split(content)
    own = _own_marks(fields_of(head)) if _OWN in head.lower() else []
    return own[0].identity if own else message_id(head)


def recognise(content: bytes) -> Recognised:
    """Say which message has arrived, and what was changed in it. Never raises."""
    head, body = split(content)
    fields, stands = fields_of(head), message_id(head)
    text = decoded(fields, body)
    if media_type(fields)[0] in _REPORTS:
        return Recognised(stands, hash_of(text))
    own, subject = _own_marks(fields), _in_subject(fields)
    outer = {each.identity: None for each in (*own, *subject)}
    if len(outer) > 1:
        return Recognised("", hash_of(text), marks=tuple(outer))
    parts = _shown(fields, body, text)
    first = _first_line(parts) or (_below_others(subject[0], parts) if subject else [])
    if not outer and _is_of_several(parts, first):
        return Recognised(stands, hash_of(text))
    sent = _best(fields, stands, own[:1], subject[:1], first)
    if sent is None:
        return Recognised(stands, hash_of(text))
    known_by = "header" if own else "subject" if subject else "body"
    if sent.identity == stands:
        known_by = ""
    core, added = _core(sent.identity, parts, text)
    changed = {*_rewritten(fields, sent), *added, *(["message_id"] if known_by else [])}
    return Recognised(
        sent.identity,
        hash_of(core),
        known_by,
        stands if known_by else "",
        tuple(each for each in CHANGES if each in changed),
    )


def _best(
    fields: Fields, stands: str, own: list[_Sent], subject: list[_Sent], first: list[_Sent]
) -> _Sent | None:
    """Which of ours a message is, if any; of its best mark, or of one that says more.

    Args:
        fields: Of its header.
        stands: Its Message-ID.
        own: What the field of our own says, if anything.
        subject: What its subject says.
        first: What the first line of its body says.
    """
    marks = [*own, *subject, *first]
    if not marks:
        return None
    identity = marks[0].identity
    agreeing = [each for each in marks if each.identity == identity]
    if identity != stands:
        if _speaks_of(fields, identity, is_sure=bool(own)):
            return None
        # A subject alone is quoted by every reply, bounce and journal report.
        if not own and not any(each.identity == identity for each in first):
            return None
    return next((each for each in agreeing if each.date is not None), agreeing[0])


def _speaks_of(fields: Fields, identity: str, *, is_sure: bool) -> bool:
    """Whether a message with another Message-ID only refers to one of ours.

    Args:
        fields: Of its header.
        identity: The Message-ID of ours.
        is_sure: Whether it bears the field of our own: then only what names ours says so. Else
            whatever an automatic answer has (RFC 3834 §3.1.7, §5), and a bounce (RFC 5321 §4.5.5).
    """
    wanted = identity.encode()
    for name in (b"in-reply-to", b"references"):
        if wanted in _ID.findall(b" ".join(fields.get(name, ()))):
            return True
    if is_sure:
        return False
    automatic = fields.get(b"auto-submitted", [b"no"])[0].lower()
    is_returned = fields.get(b"return-path", [b""])[0].replace(b" ", b"") == b"<>"
    return not automatic.startswith(b"no") or is_returned


def _own_marks(fields: Fields) -> list[_Sent]:
    values = (plain([value]).decode("utf-8", "replace") for value in fields.get(_OWN, ()))
    return [sent for value in values if (sent := _sent(_MARK.match(value)))]


def _in_subject(fields: Fields) -> list[_Sent]:
    values = fields.get(b"subject")
    return [_Sent(each) for each in _IN_SUBJECT.findall(unencoded(values[0]))] if values else []


def _sent(found: re.Match[str] | None) -> _Sent | None:
    if found is None:
        return None
    if not found["date"]:
        return _Sent(found["id"])
    return _Sent(found["id"], int(found["date"]), found["from"], found["to"])


def _shown(fields: Fields, body: bytes, text: bytes) -> list[Part]:
    """The texts that a reader is shown, plain ones first."""
    kind = media_type(fields)[0]
    if not kind.startswith(b"multipart/"):
        return [Part(kind or b"text/plain", text)]
    texts = [part for part in parts_of(fields, body) if part.kind in (b"text/plain", b"text/html")]
    return sorted(texts, key=lambda part: part.kind != b"text/plain")


def _first_line(parts: list[Part]) -> list[_Sent]:
    """What the line says that ours begin with, of the first part that begins so."""
    for part in parts:
        is_html = part.kind == b"text/html"
        text = _without_tags(part.text) if is_html else part.text[:_BEGINNING]
        line = text.lstrip().partition(b"\n")[0].decode("utf-8", "replace")
        if is_html:
            line = " ".join(html.unescape(line).split())
        if sent := _sent(_FIRST_LINE.match(line)):
            return [sent]
    return []


def _below_others(subject: _Sent, parts: list[Part]) -> list[_Sent]:
    """What the first line of ours says, where all of our body stands below somebody's text.

    Whoever speaks of a message (a bounce, an answer) quotes its header, too, which names it.
    """
    begin, end = _lines_around(subject.identity)
    for part in parts:
        found = _within(part.text, begin, end) if part.kind == b"text/plain" else None
        if found is not None:
            above = part.text[: part.text.index(found)]
            line = found.partition(b"\r\n")[0].decode("utf-8", "replace")
            sent = _sent(_FIRST_LINE.match(line))
            return [sent] if sent and subject.identity.encode() not in above else []
    return []


def _is_of_several(parts: list[Part], first: list[_Sent]) -> bool:
    """Whether a text that begins as one of ours goes on with another one, as digests do."""
    found = {each for part in parts for each in _BEGINS.findall(part.text)}
    return bool(first) and found > {first[0].identity.encode()}


def _without_tags(page: bytes) -> bytes:
    """The begin of an HTML text, as plain text, but for its entities."""
    begin = max(0, page.lower().find(b"<body"))
    return _TAG.sub(b"", page[begin : begin + _BEGINNING])


def _core(identity: str, parts: list[Part], text: bytes) -> tuple[bytes, list[Change]]:
    """The body that was sent, where all of it is there, and whether anything was added to it.

    Else all that there is.
    """
    begin, end = _lines_around(identity)
    if text.startswith(begin) and text.endswith(b"\n" + end):
        return text, []
    for part in parts:
        found = _within(part.text, begin, end) if part.kind == b"text/plain" else None
        if found is not None:
            others = (each for each in parts if each is not part and each.kind == part.kind)
            is_more = found != part.text or any(each.text.strip() for each in others)
            return found, ["disclaimer"] if is_more else []
    return text, []


def _lines_around(identity: str) -> tuple[bytes, bytes]:
    """How the first line of a body begins, and its last one."""
    return subject_of(identity).encode() + b" ", last_line_of(identity) + b"\r\n"


def _within(text: bytes, begin: bytes, end: bytes) -> bytes | None:
    """From the line that begins so to the first that is the last, both whole lines of a text."""
    first = 0 if text.startswith(begin) else text.find(b"\n" + begin) + 1
    if not first and not text.startswith(begin):
        return None
    last = text.find(b"\n" + end, first)
    return text[first : last + 1 + len(end)] if last >= 0 else None


def _rewritten(fields: Fields, sent: _Sent) -> list[Change]:
    """What of the header is not what was sent, as far as the marks tell."""
    found: list[Change] = []
    if change := _of_subject(fields.get(b"subject", []), subject_of(sent.identity)):
        found.append(change)
    if media_type(fields) != _TYPE or len(fields[b"content-type"]) != 1:
        found.append("content_type")
    if sent.date is None:
        return found
    if not _is_same(fields.get(b"from", []), sent.sender):
        found.append("from")
    if not _is_same(fields.get(b"to", []), sent.recipients):
        found.append("to")
    dates = fields.get(b"date", [])
    if len(dates) != 1 or moment(dates[0]) != sent.date:
        found.append("date")
    return found


def _of_subject(values: list[bytes], subject: str) -> Change | None:
    if len(values) != 1:
        return "subject"
    stands = unencoded(values[0])
    if stands == subject:
        return None
    return "subject_prefix" if stands.endswith(subject) else "subject"


def _is_same(values: list[bytes], check: str) -> bool:
    """Whether a list of addresses is the one that was sent, however it is written."""
    text = plain(values)
    return check_of(text) == check or check_of(addresses(text)) == check
