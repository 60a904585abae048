"""What a package says of itself (DESIGN section 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from visdm.domain.regimes import Regime

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE_COLUMN = "image"
LABEL_COLUMN = "label"
NAME_KEY = "visdm.name"
"""Key of the package's name in the Parquet schema's metadata."""

DISCLOSURE_KEY = "visdm.disclosure"
"""Key, beside the name's, of what its owner lets a provider publish; without it, all."""

MODEL_FILE = "visdm.toml"
VALIDATION_FILE = "validation.parquet"
WEIGHTS_FILE = "weights.safetensors"
"""Of a model package: the weights that a test job measures; none where it only trains."""

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAX_CLASSES = 10_000
MAX_PIXELS = 178_956_970
"""Pixels of one image: above it a small file may be a decompression bomb (as Pillow's limit)."""


class Disclosure(StrEnum):
    """What of its images' metadata an owner lets a provider publish (ADR 13).

    `FULL` is a row per image and the summary, `AGGREGATE` a summary of groups of images alone.
    It stands in the package, so that it is the owner's word and part of the digest.
    """

    FULL = "full"
    AGGREGATE = "aggregate"


@dataclass(frozen=True)
class DataSummary:
    """A data package: `digest` is the SHA-256 of its bytes, in hex, a secret of owner and
    provider until the owner says otherwise (who has the images can compute it). `stripped`
    counts the images that lost personal metadata when it was built, of which it says nothing.
    """

    name: str
    samples: int
    classes: tuple[str, ...]
    digest: str
    size: int
    stripped: int = field(default=0, compare=False)
    disclosure: Disclosure = Disclosure.FULL


@dataclass(frozen=True)
class ModelSummary:
    """A model package: `config` is its whole `visdm.toml`, `validation` the samples it brings,
    `weights` whether it brings any.

    `regime` is how it trains, `epsilon` what a private one states (thousandths), otherwise 0: its
    owner declares both on the chain.
    """

    name: str
    config: Mapping[str, Any]
    validation: int
    digest: str
    size: int
    regime: Regime = Regime.LOOP
    epsilon: int = 0
    weights: bool = False
