from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from unit.compute.fabricated import (
    data_package,
    encoded,
    ignore,
    model_package,
    said,
    stripes,
    stripes_package,
    toml,
)
from visdm.compute import evaluate, profiling, train
from visdm.compute import model_package as packages
from visdm.compute.coalitions import schedule
from visdm.compute.determinism import derive
from visdm.compute.rows import DataPackage
from visdm.compute.samples import Samples, load
from visdm.compute.train import WEIGHTS, Dataset
from visdm.compute.training import fit, score
from visdm.domain.release import check_release
from visdm.domain.values import shapley
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Inputs = dict[str, Path]

SETTINGS: dict[str, Any] = {"seed": 3, "assets": [4, 7, 9], "method": "shapley", "threads": 1}


@pytest.fixture
def world(tmp_path: Path) -> Inputs:
    """Three assets of stripes, the last one with most labels turned round."""
    validation = stripes_package(tmp_path / "validation", 60, 100)
    return {
        "model": model_package(tmp_path / "m", validation, settings=toml(epochs=3)),
        "asset-4": stripes_package(tmp_path / "4", 40, 1),
        "asset-7": stripes_package(tmp_path / "7", 40, 2),
        "asset-9": stripes_package(tmp_path / "9", 40, 3, wrong=0.8),
    }


def trained(inputs: Mapping[str, Path], output: Path, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - a program's settings
    output.mkdir(exist_ok=True)
    found = train.run({**SETTINGS, **settings}, dict(inputs), output, ignore)
    plain: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return plain


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(JobError) as caught:
        act()
    return said(caught.value)


def test_the_same_job_gives_the_same_bytes_and_utilities(world: Inputs, tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = trained(world, tmp_path / "one")
    torch.manual_seed(6)
    np.random.seed(6)  # noqa: NPY002 - the global generator is what could interfere
    again = trained(world, tmp_path / "two")
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "two" / WEIGHTS).read_bytes()
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_another_seed_gives_other_weights(world: Inputs, tmp_path: Path) -> None:
    for seed in (1, 2):
        trained(world, tmp_path / str(seed), seed=seed, method="equal")
    assert (tmp_path / "1" / WEIGHTS).read_bytes() != (tmp_path / "2" / WEIGHTS).read_bytes()


def test_a_coalition_trains_the_same_whatever_else_is_trained(
    world: Inputs, tmp_path: Path
) -> None:
    every = trained(world, tmp_path / "every")
    pair = trained(world, tmp_path / "pair", assets=[9, 4])
    alone = trained(world, tmp_path / "alone", assets=[4], method="equal")
    utilities = {tuple(coalition): right for coalition, right in every["utilities"]}
    for coalition, right in pair["utilities"] + alone["utilities"]:
        assert utilities[tuple(coalition)] == right


def test_every_coalition_has_a_utility_and_the_bad_asset_the_least_value(
    world: Inputs, tmp_path: Path
) -> None:
    found = trained(world, tmp_path)
    assert found["validation"] == 60
    assert [coalition for coalition, _ in found["utilities"]] == [
        [],
        *([4], [7], [9], [4, 7], [4, 9], [7, 9], [4, 7, 9]),
    ]
    utilities = {tuple(c): Fraction(right, 60) for c, right in found["utilities"]}
    values = shapley(utilities)
    assert values[9] < min(values[4], values[7])
    assert sum(values.values()) == utilities[4, 7, 9] - utilities[()]
    assert found["metrics"]["accuracy"] == float(utilities[4, 7, 9])


def test_without_data_the_most_frequent_class_is_what_is_got_right(
    world: Inputs, tmp_path: Path
) -> None:
    pictures, _ = stripes(10, 0)
    validation = data_package(
        tmp_path / "v", [encoded(p) for p in pictures], [1] * 7 + [0] * 3, ["upright", "level"]
    )
    world["model"] = model_package(tmp_path / "m", validation)
    assert trained(world, tmp_path, method="equal")["utilities"][0] == [[], 7]


def test_an_equal_split_needs_one_training(world: Inputs, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    train.run(
        {**SETTINGS, "method": "equal"}, world, tmp_path, lambda *progress: seen.append(progress)
    )
    assert seen == [(1, 1)]


def test_progress_counts_trainings(world: Inputs, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    train.run(SETTINGS, world, tmp_path, lambda *progress: seen.append(progress))
    assert seen == [(done, 7) for done in range(1, 8)]


def test_the_result_passes_the_gate_with_the_profile_that_owners_saw(
    world: Inputs, tmp_path: Path
) -> None:
    found = trained(world, tmp_path, method="equal")
    profile = profiling.run({"seed": 0}, {"model": world["model"]}, tmp_path, ignore)
    file = (tmp_path / WEIGHTS).read_bytes()
    check_release(file, len(file), profile["tensors"])
    check_release(file, len(file), found["tensors"])


def test_who_gets_the_weights_gets_the_accuracy_that_was_reported(
    world: Inputs, tmp_path: Path
) -> None:
    found = trained(world, tmp_path, method="equal")
    inputs = {"model": world["model"], "weights": tmp_path / WEIGHTS}
    for package, samples in (("validation", 60), ("4", 40)):
        measured = evaluate.run(
            {"classes": found["classes"]},
            {**inputs, "package": tmp_path / package},
            tmp_path,
            ignore,
        )
        assert measured["samples"] == samples
        assert measured["accuracy"] == measured["correct"] / samples
        if package == "validation":
            assert measured["accuracy"] == found["metrics"]["accuracy"]
            assert measured["loss"] == pytest.approx(found["metrics"]["loss"])


def test_classes_of_a_job_are_those_of_its_validation_images_by_name(tmp_path: Path) -> None:
    flat = [encoded(np.full((8, 8), grey)) for grey in (20, 20, 120, 120, 230, 230)]
    dark_grey = data_package(tmp_path / "1", flat[:4], [1, 1, 0, 0], ["grey", "dark"])
    greys = [encoded(np.full((8, 8), grey)) for grey in (118, 122)]  # not those of the first
    white_grey = data_package(tmp_path / "2", greys + flat[4:], [1, 1, 0, 0], ["white", "grey"])
    validation = data_package(tmp_path / "v", flat, [1, 1, 0, 0, 2, 2], ["grey", "dark", "white"])
    settings = toml(epochs=60, rate=0.02)
    model = model_package(tmp_path / "m", validation, settings=settings)
    inputs = {"model": model, "asset-1": dark_grey, "asset-2": white_grey}
    found = trained(inputs, tmp_path, assets=[1, 2])
    assert found["classes"] == ["dark", "grey", "white"]
    # Each asset alone can teach two of the three classes; together they teach all.
    assert found["utilities"] == [[[], 2], [[1], 4], [[2], 4], [[1, 2], 6]]


def test_images_of_classes_that_the_consumer_did_not_ask_for_change_nothing(
    tmp_path: Path,
) -> None:
    flat = [encoded(np.full((8, 8), grey)) for grey in (20, 120, 20, 120, 230)]
    validation = data_package(tmp_path / "v", flat[:2], [0, 1], ["dark", "grey"])
    model = model_package(tmp_path / "m", validation)
    plain = data_package(tmp_path / "1", flat[:4], [0, 1, 0, 1], ["dark", "grey"])
    more = data_package(tmp_path / "2", flat, [0, 1, 0, 1, 2], ["dark", "grey", "white"])
    answers = []
    for package in (plain, more):
        answers.append(trained({"model": model, "asset-1": package}, tmp_path, assets=[1]))
        del answers[-1]["seconds"]
    assert answers[0] == answers[1]


def test_an_asset_without_any_of_the_jobs_classes_is_named(world: Inputs, tmp_path: Path) -> None:
    flat = [encoded(np.full((8, 8), grey)) for grey in (20, 120)]
    validation = data_package(tmp_path / "v", flat, [0, 1], ["dotted", "dashed"])
    world["model"] = model_package(tmp_path / "m", validation)
    reason = refusal(lambda: trained(world, tmp_path))
    assert reason == "the asset 4 holds no image of the job's classes"


def test_a_bad_row_is_named_with_its_asset(world: Inputs, tmp_path: Path) -> None:
    good, labels = stripes(3, 0)
    files = [encoded(good[0]), b"\x89PNG\r\n\x1a\nhello", encoded(good[2])]
    world["asset-7"] = data_package(tmp_path / "bad", files, labels, ["upright", "level"])
    assert refusal(lambda: trained(world, tmp_path)).startswith("the asset 7 has bad rows: row 1 ")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_training_that_diverges_fails_with_a_reason(
    world: Inputs, tmp_path: Path, optimizer: str
) -> None:
    settings = toml(optimizer=optimizer, rate=1e18)
    world["model"] = model_package(tmp_path / "m", tmp_path / "validation", settings=settings)
    reason = refusal(lambda: trained(world, tmp_path))
    assert reason.startswith("the training loss is not a number in epoch ")
    assert not (tmp_path / WEIGHTS).exists()


def test_a_script_that_fails_on_real_images_alone_is_blamed(world: Inputs, tmp_path: Path) -> None:
    source = """
import torch
class Picky(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 2)
    def forward(self, images):
        if images.std() < 0.27:
            raise ValueError(str(images[0].tolist()))
        return self.head(images.flatten(1))
def build_model(config):
    return Picky()
"""
    world["model"] = model_package(tmp_path / "m", tmp_path / "validation", script=source)
    profiling.run({"seed": 0}, {"model": world["model"]}, tmp_path, ignore)
    expected = "the model script failed while training (ValueError)"
    assert refusal(lambda: trained(world, tmp_path)) == expected


@pytest.mark.parametrize(
    ("method", "assets", "reason"),
    [
        ("shapley", [], "a job needs assets"),
        ("equal", [3, 3], "a job needs assets, each named once"),
        ("charm", [1, 2], "the valuation method is unknown"),
        ("shapley", list(range(9)), "exact Shapley values need at most 8 assets, not 9"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    method: str, assets: list[int], reason: str
) -> None:
    assert refusal(lambda: schedule(method, assets)).startswith(reason)


def test_a_schedule_ends_with_the_grand_coalition() -> None:
    assert schedule("shapley", [5, 2]) == [(2,), (5,), (2, 5)]
    assert schedule("equal", list(range(20, 0, -1))) == [tuple(range(1, 21))]


def test_a_coalition_is_the_samples_of_its_assets_and_no_others() -> None:
    parts = {
        asset: Samples(torch.full((count, 1, 1, 1), asset, dtype=torch.uint8), torch.zeros(count))
        for asset, count in ((2, 3), (5, 1), (6, 4))
    }
    dataset = Dataset(parts)
    for coalition in schedule("shapley", [2, 5, 6]):
        chosen = dataset.samples.images[dataset.indices(coalition)].flatten().tolist()
        assert chosen == [asset for asset in coalition for _ in range(len(parts[asset]))]


def test_seeds_differ_by_seed_and_by_coalition() -> None:
    seeds = {derive(s, "order", *c) for s in range(20) for c in schedule("shapley", [1, 2, 3, 12])}
    assert len(seeds) == 20 * 15
    assert derive(1, "order", 1, 2) != derive(1, "order", 12)


def test_every_image_is_seen_once_an_epoch_in_even_batches(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(1, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append((images.flatten() * 255).round().int().tolist())
            answers: torch.Tensor = self.head(images.flatten(1))
            return answers

    samples = Samples(
        torch.arange(40, dtype=torch.uint8).reshape(40, 1, 1, 1), torch.zeros(40, dtype=torch.int64)
    )
    validation = stripes_package(tmp_path / "v", 2, 0)
    config = packages.read(model_package(tmp_path / "m", validation)).config
    fit(Watching(), samples, torch.arange(5, 38), config, 0)
    assert [len(batch) for batch in seen] == [11, 11, 11] * 2
    epochs = [[number for batch in seen[at : at + 3] for number in batch] for at in (0, 3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(5, 38))] * 2
    assert epochs[0] != epochs[1]


def test_order_and_chance_of_a_training_are_fixed_by_its_seed_alone(tmp_path: Path) -> None:
    config = packages.read(
        model_package(tmp_path / "m", stripes_package(tmp_path / "v", 2, 0))
    ).config
    source = torch.Generator().manual_seed(0)
    samples = Samples(
        torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=source),
        torch.arange(40) % 2,
    )

    def weights(seed: int, before: int, dropout: float) -> torch.Tensor:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, 2))
        torch.manual_seed(before)
        fit(network, samples, torch.arange(40), config, seed)
        return torch.cat([weight.detach().flatten() for weight in network.parameters()])

    for dropout in (0.0, 0.5):
        assert torch.equal(weights(1, 1, dropout), weights(1, 2, dropout))
        assert not torch.equal(weights(1, 1, dropout), weights(2, 1, dropout))


def test_a_score_is_counted_over_all_images_whatever_the_batch() -> None:
    labels = torch.arange(700) % 3
    samples = Samples(labels.to(torch.uint8).reshape(-1, 1, 1, 1), labels)

    class Sure(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            said = (images.flatten() * 255).round().long()
            return torch.nn.functional.one_hot(said.clamp(max=1), 3) * 20.0

    found = score(Sure(), samples)
    assert (found.correct, found.samples) == (700 - 233, 700)
    assert found.loss == pytest.approx(20 * 233 / 700, abs=1e-4)


def test_answers_that_are_not_numbers_are_refused() -> None:
    class Lost(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 2), float("nan"))

    samples = Samples(torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1]))
    assert refusal(lambda: score(Lost(), samples)) == (
        "the network's answers are not finite numbers"
    )


def test_images_are_fitted_to_what_the_model_takes(tmp_path: Path) -> None:
    wide = np.zeros((20, 40, 3))
    wide[:, 20:] = (255, 128, 0)
    files = [encoded(wide), encoded(wide[:, :, 0], "WEBP", lossless=True)]
    package = data_package(tmp_path / "p", files, [0, 1], ["b", "a"])
    for mode, channels in (("RGB", 3), ("L", 1)):
        validation = stripes_package(tmp_path / "v", 2, 0)
        path = model_package(tmp_path / "m", validation, settings=toml(mode=mode))
        samples = load(DataPackage(package), packages.read(path), ["a", "b"])
        assert samples.images.shape == (2, channels, 8, 8)
        assert samples.labels.tolist() == [1, 0]
        right = samples.images[0, :, 4, 7].tolist()
        assert right == ([255, 128, 0] if channels == 3 else [151])
        assert samples.images[:, :, :, 0].max() == 0


@pytest.mark.parametrize("content", [b"", b"not safetensors", bytes(64)])
def test_weights_that_cannot_be_read_are_refused(
    world: Inputs, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "weights").write_bytes(content)
    inputs = {"model": world["model"], "weights": tmp_path / "weights", "package": world["asset-4"]}
    settings = {"classes": ["level", "upright"]}
    assert refusal(lambda: evaluate.run(settings, inputs, tmp_path, ignore)) == (
        "the weights are not a readable safetensors file"
    )


def test_weights_for_other_classes_are_refused(world: Inputs, tmp_path: Path) -> None:
    trained(world, tmp_path, method="equal")
    inputs = {"model": world["model"], "weights": tmp_path / WEIGHTS, "package": world["asset-4"]}
    settings = {"classes": ["level", "upright", "dotted"]}
    assert refusal(lambda: evaluate.run(settings, inputs, tmp_path, ignore)) == (
        "the weights do not fit the model"
    )
    assert refusal(lambda: evaluate.run({"classes": ["level"]}, inputs, tmp_path, ignore)).endswith(
        "images of the package are of classes the job does not have"
    )
