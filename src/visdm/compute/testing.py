"""Program `test`: how well the weights that a model package brings do on a dataset.

Inputs `model`, a model package with weights, and `asset-<id>`, a data package each. Settings
`assets` (ids) and `threads`. As in training the classes are those of the model package's
validation images, and each picture counts once, for the asset that was registered first
(`visdm.compute.distinct`). Nothing is trained, and no file is written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from visdm.compute import determinism, model_package
from visdm.compute.network import builder
from visdm.compute.rows import DataPackage
from visdm.compute.train import originals
from visdm.compute.training import score
from visdm.compute.weights import bring
from visdm.domain.testing import MIN_IMAGES, is_enough
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from visdm.compute.samples import Samples


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,  # noqa: ARG001 - the programs' shape; this one writes no file
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Measure; raise `JobError` where weights, model and images do not fit together."""
    began = time.perf_counter()
    assets = [int(asset) for asset in settings["assets"]]
    determinism.settle(int(settings["threads"]))
    model = model_package.read(inputs["model"])
    classes = sorted(model.validation().classes)
    packages = {asset: DataPackage(inputs[f"asset-{asset}"], f"asset {asset}") for asset in assets}
    with builder(model, len(classes)) as build:
        network = build(0)
        # Before the images are opened: weights that do not fit need none.
        bring(model, network)
        parts, left_out = originals(packages, model, classes)
        _check(parts, packages)
        scores = {}
        for done, (asset, samples) in enumerate(parts.items(), start=1):
            scores[asset] = score(network, samples)
            progress(done, len(parts))
    images = sum(one.samples for one in scores.values())
    return {
        "correct": {str(asset): one.correct for asset, one in scores.items()},
        "samples": {str(asset): one.samples for asset, one in scores.items()},
        "left_out": {
            str(asset): {str(original): count for original, count in found.items()}
            for asset, found in left_out.items()
            if found
        },
        "loss": sum(one.loss * one.samples for one in scores.values()) / images,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _check(parts: Mapping[int, Samples], packages: Mapping[int, DataPackage]) -> None:
    """Raise `JobError` where a test is over too few images.

    A test's price is split equally among all of its assets, on the chain: one that adds nothing
    is not to be paid like the others, and cannot be left out.
    """
    for asset, samples in parts.items():
        if not len(samples):
            what = packages[asset].what
            raise JobError(f"the {what} holds nothing but copies of earlier assets of the job")
    if not is_enough(sum(len(samples) for samples in parts.values())):
        raise JobError(f"a test is over at least {MIN_IMAGES} images, and its assets hold fewer")
