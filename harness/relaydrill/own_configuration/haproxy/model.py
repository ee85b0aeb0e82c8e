"""What haproxy.cfg says, with the line of each statement; what the rules and a lab ask of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from relaydrill.marks import Mark
from relaydrill.own_configuration.text import Note, TextFile
from relaydrill.sentences import listed

MAIL_PORTS: Final = frozenset({25, 465, 587, 2525})
"""Where mail servers listen: relaying, submission with TLS from the start, submission."""

KNOWN_BY_PORT: Final = (
    f"so no rule looks at it: mail is known by its ports ({listed(map(str, sorted(MAIL_PORTS)))})"
)
"""Of a balancer that has none of them."""

_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1e-3}
_TIME = re.compile(r"(\d{1,18})(us|ms|s|m|h|d|)")
_CHECKS: Final = (
    *("smtpchk", "tcp-check", "httpchk", "ldap-check", "mysql-check", "pgsql-check"),
    *("redis-check", "ssl-hello-chk", "external-check", "spop-check"),
)
"""The options that say how servers are checked; the last one counts."""


def seconds(text: str) -> float | None:
    """A time of HAProxy's (``5s``, ``500``: milliseconds); None if it is none."""
    found = _TIME.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


@dataclass(frozen=True, slots=True)
class Statement:
    """One line: its keyword and the words after it."""

    at: Mark
    words: tuple[str, ...]

    @property
    def keyword(self) -> str:
        """Its first word."""
        return self.words[0]

    def word(self, at: int) -> str:
        """A word by its position; empty if there is none."""
        return self.words[at] if at < len(self.words) else ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its kind, its name, and its lines."""

    at: Mark
    kind: str
    name: str
    base: str = ""
    """The ``defaults`` after ``from``."""
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something listens.

    Attributes:
        host: An address or a name; empty for all addresses; the text of a socket that is no port.
        first: The first port; None where none is written.
        last: The last one of a range.
        relative: Whether the port is added to the one that the client came to (``:+1000``).
    """

    host: str
    first: int | None = None
    last: int | None = None
    relative: bool = False

    @property
    def ports(self) -> range:
        """Every port, if they are written as such."""
        if self.first is None or self.relative:
            return range(0)
        return range(self.first, (self.last or self.first) + 1)

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address, where the host is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def is_name(self) -> bool:
        """Whether the host is a name that is looked up."""
        local = self.host.startswith("/") or "@" in self.host or "$" in self.host
        return bool(self.host) and not local and self.host != "*" and self.address is None


@dataclass(frozen=True, slots=True)
class Bind:
    """A place where a proxy listens, with the options of its line."""

    at: Mark
    place: Place
    words: tuple[str, ...] = ()

    @property
    def takes_proxy(self) -> bool:
        """Whether clients must speak the PROXY protocol."""
        return "accept-proxy" in self.words


@dataclass(frozen=True, slots=True)
class Server:
    """A server, or the pattern of several.

    Attributes:
        at: Its line.
        name: Its name; the prefix of a ``server-template``.
        place: Where it listens.
        options: Those in force, those of ``default-server`` among them, with their words.
        lines: The line of each.
        count: How many servers a ``server-template`` makes.
    """

    at: Mark
    name: str
    place: Place
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: dict[str, Mark] = field(default_factory=dict)
    count: int = 1

    def value(self, option: str) -> str:
        """The first word of an option; empty if it is not set."""
        return (self.options.get(option) or ("",))[0]

    @property
    def checked(self) -> bool:
        """Whether HAProxy notices when it dies."""
        return "check" in self.options or "track" in self.options

    @property
    def proxy_protocol(self) -> str:
        """The option by which it is told the client's address; empty if it is not."""
        return next((each for each in self.options if each.startswith("send-proxy")), "")

    @property
    def weight(self) -> int | None:
        """Its weight, where a number is written."""
        text = self.value("weight")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


@dataclass(frozen=True, slots=True)
class Proxy:
    """A frontend, backend or listen section with what it inherits.

    Attributes:
        section: As it is written.
        inherited: The statements of its defaults, those that count first.
        binds: Where it listens.
        servers: What it leads to.
    """

    section: Section
    inherited: tuple[Statement, ...]
    binds: tuple[Bind, ...]
    servers: tuple[Server, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.section.name

    @property
    def at(self) -> Mark:
        """The line that begins it."""
        return self.section.at

    @property
    def title(self) -> str:
        """As messages call it: ``backend hubs``."""
        return f"{self.section.kind} {self.name}"

    def in_force(self) -> Iterator[Statement]:
        """Its statements from the last to the first, then those of its defaults."""
        yield from reversed(self.section.statements)
        yield from reversed(self.inherited)

    def setting(self, keyword: str, *second: str) -> Statement | None:
        """The statement in force that begins so.

        Args:
            keyword: Its first word.
            second: The second may be one of these; any if none is given.
        """
        for each in self.in_force():
            if each.keyword == keyword and (not second or each.word(1) in second):
                return each
        return None

    @property
    def disabled(self) -> Statement | None:
        """The line by which it serves nobody; None where it does."""
        found = (each for each in self.in_force() if each.keyword in ("disabled", "enabled"))
        last = next(found, None)
        return last if last and last.keyword == "disabled" else None

    def option(self, *names: str) -> Statement | None:
        """The line of ``option NAME`` that is in force; None if it is not set or taken back."""
        for each in self.in_force():
            words = each.words[1:] if each.keyword == "no" else each.words
            if words[:1] == ("option",) and words[1:2] and words[1] in names:
                return None if each.keyword == "no" else each
        return None

    def timeout(self, name: str) -> tuple[float, Mark] | None:
        """A timeout in seconds, and its line; None where there is none, which 0 means, too."""
        found = self.setting("timeout", name)
        length = seconds(found.word(2)) if found else None
        return (length, found.at) if found and length else None

    @property
    def check(self) -> Statement | None:
        """The option that says how servers are checked; None: by a connection alone."""
        return self.option(*_CHECKS)

    @property
    def steps(self) -> tuple[Statement, ...]:
        """The ``tcp-check`` lines in force: its own, or else those of its defaults."""
        for where in (self.section.statements, self.inherited):
            if found := tuple(each for each in where if each.keyword == "tcp-check"):
                return found
        return ()

    @property
    def mode(self) -> str:
        """How sessions are read: ``tcp`` or ``http``."""
        found = self.setting("mode")
        return found.word(1) if found else "tcp"

    @property
    def balance(self) -> Statement | None:
        """Its method; None: round robin."""
        return self.setting("balance")

    @property
    def active(self) -> tuple[Server, ...]:
        """The servers that no ``disabled`` takes out."""
        return tuple(each for each in self.servers if "disabled" not in each.options)

    @property
    def size(self) -> int:
        """How many servers there are, backups among them."""
        return sum(each.count for each in self.active)

    @property
    def leads_to(self) -> tuple[tuple[str, Mark], ...]:
        """The backends that it names, and where."""
        own = [each for each in self.section.statements if each.keyword == "use_backend"]
        default = self.setting("default_backend")
        return tuple((each.word(1), each.at) for each in (*own, *([default] if default else [])))

    def source_of(self, server: Server) -> tuple[tuple[str, ...], Mark] | None:
        """What ``source`` says for a server, and the line: the server's own or the proxy's."""
        if "source" in server.options:
            words = (*server.options["source"], *server.options.get("usesrc", ()))
            extra = ("usesrc",) if "usesrc" in server.options else ()
            return (*words, *extra), server.lines["source"]
        found = self.setting("source")
        return (found.words[1:], found.at) if found else None


@dataclass(frozen=True, slots=True)
class Haproxy:
    """All files of one HAProxy.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        sections: Every section in the order of the files.
        proxies: The frontends, backends and listen sections.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    sections: tuple[Section, ...]
    proxies: tuple[Proxy, ...]
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return (
            ""
            if any(self.mail())
            else f"no section passes mail on, {KNOWN_BY_PORT}, or by option smtpchk"
        )

    def entries(self, backend: Proxy) -> Iterator[Bind]:
        """Where clients come in whom it serves."""
        for each in self.fronts(backend):
            yield from each.binds

    def fronts(self, backend: Proxy) -> Iterator[Proxy]:
        """The proxies whose clients it serves: itself, if it listens, and the frontends."""
        for each in self.proxies:
            if each.binds and (each is backend or backend.name in [to for to, _ in each.leads_to]):
                yield each

    def ports(self, backend: Proxy, server: Server) -> frozenset[int]:
        """The ports at which mail is handed to a server."""
        if server.place.ports:
            return frozenset(server.place.ports)
        shift = (server.place.first or 0) if server.place.relative else 0
        return frozenset(
            port + shift for bind in self.entries(backend) for port in bind.place.ports
        )

    def mail(self) -> Iterator[Proxy]:
        """The backends and listen sections that pass mail on."""
        for each in self.proxies:
            if each.servers and self._is_mail(each):
                yield each

    def _is_mail(self, backend: Proxy) -> bool:
        if backend.option("smtpchk") and backend.check == backend.option("smtpchk"):
            return True
        come_to = {port for bind in self.entries(backend) for port in bind.place.ports}
        handed_to = {port for each in backend.servers for port in self.ports(backend, each)}
        return bool((come_to | handed_to) & MAIL_PORTS)
