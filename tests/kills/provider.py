"""Kills a provider again and again: `python -m kills.provider FOLDER KILLS SEED`.

One kill comes right before, and one right after, each named step: each call of one of its ports
(chain, store, vault, scratch, sandbox, job table), and each transaction sent to the node. The
others, half of KILLS, come at random moments; some runs are killed a second time. The provider is a
fork of this process that runs as `visdm provider run` does, against a chain in another process.
After each kill no process of a job may be left; then it is started again, and all must end well.
Prints what was done as JSON; ends with a traceback and 1 where a promise was broken.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from unittest import mock

from kills.campaign import forked
from kills.scene import CONSUMER, MARK, NAMES, PROVIDER, Scene
from visdm import running
from visdm.adapters.evm.calls import HttpCalls
from visdm.adapters.jobtable import SqliteJobTable
from visdm.adapters.running import Place
from visdm.domain.assets import State
from visdm.domain.jobs import JobState
from visdm.domain.metadata import Metadata
from visdm.domain.reports import Report
from visdm.services.following import PROBED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from visdm.ports import Limits
    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World

ENDED = 120.0
"""Seconds within which everything must have ended after a start."""

GONE = 5.0
AFTER = 2.0
"""Seconds in which a provider comes to what it does after everything has ended."""

LENT = running.Settings(memory=8 << 30, cores=2, jobs=2, grace=20.0)
PORTS = ("chain", "store", "vault", "scratch", "sandbox")
LOOKS = {"recipient", "account", "name", "versions"}
"""Plain attributes: no step."""

Step = tuple[str, int]
"""What is called, and the how-manieth time."""


class Steps:
    """Counts named steps, and calls `at` before and after each."""

    def __init__(self, at: Callable[[Step], None]) -> None:
        self._at = at
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    def come(self, name: str) -> None:
        """Come to a step."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._at((name, self._counts[name]))

    def port(self, name: str, port: Any) -> Any:  # noqa: ANN401  # any of the ports
        """Return a port whose calls are steps."""
        return _Port(name, port, self)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is a step."""

        def step(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the call
            self.come(f"before {name}")
            answer = call(*arguments, **options)
            self.come(f"after {name}")
            return answer

        return step


class _Port:
    def __init__(self, name: str, port: Any, steps: Steps) -> None:  # noqa: ANN401  # any of the ports
        self._name, self._port, self._steps = name, port, steps

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the port has
        found = getattr(self._port, name)
        if name in LOOKS or not callable(found):
            return found
        return self._steps.around(f"{self._name}.{name}", found)


class Watching:
    """A world whose provider's ports are steps."""

    def __init__(self, world: World, steps: Steps) -> None:
        self._world, self._steps = world, steps

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the world has
        return getattr(self._world, name)

    def provider(self, name: str, limits: Limits) -> ComputeProvider:
        made = self._world.provider(name, limits)
        ports = {port: self._steps.port(port, getattr(made, port)) for port in PORTS}
        return replace(made, **ports)


def provide(scene: Scene, at: Callable[[Step], None]) -> None:
    """Run the provider in this process until a signal ends it."""
    steps = Steps(at)
    running.TURN = 0.05
    ask = HttpCalls.make_request

    def asked(self: HttpCalls, method: Any, params: Any) -> Any:  # noqa: ANN401  # as the patched one
        if method != "eth_sendRawTransaction":
            return ask(self, method, params)
        return steps.around("sending", ask)(self, method, params)

    HttpCalls.make_request = asked  # type: ignore[method-assign]  # a fork of its own
    with (
        mock.patch.object(
            running, "SqliteJobTable", lambda path: steps.port("table", SqliteJobTable(path))
        ),
        scene.opened() as world,
        running.alone(world.private(PROVIDER)),
        (scene.folder / "log").open("a") as log,
    ):
        told = running.Log("json", "info", log)
        running.run(Watching(world, steps), PROVIDER, LENT, told, ("127.0.0.1", 0))  # type: ignore[arg-type]  # a world


def passing(_: Step) -> None:
    """Let a step be."""


def killing(step: Step) -> Callable[[Step], None]:
    """Return what kills this process when it comes to `step`."""

    def at(come: Step) -> None:
        if come == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def all_ended(world: World) -> bool:
    """Whether nothing is left to do on the chain."""
    chain = world.chain("operator")
    return all(job.state is not JobState.FUNDED for job in chain.jobs().values()) and all(
        asset.state is not State.REGISTERED for asset in chain.assets()
    )


def job_processes() -> list[int]:
    """Return the processes of jobs, by their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if MARK.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def check_no_orphans() -> None:
    """Every process of a job must be gone a moment after its provider."""
    deadline = time.monotonic() + GONE
    while job_processes():
        assert time.monotonic() < deadline, f"processes {job_processes()} outlived their provider"
        time.sleep(0.02)


def finish(scene: Scene) -> None:
    """Start again; wait until all has ended; ask the provider to stop, and see that it does."""
    child = forked(lambda: provide(scene, passing))
    deadline = time.monotonic() + ENDED
    with scene.opened() as world:
        while not all_ended(world):
            assert time.monotonic() < deadline, "nothing more happens"
            assert os.waitpid(child, os.WNOHANG)[0] == 0, "the provider ended by itself"
            time.sleep(0.1)
        while Place(scene.private() / running.FOLDER).live().get("pid") != child:
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.02)
    # What it drops it drops after the job's end.
    table = SqliteJobTable(scene.private() / running.FOLDER / "jobs.sqlite")
    while table.noted():
        assert time.monotonic() < deadline, "what was stored in vain is not dropped"
        time.sleep(0.05)
    table.close()
    os.kill(child, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, f"told to stop, it ended with {code}"


def check(scene: Scene) -> int:
    """Hold the end to what was promised; return the blobs that nothing points to."""
    assert scene.shows() == [], "something decrypted is left"
    scratch = scene.private() / "scratch"
    assert [path for path in scratch.iterdir() if path.is_dir()] == []
    check_no_orphans()
    with scene.opened() as world:
        chain = world.chain("operator")
        ends = world.ledger.named("JobSettled", "JobRefunded")
        assert len(ends) == 1, "a job ended more than once"
        ((round_, job),) = chain.jobs().items()
        assert job.state is JobState.SETTLED, "killed is nobody's fault, and ends in no refund"
        consumer = world.consumer(CONSUMER)
        assert consumer.verify(round_) == []
        consumer.result(round_, scene.folder / "result")
        assert chain.escrowed() == sum(chain.claimable(world.address(name)) for name in NAMES)
        assert chain.escrowed() + chain.withdrawn() == job.price + job.fee_cap
        described = [asset for asset in chain.assets() if asset.state is State.DESCRIBED]
        assert len(described) == len(chain.assets()) == 4
        assert len(world.ledger.named("AssetDescribed")) == 4
        report = Report.from_bytes(world.store.read(job.report), cid=job.report)
        found = Metadata.from_bytes(
            world.store.read(described[-1].metadata), cid=described[-1].metadata
        )
        known = {job.result, job.report, report.grants, world.store.write(PROBED)}
        known |= {described[-1].metadata, found.images, found.prints}
    pins = {path.name for path in (scene.world / "blobs" / "pins").rglob("*")}
    return len(pins - scene.before - known)


def measured(scene: Scene) -> tuple[list[Step], float]:
    """Return the steps of an undisturbed provider, and its seconds."""
    trail = scene.folder / "trail"
    trail.write_text("")
    (scene.folder / "log").write_text("")

    def note(step: Step) -> None:
        with trail.open("a") as file:
            file.write(json.dumps(step) + "\n")

    scene.renew()
    begun = time.monotonic()
    child = forked(lambda: provide(scene, note))
    seen = False
    with scene.opened() as world:
        while not all_ended(world):
            seen = seen or bool(scene.shows())
            time.sleep(0.01)
    seconds = time.monotonic() - begun
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert seen, "plaintext was never seen, so looking for it proves nothing"
    told = [json.loads(line)["event"] for line in (scene.folder / "log").read_text().splitlines()]
    last = max(place for place, event in enumerate(told) if event == "begins")
    assert last < told.index("done"), "the asset and the job were not worked on at once"
    steps = [tuple(json.loads(line)) for line in trail.read_text().splitlines()]
    # The loop writes its table as long as it turns: not all of that is a step of the work.
    named = [(name, count) for name, count in steps if "table" not in name or count <= 4]
    return sorted(set(named)), seconds


def killed_at(scene: Scene, step: Step) -> bool:
    """Kill a provider at a step; it may not come to it."""
    return _killed(scene, forked(lambda: provide(scene, killing(step))), ENDED)


def killed_after(scene: Scene, seconds: float) -> bool:
    """Kill a provider after a while."""
    return _killed(scene, forked(lambda: provide(scene, passing)), seconds)


def _killed(scene: Scene, child: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    with scene.opened() as world:
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
                return True
            if seconds == ENDED and all_ended(world):
                deadline = min(deadline, time.monotonic() + AFTER)
            time.sleep(0.02)
    done = seconds == ENDED
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return not done


def shots(scene: Scene, kills: int, chance: random.Random) -> Iterator[tuple[str, Step | float]]:
    """Yield when to kill: half at steps, all their names if there are kills enough."""
    steps, seconds = measured(scene)
    chance.shuffle(steps)
    # Each name once before any other time that it is come to.
    first = {name: (name, count) for name, count in steps}
    others = [step for step in steps if step not in first.values()]
    at_steps = [*first.values(), *others][: kills // 2]
    drawn = [("random", chance.uniform(0, seconds)) for _ in range(kills - len(at_steps))]
    named = [("step", step) for step in at_steps]
    # In turn, so that a campaign that is cut short has seen both.
    for pair in zip_longest(named, drawn):
        yield from filter(None, pair)


def campaign(scene: Scene, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill the provider as often as said; return what was done."""
    done = {"step": 0, "random": 0, "twice": 0, "not_reached": 0, "orphaned_blobs": 0}
    begun, reached = time.monotonic(), set()
    try:
        for number, (kind, when) in enumerate(shots(scene, kills, chance)):
            scene.renew()
            if isinstance(when, float):
                hit = killed_after(scene, when)
            else:
                hit = killed_at(scene, when)
                reached.add(when[0])
            done[kind if hit else "not_reached"] += 1
            check_no_orphans()
            more = number % 5 == 4 and killed_after(scene, chance.uniform(0, 1.5))
            done["twice"] += more
            check_no_orphans()
            finish(scene)
            left = check(scene)
            # Of each of the two errands one may be stored and not noted yet.
            assert left <= 2 + 2 * more, f"{left} blobs that nothing points to: {kind} {when}"
            done["orphaned_blobs"] += left
            if os.environ.get("VISDM_KILLS_TOLD"):
                sys.stderr.write(f"{number} {kind} {when} {done}\n")
    finally:
        scene.end()
    return {**done, "names": len(reached), "seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    folder, kills, seed = sys.argv[1:]
    chance = random.Random(int(seed))  # noqa: S311  # moments to kill at, no secret
    sys.stdout.write(json.dumps(campaign(Scene(Path(folder)), int(kills), chance)))


if __name__ == "__main__":
    main()
