"""Owners, voters and delegates that are contracts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hexbytes import HexBytes

from contracts.scene import (
    ALICE,
    TERMS,
    WHO,
    later,
    refusal,
)
from visdm.adapters.evm.rounds import to_tuple
from visdm.domain.rounds import LAST, REJECT, SILENT, Ballot

if TYPE_CHECKING:
    from contracts.hostile import Stage

NOT_LAST = False


@pytest.mark.parametrize("signature", [b"any", b"\1" * 64 + b"\x1b"], ids=["short", "as a key's"])
def test_a_contract_votes_by_its_own_rule(stage: Stage, signature: bytes) -> None:
    round_ = stage["consumer"].open_round(replace(TERMS, seed=8, **later(stage)))
    stage.give(ALICE, "alice")
    deadline = stage["erin"].now() + 1_000
    ballots = [
        Ballot(round_, 0, choice, nonce, deadline, stage.puppet, signature)
        for nonce, choice in enumerate((1, REJECT, 2), start=1)
    ]
    digests = [
        stage["erin"]._call(
            "jobs", "ballotDigest", HexBytes(round_), ALICE, b.choice, b.nonce, deadline
        )
        for b in ballots
    ]
    for digest in (digests[0], digests[2]):
        stage.do("Puppet", "sign", digest, True)  # noqa: FBT003  # as Solidity has it
    assert stage["bob"].submit_ballots(round_, ballots[:2]) == {
        1: "the signature is not the voter's"
    }
    assert stage["erin"].ballots(round_)[0] == 1
    assert stage["bob"].submit_ballots(round_, ballots[:1]) == {0: "the nonce was used"}
    stage.do("Puppet", "sign", digests[2], False)  # noqa: FBT003  # as above
    # Others count beside it, whatever the order.
    bobs = stage["bob"].sign_ballot(round_, 1, 1, deadline)
    assert stage["bob"].submit_ballots(round_, [ballots[2], bobs]) == {
        0: "the signature is not the voter's"
    }
    assert stage["erin"].ballots(round_)[:2] == [1, 1]
    assert stage["erin"].voters(round_)[:2] == [stage.puppet, WHO["bob"]]
    own = (to_tuple(stage["erin"].rounds()[round_]), [0], REJECT, NOT_LAST)
    stage.act("jobs", "vote", *own)
    assert stage["erin"].ballots(round_)[0] == REJECT


def test_a_contract_signs_for_its_own_assets_only(stage: Stage) -> None:
    round_ = stage["consumer"].open_round(replace(TERMS, seed=8, **later(stage)))
    stage.give(ALICE, "alice")
    deadline = stage["erin"].now() + 1_000
    wrong = {
        "neither owner nor delegate": Ballot(round_, 1, 1, 1, deadline, stage.puppet, b"any"),
        "no such position": Ballot(round_, 5, 1, 1, deadline, stage.puppet, b"any"),
        "no such choice": Ballot(round_, 0, 4, 1, deadline, stage.puppet, b"any"),
        "the nonce was used": Ballot(round_, 0, 1, 0, deadline, stage.puppet, b"any"),
        "the ballot expired": Ballot(round_, 0, 1, 1, deadline - 1_000, stage.puppet, b"any"),
    }
    for reason, ballot in wrong.items():
        assets = (*TERMS.assets, 0)
        given = (assets[ballot.position], ballot.choice, ballot.nonce, ballot.deadline)
        digest = stage["erin"]._call("jobs", "ballotDigest", HexBytes(round_), *given)
        stage.do("Puppet", "sign", digest, True)  # noqa: FBT003  # as Solidity has it
        assert stage["bob"].submit_ballots(round_, [ballot]) == {0: reason}
    assert stage["erin"].ballots(round_) == [SILENT] * 5


def test_a_contract_has_a_last_word_like_any_owner(stage: Stage) -> None:
    round_ = stage["consumer"].open_round(replace(TERMS, assets=(ALICE,), **later(stage)))
    stage.give(ALICE, "alice")
    deadline = stage["erin"].now() + 1_000
    ballot = Ballot(round_, 0, 2, LAST, deadline, stage.puppet, b"")
    digest = stage["erin"]._call("jobs", "ballotDigest", HexBytes(round_), ALICE, 2, LAST, deadline)
    stage.do("Puppet", "sign", digest, True)  # noqa: FBT003  # as Solidity has it
    assert stage["bob"].submit_ballots(round_, [ballot]) == {}
    with refusal("BallotRefused(reason=8)"):
        stage.act("jobs", "vote", to_tuple(stage["erin"].rounds()[round_]), [0], REJECT, NOT_LAST)
    assert stage["stranger"].close_round(round_).price == 2_000


def test_a_contract_is_a_delegate_like_any_other(stage: Stage) -> None:
    round_ = stage["consumer"].open_round(replace(TERMS, seed=8, **later(stage)))
    stage["alice"].delegate(stage.puppet)
    stage.act("jobs", "vote", to_tuple(stage["erin"].rounds()[round_]), [0], 2, NOT_LAST)
    assert stage["erin"].ballots(round_) == [2, SILENT, SILENT, SILENT, SILENT]
