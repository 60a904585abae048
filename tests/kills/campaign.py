"""Kills an operation again and again: `python -m kills.campaign OPERATION FOLDER KILLS SEED`.

One kill comes at each step: right before the n-th call that changes a name or waits for the disk,
for every n. The others, at least half of KILLS, come at random moments of the time that the
operation takes. Each child is a fork of this process, which has imported everything: a kill costs
milliseconds. After each, what was left is checked and the operation done again to its end. Prints
what was done as JSON; ends with a traceback and 1 where a promise was broken.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kills.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kills.operations import Operation

STEPS = ("open", "replace", "rename", "link", "unlink", "fsync", "mkdir", "rmdir", "chmod")


def stepped(before: Callable[[], None]) -> None:
    """From here on, call `before` before each step of this process."""

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the wrapped one
            before()
            return call(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, wrapped(getattr(os, name)))


def forked(work: Callable[[], None]) -> int:
    """Start `work` in a fork of this process; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001  # whatever it is, it is shown and must not go on here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(child: int) -> bool:
    """Wait for a child; return whether it was killed. It may not fail otherwise."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the operation itself failed: {code}"
    return code != 0


def measured(operation: Operation) -> tuple[int, float]:
    """Return the steps of an undisturbed operation, and its seconds."""
    reading, writing = os.pipe()

    def work() -> None:
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        stepped(count)
        started = time.monotonic()
        operation.run()
        os.write(writing, json.dumps([steps, time.monotonic() - started]).encode())

    operation.prepare()
    assert not ended(forked(work))
    operation.check()
    operation.finish()
    steps, seconds = json.loads(os.read(reading, 1000))
    os.close(reading)
    os.close(writing)
    return steps, seconds


def killed_at(operation: Operation, step: int) -> bool:
    """Kill the operation right before one of its steps."""
    left = step

    def kill() -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def work() -> None:
        stepped(kill)
        operation.run()

    return ended(forked(work))


def killed_after(operation: Operation, seconds: float) -> bool:
    """Kill the operation after a while; it may be done by then."""
    child = forked(operation.run)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return ended(child)


def campaign(operation: Operation, kills: int, chance: random.Random) -> dict[str, float]:
    """Kill `operation` at least as often as said; return what was done."""
    started = time.monotonic()
    steps, seconds = measured(operation)
    reached = killed = tries = 0
    for step in range(steps):
        operation.prepare()
        hit = killed_at(operation, step)
        assert hit or operation.varies, f"step {step} was there before and was not reached"
        reached += hit
        operation.check()
        operation.finish()
    at_random = max(kills - reached, kills // 2)
    while killed < at_random and tries < 20 * kills:
        operation.prepare()
        killed += killed_after(operation, chance.uniform(0, seconds))
        tries += 1
        operation.check()
        operation.finish()
    took = round(time.monotonic() - started, 2)
    return {"steps": reached, "at_random": killed, "tries": tries, "seconds": took}


def main() -> None:
    name, folder, kills, seed = sys.argv[1:]
    chance = random.Random(int(seed))  # noqa: S311  # moments to kill at, no secret
    sys.stdout.write(json.dumps(campaign(OPERATIONS[name](Path(folder)), int(kills), chance)))


if __name__ == "__main__":
    main()
