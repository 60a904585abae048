"""Which pictures are near-duplicates of others: the rule, and the search over millions.

Compared are public columns alone, so that whoever has two tables comes to the same answer. The
**rule**, chosen by measuring (ADR 14, `visdm experiment metadata duplicates`): of the 128 bits of
difference and perceptual hash together at most `WIDE.reach` differ, and of those of average and
wavelet hash `WIDE.coarse`; the luma projections point the same way; and the quantiles of the
greys, brightness and contrast taken out, are on average no further apart than `WIDE.greys`
standard deviations. Two *plain* pictures (drawings, digits, thumbnails of 8x8) look alike without
being copies: for them `NARROW` holds. A *flat* one says nothing, and matches only what is identical
in every column.

The **search** is multi-index hashing (Norouzi, Punjani and Fleet 2012): the 128 bits are cut into
eight chunks of 16. Of 14 differing bits (15 would do) some chunk has at most one, so comparing
within buckets of a chunk and the 16 buckets a bit away finds every pair. Identical rows are one
row to the search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from visdm.compute.buckets import earliest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from visdm.compute.pools import Pool

    Indices = NDArray[np.int64]

HASHES = ("difference_hash", "perceptual_hash", "average_hash", "wavelet_hash")
"""Columns in the order of `Hashes.bits`."""


@dataclass(frozen=True)
class Bounds:
    """What two near-duplicates differ by at most: bits of 128, bits of 128, deviations.

    `cosine` is the least between their luma projections without the means.
    """

    reach: int
    coarse: int
    greys: float
    cosine: float


WIDE = Bounds(reach=14, coarse=40, greys=0.25, cosine=0.75)
NARROW = Bounds(reach=6, coarse=8, greys=0.05, cosine=0.996)

PLAIN, PLAIN_GREY = 4.0, 6.0
"""Bits of entropy under which a picture is plain: any one, and one without colour."""
COLOURLESS = 8.0
"""Colorfulness under which a picture is without colour."""
FLAT = 4.0
"""Contrast under which a picture is flat."""

LEVELS = 16
"""Quantiles of the greys that are kept, in steps of 1 / `GREY_STEPS` standard deviation."""
GREY_STEPS = 256

LUMA = 10
"""Coefficients of a projection that are luma; the first is its mean."""

_ODD = (1, 4, 6, 8)
"""Those of them with an odd number of half-waves from left to right: they turn with a mirror."""
_ODD_COLUMNS = np.uint64(0x5555555555555555)


@dataclass(frozen=True)
class Hashes:
    """What pictures are compared by; each array has a row per picture.

    `bits`, uint64 (n, 4): the hashes named in `HASHES`. `luma`, int16 (n, 10). `greys`, int16
    (n, `LEVELS`): standardised quantiles. `plain` and `flat`, bool (n,). `exact`, uint64 (n,): a
    digest of every column, equal where all columns are.
    """

    bits: NDArray[np.uint64]
    luma: NDArray[np.int16]
    greys: NDArray[np.int16]
    plain: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    exact: NDArray[np.uint64]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.bits)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Hashes:
        """Return the chosen pictures."""
        return Hashes(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def mirrored(self) -> Hashes:
        """Return what the pictures would give turned left to right, up to ties.

        Rows of average and wavelet hash are read backwards, those of the difference hash too and
        each bit is the other way round; of perceptual hash and projection the odd columns turn.
        """
        turned = _backwards(self.bits)
        turned[:, 0] = ~turned[:, 0]
        turned[:, 1] = self.bits[:, 1] ^ _ODD_COLUMNS
        luma = self.luma.copy()
        luma[:, _ODD] = -luma[:, _ODD]
        return replace(self, bits=turned, luma=luma)

    @classmethod
    def joined(cls, parts: Sequence[Hashes]) -> Hashes:
        """Return the pictures of all parts, in order."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__dataclass_fields__
            )
        )


def quantiles(histogram: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return standardised quantiles, int16 (n, `LEVELS`), of counts of greys, (n, 256)."""
    reached = np.cumsum(histogram, axis=1, dtype=np.int64)
    total = reached[:, -1:]
    levels = np.empty((len(histogram), LEVELS))
    for place in range(LEVELS):
        # Whole numbers only, so that every machine finds the same level.
        levels[:, place] = (reached * (2 * LEVELS) < total * (2 * place + 1)).sum(axis=1)
    levels -= levels.mean(axis=1, keepdims=True)
    levels /= np.maximum(levels.std(axis=1, keepdims=True), 1)
    return np.rint(levels * GREY_STEPS).astype(np.int16)


def within(hashes: Hashes, *, mirror: bool = True) -> Indices:
    """Return for each row the earliest earlier row that it near-duplicates, or -1.

    Deterministic. Loses nothing but in buckets past `buckets.LIMIT` (see there).
    """
    whole = np.arange(len(hashes))
    first = _first_of_each(hashes)
    heads = whole[first == whole]
    unique = hashes.take(heads)
    best = _search(unique, unique, earlier=True, mirror=mirror)
    # A row repeats its head, or what its head repeats.
    found = np.where(best >= 0, heads[best], heads)
    of_row = found[np.searchsorted(heads, first)]
    return np.where(of_row < whole, of_row, -1)


def against(query: Hashes, reference: Hashes, *, mirror: bool = True) -> Indices:
    """Return for each row of `query` the earliest row of `reference` that it copies, or -1."""
    if not len(query) or not len(reference):
        return np.full(len(query), -1, dtype=np.int64)
    both = Hashes.joined([reference, query])
    first = _first_of_each(both)
    known, asked = first[: len(reference)], first[len(reference) :]
    heads = np.flatnonzero(known == np.arange(len(reference)))
    same = np.where(asked < len(reference), asked, -1)
    wanted = np.unique(asked)
    best = _search(both.take(wanted), reference.take(heads), earlier=False, mirror=mirror)
    near = np.where(best >= 0, heads[best], -1)[np.searchsorted(wanted, asked)]
    return np.where(same < 0, near, np.where(near < 0, same, np.minimum(near, same)))


def against_in_pool(pool: Pool, query: Hashes, reference: Hashes, parts: int) -> Indices:
    """Return what `against` does, the query cut into so many parts, each a batch of `pool`."""
    cuts = np.array_split(np.arange(len(query)), parts)
    batches = ((query.take(rows), reference) for rows in cuts if len(rows))
    return np.concatenate([np.empty(0, np.int64), *pool.map(_against_batch, batches)])


def _against_batch(batch: tuple[Hashes, Hashes]) -> Indices:
    return against(*batch)


def _search(query: Hashes, reference: Hashes, *, earlier: bool, mirror: bool) -> Indices:
    """Return for each row the earliest near row of `reference`, or -1; flat rows have none."""
    rows = np.flatnonzero(~query.flat)
    others = np.flatnonzero(~reference.flat)
    sought, known = query.take(rows), reference.take(others)
    best = np.full(len(query), len(reference), dtype=np.int64)
    for form in [sought, sought.mirrored()] if mirror else [sought]:
        rule = partial(_alike, form, known)
        found = earliest(form.bits, known.bits, WIDE.reach, rule, earlier=earlier)
        hit = found >= 0
        best[rows[hit]] = np.minimum(best[rows[hit]], others[found[hit]])
    return np.where(best < len(reference), best, -1)


def _alike(query: Hashes, reference: Hashes, a: Indices, b: Indices) -> NDArray[np.bool_]:
    return similar(query.take(a), reference.take(b))


def similar(one: Hashes, other: Hashes) -> NDArray[np.bool_]:
    """Return for each place whether the two pictures there are near-duplicates by the rule."""
    apart = np.bitwise_count(one.bits ^ other.bits).astype(np.int64)
    fine, coarse = apart[:, 0] + apart[:, 1], apart[:, 2] + apart[:, 3]
    greys = np.abs(one.greys.astype(np.int64) - other.greys).sum(axis=1)
    mine, theirs = one.luma[:, 1:LUMA].astype(np.int64), other.luma[:, 1:LUMA].astype(np.int64)
    along = (mine * theirs).sum(axis=1)
    length = np.sqrt((mine * mine).sum(axis=1) * (theirs * theirs).sum(axis=1))
    plain = one.plain & other.plain

    def bound(name: str) -> NDArray[np.float64]:
        chosen: NDArray[np.float64] = np.where(plain, getattr(NARROW, name), getattr(WIDE, name))
        return chosen

    near: NDArray[np.bool_] = (
        (fine <= bound("reach"))
        & (coarse <= bound("coarse"))
        & (greys <= bound("greys") * LEVELS * GREY_STEPS)
        & (along >= bound("cosine") * length)
        & (length > 0)  # without a direction there is nothing that agrees
    )
    return near


def _first_of_each(hashes: Hashes) -> Indices:
    """Return for each row the first row that is identical to it in every column."""
    order = np.lexsort((hashes.exact, *hashes.bits.T))
    rows = np.column_stack([hashes.bits, hashes.exact])[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    heads = order[new]  # lexsort is stable: the first of a run is its earliest row
    first = np.empty(len(order), dtype=np.int64)
    first[order] = heads[np.cumsum(new) - 1]
    return first


def _backwards(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of 8x8 bits with each row, which is a byte, read from its end."""
    turned = bits.copy()
    for shift, mask in ((1, 0x55), (2, 0x33), (4, 0x0F)):
        low = np.uint64(int.from_bytes(bytes([mask]) * 8, "big"))
        step = np.uint64(shift)
        turned = ((turned & low) << step) | ((turned >> step) & low)
    return turned
