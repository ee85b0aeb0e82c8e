"""What a haproxy.cfg wants of the machine that it runs on, and which of that no lab has.

A lab gives it addresses, certificates of the lab's own authority wherever it asks for some, and the
folders of its sockets. It has no other machine's users and files, no second interface, and no
program beside HAProxy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from relaydrill.marks import Mark, Mistake, show
from relaydrill.own_configuration.haproxy import Bind, Haproxy, Statement

_USERS: Final = frozenset({"haproxy", "root", "nobody", "daemon", "www-data", "mail", "proxy"})
_GROUPS: Final = frozenset({"haproxy", "root", "nogroup", "daemon", "www-data", "mail", "proxy"})
"""Those of Debian and of its package of HAProxy."""

_HOMES: Final = frozenset({"/var/lib/haproxy", "/var/empty", "/run/haproxy", "/tmp", "/"})
"""Folders that may be the root of what HAProxy sees (``chroot``)."""

_FILES: Final = {
    "lua-load": 1,
    "lua-load-per-thread": 1,
    "ssl-dh-param-file": 1,
    "errorfile": 2,
    "errorfiles": 1,
    "51degrees-data-file": 1,
}
"""The position of the file among the words of a statement that needs one."""

_CERTIFICATES: Final = ("crt",)
_AUTHORITIES: Final = ("ca-file", "ca-verify-file")
_LISTS: Final = ("crt-list", "crl-file", "ca-sign-file")
_ELSEWHERE: Final = ("interface", "namespace", "transparent")
"""Options of a bind that are about another machine's network."""

_ITS_OWN: Final = frozenset(
    {
        *("HAPROXY_LOCALPEER", "HAPROXY_CFGFILES", "HAPROXY_MWORKER", "HAPROXY_CLI"),
        *("HAPROXY_HTTP_LOG_FMT", "HAPROXY_HTTPS_LOG_FMT", "HAPROXY_TCP_LOG_FMT"),
        *("HAPROXY_BRANCH", "HAPROXY_MASTER_CLI", "HAPROXY_STARTUP_VERSION"),
    }
)
"""Variables that HAProxy sets itself (configuration manual, "Environment variables")."""

_BOUNDS: Final = ("maxconn", "ulimit-n")
_SOCKETS: Final = ("unix@", "/")


@dataclass(frozen=True)
class Wanted:
    """What a file wants.

    Attributes:
        certificates: Files, and folders with a slash at the end, in which it looks for
            certificates with their keys.
        authorities: Files in which it looks for those of authorities.
        folders: Folders that must be there.
        is_bounded: Whether it says how many sessions HAProxy takes at all; a section's own
            ``maxconn`` does not.
        lacks: What no lab has, by its line.
    """

    certificates: tuple[str, ...]
    authorities: tuple[str, ...]
    folders: tuple[str, ...]
    is_bounded: bool
    lacks: tuple[Mistake, ...]


def wanted_by(
    haproxy: Haproxy, ports: Mapping[str, Mapping[int, int]], kept: Collection[int] = ()
) -> Wanted:
    """What a file wants of its machine.

    Args:
        haproxy: The file.
        ports: The real ports of the design's hosts, by logical ones: those that mail goes to.
        kept: The ports that the lab itself needs on the machine.
    """
    mail = {real for each in ports.values() for real in each.values()}
    return Wanted(
        certificates=tuple(dict.fromkeys(_certificates(haproxy))),
        authorities=tuple(dict.fromkeys(_paths(haproxy, _AUTHORITIES, "ca-base"))),
        folders=tuple(dict.fromkeys(_folders(haproxy))),
        is_bounded=any(each.keyword in _BOUNDS for each in _statements(haproxy, "global")),
        lacks=(
            *_unset(haproxy),
            *_identity(haproxy),
            *_files(haproxy),
            *_binds(haproxy, mail, kept),
            *_twice(haproxy),
        ),
    )


def _statements(haproxy: Haproxy, *kinds: str) -> Iterator[Statement]:
    for section in haproxy.sections:
        if not kinds or section.kind in kinds:
            yield from section.statements


def _unset(haproxy: Haproxy) -> Iterator[Mistake]:
    for note in haproxy.notes:
        if note.what.startswith("the environment variable"):
            what = note.what.partition(" is not known here")[0]
            if what.rpartition(" ")[2] in _ITS_OWN:
                continue
            allowed = "presetenv NAME VALUE in global, or the value"
            yield Mistake(note.at, f"{what} has no value in a lab", allowed)
        elif note.what.startswith("the condition"):
            what = f"{note.what.partition(' is taken')[0]} is another machine's"
            yield Mistake(note.at, what, "the lines that hold there, without .if")


def _identity(haproxy: Haproxy) -> Iterator[Mistake]:
    """Whom it runs as, and where."""
    for line in _statements(haproxy, "global"):
        name = line.word(1)
        if line.keyword == "user" and name not in _USERS:
            what = f"a lab has no user {show(name)}"
            yield Mistake(line.at, what, f"one of: {', '.join(sorted(_USERS))}")
        elif line.keyword == "group" and name not in _GROUPS:
            what = f"a lab has no group {show(name)}"
            yield Mistake(line.at, what, f"one of: {', '.join(sorted(_GROUPS))}")
        elif line.keyword == "chroot" and (name.rstrip("/") or "/") not in _HOMES:
            what = f"a lab has no folder {show(name)} to run in"
            yield Mistake(line.at, what, f"one of: {', '.join(sorted(_HOMES))}")


def _files(haproxy: Haproxy) -> Iterator[Mistake]:
    """Files of the machine that it came from."""
    for line in _statements(haproxy):
        at = _FILES.get(line.keyword)
        if at is not None and line.word(at):
            yield _no_file(line.at, line.word(at))
        elif line.keyword == "external-check" and line.word(1) == "command":
            what = f"the program {show(line.word(2))} is not in a lab"
            yield Mistake(line.at, what, "a check of HAProxy's own: option smtpchk or tcp-check")
        elif "-f" in line.words and (line.keyword == "acl" or "{" in line.words):
            after = line.words[line.words.index("-f") + 1 :]
            yield _no_file(line.at, after[0] if after else "")
        else:
            for option, path in _options(line, _LISTS):
                yield _no_file(line.at, f"{path} ({option})")


def _no_file(at: Mark, path: str) -> Mistake:
    return Mistake(at, f"the file {show(path)} is not in a lab", "what it says, in this file")


def _binds(haproxy: Haproxy, mail: set[int], kept: Collection[int]) -> Iterator[Mistake]:
    for proxy in haproxy.proxies:
        for bind in proxy.binds:
            for word in _ELSEWHERE:
                if word in bind.words:
                    yield Mistake(bind.at, f"{word}: a lab's machine has one interface, eth0", "")
            if "ssl" in bind.words and mail & {*bind.place.ports}:
                what = "a lab's senders begin no session with TLS; they speak STARTTLS"
                yield Mistake(bind.at, what, "a bind without ssl, whose servers speak STARTTLS")
            if "accept-proxy" in bind.words and mail & {*bind.place.ports}:
                what = "a lab's senders do not speak the PROXY protocol"
                yield Mistake(bind.at, what, "a bind without accept-proxy")
            for port in kept:
                if port in bind.place.ports:
                    what = f"port {port} is a lab's own, by which it watches the machine"
                    yield Mistake(bind.at, what, "another port")


def _twice(haproxy: Haproxy) -> Iterator[Mistake]:
    """The same address and port in two lines: HAProxy shares the clients between them."""
    seen: dict[tuple[str, int], Bind] = {}
    for proxy in (each for each in haproxy.proxies if not each.disabled):
        for bind in proxy.binds:
            host = "" if bind.place.host in ("*", "0.0.0.0") else bind.place.host
            for port in bind.place.ports[:1000]:
                first = seen.setdefault((host, port), bind)
                if first is not bind:
                    where = f"{host or 'every address'}, port {port}"
                    yield Mistake(bind.at, f"{where} is bound at {first.at} already", "once")


def _options(line: Statement, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The options of a bind or server line with such a name, and the word after each."""
    if line.keyword in ("bind", "server", "server-template", "default-server"):
        for name, value in zip(line.words[1:], line.words[2:], strict=False):
            if name in names:
                yield name, value


def _certificates(haproxy: Haproxy) -> Iterator[str]:
    """The files and folders of certificates with their keys, by ``crt``."""
    for path in _paths(haproxy, _CERTIFICATES, "crt-base"):
        # HAProxy looks whether it is a folder; what has no ending is usually one.
        is_folder = path.endswith("/") or "." not in PurePosixPath(path).name
        yield f"{path.rstrip('/')}/" if is_folder else path


def _paths(haproxy: Haproxy, options: tuple[str, ...], base: str) -> Iterator[str]:
    """The paths after some options of binds and servers; relative ones begin at a base."""
    bases = [line.word(1) for line in _statements(haproxy, "global") if line.keyword == base]
    for line in _statements(haproxy):
        for _, path in _options(line, options):
            if not path.startswith("@"):  # such is the system's own
                end = "/" if path.endswith("/") else ""
                yield str(PurePosixPath(bases[-1] if bases else "/", path)) + end


def _folders(haproxy: Haproxy) -> Iterator[str]:
    """The folders of its sockets and of its process number."""
    for line in _statements(haproxy, "global"):
        if line.keyword == "pidfile" and line.word(1).startswith("/"):
            yield _parent(line.word(1))
        elif line.keyword == "stats" and line.word(1) == "socket":
            yield from _of_socket(line.word(2))
    for proxy in haproxy.proxies:
        places = [each.place for each in proxy.binds] + [each.place for each in proxy.servers]
        for place in places:
            yield from _of_socket(place.host)


def _of_socket(text: str) -> Iterator[str]:
    path = text.removeprefix("unix@")
    if text.startswith(_SOCKETS) and path.startswith("/"):
        yield _parent(path)


def _parent(path: str) -> str:
    return str(PurePosixPath(path).parent)
