"""For all tests: a machine that behaves the same however the tests were started."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job is started with Ctrl-C ignored, and hands that on to every program
    # that a test starts and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
