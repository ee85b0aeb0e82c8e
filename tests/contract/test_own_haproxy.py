"""What is read of a haproxy.cfg is what HAProxy itself makes of it."""

from __future__ import annotations

import csv
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from relaydrill.own_configuration.haproxy import Haproxy, Proxy, Server, read
from relaydrill.own_configuration.haproxy.server_options import WORDS
from relaydrill.own_configuration.text import text_of
from relaydrill.wait import wait_for
from tests.own_files import STYLES

_HAPROXY: Final = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/bin")

pytestmark = pytest.mark.skipif(not _HAPROXY, reason="to run this: apt-get install haproxy")

_REST: Final = {
    "quoting and variables": """\
global
    setenv HUB 10.1.0.11
    presetenv PORT 25
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    default-server inter 3s fall 5
listen 'smtp-'"in"
    bind 127.0.0.1:2525
    server "ht"1 "${HUB}:${PORT}" check weight 7
    server \x68t2 "$HUB:${MISSING-587}" weight '9' # server no 10.0.0.9:25
    default-server check rise 4
    server ht3 ipv4@10.1.0.13:25 backup
    server ht4 ipv6@fd00::14:25 no-check
    server ht5 [fd00::15]:25 disabled
""",
    "offsets, ranges and sockets": """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend in
    bind 127.0.0.1:2525-2527,127.0.0.1:2587
    default_backend out
backend out
    balance first
    server a 10.1.0.1:+1000 check port 1025 weight 0
    server b 10.1.0.2 weight 256
    server c /run/none.sock send-proxy
    server-template t 2-4 10.1.0.3:25 check backup
""",
    "stick tables and what says nothing": """\
defaults plain
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    option smtpchk HELO lb
defaults other from plain
    no option redispatch
    default-server weight 3
backend sticky from plain
    stick-table type ip size 10k expire 30m
    stick on src
    server a 10.1.0.1:25 check observe layer4 error-limit 10 on-error mark-down agent-check \
agent-port 9999 source 10.1.0.9
    server b 10.1.0.2:25 track sticky/a
backend bare from other
    server c 10.1.0.3:25 check
    server d 10.1.0.4:25 weight 5
""",
}
_TEXTS: Final = {
    **{style: files["haproxy.cfg"] for style, files in STYLES.items() if "haproxy.cfg" in files},
    **_REST,
}


@pytest.fixture(params=_TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    """A configuration, at ports that nobody else has and names that need no name server."""
    found = _TEXTS[request.param].replace("hubs.contoso.com", "localhost")

    def elsewhere(bind: re.Match[str]) -> str:
        return re.sub(
            r"\d+(?:\.\d+){3}:(\d+)", lambda one: f"127.83.7.1:{20000 + int(one[1])}", bind[0]
        )

    return (
        re.sub(r"^\s*bind .*$", elsewhere, found, flags=re.M)
        .replace("-2527", "-22527")
        .replace("-2526", "-22526")
    )


@pytest.fixture
def told(text: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """What HAProxy says of its servers and of their state, once it runs with the file."""
    (tmp_path / "theirs.cfg").write_text(text)
    (tmp_path / "ours.cfg").write_text(
        "global\n    stats socket unix@runtime.sock mode 600 level admin\n    nbthread 1\n"
    )
    command = [str(_HAPROXY), "-db", "-f", "theirs.cfg", "-f", "ours.cfg"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        runtime = tmp_path / "runtime.sock"
        wait_for(
            lambda: _listens(runtime) or process.poll() is not None, what="HAProxy", deadline_s=10
        )
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield _asked(runtime, "show servers state"), _asked(runtime, "show stat")
    finally:
        process.kill()
        process.wait(10)


def _listens(runtime: Path) -> bool:
    """Whether it can be connected to: it is there a moment before."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(runtime)) == 0


def _asked(runtime: Path, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(runtime))
        connection.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def _servers(found: Haproxy) -> Iterator[tuple[Proxy, Server, str]]:
    """Every server that there is, with its name: a template makes several."""
    for backend in found.proxies:
        for server in backend.servers:
            if server.count == 1 and backend.section.statements and not _template(backend, server):
                yield backend, server, server.name
                continue
            [line] = [each for each in backend.section.statements if each.at == server.at]
            first = int(line.word(2).partition("-")[0]) if "-" in line.word(2) else 1
            for number in range(first, first + server.count):
                yield backend, server, f"{server.name}{number}"


def _template(backend: Proxy, server: Server) -> bool:
    return any(
        each.at == server.at and each.keyword == "server-template"
        for each in backend.section.statements
    )


def test_the_servers_are_those_of_haproxy(text: str, told: tuple[str, str]) -> None:
    """Name, address, port, weight, backup, whether they are checked, the method and the mode."""
    found = read([text_of(text.encode(), "haproxy.cfg")], "haproxy.cfg")
    state, stat = told
    rows = csv.DictReader(state.split("\n", 1)[1].removeprefix("# ").splitlines(), delimiter=" ")
    theirs = {(row["be_name"], row["srv_name"]): row for row in rows}
    stats = {
        (row["pxname"], row["svname"]): row
        for row in csv.DictReader(stat.removeprefix("# ").splitlines())
    }
    ours = {(backend.name, name): (backend, server) for backend, server, name in _servers(found)}
    assert {*ours} == {*theirs}
    assert {*ours} == {
        key
        for key, row in stats.items()
        if key[1] not in ("FRONTEND", "BACKEND") and row["type"] == "2"
    }
    for key, (_, server) in ours.items():
        row = stats[key]
        assert row["weight"] == str(1 if server.weight is None else server.weight), key
        assert (row["bck"] == "1") is ("backup" in server.options), key
        if "disabled" not in server.options and "track" not in server.options:
            assert (row["status"] == "no check") is not server.checked, (key, row["status"])
        if server.place.address is not None:
            assert theirs[key]["srv_addr"] == str(server.place.address), key
            port = "0" if server.place.first is None else str(server.place.first)
            assert theirs[key]["srv_port"] == port, key
    for row in stats.values():
        if row["svname"] != "BACKEND":
            continue
        [backend] = [
            each
            for each in found.proxies
            if each.name == row["pxname"] and each.section.kind != "frontend"
        ]
        assert row["mode"] == backend.mode
        method = backend.balance.word(1) if backend.balance else "roundrobin"
        assert row["algo"] == method, row["pxname"]


def test_every_option_of_a_server_is_known() -> None:
    """With as many words as HAProxy takes: one that is not would be told of and left out."""
    config = "defaults\n  mode tcp\nlisten a\n  bind unix@a.sock\n"
    said = subprocess.run(
        [str(_HAPROXY), "-dKcfg", "-q", "-c", "-f", "/dev/stdin"],
        input=config,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    found = re.findall(r"^\s*server <name> <addr> (\S+)(?: \+(-?\d+))?$", said.stdout, re.M)
    theirs = {name: int(count or 0) for name, count in found}
    assert len(theirs) > 80, said.stdout + said.stderr
    # These two say that their words are not to be counted.
    del theirs["source"], theirs["usesrc"]
    assert {name: WORDS.get(name) for name in theirs} == theirs
