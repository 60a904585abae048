from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visdm.compute import buckets
from visdm.compute.duplicates import (
    NARROW,
    WIDE,
    Hashes,
    against,
    against_in_pool,
    similar,
    within,
)
from visdm.compute.pools import open_pool


def pictures(count: int, seed: int = 0, *, plain: bool = False, flat: bool = False) -> Hashes:
    """Return random pictures, none like another."""
    source = np.random.default_rng(seed)
    return Hashes(
        bits=source.integers(0, 2**64, (count, 4), dtype=np.uint64),
        luma=source.integers(-90, 90, (count, 10)).astype(np.int16),
        greys=source.integers(-500, 500, (count, 16)).astype(np.int16),
        plain=np.full(count, plain),
        flat=np.full(count, flat),
        exact=source.integers(0, 2**64, count, dtype=np.uint64),
    )


def altered(hashes: Hashes, distances: np.ndarray, seed: int = 1) -> Hashes:
    """Return the pictures with so many of the first 128 bits turned, and digests of their own."""
    source = np.random.default_rng(seed)
    bits = hashes.bits.copy()
    for row, distance in enumerate(distances):
        for bit in source.choice(128, int(distance), replace=False).tolist():
            bits[row, bit // 64] ^= np.uint64(1 << (bit % 64))
    exact = source.integers(0, 2**64, len(bits), dtype=np.uint64)
    own = hashes.take(np.arange(len(bits)))
    return replace(own, bits=bits, exact=exact)


def slow(hashes: Hashes) -> list[int]:
    """Compare every row with every earlier one."""
    found = []
    forms = [hashes, hashes.mirrored()]
    for row in range(len(hashes)):
        before = hashes.take(np.arange(row))
        near = (before.bits == hashes.bits[row]).all(axis=1) & (before.exact == hashes.exact[row])
        for form in forms if not hashes.flat[row] else []:
            same = form.take(np.full(row, row))
            near |= similar(same, before) & ~before.flat
        found.append(int(np.argmax(near)) if near.any() else -1)
    return found


def test_every_copy_up_to_the_reach_is_found_and_nothing_else() -> None:
    known = pictures(3_000)
    distances = np.arange(320) % (WIDE.reach + 1)
    copies = altered(known.take(np.arange(1_000, 1_320)), distances)
    strangers = pictures(500, seed=5)
    found = against(Hashes.joined([copies, strangers]), known)
    assert found.tolist() == [*range(1_000, 1_320), *[-1] * 500]


def test_a_copy_past_the_reach_is_not_found() -> None:
    known = pictures(200)
    far = altered(known, np.full(200, WIDE.reach + 1))
    assert (against(far, known) == -1).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_the_search_finds_what_comparing_all_pairs_finds(seed: int, count: int) -> None:
    source = np.random.default_rng(seed)
    few = pictures(max(1, count // 6), seed)
    drawn = few.take(source.integers(0, len(few), count))
    mixed = altered(drawn, source.integers(0, 12, count), seed)
    mixed.bits[:, 2:] ^= source.integers(0, 2, (count, 2), dtype=np.uint64)
    mixed.flat[source.random(count) < 0.2] = True
    mixed.plain[source.random(count) < 0.5] = True
    twice = Hashes.joined([mixed, mixed.take(source.permutation(count)[: count // 3])])
    assert within(twice).tolist() == slow(twice)
    assert within(twice.take(slice(0, 0))).tolist() == []


def test_a_row_names_the_earliest_it_repeats() -> None:
    one = pictures(1)
    line = Hashes.joined([pictures(3, seed=2), one, altered(one, np.array([3])), one])
    assert within(line).tolist() == [-1, -1, -1, -1, 3, 3]


def test_mirrored_copies_are_found_unless_not_asked_for() -> None:
    known = pictures(300)
    turned = altered(known, np.full(300, 4)).mirrored()
    assert against(turned, known).tolist() == list(range(300))
    assert (against(turned, known, mirror=False) == -1).all()


def test_turning_twice_changes_nothing() -> None:
    once = pictures(50)
    twice = once.mirrored().mirrored()
    assert (twice.bits == once.bits).all()
    assert (twice.luma == once.luma).all()


def test_flat_pictures_match_only_what_is_identical_in_every_column() -> None:
    flat = pictures(4, flat=True)
    near = altered(flat, np.zeros(4))
    assert (against(near, flat) == -1).all()
    assert against(flat, flat).tolist() == [0, 1, 2, 3]


def test_plain_pictures_have_a_narrower_reach_unless_one_of_them_is_not_plain() -> None:
    plain = pictures(1, plain=True)
    near = altered(plain, np.array([NARROW.reach]))
    further = altered(plain, np.array([NARROW.reach + 1]))
    assert against(near, plain).tolist() == [0]
    assert against(further, plain).tolist() == [-1]
    further.plain[:] = False
    assert against(further, plain).tolist() == [0]


@pytest.mark.parametrize("column", ["luma", "greys", "coarse"])
def test_hashes_that_agree_by_chance_do_not_make_a_copy(column: str) -> None:
    known = pictures(1)
    other = altered(known, np.array([2]))
    if column == "luma":
        other.luma[0, 1:] *= -1
    elif column == "greys":
        other.greys[0] += int(WIDE.greys * 256) + 1
    else:
        other.bits[0, 2:] = ~other.bits[0, 2:]
    assert against(other, known).tolist() == [-1]


def test_a_crowd_of_look_alikes_does_not_go_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    keep = buckets._Chunk._compare

    def counting(self: buckets._Chunk, rows: np.ndarray, others: np.ndarray, *rest: object) -> bool:
        nonlocal compared
        compared += len(rows) * len(others)
        return keep(self, rows, others, *rest)  # type: ignore[arg-type] # passed on as it came

    monkeypatch.setattr(buckets._Chunk, "_compare", counting)
    count = 20_000
    alike = pictures(1).take(np.zeros(count, dtype=np.int64))
    crowd = altered(alike, np.random.default_rng(0).integers(1, 5, count))
    found = within(crowd, mirror=False)
    assert found[0] == -1
    assert (found[1:] >= 0).all()
    assert (found[1:] < np.arange(1, count)).all()
    assert compared < count * count / 4


def test_a_bucket_past_the_limit_compares_the_earliest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "LIMIT", 1)
    monkeypatch.setattr(buckets, "_MATRIX", 1 << 8)
    known = pictures(4_000)
    known.bits[:, 0] = 0  # four chunks that all share: nothing is told apart there
    copies = altered(known, np.zeros(4_000))
    found = against(copies, known, mirror=False)
    assert found.tolist() == list(range(4_000))


def test_nothing_is_like_nothing() -> None:
    none = pictures(3).take(slice(0, 0))
    assert within(none).tolist() == []
    assert against(pictures(3), none).tolist() == [-1, -1, -1]
    assert against(none, pictures(3)).tolist() == []


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_a_search_cut_into_parts_finds_the_same(parts: int) -> None:
    known = pictures(500)
    asked = Hashes.joined(
        [altered(known.take(slice(100, 105)), np.full(5, 9)), pictures(5, seed=9)]
    )
    with open_pool(2) as pool:
        found = against_in_pool(pool, asked, known, parts)
        nothing = against_in_pool(pool, asked.take(slice(0, 0)), known, parts)
    assert found.tolist() == against(asked, known).tolist() == [*range(100, 105), *[-1] * 5]
    assert nothing.tolist() == []
