"""The port `Chain`: what consumers say they look for, and when rounds were opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.scene import TERMS, WHO, refusal
from visdm.domain.demand import MAX_SOUGHT, Sought
from visdm.errors import InputError

if TYPE_CHECKING:
    from contracts.scene import At


def test_a_search_is_told_as_it_is_with_its_account_and_its_time(at: At) -> None:
    world = at("described")
    assert list(world["alice"].soughts()) == []
    texts = ["", "cats \x00\x1b[31m 猫", '{"classes":["cat"]}', "x" * MAX_SOUGHT]
    times = []
    for text in texts:
        world["stranger"].seek(text)
        times.append(world["alice"].now())
    assert list(world["alice"].soughts()) == [
        Sought(WHO["stranger"], text, time) for text, time in zip(texts, times, strict=True)
    ]
    assert sorted(set(times)) == times


@pytest.mark.parametrize("text", ["x" * (MAX_SOUGHT + 1), "é" * (MAX_SOUGHT // 2 + 1)])
def test_a_search_that_is_too_long_is_refused_by_its_bytes(at: At, text: str) -> None:
    world = at("described")
    with refusal(f"SoughtTooLong(size={len(text.encode())})"):
        world["stranger"].seek(text)
    assert list(world["stranger"].soughts()) == []


def test_half_a_character_is_the_users_mistake(at: At) -> None:
    with pytest.raises(InputError):
        at("described")["stranger"].seek("\ud800")


def test_a_round_has_the_time_of_its_block(at: At) -> None:
    world = at("described")
    before = world["consumer"].now()
    round_ = world["consumer"].open_round(TERMS)
    assert world["alice"].opened() == {round_: world["alice"].now()}
    assert world["alice"].now() > before
