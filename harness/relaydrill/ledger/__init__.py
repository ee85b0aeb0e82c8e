"""All journals joined: the account of every (message, recipient). Pure.

The table of accounts, and what decides it:

====================== ============================================= ==========================
the sender saw         mailboxes and queues have                     account
====================== ============================================= ==========================
250 after the dot      it once, in a mailbox                         delivered
250 after the dot      it more than once, in both together           duplicated
250 after the dot      it in a mailbox, but the body's hash differs  altered
250 after the dot      it once, in a queue                           queued
250 after the dot      nothing                                       lost
250 after the dot      nothing, and not every queue can be seen      missing
250 after the dot      nothing, for nobody looks                     unobserved
nothing after the dot  it once, in a mailbox / in a queue / nothing  recovered / queued / unknown
4xx or 5xx             it, wherever / nothing                        phantom / refused
no connection, or cut  it, wherever / nothing                        phantom / not accepted
before the dot
====================== ============================================= ==========================

The queues are those of the tier: what waits at its own sender nobody has taken yet.

A message that no journalled sender sent (swaks, smtp-source, a real application) is *foreign*: the
first node that journalled its acceptance stands in for what the sender saw.
"""

from __future__ import annotations

from relaydrill.ledger.attempts import Attempts
from relaydrill.ledger.book import Ledger
from relaydrill.ledger.entries import FOREIGN, Account, Attempt, Entry, counted
from relaydrill.ledger.joining import join
from relaydrill.ledger.journals import MANY_BYTES, join_journals
from relaydrill.ledger.looks import Look
from relaydrill.ledger.observed import (
    ANY_PORT,
    UNSEEN,
    Belief,
    Bite,
    FaultWindow,
    Stall,
    Traffic,
)
from relaydrill.ledger.tried import Tried

__all__ = [
    "ANY_PORT",
    "FOREIGN",
    "MANY_BYTES",
    "UNSEEN",
    "Account",
    "Attempt",
    "Attempts",
    "Belief",
    "Bite",
    "Entry",
    "FaultWindow",
    "Ledger",
    "Look",
    "Stall",
    "Traffic",
    "Tried",
    "counted",
    "join",
    "join_journals",
]
