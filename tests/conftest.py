"""What every test stands on."""

from __future__ import annotations

import signal

import signatures

# Started in the background of a shell, a process ignores interrupts: so would the tests of them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

signatures.remember()
