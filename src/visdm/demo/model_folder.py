"""The consumer's model: the shipped script, set up for the images at hand."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from visdm.demo.images import input_of
from visdm.domain.packages import MODEL_FILE, VALIDATION_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages


def write_model(folder: Path, validation: Path, packages: Packages) -> None:
    """Write script, settings and validation images; the same input gives the same folder."""
    folder.mkdir(exist_ok=True)
    shipped = resources.files("visdm.demo") / "model"
    files = sorted(file for file in validation.rglob("*") if file.is_file())
    fed = input_of([(file.parent.name, file) for file in files])
    settings = (shipped / MODEL_FILE).read_text("utf-8")
    settings = settings.replace('mode = "L"', f'mode = "{fed.mode}"')
    settings = settings.replace("size = [8, 8]", f"size = [{fed.side}, {fed.side}]")
    (folder / MODEL_FILE).write_text(settings, "utf-8")
    (folder / "model.py").write_text((shipped / "model.py").read_text("utf-8"), "utf-8")
    with (folder / VALIDATION_FILE).open("wb") as sink:
        packages.build_data(validation, sink, name="validation images")
