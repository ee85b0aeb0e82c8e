"""The reader of haproxy.cfg: words, inheritance, addresses, and what it says it left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from relaydrill.errors import UsageError
from relaydrill.own_configuration.haproxy import Haproxy, Place, read
from relaydrill.own_configuration.haproxy.reading import place_of
from relaydrill.own_configuration.haproxy.words import Unreadable, split
from relaydrill.own_configuration.text import text_of

NAME = "haproxy.cfg"


def of(text: str | bytes, **environment: str) -> Haproxy:
    """The configuration that a text is."""
    data = text if isinstance(text, bytes) else text.encode()
    return read([text_of(data, NAME)], NAME, environment)


def notes(found: Haproxy) -> list[str]:
    """What was not understood."""
    return [str(each) for each in found.notes]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  server ht1\t10.0.0.1:25 # comment", ("server", "ht1", "10.0.0.1:25")),
        (r"a\ b \# \\ \"", ("a b", "#", "\\", '"')),
        ("'a b'\"c d\"e", ("a bc de",)),
        (r"'no \n here' \x41\n", (r"no \n here", "A\n")),
        ("\"it's $FILE ${FILE}\" '$FILE' $FILE", ("it's here here", "$FILE", "$FILE")),
        ('"${MORE[*]}" x', ("one", "two", "x")),
        ('"${NONE-else}" ""', ("else", "")),
        (r'"\$FILE"', ("$FILE",)),
        ("crlf\r", ("crlf",)),
        ("", ()),
        ("# only a comment", ()),
        (r"rstring ^2\d\d", ("rstring", r"^2\d\d")),
    ],
)
def test_words_are_split_as_haproxy_does(line: str, words: tuple[str, ...]) -> None:
    """Quotes, escapes, comments, and variables within double quotes."""
    known = {"FILE": "here", "MORE": "one two"}
    assert split(line, known, lambda name: pytest.fail(name)) == words


@pytest.mark.parametrize("line", ['a "b', "a 'b", r"\xg1", '"$"'])
def test_a_line_that_haproxy_refuses_is_told_of_and_left_out(line: str) -> None:
    """With what is wrong; the lines around it are read."""
    with pytest.raises(Unreadable):
        split(line, {}, lambda _: None)
    found = of(f"backend a\n  {line}\n  server x 10.0.0.1:25\n")
    assert [note.at.line for note in found.notes] == [2]
    assert [each.name for each in found.proxies[0].servers] == ["x"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10.0.0.1:25", Place("10.0.0.1", 25, 25)),
        ("ipv4@10.0.0.1:25", Place("10.0.0.1", 25, 25)),
        (":25-27", Place("", 25, 27)),
        ("*:25", Place("", 25, 25)),
        ("[fd00::1]:587", Place("fd00::1", 587, 587)),
        ("fd00::1:587", Place("fd00::1", 587, 587)),
        ("10.0.0.1", Place("10.0.0.1")),
        ("hub.example:+1000", Place("hub.example", 1000, 1000, True)),
        ("/run/postfix.sock", Place("/run/postfix.sock")),
        ("unix@/run/postfix.sock", Place("unix@/run/postfix.sock")),
        ("10.0.0.1:99999", None),
        ("10.0.0.1:mail", None),
        ("", None),
    ],
)
def test_an_address_is_read_with_its_ports(text: str, place: Place | None) -> None:
    """Of both families, names and sockets, with ranges and offsets; or it is none."""
    assert place_of(text) == place


def test_what_defaults_say_is_in_force_where_nothing_else_does() -> None:
    """The last ``defaults`` above, or the one after ``from``; a section's own lines come first."""
    found = of(
        "defaults one\n  timeout server 5s\n  option smtpchk EHLO a\n"
        "defaults two from one\n  timeout server 7s\n  no option smtpchk\n"
        "backend a\n"
        "backend b from one\n  timeout server 900\n"
        "backend c from one\n"
        "backend d from nowhere\n"
    )
    a, b, c, d = found.proxies
    assert [each.timeout("server") and each.timeout("server")[0] for each in (a, b, c, d)] == [  # type: ignore[index]
        7.0,
        0.9,
        5.0,
        None,
    ]
    assert [each.check is not None for each in (a, b, c, d)] == [False, True, True, False]
    assert notes(found) == ["haproxy.cfg:11: there is no defaults 'nowhere' above it"]
    assert c.check is not None
    assert c.check.at.line == 3


def test_default_server_counts_for_the_servers_below_it() -> None:
    """Several add up, a server's own options come last, and ``no-check`` takes it back."""
    found = of(
        "defaults\n  default-server inter 9s\n"
        "backend a\n  server one 10.0.0.1:25\n  default-server check fall 5\n"
        "  server two 10.0.0.2:25 inter 1s\n  server three 10.0.0.3:25 no-check\n"
    )
    one, two, three = found.proxies[0].servers
    assert [each.checked for each in (one, two, three)] == [False, True, False]
    assert [each.value("inter") for each in (one, two, three)] == ["9s", "1s", "9s"]
    assert two.lines["check"].line == 5
    assert two.lines["inter"].line == 6


def test_several_files_are_read_as_one() -> None:
    """Defaults of the first are in force in the second; each line keeps its file."""
    files = [
        text_of(b"global\n  setenv HUB 10.0.0.9\ndefaults\n  timeout server 3s\n", "a.cfg"),
        text_of(b'backend x\n  server h "${HUB}:25"\n', "b.cfg"),
    ]
    found = read(files, "both")
    [backend] = found.proxies
    assert backend.servers[0].place.host == "10.0.0.9"
    assert str(backend.servers[0].at) == "b.cfg:2"
    assert backend.timeout("server") == (3.0, files[0].mark(4))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("server x", "the server 'x' has no address"),
        ("server x 10.0.0.1:99999", "is no address, and the server is left out"),
        ("server x 10.0.0.1:25 teleport", "'teleport' is no option of a server"),
        ("server x 10.0.0.1:25 inter", "'inter' wants 1 more on its line"),
        ("server-template x many hub:25", "'many' is no number of servers"),
        ("bind 10.0.0.1:mail", "'10.0.0.1:mail' is no address to listen at"),
        ("timeout server soon", "'soon' is no time"),
        ("frobnicate 3", "'frobnicate' is not known here"),
        ("option warp", "option 'warp' is not known here"),
        ("no", "'no' alone says nothing"),
        ("use_backend nowhere if x", "there is no backend 'nowhere'"),
        ("use_backend %[src] if x", "only a session tells"),
        ('server x "${HUB}:25"', "the environment variable HUB is not known here"),
        (".if defined(X)\n  .else\n  server x\n  .endif", "is taken to be true"),
    ],
)
def test_what_is_not_understood_is_told_by_line(line: str, said: str) -> None:
    """Nothing is left out in silence."""
    found = of(f"listen a\n  bind :25\n  {line}\n")
    assert [note for note in notes(found) if said in note and note.startswith(f"{NAME}:3:")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbfbackend a\n", "byte order mark"),
        ("backend a # größe\n".encode("cp1252"), "is not UTF-8; the file is read as Windows-1252"),
        ("backend a\n".encode("utf-16"), "the file is UTF-16"),
        (b"\xfe\xff" + "backend a\n".encode("utf-16-be"), "the file is UTF-16"),
    ],
)
def test_a_file_of_another_encoding_is_read_and_told_of(data: bytes, said: str) -> None:
    """Windows' encodings are no reason to see nothing."""
    found = of(data)
    assert [each.name for each in found.proxies] == ["a"]
    assert [note for note in notes(found) if said in note]


def test_lines_that_end_as_windows_ends_them_are_the_same() -> None:
    """HAProxy takes a carriage return for the end of the line."""
    text = "listen a\n  bind :25\n  server x 10.0.0.1:25 check\n"
    crlf = of(text.replace("\n", "\r\n"))
    assert crlf.proxies == of(text).proxies
    assert notes(crlf) == []


def test_what_is_no_text_is_refused_with_its_line() -> None:
    """A program or an archive in place of a configuration."""
    with pytest.raises(UsageError, match=r"x.cfg:2: a NUL byte"):
        text_of(b"\x7fELF\n\0", "x.cfg")
    with pytest.raises(UsageError, match="larger than 8 MiB"):
        text_of(b"#" * (8 << 20) + b"\n", "x.cfg")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Or a folder in its place, in a sentence."""
    from relaydrill.own_configuration.text import read_text

    with pytest.raises(UsageError, match="there is no file"):
        read_text(tmp_path / "none.cfg")
    with pytest.raises(UsageError, match="is a directory; name a file"):
        read_text(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_text(Path("a\0b"))
