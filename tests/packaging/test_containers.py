"""The Docker lab from the wheel alone: its images are those of the sources, and a drill runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.docker_engine import why_no_docker
from tests.packaging.test_embedding import call

_SMALL = """\
name: from-the-wheel
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
names: {hubs.contoso.com: [ht1, ht2]}
flows:
  relay: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 20/s}
expect: {gap: 15s}
"""

pytestmark = pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node"))


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """The engine, which has no other tags afterwards than before."""
    client = docker.from_env()
    before = tags(client)
    yield client
    for tag in tags(client) - before:
        client.images.remove(tag)
    client.close()


def tags(engine: docker.DockerClient) -> set[str]:
    """All tags of the lab's images."""
    return {tag for image in engine.images.list("relaydrill/*") for tag in image.tags}


@pytest.mark.usefixtures("engine")
def test_an_installed_wheel_builds_images_and_drills_in_them(
    environment: Path, tmp_path: Path
) -> None:
    """It has all that the images are made from, byte for byte: what the checkout built will do."""
    command = str(environment.with_name("relaydrill"))
    built = call(environment, tmp_path, command, "images", "build", "node")
    assert built.returncode == 0, built.stderr
    assert "up to date" in built.stdout
    (tmp_path / "small.yaml").write_text(_SMALL)
    drill = ("drill", "small.yaml", "--driver", "docker", "--fault", "refuse:ht1")
    done = call(environment, tmp_path, command, *drill)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
