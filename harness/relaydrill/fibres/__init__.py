"""Blocking code, many at a time, in one thread: what waits for the network lets others go on.

Threads that mostly wait compete for the interpreter: each reply of a session costs two thread
switches, and with ten sessions at a time that is more than the sessions themselves. A fibre (a
greenlet) is switched by the event loop of its `FibrePool` instead, so smtplib and what is built on
it stay as they are written, and thousands may wait at a time.

Only the sockets made by `relaydrill.fibres.sockets` let others go on; whatever else waits makes
the whole pool wait. Outside of a fibre the same functions make ordinary sockets.
"""
