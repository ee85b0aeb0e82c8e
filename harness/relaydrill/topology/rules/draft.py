"""What rules look at: a topology as far as it could be read, and where everything in it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from relaydrill.marks import Mark, Marked, Mistake, Path, dotted
from relaydrill.model import Unread
from relaydrill.topology.design import Topology

Key = TypeVar("Key")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Draft:
    """A topology, perhaps of a file with mistakes, and its places.

    Attributes:
        topology: Without what is wrong: whoever asks for that gets `Unread`.
        places: What the file says at each path of keys. Those are the topology's: host names are in
            lower case, and a list has only the entries that could be read.
        lost: Names that stand in what could not be read. To refer to one is no mistake: whoever
            mends the part brings the name back.
        incomplete: Paths of the mappings that lack an entry.
        unclear: Paths of the parts with a key that means nothing, and might have meant anything.
    """

    topology: Topology
    places: Mapping[Path, Marked] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    incomplete: frozenset[Path] = frozenset()
    unclear: frozenset[Path] = frozenset()

    def mistake(self, path: Path, what: str, allowed: str = "") -> Mistake:
        """Something wrong at a path, or at the nearest part of it that is written."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                written = (*found.path, *path[length:])
                return Mistake(found.place, f"{dotted(written)}: {what}", allowed)
        return Mistake(Mark("", 0), f"{dotted(path)}: {what}", allowed)

    def undeclared(
        self, path: Path, kind: str, name: str, declared: Iterable[str], *, or_else: str = ""
    ) -> Iterator[Mistake]:
        """The mistake of an undefined name, if it is one.

        Args:
            path: Where it is used.
            kind: What it should be the name of.
            name: The name.
            declared: All names of that kind.
            or_else: What might stand there beside a name.
        """
        known = set(declared)
        if name not in known and name not in self.lost:
            yield self.mistake(path, f"no {kind} is called {name!r}", one_of(known) + or_else)

    def ask_for_all(self, section: str) -> None:
        """Say that a rule is about everything in a section of the file.

        Raises:
            Unread: Some of it could not be read.
        """
        if (section,) in self.incomplete:
            raise Unread(section)


Rule = Callable[[Draft], Iterator[Mistake]]
"""Finds one kind of mistake. What it asks for in vain (`Unread`) ends it."""


def of_each(
    items: Callable[[Topology], Mapping[Key, Item]],
    *rules: Callable[[Draft, Key, Item], Iterator[Mistake]],
) -> Rule:
    """Rules about one thing at a time: what cannot be said of one may be said of the next."""

    def judged(draft: Draft) -> Iterator[Mistake]:
        for key, item in items(draft.topology).items():
            for rule in rules:
                with suppress(Unread):
                    yield from rule(draft, key, item)

    return judged


def one_of(names: Iterable[str]) -> str:
    """What is allowed where a name is wanted."""
    known = sorted(names)
    return "one of: " + ", ".join(known) if known else "none is declared"
