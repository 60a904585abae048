"""Errands: what the chain makes of them, when they are tried again, what begins next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import Asset, Kind, State
from visdm.domain.errands import (
    FIRST_PAUSE,
    GONE,
    LIGHT_AT_ONCE,
    LONGEST_PAUSE,
    OVERDUE,
    Errand,
    Need,
    Resources,
    Standing,
    What,
    admitted,
    of_assets,
    of_jobs,
    pause,
    reconciled,
    taken_up,
)
from visdm.domain.jobs import Job, JobState

JOB = Errand(What.JOB, "0xabc", place=1)
HAS = Resources(memory=8, cores=4, jobs=4)


def job(state: JobState, **more: object) -> Job:
    plain = Job("0xabc", state, price=10, fee_cap=2, settle_by=100)
    return replace(plain, **more)  # type: ignore[arg-type]  # names of its fields


@pytest.mark.parametrize(
    ("seen", "standing", "light"),
    [
        (job(JobState.FUNDED), Standing.WAITING, False),
        (job(JobState.FUNDED, settle_by=99), Standing.GIVEN_UP, False),
        (job(JobState.SETTLED, shares=(1, 2), credited=1), Standing.WAITING, True),
        (job(JobState.SETTLED, shares=(1, 2), credited=2), Standing.SETTLED, False),
        (job(JobState.REFUNDED), Standing.REFUNDED, False),
    ],
)
def test_a_jobs_standing_follows_from_the_chain(seen: Job, standing: Standing, light: bool) -> None:  # noqa: FBT001  # a parameter of the test
    (found,) = of_jobs([seen], now=100)
    assert (found.standing, found.light) == (standing, light)


@pytest.mark.parametrize(
    ("state", "metadata", "standing"),
    [
        (State.REGISTERED, "", Standing.WAITING),
        (State.DESCRIBED, "bafy", Standing.DESCRIBED),
        (State.REFUSED, "", Standing.REFUSED),
        (State.RETIRED, "bafy", Standing.DESCRIBED),
        (State.RETIRED, "", Standing.GIVEN_UP),
    ],
)
def test_an_assets_standing_follows_from_the_chain_and_others_assets_are_not_ours(
    state: State, metadata: str, standing: Standing
) -> None:
    asset = Asset(3, Kind.DATA, state, "0x", 1, 9, 0, "bafyp", "bafyg", metadata)
    assert of_assets([asset], {2}) == []
    (found,) = of_assets([asset], {1})
    assert (found.key, found.standing) == ("asset 3", standing)


def test_what_runs_is_left_alone_until_it_has_ended() -> None:
    running = replace(JOB, standing=Standing.RUNNING)
    seen = replace(JOB, standing=Standing.SETTLED)
    assert reconciled({JOB.key: running}, [seen]) == []


def test_an_overdue_job_is_refunded_if_it_was_begun_and_left_alone_if_not() -> None:
    (seen,) = of_jobs([job(JobState.FUNDED)], now=101)
    (begun,) = reconciled({JOB.key: replace(JOB, attempts=2)}, [seen])
    assert (begun.standing, begun.doomed, begun.reason) == (Standing.WAITING, True, OVERDUE)
    assert reconciled({JOB.key: begun}, [seen]) == []
    (never,) = reconciled({JOB.key: JOB}, [seen])
    assert (never.standing, never.doomed) == (Standing.GIVEN_UP, False)


def test_a_reason_that_was_there_before_the_deadline_stays() -> None:
    (seen,) = of_jobs([job(JobState.FUNDED)], now=101)
    doomed = replace(JOB, attempts=1, doomed=True, reason="took longer than 1 s")
    assert reconciled({JOB.key: doomed}, [seen]) == []


def test_a_job_that_a_reorganisation_took_back_waits_again() -> None:
    (seen,) = of_jobs([job(JobState.FUNDED)], now=50)
    (again,) = reconciled({JOB.key: replace(JOB, standing=Standing.SETTLED)}, [seen])
    assert again.standing is Standing.WAITING
    (gone,) = reconciled({JOB.key: JOB}, [])
    assert (gone.standing, gone.reason) == (Standing.GIVEN_UP, GONE)


def test_what_the_chain_says_already_changes_nothing() -> None:
    found = of_jobs([job(JobState.SETTLED)], now=100)
    known = {errand.key: errand for errand in reconciled({}, found)}
    assert reconciled(known, found) == []


def test_a_new_start_takes_up_what_ran_and_waits_for_nothing() -> None:
    left = replace(JOB, standing=Standing.RUNNING, attempts=4, next_try=900.0, done=3, total=5)
    assert taken_up(left) == replace(JOB, attempts=4)
    ended = replace(JOB, standing=Standing.SETTLED)
    assert taken_up(ended) == ended


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_grows_to_its_bound_and_half_of_it_is_chance(attempts: int, chance: float) -> None:
    wait = pause(attempts, chance)
    whole = pause(attempts, 0.0) * 2
    assert FIRST_PAUSE / 2 <= whole / 2 <= wait <= whole <= LONGEST_PAUSE
    assert pause(attempts + 1, chance) >= wait


def needing(*needs: Need) -> list[tuple[Errand, Need]]:
    return [(Errand(What.JOB, str(place), place=place), need) for place, need in enumerate(needs)]


def test_a_large_job_that_does_not_fit_yet_is_not_passed_by_smaller_ones() -> None:
    waiting = needing(Need(6, 1), Need(1, 1), Need(1, 1))
    assert admitted(waiting, {"job x": Need(4, 1)}, HAS, 0) == []
    assert [errand.name for errand in admitted(waiting, {}, HAS, 0)] == ["0", "1", "2"]


def test_what_computes_nothing_passes_a_few_at_a_time() -> None:
    waiting = needing(Need(6, 1), *[Need()] * 9)
    begun = admitted(waiting, {"job x": Need(4, 1)}, HAS, 0)
    assert [errand.name for errand in begun] == ["1", "2", "3", "4"][:LIGHT_AT_ONCE]


def test_a_job_larger_than_everything_runs_alone() -> None:
    assert len(admitted(needing(Need(99, 1)), {}, HAS, 0)) == 1
    assert admitted(needing(Need(99, 1)), {"job x": Need(1, 1)}, HAS, 0) == []


def test_one_that_pauses_holds_nobody_back() -> None:
    waiting = needing(Need(8, 1), Need(8, 1))
    waiting[0] = (replace(waiting[0][0], next_try=5.0), waiting[0][1])
    assert [errand.name for errand in admitted(waiting, {}, HAS, now=4.0)] == ["1"]
    assert [errand.name for errand in admitted(waiting, {}, HAS, now=5.0)] == ["0"]


NEEDS = st.builds(Need, st.integers(1, 10), st.integers(1, 5))


@given(st.lists(NEEDS, max_size=8), st.lists(NEEDS, max_size=3))
def test_what_is_lent_is_never_passed_and_the_oldest_begins_where_nothing_runs(
    needs: list[Need], running: list[Need]
) -> None:
    under_way = {f"job r{place}": need for place, need in enumerate(running)}
    begun = admitted(needing(*needs), under_way, HAS, 0)
    assert [int(errand.name) for errand in begun] == list(range(len(begun)))
    if needs and not running:
        assert begun
    if begun and len(running) + len(begun) > 1:
        together = [*running, *(needs[int(errand.name)] for errand in begun)]
        assert sum(need.memory for need in together) <= HAS.memory
        assert sum(need.cores for need in together) <= HAS.cores
        assert len(together) <= HAS.jobs
