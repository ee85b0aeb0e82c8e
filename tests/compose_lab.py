"""A lab that a person has brought up with ``docker compose``, for tests that drill it.

A compose file publishes the ports 21001 and on of this machine, so one of them stands at a time,
whichever processes of the tests want one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import docker
import pytest

from relaydrill import topology_files
from relaydrill.drivers.docker import compose
from relaydrill.images import IMAGES
from relaydrill.wait import wait_for

COMPOSE: Final = shutil.which("docker-compose")

NEEDS_COMPOSE: Final = pytest.mark.skipif(
    not COMPOSE, reason="to run this: apt-get install docker-compose"
)

COMPOSE_TEST_S: Final = 600
"""How long such a test may take, with its wait for those of others."""

_UP_S: Final = 100
_OTHERS_S: Final = 400
"""How long others may have theirs."""


@contextmanager
def brought_up(topology: Path) -> Iterator[str]:
    """The name of the project that stands meanwhile, of this checkout's image.

    Args:
        topology: File of the topology; the compose file is written beside it.
    """
    with alone():
        text = compose.compose_file(
            topology_files.load(topology), str(topology), subnet=_free_subnet(), mounted=True
        )
        for image in IMAGES.values():
            text = text.replace(f"{image.tag}\n", f"{image.exact_tag}\n")
        file = topology.with_name("compose.yaml")
        file.write_text(text)
        # Of this run alone: one that was killed leaves its own, with another range.
        project = f"relaydrill{topology.stem}{os.getpid()}"
        with standing_project(project, file):
            yield project


@contextmanager
def standing_project(project: str, file: Path) -> Iterator[None]:
    """Have a compose file's lab stand meanwhile; for whoever is `alone`."""
    try:
        _compose(project, file, "up", "-d")
        yield
    finally:
        _compose(project, file, "down", "-v", "-t", "0")


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other test of this user has a compose lab, and keep them waiting meanwhile."""
    path = Path(tempfile.gettempdir()) / f"relaydrill-tests-compose-{os.geteuid()}"
    with path.open("w") as lock:
        wait_for(
            lambda: _locked(lock.fileno()),
            what="the compose labs of other tests to end",
            deadline_s=_OTHERS_S,
        )
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_subnet() -> str:
    with closing(docker.from_env()) as engine:
        taken = json.dumps([each.attrs for each in engine.networks.list()])
    return next(f"10.214.{each}.0/24" for each in range(200) if f"10.214.{each}." not in taken)


def _compose(project: str, file: Path, *arguments: str) -> None:
    done = subprocess.run(
        [str(COMPOSE), "-p", project, "-f", str(file), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_UP_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
