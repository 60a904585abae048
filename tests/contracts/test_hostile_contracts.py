"""Attacks by contracts: tokens that keep, lie, block or call back, and owners made of code.

The token and the account that does as it is told are in contracts/test/EvilTokens.sol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hexbytes import HexBytes

from contracts.scene import (
    ALICE,
    BOB,
    FEE,
    FEE_CAP,
    KEYS,
    PRICE,
    PURSE,
    SHARES,
    TERMS,
    WHO,
    EvmWorld,
    play,
    refusal,
)
from visdm.adapters.evm.contracts import Market, artifact, selectors
from visdm.adapters.evm.history import history
from visdm.adapters.evm.rounds import to_tuple
from visdm.adapters.evm.session import transact
from visdm.domain.jobs import JobState
from visdm.domain.rounds import LAST, REJECT, SILENT, Ballot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.domain.rounds import Terms

    Made = dict[str, dict[str, Any]]

DUE = PRICE + FEE_CAP
NO_TRICK, KEEP_PART, SAY_FALSE, CALL_PARTIES = range(4)
NOT_LAST = False


class Stage(EvmWorld):
    """The priced round of the scene, in a market that takes the evil token."""

    def __init__(self, path: Path, stage: Path, made: Made, market: Market, puppet: str) -> None:
        self.made, self.puppet = made, puppet
        super().__init__(path, stage, market)

    def do(self, contract: str, function: str, *args: object) -> None:
        """Call the token or the puppet."""
        place = self.market.token if contract == "EvilToken" else self.puppet
        web3 = self.node.web3
        bound = web3.eth.contract(address=place, abi=self.made[contract]["abi"])  # type: ignore[call-overload]  # a checked address
        build = bound.functions[function](*args).build_transaction
        transact(web3, KEYS["stranger"], build, function)

    def call(self, contract: str, function: str, *args: object) -> tuple[str, bytes]:
        """Return the address and the data of a call to one of the market's contracts."""
        bound = self.ledger.contracts[contract]
        return str(bound.address), bytes(HexBytes(bound.encode_abi(function, args=args)))

    def act(self, contract: str, function: str, *args: object) -> None:
        """Let the puppet call now."""
        self.do("Puppet", "act", *self.call(contract, function, *args))

    def prepare(self, contract: str, function: str, *args: object, after: int = 0) -> None:
        """Let the puppet call when the token calls it, the `after`-th time."""
        self.do("Puppet", "prepare", *self.call(contract, function, *args), after)

    def outcomes(self) -> list[str]:
        """Return what became of the prepared calls: '' or the refusal's error."""
        web3 = self.node.web3
        bound = web3.eth.contract(address=self.puppet, abi=self.made["Puppet"]["abi"])  # type: ignore[call-overload]  # a checked address
        errors = {selector: str(entry["name"]) for selector, _, entry in selectors("error")}
        found = bound.functions.outcomes().call({"from": WHO["stranger"]})
        return ["" if done else errors[bytes(answer[:4])] for done, answer in found]

    def give(self, asset: int, owner: str) -> None:
        """Let the puppet own an asset."""
        self.send(owner, "catalog", "transferFrom", WHO[owner], self.puppet, asset)

    def trade(self) -> None:
        """Fund and settle the round of the scene."""
        self["consumer"].fund(self.round, DUE)
        self["provider"].settle(self.round, SHARES, FEE, "result", "report")


def deploy(world: EvmWorld, made: dict[str, Any], *args: str) -> str:
    contract = world.node.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    build = contract.constructor(*args).build_transaction
    return str(transact(world.node.web3, KEYS["stranger"], build, "deploy")["contractAddress"])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, hostile: Made) -> tuple[Path, Market, str]:
    """The chain's file, where the hostile market is on it, and the puppet."""
    folder = tmp_path_factory.mktemp("prepared")
    bare = EvmWorld(folder / "bare")
    token = deploy(bare, hostile["EvilToken"])
    jobs = deploy(bare, artifact("Jobs"), token)
    contract = bare.node.web3.eth.contract(address=jobs, abi=artifact("Jobs")["abi"])  # type: ignore[call-overload]  # a checked address
    catalog = contract.functions.catalog().call({"from": WHO["stranger"]})
    market = Market(token, str(catalog), jobs)
    puppet = deploy(bare, hostile["Puppet"])
    bare.close()
    stage = Stage(folder / "chain", bare.path, hostile, market, puppet)
    stage.do("EvilToken", "mint", WHO["deployer"], PURSE)
    for reached in play(stage):
        if reached == "priced":
            break
    stage.close()
    return stage.path, market, puppet


@pytest.fixture
def stage(prepared: tuple[Path, Market, str], hostile: Made, tmp_path: Path) -> Iterator[Stage]:
    path, market, puppet = prepared
    world = Stage(tmp_path / "chain", path, hostile, market, puppet)
    yield world
    world.close()


# Tokens.


def test_a_token_that_keeps_a_part_does_not_get_into_escrow(stage: Stage) -> None:
    stage.do("EvilToken", "play", KEEP_PART)
    received = DUE - DUE // 100
    with refusal(f"TokenShortfall(expected={DUE}, received={received})"):
        stage["consumer"].fund(stage.round, DUE)
    assert stage["consumer"].balance(WHO["consumer"]) == PURSE
    assert not stage["consumer"].jobs()


def test_a_token_that_only_says_it_moved_funds_nothing(stage: Stage) -> None:
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["consumer"].fund(stage.round, DUE)
    assert not stage["consumer"].jobs()


def test_a_token_that_does_not_pay_out_leaves_the_claim(stage: Stage) -> None:
    stage.trade()
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["bob"].withdraw()
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["consumer"].withdraw()
    assert stage["bob"].claimable(WHO["bob"]) == 4_000
    assert stage["bob"].claimable(WHO["consumer"]) == FEE_CAP - FEE
    stage.do("EvilToken", "play", NO_TRICK)
    assert stage["bob"].withdraw() == 4_000
    assert stage["consumer"].withdraw() == FEE_CAP - FEE


def test_a_refund_that_is_not_paid_out_leaves_the_job_as_it_was(stage: Stage) -> None:
    stage["consumer"].fund(stage.round, DUE)
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["provider"].refund(stage.round)
    assert stage["consumer"].jobs()[stage.round].state is JobState.FUNDED
    stage.do("EvilToken", "play", NO_TRICK)
    stage["provider"].refund(stage.round)
    assert stage["erin"].balance(WHO["consumer"]) == PURSE


def test_a_token_without_permits_is_allowed_by_a_transaction(stage: Stage) -> None:
    before = [entry.operation for entry in history(stage.node.web3, stage.market)]
    stage["consumer"].fund(stage.round, DUE)
    after = [entry.operation for entry in history(stage.node.web3, stage.market)]
    assert after[len(before) :] == ["allow_tokens", "fund_job"]


def test_a_consumer_whom_the_token_blocks_has_its_money_sent_elsewhere(stage: Stage) -> None:
    stage["consumer"].fund(stage.round, DUE)
    stage.do("EvilToken", "blockPayee", WHO["consumer"], True)  # noqa: FBT003  # as Solidity has it
    with refusal("for a reason unknown to this version"):
        stage["provider"].refund(stage.round)
    terms = to_tuple(stage["erin"].rounds()[stage.round])
    stage["provider"].settle(stage.round, SHARES, FEE, "result", "report")
    with refusal("for a reason unknown to this version"):
        stage["consumer"].withdraw()
    for name in ("stranger", "provider"):
        with refusal(f"NotConsumer(account={WHO[name]})"):
            stage.send(name, "jobs", "refund", terms, WHO[name])
    assert stage["consumer"].withdraw(WHO["stranger"]) == FEE_CAP - FEE
    assert stage["erin"].balance(WHO["stranger"]) == FEE_CAP - FEE


def test_one_who_cannot_be_paid_blocks_nobody_else(stage: Stage) -> None:
    stage.do("EvilToken", "blockPayee", WHO["alice"], True)  # noqa: FBT003  # as Solidity has it
    stage.trade()
    with refusal("for a reason unknown to this version"):
        stage["alice"].withdraw()
    for name, due in (("bob", 4_000), ("dave", 8_000), ("provider", FEE)):
        assert stage[name].withdraw() == due
    assert stage["consumer"].withdraw() == FEE_CAP - FEE
    assert stage["alice"].escrowed() == 2_000
    stage.do("EvilToken", "blockPayee", WHO["alice"], False)  # noqa: FBT003  # as above
    assert stage["alice"].withdraw() == 2_000


# Calling back while the token moves.


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_withdrawing_again_while_being_paid_pays_once(stage: Stage, after: int) -> None:
    stage.give(ALICE, "alice")
    stage.trade()
    stage.do("EvilToken", "play", CALL_PARTIES)
    for assets in ([ALICE], [], [BOB]):
        stage.prepare("jobs", "withdraw", assets, stage.puppet, after=after)
    stage.act("jobs", "withdraw", [ALICE], stage.puppet)
    assert stage.outcomes() == ["NothingToWithdraw", "NothingToWithdraw", "NotOwner"]
    assert stage["erin"].balance(stage.puppet) == 2_000
    assert stage["erin"].escrowed() == DUE - 2_000
    assert stage["bob"].withdraw() == 4_000


def puppets_own(stage: Stage) -> Terms:
    """Let the puppet be consumer, provider and owner of a round; return its terms, priced."""
    stage.act("catalog", "announce", b"XX", 1)
    stage.act("catalog", "registerData", 3, 100, 10, "package", "grants")
    stage.act("catalog", "registerModel", 3, "package", "grants")
    data, model = (asset.asset for asset in stage["erin"].assets()[-2:])
    stage.act("catalog", "describe", data, "metadata")
    stage.act("catalog", "describe", model, "metadata")
    now = stage["erin"].now()
    terms = replace(
        TERMS,
        consumer=stage.puppet,
        provider=3,
        model=model,
        assets=(data,),
        vote_by=now + 100,
        fund_by=now + 10_000,
        settle_by=now + 20_000,
    )
    stage.act("jobs", "open", to_tuple(terms))
    stage.travel(terms.vote_by + 1)
    stage["erin"].close_round(list(stage["erin"].rounds())[-1])
    stage.do("EvilToken", "mint", stage.puppet, PURSE)
    stage.act("token", "approve", stage.market.jobs, PURSE)
    stage.do("EvilToken", "play", CALL_PARTIES)
    return terms


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_a_job_cannot_be_settled_and_paid_out_while_it_is_being_funded(
    stage: Stage, after: int
) -> None:
    stage.trade()
    terms = puppets_own(stage)
    (asset,) = terms.assets
    given = (to_tuple(terms), [10**9], 0, "result", "report")
    stage.prepare("jobs", "settle", *given, after=after)
    stage.prepare("jobs", "withdraw", [asset], stage.puppet, after=after)
    stage.prepare("jobs", "refund", to_tuple(terms), stage.puppet, after=after)
    with refusal("TokenShortfall(expected=6000, received=0)"):
        stage.act("jobs", "fund", to_tuple(terms))
    assert stage["erin"].escrowed() == DUE
    assert stage["erin"].balance(stage.puppet) == PURSE


def test_a_job_is_funded_settled_and_refunded_once_however_it_is_nested(stage: Stage) -> None:
    stage.trade()
    terms = puppets_own(stage)
    price = 10 * 100
    settle = (to_tuple(terms), [10**9], 100, "result", "report")
    stage.prepare("jobs", "fund", to_tuple(terms))
    stage.act("jobs", "fund", to_tuple(terms))
    assert stage.outcomes() == ["JobExists"]
    assert stage["erin"].escrowed() == DUE + price + FEE_CAP
    stage.act("jobs", "settle", *settle)
    stage.travel(terms.settle_by + 1)
    for function, given in (
        ("settle", settle),
        ("withdraw", ([], stage.puppet)),
        ("withdraw", (list(terms.assets), stage.puppet)),
        ("refund", (to_tuple(terms), stage.puppet)),
        ("refund", (to_tuple(terms), stage.puppet)),
    ):
        stage.prepare("jobs", function, *given)
    stage.act("jobs", "withdraw", list(terms.assets), stage.puppet)
    # What is left of the fee cap is another claim; it is paid inside the withdrawal, once.
    assert stage.outcomes()[1:] == [
        "NotFunded",
        "NothingToWithdraw",
        "NothingToWithdraw",
        "",
        "NothingToReturn",
    ]
    assert stage["erin"].balance(stage.puppet) == PURSE
    assert stage["erin"].escrowed() == DUE


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_a_job_is_refunded_once_however_it_is_nested(stage: Stage, after: int) -> None:
    stage.trade()
    terms = puppets_own(stage)
    stage.act("jobs", "fund", to_tuple(terms))
    for function, given in (
        ("refund", (to_tuple(terms), stage.puppet)),
        ("settle", (to_tuple(terms), [10**9], 100, "result", "report")),
        ("fund", (to_tuple(terms),)),
        ("withdraw", ([], stage.puppet)),
    ):
        stage.prepare("jobs", function, *given, after=after)
    stage.act("jobs", "refund", to_tuple(terms), stage.puppet)
    assert stage.outcomes() == ["NotFunded", "NotFunded", "JobExists", "NothingToWithdraw"]
    assert stage["erin"].balance(stage.puppet) == PURSE
    assert stage["erin"].escrowed() == DUE


# Owners made of code.


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


def later(stage: Stage) -> dict[str, Any]:
    now = stage["erin"].now()
    return {"vote_by": now + 10_000, "fund_by": now + 20_000, "settle_by": now + 30_000}
