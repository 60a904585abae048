"""The demo's network on the demo's images, at a fraction of the demo's size."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unit.compute.fabricated import DEMO, data_package, encoded, ignore, model_package
from visdm.compute import evaluate, train
from visdm.domain.values import shapley

if TYPE_CHECKING:
    from pathlib import Path

EACH = 200
CLASSES = [str(digit) for digit in range(10)]


@pytest.mark.filterwarnings("ignore")  # of what scikit-learn loads, which is not ours to judge
def test_the_demo_network_learns_digits_and_values_wrong_labels_less(tmp_path: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="needs the extra `demo`")
    digits = datasets.load_digits()
    source = np.random.default_rng(0)
    order = source.permutation(len(digits.target))
    files = [encoded(digits.images[place] * 15) for place in order]
    labels = [int(digits.target[place]) for place in order]
    inputs = {}
    for asset in (1, 2, 3):
        part = slice((asset - 1) * EACH, asset * EACH)
        said = labels[part]
        if asset == 3:
            lies = source.permutation(EACH) < 0.4 * EACH
            said = [
                (label + 1 + int(source.integers(9))) % 10 if lie else label
                for label, lie in zip(said, lies, strict=True)
            ]
        inputs[f"asset-{asset}"] = data_package(tmp_path / str(asset), files[part], said, CLASSES)
    kept = 3 * EACH
    validation = data_package(
        tmp_path / "v", files[kept : kept + 300], labels[kept : kept + 300], CLASSES
    )
    held_out = data_package(tmp_path / "h", files[kept + 300 :], labels[kept + 300 :], CLASSES)
    settings = (DEMO / "visdm.toml").read_bytes()
    inputs["model"] = model_package(tmp_path / "m", validation, settings=settings)

    asked = {"seed": 1, "assets": [1, 2, 3], "method": "shapley", "threads": 1}
    found = train.run(asked, inputs, tmp_path, ignore)
    measured = evaluate.run(
        {"classes": found["classes"]},
        {"model": inputs["model"], "weights": tmp_path / train.WEIGHTS, "package": held_out},
        tmp_path,
        ignore,
    )
    assert measured["accuracy"] > 0.95
    values = shapley({tuple(c): Fraction(right, 300) for c, right in found["utilities"]})
    assert values[3] < Fraction(9, 10) * min(values[1], values[2])
