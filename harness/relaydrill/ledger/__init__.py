"""All journals joined: the account of every (message, recipient). Pure.

The table of accounts, and what decides it:

====================== ============================================= ==========================
the sender saw         mailboxes and queues have                     account
====================== ============================================= ==========================
250 after the dot      it once, in a mailbox                         delivered
250 after the dot      it more than once, in both together           duplicated
250 after the dot      it in a mailbox, changed, and not on purpose  altered
250 after the dot      it once, in a queue                           queued
250 after the dot      nothing, and a server threw it away           discarded
250 after the dot      nothing, and a server gave it up              lost
250 after the dot      nothing, and it went to whose log is not at   handed on
                       hand
250 after the dot      nothing for this recipient, but it came to    unobserved
                       somebody of whom it is not known whether it
                       is the recipient
250 after the dot      nothing, for nobody looks, or a log was not   unobserved
                       read whole
250 after the dot      nothing, and not every queue can be seen      missing
250 after the dot      nothing                                       lost
nothing after the dot  it once, in a mailbox / in a queue / nothing  recovered / queued / unknown
4xx or 5xx             it, wherever / nothing                        phantom / refused
no connection, or cut  it, wherever / nothing                        phantom / not accepted
before the dot
====================== ============================================= ==========================

The first row that fits, from above, decides, for each recipient by itself:

- **An arrival outweighs** whatever else befell the message: what is in its mailbox has arrived,
  though another copy of it was discarded, given up or handed on. Where the inventory says that
  several mailboxes must get it, it has arrived when all have it; the first that lacks it decides.
- **A queue outweighs an exit**: what still lies there may arrive.
- **Of several exits the last counts**: what was handed on to a filter, came back and was then
  discarded is discarded; what one server discarded, and another one then handed on, may arrive.
- **An exit outweighs what was not seen**: it is evidence, the other is a lack of it.

Two mailboxes behind one address are no duplicate; one of them twice is. A *copy* is the same
message for somebody to whom it was not sent. It is no arrival, no duplicate, and no account:
`Ledger.copies` has them.

The queues are those of the tier: what waits at its own sender nobody has taken yet.

A message that no journalled sender sent (swaks, smtp-source, a real application) is *foreign*: the
first node that journalled its acceptance stands in for what the sender saw.
"""

from __future__ import annotations

from relaydrill.ledger.attempts import Attempts
from relaydrill.ledger.book import Ledger
from relaydrill.ledger.entries import FOREIGN, Account, Attempt, Copy, Entry, Exit, Named, counted
from relaydrill.ledger.joining import join
from relaydrill.ledger.journals import MANY_BYTES, join_journals
from relaydrill.ledger.looks import Look
from relaydrill.ledger.observed import (
    ANY_PORT,
    UNSEEN,
    Belief,
    Bite,
    FaultWindow,
    PutOff,
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
    "Copy",
    "Entry",
    "Exit",
    "FaultWindow",
    "Ledger",
    "Look",
    "Named",
    "PutOff",
    "Stall",
    "Traffic",
    "Tried",
    "counted",
    "join",
    "join_journals",
]
