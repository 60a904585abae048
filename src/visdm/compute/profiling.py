"""Program `profile`: what owners see of a model before they vote (DESIGN section 7).

Input `model`, a model package. Settings `seed` and, where a job's classes are not those of
the package's validation images, `classes`, how many the network shall tell apart. The
network is built and takes one training step on random images, with no data near: a script
that cannot work is found out here, not in a paid job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from visdm.compute import determinism, model_package
from visdm.compute.network import builder, released, specs
from visdm.compute.scripts import blaming
from visdm.compute.training import optimizer, prepared, step
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from visdm.compute.model_package import ModelPackage

BATCH = 2
"""Synthetic images: two, so that a network that mixes them up shows in the answer's shape."""

STATES = {"adam": 2, "sgd": 1}
"""Numbers that an optimizer keeps for each weight."""


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
    known = sorted(model.validation().classes)
    classes = int(settings.get("classes", len(known)))
    with builder(model, classes) as build:
        network = build(determinism.derive(seed, "weights"))
        images, labels = synthetic(model, classes, determinism.derive(seed, "images"))
        flops = _flops(network, images, classes)
        activations = _activations(network, images) / BATCH
        descent = optimizer(network, model.config)
        step(network, descent, images, labels)
        state = released(network)
    progress(1, 1)
    return {
        **_said(model),
        "classes": known,
        "answers": classes,
        **_size(network),
        "tensors": specs(state),
        "release_bytes": sum(value.nbytes for value in state.values()),
        "mflops": round(flops / 1e6, 6),
        "training_memory": _training_memory(network, model, activations),
    }


def synthetic(model: ModelPackage, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return random images, uint8 (BATCH, channels, height, width), and random labels."""
    source = torch.Generator().manual_seed(seed)
    shape = (BATCH, *model.shape)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)
    return images, torch.randint(0, classes, (BATCH,), generator=source)


def _said(model: ModelPackage) -> dict[str, Any]:
    """Return what `visdm.toml` says, hyper-parameters included: they are public."""
    config = model.config
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
    }


def _size(network: nn.Module) -> dict[str, int]:
    """Count parameters, and layers: the modules that have parameters of their own."""
    weights = list(network.parameters())
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "trainable": sum(weight.numel() for weight in weights if weight.requires_grad),
        "layers": sum(any(True for _ in m.parameters(recurse=False)) for m in network.modules()),
    }


def _flops(network: nn.Module, images: Tensor, classes: int) -> float:
    """Return floating point operations for one image (a multiply-add is two of them)."""
    with blaming("on synthetic images"), torch.no_grad():
        network.eval()
        with FlopCounterMode(display=False) as counter:
            answers = network(prepared(images))
    fine = isinstance(answers, torch.Tensor) and answers.is_floating_point()
    if not fine or tuple(answers.shape) != (BATCH, classes):
        raise JobError(f"the network must answer {BATCH} images with {BATCH} x {classes} numbers")
    return float(counter.get_total_flops()) / BATCH


def _activations(network: nn.Module, images: Tensor) -> int:
    """Return the bytes that a forward pass keeps for the backward one, weights left out."""
    kept = {weight.untyped_storage().data_ptr(): 0 for weight in network.parameters()}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept.setdefault(storage.data_ptr(), storage.nbytes())
        return value.detach()

    with blaming("on synthetic images"), saved_tensors_hooks(keep, lambda value: value):
        network.train()
        answers = network(prepared(images))  # held, as it holds what was saved: no address twice
    del answers
    return sum(kept.values())


def _training_memory(network: nn.Module, model: ModelPackage, activations: float) -> int:
    """Estimate bytes at the peak of a training step: weights, gradients, optimizer, activations.

    Left out are the images, the libraries themselves and scratch space of single operations.
    """
    weights = sum(weight.nbytes for weight in network.parameters() if weight.requires_grad)
    copies = 2 + STATES[model.config.optimizer]
    return round(weights * copies + activations * model.config.batch)
