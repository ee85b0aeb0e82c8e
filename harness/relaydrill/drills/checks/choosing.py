"""What an attempt says of the servers that its sender can choose from."""

from __future__ import annotations

from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Tried
from relaydrill.sentences import listed, number_of
from relaydrill.smtp import Result
from relaydrill.topology.paths import takers_of, targets_of

_SHOWN: Final = 3
"""So many names say enough in a sentence."""


def says_nothing(case: Case, tried: Tried) -> bool:
    """Whether an attempt says nothing of them: not sent, or put off as the flow expects it."""
    is_put_off = case.expect.deferral and tried.is_deferred
    return is_put_off or tried.result in (None, Result.UNSENT)


def took_it(case: Case, tried: Tried, node: str) -> bool:
    """Whether a node accepted an attempt: by name, or, where nobody is named, as the first tried.

    What was accepted is accepted: without a name the one that was tried first is given the credit.
    """
    is_unnamed = tried.by not in case.topology.nodes
    return tried.is_accepted and (tried.by == node or (is_unnamed and tried.choice == node))


def may_be_another_s(case: Case, tried: Tried) -> bool:
    """Whether nobody shows that what was accepted was accepted where it was tried first.

    Its sender may have gone on from there, to a server whose banner names no node.
    """
    is_unnamed = tried.by not in case.topology.nodes
    return tried.is_accepted and is_unnamed and len({*targets_of(case.topology, case.flow)}) > 1


def what_to_declare(case: Case) -> str:
    """What the topology has to say for banners to name servers; goes on a sentence.

    Empty where the lab is the harness's own, whose banners name its nodes.
    """
    attach = case.topology.attach
    if attach is None:
        return ""
    banners = {each.server for each in case.attempts.columns.tellings if each.accepted}
    strange = sorted(each for each in banners if each and not case.named(each))
    if not strange:
        return ": their banners bear no name"
    takers = sorted(takers_of(case.topology, case.flow))
    known = {case.named(each) for each in banners}
    theirs = [each for each in takers if each not in known] or takers
    names = listed(strange[:_SHOWN]) + (" and others" if len(strange) > _SHOWN else "")
    be = number_of(len(strange), "is", "are")
    return f": {names} {be} no node's name; declare whose, by known_as of {' or '.join(theirs)}"
