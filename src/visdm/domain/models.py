"""What a model package says of itself in `visdm.toml` (DESIGN section 8)."""

from __future__ import annotations

import keyword
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.regimes import MAX_EPSILON, MILLI, Regime
from visdm.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("L", "RGB")
OPTIMIZERS = ("adam", "sgd")
MAX_EPOCHS = 1000
MAX_BATCH = 65_536
MAX_SIDE = 4096
MAX_NAME = 200
MAX_INTEGER = 2**63
MAX_DEPTH = 16
"""How deep `[config]` may nest: whoever walks it must not run out of stack."""

DELTA = 1e-5
CLIP = 1.0
"""What `[private]` means where it leaves `delta` and `clip` out."""

MAX_DELTA = 1e-3
"""Of a promise of privacy: with this chance an image may be given away."""

BUILDER = "build_model"
"""The function of the module that the platform calls with `[config]`."""

_TABLES = {
    "": ("name", "module", "input", "training", "private", "config"),
    "input": ("mode", "size"),
    "training": ("epochs", "batch", "optimizer", "learning_rate", "regime"),
    "private": ("epsilon", "delta", "clip"),
}
_SLIP = 1e-9
"""How far a decimal may be from its thousandths, for floating point's sake."""

_REGIMES = tuple(regime.word for regime in Regime)


@dataclass(frozen=True)
class ModelConfig:
    """A checked `visdm.toml`.

    `mode` (Pillow's word) and `size` (height, width in pixels) are what images are turned
    into before the model sees them. `module` is the Python module, without its suffix, that
    defines `build_model(config)`; `config` is handed to it and is plain JSON. `epsilon`
    (thousandths), `delta` and `clip` (the most that one image may add to a gradient, as its
    Euclidean norm) are those of private training, and None in any other regime.
    """

    name: str
    module: str
    mode: str
    size: tuple[int, int]
    epochs: int
    batch: int
    optimizer: str
    learning_rate: float
    config: Mapping[str, Any]
    regime: Regime = Regime.LOOP
    epsilon: int | None = None
    delta: float | None = None
    clip: float | None = None

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> ModelConfig:
        """Check what a TOML reader gave; raise `ModelError` naming the first key at fault."""
        top = _Table("", mapping)
        images, training = top.table("input"), top.table("training")
        config = mapping.get("config", {})
        if not isinstance(config, dict):
            raise _fault("config", "must be a table", "write [config] on a line of its own")
        _plain("config", config, MAX_DEPTH)
        regime = training.regime("regime")
        if ("private" in mapping) != (regime is Regime.PRIVATE):
            raise _contradiction(regime)
        private = top.table("private") if regime is Regime.PRIVATE else None
        return cls(
            name=top.name("name"),
            module=top.module("module"),
            mode=images.choice("mode", MODES),
            size=images.size("size"),
            epochs=training.whole("epochs", MAX_EPOCHS),
            batch=training.whole("batch", MAX_BATCH),
            optimizer=training.choice("optimizer", OPTIMIZERS),
            learning_rate=training.positive("learning_rate"),
            config=config,
            regime=regime,
            epsilon=private.thousandths("epsilon", MAX_EPSILON) if private else None,
            delta=private.at_most("delta", MAX_DELTA, DELTA) if private else None,
            clip=private.at_most("clip", MAX_INTEGER, CLIP) if private else None,
        )

    @property
    def promise(self) -> dict[str, Any]:
        """Return how the model trains, as its profile and the settings of a job hold it."""
        privacy = {"epsilon": self.epsilon, "delta": self.delta, "clip": self.clip}
        return {
            "regime": self.regime.word,
            "epsilon": privacy if self.regime is Regime.PRIVATE else None,
        }


class _Table:
    """One table of the file, whose keys are read by what they must be."""

    def __init__(self, name: str, mapping: Mapping[str, Any]) -> None:
        self._prefix = f"{name}." if name else ""
        self._mapping = mapping
        for key in mapping:
            if key not in _TABLES[name]:
                known = ", ".join(_TABLES[name])
                raise _fault(self._prefix + key, "is not a key of visdm.toml", f"known: {known}")

    def _value(self, key: str, hint: str) -> object:
        if key not in self._mapping:
            raise _fault(self._prefix + key, "is missing", hint)
        return self._mapping[key]

    def _refuse(self, key: str, problem: str, hint: str) -> ModelError:
        return _fault(self._prefix + key, problem, hint)

    def table(self, key: str) -> _Table:
        hint = f"write [{key}] with {', '.join(_TABLES[key])}"
        value = self._value(key, hint)
        if not isinstance(value, dict):
            raise self._refuse(key, "must be a table", hint)
        return _Table(key, value)

    def name(self, key: str) -> str:
        hint = f'a printable name of at most {MAX_NAME} characters, as in {key} = "digits CNN"'
        value = self._value(key, hint)
        if not isinstance(value, str) or not is_name(value):
            raise self._refuse(key, "cannot be shown as a name", hint)
        return value

    def module(self, key: str) -> str:
        hint = 'the .py file that defines build_model, without its suffix, as in module = "model"'
        value = self._value(key, hint)
        if not isinstance(value, str) or not is_module(value):
            raise self._refuse(key, "must name a Python module", hint)
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        hint = "one of " + ", ".join(f'"{word}"' for word in allowed)
        value = self._value(key, hint)
        if not isinstance(value, str) or value not in allowed:
            raise self._refuse(key, "is none of those allowed", hint)
        return value

    def whole(self, key: str, most: int) -> int:
        hint = f"a whole number from 1 to {most}"
        value = self._value(key, hint)
        if not isinstance(value, int) or not _is_whole(value, most):
            raise self._refuse(key, "is not such a number", hint)
        return value

    def positive(self, key: str) -> float:
        hint = f"a positive number, as in {key} = 0.003"
        value = self._value(key, hint)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refuse(key, "is not a number", hint)
        if not 0 < value < MAX_INTEGER:
            raise self._refuse(key, "is out of range", hint)
        return float(value)

    def regime(self, key: str) -> Regime:
        word = self.choice(key, _REGIMES) if key in self._mapping else Regime.LOOP.word
        return Regime(_REGIMES.index(word))

    def thousandths(self, key: str, most: int) -> int:
        hint = f"from 0.001 to {most // MILLI}, with at most three decimals, as in {key} = 8.0"
        value = self._value(key, hint)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refuse(key, "is not a number", hint)
        if not 0 < value <= most // MILLI:
            raise self._refuse(key, "is out of range", hint)
        found = round(value * MILLI)
        if not found or abs(found / MILLI - value) > _SLIP:
            raise self._refuse(key, "is not a whole number of thousandths", hint)
        return found

    def at_most(self, key: str, most: float, default: float) -> float:
        value = self.positive(key) if key in self._mapping else default
        if value > most:
            raise self._refuse(key, "is out of range", f"above 0, at most {most:g}")
        return value

    def size(self, key: str) -> tuple[int, int]:
        hint = f"height and width in pixels, each from 1 to {MAX_SIDE}, as in {key} = [8, 8]"
        value = self._value(key, hint)
        if not isinstance(value, list) or len(value) != len(("height", "width")):
            raise self._refuse(key, "must hold two numbers", hint)
        height, width = value
        if not _is_whole(height, MAX_SIDE) or not _is_whole(width, MAX_SIDE):
            raise self._refuse(key, "is out of range", hint)
        return height, width


def _contradiction(regime: Regime) -> ModelError:
    if regime is Regime.PRIVATE:
        return _fault("private", "is missing", "write [private] with epsilon, as in epsilon = 8.0")
    hint = 'take it out, or set regime = "private" in [training]'
    return _fault("private", f'has no place in regime "{regime.word}"', hint)


def is_name(text: str) -> bool:
    """Whether `text` can stand in messages and tables: printable, not blank, not too long."""
    return bool(text.strip()) and len(text) <= MAX_NAME and text.isprintable()


def is_module(text: str) -> bool:
    """Whether `text` can be imported as a module and is a file name everywhere."""
    plain = text.isascii() and text.isidentifier() and not keyword.iskeyword(text)
    return plain and len(text) <= MAX_NAME


def _fault(key: str, problem: str, hint: str) -> ModelError:
    # A stranger's key may hold anything: it stays on one line and does nothing to a terminal.
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in key[:MAX_NAME])
    return ModelError(f"visdm.toml: {shown} {problem}", hint=hint)


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _plain(key: str, value: object, depth: int) -> None:
    """Raise `ModelError` unless `value` survives JSON unchanged in every language."""
    if depth == 0:
        raise _fault(key, f"nests deeper than {MAX_DEPTH} levels", "flatten it")
    if isinstance(value, dict):
        for name, inner in value.items():
            _plain(f"{key}.{name}", inner, depth - 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _plain(f"{key}[{place}]", inner, depth - 1)
    elif isinstance(value, int | float):
        bound = MAX_INTEGER if isinstance(value, int) else math.inf
        if not abs(value) < bound:  # as NaN is not
            raise _fault(key, "is not a finite number of 64 bits", "use an ordinary number")
    elif not isinstance(value, str):
        raise _fault(key, "is not plain JSON", "use text, numbers, true, false, lists, tables")
