"""An independent model of a mail tier: it writes run directories whose truth it knows.

A story (`story`) is drawn (`drawing`): a tier, its flows, what breaks, and what is wrong with it.
The story is played event by event (`tier`), and written down as a drill writes it (`files`). What
is true of it follows from the play alone (`truth`): which promise was kept, which was broken, which
fault bit, and of what nothing can be claimed. Then the product judges the run directory, and its
verdict is held against the truth (`trial`); and again after evidence was taken away (`evidence`).

Nothing here knows the checks, the ledger, or their arithmetic: two that share code share mistakes.
Of the product it uses the definition of the schedule (`relaydrill.schedule`), and `judge`.

``python -m tests.oracle`` runs many, and prints figures.
"""
