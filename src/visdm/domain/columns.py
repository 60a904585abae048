"""What each column of the per-image table means (DESIGN section 7): one line a column.

The page, the Croissant document and docs/metadata.md say the same of them, from here. A test
holds them against the table that `visdm.compute.images` makes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: `kind` is its type in Croissant, `length` that of its lists (0: no list)."""

    name: str
    kind: str
    unit: str
    meaning: str
    length: int = 0


_TEXT, _BYTE, _WORD, _WHOLE, _LONG, _REAL = (
    *("sc:Text", "cr:Int8", "cr:Int16", "cr:Int32", "cr:Int64", "cr:Float32"),
)
_HASH = "hex, as the imagehash library writes it"

PATH = Column("path", _TEXT, "", "where the file lies under the source, with / between folders")
ROW = Column("row", _WHOLE, "", "the image's place in the package, from 0")

MEASURED = (
    Column("width", _WHOLE, "pixels", "width as the file has it, its EXIF orientation aside"),
    Column("height", _WHOLE, "pixels", "height, likewise"),
    Column(
        "channels", _BYTE, "bands", "bands as decoded: 1 grey or palette, 3 colour, 4 with more"
    ),
    Column("mode", _TEXT, "", "Pillow's name of the pixel format, such as L, RGB or CMYK"),
    Column("bytes", _LONG, "bytes", "size of the file"),
    Column("class", _TEXT, "", "the class that its owner gave it; empty where there is none"),
    Column("brightness", _REAL, "grey levels", "mean of the grey image, 0 black to 255 white"),
    Column("contrast", _REAL, "grey levels", "standard deviation of the grey image"),
    Column(
        "sharpness",
        _REAL,
        "squared grey levels",
        "variance of the grey image's 4-neighbour Laplacian; blur makes it small",
    ),
    Column("entropy", _REAL, "bits", "entropy of the grey histogram, 0 (one grey) to 8"),
    Column(
        "colorfulness",
        _REAL,
        "levels",
        "how colourful it looks: Hasler and Suesstrunk 2003; 0 is grey",
    ),
    Column(
        "noise",
        _REAL,
        "grey levels",
        "standard deviation of its noise as Immerkaer 1996 estimates it; fine texture counts too",
    ),
    Column("compression", _REAL, "bits per pixel", "8 x bytes / (width x height)"),
    Column("average_hash", _TEXT, _HASH, "64 bits: an 8x8 grey picture against its mean"),
    Column("perceptual_hash", _TEXT, _HASH, "64 bits: its lowest cosine frequencies"),
    Column("difference_hash", _TEXT, _HASH, "64 bits: each of 9x8 greys against its neighbour"),
    Column("wavelet_hash", _TEXT, _HASH, "64 bits: its Haar wavelet coefficients"),
    Column("color_hash", _TEXT, _HASH, "42 bits: shares of black, grey and hues"),
    Column(
        "crop_resistant_hash",
        _TEXT,
        _HASH,
        "a difference hash for each large segment, with commas between them",
    ),
    Column("histogram", _WHOLE, "pixels", "how many have each of the 256 greys", 256),
    Column("histogram_red", _WHOLE, "pixels", "how many have each of the 256 reds", 256),
    Column("histogram_green", _WHOLE, "pixels", "how many have each of the 256 greens", 256),
    Column("histogram_blue", _WHOLE, "pixels", "how many have each of the 256 blues", 256),
    Column(
        "projection",
        _WORD,
        "steps of 16",
        "coarsest cosine coefficients of the image at 8x8: ten of luma, three of each colour",
        16,
    ),
)

OFFLINE = (PATH, *MEASURED)
"""What `visdm metadata` writes."""

PUBLISHED = (ROW, *MEASURED)
"""What a provider publishes of an asset whose owner discloses all."""
