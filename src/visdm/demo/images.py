"""The demo's images: who brings what, and what the consumer keeps to measure on."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from PIL import Image

from visdm.domain.metadata import SAME_SHARE
from visdm.domain.packages import IMAGE_SUFFIXES
from visdm.errors import DuplicateError, FolderError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from visdm.ports import Packages, Scratch

    Tree = dict[str, list[Path]]
    """Class name to image files."""

VALIDATION = "validation"
HELD_OUT = "held-out"
KEPT_SHARE = 0.1
"""Share of each class that is kept for validation, and again for the consumer's own test."""

WRONG_SHARE = 0.4
"""Share of the last supplier's labels that are wrong, with the default images."""


@dataclass(frozen=True)
class Input:
    """What the model is fed: `mode` as Pillow's, `side` in pixels."""

    mode: str
    side: int


def write_digits(folder: Path) -> None:
    """Write scikit-learn's 1,797 handwritten digits (Alpaydin and Kaynak, 1998) as PNG files."""
    # Untyped, a second to load, and used here alone.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # noqa: PLC0415

    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        grey = (pixels * 15).astype("uint8")
        Image.fromarray(grey).save(place / f"{number:04d}.png")


def tree_of(folder: Path) -> Tree:
    """List a class-per-folder tree that was checked before."""
    return {
        place.name: sorted(f for f in place.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        for place in sorted(folder.iterdir())
        if place.is_dir() and not place.name.startswith(".")
    }


def check(
    folders: Sequence[Path], suppliers: Sequence[str], packages: Packages, scratch: Scratch
) -> None:
    """Try every folder before anything is made or registered.

    Raises what `Packages.build_data` raises, `FolderError` for a single class or for too few
    images to go round, and `DuplicateError` when most images of a folder are another's.
    """
    seen: dict[Path, set[bytes]] = {}
    for folder in folders:
        with scratch.folder() as private, (private / "trial").open("wb") as sink:
            trial = packages.build_data(folder, sink, name="trial")
        if len(trial.classes) < 2:  # noqa: PLR2004  # there would be nothing to tell apart
            raise FolderError(
                folder, "has a single class", hint="give each class a folder of its own"
            )
        files = [file for part in tree_of(folder).values() for file in part]
        prints = {sha256(file.read_bytes()).digest() for file in files}
        for other, known in seen.items():
            if len(prints & known) > SAME_SHARE * len(prints):
                raise DuplicateError(
                    str(other), str(folder), hint="give each supplier images of its own"
                )
        seen[folder] = prints
    if folders:
        share_out(folders, suppliers, 0, wrong=False)


def share_out(
    sources: Sequence[Path], suppliers: Sequence[str], seed: int, *, wrong: bool
) -> Mapping[str, Sequence[tuple[str, Path]]]:
    """Plan who gets which images: holder to (label, file).

    One source is dealt out to all suppliers; several are one supplier's each. Either way the
    consumer keeps a part of every class, which no supplier registers. With `wrong`, the last
    supplier mislabels `WRONG_SHARE` of its images. The same seed gives the same plan.

    Raises `FolderError` when a class has too few images to go round.
    """
    rng = random.Random(seed)  # noqa: S311  # shuffling, not secrets
    plan: dict[str, list[tuple[str, Path]]] = {
        name: [] for name in (*suppliers, VALIDATION, HELD_OUT)
    }
    takers = [[name] for name in suppliers] if len(sources) > 1 else [list(suppliers)]
    for source, owners in zip(sources, takers, strict=True):
        for label, files in tree_of(source).items():
            kept = max(1, round(len(files) * KEPT_SHARE))
            need = len(owners) + 2 * kept
            if len(files) < need:
                raise FolderError(
                    source / label,
                    f"has {len(files)} images, and the demo needs {need} of each class",
                    hint="add images, or let fewer suppliers share them",
                )
            shuffled = rng.sample(files, len(files))
            for holder, part in (
                (VALIDATION, shuffled[:kept]),
                (HELD_OUT, shuffled[kept : 2 * kept]),
                *((owner, shuffled[2 * kept + i :: len(owners)]) for i, owner in enumerate(owners)),
            ):
                plan[holder] += [(label, file) for file in part]
    if wrong:
        plan[suppliers[-1]] = list(_mislabelled(plan[suppliers[-1]], rng))
    return plan


def _mislabelled(
    images: Sequence[tuple[str, Path]], rng: random.Random
) -> Iterator[tuple[str, Path]]:
    labels = sorted({label for label, _ in images})
    if len(labels) < 2:  # noqa: PLR2004  # there is no wrong label to give
        raise InputError("wrong labels need two classes at least")
    wrong = set(rng.sample(range(len(images)), round(len(images) * WRONG_SHARE)))
    for place, (label, file) in enumerate(images):
        others = [other for other in labels if other != label]
        yield (rng.choice(others) if place in wrong else label), file


def lay_out(images: Sequence[tuple[str, Path]], folder: Path) -> None:
    """Copy planned images into a class-per-folder tree; whole or not at all."""
    if folder.exists():
        return
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    for number, (label, file) in enumerate(images):
        place = draft / label
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place / f"{number:05d}{file.suffix.lower()}")
    draft.rename(folder)


def input_of(images: Sequence[tuple[str, Path]]) -> Input:
    """Choose what the model is fed from the first images: colour, and 8 to 32 pixels a side."""
    sides, colour = [], False
    for _, file in images[:50]:
        with Image.open(file) as image:
            sides.append(min(image.size))
            colour = colour or image.mode not in ("1", "L")
    smallest = min(sides)
    side = next((s for s in (32, 16) if smallest >= s), 8)
    return Input("RGB" if colour else "L", side)
