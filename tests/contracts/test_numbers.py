"""Limits and numbers of states, which contracts and domain each write down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memory.market import SKIPPED as MEMORY_SKIPPED
from memory.market import Skipped
from visdm.adapters.evm.contracts import artifact
from visdm.adapters.evm.rounds import SKIPPED
from visdm.domain import assets, daos, jobs, rounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum

    from contracts.scene import EvmWorld

    Evm = Callable[[str], EvmWorld]

SOURCES = Path(__file__).parents[2] / "contracts" / "src"
ASKED = {
    ("jobs", "BASIS"): rounds.BASIS,
    ("jobs", "MAX_STEPS"): rounds.MAX_STEPS,
    ("jobs", "MAX_ASSETS"): rounds.MAX_ASSETS,
    ("jobs", "LAST"): rounds.LAST,
    ("jobs", "WHOLE"): jobs.WHOLE,
    ("catalog", "MAX_DELEGATIONS"): rounds.MAX_DELEGATIONS,
}


def test_limits_are_the_same_on_the_chain(evm: Evm) -> None:
    world = evm("described")
    assert {name: world["erin"]._call(*name) for name in ASKED} == ASKED


def test_constants_are_the_same_in_the_sources() -> None:
    terms = (SOURCES / "Terms.sol").read_text()
    assert "uint80 constant NO_RESERVE = type(uint80).max;" in terms
    assert assets.NO_RESERVE == 2**80 - 1
    assert f"uint8 constant REJECT = {rounds.REJECT};" in terms
    dao = (SOURCES / "SupplierDAO.sol").read_text()
    assert f"MAX_COUNCIL = {daos.MAX_COUNCIL};" in dao


def test_numbers_of_terms_are_as_wide_as_their_fields() -> None:
    (opened,) = (e for e in artifact("Jobs")["abi"] if e.get("name") == "open")
    types = {part["name"]: part["type"] for part in opened["inputs"][0]["components"]}
    for name, limit in rounds.LIMITS.items():
        head, *rest = name.split("_")
        field = head + "".join(word.capitalize() for word in rest)
        assert types[field] == f"uint{limit.bit_length() - 1}"
    assert (types["ladder"], types["quorum"], types["threshold"]) == ("uint80[]", *["uint16"] * 2)


@pytest.mark.parametrize(
    ("source", "name", "numbered"),
    [
        ("Voting", "State", rounds.RoundState),
        ("Voting", "State", jobs.JobState),
        ("Voting", "Skipped", Skipped),
        ("Catalog", "Kind", assets.Kind),
        ("Catalog", "State", assets.State),
        ("Terms", "Task", rounds.Task),
    ],
)
def test_states_have_the_numbers_of_the_sources(
    source: str, name: str, numbered: type[IntEnum]
) -> None:
    text = (SOURCES / f"{source}.sol").read_text()
    found = re.search(rf"enum {name} {{([^}}]*)}}", text)
    assert found
    names = [member.strip().upper() for member in found[1].split(",")]
    assert {member.name: names.index(member.name) for member in numbered} == {
        member.name: int(member) for member in numbered
    }


def test_every_reason_to_skip_a_ballot_has_its_words() -> None:
    assert SKIPPED == MEMORY_SKIPPED
    assert len(SKIPPED) == len(Skipped)
    assert len(set(SKIPPED)) == len(Skipped)
