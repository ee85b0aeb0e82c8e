"""Messages: composed, recognised, and compared."""

from __future__ import annotations

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.message import compose, digest, last_hop, message_id, split

ID = "<1.relay.7@app.contoso.com>"


def composed(size: int = 2000) -> bytes:
    """A message as the senders make them."""
    return compose(ID, sender="app@a.example", recipients=("u@b.example",), size=size, date=1e9)


@given(st.integers(100, 50_000))
def test_a_composed_message_is_what_it_says(size: int) -> None:
    """It parses, bears its id and addresses, has CRLF everywhere, and nearly the wanted size."""
    content = composed(size)
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert parsed["Message-ID"] == ID
    assert (parsed["From"], parsed["To"]) == ("app@a.example", "u@b.example")
    assert not parsed.defects
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert content.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 998
    body = split(content)[1]
    assert body.endswith(b"\r\n")
    assert 0 <= size - len(body) < 70 or size < 300


def test_a_composed_message_holds_what_careless_relays_corrupt() -> None:
    """Dots at the begin of a line, alone and doubled, ``From``, spaces at its end, no ASCII.

    A line as long as it may be is in every body that has room for it.
    """
    lines = split(composed(100))[1].split(b"\r\n")
    assert {b".", b".leading dot", b"..two leading dots"} <= {*lines}
    assert any(line.startswith(b"From ") for line in lines)
    assert any(line.endswith(b"  ") for line in lines)
    assert any(not line.isascii() for line in lines)
    assert 998 in map(len, split(composed())[1].split(b"\r\n"))


def test_every_message_has_a_body_of_its_own() -> None:
    """Two messages never have one digest: a mix-up of bodies shows."""
    other = compose("<2@app>", sender="a@b", recipients=("c@d",), size=2000, date=1e9)
    assert digest(composed()) != digest(other)


@pytest.mark.parametrize(
    "header",
    [
        b"Message-ID: <a@b>",
        b"message-id:<a@b>",
        b"MESSAGE-ID:\t<a@b>",
        b"Message-ID:\r\n <a@b>",
        b"Message-ID:\n\t <a@b>",
        b"Message-ID: \r\n \r\n\t<a@b>",
        b"Message-Id: <a@b> (a comment)",
    ],
)
def test_a_message_id_is_found_in_any_case_and_folded(header: bytes) -> None:
    """RFC 5322 lets a header be folded, and be written in any case."""
    end = b"\r\n" if b"\r\n" in header else b"\n"
    content = end.join([b"Received: from x", header, b"Subject: y", b"", b"body", b""])
    assert message_id(content) == "<a@b>"


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: none",
        b"Message-ID: no brackets",
        b"X-Message-ID: <a@b>",
        b"In-Reply-To: <a@b>",
        b"Subject: x\r\n Message-ID: <a@b>",
        b"Message-ID: <>",
    ],
)
def test_no_message_id_is_found_where_there_is_none(head: bytes) -> None:
    """Other headers, and folded lines that look like one, are not taken for it."""
    assert message_id(head + b"\r\n\r\nMessage-ID: <in@body>\r\n") == ""


lines = st.binary(max_size=40).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
heads = st.lists(lines.filter(bool), max_size=5)
bodies = st.lists(lines, max_size=8)
ends = st.sampled_from([b"\r\n", b"\n"])


def written(head: list[bytes], body: list[bytes], end: bytes) -> bytes:
    """A message with one kind of line end."""
    return end.join([*head, b"", *body, b""])


@given(heads, bodies, ends, ends)
def test_line_ends_do_not_change_the_digest(
    head: list[bytes], body: list[bytes], one: bytes, other: bytes
) -> None:
    """A relay may turn CRLF into LF and back: the body stays the same body."""
    assert digest(written(head, body, one)) == digest(written(head, body, other))


@given(heads, bodies, ends, st.lists(lines.filter(bool), max_size=4))
def test_growing_headers_do_not_change_the_digest(
    head: list[bytes], body: list[bytes], end: bytes, added: list[bytes]
) -> None:
    """Every relay adds a Received header, and may add more; also before a message without any."""
    content = written(head, body, end)
    grown = b"".join(line + b"\r\n" for line in added) + content
    assert digest(grown) == digest(content)


@given(heads, bodies, bodies, ends)
def test_another_body_has_another_digest(
    head: list[bytes], body: list[bytes], other: list[bytes], end: bytes
) -> None:
    """Only the same lines in the same order have the same digest, but for empty ones at the end."""
    head = [line for line in head if b":" not in line]  # nothing that says how to read the body
    same = digest(written(head, body, end)) == digest(written(head, other, end))
    assert same == (_without_empty_end(body) == _without_empty_end(other))


def _without_empty_end(body: list[bytes]) -> list[bytes]:
    """The lines of a body up to the last that is not empty."""
    return body[: max((at + 1 for at, line in enumerate(body) if line), default=0)]


@given(heads, st.lists(lines, max_size=4), ends, ends)
def test_the_first_empty_line_ends_the_headers(
    head: list[bytes], body: list[bytes], end: bytes, within: bytes
) -> None:
    """Header and body part at the first empty line, also where line ends are mixed."""
    text = within.join([b"", *body, b"", b"rest"])
    found, rest = split(end.join([*head, b""]) + end + text)
    assert (found, rest) == (end.join(head), text)


def test_without_an_empty_line_there_is_no_body() -> None:
    """A message of headers only has an empty body, not a body of headers."""
    assert split(b"Subject: x\r\n") == (b"Subject: x\r\n", b"")


@given(st.binary(max_size=200))
def test_any_bytes_have_an_id_and_a_digest(content: bytes) -> None:
    """Nothing that a client sends after DATA can crash the recognition."""
    assert len(digest(content)) == 64
    found = message_id(content)
    assert found == "" or (found.startswith("<") and found.endswith(">"))


RECEIVED = b"Received: from app (10.0.0.1) by ht1.contoso.com (10.0.0.2)\r\n with X id 1; now\r\n"


@pytest.mark.parametrize(
    ("head", "hop"),
    [
        (RECEIVED, "ht1.contoso.com"),
        (
            b"Return-Path: <a@b>\r\n" + RECEIVED + RECEIVED.replace(b"ht1", b"ht2"),
            "ht1.contoso.com",
        ),
        (b"Received: from app ([10.0.0.1])\n\tby ht2 (Postfix) with ESMTP id 4F\n", "ht2"),
        (b"Received: (qmail 12 invoked by uid 89); now\r\n", ""),
        (b"Subject: received by nobody\r\n", ""),
        (b"", ""),
    ],
)
def test_the_last_hop_is_whom_the_topmost_received_header_names(head: bytes, hop: str) -> None:
    """Folded or not, it is the server after "by" in the first such header, not in a comment."""
    assert last_hop(head + b"Message-ID: <1@app>\r\n\r\nby nobody\r\n") == hop
