"""What is known of an asset's images: from its summary, or from its table by program `survey`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from visdm.domain.conditions import QUALITY, Share, all_met
from visdm.domain.documents import count, expect
from visdm.domain.summaries import PROJECTED, number
from visdm.domain.tables import PROBLEMS
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.domain.conditions import Condition

DETAIL_OF_NOISE = 20
"""The variance that the 4-neighbour Laplacian makes of white noise of variance 1."""


@dataclass(frozen=True)
class Centre:
    """The mean projection of an asset's images of one class; '' stands for all of them."""

    label: str
    samples: int
    place: tuple[float, ...]


@dataclass(frozen=True)
class Traits:
    """`quality` are means by measure, `power` the mean square of noise; None: it is not told.

    `fitting` is the share of images that meet the consumer's conditions, `distance` that to its
    examples (`visdm.compute.survey`). `read` says whether the table was read.
    """

    class_counts: Mapping[str, int] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)
    power: float | None = None
    centres: tuple[Centre, ...] = ()
    fitting: Share = field(default_factory=lambda: Share.exactly(1.0))
    distance: float | None = None
    read: bool = False

    @property
    def detail(self) -> float | None:
        """The sharpness that noise does not explain; None where it is not told."""
        if self.power is None or "sharpness" not in self.quality:
            return None
        return max(self.quality["sharpness"] - DETAIL_OF_NOISE * self.power, 0.0)


def told(summary: Mapping[str, Any], samples: int, where: Sequence[Condition]) -> Traits:
    """Return what a checked summary tells."""
    measures = summary.get("quality", {})
    noise = measures.get("noise")
    return Traits(
        class_counts=summary.get("class_counts", {}),
        quality={name: float(measures[name]["mean"]) for name in QUALITY if name in measures},
        power=None if noise is None else float(noise["mean"]) ** 2 + float(noise["std"]) ** 2,
        centres=_centres(summary, samples),
        fitting=all_met([condition.share(summary, samples) for condition in where]),
    )


def _centres(summary: Mapping[str, Any], samples: int) -> tuple[Centre, ...]:
    groups = summary.get("by_class", {})
    if groups:
        return tuple(
            Centre(label, group["samples"], tuple(map(float, group["projection"]["mean"])))
            for label, group in sorted(groups.items())
        )
    whole = summary.get("projection")
    return (Centre("", samples, tuple(map(float, whole["mean"]))),) if whole else ()


def spreads(summary: Mapping[str, Any], samples: int) -> list[list[Any]]:
    """Return `[images, mean, deviation]` of the projection, by class where that is told.

    It is what program `survey` guesses a distance from where there is no table.
    """
    groups = [
        [group["samples"], group["projection"]["mean"], group["projection"]["std"]]
        for _, group in sorted(summary.get("by_class", {}).items())
    ]
    whole = summary.get("projection")
    return groups or ([[samples, whole["mean"], whole["std"]]] if whole else [])


def read_survey(
    answer: Mapping[str, Any], classes: Mapping[int, Sequence[str]]
) -> dict[int, Traits | str | float]:
    """Check the answer of program `survey`, which strangers' files may have bent.

    `classes` are those of each asset's metadata. Returns traits, or a problem, for each asset
    with a table, and a guessed distance for each without. Raises `JobError`.
    """
    try:
        found: dict[int, Traits | str | float] = {}
        for asset, names in classes.items():
            said = answer["assets"][str(asset)]
            if "problem" in said:
                found[asset] = PROBLEMS[PROBLEMS.index(said["problem"])]
            elif "guessed" in said:
                found[asset] = number(said["guessed"])
            else:
                found[asset] = _traits(said, names)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise JobError("its answer is not of the agreed shape") from None
    return found


def _traits(said: Mapping[str, Any], names: Sequence[str]) -> Traits:
    samples = count(said["samples"], 2**32)
    if samples == 0:
        raise ValueError("no images")
    counts = {name: count(said["class_counts"][name], samples + 1) for name in names}
    centres = []
    for label, place in sorted(expect(said["centres"], dict).items()):
        if label not in counts or len(expect(place, list)) != PROJECTED:
            raise ValueError("no centre")
        centres.append(Centre(label, counts[label], tuple(map(number, place))))
    distance = said["distance"]
    return Traits(
        class_counts=counts,
        quality={name: number(said["quality"][name]) for name in QUALITY},
        power=number(said["power"]),
        centres=tuple(centres),
        fitting=Share.exactly(count(said["fitting"], samples + 1) / samples),
        distance=None if distance is None else number(distance),
        read=True,
    )
