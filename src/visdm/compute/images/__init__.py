"""Images: decoding them safely, measuring them, fingerprinting them (DESIGN section 7).

What is measured of an image is one row of a table, whose columns `SCHEMA` names:

- its size, bands and mode as decoded;
- `QUALITY`: scalars of its greys and colours (`visdm.compute.images.quality`);
- `HASHES`: six perceptual hashes, equal to those of the `imagehash` library in every bit;
- `HISTOGRAMS`: how many pixels have each grey and each red, green and blue;
- `projection`: the coarsest cosine coefficients, named by `BASIS`. The basis is fixed, so
  that images of different assets can be compared.
"""

from __future__ import annotations

from visdm.compute.columns import HASHES, HISTOGRAMS, QUALITY, SCHEMA
from visdm.compute.images.decoding import (
    UnusableImageError,
    converted,
    decode,
    fingerprint,
    upright,
)
from visdm.compute.images.measuring import Measures, measure, record
from visdm.compute.images.projection import BASIS, SIDE, STEP, WAVES, project

__all__ = [
    "BASIS",
    "HASHES",
    "HISTOGRAMS",
    "QUALITY",
    "SCHEMA",
    "SIDE",
    "STEP",
    "WAVES",
    "Measures",
    "UnusableImageError",
    "converted",
    "decode",
    "fingerprint",
    "measure",
    "project",
    "record",
    "upright",
]
