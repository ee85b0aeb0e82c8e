"""Which of several instances of Postfix on one host a line is of."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.unit.test_mail_logs import at, delivery, follow, told_of

from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.instances import Instances


def names(lines: Iterable[tuple[str, str]], *, has: str = "") -> list[str]:
    """The instance of each line, by its tag and its program; `has` has the queue id of each."""
    known = Instances()
    return [
        known.of("mx1", f"{tag}/{program}", program, lambda each: each == has)
        for tag, program in lines
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # One instance, whatever its services are called.
        ([("postfix", "qmgr"), ("postfix/submission", "smtpd")], "postfix"),
        ([("postfix", "qmgr"), ("slow", "smtp")], "postfix"),
        ([("mx/in", "qmgr"), ("mx", "smtpd")], "mx/in"),
        # Several: by the name that a service's begins with.
        ([("mx", "qmgr"), ("mx-out", "qmgr"), ("mx-out", "smtp")], "mx-out"),
        ([("mx", "qmgr"), ("mx-out", "qmgr"), ("mx-out/25", "smtpd")], "mx-out"),
        ([("mx/in", "qmgr"), ("mx/out", "qmgr"), ("mx/out/slow", "smtp")], "mx/out"),
        # A message is named before the queue manager speaks.
        ([("mx", "qmgr"), ("mx-out", "cleanup")], "mx-out"),
    ],
)
def test_an_instance_is_what_has_a_queue_manager(
    lines: list[tuple[str, str]], expected: str
) -> None:
    """Services of master.cf may have names of their own; queue managers have their instance's."""
    assert names(lines)[-1] == expected


@pytest.mark.parametrize("has", ["mx", "mx-out"])
def test_a_service_that_no_name_tells_is_of_whoever_has_the_message(has: str) -> None:
    """With several instances the queue id tells; where none has it, nobody is said to."""
    lines = [("mx", "qmgr"), ("mx-out", "qmgr"), ("slow", "smtp")]
    assert names(lines, has=has)[-1] == has
    assert names(lines)[-1] == "slow"


def test_a_cleanup_with_a_name_of_its_own_is_no_instance() -> None:
    """``cleanup_service_name`` of a service: what it has named is in its instance's queue."""
    lines = [("mx", "qmgr"), ("mx-out", "qmgr"), ("headers", "cleanup"), ("mx", "smtp")]
    assert names(lines, has="headers")[-1] == "headers"
    assert names(lines, has="mx")[-1] == "mx"


def test_two_queues_that_give_out_one_queue_id_are_two() -> None:
    """In a lab, too: what each did with its message stands between what the other did."""
    kept = delivery("delivered to maildir", relay="virtual")
    thrown = delivery("silently", relay="none")
    lines = [
        at("A1B2C3: message-id=<1@x>", "in/cleanup"),
        at("A1B2C3: message-id=<2@x>", "out/cleanup"),
        at("A1B2C3: from=<a@x>, size=1, nrcpt=1 (queue active)", "in/qmgr"),
        at("A1B2C3: from=<a@x>, size=1, nrcpt=1 (queue active)", "out/qmgr"),
        at(kept, "out/virtual"),
        at(thrown, "in/discard"),
        at("A1B2C3: removed", "out/qmgr"),
        at("A1B2C3: removed", "in/qmgr"),
    ]
    deeds = follow(*lines)
    assert told_of(deeds, "<1@x>") == ["promised", "discarded", "ended"]
    assert told_of(deeds, "<2@x>") == ["promised", "delivered", "ended"]
    assert {each.does for each in deeds if not each.message} <= {Does.NOTHING}
