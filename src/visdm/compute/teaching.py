"""How a job's networks come to be and are trained, in each regime (`visdm.domain.regimes`).

In `loop` and `script` the model's script runs in this process, beside the images: of `loop` it is
promised that the platform's loop trains, not that the network's own code is harmless. In `private`
no script is imported at all.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.compute.blueprints import building
from visdm.compute.network import builder
from visdm.compute.training import fit
from visdm.domain.regimes import Regime
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from visdm.compute.model_package import ModelPackage
    from visdm.compute.network import Build, Builder
    from visdm.compute.samples import Samples
    from visdm.domain.values import Coalition

    Fit = Callable[[nn.Module, Samples, Tensor, int], None]


@dataclass(frozen=True)
class Teaching:
    """Builds and trains networks; `epsilon` is what that amounts to (thousandths), 0 for none."""

    build: Build
    fit: Fit
    epsilon: int = 0


def check_agreed(model: ModelPackage, settings: Mapping[str, Any]) -> None:
    """Raise `JobError` unless a model trains as the profile says that owners saw.

    The profile comes from a process in which the model's script ran; here none has run yet.
    """
    shown = {"regime": settings.get("regime", "loop"), "epsilon": settings.get("epsilon")}
    if model.config.promise != shown:
        raise JobError("the model package trains in another way than owners were shown")


@contextmanager
def teaching(
    model: ModelPackage,
    classes: int,
    settings: Mapping[str, Any],
    trainings: Sequence[Coalition],
    kept: Mapping[int, int],
) -> Iterator[Teaching]:
    """Yield how a job trains, whose `trainings` are over assets with so many images `kept`.

    Raises `JobError` when the script does not do its part, and where it can not be as private as
    it states.
    """
    if model.config.regime is Regime.PRIVATE:
        yield _private(model, classes, settings, trainings, kept)
        return
    with builder(model, classes) as build:
        yield Teaching(
            build, _free(build) if model.config.regime is Regime.SCRIPT else _loop(model)
        )


def _loop(model: ModelPackage) -> Fit:
    def train(network: nn.Module, samples: Samples, chosen: Tensor, seed: int) -> None:
        fit(network, samples, chosen, model.config, seed)

    return train


def _free(build: Builder) -> Fit:
    def train(network: nn.Module, samples: Samples, chosen: Tensor, seed: int) -> None:
        # Copies: what the script does to them is gone with the coalition.
        build.fit(network, samples.images[chosen], samples.labels[chosen], seed)

    return train


def _private(
    model: ModelPackage,
    classes: int,
    settings: Mapping[str, Any],
    trainings: Sequence[Coalition],
    kept: Mapping[int, int],
) -> Teaching:
    from visdm.compute.accounting import spending  # noqa: PLC0415 - slow, and seldom needed
    from visdm.compute.private import fit_privately  # noqa: PLC0415 - as above

    config = model.config
    stated = (config.epsilon or 0, config.delta or 0.0)
    spent = spending(trainings, kept, batch=config.batch, epochs=config.epochs, stated=stated)

    def train(network: nn.Module, samples: Samples, chosen: Tensor, seed: int) -> None:
        fit_privately(network, samples, chosen, config, seed, spent.noise)

    return Teaching(building(settings.get("blueprint"), model.shape, classes), train, spent.epsilon)
