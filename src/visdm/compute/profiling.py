"""Program `profile`: what owners see of a model before they vote (DESIGN section 7).

Input `model`, a model package. Settings `seed` and, where a job's classes are not those of
the package's validation images, `classes`, how many the network shall tell apart. The
network is built twice and takes one training step on random images, with no data near: a
script that cannot work is found out here, not in a paid job. In regime `script` its `fit` takes
that step. In regime `private` the network is drawn up (`visdm.compute.blueprints`), and what is
built of that takes the step: the training will see no script.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from visdm.compute import determinism, model_package
from visdm.compute.blueprints import blueprint, building, check_same
from visdm.compute.costs import costs
from visdm.compute.layers import layers_of, listed, listening
from visdm.compute.network import builder, released, specs, state_of
from visdm.compute.samples import Samples
from visdm.compute.scripts import blaming
from visdm.compute.training import optimizer, prepared, step
from visdm.compute.weights import bring
from visdm.domain.models import is_name
from visdm.domain.profiles import MAX_CONFIG, MAX_TENSORS
from visdm.domain.regimes import Regime
from visdm.domain.release import MAX_RELEASE, sizes, state_limit
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from visdm.compute.costs import Costs
    from visdm.compute.model_package import ModelPackage
    from visdm.compute.network import Build, Builder, Specs
    from visdm.domain.blueprints import Blueprint

    Learn = Callable[[nn.Module, Tensor, Tensor], None]

BATCH = 2
"""Synthetic images: two, so that a network that mixes them up shows in the answer's shape."""

GIGA = 1e9


@dataclass(frozen=True)
class Trial:
    """What a network showed as it answered and learned."""

    network: nn.Module
    layers: list[dict[str, Any]]
    specs: Specs
    released: int


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,  # noqa: ARG001 - the programs' shape; this one writes no file
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Profile; raise `JobError` where the script does not do its part."""
    seed = int(settings["seed"])
    determinism.settle(int(settings.get("threads", 1)))
    model = model_package.read(inputs["model"])
    validation = model.validation()
    known = sorted(validation.classes)
    classes = int(settings.get("classes", len(known)))
    said = _said(model)
    with builder(model, classes) as build:
        if model.weights is not None:
            bring(model, build(determinism.derive(seed, "weights")))
        network = _built_twice(build, determinism.derive(seed, "weights"))
        progress(1, 3)
        images = synthetic(model, classes, determinism.derive(seed, "images"))
        drawn = None
        if model.config.regime is Regime.PRIVATE:
            network, drawn = _redrawn(network, model, classes, images[0])
        trial = _tried(network, _learner(model, build), classes, *images)
        progress(2, 3)
        found = costs(network, model, classes)
    progress(3, 3)
    return {
        **said,
        "output": {"shape": [classes]},
        "classes": known,
        "validation": validation.samples,
        **_size(network),
        "layers": trial.layers,
        "tensors": trial.specs,
        "release_bytes": trial.released,
        **_costly(found, _held(network, model)),
        "blueprint": drawn,
        "weights": model.weights is not None,
    }


def _redrawn(
    network: nn.Module, model: ModelPackage, classes: int, images: Tensor
) -> tuple[nn.Module, Blueprint]:
    """Return what a blueprint of a network makes, and that; raise `JobError` where it has none."""
    drawn = blueprint(network)
    anew = building([list(layer) for layer in drawn], model.shape, classes)(0)
    check_same(network, anew, prepared(images))
    return anew, drawn


def _learner(model: ModelPackage, build: Builder) -> Learn:
    """Return what takes the one training step, as the model's regime takes it."""
    if model.config.regime is Regime.SCRIPT:
        return lambda network, images, labels: build.fit(network, images, labels, 0)
    return _private_step(model) if model.config.regime is Regime.PRIVATE else _plain_step(model)


def _plain_step(model: ModelPackage) -> Learn:
    def learn(network: nn.Module, images: Tensor, labels: Tensor) -> None:
        loss = step(network, optimizer(network, model.config), images, labels)
        if not math.isfinite(loss):
            raise JobError("the loss on synthetic images is not a number")

    return learn


def _private_step(model: ModelPackage) -> Learn:
    from visdm.compute.private import fit_privately  # noqa: PLC0415 - slow, and seldom needed

    recipe = replace(model.config, epochs=1, batch=BATCH)

    def learn(network: nn.Module, images: Tensor, labels: Tensor) -> None:
        fit_privately(network, Samples(images, labels), torch.arange(BATCH), recipe, 0, 1.0)

    return learn


def synthetic(model: ModelPackage, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return random images, uint8 (BATCH, channels, height, width), and random labels."""
    source = torch.Generator().manual_seed(seed)
    shape = (BATCH, *model.shape)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)
    return images, torch.randint(0, classes, (BATCH,), generator=source)


def _said(model: ModelPackage) -> dict[str, Any]:
    """Return what `visdm.toml` says, hyper-parameters included: they are public."""
    config = model.config
    if len(json.dumps(dict(config.config), ensure_ascii=False).encode()) > MAX_CONFIG:
        raise JobError(f"the model package's table config has more than {MAX_CONFIG} bytes")
    return {
        "name": config.name,
        "input": {"mode": config.mode, "shape": list(model.shape)},
        "training": {
            "epochs": config.epochs,
            "batch": config.batch,
            "optimizer": config.optimizer,
            "learning_rate": config.learning_rate,
        },
        "config": dict(config.config),
        **config.promise,
    }


def _built_twice(build: Build, seed: int) -> nn.Module:
    """Return a network that came out the same twice: every coalition starts where all do."""
    first = _print(build(seed))
    network = build(seed)
    again = _print(network)
    if first.keys() != again.keys() or any(first[n][:2] != again[n][:2] for n in first):
        raise JobError("build_model returned another network when it was called again")
    if first != again:
        raise JobError("build_model drew numbers that its seed does not fix")
    return network


def _print(network: nn.Module) -> dict[str, tuple[str, list[int], str]]:
    """Return type, shape and digest of each tensor of the state."""
    prints = {}
    for name, value in state_of(network).items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided:
            raise JobError("the network's state holds something else than plain tensors")
        content = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
        digest = hashlib.sha256(content.data).hexdigest()
        prints[name] = (str(value.dtype), list(value.shape), digest)
    return prints


def _tried(network: nn.Module, learn: Learn, classes: int, images: Tensor, labels: Tensor) -> Trial:
    """Let the network answer and learn once. Raises `JobError` where it does not do so well."""
    before = specs(released(network))
    with listening(network) as heard, blaming("on synthetic images"), torch.no_grad():
        network.eval()
        answers = network(prepared(images))
    fine = isinstance(answers, torch.Tensor) and answers.is_floating_point()
    if not fine or tuple(answers.shape) != (BATCH, classes):
        raise JobError(f"the network must answer {BATCH} images with {BATCH} x {classes} numbers")
    if not bool(torch.isfinite(answers).all()):
        raise JobError("the network's answers are not finite numbers")
    layers = listed(network, {name: _each(shape) for name, shape in heard.items()})
    network.train()
    learn(network, images, labels)
    state = released(network)
    if specs(state) != before:
        raise JobError("the network's tensors are others after it ran")
    _check_names(state)
    _check_sizes(before)
    return Trial(network, layers, before, sum(value.nbytes for value in state.values()))


def _each(shape: list[int]) -> list[int]:
    """Return an answer's shape for each image, where its first side is the batch's."""
    return shape[1:] if shape[:1] == [BATCH] else shape


def _check_names(state: Mapping[str, Tensor]) -> None:
    if len(state) > MAX_TENSORS:
        raise JobError(f"the network has more than {MAX_TENSORS} tensors")
    if not all(is_name(name) for name in state):
        raise JobError("the network has a tensor whose name cannot be shown")


def _check_sizes(tensors: Specs) -> None:
    weights, others = sizes(tensors)
    if weights + others > MAX_RELEASE:
        raise JobError(f"the network has more than {MAX_RELEASE} bytes of rounded weights")
    if others > state_limit(weights):
        raise JobError(
            f"the network keeps more than {state_limit(weights)} bytes beside its weights",
            hint="register_buffer(..., persistent=False) keeps a constant out of the state",
        )


def _size(network: nn.Module) -> dict[str, int]:
    weights = list(network.parameters())
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "trainable": sum(weight.numel() for weight in weights if weight.requires_grad),
        "depth": len(layers_of(network)),
    }


def _held(network: nn.Module, model: ModelPackage) -> int:
    """Return bytes of the gradients that private training holds for each image, twice at a time."""
    if model.config.regime is not Regime.PRIVATE:
        return 0
    from visdm.compute.private import together  # noqa: PLC0415 - slow, and seldom needed

    weights = sum(weight.numel() for weight in network.parameters())
    return 2 * 4 * weights * min(together(weights), 2 * model.config.batch)


def _costly(found: Costs, held: int) -> dict[str, Any]:
    return {
        "gflops": {
            "forward": round(found.forward / GIGA, 9),
            "training": round(found.step / GIGA, 9),
        },
        "memory": {
            "training": found.training + held,
            "inference": found.inference,
            "inference_batch": found.inference_batch,
        },
        "traced": found.traced,
    }
