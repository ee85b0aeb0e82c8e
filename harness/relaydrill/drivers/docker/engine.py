"""The Docker engine: reach it, and say in one sentence why not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import Reaper

from relaydrill.errors import LabError
from relaydrill.images import image_for
from relaydrill.images.build import is_current
from relaydrill.topology import Topology


def connect() -> docker.DockerClient:
    """A client of the engine that DOCKER_HOST names, or of this machine's.

    Raises:
        LabError: None answers.
    """
    try:
        engine = docker.from_env(timeout=60)
        engine.ping()
    except DockerException as error:
        where = os.environ.get("DOCKER_HOST", "this machine")
        raise LabError(
            f"no Docker engine answers on {where} ({_cause(error)}): start it, or use"
            " --driver process, which needs none"
        ) from error
    return engine


def host_of(engine: docker.DockerClient) -> str:
    """The address at which the engine's machine publishes ports, as seen from here."""
    url = urlsplit(str(engine.api.base_url))
    is_local = "unix" in url.scheme or "docker" in url.scheme or not url.hostname
    return "127.0.0.1" if is_local or url.hostname == "localhost" else str(url.hostname)


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
def told(what: str) -> Iterator[None]:
    """Turn the engine's errors into the harness's own.

    Raises:
        LabError: ``what`` could not be done, with the engine's reason.
    """
    try:
        yield
    except DockerException as error:
        raise LabError(f"the Docker engine could not {what}: {_cause(error)}") from error


def _cause(error: DockerException) -> str:
    if isinstance(error, ImageNotFound):
        return str(error.explanation)
    if isinstance(error, APIError):
        return str(error.explanation or error)
    return str(error).rpartition("(")[2].strip(")'\" ") or str(error)
