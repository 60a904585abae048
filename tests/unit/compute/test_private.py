"""Private training: that images are bounded, that noise is there, and that it still learns."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from opacus import GradSampleModule  # type: ignore[import-untyped]  # it ships no types
from scipy.stats import kstest  # type: ignore[import-untyped]  # as above
from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # it ships no types
from torch import nn

from unit.compute.fabricated import ignore, model_package, said, stripes_package, toml
from visdm.compute import determinism, private, profiling, train
from visdm.compute.accounting import spending
from visdm.compute.blueprints import blueprint, building
from visdm.compute.samples import Samples
from visdm.compute.train import WEIGHTS
from visdm.compute.training import score
from visdm.domain.models import ModelConfig
from visdm.domain.profiles import read_profile
from visdm.domain.regimes import Regime
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CLIP = 0.5
RECIPE = ModelConfig(
    name="test",
    module="model",
    mode="L",
    size=(8, 8),
    epochs=1,
    batch=1,
    optimizer="sgd",
    learning_rate=1.0,
    config={},
    regime=Regime.PRIVATE,
    epsilon=8_000,
    delta=1e-5,
    clip=CLIP,
)


def flat(count: int, value: int = 200) -> Samples:
    return Samples(
        torch.full((count, 1, 8, 8), value, dtype=torch.uint8),
        torch.zeros(count, dtype=torch.int64),
    )


def stepped(samples: Samples, recipe: ModelConfig, noise: float, width: int = 4) -> Tensor:
    """Return how far all weights of a linear network went, together."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, width))
    before = torch.cat([weight.detach().flatten() for weight in network.parameters()])
    private.fit_privately(network, samples, torch.arange(len(samples)), recipe, 1, noise)
    return before - torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_no_image_moves_the_weights_further_than_the_clip() -> None:
    one = stepped(flat(1), RECIPE, noise=0.0)
    assert float(one.norm()) == pytest.approx(CLIP, rel=1e-3)
    # All drawn (the batch is the whole), all alike: their mean is as long as each of them.
    four = stepped(flat(4), replace(RECIPE, batch=4), noise=0.0)
    assert float(four.norm()) == pytest.approx(CLIP, rel=1e-3)


def test_a_short_gradient_stays_as_it_is() -> None:
    recipe = replace(RECIPE, clip=1e6)
    torch.manual_seed(2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    twin = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    twin.load_state_dict(network.state_dict())
    samples = flat(1)
    nn.functional.cross_entropy(twin(samples.images / 255), samples.labels).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    private.fit_privately(network, samples, torch.arange(1), recipe, 1, 0.0)
    for weight, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert other.grad is not None
        assert torch.allclose(weight, other - other.grad, atol=1e-6)


def test_an_image_whose_gradient_is_no_number_counts_for_nothing() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    sums = private.Sums(network.parameters(), CLIP, 0.0)
    for weight in network.parameters():
        weight.grad_sample = torch.full((3, *weight.shape), torch.inf)  # type: ignore[attr-defined]  # opacus' own
        weight.grad_sample[1] = torch.nan  # type: ignore[attr-defined]  # as above
        weight.grad_sample[2] = 3e38  # type: ignore[attr-defined]  # as above
    sums.add()
    sums.release(1)
    moved = torch.cat([w.grad.flatten() for w in network.parameters() if w.grad is not None])
    assert torch.isfinite(moved).all()
    assert float(moved.norm()) <= CLIP


def test_the_noise_is_gaussian_and_as_large_as_stated() -> None:
    moved = stepped(flat(1), RECIPE, noise=20.0, width=400)
    # One step at rate 1: what the image adds is at most CLIP, the rest is noise.
    deviation = 20.0 * CLIP
    assert float(moved.std()) == pytest.approx(deviation, rel=0.03)
    assert kstest(moved.numpy() / deviation, "norm").pvalue > 1e-6


def test_secret_numbers_are_what_they_are_called() -> None:
    drawn = private.gaussian(200_001)
    assert drawn.shape == (200_001,)
    assert kstest(drawn, "norm").pvalue > 1e-6
    assert abs(float(np.corrcoef(drawn[:100_000], drawn[100_001:])[0, 1])) < 0.02
    assert kstest(private.uniform(100_000), "uniform").pvalue > 1e-6


def test_noise_comes_from_no_seed() -> None:
    for sow in (torch.manual_seed, np.random.seed):
        found = []
        for _ in range(2):
            sow(3)
            found.append((stepped(flat(2), RECIPE, 1.0), private.uniform(9)))
        assert not torch.equal(found[0][0], found[1][0])
        assert not np.array_equal(found[0][1], found[1][1])


def test_images_are_drawn_one_by_one_and_a_step_may_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    gather = private.gather

    def watched(network: nn.Module, sums: private.Sums, samples: Samples, drawn: Tensor) -> None:
        sizes.append(len(drawn))
        gather(network, sums, samples, drawn)

    monkeypatch.setattr(private, "gather", watched)
    stepped(flat(200), RECIPE, noise=1.0)
    assert len(sizes) == 200
    assert sizes.count(0) == pytest.approx(200 * 0.367, rel=0.4)  # (1 - 1/200)^200
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.35)


def test_many_images_in_a_step_are_taken_in_pieces_that_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = flat(10)
    samples.images[5:] = 20
    found = []
    for numbers in (1 << 26, 3 * 260):
        monkeypatch.setattr(private, "NUMBERS", numbers)
        torch.manual_seed(8)
        found.append(stepped(samples, replace(RECIPE, batch=10), noise=0.0))
    assert private.together(260) == 3
    assert torch.allclose(found[0], found[1], atol=1e-6)


@pytest.fixture(scope="module")
def digits() -> tuple[Samples, Samples]:
    found = load_digits()
    images = torch.from_numpy(found.images * (255 / 16)).to(torch.uint8)[:, None]
    labels = torch.from_numpy(found.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    images, labels = images[order], labels[order]
    return Samples(images[:1400], labels[:1400]), Samples(images[1400:], labels[1400:])


def small() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 10)),
    )


def test_it_learns_digits(digits: tuple[Samples, Samples]) -> None:
    determinism.settle(1)
    learned, asked = digits
    recipe = replace(RECIPE, epochs=4, batch=128, optimizer="adam", learning_rate=0.01, clip=1.0)
    spent = spending([(1,)], {1: 1400}, batch=128, epochs=4, stated=(8_000, 1e-5))
    torch.manual_seed(0)
    network = small()
    private.fit_privately(network, learned, torch.arange(1400), recipe, 1, spent.noise)
    assert score(network, asked).accuracy > 0.5  # chance is 0.1


def test_a_canary_is_told_no_better_than_epsilon_allows() -> None:
    """An attack that knows all but one image, and all weights, in a case where it is strongest.

    Without noise it is always right; with it, its rates keep to e^epsilon (Kairouz et al. 2015).
    """
    spent = spending([(1,)], {1: 1}, batch=1, epochs=1, stated=(1_000, 1e-5))
    torch.manual_seed(4)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    start = {name: value.clone() for name, value in network.state_dict().items()}

    def moved(noise: float, *, member: bool) -> Tensor:
        network.load_state_dict(start)
        # Without the canary the step learns from noise alone, at the same rate.
        monkey = torch.arange(1) if member else torch.arange(0)
        watched = GradSampleModule(network, loss_reduction="sum")
        sums = private.Sums(network.parameters(), CLIP, noise)
        private.gather(watched, sums, flat(1), monkey)
        sums.release(1)
        watched.to_standard_module()
        return torch.cat([w.grad.flatten() for w in network.parameters() if w.grad is not None])

    direction = moved(0.0, member=True) / CLIP
    assert float(direction.norm()) == pytest.approx(1.0, rel=1e-3)
    assert float(moved(0.0, member=False).norm()) == 0.0
    trials = 400
    scores = {
        member: np.array(
            [float(moved(spent.noise, member=member) @ direction) for _ in range(trials)]
        )
        for member in (True, False)
    }
    for threshold in np.quantile(scores[False], [0.5, 0.75, 0.9]):
        right, wrong = (float((scores[member] > threshold).mean()) for member in (True, False))
        slack = 4 * np.sqrt(0.25 / trials)
        assert right <= np.exp(spent.epsilon / 1_000) * (wrong + slack) + 1e-5 + slack
    # The signal is there, and as weak as the noise makes it: what separates the means is CLIP.
    gap = scores[True].mean() - scores[False].mean()
    assert gap == pytest.approx(CLIP, abs=5 * spent.noise * CLIP * np.sqrt(2 / trials))


# A whole job.

SCRIPT = """
from torch import nn
def build_model(config):
    return nn.Sequential(
        nn.Conv2d(config["channels"], 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 64, config["classes"]),
    )
"""


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Path]:
    validation = stripes_package(tmp_path / "v", 40, 100)
    settings = toml(epochs=2, regime="private", epsilon=6.0)
    return {
        "model": model_package(tmp_path / "m", validation, script=SCRIPT, settings=settings),
        "asset-1": stripes_package(tmp_path / "1", 60, 1),
        "asset-2": stripes_package(tmp_path / "2", 60, 2),
    }


def shown(world: dict[str, Path], tmp_path: Path) -> dict[str, Any]:
    found = profiling.run({"seed": 0}, {"model": world["model"]}, tmp_path, ignore)
    return read_profile(json.loads(json.dumps(found)))


def settings(profile: dict[str, Any]) -> dict[str, Any]:
    kept = {name: profile[name] for name in ("regime", "epsilon", "blueprint")}
    return {"seed": 3, "assets": [1, 2], "method": "shapley", "threads": 1, **kept}


def test_a_private_job_keeps_to_its_epsilon_and_is_not_the_same_twice(
    world: dict[str, Path], tmp_path: Path
) -> None:
    profile = shown(world, tmp_path)
    assert profile["regime"] == "private"
    assert profile["epsilon"] == {"epsilon": 6_000, "delta": 1e-5, "clip": 1.0}
    weights = []
    for _ in range(2):
        found = train.run(settings(profile), world, tmp_path, ignore)
        assert 0 < found["epsilon"] <= 6_000
        assert found["deterministic"] is False
        assert len(found["utilities"]) == 4
        weights.append((tmp_path / WEIGHTS).read_bytes())
    assert weights[0] != weights[1]
    assert len(weights[0]) == len(weights[1])
    assert {n: [k, s] for n, (k, s) in found["tensors"].items()} == profile["tensors"]


def test_no_script_runs_in_a_private_job(world: dict[str, Path], tmp_path: Path) -> None:
    profile = shown(world, tmp_path)
    loud = "raise ValueError('it ran')\ndef build_model(config): pass\n"
    told = toml(epochs=2, regime="private", epsilon=6.0)
    world["model"] = model_package(tmp_path / "m", tmp_path / "v", script=loud, settings=told)
    assert train.run(settings(profile), world, tmp_path, ignore)["epsilon"]


@pytest.mark.parametrize(
    "told",
    [
        toml(epochs=2),
        toml(epochs=2, regime="script"),
        toml(epochs=2, regime="private", epsilon=6.001),
    ],
)
def test_a_package_that_is_less_private_than_owners_saw_is_refused_before_its_script_runs(
    world: dict[str, Path], tmp_path: Path, told: bytes
) -> None:
    profile = shown(world, tmp_path)
    loud = "raise ValueError('it ran')\ndef build_model(config): pass\n"
    world["model"] = model_package(tmp_path / "m", tmp_path / "v", script=loud, settings=told)
    with pytest.raises(JobError) as caught:
        train.run(settings(profile), world, tmp_path, ignore)
    assert said(caught.value) == "the model package trains in another way than owners were shown"


def test_a_blueprint_that_fits_no_network_is_refused(
    world: dict[str, Path], tmp_path: Path
) -> None:
    asked = settings(shown(world, tmp_path))
    for wrong in (None, [], [["", "Linear", {"in_features": 64, "out_features": 2, "bias": True}]]):
        with pytest.raises(JobError, match="a private network may hold plain layers"):
            train.run({**asked, "blueprint": wrong}, world, tmp_path, ignore)


def test_each_images_gradient_is_its_own_for_every_layer_that_is_allowed() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(
        *(nn.Conv2d(1, 6, 3, 1, "same"), nn.GroupNorm(3, 6), nn.SiLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 6, (3, 1), groups=2, dilation=1), nn.ELU(), nn.AdaptiveMaxPool2d((2, 3))),
        *(nn.Flatten(2), nn.Conv1d(6, 4, 3, padding=1), nn.LayerNorm(6), nn.GELU(), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(24, 5), nn.LeakyReLU(), nn.Linear(5, 3, bias=False)),
    )
    drawn = [list(layer) for layer in blueprint(network)]
    anew = building(drawn, (1, 8, 8), 3)(0)
    anew.load_state_dict(network.state_dict())
    images, labels = torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    watched = GradSampleModule(anew.train(), loss_reduction="sum")
    images.requires_grad_()  # torch warns of hooks otherwise
    nn.functional.cross_entropy(watched(images), labels, reduction="sum").backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for place in range(5):
        network.zero_grad()
        one = slice(place, place + 1)
        nn.functional.cross_entropy(network(images[one]), labels[one]).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for mine, theirs in zip(network.parameters(), anew.parameters(), strict=True):
            assert mine.grad is not None
            assert torch.allclose(mine.grad, theirs.grad_sample[place], atol=1e-5)  # type: ignore[attr-defined]  # opacus' own
