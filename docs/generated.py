"""Pages of the reference that are made from the program itself, so that they cannot be out of date.

A page has a marker where its content goes: ``{{ commands }}`` or ``{{ topology }}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import click
from sphinx.application import Sphinx

from relaydrill import topology_files
from relaydrill.cli.commands import cli


def commands() -> str:
    """Every command with its help, as the terminal shows it."""
    return "\n".join(_command(click.Context(cli, info_name="relaydrill")))


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _command(click.Context(each, context, each.name))
        return
    context.max_content_width = context.terminal_width = 100
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"


def topology() -> str:
    """Every key of a topology file, with its default and its meaning."""
    schema = topology_files.schema()
    parts = {"Topology": schema["else"]} | {
        name: part
        for name, part in schema["$defs"].items()
        if not name.startswith("Partial") and "properties" in part
    }
    return "\n".join(_part(name, part, parts) for name, part in parts.items())


def _part(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    needed = part.get("required", ())
    rows = [
        f"| `{key}` | {_kind(value, parts)} | {_default(key, value, needed)} |"
        f" {_cell(value.get('description', ''))} |"
        for key, value in part["properties"].items()
    ]
    head = "| key | value | default | meaning |\n|---|---|---|---|\n"
    return f"## {name}\n\n{part.get('description', '')}\n\n{head}" + "\n".join(rows) + "\n"


def _kind(value: dict[str, Any], parts: dict[str, Any]) -> str:
    """What may be written: a link to another part, some words, or the name of a type."""
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/$defs/")
        return f"[{name}](#{name.lower()})" if name in parts else name
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    for several in ("anyOf", "oneOf"):
        if several in value:
            kinds = [_kind(each, parts) for each in value[several] if each != {"type": "null"}]
            return " or ".join(dict.fromkeys(kinds))
    if value.get("type") == "array":
        return f"list of {_kind(value.get('items', {}), parts)}"
    if isinstance(value.get("additionalProperties"), dict):
        return f"name: {_kind(value['additionalProperties'], parts)}"
    return str(value.get("type", "any"))


def _default(key: str, value: dict[str, Any], needed: tuple[str, ...]) -> str:
    if key in needed:
        return "needed"
    default = value.get("default")
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"`{default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


_CONTENT: Final[dict[str, Callable[[], str]]] = {
    "reference/commands": commands,
    "reference/topology": topology,
}


def _fill(_: Sphinx, page: str, source: list[str]) -> None:
    if made := _CONTENT.get(page):
        source[0] = source[0].replace(f"{{{{ {made.__name__} }}}}", made())


def setup(app: Sphinx) -> None:
    """Have the pages filled when they are read."""
    app.connect("source-read", _fill)
