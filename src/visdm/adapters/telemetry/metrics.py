"""Numbers for Prometheus, in a registry of their own."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from visdm.ports import Turn

STEPS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
"""Upper bounds of seconds."""


class Metrics:
    """What docs/provider.md lists. Labels are words of ours: nothing of a job is among them."""

    def __init__(self, version: str, sandbox: str) -> None:
        self._registry = registry = CollectorRegistry()
        self._errands = Counter(
            "visdm_errands",
            "Attempts and ends of errands.",
            ("what", "outcome"),
            registry=registry,
        )
        self._steps = Histogram(
            "visdm_step_seconds",
            "Seconds that steps took.",
            ("step",),
            registry=registry,
            buckets=STEPS,
        )
        self._queue = self._gauge("visdm_queue", "Errands by what they do.", "state")
        self._memory = self._gauge("visdm_memory_bytes", "Memory lent to jobs.", "of")
        self._cores = self._gauge("visdm_cores", "Cores lent to jobs.", "of")
        self._up = self._gauge("visdm_up", "Whether a part answers.", "part")
        self._head = Gauge(
            "visdm_chain_head_seconds", "Time of the latest block.", registry=registry
        )
        self._stalled = Gauge(
            "visdm_chain_stalled_seconds", "Seconds since the head moved.", registry=registry
        )
        self._behind = Gauge(
            "visdm_chain_lag_seconds",
            "Seconds of the head behind this machine's clock; on a devnet means nothing.",
            registry=registry,
        )
        build = self._gauge("visdm_build_info", "What runs here.", "version", "python", "sandbox")
        build.labels(version, platform.python_version(), sandbox).set(1)

    def ended(self, what: str, outcome: str, seconds: float) -> None:
        """Count an attempt, or an errand's end."""
        self._errands.labels(what, outcome.replace(" ", "_")).inc()
        if seconds:
            self.took(what, seconds)

    def took(self, step: str, seconds: float) -> None:
        """Note how long a step took."""
        self._steps.labels(step).observe(seconds)

    def turned(self, turn: Turn) -> None:
        """Note a turn of the loop."""
        heavy = [need for need in turn.running.values() if need.memory or need.cores]
        counts = {
            "waiting": turn.waiting - turn.pausing,
            "pausing": turn.pausing,
            "computing": len(heavy),
            "light": len(turn.running) - len(heavy),
        }
        for state, count in counts.items():
            self._queue.labels(state).set(count)
        self._memory.labels("taken").set(sum(need.memory for need in heavy))
        self._memory.labels("lent").set(turn.resources.memory)
        self._cores.labels("taken").set(sum(need.cores for need in heavy))
        self._cores.labels("lent").set(turn.resources.cores)
        for part in ("chain", "store", "table"):
            self._up.labels(part).set(part not in turn.faults)
        self._head.set(turn.head)
        self._stalled.set(turn.stalled)
        self._behind.set(time.time() - turn.head)

    def page(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, registry=self._registry)
