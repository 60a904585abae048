"""What a profile may hold, since the script that it is about may have written it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.profiles import MAX_LAYERS, MAX_WORD, read_profile
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[dict[str, Any]], object]

HONEST: dict[str, Any] = {
    "name": "small CNN",
    "input": {"mode": "L", "shape": [1, 8, 8]},
    "output": {"shape": [2]},
    "classes": ["level", "upright"],
    "validation": 40,
    "training": {"epochs": 2, "batch": 16, "optimizer": "adam", "learning_rate": 0.01},
    "config": {"width": 8, "words": ["a", {"b": True}]},
    "parameters": 130,
    "trainable": 130,
    "depth": 2,
    "layers": [
        {"name": "0", "type": "Flatten", "parameters": 0, "output": [64]},
        {"name": "1", "type": "Linear", "parameters": 130, "output": None},
    ],
    "tensors": {"1.weight": ["BF16", [2, 64]], "1.bias": ["BF16", [2]], "n": ["I64", []]},
    "release_bytes": 2 * 130 + 8,
    "gflops": {"forward": 2.56e-7, "training": 5e-7},
    "memory": {"training": 3_000, "inference": 1_000, "inference_batch": 2_000},
    "traced": "fake",
    "regime": "loop",
    "epsilon": None,
    "weights": True,
    "blueprint": None,
}


def test_an_honest_profile_is_read_as_it_is() -> None:
    assert read_profile(copy.deepcopy(HONEST)) == HONEST


def test_what_nobody_agreed_on_is_not_passed_on() -> None:
    spoilt: dict[str, Any] = copy.deepcopy(HONEST)
    spoilt["pixels"] = [0, 255, 17]
    for table in ("input", "output", "gflops", "memory"):
        spoilt[table]["pixels"] = [0, 255, 17]
    spoilt["layers"][0]["pixels"] = [0, 255, 17]
    assert read_profile(spoilt) == HONEST


SPOILT: dict[str, Spoil] = {
    "a name that commands a terminal": lambda p: p.update(name="\x1b[2J"),
    "a name that is a list": lambda p: p.update(name=["x"]),
    "no validation images": lambda p: p.update(validation=0),
    "more numbers beside the weights than they allow": lambda p: p.update(
        tensors={**p["tensors"], "table": ["I64", [512]]}, release_bytes=p["release_bytes"] + 4096
    ),
    "more than may be released": lambda p: p.update(
        tensors={"w": ["BF16", [2**29 + 1]]}, release_bytes=2**30 + 2
    ),
    "no classes": lambda p: p.update(classes=[]),
    "a class twice": lambda p: p.update(classes=["a", "a"]),
    "a class of no text": lambda p: p.update(classes=[7]),
    "classes as one text": lambda p: p.update(classes="ab"),
    "no weights": lambda p: p.update(parameters=0, trainable=0),
    "nothing to train": lambda p: p.update(trainable=0),
    "more trained than there is": lambda p: p.update(trainable=131),
    "a number below zero": lambda p: p.update(parameters=-1),
    "a truth for a number": lambda p: p.update(trainable=True),
    "a number that no reader holds": lambda p: p.update(parameters=2**60),
    "fewer layers than counted": lambda p: p.update(depth=3),
    "more layers than counted": lambda p: p.update(depth=1),
    "too many layers": lambda p: p.update(layers=p["layers"] * MAX_LAYERS, depth=2 * MAX_LAYERS),
    "a layer's endless name": lambda p: p["layers"][0].update(name="x" * (MAX_WORD + 1)),
    "a layer's type with a line break": lambda p: p["layers"][0].update(type="a\nb"),
    "a layer that answers a text": lambda p: p["layers"][0].update(output="64"),
    "a layer without weights told": lambda p: p["layers"][0].pop("parameters"),
    "a layer of many dimensions": lambda p: p["layers"][0].update(output=[1] * 17),
    "no tensors": lambda p: p.update(tensors={}, release_bytes=0),
    "a tensor of an unknown type": lambda p: p["tensors"].update(n=["F32", []]),
    "a tensor of three parts": lambda p: p["tensors"].update(n=["I64", [], 0]),
    "a tensor of a negative side": lambda p: p["tensors"].update(n=["I64", [-1]]),
    "a tensor whose name cannot be shown": lambda p: p["tensors"].update({"\u202e": ["I64", []]}),
    "a tensor too large for any machine": lambda p: p.update(
        tensors={"n": ["I64", [2**49] * 16]}, release_bytes=8 * 2**784
    ),
    "other bytes than its tensors have": lambda p: p.update(release_bytes=100),
    "operations that are no number": lambda p: p["gflops"].update(forward=float("nan")),
    "operations without end": lambda p: p["gflops"].update(training=float("inf")),
    "operations below zero": lambda p: p["gflops"].update(training=-1.0),
    "operations as text": lambda p: p["gflops"].update(training="many"),
    "memory below zero": lambda p: p["memory"].update(training=-5),
    "memory in halves": lambda p: p["memory"].update(training=0.5),
    "privacy that is not there": lambda p: p.update(epsilon=0.1),
    "no word on privacy": lambda p: p.pop("epsilon"),
    "another way of tracing": lambda p: p.update(traced="guess"),
    "a way of tracing that is a list": lambda p: p.update(traced=["fake"]),
    "colour of one band": lambda p: p["input"].update(mode="RGB"),
    "an image of no size": lambda p: p["input"].update(shape=[1, 0, 8]),
    "an image of two sides": lambda p: p["input"].update(shape=[1, 8]),
    "no epochs": lambda p: p["training"].update(epochs=0),
    "a setting that no settings have": lambda p: p["training"].update(pixels=[1]),
    "another optimizer": lambda p: p["training"].update(optimizer="magic"),
    "a learning rate that is no number": lambda p: p["training"].update(learning_rate=float("nan")),
    "settings that hide a package": lambda p: p.update(config={"x": "y" * 20_000}),
    "settings that nest": lambda p: p.update(config=json.loads('{"a":' * 40 + "1" + "}" * 40)),
    "settings of half a character": lambda p: p.update(config={"x": "\ud800"}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_profile_is_refused_that_holds(spoil: Spoil) -> None:
    spoilt = copy.deepcopy(HONEST)
    spoil(spoilt)
    with pytest.raises(JobError, match="not of the agreed shape"):
        read_profile(spoilt)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(HONEST)), VALUES, max_size=3))
def test_whatever_a_script_writes_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = read_profile({**copy.deepcopy(HONEST), **changes})
    except JobError:
        return
    assert found.keys() == HONEST.keys()
    assert len(json.dumps(found, allow_nan=False)) < 1 << 20
    assert read_profile(json.loads(json.dumps(found))) == found
