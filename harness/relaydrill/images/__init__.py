"""The images of the Docker lab: which there are, and what each is made from.

One folder with a Dockerfile for each step, here, and in `relaydrill.kinds` for each real program.
`node` is put on top of the libraries alone (the fakes) and of each real program (its keeper)::

    BASE ─ python ─ libraries ─┬─────────────────── node
                               ├─ haproxy-program ─ haproxy
                               ├─ postfix-program ─ postfix
                               ├─ exim-program ──── exim
                               └─ bind-program ──── bind

Every image has a second tag, the digest of what it was made from, so that a lab never runs code
other than the harness's own, and nothing is built twice. A third says whose checkout's it is:
several share an engine, and none may take away what another runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Final

import relaydrill
from relaydrill.kinds import FAKE, KINDS

PACKAGE: Final = Path(relaydrill.__file__).parent

_FOLDER: Final = Path(__file__).parent
_DIGEST_TAG: Final = "made-from-"
_CHECKOUT_TAG: Final = "checkout-"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One image.

    Attributes:
        name: Under ``relaydrill/``.
        step: The folder with its Dockerfile.
        parent: The image that it is built upon; empty for the base.
        what: For people; empty for one that only others are built upon.
    """

    name: str
    step: str
    parent: str
    what: str = ""

    @property
    def repository(self) -> str:
        """Its name, as the engine knows it."""
        return f"relaydrill/{self.name}"

    @property
    def tag(self) -> str:
        """Name and version, for people and compose files."""
        return f"{self.repository}:{relaydrill.__version__}"

    @property
    def exact_tag(self) -> str:
        """Name and digest: the image that was made from just what is here."""
        return f"{self.repository}:{_DIGEST_TAG}{digest(self)[:16]}"

    @property
    def checkout_tag(self) -> str:
        """Name and a digest of where this package lies: what this checkout has built last."""
        return self.claim_of(here())

    def claim_of(self, digest: str) -> str:
        """The same of a checkout whose place has that digest."""
        return f"{self.repository}:{_CHECKOUT_TAG}{digest}"

    def is_claim(self, tag: str) -> bool:
        """Whether a tag is the `checkout_tag` of this checkout or of another."""
        return tag.startswith(f"{self.repository}:{_CHECKOUT_TAG}")

    @property
    def folder(self) -> Path:
        """Where its Dockerfile lies."""
        return (PACKAGE / "kinds" if self.step in KINDS else _FOLDER) / self.step


def here() -> str:
    """A digest of where this package lies."""
    return hashlib.sha256(str(PACKAGE.resolve()).encode()).hexdigest()[:16]


def _catalogue() -> Iterator[ImageSpec]:
    yield ImageSpec("python", "python", "")
    yield ImageSpec("libraries", "libraries", "python")
    yield ImageSpec("node", "node", "libraries", "the fakes")
    for kind in KINDS.values():
        if kind.in_image:
            program = f"{kind.name}-program"
            yield ImageSpec(program, kind.name, "libraries")
            yield ImageSpec(kind.name, "node", program, kind.in_image)


IMAGES: Final = MappingProxyType({spec.name: spec for spec in _catalogue()})
"""Every image by name, each after the one that it is built upon."""


def image_for(kind: str) -> ImageSpec:
    """The image in which a node of that kind runs."""
    return IMAGES["node" if kind == FAKE else kind]


def digest(spec: ImageSpec) -> str:
    """A digest of everything that the image is made from, apart from the base."""
    found = hashlib.sha256((spec.folder / "Dockerfile").read_bytes())
    if spec.step == "libraries":
        found.update("\n".join(requirements()).encode())
    if spec.step == "node":
        for path in package_files():
            found.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    if spec.parent:
        found.update(digest(IMAGES[spec.parent]).encode())
    return found.hexdigest()


def requirements() -> list[str]:
    """What this distribution needs at run time, without its extras."""
    needed = metadata.requires("relaydrill") or []
    return sorted(line for line in needed if "extra ==" not in line)


def package_files() -> Iterator[Path]:
    """Every file of this package that goes into the image."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            yield path
