"""Seconds of training on scikit-learn's digits: in the sandbox, and as a bare process.

Both run the same program on the same packages, in turns; the median of what the program
says of its own time counts, without the start of Python and the loading of torch.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from PIL import Image

from visdm.adapters.sandboxes import BareProcess, Bubblewrap, Gvisor
from visdm.domain.packages import MODEL_FILE, VALIDATION_FILE
from visdm.ports import Computation, Sandbox
from visdm.wiring import packages

RUNS = 5
TARGET = 1.05
"""inside : outside, at most."""

_KEPT = 5
"""One image of so many is kept for validation."""


@dataclass(frozen=True)
class Training:
    """Median seconds of each way, and whether all runs ended in the same weights."""

    runs: int
    outside: float
    inside: float
    same: bool

    @property
    def ratio(self) -> float:
        """How many times as long training takes inside."""
        return self.inside / self.outside


def measure(runs: int = RUNS, kind: type[Bubblewrap | Gvisor] = Bubblewrap) -> Training:
    """Measure. Raises `SandboxError` where there is no sandbox."""
    ways: tuple[Sandbox, ...] = (BareProcess(), kind())
    times: tuple[list[float], list[float]] = ([], [])
    weights = set()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        inputs = _digits(top)
        settings = {"seed": 1, "assets": [1], "method": "equal", "threads": 1}
        task = Computation("train", settings, inputs)
        for _ in range(runs):
            for sandbox, kept in zip(ways, times, strict=True):
                kept.append(float(sandbox.run(task, top / "out")["seconds"]))
                weights.add((top / "out" / "model.safetensors").read_bytes())
    outside, inside = map(statistics.median, times)
    return Training(runs, outside, inside, same=len(weights) == 1)


def lay_out(top: Path, most: int | None = None) -> None:
    """Write the first `most` digits below `images` and `validation`, and the demo's `model`."""
    # Untyped, a second to load, and used here alone.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # noqa: PLC0415

    digits = load_digits()
    pairs = zip(digits.images[:most], digits.target[:most], strict=True)
    for number, (pixels, label) in enumerate(pairs):
        place = top / ("images" if number % _KEPT else "validation") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype("uint8")).save(place / f"{number:04d}.png")
    model = top / "model"
    model.mkdir()
    shipped = resources.files("visdm.demo") / "model"
    for name in (MODEL_FILE, "model.py"):
        (model / name).write_text((shipped / name).read_text("utf-8"), "utf-8")
    with (model / VALIDATION_FILE).open("wb") as sink:
        packages().build_data(top / "validation", sink, name="validation images")


def _digits(top: Path) -> dict[str, Path]:
    """Pack the digits and the demo's model; return the inputs of a training."""
    lay_out(top)
    with (top / "asset").open("wb") as sink:
        packages().build_data(top / "images", sink, name="digits")
    packages().build_model(top / "model", top / "package")
    return {"model": top / "package", "asset-1": top / "asset"}
