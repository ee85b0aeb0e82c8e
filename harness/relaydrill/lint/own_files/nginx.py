"""nginx's stream block: what happens when a server dies, and what servers see of the clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.own_files.rule import (
    LONGEST_ANSWER_S,
    SMTP_TIMEOUTS,
    FoundInFile,
    file_rule,
)
from relaydrill.lint.rule import Severity
from relaydrill.marks import Path
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.nginx import Passing, seconds

_UPSTREAM: Final = "nginx documentation, ngx_stream_upstream_module"
_PROXY: Final = "nginx documentation, ngx_stream_proxy_module"
_CONNECT_S: Final = 60.0
_LONGEST_CONNECT_S: Final = 10.0


def _mail(files: OwnFiles) -> Iterator[Passing]:
    return (each for nginx in files.nginx for each in nginx.mail())


def _of(each: Passing, *more: str) -> Path:
    return ("stream", each.target, *more)


@file_rule(
    "nginx-single-server",
    Severity.WARNING,
    fact="A balancer passes over a dead server only for another to take its place; with one server"
    f" no mail is taken while it is gone ({_UPSTREAM}, server).",
    remedy="Add a second server line to the upstream, if only one with backup.",
)
def single_server(files: OwnFiles) -> Iterator[FoundInFile]:
    """Mail that one server takes alone."""
    for each in _mail(files):
        if len(each.peers) == 1 and "resolve" not in each.peers[0].options:
            text = f"{each.peers[0].address} is the only server of {each.title}"
            yield each.peers[0].at, _of(each, "server"), text


@file_rule(
    "nginx-no-max-fails",
    Severity.ERROR,
    fact="With max_fails=0 failures are not counted, and a dead server is never passed over"
    f" ({_UPSTREAM}, max_fails).",
    remedy="Write max_fails=1 fail_timeout=10s at the server.",
)
def no_max_fails(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers that are never taken out."""
    for each in _mail(files):
        for peer in each.peers if len(each.peers) > 1 else ():
            if peer.value("max_fails") == "0":
                text = f"{peer.address} of {each.title} has max_fails=0: it keeps its share"
                yield peer.at, _of(each, "server", peer.address), f"{text} when it is dead"


@file_rule(
    "nginx-no-next-server",
    Severity.ERROR,
    fact="proxy_next_upstream says whether a client who drew a dead server gets another; it is on"
    f" unless it is turned off ({_PROXY}, proxy_next_upstream).",
    remedy="Take out proxy_next_upstream off.",
)
def no_next_server(files: OwnFiles) -> Iterator[FoundInFile]:
    """Clients who are lost with the first server that is tried for them."""
    for each in _mail(files):
        found = each.setting("proxy_next_upstream")
        if found and found.word(1) == "off" and len(each.peers) > 1:
            text = f"{each.title} tries no other server when one does not answer"
            yield found.at, _of(each, "proxy_next_upstream"), text


@file_rule(
    "nginx-slow-connect",
    Severity.WARNING,
    fact="A host that is gone does not refuse, it is silent: every session that comes to it waits"
    f" for proxy_connect_timeout, a minute by default ({_PROXY}), and a client of mail waits five"
    f" for the greeting ({SMTP_TIMEOUTS}) if it is patient.",
    remedy="Write proxy_connect_timeout 5s.",
)
def slow_connect(files: OwnFiles) -> Iterator[FoundInFile]:
    """Sessions that wait for a dead host."""
    for each in _mail(files):
        found = each.setting("proxy_connect_timeout")
        waits = seconds(found.word(1)) if found else _CONNECT_S
        if waits is not None and waits > _LONGEST_CONNECT_S and len(each.peers) > 1:
            text = f"{each.title} waits {waits:g} s for a dead host before it tries another"
            at = found.at if found else each.block.at
            yield at, _of(each, "proxy_connect_timeout"), text


@file_rule(
    "nginx-short-timeout",
    Severity.WARNING,
    fact="A client waits ten minutes for the reply to the end of a message"
    f" ({SMTP_TIMEOUTS}); a session that is silent for longer than proxy_timeout is cut ({_PROXY}),"
    " and a message whose reply was cut off is sent again.",
    remedy="Write proxy_timeout 10m, which is the default.",
)
def short_timeout(files: OwnFiles) -> Iterator[FoundInFile]:
    """Sessions that are cut while a server may still be at work."""
    for each in _mail(files):
        found = each.setting("proxy_timeout")
        waits = seconds(found.word(1)) if found else None
        if found and waits is not None and waits < LONGEST_ANSWER_S:
            text = f"proxy_timeout ends a silent session of {each.title} after {waits:g} s"
            yield found.at, _of(each, "proxy_timeout"), text


@file_rule(
    "nginx-sticky",
    Severity.WARNING,
    fact="hash $remote_addr gives all sessions of a client to one server"
    f" ({_UPSTREAM}, hash): where most mail comes from one application, one server has it all.",
    remedy="Write least_conn, or nothing: SMTP has no state that outlasts a session.",
)
def sticky(files: OwnFiles) -> Iterator[FoundInFile]:
    """Stickiness that undoes the spread."""
    for each in _mail(files):
        found = each.to.last("hash") if each.to else None
        if found and "remote_addr" in found.word(1) and len(each.peers) > 1:
            text = f"hash {found.word(1)} in {each.title} binds clients"
            yield found.at, _of(each, "hash"), text


@file_rule(
    "nginx-hides-clients",
    Severity.WARNING,
    fact="A proxy connects from its own address: servers that let clients relay by address, or look"
    f" them up in block lists, see the balancer in place of every one of them ({_PROXY}, proxy_bind"
    " and proxy_protocol).",
    remedy="Write proxy_protocol on if the servers speak it (Postfix: smtpd_upstream_proxy_protocol"
    " = haproxy; no Exchange does), else proxy_bind $remote_addr transparent.",
)
def hides_clients(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers that see the balancer's address and not the client's."""
    for each in _mail(files):
        told, bound = each.setting("proxy_protocol"), each.setting("proxy_bind")
        if (told and told.word(1) == "on") or (bound and "transparent" in bound.words):
            continue
        if each.ports & {25, 2525}:
            text = f"the servers of {each.title} see the balancer's address"
            at = bound.at if bound else each.block.at
            yield at, _of(each, "proxy_protocol"), f"{text} in place of the clients'"


RULES = (
    *(single_server, no_max_fails, no_next_server, slow_connect, short_timeout, sticky),
    hides_clients,
)
