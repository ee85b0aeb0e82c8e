"""All journals joined: the account of every (message, recipient). Pure.

The table of accounts, and what decides it:

====================== ============================================= ==========================
the sender saw         the mailbox saw                               account
====================== ============================================= ==========================
250 after the dot      it once / more than once                      delivered / duplicated
250 after the dot      it once, but the body's hash differs          altered
250 after the dot      nothing, and a node still queues it           queued
250 after the dot      nothing, and no node queues it                lost
250 after the dot      nothing, and not every queue can be seen      missing
250 after the dot      nobody looks                                  unobserved
nothing after the dot  it / nothing                                  recovered / unknown
4xx or 5xx             it / nothing                                  phantom / refused
no connection, or cut  it / nothing                                  phantom / not accepted
before the dot
====================== ============================================= ==========================

A message that no journalled sender sent (swaks, smtp-source, a real application) is *foreign*: the
first node that journalled its acceptance stands in for what the sender saw.
"""

from __future__ import annotations

from relaydrill.ledger.attempts import Attempts
from relaydrill.ledger.book import Ledger
from relaydrill.ledger.entries import FOREIGN, Account, Attempt, Entry, counted
from relaydrill.ledger.joining import join
from relaydrill.ledger.journals import MANY_BYTES, join_journals
from relaydrill.ledger.observed import ANY_PORT, Belief, FaultWindow, Stall, Traffic
from relaydrill.ledger.tried import Tried

__all__ = [
    "ANY_PORT",
    "FOREIGN",
    "MANY_BYTES",
    "Account",
    "Attempt",
    "Attempts",
    "Belief",
    "Entry",
    "FaultWindow",
    "Ledger",
    "Stall",
    "Traffic",
    "Tried",
    "counted",
    "join",
    "join_journals",
]
