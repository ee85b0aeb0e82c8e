"""The one place at which documents are printed; and the one that stands in for a failed command's.

With ``--json`` standard output is one document, whatever happens: what was asked for, or an error.
Only an interruption leaves it empty. Words for people go to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

from relaydrill.documents.error import ErrorDocument, Kind
from relaydrill.errors import (
    CapabilityMissing,
    HarnessError,
    RelaydrillError,
    TopologyError,
)

_OPTION = "--json"


def print_json(document: Mapping[str, object]) -> None:
    """Print one document."""
    click.echo(json.dumps(document, indent=2))


def is_wanted(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, be the rest of it right or wrong."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return _OPTION in options


def error_document(error: Exception, status: int) -> ErrorDocument:
    """Why there is no document.

    Args:
        error: What ended the command.
        status: What the command ends with.
    """
    mistakes = error.mistakes if isinstance(error, TopologyError) else ()
    return {
        "format": "relaydrill.error",
        "version": 1,
        "kind": _kind(error),
        "exit_status": status,
        "message": error.format_message()
        if isinstance(error, click.ClickException)
        else str(error),
        "problems": [
            {
                "where": each.where,
                "file": each.at.file,
                "line": each.at.line,
                "what": each.what,
                "allowed": each.allowed,
            }
            for each in mistakes
        ],
    }


def _kind(error: Exception) -> Kind:
    match error:
        case TopologyError():
            return "topology"
        case CapabilityMissing():
            return "unsupported"
        case HarnessError():
            return "harness"
        case RelaydrillError() | click.ClickException():
            return "arguments"
    return "system"
