"""What may stand at a place of a topology file, read off the models' annotations."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BeforeValidator, PlainValidator, TypeAdapter
from pydantic.fields import FieldInfo

from relaydrill.model import Model

_WORDS: Final = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class Shape:
    """What may stand at a place.

    Attributes:
        annotation: As the model has it, with what else must hold.
        model: For a mapping with keys of its own: what it becomes.
        tagged: For one of several: which, by the value of the key ``tag``.
        tag: That key; empty where there is only one.
        key: What the keys of any other mapping may be.
        item: What its values, or the items of a list, may be.
    """

    annotation: Any
    model: type[Model] | None = None
    tagged: Mapping[str, type[Model]] = field(default_factory=dict)
    tag: str = ""
    key: Shape | None = None
    item: Shape | None = None

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Reads a value that is not looked into, or says what is wrong with it."""
        return TypeAdapter(self.annotation)

    @property
    def words(self) -> str:
        """What belongs here, for people; empty where there is no word for it."""
        schema = self.adapter.json_schema()
        for each in schema.get("anyOf", (schema,)):
            if each.get("type") != "null":
                return _WORDS.get(each.get("type", ""), "")
        return ""


@dataclass(frozen=True)
class Field:
    """A key of a mapping that becomes a model.

    Attributes:
        name: What the model calls it.
        key: What a file calls it.
        shape: What may stand there.
        is_required: Whether it has no default.
    """

    name: str
    key: str
    shape: Shape
    is_required: bool


@cache
def fields_of(model: type[Model]) -> Mapping[str, Field]:
    """The keys that a model is made from."""
    return {
        field.key: field
        for field in (
            Field(name, info.alias or name, _shape(_whole(info)), info.is_required())
            for name, info in model.model_fields.items()
        )
    }


def _whole(info: FieldInfo) -> Any:
    """A field's annotation with its constraints, which pydantic keeps apart."""
    if not info.metadata:
        return info.annotation
    return Annotated[(info.annotation, *info.metadata)]


def _shape(annotation: Any) -> Shape:
    bare, more = _unwrapped(annotation)
    reads_itself = any(isinstance(each, PlainValidator) for each in more)
    takes_others = any(isinstance(each, BeforeValidator) for each in more)
    tags = [each.discriminator for each in more if isinstance(each, FieldInfo)]
    tag = next((each for each in tags if isinstance(each, str)), "")
    if reads_itself:
        return Shape(annotation)
    if isinstance(bare, type) and issubclass(bare, Model):
        return Shape(annotation, model=bare)
    if tag and get_origin(bare) in (Union, types.UnionType):
        return Shape(annotation, tagged=dict(_tagged(get_args(bare), tag)), tag=tag)
    match get_origin(bare), get_args(bare):
        case (origin, (key, value)) if origin is dict and _unwrapped(key)[0] is str:
            return Shape(annotation, key=_shape(key), item=_shape(value))
        case (origin, (value, _)) if origin is tuple and not takes_others:
            return Shape(annotation, item=_shape(value))
    return Shape(annotation)


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type itself, without ``Annotated`` and ``None``, and what is annotated to it."""
    more: tuple[Any, ...] = ()
    while True:
        arguments = [each for each in get_args(annotation) if each is not type(None)]
        if get_origin(annotation) is Annotated:
            annotation, *rest = arguments
            more = (*more, *rest)
        elif get_origin(annotation) in (Union, types.UnionType) and len(arguments) == 1:
            annotation = arguments[0]
        else:
            return annotation, more


def _tagged(models: tuple[type[Model], ...], tag: str) -> Iterator[tuple[str, type[Model]]]:
    for model in models:
        yield from ((str(value), model) for value in get_args(model.model_fields[tag].annotation))
