from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from visdm.demo import images
from visdm.errors import FolderError

if TYPE_CHECKING:
    from pathlib import Path

SUPPLIERS = ("supplier-1", "supplier-2", "supplier-3")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    images.write_digits(folder)
    return folder


def _labels(part: list[tuple[str, Path]]) -> dict[Path, str]:
    return {file: label for label, file in part}


def test_all_1797_digits_are_written_with_their_grey_levels(digits: Path) -> None:
    tree = images.tree_of(digits)
    assert sorted(tree) == [str(n) for n in range(10)]
    assert sum(map(len, tree.values())) == 1797
    with Image.open(tree["0"][0]) as image:
        assert (image.size, image.mode) == ((8, 8), "L")
        assert image.getextrema()[1] == 225  # the brightest, 15 of 16 steps, times 15


def test_every_image_has_exactly_one_holder(digits: Path) -> None:
    plan = images.share_out([digits], SUPPLIERS, 7, wrong=True)
    files = [file for part in plan.values() for _, file in part]
    assert len(files) == len(set(files)) == 1797
    sizes = [len(plan[name]) for name in SUPPLIERS]
    assert max(sizes) - min(sizes) <= 10


def test_only_the_last_supplier_mislabels_and_forty_percent_of_its_images(digits: Path) -> None:
    plan = images.share_out([digits], SUPPLIERS, 7, wrong=True)
    for holder, part in plan.items():
        wrong = sum(label != file.parent.name for label, file in part)
        expected = round(len(part) * images.WRONG_SHARE) if holder == SUPPLIERS[-1] else 0
        assert wrong == expected, holder


def test_the_same_seed_shares_out_alike_and_another_does_not(digits: Path) -> None:
    plans = [images.share_out([digits], SUPPLIERS, seed, wrong=True) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


def test_several_folders_stay_with_their_owners(digits: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    images.lay_out([(f.parent.name, f) for f in digits.rglob("*.png")], second)
    plan = images.share_out([digits, second], SUPPLIERS[:2], 7, wrong=False)
    assert {file.parents[1] for _, file in plan["supplier-1"]} == {digits}
    assert {file.parents[1] for _, file in plan["supplier-2"]} == {second}
    kept = Counter(file.parents[1] for _, file in plan[images.HELD_OUT])
    assert kept[digits] == kept[second]


def test_a_class_too_small_to_go_round_is_named(digits: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    images.lay_out([(f.parent.name, f) for f in sorted(digits.rglob("*.png"))[:4]], few)
    with pytest.raises(FolderError, match=r"few/0: has 4 images.* needs 5"):
        images.share_out([few], SUPPLIERS, 7, wrong=False)


def test_a_layout_that_was_cut_off_is_made_again(digits: Path, tmp_path: Path) -> None:
    part = [(f.parent.name, f) for f in sorted(digits.rglob("*.png"))[:6]]
    (tmp_path / "out.draft" / "5").mkdir(parents=True)
    images.lay_out(part, tmp_path / "out")
    assert {f.parent.name for f in (tmp_path / "out").rglob("*.png")} == {"0"}
    assert not (tmp_path / "out.draft").exists()


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [
        ("L", (8, 8), images.Input("L", 8)),
        ("RGB", (40, 33), images.Input("RGB", 32)),
        ("L", (20, 64), images.Input("L", 16)),
        ("RGBA", (5, 5), images.Input("RGB", 8)),
    ],
)
def test_the_model_is_fed_what_the_images_are_like(
    tmp_path: Path, mode: str, size: tuple[int, int], expected: images.Input
) -> None:
    Image.new(mode, size).save(tmp_path / "image.png")
    assert images.input_of([("a", tmp_path / "image.png")]) == expected
