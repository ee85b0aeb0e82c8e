"""Marked values to a `Topology`, or another model, or to every mistake in them.

The values are read one by one, each where it stands; what is wrong is told and left out, and its
neighbours are read all the same. So the rules, which come after, look at whatever is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from relaydrill.marks import Marked, Mistake, Path, dotted
from relaydrill.model import Model
from relaydrill.topology import Topology
from relaydrill.topology.rules import Draft, mistakes
from relaydrill.topology_files.shapes import Field, Shape, fields_of
from relaydrill.topology_files.wording import (
    did_you_mean,
    nearest,
    not_a_choice,
    only_follows,
    said,
)

Read = TypeVar("Read", bound=Model)

_EXTENDS: Final = "extends"
_SURE: Final = 0.8
"""How alike, of 1, two keys must be for one to be read as the other."""
_KEY: Final = "[key]"
"""Pydantic's last step to a key of a mapping, where the key and not its value is wrong."""


class _Wrong:
    """In place of a value that could not be read."""


_WRONG: Final = _Wrong()


def check(root: Marked, *, partial: bool = False) -> tuple[Draft, list[Mistake]]:
    """The topology in ``root``, as far as it can be read, and what is wrong with it.

    Args:
        root: The top-level mapping, without ``extends``.
        partial: What the file extends could not be read, so that nothing can be said to be missing.
    """
    reader = _Reader(Topology, partial=partial)
    draft = reader.read(root)
    if not reader.mistakes and reader.is_whole:
        # As pydantic alone would have it, defaults and all; it has the last word.
        draft = replace(draft, topology=reader.whole(root, Topology) or draft.topology)
    broken = [] if reader.partial else mistakes(draft)
    return draft, [*reader.mistakes, *broken]


def read_as(root: Marked, model: type[Read]) -> tuple[Read | None, list[Mistake]]:
    """What a file of another kind says, or all that is wrong with it.

    Args:
        root: Its top-level mapping.
        model: What it is to become.
    """
    reader = _Reader(model, partial=False)
    reader.read_through(root)
    whole = reader.whole(root, model) if reader.is_whole and not reader.mistakes else None
    return whole, reader.mistakes


class _Reader:
    """Reads a file's values, and notes what is wrong with them.

    Args:
        model: What the whole of it becomes.
        partial: As the attribute.

    Attributes:
        mistakes: What was wrong.
        partial: Whether more is to be merged in, which cannot be had.
        is_whole: Whether everything that should be there was there and right.
    """

    def __init__(self, model: type[Model], *, partial: bool) -> None:
        self.mistakes: Final[list[Mistake]] = []
        self.partial = partial
        self._top: Final = model
        self.is_whole = True
        self._places: Final[dict[Path, Marked]] = {}
        self._lost: Final[set[str]] = set()
        self._incomplete: Final[set[Path]] = set()
        self._unclear: Final[set[Path]] = set()

    def read(self, root: Marked) -> Draft:
        """The topology, with holes where it is wrong."""
        topology = self.read_through(root)
        assert isinstance(topology, Topology)
        return Draft(
            topology,
            self._places,
            lost=frozenset(self._lost),
            incomplete=frozenset(self._incomplete),
            unclear=frozenset(self._unclear),
        )

    def read_through(self, root: Marked) -> Model:
        """All of it, with holes where it is wrong."""
        self._places[()] = root
        return self._model(self._top, root, ())

    def whole(self, root: Marked, model: type[Read]) -> Read | None:
        """The whole of values that were all found to be right; None if it is none yet."""
        try:
            text = json.dumps(root.plain())
            return model.model_validate_json(text, strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                self._tell(each, root)
            return None

    def _model(self, model: type[Model], at: Marked, here: Path) -> Model:
        fields = fields_of(model)
        entries = self._known(fields, at, here)
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for key, field in fields.items():
            if key in entries:
                value = self._value(field.shape, entries[key], (*here, key))
                values |= {} if value is _WRONG else {field.name: value}
                wrong += [field.name] if value is _WRONG else []
            elif field.is_required:
                self._missing(at, key, field.shape.words)
                wrong.append(field.name)
        draft = model.model_construct(**values)
        for name in wrong:
            vars(draft).pop(name, None)  # the default would not be what its author meant
        return draft

    def _known(self, fields: Mapping[str, Field], at: Marked, here: Path) -> dict[str, Marked]:
        """A mapping's entries by the keys of a model, misspelt ones by those that are meant."""
        known = [*fields] if here or self._top is not Topology else [_EXTENDS, *fields]
        entries: dict[str, Marked] = {}
        for key, entry in at.children():
            if key in fields:
                entries[str(key)] = entry
        for step, entry in at.children():
            key = str(step)
            if key in fields:
                continue
            near, sure = nearest(key, known), nearest(key, known, _SURE)
            self.partial |= not here and near == _EXTENDS
            if not entry.told:
                what = f"{dotted(entry.path)}: unknown key{did_you_mean(near)}"
                self.mistakes.append(Mistake(entry.key_at or entry.at, what, ", ".join(known)))
            if sure and sure in fields and sure not in entries:
                # Read on as it was meant: a misspelt key is not also a missing one, and what it
                # holds may be wrong as well.
                entries[sure] = entry
            else:
                self._lose(entry)
                self._unclear.add(here)
        return entries

    def _value(self, shape: Shape, at: Marked, here: Path) -> Any:
        self._places[here] = at
        value = self._read(shape, at, here)
        if at.told:
            self._lose(at)
            return _WRONG
        return value

    def _read(self, shape: Shape, at: Marked, here: Path) -> Any:
        if isinstance(at.value, dict):
            if shape.model:
                return self._model(shape.model, at, here)
            if shape.tagged:
                return self._tagged(shape, at, here)
            if shape.key and shape.item and at.value:
                return self._mapping(shape.key, shape.item, at, here)
        if isinstance(at.value, tuple) and at.value and shape.item and not shape.key:
            return self._items(shape.item, at, here)
        self._place_within(at, here)
        return self._single(shape, at)

    def _place_within(self, at: Marked, here: Path) -> None:
        for step, child in at.children():
            self._places[(*here, step)] = child
            self._place_within(child, (*here, step))

    def _mapping(self, key: Shape, item: Shape, at: Marked, here: Path) -> Any:
        values: dict[str, Any] = {}
        first: dict[str, Marked] = {}
        for step, entry in at.children():
            name = self._key(key, str(step), entry)
            other = None if name is None else first.setdefault(name, entry)
            if other is not None and other is not entry:
                # DNS holds names that differ only in case or a last dot to be one.
                what = f"{dotted(entry.path)}: the same host as {dotted(other.path[-1:])}"
                where = other.key_at or other.at
                self.mistakes.append(
                    Mistake(entry.key_at or entry.at, f"{what} at {where}", "once")
                )
            value = self._value(item, entry, (*here, name or step))
            if name is None or value is _WRONG:
                self._lose(entry)
                self._incomplete.add(here)
            else:
                values[name] = value
        return values

    def _key(self, shape: Shape, key: str, entry: Marked) -> str | None:
        try:
            return str(shape.adapter.validate_python(key))
        except ValidationError as error:
            for each in () if entry.told else error.errors(include_url=False, include_input=False):
                what, allowed = said(each, entry, key)
                what = f"{dotted(entry.path)}: {what}"
                self.mistakes.append(Mistake(entry.key_at or entry.at, what, allowed))
            return None

    def _items(self, shape: Shape, at: Marked, here: Path) -> Any:
        values: list[Any] = []
        for _, entry in at.children():
            value = self._value(shape, entry, (*here, len(values)))
            if value is not _WRONG:
                values.append(value)
        # Of a list of which nothing is right nothing is known: not that it is empty, either.
        return tuple(values) or _WRONG

    def _tagged(self, shape: Shape, at: Marked, here: Path) -> Any:
        """One of several models: that which its tag names."""
        choices = sorted(shape.tagged)
        entries = dict(at.children())
        if shape.tag not in entries:
            near = nearest(shape.tag, [str(key) for key in entries], _SURE)
            if near is None:
                self._missing(at, shape.tag, ", ".join(choices))
                return _WRONG
            entry = entries.pop(near)
            entries[shape.tag] = entry
            what = f"{dotted(entry.path)}: unknown key{did_you_mean(shape.tag)}"
            self.mistakes.append(Mistake(entry.key_at or entry.at, what))
            at = replace(at, value={str(key): each for key, each in entries.items()})
        tag = entries[shape.tag]
        if isinstance(tag.value, str) and tag.value in shape.tagged:
            return self._model(shape.tagged[tag.value], at, here)
        if not tag.told:
            what, allowed = not_a_choice(tag, choices)
            self.mistakes.append(Mistake(tag.place, f"{dotted(tag.path)}: {what}", allowed))
        return _WRONG

    def _single(self, shape: Shape, at: Marked) -> Any:
        """A value that is right or wrong as a whole."""
        try:
            # Through JSON, for only there does strict mean: a list is a tuple, but "25" is no
            # number and `true` is no 1. By alias only, so that a key has one spelling.
            text = json.dumps(at.plain())
            return shape.adapter.validate_json(text, strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                self._tell(each, at)
            self._lose(at)
            return _WRONG

    def _tell(self, error: ErrorDetails, at: Marked) -> None:
        """One of pydantic's errors, at the innermost place that the file has for it."""
        path, key = tuple(error["loc"]), None
        if path[-1:] == (_KEY,) and at.find(path) is None:
            path = path[:-1]
            key = str(path[-1])
        while (found := at.find(path)) is None:
            path = path[:-1]
        if found.told or only_follows(error, found):
            return
        what, allowed = said(error, found, key)
        where = found.key_at if key is not None and found.key_at else found.place
        whole = f"the {self._top.__name__.lower()}"
        what = f"{dotted(found.path) or whole}: {what}"
        self.mistakes.append(Mistake(where, what, allowed))

    def _missing(self, above: Marked, key: str, belongs: str) -> None:
        self.is_whole = False
        if not self.partial:
            what = f"{dotted((*above.path, key))}: missing"
            self.mistakes.append(Mistake(above.key_at or above.at, what, belongs))

    def _lose(self, value: Marked) -> None:
        """Note the names that stand in something which is not read."""
        self.is_whole = False
        self._lost.update(each for each in value.path[-1:] if isinstance(each, str))
        self._lost.update(_names(value))


def _names(value: Marked) -> Iterator[str]:
    """The names that a part declares: its keys, the hosts of MX records, and sites."""
    for step, child in value.children():
        if isinstance(step, str):
            yield step
        if step in ("host", "site") and isinstance(child.value, str):
            yield child.value
        yield from _names(child)
