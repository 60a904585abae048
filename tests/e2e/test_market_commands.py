"""A second trade on a demo's market, by hand: every command as its user types it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from e2e.typed import Typed

if TYPE_CHECKING:
    from pathlib import Path


class AtMarket(Typed):
    """Commands typed at the market in a folder."""

    def __init__(self, home: Path) -> None:
        super().__init__("--home", home)
        self.home = home

    def open(self, seed: int, *words: str) -> str:
        return str(self.json("round", "open", "--seed", str(seed), *words)["round"])

    def balance(self, name: str) -> int:
        return int(self.json("earnings", "show", name)["balance"])


@pytest.fixture
def at(finished: Path, tmp_path: Path) -> AtMarket:
    shutil.copytree(finished, tmp_path / "market")
    return AtMarket(tmp_path / "market")


def test_a_trade_by_hand_with_a_dao_a_signed_ballot_and_a_rejection(
    at: AtMarket, tmp_path: Path
) -> None:
    at.ok("dao", "create", "reds", "--period", "10m", "--as", "supplier-1")
    at.ok("dao", "join", "reds", "--as", "supplier-1")
    assert at.json("dao", "show", "reds")["members"] == ["supplier-1"]
    round_ = at.open(2, "--ladder", "0.05,0.07", "--fee-cap", "5")
    at.ok("dao", "propose", "reds", round_, "--as", "supplier-1")
    at.ok("dao", "vote", "reds", round_, "--least", "0.06", "--as", "supplier-1")
    assert "VoteNotOver" in at.refused("dao", "execute", "reds", round_, "--as", "consumer-1")
    at.ok("devnet", "advance", "10m")
    at.ok("dao", "execute", "reds", round_, "--as", "consumer-1")
    ballots = tmp_path / "ballots.json"
    signed = at.ok("round", "vote", round_, "--least", "0.05", "--sign", "--as", "supplier-2")
    ballots.write_text(signed)
    assert at.json("round", "submit", ballots) == {"counted": 1, "skipped": {}}
    at.ok("round", "vote", round_, "--reject", "--as", "supplier-3")
    shown = at.json("round", "show", round_)
    assert [(row["answer"], row["by"], row["in"]) for row in shown["answers"]] == [
        ("0.07 PLAY", "reds", True),
        ("0.05 PLAY", "supplier-2", True),
        ("reject", "supplier-3", False),
    ]
    assert "VotingNotOver" in at.refused("round", "close", round_)
    at.ok("devnet", "advance", "1h")
    closed = at.json("round", "close", round_)
    assert (closed["unit_price"], closed["price"]) == (70_000, shown["price"])
    before = at.balance("consumer-1")
    at.ok("job", "fund", round_)
    assert at.json("job", "status", round_)["state"] == "funded"
    at.ok("provider", "run", "--once", "--as", "provider-1")
    status = at.json("job", "status", round_)
    assert status["state"] == "settled"
    assert status["change"] == 5_000_000 - status["fee"] > 0
    assert at.json("job", "verify", round_)["holds"]
    at.ok("job", "result", round_, "-o", tmp_path / "weights.safetensors")
    assert (tmp_path / "weights.safetensors").stat().st_size > 0
    earned = [at.json("earnings", "withdraw", f"supplier-{n}")["withdrawn"] for n in (1, 2, 3)]
    assert sum(earned) == status["price"]
    assert earned[2] == 0
    at.ok("earnings", "withdraw", "consumer-1")
    assert before - at.balance("consumer-1") == status["price"] + status["fee"]


def test_last_words_close_a_round_before_its_deadline(at: AtMarket) -> None:
    round_ = at.open(3, "--vote", "30d")
    for name in ("supplier-1", "supplier-2"):
        at.ok("round", "vote", round_, "--least", "0.05", "--last", "--as", name)
    assert "VotingNotOver" in at.refused("round", "close", round_)
    at.ok("round", "vote", round_, "--least", "0.10", "--last", "--as", "supplier-3")
    at.ok("job", "fund", round_)
    assert at.json("round", "list")[-1]["state"] == "priced"
    told = at.refused("round", "vote", round_, "--reject", "--as", "supplier-3")
    assert "RoundNotOpen" in told


def test_a_job_that_nobody_computes_is_refunded_by_anybody(at: AtMarket) -> None:
    round_ = at.open(4, "--settle", "1h")
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        at.ok("round", "vote", round_, "--least", "0.05", "--last", "--as", name)
    before = at.balance("consumer-1")
    at.ok("job", "fund", round_)
    assert at.balance("consumer-1") < before
    assert "NotYetRefundable" in at.refused("job", "refund", round_, "--as", "supplier-1")
    at.ok("devnet", "advance", "4h")
    at.ok("job", "refund", round_, "--as", "supplier-1")
    assert at.balance("consumer-1") == before
    assert "unknown funded job" in at.refused("job", "refund", round_)


def test_a_provider_may_give_a_job_up_at_once(at: AtMarket) -> None:
    round_ = at.open(5)
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        at.ok("round", "vote", round_, "--least", "0.05", "--last", "--as", name)
    before = at.balance("consumer-1")
    at.ok("job", "fund", round_)
    at.ok("job", "refund", round_, "--as", "provider-1")
    assert at.balance("consumer-1") == before


def test_a_delegate_votes_for_others_until_it_is_taken_back(at: AtMarket) -> None:
    at.ok("delegate", "supplier-2", "--as", "supplier-1")
    round_ = at.open(6)
    answered = at.json(
        "round", "vote", round_, "--least", "0.05", "--for-others", "--as", "supplier-2"
    )
    assert answered["assets"] == [1]
    at.ok("delegate", "--nobody", "--as", "supplier-1")
    answered = at.json("round", "vote", round_, "--reject", "--for-others", "--as", "supplier-2")
    assert answered["assets"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("round", "show", "0xff"), "unknown round: 0xff"),
        (("round", "open", "--assets", "one"), "assets 'one' are no numbers"),
        (("round", "open", "--assets", "2,1"), "out of order"),
        (("round", "open", "--model", "99"), "unknown model asset: 99"),
        (("round", "open", "--fee-cap", "0.000001"), "below the provider's fee"),
        (("round", "open", "--as", "supplier-1"), "unknown model asset: supplier-1"),
        (("round", "vote", "0x", "--reject", "--as", "nobody"), "unknown account: nobody"),
        (("round", "submit", "absent.json"), "absent.json: cannot be read"),
        (("delegate", "nobody", "--as", "supplier-1"), "unknown account or DAO: nobody"),
        (("dao", "show", "greens"), "unknown account or DAO: greens"),
        (("dao", "create", " ", "--as", "supplier-1"), "a DAO needs a name"),
        (("dao", "leave", "supplier-2", "--as", "supplier-1"), "unknown DAO"),
        (("job", "fund", "0xff"), "unknown round: 0xff"),
        (("job", "status", "0xff"), "unknown round: 0xff"),
        (("earnings", "withdraw", "nobody"), "unknown account: nobody"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    finished: Path, words: tuple[str, ...], told: str
) -> None:
    said = AtMarket(finished).refused(*words)
    lines = said.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert told in lines[0]
    assert len(lines) <= 2


@pytest.mark.parametrize(
    "words",
    [
        ("round", "vote", "0x", "--as", "supplier-1"),
        ("round", "vote", "0x", "--least", "1", "--reject", "--as", "supplier-1"),
        ("round", "vote", "0x", "--least", "1", "--last", "--for-others", "--as", "supplier-1"),
        ("round", "open", "--vote", "soon"),
        ("delegate", "--as", "supplier-1"),
        ("dao", "create", "reds", "--preset", "council", "--as", "supplier-1"),
        ("dao", "create", "reds", "--councillor", "supplier-2", "--as", "supplier-1"),
    ],
)
def test_wrong_usage_ends_with_two(finished: Path, words: tuple[str, ...]) -> None:
    assert "Usage: " in AtMarket(finished).refused(*words, code=2)


def test_a_map_of_the_market_is_drawn_in_the_sandbox(at: AtMarket, tmp_path: Path) -> None:
    out = tmp_path / "map"
    said = at.json("map", "-o", out, "--most", "30")
    assert {path.name for path in out.iterdir()} == {"map.png", "map.html"}
    assert (said["images"], said["assets"], said["left_out"]) == (30, [1, 2, 3], {})
    page = (out / "map.html").read_text()
    assert "asset 2 of supplier-2" in page
    assert "t-SNE" in page
    assert "10 images" in at.ok("map", "-o", out, "--assets", "2", "--most", "10")
    assert "asset on offer: 9" in at.refused("map", "-o", out, "--assets", "1,9")
    assert "no list of numbers" in at.refused("map", "-o", out, "--assets", "one", code=2)


def test_sampling_draws_what_it_chose_from(at: AtMarket, tmp_path: Path) -> None:
    out = tmp_path / "map"
    said = at.json("sample", "--most", "2", "--dry", "--map", out)
    assert said["map"] == [str(out / "map.png"), str(out / "map.html")]
    page = (out / "map.html").read_text()
    told = {number: f"asset {number} of supplier-{number} (chosen)" in page for number in (1, 2, 3)}
    assert [number for number, chosen in told.items() if chosen] == said["dataset"]
    assert len(said["dataset"]) == 2
