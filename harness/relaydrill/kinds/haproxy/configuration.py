"""HAProxy's configuration for a balancer: text from settings, and nothing else.

One farm (a HAProxy backend) for each logical port, with checks of its own, as in the fake. Every
timer of the topology is given to HAProxy in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.node_settings import HealthCheck
from relaydrill.nodes import config
from relaydrill.nodes.receiving.dialogue import PROBE_NAME

STATS_SOCKET: Final = "haproxy.sock"
"""The runtime API's socket, relative to the directory that HAProxy runs in.

A full path could be longer than the hundred or so bytes that a socket's address may have.
"""

SESSION_LOG: Final = "backend=%s client=%ci accepted=%Ts.%ms connect_ms=%Tc ended=%ts"
"""What is logged of a session; the frontend puts its port before it."""

_SILENCE: Final = "24h"  # idle sessions are the hubs' to end: they say so before they close
_LONGEST_MS: Final = 2_147_483_647  # HAProxy refuses more

_GOOD_CODE: Final = (
    'min-recv 4 error-status L7STS on-error "%[res.payload(0,0),cut_crlf]"'
    " status-code res.payload(0,3) rstring '^{codes}[- \\r]'"
)
_LAST_LINE: Final = r"rstring '(?:^|\n){codes}[ \r][^\n]*\n'"
_DONE: Final = "2[0-9][0-9]"
_DONE_OR_POLICY: Final = "(?:2[0-9][0-9]|530)"
"""530 to MAIL and RSET is a healthy server that wants TLS, AUTH or another client."""


def farm(port: int) -> str:
    """The name of a logical port's farm."""
    return f"farm-{port}"


def render(settings: config.Balancer, *, most_connections: int) -> str:
    """A whole configuration file.

    Args:
        settings: The balancer.
        most_connections: Served at once; those beyond wait in the kernel's accept queue.
    """
    lines = [*_global(most_connections), "", *_defaults(settings)]
    for front in settings.fronts:
        lines += ["", *_frontend(front, settings.backlog)]
    for port in sorted({front.port for front in settings.fronts}):
        lines += ["", *_farm(settings, port)]
    return "\n".join(lines) + "\n"


def _global(most_connections: int) -> Iterator[str]:
    yield "global"
    yield "    log stdout format raw local0 info"
    # Without a bound HAProxy takes the limit on open files for one, and memory for all of them.
    yield f"    maxconn {most_connections}"
    yield "    nbthread 1"
    # A port that another program holds shall be an error, not shared with it.
    yield "    noreuseport"
    yield f"    stats socket unix@{STATS_SOCKET} mode 600 level admin"


def _defaults(settings: config.Balancer) -> Iterator[str]:
    connect = _ms(settings.connect_s)
    yield "defaults"
    yield "    mode tcp"
    yield "    log global"
    yield f"    timeout connect {connect}"
    yield f"    timeout queue {connect}"
    yield f"    timeout client {_SILENCE}"
    yield f"    timeout server {_SILENCE}"
    yield f"    timeout check {_ms(settings.check.patience)}"


def _frontend(front: config.Front, backlog: int) -> Iterator[str]:
    yield f"frontend {front.vip}-{front.port}"
    yield f"    bind {front.bind.address}:{front.bind.port} backlog {backlog}"
    # Logged when the server has answered, not when the session ends: a log line says that the
    # balancer takes traffic now.
    yield "    option logasap"
    yield f'    log-format "session port={front.port} {SESSION_LOG}"'
    yield f"    default_backend {farm(front.port)}"


def _farm(settings: config.Balancer, port: int) -> Iterator[str]:
    backends = [backend for backend in settings.backends if port in backend.endpoints]
    yield f"backend {farm(port)}"
    yield f"    source {settings.address}"
    yield f"    balance {settings.method}"
    if settings.redispatch:
        # After every failure at another server, until each has had one try.
        yield "    option redispatch 1"
        yield f"    retries {max(0, len(backends) - 1)}"
    else:
        yield "    retries 0"
    for line in _check(settings.check):
        yield f"    {line}"
    options = _server_options(settings)
    for backend in backends:
        endpoint = backend.endpoints[port]
        yield f"    server {backend.name} {endpoint.address}:{endpoint.port}{options}"


def _server_options(settings: config.Balancer) -> str:
    check, options = settings.check, []
    if settings.source == "proxy":
        options += ["send-proxy-v2"]
    if check.kind != "none":
        interval = _ms(check.interval)
        options += [f"check inter {interval} fall {check.fall} rise {check.rise}"]
        if settings.source == "proxy":
            options += ["check-send-proxy"]
    if settings.on_marked_down == "shutdown":
        options += ["on-marked-down shutdown-sessions"]
    return "".join(f" {option}" for option in options)


def _check(check: HealthCheck) -> Iterator[str]:
    if check.kind == "smtp":
        yield f"option smtpchk EHLO {PROBE_NAME}"
    if check.kind == "mail":
        yield "option tcp-check"
        yield "tcp-check connect default linger"  # or it ends its sessions with a reset
        yield from _expect_good("banner")
        for command in (f"EHLO {PROBE_NAME}", f"MAIL FROM:<probe@{PROBE_NAME}>", "RSET", "QUIT"):
            yield f'tcp-check send "{command}\\r\\n"'
            policy = command.startswith(("MAIL", "RSET"))
            yield from _expect_good(command.split()[0], _DONE_OR_POLICY if policy else _DONE)


def _expect_good(said: str, codes: str = _DONE) -> Iterator[str]:
    """A whole reply of one of these codes.

    Two rules, because one cannot do both: be sure of a refusal at once, and wait for the last line
    of a good reply. What is left of it would be taken for the next one.
    """
    yield f"tcp-check expect comment {said} {_GOOD_CODE.replace('{codes}', codes)}"
    yield f"tcp-check expect comment {said} {_LAST_LINE.replace('{codes}', codes)}"


def _ms(seconds: float) -> str:
    return f"{min(max(1, round(seconds * 1000)), _LONGEST_MS)}ms"
