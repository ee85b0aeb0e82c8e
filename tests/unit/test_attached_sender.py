"""A mail server between sender and tier that runs already: what its log and its queue tell."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from relaydrill import topology_files
from relaydrill.errors import LabError, TopologyError
from relaydrill.kinds.postfix import attached
from relaydrill.kinds.postfix.attached import AttachedPostfix
from relaydrill.nodes import config
from relaydrill.nodes.sending.mta import Fact, Left, Named, Tried
from relaydrill.smtp import Outcome, Phase, Reply, Result

_TOP = """\
name: nullclient
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender, kind: KIND}
names: {mail.contoso.com: ht1}
connectors: {relay: {port: 25, remote: [app], relay: true}}
flows: {relay: {from: app, to: mail.contoso.com}}
attach:
  nodes:
    ht1: {address: 127.9.0.11}
    app: {WHERE}
  allow: {hosts: [127.9.0.0/24], domains: [contoso.com]}
"""
_WHOLE = "address: 127.9.0.50, log: /var/log/mail.log, queue: {run: [postqueue, '-j']}"


@pytest.mark.parametrize(
    ("where", "kind", "told"),
    [
        (_WHOLE, "postfix", []),
        ("address: 127.9.0.50", "postfix", ["log: the file", "queue: {run"]),
        (_WHOLE.replace("127.9.0.50", "127.9.9.50"), "postfix", ["127.9.9.50 is outside of"]),
        (_WHOLE + ", ports: {25: 2525}", "postfix", ["port 2525, where app takes mail, is not"]),
        (_WHOLE, "exim", ["app is a real exim, whose log is not read"]),
        (_WHOLE.replace("/var/log/mail.log", "{run: [tail]}"), "postfix", ["log: the file"]),
    ],
)
def test_what_is_to_be_said_of_it(where: str, kind: str, told: list[str]) -> None:
    """Where it takes mail, within the fence; its log, and what prints its queue."""
    found = []
    try:
        topology_files.parse(_TOP.replace("WHERE", where).replace("KIND", kind), "lab.yaml")
    except TopologyError as error:
        found = [str(problem) for problem in error.mistakes]
    assert len(found) == len(told), found
    assert all(part in problem for part, problem in zip(told, found, strict=True))


def settings(log: Path, port: int = 25, *queue_command: str) -> config.Mta:
    """Of a node whose mail server runs already."""
    bind = config.Address(address="127.0.0.1", port=port)
    connector = config.Connector(networks=("127.0.0.0/8",), relay=True)
    return config.Mta(
        name="app",
        fqdn="app.contoso.com",
        journal="",
        control=config.Control(address="127.0.0.1", port=1, token="x"),
        address="127.0.0.1",
        kind="postfix",
        listeners=(config.Listener(port=25, bind=bind, connectors=(connector,)),),
        domains=(),
        hosts={},
        smart_host="",
        retry_s=1.0,
        late_retry_s=1.0,
        queue_run_s=1.0,
        dead_host_s=1.0,
        log=str(log),
        queue_command=queue_command,
    )


_HEAD = "Nov 30 03:18:25 app postfix-out/"
_NAMED = _HEAD + "cleanup[7]: 4XyzQ1: message-id=<1@x>\n"
_DEFERRED = (
    _HEAD + "smtp[8]: 4XyzQ1: to=<user@contoso.com>, relay=none, delay=1, dsn=4.4.1,"
    " status=deferred (connect to 127.9.0.11[127.9.0.11]:25: Connection refused)\n"
)
_SENT = (
    _HEAD + "smtp[8]: 4XyzQ1: to=<user@contoso.com>, relay=127.9.0.12[127.9.0.12]:25, delay=1,"
    " delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 stored as 1)\n"
)
_REMOVED = _HEAD + "qmgr[9]: 4XyzQ1: removed\n"
FACTS = [
    Named("4XyzQ1", "<1@x>"),
    Tried(
        "4XyzQ1",
        "user@contoso.com",
        Outcome(
            Result.UNREACHABLE,
            Phase.CONNECT,
            reason="Connection refused",
            address="127.9.0.11:25",
        ),
    ),
    Tried(
        "4XyzQ1",
        "user@contoso.com",
        Outcome(
            Result.ACCEPTED,
            Phase.REPLY,
            reply=Reply(250, "2.0.0 stored as 1"),
            address="127.9.0.12:25",
        ),
    ),
    Left("4XyzQ1"),
]


@pytest.mark.parametrize("happens", ["nothing", "turned over", "emptied"])
def test_every_try_is_read_off_its_log(happens: str, tmp_path: Path) -> None:
    """Whatever it calls itself there, and where the log goes on; what stood there before is not."""
    log = tmp_path / "mail.log"
    log.write_text(_NAMED.replace("1@x", "old@x"))

    async def read() -> list[Fact]:
        postfix = AttachedPostfix(settings(log))
        await postfix.begin()
        found: list[Fact] = []
        with log.open("a") as file:
            file.write(_NAMED + _DEFERRED + _SENT[:40])
        async for fact in postfix.facts():
            found.append(fact)
            if len(found) == 2:
                with log.open("a") as file:
                    file.write(_SENT[40:])
            if len(found) == 3:
                if happens == "turned over":
                    log.rename(tmp_path / "mail.log.1")
                if happens == "emptied":
                    log.write_text("")
                    await asyncio.sleep(0.12)
                with log.open("a") as file:
                    file.write(_REMOVED)
            if len(found) == 4:
                await postfix.end()
        return found

    assert asyncio.run(asyncio.wait_for(read(), 10)) == FACTS


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Nov 30 03:18:25 app postfix-out/smtpd[7]: connect from x[127.0.0.1]\n", ""),
        ("127.0.0.1 - - [30/Nov/2026:03:18:25 +0000] GET / 200\n", "tells nothing of a connection"),
        (None, "takes no mail: "),
    ],
)
def test_it_must_take_connections_and_log_them(
    line: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the lab does not begin: of another program's log no try would ever be read.

    Whoever follows what it logs reads meanwhile, and may be the first to see that line.
    """
    monkeypatch.setattr(attached, "_CONNECT_S", 0.3)
    log = tmp_path / "mail.log"
    log.touch()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with log.open("a") as file:
            file.write(line or "")
        writer.write(b"220 app ESMTP\r\n")
        writer.close()

    async def begin() -> bool:
        serving = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = int(serving.sockets[0].getsockname()[1])
        if line is None:
            serving.close()
        postfix = AttachedPostfix(settings(log, port))
        await postfix.begin()
        reading = asyncio.create_task(read(postfix))
        try:
            return await postfix.takes_mail()
        finally:
            await postfix.end()
            assert await reading == []
            serving.close()

    async def read(postfix: AttachedPostfix) -> list[Fact]:
        return [fact async for fact in postfix.facts()]

    if told:
        with pytest.raises(LabError, match=told):
            asyncio.run(begin())
    else:
        assert asyncio.run(begin())


def test_its_queue_is_what_the_command_prints(tmp_path: Path) -> None:
    """Each recipient of each message; a command that fails is no empty queue."""
    entry = {"queue_id": "4XyzQ1", "recipients": [{"address": "a@x"}, {"address": "b@x"}]}
    script = f"print({json.dumps(json.dumps(entry))})"
    postfix = AttachedPostfix(settings(tmp_path, 25, sys.executable, "-c", script))
    assert postfix.queue() == [("4XyzQ1", "a@x"), ("4XyzQ1", "b@x")]
    for command in (("false",), ("/nowhere/x",), ("echo", "{}"), ("echo", "what")):
        with pytest.raises(LabError, match="the queue of app cannot be looked into"):
            AttachedPostfix(settings(tmp_path, 25, *command)).queue()
