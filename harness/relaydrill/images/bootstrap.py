"""The base image: pulled where a registry answers, else bootstrapped from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from relaydrill.errors import LabError

SUITE: Final = "bookworm"
PULLED: Final = f"debian:{SUITE}-slim"
BOOTSTRAPPED: Final = f"relaydrill/base:{SUITE}"

Say = Callable[[str], None]


def base_image(
    engine: docker.DockerClient, say: Say, *, bootstrap: bool = False, install: bool = False
) -> str:
    """The tag of a Debian image; fetched or made if there is none yet.

    Args:
        engine: The Docker engine.
        say: Told what is done, one sentence each.
        bootstrap: Do not ask a registry.
        install: Install mmdebstrap where it is missing.

    Raises:
        LabError: There is no way to come by one; the message names what is missing.
    """
    for tag in (BOOTSTRAPPED,) if bootstrap else (PULLED, BOOTSTRAPPED):
        if is_there(engine, tag):
            return tag
    if not bootstrap:
        try:
            say(f"pulling {PULLED}")
            engine.images.pull(PULLED)
            return PULLED
        except APIError as error:
            say(f"no registry answers ({_short(error)})")
    _bootstrap(engine, say, install=install)
    return BOOTSTRAPPED


def is_there(engine: docker.DockerClient, tag: str) -> bool:
    """Whether the engine has an image of that tag."""
    try:
        engine.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _bootstrap(engine: docker.DockerClient, say: Say, *, install: bool) -> None:
    program = _mmdebstrap(say, install=install)
    say(f"bootstrapping Debian {SUITE} with mmdebstrap")
    command = [program, "--quiet", "--variant=minbase", "--format=tar", SUITE, "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as making:
        assert making.stdout
        assert making.stderr
        repository, _, tag = BOOTSTRAPPED.partition(":")
        try:
            engine.api.import_image_from_stream(making.stdout, repository=repository, tag=tag)
        except DockerException as error:
            making.kill()
            raise LabError(f"the engine refused the bootstrapped base image: {error}") from error
        words = making.stderr.read().decode(errors="replace").strip()
    if making.returncode:
        engine.images.remove(BOOTSTRAPPED, force=True)  # half a Debian
        raise LabError(f"mmdebstrap failed ({making.returncode}): {words[-500:]}")


def _mmdebstrap(say: Say, *, install: bool) -> str:
    """The path of mmdebstrap, installed first where that was asked for.

    Raises:
        LabError: It is not there.
    """
    program = shutil.which("mmdebstrap")
    if program is None and install and os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing the package mmdebstrap")
        quiet = {
            "stdout": subprocess.DEVNULL,
            "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        }
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
        subprocess.run(["apt-get", "install", "-y", "-qq", "mmdebstrap"], check=False, **quiet)  # type: ignore[call-overload]
        program = shutil.which("mmdebstrap")
    if program is None:
        raise LabError(
            "no registry answers and there is no mmdebstrap to make a base image with: install the"
            " package mmdebstrap (Debian, Ubuntu), or name an image with --base"
        )
    return program


def _short(error: APIError) -> str:
    return str(error.explanation or error).strip().rpartition(": ")[2][:80]
