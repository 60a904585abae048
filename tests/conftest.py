"""What every test stands on."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

import signatures

# Started in the background of a shell, a process ignores interrupts: so would the tests of them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

signatures.remember()

# A property is tried on other examples each time: `make test` takes few, `make properties` many.
# How long one takes depends on what else the machine does, and is no fault.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", patient, max_examples=50)
settings.register_profile("many", patient, max_examples=2_000)
settings.load_profile("few")
