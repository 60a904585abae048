"""Which networks may train in private, and that none of their own code comes along."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unit.compute.fabricated import ignore, model_package, said, stripes_package, toml
from visdm.compute import profiling
from visdm.compute.blueprints import MIXING, PLAIN, blueprint, building, check_same
from visdm.domain.blueprints import LAYERS, read_blueprint
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

GOOD: list[list[Any]] = [
    ["", "Sequential", {}],
    ["0", "Flatten", {"start_dim": 1, "end_dim": -1}],
    ["head", "Sequential", {}],
    ["head.0", "Linear", {"in_features": 64, "out_features": 2, "bias": True}],
]


def test_a_network_is_built_anew_layer_by_layer() -> None:
    network = building(GOOD, (1, 8, 8), 2)(3)
    assert list(network.state_dict()) == ["head.0.weight", "head.0.bias"]
    assert [list(layer) for layer in blueprint(network)] == GOOD
    assert json.loads(json.dumps(GOOD)) == GOOD
    again, other = (building(GOOD, (1, 8, 8), 2)(seed) for seed in (3, 4))
    weights = [n.state_dict()["head.0.weight"] for n in (network, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_one_of_torch(name: str) -> None:
    assert issubclass(getattr(nn, name), nn.Module)
    assert getattr(nn, name).__module__.startswith("torch.nn.modules.")


def reason(script: str, tmp_path: Path) -> str:
    validation = stripes_package(tmp_path / "v", 4, 0)
    settings = toml(regime="private", epsilon=8.0)
    source = f"import torch\nfrom torch import nn\n{script}\n"
    package = model_package(tmp_path / "m", validation, script=source, settings=settings)
    with pytest.raises(JobError) as caught:
        profiling.run({"seed": 0}, {"model": package}, tmp_path, ignore)
    return said(caught.value)


HEAD = "nn.Flatten(), nn.Linear(64, 2)"
REFUSED = {
    "batch norm": (f"nn.Sequential(nn.BatchNorm2d(1), {HEAD})", MIXING),
    "running instance norm": (f"nn.Sequential(nn.InstanceNorm2d(1), {HEAD})", MIXING),
    "a layer of its own": (f"nn.Sequential(Own(), {HEAD})", PLAIN),
    "a class that is called as torch's": (f"nn.Sequential(ReLU(), {HEAD})", PLAIN),
    "frozen weights": (f"nn.Sequential({HEAD}, nn.Linear(2, 2)).requires_grad_(False)", ""),
    "some frozen weights": (f"freeze(nn.Sequential({HEAD}, nn.Linear(2, 2)))", PLAIN),
    "one layer twice": (f"twice(nn.Sequential({HEAD}))", PLAIN),
    "a hook": (f"hooked(nn.Sequential({HEAD}))", PLAIN),
    "another forward": (f"forward(nn.Sequential({HEAD}))", PLAIN),
    "a network that takes all images for one": (
        "nn.Sequential(nn.Flatten(0), nn.Linear(128, 2))",
        "",
    ),
    "padding that is not of zeros": (
        "nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode='circular'), " + HEAD + ")",
        PLAIN,
    ),
}
TOOLS = """
class Own(nn.Module):
    def forward(self, x): return x - x.mean(0)
class ReLU(nn.ReLU):
    def forward(self, x): return x - x.mean(0)
def freeze(n):
    n[2].requires_grad_(False)
    return n
def twice(n):
    layer = nn.Linear(2, 2)
    n.append(layer); n.append(layer)
    return n
def hooked(n):
    n.register_forward_hook(lambda m, i, o: 2 * o)
    return n
def forward(n):
    n[1].forward = lambda x: torch.zeros(len(x), 2)
    return n
"""


@pytest.mark.parametrize("network", REFUSED)
def test_what_could_mix_images_or_run_code_is_refused_before_any_data(
    tmp_path: Path, network: str
) -> None:
    built, expected = REFUSED[network]
    found = reason(f"{TOOLS}\ndef build_model(config): return {built}", tmp_path)
    assert found == expected or (not expected and found)


def test_layers_that_fit_one_number_of_images_are_refused() -> None:
    # A norm over three images would pass where three are tried, and mix them.
    mixing = [
        *GOOD[:2],
        [
            "1",
            "LayerNorm",
            dict(zip(LAYERS["LayerNorm"], ([3, 64], 1e-5, True, True), strict=True)),
        ],
        ["2", "Linear", {"in_features": 64, "out_features": 2, "bias": True}],
    ]
    for drawn in (mixing, [*GOOD[:1], ["0", "Flatten", {"start_dim": 0, "end_dim": -1}]]):
        with pytest.raises(JobError, match="plain layers"):
            building(drawn, (1, 8, 8), 2)


def test_a_network_that_answers_otherwise_than_its_blueprint_is_found() -> None:
    network = building(GOOD, (1, 8, 8), 2)(3)
    images = torch.rand(2, 1, 8, 8)
    check_same(network, building(GOOD, (1, 8, 8), 2)(9), images)
    network.register_forward_pre_hook(lambda _module, given: given[0] + 1)
    with pytest.raises(JobError, match="plain layers"):
        check_same(network, building(GOOD, (1, 8, 8), 2)(9), images)


SPOILT: list[Any] = [
    None,
    {},
    [],
    [["", "Sequential"]],
    [["0", "ReLU", {}]],
    [["", "Bilinear", {}]],
    [["", "modules", {}]],
    [*GOOD, GOOD[1]],
    [GOOD[0], GOOD[3], GOOD[2]],
    [GOOD[0], ["0.0", "ReLU", {}]],
    [GOOD[0], ["__class__.x", "ReLU", {}]],
    [GOOD[0], ["a b", "ReLU", {}]],
    [GOOD[0], ["0", "Dropout", {"p": float("nan")}]],
    [GOOD[0], ["0", "Dropout", {"p": "print"}]],
    [GOOD[0], ["0", "Dropout", {"p": 0.5, "inplace": True}]],
    [GOOD[0], ["0", "AdaptiveAvgPool2d", {"output_size": [1] * 5}]],
    [GOOD[0], ["0", "AdaptiveAvgPool2d", {"output_size": [[1]]}]],
    [GOOD[0], ["0", "AdaptiveAvgPool2d", {"output_size": 10**30}]],
]


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_what_is_no_blueprint_is_refused(spoilt: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_blueprint(copy.deepcopy(spoilt))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*LAYERS, "", "0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
)


@given(st.lists(JSON, max_size=4) | JSON)
def test_any_document_is_a_blueprint_or_refused(document: object) -> None:
    try:
        read_blueprint(document)
    except (ValueError, TypeError, KeyError):
        return
