"""Blocking code, many at a time, in one thread: what waits for the network lets others go on.

Threads that do little but wait fight for the interpreter: each of a session's replies costs two
switches of a thread, and with ten sessions at a time that is more than the sessions themselves. A
fibre (a greenlet) is switched by its `Crew`'s event loop instead, so smtplib and what stands on it
stay as they are written, and thousands may wait at a time.

Only the sockets made by `relaydrill.fibres.sockets` let others go on; whatever else waits, makes
the whole crew wait. Outside of a fibre the same functions make ordinary sockets.
"""
