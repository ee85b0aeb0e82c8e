"""Which images are built, and which are taken away, where checkouts share an engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relaydrill import images
from relaydrill.errors import LabError
from relaydrill.images import IMAGES, ImageSpec

pytest.importorskip("docker")
pytest.importorskip("testcontainers")

from docker.errors import APIError, ImageNotFound

from relaydrill.images import build, claims
from relaydrill.images.claims import Checkouts


@dataclass
class Engine:
    """An engine's images: which image has a tag. An image without any is gone.

    Attributes:
        built: The parent's tag, of each image.
        in_use: Tags of images that containers run.
        fresh: Images that were made just now.
    """

    tagged: dict[str, str] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)
    in_use: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)

    @property
    def images(self) -> Engine:
        """What the client calls its images."""
        return self

    def list(self, repository: str) -> list[Image]:
        """All images of a repository."""
        found = {image for tag, image in self.tagged.items() if tag.startswith(f"{repository}:")}
        return [Image(self, image) for image in sorted(found)]

    def get(self, name: str) -> Image:
        """By tag, or by id."""
        found = self.tagged.get(name, name)
        if found not in self.tagged.values():
            raise ImageNotFound(name)
        return Image(self, found)

    def remove(self, tag: str, *, noprune: bool) -> None:
        """Take a tag away."""
        assert noprune
        if tag in self.in_use:
            raise APIError("conflict", explanation="a container uses it")
        if tag not in self.tagged:
            raise ImageNotFound(tag)
        del self.tagged[tag]

    def make(self, spec: ImageSpec, parent: str) -> None:
        """Build an image, as the program under test would have it done."""
        self.get(parent)
        made = f"sha256:{len(self.built)}"
        self.built[made] = parent
        self.tagged[spec.tag] = made


@dataclass
class Image:
    """One image."""

    engine: Engine
    id: str

    @property
    def attrs(self) -> dict[str, str]:
        """Only when it was made: two hours ago, or just now."""
        age = timedelta(hours=0 if self.id in self.engine.fresh else 2)
        made = (datetime.now(UTC) - age).replace(tzinfo=None).isoformat()
        return {"Created": f"{made}123Z"}

    @property
    def tags(self) -> list[str]:
        """All of its tags."""
        return [tag for tag, image in self.engine.tagged.items() if image == self.id]

    def tag(self, name: str) -> None:
        """Give it one more."""
        self.engine.tagged[name] = self.id


@dataclass
class Checkout:
    """A checkout, with its code as a word."""

    engine: Engine
    place: Path
    patch: pytest.MonkeyPatch
    said: list[str] = field(default_factory=list)

    def build(
        self,
        code: str,
        libraries: str = "",
        names: Iterable[str] = ("node",),
        *,
        meanwhile: str | None = None,
    ) -> list[str]:
        """Build with this code, upon these libraries; somebody changes the code meanwhile."""
        words = {"node": code, "libraries": libraries}

        def fill(_engine: Any, spec: ImageSpec, _folder: Path) -> None:
            if spec.step == "node" and meanwhile is not None:
                words["node"] = meanwhile

        self.place.mkdir(exist_ok=True)
        with self.patch.context() as here:
            here.setattr(build, "_fill_context", fill)
            here.setattr(claims, "PACKAGE", self.place)
            here.setattr(images, "PACKAGE", self.place)
            here.setattr(images, "digest", lambda spec: self._digest(spec, words))
            return build.build(
                self.engine,  # type: ignore[arg-type]
                self.said.append,
                names=names,
                base="debian",
            )

    def prune(self, code: str) -> list[str]:
        """Take away what this checkout, with this code, has no use for."""
        with self.patch.context() as here:
            here.setattr(images, "digest", lambda spec: self._digest(spec, {"node": code}))
            engine: Any = self.engine
            return claims.prune(engine, Checkouts.default(), self.said.append)

    def has(self, code: str, libraries: str = "") -> bool:
        """Whether a lab of this checkout would find its image."""
        words = {"node": code, "libraries": libraries}
        with self.patch.context() as here:
            here.setattr(images, "digest", lambda spec: self._digest(spec, words))
            return build.is_current(self.engine, IMAGES["node"])  # type: ignore[arg-type]

    def _digest(self, spec: ImageSpec, words: dict[str, str]) -> str:
        own = words.get(spec.step, "")
        return own + (self._digest(IMAGES[spec.parent], words) if spec.parent else "") + "0"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine with a base, in which builds are quick."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = Engine(tagged={"debian": "sha256:debian"})

    def build_one(there: Any, spec: ImageSpec, _folder: Path, parent: str) -> None:
        there.make(spec, parent)

    monkeypatch.setattr(build, "_build_one", build_one)
    return found


@pytest.fixture
def two(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Checkout, Checkout]:
    """Two checkouts of one version that share it."""
    return (
        Checkout(engine, tmp_path / "one", monkeypatch),
        Checkout(engine, tmp_path / "other", monkeypatch),
    )


def test_a_checkout_leaves_the_images_of_another(two: tuple[Checkout, Checkout]) -> None:
    """Both keep what they run, however often either builds."""
    one, other = two
    one.build("a")
    other.build("b")
    for code in ("c", "d"):
        one.build(code)
        assert one.has(code)
        assert other.has("b")


def test_a_checkout_takes_its_own_forerunners_away(two: tuple[Checkout, Checkout]) -> None:
    """An engine does not fill up with what nobody runs any more."""
    one, other = two
    other.build("b")
    for code in ("a", "c", "d"):
        one.build(code)
    assert not one.has("a")
    assert not one.has("c")
    left = {image for tag, image in one.engine.tagged.items() if tag.startswith("relaydrill/node:")}
    assert len(left) == 2


def test_an_image_of_two_checkouts_goes_with_the_last(two: tuple[Checkout, Checkout]) -> None:
    """The same code is built once, and stays as long as one of them has it."""
    one, other = two
    assert one.build("same") == [IMAGES[name].tag for name in ("python", "libraries", "node")]
    assert other.build("same") == []
    one.build("new")
    assert other.has("same")
    other.build("newer")
    assert not other.has("same")
    assert one.has("new")


def test_an_image_of_nobody_known_stays(two: tuple[Checkout, Checkout]) -> None:
    """What an earlier version has built may be another checkout's."""
    one, other = two
    one.build("old")
    claims = [tag for tag in one.engine.tagged if ":checkout-" in tag]
    for tag in claims:
        del one.engine.tagged[tag]
    other.build("new")
    assert one.has("old")


def test_an_image_is_built_upon_its_own_parent(two: tuple[Checkout, Checkout]) -> None:
    """Not upon what another checkout has built last under the name of the version."""
    one, other = two
    one.build("a", libraries="x")
    mine = one.engine.get(IMAGES["libraries"].tag).id
    other.build("b", libraries="y")
    one.build("c", libraries="x")
    parent = one.engine.built[one.engine.get(IMAGES["node"].tag).id]
    assert one.engine.get(parent).id == mine


def test_the_name_of_the_version_is_of_who_built_last(two: tuple[Checkout, Checkout]) -> None:
    """Compose files name it; whoever has nothing to build gets it all the same."""
    one, other = two
    one.build("a")
    mine = one.engine.get(IMAGES["node"].tag).id
    other.build("b")
    assert one.engine.get(IMAGES["node"].tag).id != mine
    assert one.build("a") == []
    assert one.engine.get(IMAGES["node"].tag).id == mine


def test_what_changes_while_it_is_built_passes_for_neither(two: tuple[Checkout, Checkout]) -> None:
    """Nobody knows what went into such an image: neither the old code finds it nor the new."""
    one, _ = two
    with pytest.raises(LabError, match="changed while images were built: build it again"):
        one.build("a", meanwhile="b")
    assert not one.has("a")
    assert not one.has("b")
    one.build("b")
    assert one.has("b")


def test_a_forerunner_that_is_in_use_stays_and_is_told(two: tuple[Checkout, Checkout]) -> None:
    """The build has succeeded; a lab that runs goes on."""
    one, _ = two
    one.build("a")
    one.engine.in_use = {tag for tag in one.engine.tagged if "node:made-from-" in tag}
    one.build("b")
    assert one.has("b")
    assert one.has("a")
    assert any("stays: a container uses it" in line for line in one.said)


def images_left(engine: Engine) -> set[str]:
    """What a person would see, without the base."""
    return {tag.partition(":")[2] for tag in engine.tagged if tag.startswith("relaydrill/node:")}


def test_what_a_deleted_checkout_left_is_pruned(two: tuple[Checkout, Checkout]) -> None:
    """Its images go with it, down to the last tag, and those of the others stay."""
    one, other = two
    one.build("a")
    other.build("b")
    both = images_left(one.engine)
    assert one.prune("a") == []
    other.place.rmdir()
    removed = one.prune("a")
    assert one.has("a")
    assert not one.has("b")
    assert {tag.partition(":")[2] for tag in removed if "/node:" in tag} == both - images_left(
        one.engine
    )
    assert len(images_left(one.engine)) == 2
    assert one.prune("a") == []


def test_what_is_in_use_is_pruned_when_it_no_longer_is(two: tuple[Checkout, Checkout]) -> None:
    """A container of a deleted checkout keeps its image; it is not forgotten whose it was."""
    one, other = two
    other.build("b")
    other.place.rmdir()
    left = {tag for tag in one.engine.tagged if tag.startswith(f"{IMAGES['node'].repository}:")}
    one.engine.in_use |= left
    one.prune("a")
    assert other.has("b")
    one.engine.in_use.clear()
    one.prune("a")
    assert not left & one.engine.tagged.keys()


def test_only_the_claim_goes_of_what_another_has_built_too(two: tuple[Checkout, Checkout]) -> None:
    """An image of two checkouts is the other's when one of them is deleted."""
    one, other = two
    one.build("a")
    other.build("a")
    other.place.rmdir()
    removed = one.prune("a")
    assert removed
    assert all(":checkout-" in tag for tag in removed)
    assert one.has("a")


def test_what_is_current_stays_though_nobody_claims_it(two: tuple[Checkout, Checkout]) -> None:
    """An image that was loaded from a file, or whose builder is gone, need not be built again."""
    one, other = two
    other.build("a")
    other.place.rmdir()
    one.prune("a")
    assert one.has("a")
    one.prune("b")
    assert not one.has("a")


def test_what_is_just_being_built_is_not_pruned(two: tuple[Checkout, Checkout]) -> None:
    """A build claims what it has built at its end; before that it is nobody's, and fresh."""
    one, _ = two
    node = IMAGES["node"].repository
    one.engine.tagged[f"{node}:made-from-z"] = "sha256:z"
    one.engine.fresh.add("sha256:z")
    assert one.prune("a") == []
    one.engine.fresh.clear()
    assert one.prune("a") == [f"{node}:made-from-z"]


def test_what_a_container_uses_is_not_pruned_and_told(two: tuple[Checkout, Checkout]) -> None:
    """The engine does not let go of it; a person is told, and nothing else is kept for it."""
    one, _ = two
    tag = f"{IMAGES['node'].repository}:made-from-z"
    one.engine.tagged[tag] = "sha256:z"
    one.engine.in_use.add(tag)
    assert one.prune("a") == []
    assert one.said == [f"{tag} stays: a container uses it"]
