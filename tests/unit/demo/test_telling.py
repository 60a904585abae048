from __future__ import annotations

import io

import pytest
from rich.console import Console

from unit.demo.trades import trade
from visdm.demo.telling import Narrator, show


def _narrator() -> tuple[Narrator, io.StringIO]:
    written = io.StringIO()
    clock = iter(range(100))
    return Narrator(Console(file=written, width=80), lambda: float(next(clock))), written


def test_a_step_shows_its_time_and_below_it_what_it_found() -> None:
    narrator, written = _narrator()
    with narrator.step("fund", "The consumer pays"):
        narrator.say("1 PLAY")
    begins, line, found = written.getvalue().splitlines()
    assert begins == "[fund] begins"
    assert line.startswith(" 1. The consumer pays")
    assert line.endswith("1.0 s")
    assert found == "    1 PLAY"


def test_what_a_failing_step_found_is_shown_all_the_same() -> None:
    narrator, written = _narrator()

    def fail() -> None:
        with narrator.step("compute", "The provider trains"):
            narrator.say("the consumer has its money back")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "the consumer has its money back" in written.getvalue()
    assert " 1. " not in written.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_the_tables_fit_and_show_every_reward_and_operation(width: int) -> None:
    written, summary = io.StringIO(), trade()
    show(Console(file=written, width=width), summary)
    text = written.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for line in summary.assets:
        assert line.supplier in text
    for operation in summary.gas:
        assert operation.replace("_", " ") in text


def test_money_that_does_not_add_up_is_said_aloud() -> None:
    written = io.StringIO()
    show(Console(file=written, width=80), trade(paid_out=1))
    assert "IS NOT" in written.getvalue()
