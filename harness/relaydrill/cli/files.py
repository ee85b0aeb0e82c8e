"""Commands about topology files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from relaydrill import inventory
from relaydrill.cli import options
from relaydrill.errors import UsageError


@click.command()
def topologies() -> int:
    """List the built-in topologies."""
    for name, summary in inventory.builtins().items():
        click.echo(f"{name:<16} {summary}")
    return 0


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "source", default="sharepoint", show_default=True, help="A built-in one.")
def init(file: Path, source: str) -> int:
    """Write a built-in topology to FILE, as a start for your own."""
    text = _ones_own(inventory.builtin_text(source), file.stem)
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UsageError(f"{file} exists already; name a file that does not") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {file}. Next: relaydrill audit {shlex.quote(str(file))}")
    return 0


def _ones_own(text: str, stem: str) -> str:
    """A built-in topology as a start for one's own.

    It has the file's name, where that can be one; and what the built-in one's author accepts is a
    comment, for it is nobody else's excuse.
    """
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", stem):
        text = re.sub(r"^name: .*$", f"name: {stem}", text, count=1, flags=re.M)
    head, accept, tail = text.partition("\naccept:")
    if not accept:
        return text
    lines = f"accept:{tail}".rstrip("\n").split("\n")
    return head + "\n" + "\n".join(f"# {line}".rstrip() for line in lines) + "\n"


@click.command()
def schema() -> int:
    """Print the JSON Schema of topology files, for editors."""
    options.print_json(inventory.schema())
    return 0
