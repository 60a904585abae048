"""A private model from registration to a verified report, over the real services."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from unit.services.deals import computing, funded
from visdm.domain.regimes import Privacy, reached, stated
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.wiring import World


def test_a_private_job_is_settled_and_its_report_keeps_to_what_the_model_states(
    market: World, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    shutil.copytree(model, folder)
    file = folder / "visdm.toml"
    told = file.read_text().replace("[training]", '[training]\nregime = "private"')
    file.write_text(told + "\n[private]\nepsilon = 20.5\n")
    market.consumer("consumer-1").register_model(folder, provider=1)
    assert computing(market).describe_waiting() == {}
    round_ = funded(market, model=5)
    report = computing(market).run(round_)
    assert (report.regime, report.delta) == ("private", 1e-5)
    assert 0 < report.epsilon <= 20_500
    assert market.consumer("consumer-1").verify(round_) == []


PROFILE = {"regime": "private", "epsilon": {"epsilon": 3_000, "delta": 1e-5, "clip": 1.0}}


def test_what_a_script_says_of_privacy_counts_for_nothing() -> None:
    plain = {"regime": "script", "epsilon": None}
    assert reached(plain, 7) == stated(plain) == Privacy("script", 0, 0.0)
    assert reached(PROFILE, 2_999) == Privacy("private", 2_999, 1e-5)


@pytest.mark.parametrize("answered", [0, 3_001])
def test_an_answer_beyond_what_was_stated_is_no_result(answered: int) -> None:
    with pytest.raises(JobError):
        reached(PROFILE, answered)
