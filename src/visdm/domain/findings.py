"""Findings: what a computation found of a job, as its report says it.

They follow from the job's terms and the checked answer alone, so whoever computes it again can
compare them word for word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.copies import contributing
from visdm.domain.jobs import equal_parts, shares
from visdm.domain.reports import values_of
from visdm.domain.values import SHAPLEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from visdm.domain.answers import Trained
    from visdm.domain.rounds import Terms
    from visdm.domain.testing import Measured


@dataclass(frozen=True)
class Findings:
    """Fields of a `Report`, under their names there."""

    validation: int
    utilities: tuple[tuple[tuple[int, ...], int], ...]
    values: Mapping[int, str]
    shares: tuple[int, ...]
    metrics: Mapping[str, float]
    classes: tuple[str, ...]
    kept: Mapping[int, int]
    left_out: Mapping[int, Mapping[int, int]]
    correct: int
    by_asset: Mapping[int, int]


def of_training(terms: Terms, trained: Trained, classes: tuple[str, ...]) -> Findings:
    """Return what a training job found: its values by the method that owners agreed to."""
    values: dict[int, Fraction] = {}
    if terms.method == SHAPLEY:
        values = values_of(trained.utilities, trained.validation)
        parts = shares(values)
    else:
        earning = contributing(trained.kept)
        parts = dict(zip(earning, equal_parts(len(earning)), strict=True))
    return Findings(
        validation=trained.validation,
        utilities=trained.utilities,
        values={asset: str(value) for asset, value in values.items()},
        shares=tuple(parts.get(asset, 0) for asset in terms.assets),
        metrics=trained.metrics,
        classes=classes,
        kept=trained.kept,
        left_out=trained.left_out,
        correct=0,
        by_asset={},
    )


def of_test(terms: Terms, measured: Measured, classes: tuple[str, ...]) -> Findings:
    """Return what a test job found: equal shares of all its assets, as the chain has it."""
    earning = sorted(measured.kept)
    parts = dict(zip(earning, equal_parts(len(earning)), strict=True))
    return Findings(
        validation=0,
        utilities=(),
        values={},
        shares=tuple(parts.get(asset, 0) for asset in terms.assets),
        metrics=measured.metrics,
        classes=classes,
        kept=measured.kept,
        left_out=measured.left_out,
        correct=measured.correct,
        by_asset=measured.by_asset,
    )
