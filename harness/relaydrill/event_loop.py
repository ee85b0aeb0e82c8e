"""The event loop of the fakes: uvloop's where it is installed."""

from __future__ import annotations

import asyncio

try:
    import uvloop
except ImportError:  # the extra `fast`; asyncio's own loop does the same in more time
    new_event_loop = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

__all__ = ["new_event_loop"]
