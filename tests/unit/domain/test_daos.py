"""What a DAO decides, for all votes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.daos import MAJORITY, PRESETS, Rule, Seat, decide
from visdm.domain.rounds import BASIS, REJECT, SILENT
from visdm.errors import InputError

STEPS = 4
choices = st.sampled_from([SILENT, *range(1, STEPS + 1), REJECT])
seats = st.lists(st.builds(Seat, st.just("0x"), st.integers(0, 2**32), choices), max_size=12)
rules = st.builds(Rule, st.integers(0, BASIS), st.integers(1, BASIS), st.just(1))


@given(rules, seats)
def test_a_decision_is_the_lowest_step_that_the_threshold_accepts(
    rule: Rule, given_seats: list[Seat]
) -> None:
    decided = decide(rule, STEPS, given_seats)
    cast = [seat for seat in given_seats if seat.choice != SILENT]
    answered = sum(seat.weight for seat in cast)
    total = sum(seat.weight for seat in given_seats)
    if decided is None:
        assert not answered or answered * BASIS < rule.quorum * total
        return
    accepts = [sum(s.weight for s in cast if s.choice <= step) for step in range(1, STEPS + 1)]
    enough = [a * BASIS >= rule.threshold * answered for a in accepts]
    assert decided == (enough.index(True) + 1 if any(enough) else REJECT)


@given(rules, seats, st.integers(0, 2**32))
def test_a_seat_without_a_voice_changes_nothing_but_the_quorum(
    rule: Rule, given_seats: list[Seat], weight: int
) -> None:
    free = Rule(0, rule.threshold, 1)
    more = [*given_seats, Seat("0x", weight)]
    assert decide(free, STEPS, more) == decide(free, STEPS, given_seats)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_sense_and_needs_more_than_half(name: str) -> None:
    PRESETS[name].check()
    half = [Seat("0x", 1, 1), Seat("0x", 1, REJECT)]
    assert decide(PRESETS[name], STEPS, half) == REJECT
    assert decide(PRESETS[name], STEPS, [*half, Seat("0x", 1, 2)]) == 2


BAD_RULES = [
    *(Rule(quorum, MAJORITY, 1) for quorum in (-1, BASIS + 1)),
    *(Rule(0, threshold, 1) for threshold in (0, BASIS + 1)),
    *(Rule(0, MAJORITY, period) for period in (0, 2**40)),
]


@pytest.mark.parametrize("rule", BAD_RULES)
def test_a_rule_that_makes_no_sense_is_named(rule: Rule) -> None:
    with pytest.raises(InputError):
        rule.check()
