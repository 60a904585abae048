"""Seconds from a job's funding to its settlement beyond the training itself, and where they go.

A whole market stands in a temporary folder: embedded chain, block store, real encryption, real
sandbox. The job is as small as one can be, an asset of 240 digits and one training. The
provider looks at the chain once the job is funded, as one that follows the chain does; how long it
takes to hear of a block is not in the figures. The training is what the program says of its own
time: decoding images, training and measuring, without the start of Python and the loading of torch.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from visdm.domain.rounds import Task, Terms
from visdm.experiments.latency.training import lay_out
from visdm.ports import Limits, silent
from visdm.wiring import open_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from visdm.ports import Chain, Computation, Progress, Sandbox
    from visdm.wiring import World

RUNS = 5
TARGET = 5.0
"""Seconds beyond the training, at most; Ocean takes 11."""

NAMES = ("operator", "provider", "consumer", "supplier")
DIGITS = 300
"""Images, of which one in five is for validation."""

CHAIN, SANDBOX, TRAINING = "chain", "sandbox", "training"


@dataclass(frozen=True)
class Trade:
    """Median seconds over `runs` jobs: the whole, and its parts.

    `sandbox` is its start, Python's and torch's, and clearing up; `chain` is reading it and
    settling; `packages` is fetching, decrypting, the release gate, encrypting and storing.
    """

    runs: int
    whole: float
    training: float
    sandbox: float
    chain: float
    packages: float

    @property
    def beyond(self) -> float:
        """Seconds beyond the training itself."""
        return self.whole - self.training

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        return {**asdict(self), "beyond": self.beyond, "target": TARGET}


def measure(runs: int = RUNS, progress: Progress = silent) -> Trade:
    """Measure. Raises `SandboxError` where there is no sandbox."""
    with tempfile.TemporaryDirectory() as folder, _market(Path(folder)) as world:
        found = []
        for run in range(runs):
            found.append(_job(world, run))
            progress(run + 1, runs)
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    return Trade(runs, **middle)


@contextmanager
def _market(folder: Path) -> Iterator[World]:
    """Yield a market with one described asset, 1, and a described model, 2."""
    lay_out(folder, DIGITS)
    with open_world(folder / "world", 1, NAMES) as world:
        world.deploy()
        provider = world.provider("provider", Limits())
        provider.join("EU", 0)
        consumer = world.consumer("consumer")
        consumer.join()
        world.supplier("supplier").join()
        world.chain("operator").transfer(world.address("consumer"), 10**12)
        world.supplier("supplier").offer(folder / "images", name="digits", provider=1)
        consumer.register_model(folder / "model", provider=1)
        for asset in provider.undescribed():
            provider.describe(asset)
        yield world


def _job(world: World, seed: int) -> dict[str, float]:
    """Fund a job, run it, and return what took how long."""
    consumer, spent = world.consumer("consumer"), {CHAIN: 0.0, SANDBOX: 0.0, TRAINING: 0.0}
    round_ = consumer.open_round(_terms(consumer.chain, seed))
    world.supplier("supplier").vote(round_, 1, last=True)
    plain = world.provider("provider", Limits())
    provider = replace(
        plain,
        chain=cast("Chain", _Timed(plain.chain, spent)),
        sandbox=_TimedSandbox(plain.sandbox, spent),
    )
    consumer.fund(round_)
    begun = time.perf_counter()
    for found in provider.pending_jobs():
        provider.run(found)
    whole = time.perf_counter() - begun
    return {**spent, "whole": whole, "packages": whole - sum(spent.values())}


def _terms(chain: Chain, seed: int) -> Terms:
    now = chain.now()
    return Terms(
        consumer=chain.account,
        model=2,
        provider=1,
        assets=(1,),
        ladder=(1,),
        task=Task.TRAIN,
        method="equal",
        seed=seed,
        quorum=5000,
        threshold=6600,
        min_samples=1,
        fee_cap=0,
        vote_by=now + 600,
        fund_by=now + 1200,
        settle_by=now + 1800,
    )


class _Timed:
    """The chain, with the seconds that its calls take added up."""

    def __init__(self, inner: Chain, spent: dict[str, float]) -> None:
        self._inner, self._spent = inner, spent

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the chain has
        found = getattr(self._inner, name)
        return self._timed(found) if callable(found) else found

    def _timed(self, call: Callable[..., object]) -> Callable[..., object]:
        def timed(*args: object, **named: object) -> object:
            begun = time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                self._spent[CHAIN] += time.perf_counter() - begun

        return timed


class _TimedSandbox:
    """The sandbox; what the program says of its own time counts as training."""

    def __init__(self, inner: Sandbox, spent: dict[str, float]) -> None:
        self._inner, self._spent = inner, spent

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def versions(self) -> Mapping[str, str]:
        return self._inner.versions

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        begun = time.perf_counter()
        answer = self._inner.run(computation, output, progress)
        training = float(answer["seconds"])
        self._spent[TRAINING] += training
        self._spent[SANDBOX] += time.perf_counter() - begun - training
        return answer
