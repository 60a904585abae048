"""Profiles: what owners see of a model before they vote (paper 4.2.1(2)).

The model's own script runs beside the platform's code in the sandbox and may write the profile
in its place. So it is built anew here, of what is agreed and nothing else: numbers in range,
lists that end, words that can be shown. That the numbers are true holds of the tensors alone,
which the release gate compares with the result.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from visdm.domain.answers import MAX_VALIDATION
from visdm.domain.blueprints import read_blueprint
from visdm.domain.documents import count, expect
from visdm.domain.models import MAX_NAME, ModelConfig, is_name
from visdm.domain.packages import MAX_CLASSES
from visdm.domain.regimes import MAX_EPSILON, MILLI
from visdm.domain.release import MAX_RELEASE, WIDTHS, sizes, state_limit
from visdm.errors import JobError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LAYERS = 500
"""Layers that are listed; `depth` counts them all."""

MAX_WORD = 80
"""Characters of a layer's name or type."""

MAX_TENSORS = 5_000
MAX_CONFIG = 1 << 14
"""Bytes of hyper-parameters, as JSON."""

MAX_DIMENSIONS = 16
MAX_SIZE = 2**50
"""Of a shape's side, a number of weights or bytes: beyond any machine, within any JSON reader."""

BANDS = {"L": 1, "RGB": 3}
TRACED = ("fake", "real")
FLOPS = ("forward", "training")
MEMORY = ("training", "inference", "inference_batch")


def read_profile(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile that an answer holds, checked. Raises `JobError` when it is none."""
    try:
        return _profile(answer)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ModelError):
        raise JobError("its answer is not of the agreed shape") from None


def _profile(answer: Mapping[str, Any]) -> dict[str, Any]:
    said = _settings(answer)
    tensors = {_name(key): _tensor(value) for key, value in _table(answer, "tensors").items()}
    told = {name: count(answer[name], MAX_SIZE) for name in ("parameters", "trainable", "depth")}
    layers = [_layer(layer) for layer in _list(answer["layers"], MAX_LAYERS)]
    classes = [_name(name) for name in _list(answer["classes"], MAX_CLASSES)]
    weights, others = sizes(tensors)
    released = weights + others
    _require(0 < told["trainable"] <= told["parameters"], "weights to train")
    _require(len(layers) == min(told["depth"], MAX_LAYERS), "as many layers as counted")
    _require(0 < len(tensors) <= MAX_TENSORS, "a state to release")
    _require(released <= MAX_RELEASE and answer["release_bytes"] == released, "bytes released")
    _require(others <= state_limit(weights), "few numbers beside the weights")
    _require(bool(classes) and len(set(classes)) == len(classes), "classes, each once")
    _require(answer["traced"] in TRACED, "how it was traced")
    flops, memory = _table(answer, "gflops"), _table(answer, "memory")
    return {
        **said,
        "output": {"shape": _shape(_table(answer, "output")["shape"])},
        "classes": classes,
        "validation": 1 + count(answer["validation"] - 1, MAX_VALIDATION),
        **told,
        "layers": layers,
        "tensors": tensors,
        "release_bytes": released,
        "gflops": {name: _amount(flops[name]) for name in FLOPS},
        "memory": {name: count(memory[name], MAX_SIZE) for name in MEMORY},
        "traced": answer["traced"],
        "blueprint": _blueprint(answer["blueprint"], private=said["epsilon"] is not None),
        "weights": expect(answer.get("weights", False), bool),
    }


def _blueprint(value: object, *, private: bool) -> list[list[Any]] | None:
    _require(private or value is None, "no blueprint where a script is run")
    return [list(layer) for layer in read_blueprint(value)] if private else None


def _settings(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `visdm.toml` says, by the rules of `visdm.toml`."""
    images, training = _table(answer, "input"), _table(answer, "training")
    shape = _shape(images["shape"])
    written = {
        "name": answer["name"],
        "module": "model",
        "input": {"mode": images["mode"], "size": shape[1:]},
        "training": {**training, "regime": answer["regime"]},
        "config": _table(answer, "config"),
    }
    if answer["epsilon"] is not None:
        written["private"] = _privacy(_table(answer, "epsilon"))
    config = ModelConfig.parse(written)
    _require(shape[0] == BANDS[config.mode], "as many bands as the mode has")
    document = json.dumps(dict(config.config), ensure_ascii=False, allow_nan=False).encode()
    _require(len(document) <= MAX_CONFIG, "settings that can be read")
    return {
        "name": config.name,
        "input": {"mode": config.mode, "shape": shape},
        "training": {
            "epochs": config.epochs,
            "batch": config.batch,
            "optimizer": config.optimizer,
            "learning_rate": config.learning_rate,
        },
        "config": dict(config.config),
        **config.promise,
    }


def _privacy(stated: Mapping[str, Any]) -> dict[str, Any]:
    thousandths = count(stated["epsilon"], MAX_EPSILON + 1)
    return {**stated, "epsilon": thousandths / MILLI}


def _layer(value: object) -> dict[str, Any]:
    layer = expect(value, dict)
    return {
        "name": _word(layer["name"]),
        "type": _word(layer["type"]),
        "parameters": count(layer["parameters"], MAX_SIZE),
        "output": None if layer["output"] is None else _shape(layer["output"]),
    }


def _tensor(value: object) -> list[Any]:
    kind, shape = _list(value, 2)
    _require(expect(kind, str) in WIDTHS, "a type that is released")
    return [kind, _shape(shape)]


def _shape(value: object) -> list[int]:
    return [count(side, MAX_SIZE) for side in _list(value, MAX_DIMENSIONS)]


def _amount(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not an amount")
    _require(0 <= value < MAX_SIZE and isfinite(value), "an amount")
    return float(value)


def _word(value: object) -> str:
    word = expect(value, str)
    _require(len(word) <= MAX_WORD and word.isprintable(), "a word that can be shown")
    return word


def _name(value: object) -> str:
    name = expect(value, str)
    _require(is_name(name), f"a name of at most {MAX_NAME} characters")
    return name


def _list(value: object, most: int) -> list[Any]:
    found = expect(value, list)
    _require(len(found) <= most, "a list that ends")
    return found


def _table(answer: Mapping[str, Any], key: str) -> dict[str, Any]:
    return expect(answer[key], dict)


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise ValueError(f"expected {what}")
