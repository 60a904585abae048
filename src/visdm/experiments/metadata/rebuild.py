"""How much of an image its public metadata gives away: attacks, and the bound they set.

Three scenes. `cifar10`: the attacker knows the columns and pictures of some images of the
training set and rebuilds others. `digits`: pictures of 8x8, of which the projection and the
hashes hold nearly all; metadata hides nothing of those. `photos`: photographs of 256x256,
rebuilt from what small pictures in general are like. Beside the attacks stand what takes no
metadata (a mean picture, another picture of the class) and, as the measure, thumbnails.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.experiments.metadata import attacks, groups, memberships
from visdm.experiments.metadata.columns import (
    cifar,
    columns,
    digits,
    jpeg,
    photographs,
)
from visdm.experiments.metadata.likeness import Likeness, likeness
from visdm.experiments.metadata.posterior import SWEEPS, Posterior
from visdm.ports import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns, Labelled
    from visdm.experiments.metadata.groups import Difference
    from visdm.experiments.metadata.memberships import Membership

KNOWLEDGE, VICTIMS = 5000, 1000
SEED = 20260
SIDE = 8
"""Pixels of a side of the thumbnail that attacks are measured against."""

MORE = 16
"""Pixels of a side of the thumbnail that metadata is to stay well below."""

PHOTO_SIDE = 256
QUALITY = 75
"""Of the JPEGs that are asked for."""

_DIGITS_KNOWN, _DIGITS, _PHOTOS = 600, 300, 160
"""Images of those scenes, known or attacked, at the most."""


@dataclass(frozen=True)
class Rebuilt:
    """All that was measured; see `Likeness`, `Difference` and `Membership`."""

    knowledge: int
    victims: int
    scenes: dict[str, tuple[Likeness, ...]]
    groups: tuple[Likeness, ...]
    differences: tuple[Difference, ...]
    membership: tuple[Membership, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    def best(self, scene: str) -> tuple[float, float]:
        """Return the highest mean PSNR and the highest mean SSIM that an attack reached."""
        reached = [row for row in self.scenes[scene] if "thumbnail" not in row.attack]
        return max(row.psnr for row in reached), max(row.ssim for row in reached)


def measure(
    data: Path,
    *,
    knowledge: int = KNOWLEDGE,
    victims: int = VICTIMS,
    sweeps: int = SWEEPS,
    progress: Progress = silent,
) -> Rebuilt:
    """Attack `victims` images, knowing `knowledge` others, with the images below `data`.

    `sweeps` is how long the sampling attack samples. Raises `FolderError` where the images are
    not there, `InputError` where no class has enough victims to be told of.
    """
    random = np.random.default_rng(SEED)
    files = cifar(data, "test", victims)
    groups.require_group([label for _, label in files])
    drawings = digits()[: _DIGITS_KNOWN + min(_DIGITS, victims)]
    photos = photographs(data, PHOTO_SIDE)[: min(_PHOTOS, victims)]
    total = knowledge + victims + victims // 2 + len(drawings) + len(photos)
    whole = _Portions(progress, total)
    known = whole.columns(cifar(data, "train", knowledge))
    attacked = whole.columns(files)
    half = len(files) // 2
    again = whole.columns([(jpeg(file, QUALITY), label) for file, label in files[:half]])
    posterior = Posterior(known)
    drawn = whole.columns(drawings)
    pictured = whole.columns(photos)
    drawn_known, drawn_attacked = (
        drawn.rows(part) for part in (slice(_DIGITS_KNOWN), slice(_DIGITS_KNOWN, None))
    )
    scenes = {
        "cifar10": _all(known, attacked, posterior, random, sweeps),
        "digits": _all(drawn_known, drawn_attacked, Posterior(drawn_known), random, sweeps),
        "photos": _transferred(known, pictured, posterior, random, sweeps),
    }
    return Rebuilt(
        knowledge=len(known),
        victims=len(attacked),
        scenes={name: tuple(rows) for name, rows in scenes.items()},
        groups=tuple(groups.of_groups(known, attacked)),
        differences=tuple(groups.differences(known, attacked)),
        membership=(
            *memberships.by_hashes(
                attacked.rows(slice(half)), again, attacked.rows(slice(half, None))
            ),
            *memberships.by_figures(known, attacked),
        ),
    )


def _all(
    known: Columns,
    victims: Columns,
    posterior: Posterior,
    random: np.random.Generator,
    sweeps: int,
) -> Iterator[Likeness]:
    """Attack in all ways, the idle ones first and the thumbnails last."""
    there = victims.pictures
    yield likeness("mean image", attacks.average(known, victims), there)
    yield likeness("another of the class", attacks.of_the_class(known, victims, random), there)
    yield likeness("nearest by hash", attacks.nearest(known, victims), there)
    for only in ("projection", "hashes"):
        yield likeness(f"ridge, {only}", attacks.ridge(known, victims, only=only), there)
    yield from _with_levels("ridge, all columns", attacks.ridge(known, victims), victims)
    yield from _with_levels("sampling", posterior.rebuild(victims, random, sweeps), victims)
    for side in (SIDE, MORE):
        if side <= there.shape[1]:
            yield _thumbnail(victims, side)


def _transferred(
    known: Columns,
    victims: Columns,
    posterior: Posterior,
    random: np.random.Generator,
    sweeps: int,
) -> Iterator[Likeness]:
    """Attack large pictures as if they were small ones, and enlarge what comes out."""
    mean = attacks.enlarged(attacks.average(known, victims), victims)
    yield likeness("mean image", mean, victims.pictures)
    pictures = attacks.enlarged(posterior.rebuild(victims, random, sweeps), victims)
    yield from _with_levels("sampling", pictures, victims)
    for side in (SIDE, MORE):
        yield _thumbnail(victims, side)


def _with_levels(attack: str, pictures: NDArray[Any], victims: Columns) -> Iterator[Likeness]:
    """Yield an attack as it is, and with the levels of the histograms, half and wholly."""
    yield likeness(attack, pictures, victims.pictures)
    for share, words in ((0.5, "levels met halfway"), (1.0, "levels")):
        levelled = attacks.levelled(pictures, victims, share)
        yield likeness(f"{attack}, {words}", levelled, victims.pictures)


def _thumbnail(victims: Columns, side: int) -> Likeness:
    pictures = attacks.thumbnail(victims, side)
    return likeness(f"thumbnail of {side}x{side}", pictures, victims.pictures)


class _Portions:
    """One progress over several sets of images."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._before = progress, total, 0

    def columns(self, images: Sequence[Labelled]) -> Columns:
        """Measure images, and count them among all."""
        found = columns(images, lambda done, _: self._progress(self._before + done, self._total))
        self._before += len(found)
        return found
