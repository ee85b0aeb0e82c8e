"""Whether the tests that need a Docker engine can run here, and what would make them run."""

from __future__ import annotations

import functools
from typing import Final

from relaydrill.errors import LabError

TWO_HUBS: Final = """\
name: NAME
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
names:
  hubs.contoso.com: [ht1, ht2]
flows:
  relay: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 20/s}
expect: {gap: 60s}
"""
"""A small design, where it is asked what an engine does, and not how fast it is; put NAME in."""


@functools.cache
def why_no_docker(*images: str) -> str:
    """Why not, with what to run; empty if an engine answers and has these images."""
    from relaydrill.drivers.docker.engine import connect
    from relaydrill.images import IMAGES
    from relaydrill.images.build import is_current

    try:
        engine = connect()
    except LabError as error:
        return f"{error}; with an engine these tests run"
    try:
        missing = [name for name in images if not is_current(engine, IMAGES[name])]
    finally:
        engine.close()
    if missing:
        return f"no current image; to run this: relaydrill images build {' '.join(missing)}"
    return ""
