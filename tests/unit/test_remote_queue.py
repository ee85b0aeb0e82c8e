"""The queue of a server that runs elsewhere, by a command that may miss what moves meanwhile."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relaydrill.drivers.attach.remote import RemoteControl
from relaydrill.topology.attach import Action, AttachedNode


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        (["ab", "ab"], "ab"),
        (["a", "ab", "ab"], "ab"),
        (["ab", "b", "b"], "b"),
        (["a", "b", "a", "b", "a"], "a"),
    ],
)
def test_two_looks_in_a_row_have_to_agree(looks: list[str], found: str) -> None:
    """What one look missed another sees; what was delivered meanwhile lies there no more."""
    left = iter(looks)

    def do(*_: Any, **__: Any) -> str:
        lines = ({"message_id": each, "recipients": [{"address": "x@y"}]} for each in next(left))
        return "".join(json.dumps(line) + "\n" for line in lines)

    journalled: list[Any] = []
    witness = SimpleNamespace(
        append=journalled.append,
        look=lambda: None,
        known_on=lambda _: {},
        recipient_of=lambda _, address: address,
    )
    node = AttachedNode(address="10.0.0.1", queue=Action(run=("postqueue", "-j")))
    control = RemoteControl("ht1", node, cast(Any, SimpleNamespace(do=do)), cast(Any, witness))
    assert control("queue") == [(each, "x@y") for each in found]
    assert len(journalled) == 1
    assert list(left) == []
