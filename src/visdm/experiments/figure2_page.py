"""Figure 2 on paper: pictures, a page with the numbers below it, and the numbers as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from visdm.domain.maps import PCA, TSNE
from visdm.drawing.markup import tag
from visdm.drawing.parts import section, table_of
from visdm.errors import OutputError
from visdm.experiments.figure2 import JPEG, KINDS, METADATA, PIXELS, PNG, PROJECTION, SIZELESS
from visdm.pictures.folder import write_map
from visdm.pictures.scene import CLASS, TITLES, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.drawing.markup import Markup
    from visdm.experiments.figure2 import Figure2

SAID = {
    METADATA: "all public metadata",
    SIZELESS: "the same without file sizes",
    PROJECTION: "the projection alone",
    PIXELS: "raw pixels",
}
FILES = {METADATA: "figure2", PROJECTION: "projection", PIXELS: "pixels"}
"""The maps that are drawn, with the noise as JPEG, and what their files are called."""

NUMBERS = "figure2.json"


def write_figure2(found: Figure2, folder: Path) -> list[Path]:
    """Write all of it into `folder`; return the files. Raises `OutputError`."""
    files: list[Path] = []
    for kind, name in FILES.items():
        row = {method: found.row(JPEG, kind, method) for method in (PCA, TSNE)}
        scene = Scene(
            title=f"Cats, dogs and noise by {SAID[kind]}",
            map=found.maps[JPEG, kind],
            names={1: "CIFAR-10 and noise"},
            groups=(CLASS,),
            lead=(
                f"{found.each:,} images of each. A straight line tells noise from cats and dogs "
                f"with a balanced accuracy of {row[PCA].noise.linear:.1%} on principal components "
                f"and {row[TSNE].noise.linear:.1%} on t-SNE; cats from dogs with "
                f"{row[PCA].cats.linear:.1%} and {row[TSNE].cats.linear:.1%}, where a coin has "
                "50 %. Noise is of random pixels, saved as JPEG like the others."
            ),
        )
        files += write_map(scene, folder, _numbers(found), name=name)
    path = folder / NUMBERS
    try:
        path.write_text(json.dumps(found.to_json(), indent=1))
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})") from None
    return [*files, path]


def _numbers(found: Figure2) -> Markup:
    told = (
        "Balanced accuracy on images that the split was not fitted to (five folds): of a straight "
        "line, and of the vote of the nearest 15. The silhouette is 1 for groups far apart, 0 for "
        "mixed ones. The planes are computed without being told what is noise."
    )
    heads = ["noise as, by, in", *(f"{g}: {m}" for g in ("noise", "cat or dog") for m in _MEASURES)]
    table = table_of("", heads, _rows(found), numbers=range(1, len(heads)))
    return section("numbers", "How far apart", tag("p", told), table)


_MEASURES = ("line", "nearest", "silhouette")


def _rows(found: Figure2) -> Iterator[list[str]]:
    planes = {**TITLES, "all": "no plane: all features"}
    for encoding in (JPEG, PNG):
        for kind in KINDS:
            for method, plane in planes.items():
                row = found.row(encoding, kind, method)
                groups = (row.noise, row.cats)
                numbers = [f"{value:.3f}" for group in groups for value in vars(group).values()]
                yield [f"{encoding.upper()}, {SAID[kind]}, {plane}", *numbers]
