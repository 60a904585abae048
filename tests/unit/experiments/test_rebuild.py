"""What the threat model states of metadata, held: attacks stay below, and are no straw men.

`docs/threat-model.md` names these tests beside its claims.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra `metadata`")

from visdm.compute.images import HASHES, HISTOGRAMS, QUALITY, SCHEMA
from visdm.domain.summaries import MIN_GROUP
from visdm.experiments.metadata import attacks, groups, memberships
from visdm.experiments.metadata.columns import cifar, columns, digits, jpeg
from visdm.experiments.metadata.likeness import likeness, psnr, ssim
from visdm.experiments.metadata.posterior import Posterior, functionals

if TYPE_CHECKING:
    from visdm.experiments.metadata.columns import Columns
    from visdm.experiments.metadata.likeness import Likeness

DATA = Path(__file__).parents[3].parent / "shared" / "data"
MOST_PSNR, MOST_SSIM = 21.5, 0.68
"""The bound of docs/threat-model.md, for CIFAR-10."""

KNOWN, VICTIMS, SWEEPS = 800, 80, 80

there = pytest.mark.skipif(
    not (DATA / "cifar10" / "test.parquet").is_file(), reason="needs ../shared/data/cifar10"
)


def silent(_done: int, _total: int) -> None:
    return


@pytest.fixture(scope="module")
def known() -> Columns:
    return columns(cifar(DATA, "train", KNOWN), silent)


@pytest.fixture(scope="module")
def victims() -> Columns:
    return columns(cifar(DATA, "test", VICTIMS), silent)


@pytest.fixture(scope="module")
def best(known: Columns, victims: Columns) -> list[Likeness]:
    """The two attacks that come nearest: in error, and in structure."""
    pictures = Posterior(known).rebuild(victims, np.random.default_rng(1), SWEEPS)
    return [
        likeness(f"{share}", attacks.levelled(pictures, victims, share), victims.pictures)
        for share in (0.5, 1.0)
    ]


def stays_below(rows: list[Likeness]) -> bool:
    return all(row.psnr <= MOST_PSNR and row.ssim <= MOST_SSIM for row in rows)


@there
def test_no_attack_on_the_public_columns_passes_the_stated_bound(
    known: Columns, victims: Columns, best: list[Likeness]
) -> None:
    ridge = likeness("ridge", attacks.ridge(known, victims), victims.pictures)
    nearest = likeness("nearest", attacks.nearest(known, victims), victims.pictures)
    assert stays_below([*best, ridge, nearest])
    assert max(row.ssim99 for row in [*best, ridge]) < 0.85, "nor for the worst-hit images"


@there
def test_the_attacks_are_no_straw_men(
    known: Columns, victims: Columns, best: list[Likeness]
) -> None:
    idle = likeness("mean", attacks.average(known, victims), victims.pictures)
    ridge = likeness("ridge", attacks.ridge(known, victims, only="hashes"), victims.pictures)
    assert max(row.psnr for row in best) > idle.psnr + 6
    assert max(row.ssim for row in best) > max(0.5, ridge.ssim)


@there
def test_a_thumbnail_of_16x16_beside_the_columns_would_break_the_bound(victims: Columns) -> None:
    more = likeness("16x16", attacks.thumbnail(victims, 16), victims.pictures)
    assert not stays_below([more])
    assert more.psnr > MOST_PSNR
    assert more.ssim > MOST_SSIM


@there
def test_what_is_finer_than_eight_cycles_a_side_is_not_recovered(best: list[Likeness]) -> None:
    for row in best:
        assert row.recovered[0] is not None
        assert row.recovered[2] is not None
        assert row.recovered[0] > 0.85
        assert row.recovered[2] < 0.05


@there
def test_hashes_in_the_open_tell_who_has_an_image_whether_it_is_in_the_asset(
    victims: Columns,
) -> None:
    files = cifar(DATA, "test", VICTIMS)[: VICTIMS // 2]
    again = columns([(jpeg(file, 75), label) for file, label in files], silent)
    members, others = victims.rows(slice(len(again))), victims.rows(slice(len(again), None))
    rows = memberships.by_hashes(members, again, others)
    for row in rows:
        assert row.false < 0.05
        assert row.found > (0.95 if row.known_as == "the file" else 0.05)


@there
def test_two_aggregates_of_one_image_more_tell_its_projection(
    known: Columns, victims: Columns
) -> None:
    row = groups.differences(known, victims)[0]
    assert row.projection == 1.0, "a claim of the threat model: rounding does not hide it"
    assert row.levels > 0.9
    assert row.rebuilt.ssim < MOST_SSIM


@there
def test_the_figures_of_ten_images_rebuild_none_of_them(known: Columns, victims: Columns) -> None:
    plain, told = groups.of_groups(known, victims)
    assert told.ssim < plain.ssim + 0.1
    assert told.ssim_most < 0.6


@there
def test_the_figures_of_ten_images_tell_of_some_that_they_are_among_them(
    known: Columns, victims: Columns
) -> None:
    row = memberships.by_figures(known, victims)[0]
    assert row.images == MIN_GROUP
    assert 2 * row.false < row.found < 0.6, "a claim of the threat model, both ways"


def test_no_public_column_is_left_out_of_the_attacks() -> None:
    """A column that is added needs an attack that uses it, and the bound measured again."""
    told = {"class", "projection", *HASHES, *QUALITY, *HISTOGRAMS}
    of_the_file = {"row", "width", "height", "channels", "mode", "bytes"}  # none tells of pixels
    assert set(SCHEMA.names) == told | of_the_file


def test_metadata_of_images_of_8x8_hides_next_to_nothing() -> None:
    pytest.importorskip("sklearn", reason="needs the extra `demo`")
    drawn = columns(digits()[:360], silent)
    known, victims = drawn.rows(slice(300)), drawn.rows(slice(300, None))
    rebuilt = Posterior(known).rebuild(victims, np.random.default_rng(1), SWEEPS)
    found = likeness("sampling", rebuilt, victims.pictures)
    assert found.recovered[0] is not None
    assert found.recovered[0] > 0.8


def test_likeness_knows_the_same_picture_and_a_worse_one() -> None:
    random = np.random.default_rng(2)
    pictures = random.integers(0, 256, (3, 32, 32, 3))
    noisy = pictures + random.normal(0, 40, pictures.shape)
    assert np.allclose(ssim(pictures, pictures), 1)
    assert (psnr(pictures, pictures) > 58).all()
    assert (ssim(noisy, pictures) < 0.99).all()
    assert np.allclose(psnr(pictures + 10, pictures), 20 * np.log10(25.5))


@there
@pytest.mark.parametrize("place", range(4))
def test_the_attacker_knows_what_each_hash_is_made_of(victims: Columns, place: int) -> None:
    """Else the strongest attack would be weaker than it claims: 97 in 100 bits follow."""
    pixels = victims.pictures.reshape(len(victims), -1)
    values = (pixels @ functionals(32).T)[:, 16:].reshape(len(victims), 4, 64)[:, place]
    threshold = np.median(values, axis=1, keepdims=True) if place in {1, 3} else 0
    bits = victims.bits.reshape(len(victims), 4, 64)[:, place] > 0
    assert ((values > threshold) == bits).mean() > 0.97
