"""Maps for the tests of pictures."""

from __future__ import annotations

import numpy as np

from visdm.domain.maps import PCA, TSNE, Centre, Map, Point
from visdm.pictures.scene import Scene

NASTY = "</script><script>alert(1)</script>"
DOLLARS = r"$\frac{1}{$ _x"


def scene(count: int = 30, classes: tuple[str, ...] = ("cat", "dog"), assets: int = 2) -> Scene:
    chance = np.random.default_rng(1)
    points = tuple(
        Point(
            asset=k % assets + 1,
            row=k,
            label=classes[k % len(classes)],
            places={
                name: (float(x), float(y)) for name, (x, y) in zip((PCA, TSNE), at, strict=True)
            },
        )
        for k, at in enumerate(chance.normal(size=(count, 2, 2)))
    )
    found = Map(
        points,
        (PCA, TSNE),
        centres=(Centre(assets + 1, classes[0], 25, (0.5, 0.5)),),
        explained=(0.4, 0.2),
        leading=(("noise", "-entropy"), ("brightness",)),
        drawn=dict.fromkeys(range(1, assets + 1), (count // assets, 1000)),
        left_out={99: "its table is damaged"},
    )
    return Scene("Two assets by public metadata", found, {1: "asset 1 of alice"})
