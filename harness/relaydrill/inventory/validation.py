"""Marked values to a `Topology`, or to every mistake in them.

Pydantic checks the fields, and looks at references (a flow to a VIP, a balancer to its hubs) once
all fields are right. So the wrong parts are taken out here, as few as will do, and what is left is
checked again. What is reported from then on must not come from the taking out: see `_Remainder`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from relaydrill.inventory.wording import ROLE_ERRORS, Wording, dangling, find_reference, host
from relaydrill.inventory.yaml_marks import Mark, Marked, Mistake, Path, dotted
from relaydrill.topology import NOWHERE, Topology

# Stands in for a required field that is wrong or missing, so that its neighbours can be looked at.
# None of these declares a name, so none can show up in a list of what is allowed.
_STAND_INS: Final[dict[str, Any]] = {
    "name": "x",
    "backends": ["x"],
    "domains": ["invalid"],
    "ports": [1],
    "addresses": [NOWHERE],
    "host": "invalid",
    "port": 1,
    "from": "x",
    "to": "x",
    "node": "x",
    "reason": "x" * 10,
    "source": "x",
    "targets": ["x"],
    "windows": "2008",
    "rule": "lone-balancer",
}


_MOST_ROUNDS: Final = 20


def check(root: Marked, *, partial: bool = False) -> tuple[Topology | None, list[Mistake]]:
    """The topology in ``root`` if nothing is wrong with it, and what is wrong.

    Args:
        root: The top-level mapping, without ``extends``.
        partial: What the file extends could not be read, so that nothing can be said to be missing.
    """
    mistakes = list(_same_host(root))
    topology, errors = _validate(root)
    wordings = [Wording(root, error) for error in errors]
    while misspelt := _misspelt(root, wordings):
        mistakes += [each for wording in misspelt.values() for each in wording.mistakes()]
        # Read on as it was meant: a misspelt key is not also a missing one, and what it holds may
        # be wrong as well.
        root = _renamed(root, (), {path: str(word.meant) for path, word in misspelt.items()})
        _, errors = _validate(root)
        wordings = [Wording(root, error) for error in errors]
    partial = partial or any(word.meant == "extends" for word in wordings)
    for wording in wordings:
        if not (partial and wording.needs_the_whole):
            mistakes += wording.mistakes()
    if errors and not partial:
        mistakes += _Remainder(root).look_on(wordings)
    return topology, mistakes


def _misspelt(root: Marked, wordings: list[Wording]) -> dict[Path, Wording]:
    """Keys that are all but a known one which is missing beside them, by their paths."""
    found: dict[Path, Wording] = {}
    taken: set[Path] = set()
    for wording in wordings:
        path = wording.misspelt
        meant = (*path[:-1], str(wording.meant)) if path else ()
        if path and meant not in taken and root.find(meant) is None and meant != ("extends",):
            found[path] = wording
            taken.add(meant)
    return found


def _renamed(value: Marked, here: Path, names: dict[Path, str]) -> Marked:
    children = {
        names.get((*here, step), step): _renamed(child, (*here, step), names)
        for step, child in value.children()
    }
    return _with_children(value, children)


def _with_children(value: Marked, children: dict[str | int, Marked]) -> Marked:
    if isinstance(value.value, tuple):
        return replace(value, value=tuple(children.values()))
    if isinstance(value.value, dict):
        return replace(value, value={str(key): child for key, child in children.items()})
    return value


def _validate(root: Marked) -> tuple[Topology | None, list[ErrorDetails]]:
    # Through JSON, for only there does strict mean: a list is a tuple, but "25" is no number and
    # `true` is no 1. By alias only, so that a flow's sender has one spelling.
    text = json.dumps(root.plain())
    try:
        topology = Topology.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)
    return topology, []


def _same_host(root: Marked) -> Iterator[Mistake]:
    """Host names that differ only in case or a last dot: DNS holds them to be one."""
    seen: dict[str, Marked] = {}
    names = root.find(("names",))
    for key, entry in names.children() if names else ():
        first = seen.setdefault(host(str(key)), entry)
        if first is not entry:
            what = f"{dotted(entry.path)}: the same host as {dotted(first.path[1:])}"
            yield Mistake(entry.key_at or entry.at, f"{what} at {first.key_at or first.at}", "once")


@dataclass
class _Remainder:
    """What is left of the values once the wrong parts are out; finds what they hid.

    Attributes:
        root: The values as they are now.
        lost: Every name that went with a wrong part. A reference to one is no mistake: whoever
            mends the part brings the name back.
        lost_nodes: Whether a whole node went, and with it perhaps the only mailbox server.
        gone: Paths of what was taken out.
    """

    root: Marked
    lost: set[str] = field(default_factory=set)
    lost_nodes: bool = False
    gone: set[Path] = field(default_factory=set)

    def look_on(self, wordings: list[Wording]) -> list[Mistake]:
        """Takes out what ``wordings`` are about until only references are left to check."""
        found: list[Mistake] = []
        # Each round takes something out, and a missing field may take its parent in the next one,
        # so a few more rounds than a topology has levels will do.
        for _ in range(_MOST_ROUNDS):
            if any(wording.kind == "references" for wording in wordings):
                break
            if not wordings or not self._take_out(wordings):
                return found
            _, errors = _validate(self.root)
            wordings = [Wording(self.root, error) for error in errors]
            for wording in wordings:
                if wording.kind == "references":
                    found += self._references(wording.context["wrong"])
                elif self._is_new(wording):
                    found += wording.mistakes()
        return found

    def _is_new(self, wording: Wording) -> bool:
        """Whether it is about fields together (all others were told in the first round)."""
        fields: Iterable[str] = wording.context.get("fields", ())
        here = self.root.find(wording.path)
        return bool(fields) and all(
            here is not None and (*here.path, name) not in self.gone for name in fields
        )

    def _references(self, wrong: list[tuple[Path, str, str]]) -> Iterator[Mistake]:
        declared = set(_declared(self.root))
        for path, what, allowed in wrong:
            found = find_reference(self.root, path)
            if found is None or found.told:
                continue
            if isinstance(found.value, str) and found.value in self.lost - declared:
                continue
            # Said of the flow as a whole: there is no mailbox server.
            if self.lost_nodes and path[0] == "flows" and len(path) == 2:
                continue
            yield dangling(self.root, path, what, allowed)

    def _take_out(self, wordings: list[Wording]) -> bool:
        """Takes out what the errors are about; false if that would be everything."""
        out: set[Path] = set()
        stand_ins: dict[Path, dict[str, Any]] = {}
        for wording in wordings:
            path, fields = wording.path, wording.context.get("fields", ())
            if wording.missing:
                value = _STAND_INS.get(str(path[-1]))
                if value is None:
                    path = path[:-1]
                else:
                    stand_ins.setdefault(path[:-1], {})[str(path[-1])] = value
                    continue
            elif wording.kind in ROLE_ERRORS:
                path = path[:-1]
            for each in [(*path, name) for name in fields] or [path]:
                if not each:
                    return False
                out.add(each)
        self.root = self._without(self.root, (), out, stand_ins)
        return True

    def _without(
        self, value: Marked, here: Path, out: set[Path], stand_ins: dict[Path, dict[str, Any]]
    ) -> Marked:
        kept: dict[str | int, Marked] = {}
        for step, child in value.children():
            if (*here, step) in out:
                self._lose(child)
            else:
                kept[step] = self._without(child, (*here, step), out, stand_ins)
        for key, plain in stand_ins.get(here, {}).items():
            kept[key] = _told(plain, value.at, (*value.path, key))
        return _with_children(value, kept)

    def _lose(self, value: Marked) -> None:
        self.gone.add(value.path)
        self.lost_nodes |= value.path[:1] == ("nodes",) and len(value.path) <= 2
        self.lost.update(_keys(value))
        self.lost.update(step for step in value.path[-1:] if isinstance(step, str))


def _told(plain: Any, at: Mark, path: Path) -> Marked:
    if isinstance(plain, list):
        items = tuple(_told(item, at, (*path, index)) for index, item in enumerate(plain))
        return Marked(items, at, path, told=True)
    return Marked(plain, at, path, told=True)


def _keys(value: Marked) -> Iterator[str]:
    """The names that a part declares: its keys, and the hosts of MX records."""
    for step, child in value.children():
        if isinstance(step, str):
            yield step
        if step == "host" and isinstance(child.value, str):
            yield child.value
        yield from _keys(child)


def _declared(root: Marked) -> Iterator[str]:
    """The names that references may use."""
    for section in ("nodes", "names", "flows"):
        found = root.find((section,))
        for key, entry in found.children() if found else ():
            yield str(key)
            vips = entry.find(("vips",)) if section == "nodes" else None
            yield from (str(vip) for vip, _ in (vips.children() if vips else ()))
