"""Multi-index hashing over two 64-bit hashes (Norouzi, Punjani and Fleet 2012).

Pairs whose 128 bits differ in at most 15 places agree, in one of eight chunks of 16 bits, but for
one bit at most. So the rows are sorted by a chunk, and each bucket is compared with the 17 whose
chunk is at most one bit away, as one matrix; eight times, once for each chunk.

A bucket that a set of look-alikes fills is compared row by row of the reference, the
earliest first, and whoever has found its match leaves: a million variants of one picture all match
the first. Only where many rows share a chunk and match nothing, past `LIMIT` comparisons in one
bucket, are the latest rows of the reference left out there; a pair is lost when that happens
in each of the chunks that it shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Bits = NDArray[np.uint64]
    Indices = NDArray[np.int64]
    Rule = Callable[[Indices, Indices], NDArray[np.bool_]]
    """Says of pairs, rows of the query and of the reference, which are near-duplicates."""

CHUNKS, WIDTH = 8, 16
MOST_REACH = 2 * CHUNKS - 1

LIMIT = 1 << 28
"""Comparisons within one bucket of a chunk."""
LEAST = 64
"""Rows of the reference that are compared in any bucket."""

_MATRIX = 1 << 20
"""Comparisons at once: bounds memory, and fits caches."""
_CROWD = 1 << 12
"""Pairs in one matrix that may match, from which on rows leave as they match."""
_CHECKED = 1 << 16
"""Pairs that are gathered before the rule looks at them."""

_FLIPS = np.array([0, *(1 << bit for bit in range(WIDTH))])


def earliest(
    query: Bits, reference: Bits, reach: int, rule: Rule, *, earlier: bool = False
) -> Indices:
    """Return for each row of `query` the earliest near row of `reference`, or -1.

    Both are (n, at least 2); the first two columns are searched by. `reach` is how many of their
    128 bits may differ, at most `MOST_REACH`. With `earlier` a row matches only what stands
    before it. Memory: 34 bytes a row beside `_MATRIX` and the pairs being checked.
    """
    if not 0 <= reach <= MOST_REACH:
        raise ValueError(f"a reach is 0 to {MOST_REACH}")
    best = np.full(len(query), len(reference), dtype=np.int64)
    if len(query) and len(reference):
        for chunk in range(CHUNKS):
            _Chunk(query, reference, chunk, reach, rule, best, earlier=earlier).search()
    return np.where(best < len(reference), best, -1)


class _Sorted:
    """Rows in the order of one chunk, and where each of its 65,536 buckets begins."""

    def __init__(self, bits: Bits, chunk: int) -> None:
        column, place = divmod(chunk, CHUNKS // 2)
        shift = np.uint64(WIDTH * place)
        keys = (bits[:, column] >> shift).astype(np.uint16)
        self.order = np.argsort(keys, kind="stable")
        counts = np.bincount(keys, minlength=1 << WIDTH)
        self.ends = np.concatenate([[0], np.cumsum(counts)])
        # The perceptual hash is the more even one: it says sooner that two differ.
        self.fine = np.ascontiguousarray(bits[self.order, 1])
        self.full = np.flatnonzero(counts)


class _Chunk:
    """The search through the buckets of one chunk; it lowers `best` where it finds a match."""

    def __init__(
        self,
        query: Bits,
        reference: Bits,
        chunk: int,
        reach: int,
        rule: Rule,
        best: Indices,
        *,
        earlier: bool,
    ) -> None:
        self._query, self._reference = _Sorted(query, chunk), _Sorted(reference, chunk)
        self._coarse = query[:, 0], reference[:, 0]
        self._fine = query[:, 1], reference[:, 1]
        self._reach, self._rule, self._best, self._earlier = reach, rule, best, earlier
        self._pairs: list[tuple[Indices, Indices]] = []
        self._waiting = 0

    def search(self) -> None:
        """Compare every bucket with its neighbours."""
        small, large = self._query, self._reference
        swapped = len(small.full) > len(large.full)
        if swapped:
            small, large = large, small
        for bucket, near in self._neighbours(small, large):
            own = slice(small.ends[bucket], small.ends[bucket + 1])
            asked, known = (near, own) if swapped else (own, near)
            rows, others = self._query.order[asked], self._reference.order[known]
            mine, theirs = self._query.fine[asked], self._reference.fine[known]
            small_enough = len(rows) * len(others) <= _MATRIX
            if not (small_enough and self._compare(rows, others, mine, theirs)):
                self._compare_many(rows, others)
        self._check()

    def _neighbours(self, small: _Sorted, large: _Sorted) -> Iterator[tuple[int, Indices]]:
        """Yield each bucket of `small` with the places in `large` of rows at most one bit away."""
        starts, ends = large.ends[:-1], large.ends[1:]
        for bucket in small.full.tolist():
            near = bucket ^ _FLIPS
            lows, highs = starts[near], ends[near]
            lengths = highs - lows
            total = int(lengths.sum())
            if total:
                shift = np.repeat(lows - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
                yield bucket, shift + np.arange(total)

    def _compare(self, rows: Indices, others: Indices, mine: Bits, theirs: Bits) -> bool:
        """Keep the pairs that may match; return False, keeping none, where they are too many."""
        apart = np.bitwise_count(mine[:, None] ^ theirs[None, :])
        places = np.flatnonzero(apart.ravel() <= self._reach)
        if len(places) > _CROWD and len(others) > 1:
            return False
        if len(places):
            a, b = np.divmod(places, len(others))
            self._pairs.append((rows[a], others[b]))
            self._waiting += len(places)
            if self._waiting >= _CHECKED:
                self._check()
        return True

    def _compare_many(self, rows: Indices, others: Indices) -> None:
        """Compare a crowd with the reference in blocks that grow; a row that matched leaves."""
        others = np.sort(others)[: max(LEAST, LIMIT // len(rows))]
        start, size = 0, 1
        while start < len(others) and len(rows):
            block = others[start : start + size]
            # What is known already is earlier than anything in this block, or in a later one.
            rows = rows[self._best[rows] > block[0]]
            if self._earlier:
                rows = rows[rows > block[0]]
            kept = self._compare_block(rows, block)
            start, size = (start + size, min(2 * size, LEAST)) if kept else (start, 1)

    def _compare_block(self, rows: Indices, block: Indices) -> bool:
        for first in range(0, len(rows), _MATRIX // LEAST):
            part = rows[first : first + _MATRIX // LEAST]
            if not self._compare(part, block, self._fine[0][part], self._fine[1][block]):
                self._check()
                return False
        self._check()
        return True

    def _check(self) -> None:
        """Hold the pairs that were kept against the rule, and note the earliest matches."""
        if not self._pairs:
            return
        rows = np.concatenate([pair[0] for pair in self._pairs])
        others = np.concatenate([pair[1] for pair in self._pairs])
        self._pairs, self._waiting = [], 0
        likely = others < self._best[rows]
        if self._earlier:
            likely &= others < rows
        rows, others = rows[likely], others[likely]
        apart = np.bitwise_count(self._coarse[0][rows] ^ self._coarse[1][others])
        apart += np.bitwise_count(self._fine[0][rows] ^ self._fine[1][others])
        likely = apart <= self._reach
        rows, others = rows[likely], others[likely]
        if len(rows):
            near = self._rule(rows, others)
            np.minimum.at(self._best, rows[near], others[near])
