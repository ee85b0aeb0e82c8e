"""haproxy.cfg: what happens when a server dies, and what the servers see of the clients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from relaydrill.lint.own_files.rule import (
    LONGEST_ANSWER_S,
    MANUAL,
    SMTP_TIMEOUTS,
    FoundInFile,
    file_rule,
)
from relaydrill.lint.rule import Severity
from relaydrill.marks import Mark, Path
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.haproxy import Haproxy, Proxy, Server
from relaydrill.own_configuration.haproxy.model import seconds
from relaydrill.sentences import listed, number_of

_INTER_S: Final = 2.0
_FALL: Final = 3
_AUTHENTICATED: Final = frozenset({465, 587})
_IN_THE_CLEAR: Final = frozenset({25, 587})
"""Ports on which a mail server greets before anybody speaks of TLS."""


def _farms(files: OwnFiles) -> Iterator[tuple[Haproxy, Proxy]]:
    """What passes mail on, with the file that it is in."""
    for each in files.haproxy:
        for backend in each.mail():
            yield each, backend


def servers_of(files: OwnFiles) -> Iterator[tuple[Haproxy, Proxy, Server]]:
    """Each server that mail is passed on to, with what it stands in."""
    for each, backend in _farms(files):
        for server in backend.active:
            yield each, backend, server


def place_of(proxy: Proxy, *more: str) -> Path:
    """Where something stands: ``("backend", "hubs", "server", "ht2")``."""
    return (proxy.section.kind, proxy.name, *more)


def _called(servers: Iterable[Server]) -> str:
    return listed(each.name for each in servers)


@file_rule(
    "haproxy-no-check",
    Severity.ERROR,
    fact="A server without a check is always considered available: a dead one keeps its share of"
    f' the sessions ({MANUAL}, "check").',
    remedy="Write check after the server's address, or default-server check above all servers, and"
    " option smtpchk EHLO your.balancer.example in the section.",
)
def no_check(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers among several that HAProxy never takes out."""
    for _, backend in _farms(files):
        for server in backend.active if backend.size > 1 else ():
            if not server.checked:
                text = f"server {server.name} of {backend.title} has no check: it keeps its share"
                yield server.at, place_of(backend, "server", server.name), f"{text} when it is dead"


@file_rule(
    "haproxy-tcp-check",
    Severity.WARNING,
    fact="Without an option that says more, a check is a TCP connection, which the kernel of a"
    " frozen mail server still answers; option smtpchk waits for a greeting and a reply of 2xx"
    f' ({MANUAL}, "option smtpchk").',
    remedy="Write option smtpchk EHLO your.balancer.example, or option tcp-check with tcp-check"
    " expect rstring ^220; with TLS from the start (465), check-ssl at the server as well.",
)
def tcp_check(files: OwnFiles) -> Iterator[FoundInFile]:
    """Checks that see a port and no mail server behind it."""
    for _, backend in _farms(files):
        checked = [each for each in backend.active if _by_itself(each)]
        if not checked or backend.option("external-check") or backend.size < 2:
            continue
        option = backend.check
        if option is None:
            be = number_of(len(checked), "is", "are")
            text = f"{_called(checked)} of {backend.title} {be} checked by a connection alone"
            yield _check_line(checked[0]), place_of(backend, "check"), text
        elif option.word(1) == "tcp-check" and not _expects(backend):
            text = f"the tcp-check of {backend.title} expects no greeting"
            yield option.at, place_of(backend, "option", "tcp-check"), text
        elif option.word(1) not in ("tcp-check", "smtpchk"):
            text = f"{backend.title} passes mail on and is checked by {option.word(1)}"
            yield option.at, place_of(backend, "option", option.word(1)), text


def _by_itself(server: Server) -> bool:
    """Whether it is checked, and neither another server for it nor an agent of its own."""
    return "check" in server.options and not {"track", "agent-check"} & {*server.options}


def _check_line(server: Server) -> Mark:
    return server.lines.get("check", server.at)


def _expects(backend: Proxy) -> bool:
    return any(each.word(1) == "expect" for each in backend.steps)


@file_rule(
    "haproxy-blind-check",
    Severity.INFO,
    fact="A server under back pressure, or one that drains, greets and answers EHLO as ever and"
    " refuses at MAIL: a check that ends before MAIL stays green (Exchange documentation,"
    ' "Understanding back pressure").',
    remedy=r'Write option tcp-check with tcp-check send "MAIL FROM:<probe@your.domain>\r\n" and'
    r' tcp-check expect rstring ^250, then "RSET\r\n" and "QUIT\r\n".',
)
def blind_check(files: OwnFiles) -> Iterator[FoundInFile]:
    """Checks that do not see that a server refuses mail."""
    for _, backend in _farms(files):
        option = backend.check
        if option is None or backend.size < 2 or not any(map(_by_itself, backend.active)):
            continue
        ends = f"the check of {backend.title} ends before MAIL"
        if option.word(1) == "smtpchk":
            yield option.at, place_of(backend, "option", "smtpchk"), ends
        elif option.word(1) == "tcp-check" and _expects(backend) and not _asks_mail(backend):
            yield option.at, place_of(backend, "option", "tcp-check"), ends


def _asks_mail(backend: Proxy) -> bool:
    sends = (each for each in backend.steps if each.word(1).startswith("send"))
    return any("MAIL FROM" in " ".join(each.words).upper() for each in sends)


@file_rule(
    "haproxy-check-elsewhere",
    Severity.INFO,
    fact='The option port sends the checks to another port than the sessions ("port"): they see'
    f" that service, and not the one that takes mail ({MANUAL}).",
    remedy="Leave out port, or let the two be one service that fails as one.",
)
def check_elsewhere(files: OwnFiles) -> Iterator[FoundInFile]:
    """Checks of another port than mail goes to."""
    for each, backend, server in servers_of(files):
        port, taken = server.value("port"), each.ports(backend, server)
        if "check" in server.options and port.isdigit() and taken and int(port) not in taken:
            given = listed(str(one) for one in sorted(taken)[:4])
            text = f"{server.name} of {backend.title} is checked at {port}"
            where = place_of(backend, "server", server.name, "port")
            yield server.lines["port"], where, f"{text}, and mail goes to {given}"


@file_rule(
    "haproxy-check-proxy",
    Severity.ERROR,
    fact="Where port or addr is set, checks speak the PROXY protocol only with check-send-proxy,"
    " whatever the sessions speak; a server that wants the header there refuses a check without it,"
    f' and the reverse ({MANUAL}, "check-send-proxy").',
    remedy="Write both send-proxy-v2 and check-send-proxy at the server, or neither.",
)
def check_proxy(files: OwnFiles) -> Iterator[FoundInFile]:
    """Checks that speak otherwise than mail does to the same port."""
    for each, backend, server in servers_of(files):
        if "check" not in server.options:
            continue
        port = server.value("port")
        same = not port or port in {str(one) for one in each.ports(backend, server)}
        apart = bool({"port", "addr"} & {*server.options})
        where = place_of(backend, "server", server.name)
        head = f"{server.name} of {backend.title}"
        forced = "check-send-proxy" in server.options
        if server.proxy_protocol and same and apart and not forced:
            text = f"{head} gets mail with {server.proxy_protocol} and checks without"
            yield server.at, where, text
        elif forced and same and not server.proxy_protocol:
            yield server.at, where, f"{head} gets checks with the PROXY protocol, mail without"


@file_rule(
    "haproxy-slow-check",
    Severity.WARNING,
    fact="A dead server keeps its share until checks have failed fall times in a row, each an"
    f' interval after the one before it and as long as its timeout ({MANUAL}, "inter", "fall",'
    ' "timeout check").',
    remedy="Lower inter, fall or timeout check, or write fastinter 500ms: it is used once a check"
    " has failed.",
)
def slow_check(files: OwnFiles) -> Iterator[FoundInFile]:
    """Checks that need longer than the failover that is promised."""
    for _, backend in _farms(files):
        for server in backend.active if backend.size > 1 else ():
            if files.failover_s is None or "check" not in server.options:
                continue
            takes = detection_s(backend, server)
            if takes > files.failover_s:
                text = f"{server.name} of {backend.title} may be dead for {takes:g} s before it is"
                line = next(
                    (server.lines[key] for key in ("inter", "fall") if key in server.lines),
                    server.at,
                )
                where = place_of(backend, "server", server.name, "inter")
                yield line, where, f"{text} taken out, and {files.failover_s:g} s are promised"


def detection_s(backend: Proxy, server: Server) -> float:
    """The longest that a server which is silent may keep its share.

    Args:
        backend: What it stands in.
        server: One that is checked.
    """
    inter = seconds(server.value("inter")) or _INTER_S
    quick = seconds(server.value("fastinter")) or inter
    text = server.value("fall")
    fall = max(1, int(text)) if text.isdigit() and len(text) < 6 else _FALL
    check, connect = backend.timeout("check"), backend.timeout("connect")
    # A dead host fails at the connection, a frozen one when it does not answer.
    patience = max(check[0], min(connect[0] if connect else inter, inter)) if check else inter
    return inter + patience + (fall - 1) * (quick + patience)


@file_rule(
    "haproxy-short-timeout",
    Severity.WARNING,
    fact="A client waits ten minutes for the reply to the end of a message, and five for most"
    f" others ({SMTP_TIMEOUTS}); in TCP mode a session that is silent for longer than timeout"
    f' client or timeout server is cut ({MANUAL}, "timeout client"), and a message whose reply was'
    " cut off is sent again.",
    remedy="Write timeout client 10m and timeout server 10m in the sections that pass mail on.",
)
def short_timeout(files: OwnFiles) -> Iterator[FoundInFile]:
    """Sessions that are cut while a server may still be at work."""
    told: set[Mark] = set()
    for each, backend in _farms(files):
        tunnel = backend.timeout("tunnel")
        asked = [("server", backend), *(("client", front) for front in each.fronts(backend))]
        for name, proxy in asked:
            found = tunnel or proxy.timeout(name)
            if found and found[0] < LONGEST_ANSWER_S and found[1] not in told:
                told.add(found[1])
                which = "tunnel" if tunnel else name
                text = (
                    f"timeout {which} ends a silent session of {proxy.title} after {found[0]:g} s"
                )
                yield found[1], place_of(proxy, "timeout", which), text


@file_rule(
    "haproxy-sticky",
    Severity.WARNING,
    fact="balance source and a stick on src give all sessions of a client to one server, balance"
    f' first all that it can bear ({MANUAL}, "balance"): where most mail comes from one'
    " application, one server has it all.",
    remedy="Write balance leastconn or balance roundrobin, and no stick on: SMTP has no state that"
    " lasts from one session to the next.",
)
def sticky(files: OwnFiles) -> Iterator[FoundInFile]:
    """Stickiness that undoes the spread."""
    for _, backend in _farms(files):
        if sum(each.count for each in backend.active if "backup" not in each.options) < 2:
            continue
        balance = backend.balance
        if balance and (
            balance.word(1) in ("source", "first")
            or (balance.word(1) == "hash" and balance.word(2).startswith("src"))
        ):
            text = f"balance {' '.join(balance.words[1:])} in {backend.title} binds clients"
            if balance.word(1) == "first":
                text = f"balance first in {backend.title} fills one server before the next"
            yield balance.at, place_of(backend, "balance"), text
        for each in backend.in_force():
            if each.keyword == "stick" and each.word(1) in ("on", "match"):
                text = f"stick {each.word(1)} {each.word(2)} in {backend.title} binds clients"
                yield each.at, place_of(backend, "stick"), text


@file_rule(
    "haproxy-hides-clients",
    Severity.WARNING,
    fact="A proxy connects from its own address: servers that let clients relay by address, count"
    " them, or look them up in block lists, see the balancer in place of every one of them"
    f' ({MANUAL}, "source" and "send-proxy").',
    remedy="Write send-proxy-v2 at the servers if they speak the PROXY protocol (Postfix:"
    " smtpd_upstream_proxy_protocol = haproxy; Exim: hosts_proxy; no Exchange does), else source"
    " 0.0.0.0 usesrc clientip with the servers' routes back through the balancer.",
)
def hides_clients(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers that see the balancer's address and not the client's."""
    for each, backend in _farms(files):
        hidden = [
            server
            for server in backend.active
            if hides(backend, server) and not _authenticated(each, backend, server)
        ]
        if hidden:
            source = backend.source_of(hidden[0])
            see = number_of(len(hidden), "sees", "see")
            text = f"{_called(hidden)} of {backend.title} {see} the balancer's address"
            at = source[1] if source else hidden[0].at
            yield at, place_of(backend, "source"), f"{text} in place of the clients'"


def hides(backend: Proxy, server: Server) -> bool:
    """Whether a server does not learn who the client is."""
    source = backend.source_of(server)
    return not server.proxy_protocol and not (source and "usesrc" in source[0])


def _authenticated(each: Haproxy, backend: Proxy, server: Server) -> bool:
    """Whether only clients come who log in, so that their addresses matter less."""
    ports = each.ports(backend, server)
    return bool(ports) and ports <= _AUTHENTICATED


@file_rule(
    "haproxy-single-server",
    Severity.WARNING,
    fact="A balancer takes a dead server out only for another to take its place; with one server"
    f' no mail is taken while it is gone ({MANUAL}, "server").',
    remedy="Add a second server line, if only one with backup.",
)
def single_server(files: OwnFiles) -> Iterator[FoundInFile]:
    """Mail that one server takes alone."""
    for _, backend in _farms(files):
        if backend.size == 1:
            [server] = backend.active
            text = f"{server.name} is the only server of {backend.title}"
            yield server.at, place_of(backend, "server", server.name), text


@file_rule(
    "haproxy-no-redispatch",
    Severity.INFO,
    fact="A connection that fails is tried again at the same server unless option redispatch lets"
    f' another have it ({MANUAL}, "option redispatch" and "retries"): until the checks have'
    " noticed, a client who drew a dead server finds none.",
    remedy="Write option redispatch 1, and as many retries as there are other servers.",
)
def no_redispatch(files: OwnFiles) -> Iterator[FoundInFile]:
    """Clients who are lost with the first server that is tried for them."""
    for _, backend in _farms(files):
        if backend.size < 2:
            continue
        option, retries = backend.option("redispatch"), backend.setting("retries")
        if option is None or option.word(2) == "0":
            text = f"{backend.title} tries a dead server again, and no other"
            yield (option or backend.section).at, place_of(backend, "option", "redispatch"), text
        elif retries and retries.word(1) == "0":
            text = f"{backend.title} has retries 0, which leaves redispatch without effect"
            yield retries.at, place_of(backend, "retries"), text


@file_rule(
    "haproxy-name-at-start",
    Severity.WARNING,
    fact="A server's name is looked up once, when HAProxy starts, unless the server has resolvers;"
    " HAProxy does not start where the name is not found, unless init-addr says otherwise"
    f' ({MANUAL}, "init-addr" and "resolvers").',
    remedy="Write the address, or resolvers NAME init-addr last,libc,none at the server, and a"
    " resolvers section.",
)
def name_at_start(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers whose addresses are those of the day when HAProxy started."""
    for _, backend, server in servers_of(files):
        if server.place.is_name and "resolvers" not in server.options:
            text = f"{server.name} of {backend.title} is {server.place.host}, which is looked up"
            yield server.at, place_of(backend, "server", server.name), f"{text} at the start alone"


@file_rule(
    "haproxy-one-backup",
    Severity.INFO,
    fact="Of several backup servers only the first that is up is used, unless option allbackups is"
    f' set ({MANUAL}, "option allbackups").',
    remedy="Write option allbackups, if one backup does not bear all the mail.",
)
def one_backup(files: OwnFiles) -> Iterator[FoundInFile]:
    """Backups that stand by for nothing but each other."""
    for _, backend in _farms(files):
        backups = [each for each in backend.active if "backup" in each.options]
        if sum(each.count for each in backups) > 1 and backend.option("allbackups") is None:
            text = f"of {_called(backups)} in {backend.title} one takes all the mail"
            yield backups[0].at, place_of(backend, "option", "allbackups"), text


@file_rule(
    "haproxy-mode-http",
    Severity.ERROR,
    fact="In mode http every session is read as HTTP, which SMTP is not: the server speaks first,"
    f' and the client waits for it ({MANUAL}, "mode").',
    remedy="Write mode tcp in the section.",
)
def mode_http(files: OwnFiles) -> Iterator[FoundInFile]:
    """Mail that is read as HTTP."""
    for each, backend in _farms(files):
        others = (front for front in each.fronts(backend) if front is not backend)
        for proxy in (backend, *others):
            mode = proxy.setting("mode")
            if mode and mode.word(1) == "http":
                yield mode.at, place_of(proxy, "mode"), f"{proxy.title} passes mail on in mode http"


@file_rule(
    "haproxy-tls-at-once",
    Severity.ERROR,
    fact="The option ssl begins TLS with the first byte, and on 25 and 587 a mail server greets in"
    " the clear and is asked for TLS by STARTTLS (RFC 3207); TLS from the start is of 465 alone"
    " (RFC 8314 §3.3).",
    remedy="Take ssl out, and let STARTTLS pass through; or lead to port 465.",
)
def tls_at_once(files: OwnFiles) -> Iterator[FoundInFile]:
    """TLS from the first byte, where the other side begins in the clear."""
    for each, backend in _farms(files):
        for server in backend.active:
            ports = each.ports(backend, server)
            if "ssl" in server.options and ports and ports <= _IN_THE_CLEAR:
                text = f"server {server.name} of {backend.title} is spoken to by TLS at once"
                at = server.lines.get("ssl", server.at)
                yield at, place_of(backend, "server", server.name), f"{text}, on {_on(ports)}"
        for front in each.fronts(backend):
            for bind in front.binds:
                ports = frozenset(bind.place.ports)
                if "ssl" in bind.words and ports and ports <= _IN_THE_CLEAR:
                    text = f"{front.title} takes nothing but TLS on {_on(ports)}"
                    yield bind.at, place_of(front, "bind"), text


def _on(ports: Iterable[int]) -> str:
    return listed(map(str, sorted(ports)))


RULES = (
    *(no_check, tcp_check, blind_check, check_elsewhere, check_proxy, slow_check),
    *(short_timeout, sticky, hides_clients, single_server, no_redispatch, name_at_start),
    *(one_backup, mode_http, tls_at_once),
)
