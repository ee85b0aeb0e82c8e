"""What stock aiosmtpd finds out for every session: here once for a class and a handler."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of methods.

    Attributes:
        mechanisms: By the mechanism of AUTH, and whether the method is the session's own.
        hooks: The handler's, by command, bound.
        commands: The session's, by SMTP command.
    """

    mechanisms: Mapping[str, tuple[str, bool]]
    hooks: dict[str, Callable[..., Any]]
    commands: Mapping[str, str]


class Commands(Mapping[str, Any]):
    """The methods of a session by their SMTP commands, each bound only when it is asked for.

    The library asks it for HELP; the session itself looks the name up.
    """

    __slots__ = ("_names", "_session")

    def __init__(self, session: object, names: Mapping[str, str]) -> None:
        self._session = session
        self._names = names

    def __getitem__(self, command: str) -> Any:
        return getattr(self._session, self._names[command])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@functools.lru_cache(maxsize=64)
def tables_of(session: Hashable, handler: Hashable) -> Tables:
    """As aiosmtpd makes them."""
    mechanisms: dict[str, tuple[str, bool]] = {}
    for owner, builtin in ((session, True), (type(handler), False)):
        for name, function in inspect.getmembers(owner):
            if name.startswith("auth_"):
                usual = name.removeprefix("auth_").replace("__", "-")
                mechanism = getattr(function, "__auth_mechanism_name__", usual)
                mechanisms[mechanism] = (name, builtin)
    return Tables(
        mechanisms=mechanisms,
        hooks={
            name.removeprefix("handle_"): getattr(handler, name)
            for name in dir(handler)
            if name.startswith("handle_")
        },
        commands={
            name.removeprefix("smtp_"): name for name in dir(session) if name.startswith("smtp_")
        },
    )
