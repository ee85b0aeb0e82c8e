"""Whose an image is: each checkout claims what it has built last, and lets go of what was before.

A claim is a tag with a digest of where the checkout lies. Where that is, is noted in the user's
state directory, so that `prune` knows whose checkout is there no more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import docker
from docker.errors import APIError, ImageNotFound
from docker.models.images import Image

from relaydrill.images import IMAGES, PACKAGE, ImageSpec, here
from relaydrill.images.bootstrap import Say, is_there
from relaydrill.state import state_folder

_MAY_BE_UNDER_WAY_S: Final = 3600.0
"""An image is claimed at the end of its build; until then it is nobody's."""


class Checkouts:
    """Where the checkouts lie that have built images.

    Args:
        folder: One file for each, by its digest, with its path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def default(cls) -> Checkouts:
        """In the user's state directory."""
        return cls(state_folder("checkouts"))

    def note(self) -> None:
        """Note down where this one lies; without a note `prune` leaves its images alone."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / here()).write_text(str(PACKAGE.resolve()))

    def gone(self) -> frozenset[str]:
        """The digests of those that are there no more."""
        notes = self._folder.iterdir() if self._folder.is_dir() else ()
        return frozenset(note.name for note in notes if not Path(note.read_text()).is_dir())

    def forget(self, digest: str) -> None:
        """Keep no note of one."""
        (self._folder / digest).unlink(missing_ok=True)


def claim(engine: docker.DockerClient, spec: ImageSpec, say: Say) -> None:
    """Tag a current image as this checkout's, and let go of the one that was it before."""
    now = engine.images.get(spec.exact_tag)
    now.tag(spec.tag)  # another checkout of this version may have had it
    try:
        before = engine.images.get(spec.checkout_tag)
    except ImageNotFound:
        before = None
    now.tag(spec.checkout_tag)
    if before is not None and before.id != now.id:
        _let_go(engine, spec, str(before.id), say)


def _let_go(engine: docker.DockerClient, spec: ImageSpec, forerunner: str, say: Say) -> None:
    """Take a forerunner's tags away, unless it is another checkout's, too."""
    try:
        tags = engine.images.get(forerunner).tags
    except ImageNotFound:
        return  # the claim was its last tag
    if any(spec.is_claim(tag) for tag in tags):
        return
    for tag in tags:
        _remove(engine, tag, say)


def prune(engine: docker.DockerClient, checkouts: Checkouts, say: Say) -> list[str]:
    """Remove the images of deleted checkouts, and those that belong to no checkout.

    What this package would run stays, whoever built it; so does what was built within the last
    hour, for it may be claimed yet, and what a container uses.

    Args:
        engine: The Docker engine.
        checkouts: The user's checkouts.
        say: Told what stays though it should go.

    Returns:
        The tags that were taken away; of an image that others claim, too, only the claim.
    """
    gone, removed = checkouts.gone(), list[str]()
    # What others are built upon goes last.
    for spec in reversed([*IMAGES.values()]):
        claims, current = {spec.claim_of(digest) for digest in gone}, spec.exact_tag
        for image in engine.images.list(spec.repository):
            for tag in _to_remove(spec, image, current, claims):
                if _remove(engine, tag, say):
                    removed.append(tag)
    for digest in gone:
        if not any(is_there(engine, spec.claim_of(digest)) for spec in IMAGES.values()):
            checkouts.forget(digest)
    return removed


def _to_remove(spec: ImageSpec, image: Image, current: str, gone: set[str]) -> Iterator[str]:
    tags = [tag for tag in image.tags if tag.startswith(f"{spec.repository}:")]
    others = [tag for tag in tags if spec.is_claim(tag) and tag not in gone]
    if others or current in tags:
        yield from (tag for tag in tags if tag in gone)
    elif any(tag in gone for tag in tags) or _age_s(image) > _MAY_BE_UNDER_WAY_S:
        yield from tags


def _age_s(image: Image) -> float:
    # Nanoseconds, which no datetime has, and a Z.
    made = datetime.fromisoformat(image.attrs["Created"][:19] + "+00:00")
    return time.time() - made.timestamp()


def _remove(engine: docker.DockerClient, tag: str, say: Say) -> bool:
    """Take a tag away; whether it was there, and could be."""
    try:
        engine.images.remove(tag, noprune=True)
    except ImageNotFound:
        return False
    except APIError as error:
        say(f"{tag} stays: {error.explanation or error}")
        return False
    return True
