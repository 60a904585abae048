"""A settlement of more owners than one transaction pays, broken off in between and taken up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hexbytes import HexBytes

from contracts.scene import (
    ALICE,
    CID,
    DAVE,
    EU,
    FEE,
    FEE_CAP,
    KEYS,
    TERMS,
    WHO,
    EvmWorld,
    evm_stages,
    offer,
    refusal,
)
from visdm.adapters.evm.rounds import to_tuple
from visdm.adapters.evm.session import transact
from visdm.domain.jobs import WHOLE, Credit, JobState, rewards
from visdm.domain.rounds import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 512
AT_ONCE = 100
"""Registrations in one transaction."""


def fill(world: EvmWorld, upto: int) -> None:
    """Register assets that nobody describes until there are `upto`, a hundred at a time."""
    catalog = world.ledger.contracts["catalog"]
    args = [EU, 1, 0, "", ""]
    call = bytes(HexBytes(catalog.encode_abi("registerData", args=args)))
    while (missing := upto - len(world["erin"].assets())) > 0:
        code = repeated(str(catalog.address), call, min(missing, AT_ONCE))
        build = world.node.web3.eth.contract(abi=[], bytecode=code).constructor().build_transaction
        transact(world.node.web3, KEYS["stranger"], build, "fill")


def repeated(target: str, call: bytes, count: int) -> bytes:
    """Return creation code that makes the same call so many times, and creates nothing."""
    size, address = len(call).to_bytes(2), bytes.fromhex(target[2:])
    loop = b"\x5b\x5f\x5f\x61" + size + b"\x5f\x5f\x73" + address + b"\x5a\xf1\x50\x60\x01\x90\x03"
    start = 9 + 2
    head = b"\x60" + bytes([count]) + loop + b"\x80\x60" + bytes([start]) + b"\x57\x00"
    offset = (9 + len(head)).to_bytes(2)
    return b"\x61" + size + b"\x61" + offset + b"\x5f\x39\x5b" + head + call


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain with two funded jobs, one to train and one to test.

    Both are over alice's asset and two far behind it: a settlement's second part is theirs.
    """
    stages = evm_stages(tmp_path_factory.getbasetemp() / "market")
    world = EvmWorld(tmp_path_factory.mktemp("large") / "chain", stages["described"])
    fill(world, CHUNK)
    world["alice"].set_reserve(ALICE, 10)
    far = offer(world, "bob", 20, reserve=10), offer(world, "carol", 30, reserve=10)
    assets = (*range(1, 1 + CHUNK), *far)
    world["dave"].retire(DAVE)
    now = world["erin"].now()
    by = {"vote_by": now + 10_000, "fund_by": now + 20_000, "settle_by": now + 30_000}
    for task in (Task.TRAIN, Task.TEST):
        terms = replace(TERMS, assets=assets, task=task, quorum=0, **by)  # type: ignore[arg-type]  # deadlines
        world["consumer"].open_round(terms)
    world.travel(by["vote_by"] + 1)
    for round_ in world["erin"].rounds():
        world["consumer"].fund(round_, 10 * 150 + FEE_CAP)
    world.close()
    return world.path


@pytest.fixture
def world(kept: Path, tmp_path: Path) -> Iterator[EvmWorld]:
    opened = EvmWorld(tmp_path / "chain", kept)
    yield opened
    opened.close()


SHARES = (200_000_001, *[0] * (CHUNK - 1), 300_000_000, 499_999_999)


def given(world: EvmWorld, round_: str) -> tuple[Any, ...]:
    return to_tuple(world["erin"].rounds()[round_])


def test_a_settlement_is_paid_to_its_end_in_as_many_transactions_as_it_takes(
    world: EvmWorld,
) -> None:
    round_ = world.round
    world["provider"].settle(round_, SHARES, FEE, CID, CID)
    job = world["erin"].jobs()[round_]
    assert (job.state, job.credited, job.shares) == (JobState.SETTLED, CHUNK + 2, SHARES)
    earned = {asset: world["erin"].credit(asset) for asset in (ALICE, CHUNK + 1, CHUNK + 2)}
    whole = rewards(1_500, SHARES)
    assert earned == {
        ALICE: Credit(whole[0], 0, 1),
        CHUNK + 1: Credit(whole[CHUNK], 0, 1),
        CHUNK + 2: Credit(whole[CHUNK + 1], 0, 1),
    }
    assert sum(credit.earned for credit in earned.values()) == 1_500


def test_a_settlement_that_was_broken_off_is_paid_on_by_anybody(world: EvmWorld) -> None:
    round_ = world.round
    # The process ends here, with the first transaction in its block.
    world.send("provider", "jobs", "settle", given(world, round_), SHARES, FEE, CID, CID)
    world.reopen()
    assert world["erin"].jobs()[round_].credited == CHUNK
    assert world["alice"].withdraw() == 300
    assert world["erin"].claimable(WHO["bob"]) == 0
    forged = (*SHARES[:-2], 0, SHARES[-1] + SHARES[-2])
    with refusal(f"BadShares(sum=0, count={CHUNK + 2})"):
        world.send("carol", "jobs", "pay", given(world, round_), forged, CHUNK)
    with refusal(f"NothingToPay(round={round_})"):
        world.send("carol", "jobs", "pay", given(world, round_), SHARES, 0)
    world.send("stranger", "jobs", "pay", given(world, round_), SHARES, 1)
    assert world["erin"].jobs()[round_].credited == CHUNK + 1
    assert world["bob"].withdraw() == 450
    assert world["erin"].claimable(WHO["carol"]) == 0
    world["stranger"].pay(round_)
    assert world["erin"].jobs()[round_].credited == CHUNK + 2
    assert world["carol"].withdraw() == 750
    with refusal(f"NothingToPay(round={round_})"):
        world.send("stranger", "jobs", "pay", given(world, round_), SHARES, 1)
    assert world["provider"].withdraw() == FEE
    assert world["consumer"].withdraw() == FEE_CAP - FEE
    assert world["erin"].escrowed() == 10 * 150 + FEE_CAP, "what the other job holds"


def test_change_is_taken_back_while_owners_are_still_being_paid(world: EvmWorld) -> None:
    """Membership lies in the word that the change is struck from."""
    round_ = list(world["erin"].rounds())[1]
    world.send("provider", "jobs", "settle", given(world, round_), [], FEE, CID, CID)
    assert world["consumer"].withdraw() == FEE_CAP - FEE
    world["stranger"].pay(round_)
    job = world["erin"].jobs()[round_]
    assert (job.credited, sum(job.shares)) == (CHUNK + 2, WHOLE)
    earned = [world["erin"].credit(asset).earned for asset in (ALICE, CHUNK + 1, CHUNK + 2)]
    assert earned == [500, 500, 500]


def test_a_settlement_in_parts_is_checked_whole_before_anybody_is_paid(world: EvmWorld) -> None:
    round_ = world.round
    short = (*SHARES[:-1], SHARES[-1] - 1)
    with refusal(f"BadShares(sum={WHOLE - 1}, count={CHUNK + 2})"):
        world["provider"].settle(round_, short, FEE, CID, CID)
    excluded = (SHARES[0] - 1, 1, *SHARES[2:])
    with refusal("ShareOfExcluded(asset=2)"):
        world["provider"].settle(round_, excluded, FEE, CID, CID)
    assert world["erin"].jobs()[round_].state is JobState.FUNDED
