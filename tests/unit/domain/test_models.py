"""What `visdm.toml` may say, and how each fault is named."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.models import ModelConfig, is_module, is_name
from visdm.domain.regimes import Regime
from visdm.errors import ModelError

GOOD: dict[str, Any] = {
    "name": "digits CNN",
    "module": "model",
    "input": {"mode": "L", "size": [8, 16]},
    "training": {"epochs": 8, "batch": 32, "optimizer": "adam", "learning_rate": 0.003},
    "config": {"width": 16},
}
PATHS = [
    "name",
    "module",
    "input",
    "training",
    "input.mode",
    "input.size",
    "training.epochs",
    "training.batch",
    "training.optimizer",
    "training.learning_rate",
]


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the good mapping with one value replaced."""
    mapping = deepcopy(GOOD)
    *tables, key = path.split(".")
    place = mapping
    for table in tables:
        place = place[table]
    place[key] = value
    return mapping


def fault(mapping: dict[str, Any]) -> str:
    with pytest.raises(ModelError) as caught:
        ModelConfig.parse(mapping)
    assert caught.value.hint
    assert caught.value.message.startswith("visdm.toml: ")
    assert caught.value.message.isprintable()
    return caught.value.message.removeprefix("visdm.toml: ")


def test_a_good_file_is_read() -> None:
    config = ModelConfig.parse(GOOD)
    assert config == ModelConfig(
        name="digits CNN",
        module="model",
        mode="L",
        size=(8, 16),
        epochs=8,
        batch=32,
        optimizer="adam",
        learning_rate=0.003,
        config={"width": 16},
    )


def test_the_free_table_may_be_missing() -> None:
    assert ModelConfig.parse({k: v for k, v in GOOD.items() if k != "config"}).config == {}


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_key_is_named(path: str) -> None:
    mapping = deepcopy(GOOD)
    *tables, key = path.split(".")
    place = mapping
    for table in tables:
        place = place[table]
    del place[key]
    assert fault(mapping) == f"{path} is missing"


@pytest.mark.parametrize("path", ["epochs", "input.epochs", "training.learning-rate"])
def test_a_key_that_is_not_known_is_named(path: str) -> None:
    assert fault(changed(path, 8)) == f"{path} is not a key of visdm.toml"


def test_a_key_that_would_upset_a_terminal_is_escaped() -> None:
    assert "\\x1b[2J\\n" in fault(changed("\x1b[2J\n", 8))
    assert len(fault(changed("x" * 10_000, 8))) < 300


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (path, value)
        for path, values in {
            "name": [7, "", "  ", "a\nb", "\x1b[2J", "x" * 201, ["digits"], None],
            "module": [
                7,
                "",
                "model.py",
                "../model",
                "a.b",
                "a/b",
                "2d",
                "class",
                "módulo",
                "m" * 201,
            ],
            "input": [7, "L", ["L"], None],
            "input.mode": [7, "RGBA", "l", "", ["L"], None],
            "input.size": [
                8,
                "8x8",
                [8],
                [8, 8, 8],
                [0, 8],
                [8, 4097],
                [8.0, 8],
                [True, 8],
                [-8, 8],
            ],
            "training": [7, []],
            "training.epochs": [0, -1, 1001, 8.0, "8", True, None, 10**30],
            "training.batch": [0, 65537, 1.5, "32", False],
            "training.optimizer": ["Adam", "lion", 7, "", ["adam"], {}],
            "training.learning_rate": [
                0,
                0.0,
                -0.1,
                math.nan,
                math.inf,
                -math.inf,
                "0.1",
                True,
                10**400,
            ],
            "config": [7, "width", [16], None],
        }.items()
        for value in values
    ],
)
def test_a_value_out_of_range_or_kind_is_named(path: str, value: object) -> None:
    assert fault(changed(path, value)).startswith(f"{path} ")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.mode", "RGB"),
        ("input.size", [1, 4096]),
        ("training.epochs", 1),
        ("training.epochs", 1000),
        ("training.batch", 65536),
        ("training.optimizer", "sgd"),
        ("training.learning_rate", 1),
        ("name", "Ünïcode 猫"),
        ("module", "_net2"),
    ],
)
def test_the_ends_of_each_range_are_accepted(path: str, value: object) -> None:
    ModelConfig.parse(changed(path, value))


def test_a_learning_rate_is_a_float_however_it_was_written() -> None:
    rate = ModelConfig.parse(changed("training.learning_rate", 1)).learning_rate
    assert (rate, type(rate)) == (1.0, float)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**63,
        -(2**63),
        datetime(2024, 1, 1, tzinfo=UTC),
        date(2024, 1, 1),
        time(12),
    ],
)
def test_a_free_value_that_is_not_plain_json_is_named(value: object) -> None:
    assert fault(changed("config.width", value)).startswith("config.width is not ")
    assert fault(changed("config.width", [1, {"a": value}])).startswith("config.width[1].a is not ")


def test_a_free_table_that_nests_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    assert "nests deeper than 16 levels" in fault(changed("config.width", deep))


free = st.recursive(
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(config=st.dictionaries(st.text(), free, max_size=4))
def test_a_free_table_survives_json(config: dict[str, Any]) -> None:
    read = ModelConfig.parse(changed("config", config)).config
    assert json.loads(json.dumps(read, allow_nan=False)) == config


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(path=st.sampled_from([*PATHS, "config"]), value=anything)
def test_any_value_is_read_or_refused_by_name(path: str, value: object) -> None:
    try:
        config = ModelConfig.parse(changed(path, value))
    except ModelError as error:
        named = error.message
    else:
        named = f"visdm.toml: {path}"
        assert 1 <= config.epochs <= 1000
        assert config.learning_rate > 0
    assert named.startswith(f"visdm.toml: {path}")
    assert named.isprintable()


@given(text=st.text(max_size=300))
def test_a_name_is_one_printable_line(text: str) -> None:
    if is_name(text):
        assert text.isprintable()
        assert text.strip()
        assert len(text) <= 200


@given(text=st.text(max_size=300))
def test_a_module_is_a_plain_file_name(text: str) -> None:
    if is_module(text):
        assert text.isascii()
        assert not set(text) & set("/\\. ")


def regime(word: str, **private: object) -> dict[str, Any]:
    mapping = changed("training.regime", word)
    return {**mapping, "private": private} if private else mapping


def test_without_a_word_the_platforms_loop_trains() -> None:
    config = ModelConfig.parse(GOOD)
    assert (config.regime, config.epsilon, config.delta, config.clip) == (
        Regime.LOOP,
        *(None, None, None),
    )
    assert ModelConfig.parse(regime("script")).regime is Regime.SCRIPT


def test_a_private_training_states_its_epsilon_in_thousandths() -> None:
    config = ModelConfig.parse(regime("private", epsilon=8.2))
    assert (config.regime, config.epsilon) == (Regime.PRIVATE, 8_200)
    assert (config.delta, config.clip) == (1e-5, 1.0)
    config = ModelConfig.parse(regime("private", epsilon=1, delta=1e-6, clip=0.5))
    assert (config.epsilon, config.delta, config.clip) == (1_000, 1e-6, 0.5)


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        (regime("free"), "training.regime is none of those allowed"),
        (changed("training.regime", 1), "training.regime is none of those allowed"),
        (regime("private"), "private is missing"),
        (regime("loop", epsilon=8), 'private has no place in regime "loop"'),
        (regime("script", epsilon=8), 'private has no place in regime "script"'),
        ({**GOOD, "private": {}}, 'private has no place in regime "loop"'),
        (regime("private", delta=1e-5), "private.epsilon is missing"),
        (regime("private", epsilon=0), "private.epsilon is out of range"),
        (regime("private", epsilon=1_000.5), "private.epsilon is out of range"),
        (regime("private", epsilon=math.nan), "private.epsilon is out of range"),
        (regime("private", epsilon="8"), "private.epsilon is not a number"),
        (regime("private", epsilon=True), "private.epsilon is not a number"),
        (regime("private", epsilon=1.0005), "private.epsilon is not a whole number of thousandths"),
        (regime("private", epsilon=1e-5), "private.epsilon is not a whole number of thousandths"),
        (regime("private", epsilon=8, delta=0.1), "private.delta is out of range"),
        (regime("private", epsilon=8, delta=0), "private.delta is out of range"),
        (regime("private", epsilon=8, clip=-1), "private.clip is out of range"),
        (regime("private", epsilon=8, noise=0), "private.noise is not a key of visdm.toml"),
    ],
)
def test_a_contradiction_about_privacy_is_named(mapping: dict[str, Any], complaint: str) -> None:
    assert fault(mapping) == complaint


@given(st.integers(1, 1_000_000))
def test_every_thousandth_can_be_stated(thousandths: int) -> None:
    assert ModelConfig.parse(regime("private", epsilon=thousandths / 1_000)).epsilon == thousandths
