"""Commands about topology files."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from relaydrill import topology_files
from relaydrill.cli import completing, options, own_files
from relaydrill.cli.json_output import print_json
from relaydrill.documents.catalogue import FORMATS
from relaydrill.documents.design import TopologiesDocument
from relaydrill.errors import UsageError
from relaydrill.own_configuration.recognising import KINDS

_TOPOLOGY: Final = "topology"
_USUAL: Final = "sharepoint"
_THERE_ALREADY: Final = "{} exists already; choose another name"
_ASSUMED: Final = re.compile(r"^.*# .*\bASSUMED\b(?!: no file says it; look)", re.M)


@click.command()
@options.json
def topologies(as_json: bool) -> int:
    """List the built-in topologies."""
    if as_json:
        print_json(_builtins())
        return 0
    for name, summary in topology_files.builtins().items():
        click.echo(f"{name:<16} {summary}")
    return 0


def _builtins() -> TopologiesDocument:
    return {
        "format": "relaydrill.topologies",
        "version": 1,
        "topologies": [
            {"name": name, "summary": summary}
            for name, summary in topology_files.builtins().items()
        ],
    }


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from",
    "sources",
    metavar="SOURCE",
    multiple=True,
    shell_complete=completing.topologies,
    help="A built-in topology, or a file of your own, such as haproxy.cfg; several belong"
    " together.  [default: sharepoint]",
)
@click.option(
    "--as",
    "kinds",
    metavar="KIND=SOURCE",
    multiple=True,
    help=f"A file that is one of: {', '.join(KINDS)}.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The same as FILE."
)
def init(
    file: Path | None, sources: tuple[str, ...], kinds: tuple[str, ...], output: Path | None
) -> int:
    """Write a topology to FILE, as a start for your own.

    It is a built-in one, or what your own configuration files say: of HAProxy, nginx, keepalived,
    Postfix, Exim, and zone files. Each value has its line beside it, and what no topology can say
    stands at the end. Nothing is started, and nothing is overwritten.
    """
    if (file is None) == (output is None):
        what = "two files to write to" if file else "no file to write to"
        raise UsageError(f"{what}; as in: relaydrill init --from haproxy.cfg -o mine.yaml")
    target = file or output
    assert target is not None
    with contextlib.suppress(OSError, ValueError):  # told when it is written
        if target.exists():
            raise UsageError(_THERE_ALREADY.format(target))
    own = own_files.asked(sources, kinds)
    if own:
        text = own_files.text_from(own, target)
    else:
        text = _ones_own(topology_files.builtin_text((sources or (_USUAL,))[0]), target.stem)
    _write(target, text)
    click.echo(f"Wrote {target}. Next: relaydrill audit {shlex.quote(str(target))}")
    if assumed := len(_ASSUMED.findall(text)):
        click.echo(f"{assumed} of its lines say ASSUMED: look at them first.")
    return 0


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(_THERE_ALREADY.format(target)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one"
        raise UsageError(f"{target} cannot be written: {reason}") from None


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
@click.option(
    "--of", "wanted", metavar="FORMAT", default="", help="Print the schema of this format."
)
def schema(wanted: str) -> int:
    """List the formats of files and JSON documents, or print the JSON Schema of one.

    FORMAT is a name from the list: topology, for editors; audit, for what audit --json prints.
    """
    if not wanted:
        for name, told in _formats():
            click.echo(f"{name:<14}{told}")
        return 0
    if wanted == _TOPOLOGY:
        print_json(topology_files.schema())
        return 0
    from relaydrill.documents.schema import schema_of

    named = {each.short_name: each for each in FORMATS}
    found = named.get(wanted.removeprefix("relaydrill."))
    if found is None:
        names = ", ".join(name for name, _ in _formats())
        raise UsageError(f"there is no format {wanted}; the formats are: {names}")
    print_json(schema_of(found))
    return 0


def _formats() -> Iterator[tuple[str, str]]:
    """The short name of each format, and what holds it."""
    yield _TOPOLOGY, "topology files"
    for each in FORMATS:
        yield each.short_name, f"{each.where} (version {each.version})"
