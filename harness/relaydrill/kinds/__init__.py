"""The kinds of nodes: which programs there are to play the roles of a mail tier.

A kind is a folder here. Its ``__init__`` says what everybody may know of it (`NodeKind`) and loads
nothing; ``service`` has the function ``build``, which makes what runs in a node of that kind; a
``Dockerfile`` installs its program; its configuration and its log have a module each. Whoever adds
one adds it to the list below; see docs/inside/writing-a-node-kind.md.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from relaydrill.kinds import bind, exim, fake, haproxy, postfix
from relaydrill.kinds.kind import FAKE, NodeKind, Refusal, Retries, Role

_LISTED: Final[tuple[NodeKind, ...]] = (
    fake.KIND,
    haproxy.KIND,
    postfix.KIND,
    exim.KIND,
    bind.KIND,
)

KINDS: Final = MappingProxyType({kind.name: kind for kind in _LISTED})
"""All kinds, by name."""


def kinds_of(role: Role) -> tuple[str, ...]:
    """The names of the kinds that can play a role."""
    return tuple(kind.name for kind in KINDS.values() if role in kind.roles)


__all__ = ["FAKE", "KINDS", "NodeKind", "Refusal", "Retries", "Role", "kinds_of"]
