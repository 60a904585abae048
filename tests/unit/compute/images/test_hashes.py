from __future__ import annotations

import io
from typing import Any

import imagehash
import pytest
from PIL import Image

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import picture
from visdm.compute.images import HASHES, decode, measure

REFERENCE: dict[str, Any] = dict(
    zip(
        HASHES,
        (
            *(imagehash.average_hash, imagehash.phash, imagehash.dhash, imagehash.whash),
            *(imagehash.colorhash, imagehash.crop_resistant_hash),
        ),
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [(kind, channels) for kind in ("PNG", "WEBP") for channels in (1, 3, 4)]
    + [("JPEG", 1), ("JPEG", 3)],
)
def test_hashes_equal_those_of_the_imagehash_library(kind: str, channels: int) -> None:
    file = encoded(picture(channels=channels), kind)
    ours = measure([decode(file)])[0]
    for name, reference in REFERENCE.items():
        assert getattr(ours, name) == str(reference(Image.open(io.BytesIO(file)))), name
