"""The columns of the per-image table, apart from what measures them: reading one needs no more."""

from __future__ import annotations

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

QUALITY = (
    *("brightness", "contrast", "sharpness", "entropy", "colorfulness", "noise"),
    "compression",
)
"""The last, bits per pixel of the file, is not of the pixels."""

HASHES = (
    *("average_hash", "perceptual_hash", "difference_hash", "wavelet_hash"),
    *("color_hash", "crop_resistant_hash"),
)

HISTOGRAMS = ("histogram", "histogram_red", "histogram_green", "histogram_blue")

SCHEMA = pa.schema(
    [
        ("row", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("channels", pa.int8()),
        ("mode", pa.string()),
        ("bytes", pa.int64()),
        ("class", pa.string()),
        *((name, pa.float32()) for name in QUALITY),
        *((name, pa.string()) for name in HASHES),
        *((name, pa.list_(pa.int32())) for name in HISTOGRAMS),
        ("projection", pa.list_(pa.int16())),
    ]
)
"""A row per image; offline, `path` (string) stands in place of `row`."""
