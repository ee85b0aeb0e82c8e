"""The fork server: one process that has every import ready, and forks each node in milliseconds.

The harness writes one JSON request a line on its standard input, and reads one JSON event a line
from its standard output:

    {"start": "ht1", "config": {…}, "log": PATH}   ->  {"started": "ht1", "pid": 41}
                                                       {"exited": "ht1", "pid": 41, "status": -9}

Each node leads its own process group, so that a signal to the group also reaches whatever real
program it keeps. When standard input ends, because the harness has ended in whatever way, all
nodes are killed; where the system allows it they also die if the fork server itself is killed.

This is not multiprocessing's forkserver, because that re-imports the program's ``__main__`` in each
child: half a second for pytest, and an endless recursion for a script without a guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import ssl
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final, NoReturn

from relaydrill.errors import RelaydrillError
from relaydrill.nodes import config, runtime
from relaydrill.parent_death import dies_with_parent

_PRELOAD: Final = (
    "relaydrill.kinds.fake.service",
    "relaydrill.nodes.transport.hub",
    "relaydrill.nodes.mailbox",
    "relaydrill.nodes.balancing.balancer",
    "relaydrill.nodes.sending.sender",
)


class ForkServer:
    """The parent of a lab's nodes."""

    def __init__(self) -> None:
        self._nodes: dict[int, str] = {}

    def run(self) -> None:
        """Serve requests until standard input ends, then kill what is left."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        # Ctrl-C reaches the whole terminal's group; only the harness decides when nodes end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        requests = b""
        while True:
            for key, _ in selector.select():
                if key.fd == wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                    self._reap()
                    continue
                got = os.read(0, 1 << 20)
                if not got:
                    self._kill_all()
                    return
                *lines, requests = (requests + got).split(b"\n")
                for line in lines:
                    self._start(json.loads(line))

    def _start(self, request: dict[str, Any]) -> None:
        name = str(request["start"])
        if ca := request["config"].get("ca"):
            # Made before the fork, it is shared by all senders; what is wrong with it they say.
            from relaydrill.nodes.sending.host import trust

            with contextlib.suppress(OSError):
                trust(ca)
        end_with_parent = dies_with_parent()
        pid = os.fork()
        if pid == 0:
            _become_node(request, end_with_parent)
        # Both sides set it, so that neither has to wait for the other.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._nodes[pid] = name
        _say({"started": name, "pid": pid})

    def _reap(self) -> None:
        while self._nodes:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self._nodes.pop(pid, "")
            _say({"exited": name, "pid": pid, "status": os.waitstatus_to_exitcode(status)})

    def _kill_all(self) -> None:
        for pid in self._nodes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        for pid in self._nodes:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _say(event: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


def _become_node(request: dict[str, Any], end_with_parent: Callable[[], None]) -> NoReturn:
    """In the child: leave everything of the fork server's behind, and run the node to its end."""
    status = 1
    try:
        os.setpgid(0, 0)
        end_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 256)
        runtime.run(config.parse(json.dumps(request["config"])))
        status = 0
    except RelaydrillError as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _warm_up() -> None:
    """Do once what each node would do for its first time, and keep the pages of.

    OpenSSL looks for its algorithms, and asyncio makes its tables: a third of a node's start, and
    of its own memory.
    """
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asyncio.run(asyncio.sleep(0))


def main() -> None:
    """Import what nodes need, and serve."""
    for module in _PRELOAD:
        importlib.import_module(module)
    _warm_up()
    gc.collect()
    gc.freeze()  # what is here now is shared by all nodes; collecting it would copy its pages
    ForkServer().run()
