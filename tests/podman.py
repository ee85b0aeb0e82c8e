"""Podman, which serves the API of a Docker engine: a service of its own, with its own store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.images import IMAGES
from relaydrill.wait import wait_for
from tests.second_engine import folder_in_memory

_STARTS_S: Final = 60.0
_ENDS_S: Final = 20.0
_LOADED_S: Final = 240.0
_BOUND: Final = 4096


def why_no_podman() -> str:
    """Why it cannot be started here, with what would; empty where it can."""
    if os.geteuid() != 0:
        return "Podman's service is started as root here; run as root on Linux"
    if shutil.which("podman") is None:
        return "no podman; to run this: apt-get install --no-install-recommends podman"
    return ""


@contextlib.contextmanager
def podman() -> Iterator[str]:
    """Podman's service with the image of the fakes; whatever runs in it ends with it.

    Yields:
        Where it is, as DOCKER_HOST says it.
    """
    with folder_in_memory() as folder:
        command = [
            *("podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")),
            *("--tmpdir", str(folder / "tmp"), "--network-config-dir", str(folder / "networks")),
            *("--cgroup-manager", "cgroupfs"),
        ]
        environment = {**os.environ, "CONTAINERS_CONF": str(_settings(folder))}
        url, log = f"unix://{folder}/podman.sock", folder / "podman.log"
        with log.open("wb") as said:
            service = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command, "system", "service", "--time=0", url],
                stdout=said,
                stderr=said,
                env=environment,
            )
        try:
            wait_for(
                lambda: service.poll() is not None or _listens(folder / "podman.sock"),
                what=f"Podman to answer on {url}",
                deadline_s=_STARTS_S,
                every_s=0.1,
                diagnosis=lambda: log.read_text()[-2000:],
            )
            assert service.poll() is None, log.read_text()[-2000:]
            _load_image(command)
            yield url
        finally:
            done = subprocess.run(
                [*command, "rm", "--all", "--force", "--time", "0"],
                capture_output=True,
                timeout=60,
                check=False,
                env=environment,
            )
            service.terminate()
            try:
                service.wait(_ENDS_S)
            finally:
                service.kill()
                service.wait()
        assert done.returncode == 0, done.stderr.decode()


def _settings(folder: Path) -> Path:
    """By default it asks for more files and processes than this machine may allow.

    See containers.conf(5), default_ulimits.
    """
    told = [f"{name}={_BOUND}:{_BOUND}" for name in ("nofile", "nproc")]
    path = folder / "containers.conf"
    path.write_text(f"[containers]\ndefault_ulimits = {json.dumps(told)}\n")
    return path


def _load_image(command: list[str]) -> None:
    """Give it the image that the Docker engine has."""
    save = ["docker", "save", IMAGES["node"].exact_tag]
    with subprocess.Popen(save, stdout=subprocess.PIPE) as saved:
        subprocess.run(
            [*command, "load", "--quiet"],
            stdin=saved.stdout,
            check=True,
            capture_output=True,
            timeout=_LOADED_S,
        )
    assert saved.returncode == 0


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
