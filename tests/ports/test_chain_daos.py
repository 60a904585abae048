"""Owners who answer together, on each implementation of the port `Daos`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.scene import KEYS, TERMS, VOTE_BY, WHO, EvmWorld, MemoryWorld, refusal
from memory.daos import Founded, MemoryDaos
from visdm.adapters.evm.daos import EvmDaos
from visdm.domain.daos import DAY, MAJORITY, MARGIN, Dao, Rule
from visdm.domain.rounds import REJECT, SILENT
from visdm.errors import UnknownError, UserError
from visdm.services.member import Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.scene import At, World

RULE = Rule(quorum=0, threshold=MAJORITY, period=3_600)


class Club:
    """A market with an open round (alice 100, bob 200, carol 300, dave 400), and its members."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.founded: dict[str, Founded] = {}

    def __getitem__(self, name: str) -> Member:
        chain = self.world[name]
        if isinstance(self.world, EvmWorld):
            return Member(chain, EvmDaos(self.world.ledger, KEYS[name]))
        assert isinstance(self.world, MemoryWorld)
        return Member(chain, MemoryDaos(self.world[name], self.founded))

    def found(
        self, *members: str, rule: Rule = RULE, council: tuple[str, ...] = ()
    ) -> tuple[Dao, str]:
        dao = self["erin"].found("reds", rule, [WHO[name] for name in council])
        for name in members:
            self[name].join(dao.address)
        return dao, self.world.round

    def over(self, dao: Dao, round_: str) -> None:
        proposal = self["erin"].daos.proposal(dao.address, round_)
        assert proposal is not None
        self.world.travel(proposal.closes + 1)


@pytest.fixture
def club(at: At) -> Club:
    return Club(at("open"))


def test_a_dao_is_what_it_was_founded_as_and_founded_once(club: Club) -> None:
    dao, _ = club.found()
    assert (dao.name, dao.rule, dao.council) == ("reds", RULE, ())
    assert club["alice"].found("reds", RULE) == dao
    other = club["alice"].found("reds", RULE, [WHO["bob"], WHO["alice"]])
    assert set(other.council) == {WHO["alice"], WHO["bob"]}
    assert club["bob"].daos.daos() == [dao, other]
    with pytest.raises(UnknownError, match="unknown DAO"):
        club["bob"].daos.dao(WHO["alice"])


def test_joining_is_delegating_and_leaving_takes_it_back(club: Club) -> None:
    dao, _ = club.found("alice", "bob")
    assert club["erin"].members(dao.address) == [WHO["alice"], WHO["bob"]]
    club["alice"].leave(dao.address)
    assert club["erin"].members(dao.address) == [WHO["bob"]]
    with pytest.raises(UserError, match="no member"):
        club["alice"].leave(dao.address)


def test_the_members_samples_decide_what_all_of_them_answer(club: Club) -> None:
    dao, round_ = club.found("alice", "bob", "carol")
    club["alice"].propose(dao.address, round_)
    assert club["alice"].vote(dao.address, round_, 10) == [0]
    club["bob"].vote(dao.address, round_, 20)
    club["carol"].vote(dao.address, round_, 30)
    proposal = club["erin"].propose(dao.address, round_)
    assert [(seat.weight, seat.choice) for seat in proposal.seats] == [
        (100, 1),
        (200, 2),
        (300, 3),
        (0, SILENT),
        (0, SILENT),
    ]
    club.over(dao, round_)
    club["stranger"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_) == [3, 3, 3, SILENT, SILENT]
    assert club.world["erin"].voters(round_)[:3] == [dao.address] * 3


def test_half_of_the_samples_is_no_majority_and_a_rejection_accepts_nothing(club: Club) -> None:
    dao, round_ = club.found("alice", "bob", "carol")
    club["alice"].propose(dao.address, round_)
    for name, least in (("alice", 10), ("bob", 10), ("carol", None)):
        club[name].vote(dao.address, round_, least)
    club.over(dao, round_)
    club["alice"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_)[:3] == [REJECT] * 3


def test_a_members_own_ballot_stands_above_the_daos(club: Club) -> None:
    dao, round_ = club.found("alice", "bob")
    club.world["alice"].vote(round_, [0], REJECT)
    club["bob"].propose(dao.address, round_)
    club["bob"].vote(dao.address, round_, 20)
    club.over(dao, round_)
    club["bob"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_)[:2] == [REJECT, 2]
    club.world["bob"].vote(round_, [1], 3)
    assert club.world["erin"].ballots(round_)[1] == 3


def test_who_left_neither_counts_nor_blocks(club: Club) -> None:
    dao, round_ = club.found("alice", "carol")
    club["alice"].propose(dao.address, round_)
    club["alice"].vote(dao.address, round_, 10)
    club["carol"].vote(dao.address, round_, 30)
    club["carol"].leave(dao.address)
    club.over(dao, round_)
    club["alice"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_) == [1, SILENT, SILENT, SILENT, SILENT]


def test_a_council_votes_by_heads(club: Club) -> None:
    council = ("stranger", "rival", "erin")
    dao, round_ = club.found("alice", "bob", council=council)
    club["rival"].propose(dao.address, round_)
    club["rival"].vote(dao.address, round_, 20)
    club["erin"].vote(dao.address, round_, 10)
    with pytest.raises(UserError, match="no vote in"):
        club["alice"].vote(dao.address, round_, 10)
    club.over(dao, round_)
    club["alice"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_)[:3] == [2, 2, SILENT]


def test_without_a_quorum_nothing_is_answered(club: Club) -> None:
    dao, round_ = club.found("alice", "carol", rule=Rule(5_000, MAJORITY, 3_600))
    club["alice"].propose(dao.address, round_)
    club["alice"].vote(dao.address, round_, 10)
    club.over(dao, round_)
    with refusal("NoQuorum(answered=100, weight=400)"):
        club["alice"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_)[0] == SILENT


REFUSALS: dict[str, tuple[str, Callable[[Club, Dao, str], object]]] = {
    "a stranger proposes": (
        "NotYourSeat(seat=0,",
        lambda club, dao, round_: club["stranger"].daos.propose(dao.address, round_, 0),
    ),
    "nobody's seats": (
        "NotMember",
        lambda club, dao, round_: club["alice"].daos.vote_seats(dao.address, round_, [], 1),
    ),
    "it is executed before its end": (
        "VoteNotOver",
        lambda club, dao, round_: club["alice"].daos.execute(dao.address, round_, [0]),
    ),
    "it is proposed twice": (
        "AlreadyProposed",
        lambda club, dao, round_: club["bob"].daos.propose(dao.address, round_, 1),
    ),
    "another's seat": (
        "NotYourSeat(seat=1,",
        lambda club, dao, round_: club["alice"].daos.vote_seats(dao.address, round_, [0, 1], 1),
    ),
    "a step that is none": (
        "BadChoice(choice=4)",
        lambda club, dao, round_: club["alice"].daos.vote_seats(dao.address, round_, [0], 4),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_dao_refuses(club: Club, case: str) -> None:
    dao, round_ = club.found("alice", "bob")
    error, act = REFUSALS[case]
    if case != "a stranger proposes":
        club["alice"].propose(dao.address, round_)
    with refusal(error):
        act(club, dao, round_)


def test_a_vote_that_ends_with_the_rounds_is_too_late_to_be_executed(club: Club) -> None:
    assert TERMS.vote_by == VOTE_BY
    dao, round_ = club.found("alice", rule=Rule(0, MAJORITY, DAY))
    with refusal(f"TooLate(voteBy={VOTE_BY})"):
        club["alice"].propose(dao.address, round_)
    left = VOTE_BY - club.world["alice"].now()
    barely = club["erin"].found("greens", Rule(0, MAJORITY, left - MARGIN - 10))
    club["alice"].join(barely.address)
    with refusal(f"TooLate(voteBy={VOTE_BY})"):
        club["alice"].propose(barely.address, round_)


def test_what_is_decided_stays_and_answers_for_who_joins_later(club: Club) -> None:
    dao, round_ = club.found("alice")
    club["alice"].propose(dao.address, round_)
    club["alice"].vote(dao.address, round_, 10)
    club.over(dao, round_)
    assert club["alice"].execute(dao.address, round_) == 1
    assert club["alice"].execute(dao.address, round_) == 1  # has nothing left to do
    club["bob"].join(dao.address)
    club["stranger"].execute(dao.address, round_)
    assert club.world["erin"].ballots(round_)[:3] == [1, 1, SILENT]
    with refusal("VoteOver("):
        club["alice"].vote(dao.address, round_, 20)


def test_who_joins_and_leaves_does_not_move_the_quorum(club: Club) -> None:
    dao, round_ = club.found("alice", "carol", rule=Rule(9_000, MAJORITY, 3_600))
    club["carol"].propose(dao.address, round_)
    club["carol"].leave(dao.address)
    club["alice"].vote(dao.address, round_, 10)
    club.over(dao, round_)
    assert club["alice"].execute(dao.address, round_) == 1
