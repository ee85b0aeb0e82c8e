"""The Docker context that is in use: where its engine is, and what it is reached with.

Read here as the docker command line keeps them (docker/cli, cli/context/store): its Python library
knows ``DOCKER_CONTEXT`` in some places only, and none at all without a ``config.json``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from relaydrill.errors import UsageError

_DEFAULT: Final = "default"
"""The command line's own name for none: this machine's engine."""


@dataclass(frozen=True, slots=True)
class Context:
    """An engine that somebody has given a name.

    Attributes:
        name: The name.
        host: Where it is, as DOCKER_HOST says it.
        certificates: The folder with ``ca.pem``, ``cert.pem`` and ``key.pem``; empty: without TLS.
    """

    name: str
    host: str
    certificates: str


def name_in_use() -> str:
    """Its name: of ``DOCKER_CONTEXT``, or what ``docker context use`` has set; empty: none."""
    name = os.environ.get("DOCKER_CONTEXT") or str(_settings().get("currentContext") or "")
    return "" if name == _DEFAULT else name


def in_use() -> Context | None:
    """The context that is in use; None where that is this machine's engine.

    Raises:
        UsageError: It is not there, or its file cannot be read.
    """
    name, folder = name_in_use(), _folder()
    if not name:
        return None
    said_by = "DOCKER_CONTEXT" if os.environ.get("DOCKER_CONTEXT") else "docker context use"
    if folder is None:
        raise UsageError(f"{said_by} names the context {name}, and there is no home to find it in")
    digest = hashlib.sha256(name.encode()).hexdigest()
    file = folder / "contexts" / "meta" / digest / "meta.json"
    try:
        host = str(json.loads(file.read_text())["Endpoints"]["docker"]["Host"])
    except FileNotFoundError:
        raise UsageError(
            f"there is no Docker context {name} in {folder}, which {said_by} names:"
            " docker context ls shows which there are"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"the Docker context {name} cannot be read ({file}): {error!r}") from None
    tls = folder / "contexts" / "tls" / digest / "docker"
    return Context(name, host, str(tls) if (tls / "ca.pem").exists() else "")


def _folder() -> Path | None:
    """Where the command line keeps what is the user's; None: there is no home."""
    if told := os.environ.get("DOCKER_CONFIG"):
        return Path(told)
    with contextlib.suppress(RuntimeError):
        return Path.home() / ".docker"
    return None


def _settings() -> dict[str, Any]:
    """What the user's file says; empty where there is none that can be read."""
    folder = _folder()
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / "config.json").read_text()) if folder else {}
        return found if isinstance(found, dict) else {}
    return {}
