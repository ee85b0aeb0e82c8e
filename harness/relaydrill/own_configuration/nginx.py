"""nginx as a balancer of mail: what its ``stream`` block says.

crossplane reads such files, too; it has had no release since 2022 and has no types, and what is
needed here is little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.blocks import Block, Style, parse, spliced
from relaydrill.own_configuration.haproxy.model import KNOWN_BY_PORT, MAIL_PORTS
from relaydrill.own_configuration.including import Includes
from relaydrill.own_configuration.text import Note, TextFile

_STYLE: Final = Style(comments=("#",))
_PORT = re.compile(r"(?:^|:)(\d{1,5})(?:-(\d{1,5}))?$")
_TIME = re.compile(r"(\d{1,9})(ms|s|m|h|d|w|)")
_UNITS: Final = {"ms": 1e-3, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SERVER_OPTIONS: Final = (
    *("weight", "max_conns", "max_fails", "fail_timeout", "backup", "down", "resolve", "service"),
    "slow_start",
)
_KNOWN: Final = frozenset(
    {
        *("upstream", "server", "listen", "proxy_pass", "proxy_timeout", "proxy_connect_timeout"),
        *("proxy_protocol", "proxy_bind", "proxy_next_upstream", "proxy_next_upstream_tries"),
        *("proxy_next_upstream_timeout", "hash", "least_conn", "random", "zone", "ip_hash"),
        *("access_log", "error_log", "log_format", "resolver", "resolver_timeout", "tcp_nodelay"),
        *("preread_buffer_size", "preread_timeout", "proxy_buffer_size", "proxy_download_rate"),
        *("proxy_upload_rate", "proxy_socket_keepalive", "proxy_half_close", "limit_conn"),
        *("limit_conn_zone", "limit_conn_log_level", "allow", "deny", "map", "geo", "set", "split"),
        *("set_real_ip_from", "variables_hash_max_size", "variables_hash_bucket_size", "state"),
        *("map_hash_max_size", "map_hash_bucket_size", "proxy_protocol_timeout", "server_name"),
        *("split_clients", "open_log_file_cache", "js_import", "js_set", "least_time"),
    }
)


def seconds(text: str) -> float | None:
    """A time of nginx's (``10m``, ``30``: seconds); None if it is none."""
    found = _TIME.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of an upstream, or the one that ``proxy_pass`` names itself."""

    at: Mark
    address: str
    options: tuple[str, ...] = ()

    def value(self, option: str) -> str:
        """What an option is set to; empty if it is not there."""
        head = f"{option}="
        return next((each[len(head) :] for each in self.options if each.startswith(head)), "")


@dataclass(frozen=True, slots=True)
class Passing:
    """A ``server`` of the stream block that passes on what it takes.

    Attributes:
        block: Itself.
        above: The blocks around it, the nearest first.
        to: The upstream; None where ``proxy_pass`` names an address.
        target: What ``proxy_pass`` names.
        peers: The servers behind it.
    """

    block: Block
    above: tuple[Block, ...]
    to: Block | None
    target: str
    peers: tuple[Peer, ...]

    def setting(self, keyword: str) -> Block | None:
        """The statement in force: its own, or that of a block around it."""
        found = (each.last(keyword) for each in (self.block, *self.above))
        return next((each for each in found if each is not None), None)

    @property
    def ports(self) -> frozenset[int]:
        """Where it listens, and where the servers do."""
        texts = [each.word(1) for each in self.block.all("listen")]
        texts += [each.address for each in self.peers]
        return frozenset(port for text in texts for port in _ports(text))

    @property
    def is_mail(self) -> bool:
        """Whether it passes mail on."""
        return bool(self.ports & MAIL_PORTS)

    @property
    def title(self) -> str:
        """As messages call it."""
        return f"upstream {self.target}" if self.to else f"proxy_pass {self.target}"


@dataclass(frozen=True, slots=True)
class Nginx:
    """One nginx.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        passing: What its stream block passes on.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    passing: tuple[Passing, ...]
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if any(self.mail()) else f"no stream passes mail on, {KNOWN_BY_PORT}"

    def mail(self) -> Iterator[Passing]:
        """What passes mail on."""
        return (each for each in self.passing if each.is_mail)


def read(files: Sequence[TextFile], source: str) -> Nginx:
    """What the files of one nginx say.

    Args:
        files: nginx.conf, or one that it includes within ``stream``.
        source: As the user named it.
    """
    includes = Includes([note for file in files for note in file.notes], [*files])
    inside = [block for file in files for block in _statements(file, includes)]
    streams = [block for block in inside if block.keyword == "stream" and block.has_braces]
    if not streams and any(each.keyword == "upstream" for each in inside):
        # A file that is included within the stream block.
        streams = [Block(inside[0].at, ("stream",), tuple(inside), has_braces=True)]
    for block in inside:
        if block.keyword == "mail" and block.has_braces:
            includes.notes.append(Note(block.at, "the mail block is left out: only stream is read"))
    passing = tuple(each for stream in streams for each in _passing(stream, includes.notes))
    return Nginx(source, tuple(includes.texts), passing, tuple(sorted({*includes.notes})))


def _statements(file: TextFile, includes: Includes) -> Sequence[Block]:
    whole = parse(file, _STYLE, includes.notes)

    def included(block: Block) -> Sequence[Block] | None:
        if block.keyword == "http":
            return [Block(block.at, block.words)]  # what it includes is not about mail
        if block.keyword != "include":
            return None
        found = includes.files(block.word(1), block.at)
        return [each for one in found for each in _statements(one, includes)]

    return spliced(whole, included).inside


def _passing(stream: Block, notes: list[Note]) -> Iterator[Passing]:
    upstreams = {each.word(1): each for each in stream.all("upstream")}
    peers = {name: tuple(_peers(each, notes)) for name, each in upstreams.items()}
    for block in (stream, *stream.inside):
        if block.keyword in ("stream", "upstream", "server"):
            for each in block.inside:
                if each.keyword not in _KNOWN and not each.keyword.startswith(("proxy_ssl", "ssl")):
                    notes.append(Note(each.at, f"{show(each.keyword)} is not known here"))
    for server in stream.all("server"):
        target = server.last("proxy_pass")
        if target is None:
            continue
        name = target.word(1)
        to = upstreams.get(name)
        if to is None and "$" in name:
            notes.append(Note(target.at, f"where {show(name)} leads, only a session tells"))
            continue
        behind = peers[name] if to else (Peer(target.at, name),)
        yield Passing(server, (stream,), to, name, behind)


def _peers(upstream: Block, notes: list[Note]) -> Iterator[Peer]:
    for each in upstream.all("server"):
        for word in each.words[2:]:
            if word.partition("=")[0] not in _SERVER_OPTIONS:
                notes.append(Note(each.at, f"{show(word)} of a server is not known here"))
        if "down" not in each.words[2:]:
            yield Peer(each.at, each.word(1), each.words[2:])


def _ports(text: str) -> Iterator[int]:
    found = _PORT.search(text)
    if found and not text.startswith("unix:"):
        first, last = int(found[1]), int(found[2] or found[1])
        yield from range(first, min(last, 65535) + 1)
