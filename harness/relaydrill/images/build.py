"""Build the images of the Docker lab, each only when what it is made from has changed."""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import docker
from docker.errors import BuildError
from testcontainers.core.image import DockerImage

from relaydrill.errors import LabError, UsageError
from relaydrill.images import (
    IMAGES,
    PACKAGE,
    ImageSpec,
    package_files,
    requirements,
)
from relaydrill.images.bootstrap import Say, base_image, is_there
from relaydrill.images.claims import Checkouts, claim

_LAST_LINES: Final = 8
_UNCHECKED: Final = py_compile.PycInvalidationMode.UNCHECKED_HASH


def build(
    engine: docker.DockerClient,
    say: Say,
    *,
    names: Iterable[str] = (),
    base: str = "",
    bootstrap: bool = False,
    install: bool = False,
    force: bool = False,
) -> list[str]:
    """Build what is missing or out of date, and return the tags that were built.

    What this checkout had built before is taken away, unless another one has it, too.

    Args:
        engine: The Docker engine.
        say: Told what is done.
        names: Which images; default all. Those that they are built upon are built too.
        base: Tag of a Debian-like image to start from; default: see `base_image`.
        bootstrap: As in `base_image`.
        install: As in `base_image`.
        force: Build even what is up to date.

    Raises:
        UsageError: No image has such a name.
        LabError: The base cannot be had, a build failed (its last lines are in the message), or
            somebody changed meanwhile what an image is made from.
    """
    wanted = _with_parents(names or IMAGES)
    stale = [spec for spec in wanted if force or not is_current(engine, spec)]
    for spec in stale:
        parent = (
            IMAGES[spec.parent].exact_tag
            if spec.parent
            else base or base_image(engine, say, bootstrap=bootstrap, install=install)
        )
        say(f"building {spec.tag}" + (f", {spec.what}" if spec.what else ""))
        with tempfile.TemporaryDirectory(prefix="relaydrill-image-") as folder:
            exact_tag = spec.exact_tag
            _fill_context(engine, spec, Path(folder))
            _build_one(engine, spec, Path(folder), parent)
        if spec.exact_tag != exact_tag:
            raise _changed(spec)
        engine.images.get(spec.tag).tag(exact_tag)
    Checkouts.default().note()
    for spec in wanted:
        if not is_current(engine, spec):  # it was, before the others were built
            raise _changed(spec)
        claim(engine, spec, say)
    return [spec.tag for spec in stale]


def _changed(spec: ImageSpec) -> LabError:
    return LabError(
        f"files that {spec.tag} is made from changed while images were built: build it again"
    )


def is_current(engine: docker.DockerClient, spec: ImageSpec) -> bool:
    """Whether the engine has that image, made from what is here now."""
    return is_there(engine, spec.exact_tag)


def _with_parents(names: Iterable[str]) -> list[ImageSpec]:
    needed: set[str] = set()
    for name in names:
        if name not in IMAGES:
            raise UsageError(f"no image is called {name!r}; there are: {', '.join(IMAGES)}")
        while name:
            needed.add(name)
            name = IMAGES[name].parent
    return [spec for spec in IMAGES.values() if spec.name in needed]


def _fill_context(engine: docker.DockerClient, spec: ImageSpec, folder: Path) -> None:
    shutil.copy(spec.folder / "Dockerfile", folder)
    if spec.step == "libraries":
        _download_wheels(_python_of(engine), folder / "wheels")
    if spec.step == "node":
        files = folder / "files"
        for part in ("tls", "queue", "work"):
            (files / "relaydrill" / part).mkdir(parents=True)
        for path in package_files():
            target = files / "opt/relaydrill/relaydrill" / path.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if _python_of(engine)[0] == "{}.{}".format(*sys.version_info):
            # Otherwise each container compiles for itself, which takes it a second.
            compileall.compile_dir(files, quiet=1, stripdir=files, invalidation_mode=_UNCHECKED)


def _python_of(engine: docker.DockerClient) -> tuple[str, str]:
    """Version (``3.11``) and machine (``x86_64``) of the images' Python."""
    tag = IMAGES["python"].exact_tag
    ask = "import sys, platform; print('%d.%d' % sys.version_info[:2], platform.machine())"
    said = engine.containers.run(tag, ["python3", "-c", ask], remove=True, network_disabled=True)
    version, machine = said.decode().split()
    return version, machine


def _download_wheels(python: tuple[str, str], folder: Path) -> None:
    """Fetch the libraries' wheels with this machine's pip, which knows how to reach an index."""
    version, machine = python
    platforms = [f"manylinux{tag}_{machine}" for tag in ("2014", "_2_17", "_2_28")]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={version}"),
        *(f"--platform={platform}" for platform in platforms),
        *("--dest", str(folder), *requirements()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"pip could not fetch the images' libraries: {done.stderr.strip()[-500:]}")


def _build_one(engine: docker.DockerClient, spec: ImageSpec, folder: Path, parent: str) -> None:
    image = DockerImage(
        path=folder,
        tag=spec.tag,
        clean_up=False,
        buildargs={"BASE": parent},
        forcerm=True,
    )
    try:
        image.build()
    except BuildError as error:
        said = [str(line.get("stream") or line.get("error") or "") for line in error.build_log]
        lines = "".join(said).splitlines()[-_LAST_LINES:]
        raise LabError("\n  ".join([f"{spec.tag} could not be built:", *lines])) from error
    finally:
        image.get_docker_client().client.close()
