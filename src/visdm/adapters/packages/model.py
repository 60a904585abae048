"""Builds and checks model packages; nothing of their source is ever run here (section 6)."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any

from visdm.adapters.packages import archive, syntax
from visdm.adapters.packages.files import entries, shown
from visdm.adapters.packages.opened import inspect_file
from visdm.adapters.packages.whole import whole
from visdm.domain.models import BUILDER, ModelConfig
from visdm.domain.packages import MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE, ModelSummary
from visdm.domain.release import LENGTH_BYTES
from visdm.domain.weights import check_weights, weights_end
from visdm.errors import FolderError, ImageError, ModelError

if TYPE_CHECKING:
    from io import BufferedIOBase
    from pathlib import Path

_SKIPPED = "__pycache__"
_BUILD = f"it must parse and have `def {BUILDER}(config):` at its top level"


def build(folder: Path, target: Path) -> ModelSummary:
    """Pack a model folder into `target` and check what was packed.

    Raises `FolderError` for what does not belong, `ModelError` for what is wrong in it, and
    `OutputError`.
    """
    names = sorted(entry.name for entry in entries(folder) if entry.name != _SKIPPED)
    if not names:
        raise FolderError(folder, "is empty", hint="name a folder with files in it")
    files = [_belonging(folder, folder / name) for name in names]
    with whole(target) as sink:
        archive.pack(files, sink)
        # Checked under its temporary name: a package that fails never gets its own.
        with sink.reader() as packed:
            return _inspected(packed)


def inspect(package: Path) -> ModelSummary:
    """Check a model package that somebody else made. Raises `ModelError`."""
    try:
        with package.open("rb") as file:
            return _inspected(file)
    except OSError as error:
        raise ModelError(f"{package.name}: cannot be read ({error.strerror})") from error


def _belonging(folder: Path, path: Path) -> Path:
    if path.is_symlink() or not path.is_file():
        problem = f"{shown(path.name)} is not a regular file"
        raise FolderError(folder, problem, hint=archive.CONTENTS)
    if not archive.belongs(path.name):
        problem = f"{shown(path.name)} does not belong in a model package"
        raise FolderError(folder, problem, hint=archive.CONTENTS)
    return path


def _inspected(file: BufferedIOBase) -> ModelSummary:
    entries = archive.entries(file)
    for needed in (MODEL_FILE, VALIDATION_FILE):
        if needed not in entries:
            raise ModelError(f"{needed} is missing", hint=archive.CONTENTS)
    mapping = _toml(archive.content(file, entries[MODEL_FILE]))
    config = ModelConfig.parse(mapping)
    module = f"{config.module}.py"
    if module not in entries:
        hint = f'module = "{config.module}" needs that file'
        raise ModelError(f"{MODEL_FILE}: module: there is no {module} in the package", hint=hint)
    with archive.opened(file, entries[VALIDATION_FILE]) as images:
        samples = _validation(images)
    if WEIGHTS_FILE in entries:
        with archive.opened(file, entries[WEIGHTS_FILE]) as weights:
            _check_weights(weights, entries[WEIGHTS_FILE].size)
    sources = {name: archive.content(file, entries[name]) for name in entries if _is_source(name)}
    name, problem = syntax.judge(sources, module=module, builder=BUILDER)
    if problem:
        raise ModelError(f"{name}: {problem}", hint=_BUILD if name == module else "mend it")
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelSummary(
        name=config.name,
        config=mapping,
        validation=samples,
        digest=digest,
        size=file.tell(),
        regime=config.regime,
        epsilon=config.epsilon or 0,
        weights=WEIGHTS_FILE in entries,
    )


def _check_weights(weights: BufferedIOBase, size: int) -> None:
    end = weights_end(weights.read(LENGTH_BYTES))
    weights.seek(0)
    check_weights(weights.read(end), size)


def _toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{MODEL_FILE}: is not TOML", hint=str(error)) from None
    except (ValueError, RecursionError):
        raise ModelError(f"{MODEL_FILE}: is not TOML in UTF-8") from None


def _is_source(name: str) -> bool:
    return name.endswith(".py")


def _validation(images: BufferedIOBase) -> int:
    try:
        return inspect_file(images, VALIDATION_FILE).samples
    except FolderError as error:
        raise ModelError(error.message, hint=error.hint) from None
    except ImageError as error:
        raise ModelError(f"{VALIDATION_FILE}: {error.message}", hint=error.hint) from None
