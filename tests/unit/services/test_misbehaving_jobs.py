"""Scripts that misbehave in a paid job, in the real sandbox: each ends in a refund and a reason.

A wall, a limit or the gate stops each; the consumer has its money back, nothing is stored, and what
is said in public is one of our phrases, with nothing of the script's or the images' in it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from memory.sandbox import InProcess
from unit.services.conftest import NAMES, SEED
from unit.services.deals import computing, funded
from unit.services.misdeeds import MISDEEDS, Watched, seed_of, source
from visdm import wiring
from visdm.adapters.sandboxes.log import LOG_LIMIT
from visdm.demo.model_folder import write_model
from visdm.domain.jobs import JobState
from visdm.errors import JobError, SandboxError
from visdm.ports import Limits
from visdm.wiring import open_world, packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.wiring import World

PAID = 200 * 16 + 1000


@pytest.fixture(scope="module")
def sandbox() -> Watched:
    found = Watched()
    try:
        found.check()
    except SandboxError as error:
        pytest.skip(error.message)
    return found


@pytest.fixture(scope="module")
def market(
    joined: Path, parts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Yield a market with three assets and the misbehaving model, which was profiled in peace."""
    folder = tmp_path_factory.mktemp("misbehaving")
    shutil.copytree(joined, folder / "world")
    model = folder / "model"
    model.mkdir()
    write_model(model, parts["validation"], packages())
    (model / "model.py").write_text(source())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(wiring.SANDBOXES, "bubblewrap", InProcess)
        with open_world(folder / "world", SEED, NAMES) as opened:
            for name, part in (("supplier-1", "a"), ("supplier-2", "b"), ("supplier-3", "c")):
                opened.supplier(name).offer(parts[part], name=part, provider=1)
            opened.consumer("consumer-1").register_model(model, provider=1)
            assert opened.provider("provider-1", Limits()).describe_waiting() == {}
            yield opened


def stored(market: World) -> set[Path]:
    return set((market.folder / "blobs").rglob("*"))


@pytest.mark.parametrize("name", MISDEEDS)
def test_a_misdeed_ends_in_a_refund_and_a_reason_that_tells_nothing(
    market: World, sandbox: Watched, name: str
) -> None:
    misdeed = MISDEEDS[name]
    round_ = funded(market, seed=seed_of(name), method="equal")
    chain = market.consumer("consumer-1").chain
    before, blobs = chain.balance(chain.account), stored(market)
    provider = replace(computing(market), sandbox=sandbox, limits=misdeed.limits)
    with pytest.raises(JobError) as caught:
        provider.run(round_)
    provider.give_up(round_)
    assert caught.value.reason in misdeed.reasons
    assert chain.jobs()[round_].state is JobState.REFUNDED
    assert chain.balance(chain.account) == before + PAID
    assert provider.pending_jobs() == []
    assert stored(market) == blobs
    assert len(sandbox.log) < LOG_LIMIT + 100
    assert not [path for path in market.folder.rglob("*") if path.name.startswith("visdm-")]


def test_the_log_that_stays_with_the_provider_has_what_the_reason_has_not(
    market: World, sandbox: Watched
) -> None:
    """That is where a script's own words go: the pixels are in it, and it goes nowhere."""
    round_ = funded(market, seed=seed_of("raises"), method="equal")
    provider = replace(computing(market), sandbox=sandbox)
    with pytest.raises(JobError) as caught:
        provider.run(round_)
    provider.give_up(round_)
    told = sandbox.log.decode().split("ValueError: ")[1].split("\n")[0]
    assert len(bytes.fromhex(told)) >= 64
    assert told not in str(caught.value) + caught.value.hint


def test_the_same_model_trains_where_it_is_left_in_peace(market: World) -> None:
    """Without the sandbox's job file it sees no seed: so it is the misdeeds that are refused."""
    round_ = funded(market, seed=1, method="equal")
    report = replace(computing(market), sandbox=InProcess()).run(round_)
    assert market.consumer("consumer-1").verify(report.round) == []
