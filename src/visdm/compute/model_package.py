"""Reading a model package: an uncompressed tar with `visdm.toml`, source, images, weights."""

from __future__ import annotations

import tarfile
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.rows import DataPackage
from visdm.domain.models import ModelConfig, is_module
from visdm.domain.packages import MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE
from visdm.errors import JobError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLAIN = (MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE)
"""Files that are no source."""

CHANNELS = {"L": 1, "RGB": 3}
"""Numbers that a pixel has, by mode."""


@dataclass(frozen=True)
class ModelPackage:
    """An opened model package.

    `sources` is Python source by module name, `images` the bytes of the validation images,
    `weights` those of the safetensors file that a test measures, if there is one.
    """

    config: ModelConfig
    sources: Mapping[str, str]
    images: bytes
    weights: bytes | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, height and width of an image as the network takes it."""
        height, width = self.config.size
        return CHANNELS[self.config.mode], height, width

    def validation(self) -> DataPackage:
        """Open the validation images that the package brings; raise `JobError`."""
        return DataPackage(pa.BufferReader(self.images), "validation set")


def read(path: Path) -> ModelPackage:
    """Read a model package; raise `JobError` naming what is missing or wrong in it."""
    files = _unpack(path)
    for needed in (MODEL_FILE, VALIDATION_FILE):
        if needed not in files:
            raise JobError(f"the model package has no {needed}")
    try:
        whole = tomllib.loads(files[MODEL_FILE].decode())
        sources = {
            name.removesuffix(".py"): content.decode()
            for name, content in files.items()
            if name not in PLAIN
        }
    except (ValueError, RecursionError):
        raise JobError(f"the model package's {MODEL_FILE} or source cannot be read") from None
    try:
        config = ModelConfig.parse(whole)
    except ModelError as error:
        raise JobError(
            f"the model package's {MODEL_FILE} is at fault", hint=error.message
        ) from None
    if config.module not in sources:
        raise JobError("the model package does not hold the module that it names")
    return ModelPackage(config, sources, files[VALIDATION_FILE], files.get(WEIGHTS_FILE))


def _unpack(path: Path) -> dict[str, bytes]:
    """Return the tar's files by name; nothing is written, so a hostile name leads nowhere."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or not _belongs(member.name) or member.name in files:
                    raise JobError(
                        "the model package holds something else than "
                        f"{', '.join(PLAIN)} and Python source"
                    )
                files[member.name] = content.read()
    except (tarfile.TarError, OSError, ValueError):
        raise JobError("the model package is not a readable tar file") from None
    return files


def _belongs(name: str) -> bool:
    stem, _, suffix = name.partition(".")
    return name in PLAIN or (suffix == "py" and is_module(stem))
