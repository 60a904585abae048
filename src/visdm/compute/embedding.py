"""Program `embed`: images of several assets in one plane, from public metadata alone (4.2.1).

Inputs `table-<asset id>`, the assets' public per-image tables. Settings: `assets`, by id of each
table: `samples` and `classes` as registered, and whether it was `accepted` before; `seconds`, in
which tables are looked at that were not; `seed`, `most` (points at the most), `methods` (`pca`,
`tsne` or both) and `centres`, the classes of assets that publish no rows: `asset`, `class`,
`samples`, `quality` (means by name) and `projection` (means) of each.

Points are drawn fairly: every asset gets the same number, and what a small one leaves goes to the
others.

The answer: `points`, columns `asset`, `row`, `class` and, for each method, `pca` or `tsne`, a
list of [x, y]; `centres` with their place on the map of principal components (t-SNE places
what it was trained on, and a mean of images is no image); `explained`, the two components'
shares of the variance; `leading`, the features that weigh most on each; `drawn`, images drawn
and held by asset; `left_out`, why a table does not count (`visdm.compute.acceptance`), by asset.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.compute.acceptance import problems
from visdm.compute.drawing import Drawn, draw, quotas
from visdm.compute.features import NAMES, QUALITIES, Standard, raw
from visdm.compute.planes import Principal, leading, neighbourhoods
from visdm.domain.summaries import PROJECTED
from visdm.domain.tables import Registered
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.compute.features import Matrix

TABLE = "table-"
"""What an input's name begins with; the asset's number follows."""

BENT = "its summary has numbers that no images have"

DIGITS = 4


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,  # noqa: ARG001 - the programs' shape; this one makes no files
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Place the images; raise `JobError` where no table can be used and no centre is given."""
    known = {int(asset): Registered.of(told) for asset, told in settings["assets"].items()}
    paths = {int(name.removeprefix(TABLE)): path for name, path in sorted(inputs.items())}
    left_out = problems(paths, known, settings.get("seconds", inf))
    sizes = {asset: known[asset].samples for asset in sorted(paths) if asset not in left_out}
    share = quotas(sizes, settings["most"])
    drawn = {
        asset: draw(asset, paths[asset], size, share[asset], settings["seed"])
        for asset, size in sizes.items()
    }
    found = Drawn.together(drawn.values())
    centres = _possible(settings["centres"], left_out)
    if len(found.features) + len(centres) == 0:
        raise JobError("none of the assets has public metadata that a map can be made of")
    middles = _features_of(centres)
    # Assets without rows have no say in what a unit is, unless there is nobody else.
    standard = Standard.of(found.features if len(found.features) else middles)
    points, middles = standard(found.features), standard(middles)
    plane = Principal.of(points if len(points) else middles)
    places = {}
    if "pca" in settings["methods"]:
        places["pca"] = plane(points)
    if "tsne" in settings["methods"]:
        places["tsne"] = neighbourhoods(points, settings["seed"], progress)
    return {
        "points": {
            "asset": found.assets,
            "row": found.rows,
            "class": found.classes,
            **{method: np.round(xy, DIGITS).tolist() for method, xy in places.items()},
        },
        "centres": _placed(centres, plane(middles)),
        "explained": [round(part, DIGITS) for part in plane.explained],
        "leading": [leading(axis, NAMES) for axis in plane.axes],
        "drawn": {str(k): [len(one.rows), sizes[k]] for k, one in drawn.items()},
        "left_out": {str(asset): problem for asset, problem in left_out.items()},
    }


def _possible(centres: list[dict[str, Any]], left_out: dict[int, str]) -> list[dict[str, Any]]:
    """Return the class centres of assets whose summaries tell what images can have."""
    bent = {
        one["asset"]
        for one in centres
        if not set(QUALITIES) <= set(one["quality"]) or np.isnan(_features_of([one])).any()
    }
    left_out |= dict.fromkeys(bent, BENT)
    return [one for one in centres if one["asset"] not in bent]


def _features_of(centres: list[dict[str, Any]]) -> Matrix:
    """Return the features of class centres (n x k): of means, not means of features."""
    quality = {name: [one["quality"][name] for one in centres] for name in QUALITIES}
    projection = np.array([one["projection"] for one in centres], dtype=np.float64)
    return raw(quality, projection.reshape(len(centres), PROJECTED))


def _placed(centres: list[dict[str, Any]], places: Matrix) -> list[dict[str, Any]]:
    return [
        {
            "asset": one["asset"],
            "class": one["class"],
            "samples": one["samples"],
            "pca": np.round(place, DIGITS).tolist(),
        }
        for one, place in zip(centres, places, strict=True)
    ]
