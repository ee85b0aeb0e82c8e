"""What the user named → the configurations: which files belong to one program, and of which kind.

A folder is what its program would read of it, and ``a.cfg+b.cfg`` are several files of one process,
as ``haproxy -f a.cfg -f b.cfg``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dns.name

from relaydrill.errors import UsageError
from relaydrill.marks import show
from relaydrill.own_configuration import (
    OwnFiles,
    exim,
    haproxy,
    keepalived,
    nginx,
    postfix,
    zones,
)
from relaydrill.own_configuration.recognising import KINDS, by_content, by_name
from relaydrill.own_configuration.text import TextFile, read_text

_JOINED: Final = "+"


@dataclass(frozen=True, slots=True)
class Named:
    """Files that the user named as one.

    Attributes:
        source: As it was named.
        kind: Whose they are.
        texts: The files.
    """

    source: str
    kind: str
    texts: tuple[TextFile, ...]


@dataclass
class Gathered:
    """What was named, read.

    Attributes:
        named: What could be read.
        problems: Why the rest could not, by source.
    """

    named: list[Named] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, source: str, kind: str = "") -> None:
        """Read what one argument names.

        Args:
            source: A file, a folder, or files with a plus between them.
            kind: Whose it is; found out if it is empty.
        """
        try:
            self.named.append(_named(source, kind))
        except UsageError as error:
            self.problems[source] = str(error)

    def files(self, failover_s: float | None = None) -> OwnFiles:
        """The configurations.

        Args:
            failover_s: How long mail may be gone when something dies, if that is promised.
        """
        named = tuple(
            zones.read_named(
                each.texts, each.source, [zone.texts[0].path for zone in self._of("zone")]
            )
            for each in self._of("named")
        )
        return OwnFiles(
            haproxy=tuple(haproxy.read(each.texts, each.source) for each in self._of("haproxy")),
            keepalived=tuple(
                keepalived.read(each.texts, each.source) for each in self._of("keepalived")
            ),
            postfix=tuple(
                postfix.read(texts, source) for source, texts in _machines(self._of("postfix"))
            ),
            exim=tuple(exim.read(each.texts, each.source) for each in self._of("exim")),
            nginx=tuple(nginx.read(each.texts, each.source) for each in self._of("nginx")),
            named=named,
            zones=tuple(
                zones.read(each.texts, each.source, _origin(named, each))
                for each in self._of("zone")
            ),
            failover_s=failover_s,
        )

    def _of(self, kind: str) -> list[Named]:
        return [each for each in self.named if each.kind == kind]


def _machines(named: Iterable[Named]) -> Iterator[tuple[str, tuple[TextFile, ...]]]:
    """Each Postfix: main.cf and master.cf of one folder are the same one's."""
    folders: dict[Path, list[Named]] = {}
    for each in named:
        folders.setdefault(Path(each.texts[0].path).parent, []).append(each)
    for together in folders.values():
        names = [postfix.is_master(text) for each in together for text in each.texts]
        if names.count(True) <= 1 and names.count(False) <= 1:
            source = _JOINED.join(each.source for each in together)
            yield source, tuple(text for each in together for text in each.texts)
        else:
            yield from ((each.source, each.texts) for each in together)


def _origin(named: Iterable[zones.Named], each: Named) -> dns.name.Name | None:
    """What a name server says of a zone file's name."""
    found = (one.origin_of(Path(each.texts[0].path)) for one in named)
    return next(filter(None, found), None)


def is_own_file(argument: str) -> bool:
    """Whether an argument names a configuration file of a program, and no topology."""
    paths = _paths(argument)
    if any(by_name(path) for path in paths):
        return True
    try:
        if all(path.is_dir() for path in paths):
            return True
        regular = all(path.is_file() for path in paths)
    except (OSError, ValueError):
        return False
    if not regular or paths[0].suffix in (".yaml", ".yml", ".json"):
        return False
    try:
        return bool(by_content(read_text(paths[0])))
    except UsageError:
        # It is no topology either; what is wrong with it is told as for a configuration.
        return bool(paths[0].suffix)


def _named(source: str, kind: str) -> Named:
    if kind and kind not in KINDS:
        raise UsageError(f"there is no kind {show(kind)}; the kinds are: {', '.join(KINDS)}")
    texts = tuple(read_text(path) for path in _files(_paths(source), kind))
    kinds = (by_name(Path(each.path)) or by_content(each) for each in texts)
    found = kind or next(filter(None, kinds), "")
    if not found:
        kinds_there = ", ".join(KINDS)
        raise UsageError(f"nobody can tell whose file this is; say --as KIND ({kinds_there})")
    return Named(source, found, texts)


def _paths(source: str) -> Sequence[Path]:
    """The files of an argument; one whose own name has a plus is itself."""
    parts = source.split(_JOINED)
    try:
        alone = len(parts) == 1 or not all(parts) or Path(source).exists()
    except (OSError, ValueError):
        alone = True
    return [Path(source)] if alone else [Path(each) for each in parts]


def _files(paths: Iterable[Path], kind: str) -> Iterator[Path]:
    for path in paths:
        if not _is_folder(path):
            yield path
            continue
        try:
            inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        found = [each for each in inside if each.name in ("main.cf", "master.cf")]
        # As HAProxy does with -f FOLDER.
        parts = [each for each in inside if each.suffix == ".cfg" and each.is_file()]
        if found and parts:
            raise UsageError(f"{path} holds {found[0].name} and {parts[0].name}; name the files")
        found = found or parts
        if not found:
            what = "is a folder without main.cf and without a file *.cfg"
            raise UsageError(f"{path} {what}; name a file in it")
        yield from found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
