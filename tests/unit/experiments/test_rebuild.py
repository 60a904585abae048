"""What the threat model states of metadata, held: attacks stay below, and are no straw men.

`docs/threat-model.md` names these tests beside its claims.
"""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from PIL import Image

pytest.importorskip("scipy", reason="needs the extra `metadata`")

from memory.pictures import picture
from visdm.compute.images import HASHES, HISTOGRAMS, QUALITY, SCHEMA
from visdm.domain.summaries import MIN_GROUP
from visdm.errors import FolderError, InputError
from visdm.experiments.metadata import attacks, groups, memberships, nearness, rebuild
from visdm.experiments.metadata.columns import SQUARE, cifar, columns, digits, jpeg
from visdm.experiments.metadata.likeness import likeness, psnr, ssim
from visdm.experiments.metadata.posterior import Posterior, functionals

if TYPE_CHECKING:
    from collections.abc import Callable

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


def drawn(number: int) -> Columns:
    """Return drawn pictures of 16x16 in four classes: no data is needed for them."""
    chance, files = np.random.default_rng(3), []
    for place in range(number):
        coarse = chance.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((16, 16), Image.Resampling.BICUBIC).save(file, "PNG")
        files.append((file.getvalue(), "abcd"[place % 4]))
    return columns(files, silent)


def joined(first: Columns, second: Columns) -> Columns:
    """Return the images of both."""
    parts = {
        field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
        for field in fields(first)
        if field.name != "labels"
    }
    return replace(first, labels=(*first.labels, *second.labels), **parts)


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
    rows = {row.test: row for row in memberships.by_figures(known, victims)}
    row = rows[nearness.ALL]
    assert row.images == MIN_GROUP
    assert 2 * row.false < row.found < 0.6, "a claim of the threat model, both ways"


@there
def test_weighed_figures_of_ten_images_tell_of_nearly_each_that_it_is_among_them(
    known: Columns, victims: Columns
) -> None:
    """The strongest test that is stated: aggregates of so few images hide no membership."""
    rows = {row.test: row for row in memberships.by_figures(known, victims)}
    assert set(rows) == {nearness.ALL, nearness.WEIGHED}, "no class of ten is told of"
    assert rows[nearness.WEIGHED].found > 0.8
    assert rows[nearness.WEIGHED].false < 0.02


@there
def test_the_figures_of_a_class_tell_more_of_its_images_than_those_of_all(
    known: Columns,
) -> None:
    near, rows, size = nearness.Nearness(known.rows(slice(400))), known.rows(slice(400, None)), 100
    told = groups.summary(rows.rows(slice(size)))
    assert 0 < len(told["by_class"]) < 10
    statistics = near.statistics(told, rows)
    assert set(statistics) == set(nearness.TESTS)
    class_told = np.isin(rows.labels, list(told["by_class"]))
    assert (statistics[nearness.CLASS][~class_told] == 0).all()
    gap = {
        test: (of[:size][class_told[:size]].mean() - of[size:][class_told[size:]].mean()) / of.std()
        for test, of in statistics.items()
    }
    assert gap[nearness.CLASS] > 0.5 * abs(gap[nearness.ALL])
    alone = near.statistics({**told, "by_class": {}}, rows)[nearness.WEIGHED]
    assert (statistics[nearness.WEIGHED] != alone)[class_told].all()


def test_a_class_tells_the_image_that_is_one_more_where_the_whole_asset_is_too_large() -> None:
    many = drawn(40).rows(np.arange(8000) % 40)
    labels = tuple("few" if place % 399 == 0 else "many" for place in range(8000))
    rows = replace(many, labels=("few", *labels[1:]))
    one = rows.rows(np.arange(1, 2))
    one = replace(one, labels=("few",), projection=one.projection + 1)
    less = groups.summary(rows)
    more = groups.summary(joined(rows, one))
    assert (groups.added(less, more) == one.projection[0]).all()
    whole = [{**found, "by_class": {}} for found in (less, more)]
    assert (groups.added(*whole) != one.projection[0]).any()


def test_no_public_column_is_left_out_of_the_attacks() -> None:
    """A column that is added needs an attack that uses it, and the bound measured again."""
    told = {"class", "projection", *HASHES, *QUALITY, *HISTOGRAMS}
    of_the_file = {"row", "width", "height", "channels", "mode", "bytes"}  # none tells of pixels
    assert set(SCHEMA.names) == told | of_the_file
    assert set(DISTURBED) == told, "each is disturbed below"


def _flipped(field: str, part: slice) -> Callable[[Columns], Columns]:
    def disturbed(rows: Columns) -> Columns:
        values = getattr(rows, field).copy()
        values[:, part] = (1 if field in {"bits", "colour"} else 0) - values[:, part]
        return replace(rows, **{field: values})

    return disturbed


def _moved(place: int) -> Callable[[Columns], Columns]:
    def disturbed(rows: Columns) -> Columns:
        levels = rows.levels.copy()
        levels[:, place] = levels[:, place, ::-1]
        return replace(rows, levels=levels)

    return disturbed


def _measured(place: int) -> Callable[[Columns], Columns]:
    def disturbed(rows: Columns) -> Columns:
        quality = rows.quality.copy()
        quality[:, place] = 2 * quality[:, place] + 1
        return replace(rows, quality=quality)

    return disturbed


DISTURBED: dict[str, Callable[[Columns], Columns]] = {
    "class": lambda rows: replace(rows, labels=rows.labels[1:] + rows.labels[:1]),
    "projection": _flipped("projection", slice(None)),
    **{name: _flipped("bits", slice(64 * k, 64 * k + 64)) for k, name in enumerate(SQUARE)},
    "color_hash": _flipped("colour", slice(None)),
    "crop_resistant_hash": _flipped("segments", slice(None)),
    **{name: _measured(place) for place, name in enumerate(QUALITY)},
    **{name: _moved(place) for place, name in enumerate(HISTOGRAMS)},
}
"""What spoils one column alone."""


@pytest.fixture(scope="module")
def sides() -> tuple[Columns, Columns]:
    images = drawn(60)
    return images.rows(slice(40)), images.rows(slice(40, None))


@pytest.mark.parametrize("column", DISTURBED)
def test_every_public_column_changes_what_is_rebuilt(
    column: str, sides: tuple[Columns, Columns]
) -> None:
    known, victims = sides
    rebuilt = attacks.ridge(known, joined(victims, DISTURBED[column](victims)))
    assert np.abs(rebuilt[len(victims) :] - rebuilt[: len(victims)]).max() > 0.01


@pytest.mark.parametrize("column", ["projection", *SQUARE])
def test_the_strongest_attack_uses_the_projection_and_each_hash_of_the_square(
    column: str, sides: tuple[Columns, Columns]
) -> None:
    known, victims = sides
    first, second = (
        Posterior(known).rebuild(rows, np.random.default_rng(1), 2)
        for rows in (victims, DISTURBED[column](victims))
    )
    assert np.abs(first - second).max() > 0.01


def test_a_class_that_only_one_side_has_is_no_obstacle() -> None:
    images = drawn(60)
    known = replace(images, labels=("a", "b", "c") * 20).rows(slice(40))
    victims = replace(images, labels=("b", "z") * 30).rows(slice(40, None))
    plain = replace(victims, labels=("b",) * 20)
    rebuilt, same = attacks.ridge(known, victims), attacks.ridge(known, plain)
    assert (rebuilt[::2] == same[::2]).all(), "an image's own class is read, not its place"
    another = attacks.of_the_class(known, victims, np.random.default_rng(1))
    assert another.shape == victims.pictures.shape
    assert all(np.isfinite(row.psnr) for row in groups.of_groups(known, victims))


def test_too_few_victims_to_be_told_of_are_refused_before_any_is_measured(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    files = [picture(seed=seed) for seed in range(12)]
    table = pa.table({"image": files, "class_name": ["cat", "dog"] * 6})
    for split in ("train", "test"):
        pq.write_table(table, tmp_path / "cifar10" / f"{split}.parquet")
    with pytest.raises(InputError, match="no class has 10 images"):
        rebuild.measure(tmp_path, knowledge=12, victims=12)
    table = table.set_column(1, "class_name", pa.array(["cat"] * 12))
    pq.write_table(table, tmp_path / "cifar10" / "test.parquet")
    with pytest.raises(FolderError, match="holds no photographs"):
        rebuild.measure(tmp_path, knowledge=12, victims=12)


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
