"""Program `evaluate`: how well released weights do on a data package.

Inputs `model`, a model package, `weights`, safetensors, `package`, a data package.
Settings `classes`, the names in the order of the network's answers, and `threads`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from visdm.compute import determinism, model_package
from visdm.compute.network import builder, restore
from visdm.compute.rows import DataPackage
from visdm.compute.samples import load
from visdm.compute.training import score
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,  # noqa: ARG001 - the programs' shape; this one writes no file
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Evaluate; raise `JobError` where weights, model and images do not fit together."""
    determinism.settle(int(settings.get("threads", 1)))
    classes = [str(name) for name in settings["classes"]]
    model = model_package.read(inputs["model"])
    samples = load(DataPackage(inputs["package"]), model, classes)
    try:
        state = load_file(inputs["weights"])
    except (SafetensorError, OSError, ValueError):
        raise JobError("the weights are not a readable safetensors file") from None
    with builder(model, len(classes)) as build:
        network = build(0)
        restore(network, state)
        result = score(network, samples)
    progress(len(samples), len(samples))
    return {
        "correct": result.correct,
        "samples": result.samples,
        "accuracy": result.accuracy,
        "loss": result.loss,
    }
