"""The Docker engine: reach it, and say in one sentence why not."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import Reaper
from testcontainers.core.docker_client import get_docker_host

from relaydrill.drivers.docker import contexts
from relaydrill.errors import LabError, UsageError
from relaydrill.images import image_for
from relaydrill.images.build import is_current
from relaydrill.topology import Topology

_FIRST_ANSWER_S: Final = 8
"""Seconds for the first answer: an address that nobody has must not be waited for by the minute."""
_ANSWER_S: Final = 60
_OWN_SOCKET: Final = "/var/run/docker.sock"
_OF_THE_SYSTEM: Final = re.compile(r"Error\(\d+, '([^']+)'|\[Errno -?\d+\] ([^'\"()<>]+)")
"""What a system call said, in the words of a library that tells which of its own it was in."""
_AUTHORITIES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def connect() -> docker.DockerClient:
    """A client of the engine that `engine_host` names, or of this machine's.

    Raises:
        LabError: None answers.
    """
    try:
        _knock(engine_host())
        engine = docker.from_env(
            timeout=_FIRST_ANSWER_S,
            environment=environment(),
            use_ssh_client=engine_host().startswith("ssh://"),
        )
        engine.ping()
    except (DockerException, OSError) as error:
        where = engine_host() or "this machine"
        raise LabError(
            f"no Docker engine answers on {where} ({_cause(error)}): {_remedy(error)}, or use"
            " --driver process, which needs none"
        ) from error
    engine.api.timeout = _ANSWER_S
    return engine


def _knock(host: str) -> None:
    """See whether anybody listens on a local socket; docker-py leaves one open if not.

    Raises:
        OSError: Nobody does.
    """
    path = host.removeprefix("unix://") if host.startswith("unix://") else _OWN_SOCKET
    if not host or host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as own:
            own.settimeout(_FIRST_ANSWER_S)
            own.connect(path)


def engine_host() -> str:
    """Where the engine is: as testcontainers finds it; empty for this machine's own socket.

    ``tc.host`` in ~/.testcontainers.properties, else DOCKER_HOST, else the context that is in use
    (DOCKER_CONTEXT, or what ``docker context use`` has set).

    Raises:
        UsageError: That context is not there.
    """
    if testcontainers_config.tc_properties_get_tc_host() or os.environ.get("DOCKER_HOST"):
        return get_docker_host() or ""
    context = contexts.in_use()
    return context.host if context else ""


def engine_id(engine: docker.DockerClient) -> str:
    """What tells an engine from all others; empty where it has nothing.

    Raises:
        LabError: It does not say.
    """
    with engine_errors("say which it is"):
        return str(engine.info().get("ID") or "")


def moment_of(text: Any) -> float | None:
    """What an engine says of a time (``2030-01-02T03:04:05.123456789Z``), seconds since 1970.

    None where it says none.
    """
    try:
        head, _, tail = str(text).partition(".")
        zone = tail.lstrip("0123456789") or "Z"
        whole = head if tail else head.replace("Z", "")
        return datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def environment() -> dict[str, str]:
    """What clients of the engine read from the environment, with what a context says besides."""
    found = dict(os.environ)
    if host := engine_host():
        found["DOCKER_HOST"] = host
    if host and not found.get("DOCKER_CERT_PATH") and (folder := _certificates_for(host)):
        found |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": folder}
    return found


def _certificates_for(host: str) -> str:
    """The folder with the TLS files of the context that is in use; empty where it has none.

    Whether it is in use follows from where the engine is: testcontainers writes into DOCKER_HOST
    what it has taken from a context.
    """
    with contextlib.suppress(UsageError):
        context = contexts.in_use()
        return context.certificates if context and context.host == host else ""
    return ""


def is_expected() -> bool:
    """Whether an engine should be there: the environment names one, or there is its socket."""
    named = (
        testcontainers_config.tc_properties_get_tc_host(),
        os.environ.get("DOCKER_HOST"),
        contexts.name_in_use(),
    )
    return any(named) or Path(_OWN_SOCKET).exists()


def require_images(engine: docker.DockerClient, topology: Topology) -> None:
    """Make sure that the engine has a current image for every node.

    Raises:
        LabError: It has not; the message says what to run.
    """
    needed = {image_for(node.kind) for node in topology.nodes.values()}
    missing = sorted(spec.name for spec in needed if not is_current(engine, spec))
    if missing:
        raise LabError(
            f"the engine has no current image for {', '.join(missing)}; run:"
            f" relaydrill images build {' '.join(missing)}"
        )


def reap_if_possible(engine: docker.DockerClient) -> None:
    """Have a reaper container remove the lab if this process dies, where its image is there.

    It is never fetched: ``relaydrill clean`` does without.
    """
    try:
        engine.images.get(testcontainers_config.ryuk_image)
    except ImageNotFound:
        testcontainers_config.ryuk_disabled = True
    else:
        Reaper.get_instance()  # here, for the containers are started from several threads


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn the engine's errors into the harness's own.

    Raises:
        LabError: ``what`` could not be done, with the engine's reason.
    """
    try:
        yield
    except DockerException as error:
        raise LabError(f"the Docker engine could not {what}: {_cause(error)}") from error


def _remedy(error: DockerException | OSError) -> str:
    """What would make an engine answer.

    The library that talks to it takes the authorities that these variables name for all servers,
    and then not those of the engine's own certificate.
    """
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        if named := [each for each in _AUTHORITIES if os.environ.get(each)]:
            return (
                f"unset {' and '.join(named)}, or add the engine's authority (ca.pem) to its file"
            )
        return "name the folder of its ca.pem with DOCKER_CERT_PATH"
    if isinstance(error, PermissionError) or "PermissionError" in str(error):
        return "let this user use its socket (on Debian: adduser USER docker, and log in anew)"
    return "start it"


def _cause(error: DockerException | OSError) -> str:
    if isinstance(error, ImageNotFound):
        return str(error.explanation)
    if isinstance(error, APIError):
        return str(error.explanation or error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if found := _OF_THE_SYSTEM.search(str(error)):
        return str(found[1] or found[2])
    return str(error).rpartition("(")[2].strip(")'\" ") or str(error)
