"""``python -m relaydrill.nodes CONFIG`` runs one node; ``… fork-server`` serves a driver."""

from __future__ import annotations

import sys
from pathlib import Path

from relaydrill.errors import RelaydrillError
from relaydrill.nodes import config, fork_server, runtime


def main(arguments: list[str]) -> int:
    """Run what the arguments name, and return the exit status."""
    if arguments == ["fork-server"]:
        fork_server.main()
        return 0
    if len(arguments) != 1:
        print("usage: python -m relaydrill.nodes CONFIG.json | fork-server", file=sys.stderr)
        return 2
    try:
        runtime.run(config.parse(Path(arguments[0]).read_bytes()))
    except (RelaydrillError, OSError, ValueError) as error:
        print(f"relaydrill.nodes: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
