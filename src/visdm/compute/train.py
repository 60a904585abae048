"""Program `train`: train a model on a dataset and on every coalition that its method needs.

Inputs `model`, a model package, and `asset-<id>`, a data package each. Settings `seed`,
`assets` (ids), `method` (`shapley` or `equal`), `threads`, and of the profile that owners saw
`regime`, `epsilon`, `blueprint` (`visdm.compute.teaching`). Images that an earlier asset of the
job has, and those that an asset repeats, are left out first (`visdm.compute.distinct`); an asset
of which nothing is left adds nothing to any coalition. Every training starts at the same
weights; its order of images depends on seed and coalition alone. The utility of a coalition is
the number of validation images that its network gets right, that of the empty one what the most
frequent class gets right. Output `model.safetensors`: the grand coalition's weights as they are
released (`visdm.compute.network`). The classes of the job are those of the validation images.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from visdm.compute import determinism, model_package
from visdm.compute.coalitions import baseline, listed, schedule
from visdm.compute.distinct import distinct
from visdm.compute.network import released, restore, specs, state_of
from visdm.compute.rows import DataPackage
from visdm.compute.samples import Looking, Samples, load
from visdm.compute.teaching import check_agreed, teaching
from visdm.compute.training import score
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from visdm.compute.duplicates import Hashes
    from visdm.compute.model_package import ModelPackage
    from visdm.compute.teaching import Teaching
    from visdm.compute.training import Score
    from visdm.domain.values import Coalition

WEIGHTS = "model.safetensors"


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Train and value; raise `JobError` where there is no result."""
    began = time.perf_counter()
    assets, threads = [int(asset) for asset in settings["assets"]], int(settings["threads"])
    determinism.settle(threads)
    planned = schedule(str(settings["method"]), assets)
    model = model_package.read(inputs["model"])
    check_agreed(model, settings)
    packages = {asset: DataPackage(inputs[f"asset-{asset}"], f"asset {asset}") for asset in assets}
    # The classes are the consumer's, so that the result has the shapes of the profile that
    # owners saw; what an asset has of other classes is of no use to it.
    classes = sorted(model.validation().classes)
    validation = load(model.validation(), model, classes)
    parts, left_out = originals(packages, model, classes)
    dataset = Dataset(parts)
    utilities: dict[Coalition, int] = {(): baseline(validation.labels.tolist())}
    kept = {asset: len(part) for asset, part in parts.items()}
    # The assets that have images left. Of these the whole job's is trained last.
    having = [tuple(asset for asset in coalition if kept[asset]) for coalition in planned]
    trainings = list(dict.fromkeys(coalition for coalition in having if coalition))
    with teaching(model, len(classes), settings, trainings, kept) as taught:
        bench = Bench(taught, dataset, validation, int(settings["seed"]))
        for done, (coalition, effective) in enumerate(zip(planned, having, strict=True), start=1):
            if effective not in utilities:
                result, state = bench.train(effective)
                utilities[effective] = result.correct
            utilities[coalition] = utilities[effective]
            progress(done, len(planned))
    save_file(state, output / WEIGHTS)
    return {
        "utilities": listed(utilities),
        "validation": len(validation),
        "kept": {str(asset): images for asset, images in kept.items()},
        "left_out": {
            str(asset): {str(original): images for original, images in found.items()}
            for asset, found in left_out.items()
            if found
        },
        "classes": classes,
        "metrics": {"accuracy": result.accuracy, "loss": result.loss},
        "tensors": specs(state),
        "seconds": round(time.perf_counter() - began, 3),
        "threads": threads,
        "epsilon": taught.epsilon,
        "deterministic": not taught.epsilon,
    }


def originals(
    packages: Mapping[int, DataPackage], model: ModelPackage, classes: Sequence[str]
) -> tuple[dict[int, Samples], dict[int, Mapping[int, int]]]:
    """Decode all assets' images of the job's classes, each picture once.

    Returns the samples that are left, and for each asset how many were left out, by the asset
    that has the original. Raises `JobError` where an asset has no image of these classes.
    """
    samples: dict[int, Samples] = {}
    hashes: dict[int, Hashes] = {}
    for asset in sorted(packages):
        looking = Looking()
        samples[asset] = useful(packages[asset], model, classes, looking)
        hashes[asset] = looking.hashes()
    found = distinct(hashes)
    kept = {a: part.having(torch.from_numpy(found[a].kept)) for a, part in samples.items()}
    return kept, {asset: one.left_out for asset, one in found.items()}


def useful(
    package: DataPackage, model: ModelPackage, classes: Sequence[str], looking: Looking
) -> Samples:
    """Decode an asset's images of the job's classes; raise `JobError` where it has none."""
    samples = load(package, model, classes, strict=False, looking=looking)
    if not len(samples):
        raise JobError(f"the {package.what} holds no image of the job's classes")
    return samples


class Dataset:
    """The samples of all assets in one piece, and where each asset's are."""

    def __init__(self, parts: Mapping[int, Samples]) -> None:
        self.samples = Samples(
            torch.cat([part.images for part in parts.values()]),
            torch.cat([part.labels for part in parts.values()]),
        )
        ends = torch.tensor([len(part) for part in parts.values()]).cumsum(0).tolist()
        self._spans = dict(zip(parts, zip([0, *ends], ends, strict=False), strict=True))

    def indices(self, coalition: Sequence[int]) -> Tensor:
        """Return the places of a coalition's samples."""
        return torch.cat([torch.arange(*self._spans[asset]) for asset in coalition])


class Bench:
    """Trains coalitions from one set of first weights."""

    def __init__(self, taught: Teaching, dataset: Dataset, validation: Samples, seed: int) -> None:
        self._taught, self._seed = taught, seed
        self._dataset, self._validation = dataset, validation
        self._first = state_of(taught.build(determinism.derive(seed, "weights")))

    def train(self, coalition: Coalition) -> tuple[Score, dict[str, Tensor]]:
        """Train on a coalition; return the score of its released weights, and these."""
        network = self._taught.build(determinism.derive(self._seed, "weights"))
        restore(network, self._first)
        order = determinism.derive(self._seed, "order", *coalition)
        chosen = self._dataset.indices(coalition)
        self._taught.fit(network, self._dataset.samples, chosen, order)
        state = released(network)
        restore(network, state)
        return score(network, self._validation), state
