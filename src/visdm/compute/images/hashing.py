"""The six hashes of `imagehash`, of pictures of one size at once and from shared reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.compute.images import hashes
from visdm.compute.images.colours import class_counts, color_hashes
from visdm.compute.images.resampling import reduced
from visdm.compute.images.segments import SEGMENTED, crop_resistant_hash

if TYPE_CHECKING:
    from collections.abc import Collection

    from visdm.compute.images.pixels import Bands


def hashed(bands: Bands, wanted: Collection[str]) -> dict[str, list[str]]:
    """Return the hashes that are wanted, in hex, each as `str` of the library's is."""
    _, height, width = bands.grey.shape
    side = hashes.wavelet_side(width, height)
    sizes = [hashes.AVERAGED, hashes.TRANSFORMED, hashes.COMPARED, (side, side)]
    if "crop_resistant_hash" in wanted:
        sizes.append((SEGMENTED, SEGMENTED))
    averaged, transformed, compared, waved, *segmented = reduced(bands.grey, *sizes)
    found = {
        "average_hash": hashes.average_hashes(averaged),
        "perceptual_hash": hashes.perceptual_hashes(transformed),
        "difference_hash": hashes.difference_hashes(compared),
        "wavelet_hash": hashes.wavelet_hashes(waved),
    }
    if "color_hash" in wanted:
        counts = class_counts(bands.red, bands.green, bands.blue, bands.grey)
        found["color_hash"] = color_hashes(counts)
    for small in segmented:
        pairs = zip(bands.grey, small, strict=True)
        found["crop_resistant_hash"] = [crop_resistant_hash(*pair) for pair in pairs]
    return {name: found[name] for name in wanted}
