"""What a balancer adds to the time of a message, at the median: the fake's against HAProxy's.

One client, one message a connection, straight to Postfix's smtp-sink and through either, in turns,
so that whatever else the machine does is shared by all three.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from relaydrill.endpoint import Endpoint
from relaydrill.message import compose
from relaydrill.node_settings import HealthCheck
from relaydrill.nodes import config
from relaydrill.smtp import Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession
from relaydrill.wait import wait_for

_PATH = os.environ.get("PATH", "") + ":/usr/sbin"
_MESSAGES = 600
_SINK, _HAPROXY, _FAKE = (Endpoint(f"127.99.25.{number}", 2525) for number in (1, 2, 3))
_CONTENT = compose(
    "<1@bench>",
    sender="app@contoso.com",
    recipients=("user@contoso.com",),
    size=2000,
    date=0.0,
)


def run(folder: Path) -> Iterator[str]:
    """Measure all three, and yield their figures and the ratio."""
    sink, haproxy = (shutil.which(each, path=_PATH) for each in ("smtp-sink", "haproxy"))
    if not sink or not haproxy:
        yield "not measured: needs smtp-sink and haproxy (apt-get install postfix haproxy)"
        return
    with ExitStack() as stack:
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
        _start(stack, [sink, *as_user, str(_SINK), "200"])
        _start(stack, [haproxy, "-db", "-f", str(_for_haproxy(folder))])
        _start(stack, [sys.executable, "-m", "relaydrill.nodes", str(_for_the_fake(folder))])
        took: dict[Endpoint, list[float]] = {_SINK: [], _HAPROXY: [], _FAKE: []}
        for where in took:
            wait_for(lambda where=where: _answers(where), what=str(where), deadline_s=10.0)  # type: ignore[misc]
        for _ in range(_MESSAGES):
            for where, times in took.items():
                times.append(_timed(where))
    direct, theirs, ours = (1e6 * statistics.median(times) for times in took.values())
    yield f"straight to smtp-sink      {direct:6.0f} us a message"
    yield f"through HAProxy            {theirs:6.0f} us, {theirs - direct:.0f} added"
    yield f"through the fake           {ours:6.0f} us, {ours - direct:.0f} added"
    yield f"added, fake over HAProxy   {(ours - direct) / (theirs - direct):6.2f}  (the goal is 2)"


def _start(stack: ExitStack, command: list[str]) -> None:
    running = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    stack.callback(running.terminate)


def _for_haproxy(folder: Path) -> Path:
    path = folder / "haproxy.cfg"
    path.write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen mail\n  bind {_HAPROXY}\n  server sink {_SINK}\n"
    )
    return path


def _for_the_fake(folder: Path) -> Path:
    sink = config.Address(address=_SINK.address, port=_SINK.port)
    bind = config.Address(address=_FAKE.address, port=_FAKE.port)
    settings = config.Balancer(
        name="lb1",
        fqdn="lb1",
        address=_FAKE.address,
        control=config.Control(address=_FAKE.address, port=2600, token="bench"),
        journal=str(folder / "lb1.jsonl"),
        fronts=(config.Front(vip="mail", port=25, bind=bind),),
        backends=(config.Backend(name="sink", endpoints={25: sink}),),
        check=HealthCheck(kind="none", interval=1.0),
        source="snat",
    )
    path = folder / "lb1.json"
    path.write_text(settings.model_dump_json())
    return path


def _answers(where: Endpoint) -> bool:
    try:
        SmtpSession.connect(_route(where)).quit()
    except SessionEnded:
        return False
    return True


def _route(where: Endpoint) -> Route:
    return Route(where, helo="bench.contoso.com", connect_s=5.0, reply_s=5.0)


def _timed(where: Endpoint) -> float:
    """Seconds from the connection to the answer after the dot."""
    begin = time.perf_counter()
    session = SmtpSession.connect(_route(where))
    outcomes = session.send("app@contoso.com", ("user@contoso.com",), _CONTENT)
    took = time.perf_counter() - begin
    assert all(outcome.result is Result.ACCEPTED for outcome in outcomes.values()), outcomes
    session.quit()
    return took
