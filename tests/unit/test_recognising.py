"""Messages recognised by what is left of their marks, and compared however they were encoded."""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.message import compose, digest, in_seven_bits, own_id, recognise, split
from relaydrill.message.changes import CHANGES, HARMLESS, Change, covered_by
from relaydrill.message.rewriting import rewritten

ID = "<1.relay.7@app.contoso.com>"
OTHER = "<1.relay.8@app.contoso.com>"

Rewrite = Callable[[bytes], bytes]


def letter(identity: str = ID, size: int = 2000) -> bytes:
    """A message as it is sent."""
    to = ("user@contoso.com", "Second.User@contoso.com")
    return compose(identity, sender="app@contoso.com", recipients=to, size=size, date=1.7e9)


SENT = digest(letter())


def body_of(content: bytes) -> bytes:
    """What stands behind the header."""
    return split(content)[1]


def with_body(content: bytes, body: bytes, *fields: bytes) -> bytes:
    """The message with another body, and more fields."""
    return b"\r\n".join([split(content)[0], *fields, b"", body])


def field(content: bytes, name: bytes, value: bytes) -> bytes:
    """The message with another value of a field; without the field, where that is empty."""
    head, body = split(content)
    line = name + b": " + value + b"\r\n" if value else b""
    head = re.sub(rb"(?im)^%b:[^\r\n]*\r\n" % name, lambda _: line, head + b"\r\n")
    return head + b"\r\n" + body


def encoded(content: bytes, name: bytes, body: bytes) -> bytes:
    """The message in another transfer encoding, as a gateway writes it."""
    return with_body(field(content, b"Content-Transfer-Encoding", name), body)


def in_base64(content: bytes) -> bytes:
    """The message in base64."""
    return encoded(content, b"base64", base64.encodebytes(body_of(content)).replace(b"\n", b"\r\n"))


def in_quoted_printable(content: bytes) -> bytes:
    """The message in quoted-printable, as Python's own library writes it."""
    text = quopri.encodestring(body_of(content).replace(b"\r\n", b"\n"))
    return encoded(content, b"Quoted-Printable", text.replace(b"\n", b"\r\n"))


def in_another_charset(content: bytes) -> bytes:
    """The message in UTF-16, in base64, and saying so."""
    text = body_of(content).decode().encode("utf-16")
    again = encoded(content, b"base64", base64.encodebytes(text))
    return field(again, b"Content-Type", b'text/plain; charset="UTF-16"')


def encoded_twice(content: bytes) -> bytes:
    """In seven bits, and that in base64, with the second field below the first."""
    seven = in_seven_bits(content)
    text = base64.encodebytes(body_of(seven))
    return with_body(seven, text, b"Content-Transfer-Encoding: base64")


def with_line_feeds(content: bytes) -> bytes:
    """Line ends of LF alone."""
    return content.replace(b"\r\n", b"\n")


def folded(content: bytes) -> bytes:
    """Long fields over two lines."""
    content = content.replace(b"Subject: relaydrill ", b"Subject: relaydrill\r\n ")
    return content.replace(b"Message-ID: ", b"Message-ID:\r\n\t").replace(b" 1700", b"\r\n 1700", 1)


LOSSLESS: dict[str, Rewrite] = {
    "as it is": lambda content: content,
    "seven bits": in_seven_bits,
    "base64": in_base64,
    "quoted-printable": in_quoted_printable,
    "twice": encoded_twice,
    "line feeds": with_line_feeds,
    "folded": folded,
    "received": lambda content: b"Received: from a by b; now\r\nDKIM-Signature: v=1\r\n" + content,
    "empty lines at the end": lambda content: content + b"\r\n\r\n",
    "no last line end": lambda content: content[:-2],
    "names of fields": lambda content: content.replace(b"Message-ID:", b"Message-Id:"),
    "quoted charset": lambda content: content.replace(b"charset=utf-8", b'charset="UTF-8"'),
    "another zone": lambda content: field(content, b"Date", b"Tue, 14 Nov 2023 23:13:20 +0100"),
    "bare addresses": lambda content: field(content, b"From", b"app@Contoso.com"),
    "encoded subject": lambda content: field(
        content, b"Subject", b"=?utf-8?b?" + base64.b64encode(f"relaydrill {ID}".encode()) + b"?="
    ),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_is_encoded_without_loss_is_the_same(name: str) -> None:
    """Nothing is told to be changed, and the body is the one that was sent."""
    found = recognise(LOSSLESS[name](letter()))
    assert (found.identity, found.known_by, found.changed) == (ID, "", ())
    assert found.digest == SENT


@pytest.mark.parametrize("short_s", [0.0, 1e-7, 2.4e-7, 4.8e-7, 1e-6, 0.5, 0.9999999])
def test_a_message_of_any_moment_is_as_it_was_sent(short_s: float) -> None:
    """Close to the end of a second, too: its Date and its mark are of the same one."""
    date = 1_796_041_027.0 - short_s
    sent = compose("<1@app>", sender="a@b.c", recipients=("d@e.f",), size=500, date=date)
    assert recognise(sent).changed == ()


def test_another_charset_is_told_and_the_body_the_same() -> None:
    """A body in another charset reads the same; its Content-Type is another one."""
    found = recognise(in_another_charset(letter()))
    assert (found.identity, found.changed, found.digest) == (ID, ("content_type",), SENT)


texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=90
)


def of_lines(lines: list[str]) -> bytes:
    """A message with these lines."""
    body = "".join(f"{line}\r\n" for line in lines).encode()
    return with_body(letter(), body)


codings = st.lists(
    st.sampled_from([in_seven_bits, in_base64, in_quoted_printable, with_line_feeds]), max_size=1
)


@given(st.lists(texts, max_size=8), codings, st.integers(0, 3))
def test_any_body_is_the_same_in_any_encoding(
    lines: list[str], ways: list[Rewrite], empty: int
) -> None:
    """Whatever a body holds, its digest does not tell how it was encoded, nor empty last lines."""
    content = of_lines(lines)
    again = of_lines([*lines, *[""] * empty])
    for way in ways:
        again = way(again)
    assert digest(again) == digest(content)


@given(st.data())
def test_any_lost_character_is_told(data: st.DataObject) -> None:
    """A body that lacks one character, anywhere, in any encoding, is another body."""
    text = body_of(letter()).decode()
    at = data.draw(st.integers(0, len(text) - 1).filter(lambda at: text[at] not in "\r\n"))
    content = with_body(letter(), (text[:at] + text[at + 1 :]).encode())
    for way in data.draw(codings):
        content = way(content)
    found = recognise(content)
    assert found.identity == ID
    assert found.digest != SENT


@given(st.data())
def test_any_byte_that_is_lost_of_an_encoded_body_is_told(data: st.DataObject) -> None:
    """So is one of which the encoded form lacks a byte."""
    way = data.draw(st.sampled_from([in_seven_bits, in_base64, in_quoted_printable]))
    content = way(letter())
    body = body_of(content)
    at = data.draw(st.integers(0, len(body) - 1).filter(lambda at: body[at] not in b"\r\n"))
    found = recognise(with_body(content, body[:at] + body[at + 1 :]))
    assert (found.identity, found.digest == SENT) == (ID, False)


LOSSY: dict[str, Rewrite] = {
    "a doubled dot": lambda content: content.replace(b"\r\n.leading", b"\r\n..leading"),
    "a dot less": lambda content: content.replace(b"\r\n..two", b"\r\n.two"),
    "a lone dot gone": lambda content: content.replace(b"\r\n.\r\n", b"\r\n"),
    "an escaped From": lambda content: content.replace(b"\r\nFrom ", b"\r\n>From "),
    "a line less": lambda content: content.replace(b"..two leading dots\r\n", b""),
    "a line twice": lambda content: content.replace(b".leading dot\r\n", b".leading dot\r\n" * 2),
    "a cut": lambda content: with_body(content, body_of(content)[:200] + b"\r\n"),
    "a cut at sixty": lambda content: with_body(content, body_of(content)[:60] + b"\r\n"),
    "no spaces at the end": lambda content: re.sub(rb" +\r\n", b"\r\n", content),
    "seven bits cut off": lambda content: bytes(byte & 127 for byte in content),
    "question marks": lambda content: content.decode().encode("ascii", "replace"),
    "a wrapped line": lambda content: content.replace(b"long line long", b"long line\r\n long", 1),
    "a word less": lambda content: content.replace(b"trailing ", b"", 1),
    "no base64": lambda content: content.replace(b"Encoding: 8bit", b"Encoding: base64"),
    "the wrong charset": lambda content: content.replace(b"charset=utf-8", b"charset=iso-8859-1"),
}


@pytest.mark.parametrize("name", LOSSY)
def test_what_breaks_a_body_is_told(name: str) -> None:
    """The message is recognised, and its body is another one."""
    found = recognise(LOSSY[name](letter()))
    assert (found.identity, found.digest == SENT) == (ID, False)


REWRITTEN: dict[str, tuple[Rewrite, str, tuple[str, ...]]] = {
    "Message-ID": (
        lambda content: field(content, b"Message-ID", b"<new@gateway>"),
        "header",
        ("message_id",),
    ),
    "no Message-ID": (
        lambda content: field(content, b"Message-ID", b""),
        "header",
        ("message_id",),
    ),
    "only the subject is left": (
        lambda content: field(field(content, b"Message-ID", b"<n@g>"), b"X-Relaydrill-Id", b""),
        "subject",
        ("message_id",),
    ),
    "only the body is left": (
        lambda content: field(
            field(field(content, b"Message-ID", b"<n@g>"), b"X-Relaydrill-Id", b""),
            b"Subject",
            b"Quarantine release",
        ),
        "body",
        ("message_id", "subject"),
    ),
    "only the Message-ID is left of the header": (
        lambda content: field(field(content, b"X-Relaydrill-Id", b""), b"Subject", b""),
        "",
        ("subject",),
    ),
    "a prefix": (
        lambda content: content.replace(b"Subject: ", b"Subject: [EXTERNAL] "),
        "",
        ("subject_prefix",),
    ),
    "a subject": (lambda content: field(content, b"Subject", b"hello"), "", ("subject",)),
    "a second subject": (lambda content: b"Subject: more\r\n" + content, "", ("subject",)),
    "From": (lambda content: field(content, b"From", b"<gateway@contoso.com>"), "", ("from",)),
    "a name in From": (
        lambda content: field(content, b"From", b"A <app@contoso.com>"),
        "",
        ("from",),
    ),
    "To": (lambda content: field(content, b"To", b"<user@contoso.com>"), "", ("to",)),
    "Date": (
        lambda content: field(content, b"Date", b"Tue, 14 Nov 2023 22:13:21 -0000"),
        "",
        ("date",),
    ),
    "no Date": (lambda content: field(content, b"Date", b""), "", ("date",)),
    "flowed": (
        lambda content: content.replace(b"charset=utf-8", b"charset=utf-8; format=flowed"),
        "",
        ("content_type",),
    ),
    "text behind": (lambda content: content + b"-- \r\nConfidential.\r\n", "", ("disclaimer",)),
    "text before": (
        lambda content: with_body(content, b"CAUTION: external\r\n\r\n" + body_of(content)),
        "",
        ("disclaimer",),
    ),
    "text before, and no mark but the subject": (
        lambda content: with_body(
            field(field(content, b"Message-ID", b"<n@g>"), b"X-Relaydrill-Id", b""),
            b"CAUTION: external\r\n\r\n" + body_of(content),
        ),
        "subject",
        ("message_id", "disclaimer"),
    ),
    "From in upper case": (
        lambda content: field(content, b"From", b"<APP@contoso.com>"),
        "",
        ("from",),
    ),
    "a second Content-Type": (
        lambda content: content.replace(
            b"Content-Type:", b"Content-Type: text/plain\r\nContent-Type:"
        ),
        "",
        ("content_type",),
    ),
    "text in base64": (
        lambda content: in_base64(content + b"-- \r\nConfidential.\r\n"),
        "",
        ("disclaimer",),
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_was_written_anew_is_told(name: str) -> None:
    """The best mark that is left counts, each change is told by its word, the body is as sent."""
    way, known_by, changed = REWRITTEN[name]
    found = recognise(way(letter()))
    assert (found.identity, found.known_by, found.changed) == (ID, known_by, changed)
    assert found.digest == SENT


@given(
    st.sets(st.sampled_from(["message_id", "own", "subject", "body"])),
    st.sampled_from([in_seven_bits, in_base64, in_quoted_printable, with_line_feeds]),
)
def test_any_mark_that_is_left_is_enough_where_it_can_be(gone: set[str], way: Rewrite) -> None:
    """All but a subject alone, which whoever speaks of a message has, too."""
    content = letter()
    if "message_id" in gone:
        content = field(content, b"Message-ID", b"<new@gateway>")
    if "own" in gone:
        content = field(content, b"X-Relaydrill-Id", b"")
    if "subject" in gone:
        content = field(content, b"Subject", b"[SPAM]")
    if "body" in gone:
        content = with_body(content, b"Removed.\r\n")
    left = {"message_id", "own", "subject", "body"} - gone
    found = recognise(way(content))
    assert (found.identity == ID) == bool(left - {"subject"})
    assert found.identity in (ID, "<new@gateway>")
    if found.identity == ID:
        assert (found.digest == SENT) == ("body" not in gone)


@given(st.lists(st.sampled_from(CHANGES), unique=True))
def test_what_a_fake_writes_anew_is_what_is_told(changes: list[Change]) -> None:
    """Each change that a fake hub can make is recognised as that, alone and with others."""
    found = recognise(rewritten(letter(), changes, domain="ht1.contoso.com"))
    wanted = {*changes} - {"body"}
    if "subject" in wanted:
        wanted -= {"subject_prefix"}
    assert found.identity == ID
    assert {*found.changed} == wanted
    assert (found.digest == SENT) == ("body" not in changes)


def test_what_stands_in_place_of_the_message_id_is_told() -> None:
    """The journal's line of an arrival says what the message is called now."""
    found = recognise(field(letter(), b"Message-ID", b"<new@gateway>"))
    assert found.details == {
        "digest": SENT,
        "known_by": "header",
        "bears": "<new@gateway>",
        "changed": ["message_id"],
    }


@pytest.mark.parametrize("name", LOSSY)
def test_a_cut_is_found_under_a_disclaimer(name: str) -> None:
    """Text that was added hides nothing: the body that was sent must be there as a whole."""
    found = recognise(LOSSY[name](letter()) + b"-- \r\nConfidential.\r\n")
    assert (found.identity, found.digest == SENT) == (ID, False)


BOUNDARY = b'multipart/%b; boundary="=_b"'


def in_parts(kind: bytes, *parts: bytes) -> bytes:
    """A message of several parts."""
    body = b"".join(b"--=_b\r\n" + part + b"\r\n" for part in parts) + b"--=_b--\r\n"
    return with_body(field(letter(), b"Content-Type", BOUNDARY % kind), body)


TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def test_a_body_that_became_one_of_several_parts_is_compared() -> None:
    """A gateway that adds a footer as a part of its own leaves the body as it is."""
    part = TEXT + body_of(letter())
    found = recognise(in_parts(b"mixed", part, TEXT + b"Confidential."))
    assert (found.identity, found.changed) == (ID, ("content_type", "disclaimer"))
    assert found.digest == SENT
    html = b"Content-Type: text/html\r\n\r\n<p>the same</p>"
    found = recognise(in_parts(b"alternative", html, part))
    assert (found.changed, found.digest) == (("content_type",), SENT)


def test_a_body_in_html_is_recognised_and_another_body() -> None:
    """The first line of the text is found among its tags; nothing of it passes for the body."""
    line = body_of(letter()).split(b"\r\n")[0].decode()
    text = line.replace("<", "&lt;").replace(">", "&gt;")
    page = f"<html><head><style>p {{}}</style></head><body><p>{text}</p></body></html>"
    content = field(letter(), b"Content-Type", b"text/html; charset=utf-8")
    content = with_body(field(content, b"X-Relaydrill-Id", b""), page.encode())
    content = field(field(content, b"Subject", b"x"), b"Message-ID", b"<n@g>")
    found = recognise(content)
    assert (found.identity, found.known_by, found.digest == SENT) == (ID, "body", False)


def strange(
    *fields: bytes, subject: bytes = f"relaydrill {ID}".encode(), body: bytes = b""
) -> bytes:
    """A message of somebody else, with the subject of one of ours."""
    head = [b"From: <x@y>", b"Message-ID: <own@y>", b"Subject: " + subject, *fields]
    return b"\r\n".join([*head, b"", body])


QUOTED = b"\r\n".join(b"> " + line for line in body_of(letter()).split(b"\r\n"))
NOT_OURS: dict[str, bytes] = {
    "a stranger's": strange(subject=b"hello"),
    "a reply": strange(b"In-Reply-To: " + ID.encode(), body=QUOTED),
    "a reply above": strange(
        subject=f"Re: relaydrill {ID}".encode(), body=b"Yes.\r\n\r\n" + QUOTED
    ),
    "a reply that quotes nothing off": strange(
        b"References: <a@b> " + ID.encode(), body=body_of(letter())
    ),
    "an automatic answer": strange(
        b"Auto-Submitted: auto-replied",
        subject=f"Auto: relaydrill {ID}".encode(),
        body=body_of(letter()),
    ),
    "a returned body": b"Return-Path: <>\r\n" + strange(body=body_of(letter())),
    "a bounce in prose": strange(
        subject=b"failure notice", body=b"Hi. This is the qmail-send program.\r\n\r\n" + letter()
    ),
    "a bounce with our subject": strange(body=b"Delivery failed.\r\n\r\n" + letter()),
    "a report": strange(
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"',
        b"X-Relaydrill-Id: " + ID.encode(),
        body=b"--=_b\r\n\r\n" + body_of(letter()) + b"\r\n--=_b--\r\n",
    ),
    "a forwarded one": strange(
        b'Content-Type: multipart/mixed; boundary="=_b"',
        body=b"--=_b\r\nContent-Type: message/rfc822\r\n\r\n" + letter() + b"\r\n--=_b--\r\n",
    ),
    "an attached text": strange(
        b'Content-Type: multipart/mixed; boundary="=_b"',
        body=b"--=_b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n"
        + body_of(letter())
        + b"\r\n--=_b--\r\n",
    ),
    "a digest in plain text": strange(
        subject=b"Today's mail", body=body_of(letter()) + body_of(letter(OTHER))
    ),
    "a digest": strange(
        b'Content-Type: multipart/digest; boundary="=_b"',
        body=b"--=_b\r\n\r\n" + letter() + b"\r\n--=_b--\r\n",
    ),
    "a journal report": strange(
        b"X-MS-Journal-Report:", body=b"Sender: app@contoso.com\r\nMessage-Id: " + ID.encode()
    ),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_only_speaks_of_a_message_is_not_that_message(name: str) -> None:
    """Bounces, answers, forwarded mail and the mail of strangers go by their own Message-ID."""
    found = recognise(NOT_OURS[name])
    assert (found.identity, found.known_by, found.kind) == ("<own@y>", "", "arrived")


def test_marks_that_contradict_each_other_are_an_arrival_of_neither() -> None:
    """The header's marks of two messages: the journal tells of both, and credits none."""
    content = field(letter(), b"X-Relaydrill-Id", OTHER.encode())
    found = recognise(content)
    assert (found.identity, found.kind) == ("", "unattributed")
    assert found.details == {"said": f"its header bears the marks of {OTHER} and {ID}"}
    twice = recognise(letter().replace(b"Subject: ", b"X-Relaydrill-Id: <a@b>\r\nSubject: "))
    assert twice.kind == "unattributed"


def test_the_body_of_another_message_is_an_altered_body() -> None:
    """Where the whole header agrees, it says which message it is, and the body is broken."""
    found = recognise(with_body(letter(), body_of(letter(OTHER))))
    assert (found.identity, found.digest == SENT) == (ID, False)


def test_a_hub_knows_a_message_by_its_own_field() -> None:
    """Behind a gateway that writes Message-IDs anew, a hub journals the one that was sent."""
    assert own_id(field(letter(), b"Message-ID", b"<new@gateway>")) == ID
    assert own_id(field(letter(), b"X-Relaydrill-Id", b"")) == ID
    assert own_id(b"Message-ID: <a@b>\r\nx-relaydrill-id:\r\n <c@d> 1 2\r\n\r\n") == "<c@d>"
    assert own_id(strange()) == "<own@y>"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_recognised_as_something(content: bytes, parts: bool) -> None:
    """Nothing that a client sends after DATA can crash the recognition."""
    if parts:
        content = in_parts(b"mixed", content, b"Content-Type: text/html\r\n\r\n" + content)
    found = recognise(content)
    assert len(found.digest) == 64
    assert own_id(content).isprintable()


@pytest.mark.parametrize("charset", [b"hex", b"rot13", b"no-such", b"\xff", b"utf-7", b"idna", b""])
def test_a_charset_that_nobody_knows_leaves_the_body_as_it_is(charset: bytes) -> None:
    """A wrong label is told as another Content-Type, never as a crash."""
    found = recognise(field(letter(), b"Content-Type", b"text/plain; charset=" + charset))
    assert (found.identity, found.changed) == (ID, ("content_type",))


def test_parts_within_parts_without_end_are_survived() -> None:
    """A message that nests ten thousand parts is looked into no deeper than a few."""
    head = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n'
    content = b"".join(head % (number, number) for number in range(10_000))
    assert recognise(content).identity == ""


@given(st.lists(texts, max_size=8), st.integers(100, 3000))
def test_seven_bits_are_seven_bits(lines: list[str], size: int) -> None:
    """Only ASCII is left, no line is longer than RFC 2045 allows, and it is the same message."""
    for content in (of_lines(lines), letter(size=size)):
        seven = in_seven_bits(content)
        assert seven.isascii()
        assert seven == content or max(map(len, body_of(seven).split(b"\r\n"))) <= 76
        assert digest(seven) == digest(content)


def test_what_does_not_say_that_it_is_eight_bit_goes_as_it_is() -> None:
    """The mail of others is not written anew by whoever only passes it on."""
    content = b"Content-Type: text/plain\r\n\r\n\xc3\xbc\r\n"
    assert in_seven_bits(content) == content


def test_wide_declarations_cover_narrow_ones() -> None:
    """Who changes subjects changes what stands before them, and a new Message-ID alters nothing."""
    assert covered_by(()) == HARMLESS == {"message_id"}
    assert covered_by(("subject",)) >= {"subject", "subject_prefix"}
    assert covered_by(("body",)) >= {"body", "disclaimer"}
    assert "body" not in covered_by(("disclaimer",))
