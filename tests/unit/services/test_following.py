"""A provider that follows the chain: each job ends once, whatever fails in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.following import HandClock, Inline, MemoryJobTable, Told
from memory.sandbox import InProcess
from unit.services.deals import computing, funded
from visdm.domain.assets import State
from visdm.domain.errands import FIRST_PAUSE, LONGEST_PAUSE, Resources, Standing
from visdm.domain.jobs import JobState
from visdm.domain.reports import Report
from visdm.errors import (
    BlobError,
    ChainError,
    JobError,
    OutputError,
    RefusedError,
    SandboxError,
    WorldError,
)
from visdm.ports import silent
from visdm.services.following import PROBED, Following

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress
    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World

PLENTY = Resources(64 << 30, 8, 4)


class Faulty:
    """A port whose calls of one name fail a few times, before or after what they do."""

    def __init__(
        self, port: object, name: str, fault: Exception, times: int = 1, *, after: bool = False
    ) -> None:
        self.port, self.name, self.fault, self.times, self.after = port, name, fault, times, after
        self.calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the port has
        found = getattr(self.port, name)
        if name != self.name:
            return found

        def failing(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the port's
            self.calls += 1
            fails, self.times = self.times > 0, self.times - 1
            if fails and not self.after:
                raise self.fault
            answer = found(*arguments, **options)
            if fails:
                raise self.fault
            return answer

        return failing


class Refusing(InProcess):
    """A sandbox in which training ends with this error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.runs = 0

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        if computation.program == "train":
            self.runs += 1
            raise self.error
        return super().run(computation, output, progress)


class Daemon:
    """A follower over a market, which can be killed and started again."""

    def __init__(self, world: World, **ports: object) -> None:
        self.world, self.table = world, MemoryJobTable()
        self.start(**ports)

    def start(self, **ports: object) -> None:
        """Start, or start again after a kill: the table is all that is left."""
        self.clock, self.workers, self.told = HandClock(), Inline(), Told()
        provider: ComputeProvider = replace(computing(self.world), **ports)  # type: ignore[arg-type]  # fields by name
        self.following = Following(
            provider,
            self.world.chain("provider-1"),
            self.table,
            self.workers,
            self.clock,
            lambda: 0.5,
            self.told,
            PLENTY,
        )
        self.following.take_up()

    def turns(self, count: int = 3, each: float = 1.0) -> None:
        for _ in range(count):
            self.clock.now += each
            self.following.turn(0)


def job_of(world: World, round_: str) -> JobState:
    return world.chain("operator").jobs()[round_].state


def stored(world: World) -> set[str]:
    return {str(cid) for cid in world.store.pins()}  # type: ignore[attr-defined]  # a block folder


def test_a_sent_asset_is_described_and_a_funded_job_settled_without_any_further_word(
    market: World, parts: dict[str, Path]
) -> None:
    daemon = Daemon(market)
    asset = market.supplier("supplier-1").offer(parts["validation"], name="new", provider=1)
    daemon.turns()
    assert daemon.table.standing(f"asset {asset.asset}") is Standing.DESCRIBED
    found = {a.asset: a.state for a in market.chain("operator").assets()}
    assert found[asset.asset] is State.DESCRIBED
    round_ = funded(market)
    daemon.turns()
    assert job_of(market, round_) is JobState.SETTLED
    assert daemon.table.standing(f"job {round_}") is Standing.SETTLED
    assert daemon.workers.done.count(f"job {round_}") == 1
    assert market.consumer("consumer-1").verify(round_) == []
    assert daemon.table.notes == []


def test_a_table_that_is_deleted_is_rebuilt_from_the_chain_and_nothing_is_done_twice(
    market: World,
) -> None:
    daemon = Daemon(market)
    round_ = funded(market)
    daemon.turns()
    daemon.table.rows.clear()
    daemon.start()
    daemon.turns(5)
    assert daemon.table.standing(f"job {round_}") is Standing.SETTLED
    assert {str(row.standing) for row in daemon.table.errands()} == {"described", "settled"}
    assert [key for key in daemon.workers.done if key != "probe"] == []


def test_a_strangers_fault_is_refunded_at_once_with_a_public_reason(market: World) -> None:
    sandbox = Refusing(JobError("took longer than 1 s"))
    daemon = Daemon(market, sandbox=sandbox)
    round_ = funded(market)
    daemon.turns()
    assert job_of(market, round_) is JobState.REFUNDED
    row = daemon.table.rows[f"job {round_}"]
    assert (row.standing, row.reason) == (Standing.REFUNDED, "took longer than 1 s")
    assert sandbox.runs == 1
    assert market.chain("operator").escrowed() == 0


def test_a_refund_that_fails_is_sent_again_and_nothing_is_computed_again(market: World) -> None:
    sandbox = Refusing(JobError("took longer than 1 s"))
    chain = Faulty(market.chain("provider-1"), "refund", ChainError("gone"), 2)
    daemon = Daemon(market, sandbox=sandbox, chain=chain)
    round_ = funded(market)
    daemon.turns(2)
    assert job_of(market, round_) is JobState.FUNDED
    daemon.start(sandbox=sandbox, chain=chain)
    daemon.turns(4, each=10)
    assert job_of(market, round_) is JobState.REFUNDED
    assert sandbox.runs == 1
    assert daemon.table.rows[f"job {round_}"].reason == "took longer than 1 s"


@pytest.mark.parametrize(
    "fault",
    [
        BlobError("bafy", "is not what its CID says"),
        OutputError("scratch", "cannot be written (No space left on device)"),
        SandboxError("no sandbox can be had here"),
        WorldError("the world"),
        RuntimeError("nobody foresaw this"),
    ],
)
def test_a_fault_of_the_world_is_tried_again_with_growing_pauses(
    market: World, fault: Exception
) -> None:
    sandbox = Refusing(fault)
    daemon = Daemon(market, sandbox=sandbox)
    round_ = funded(market)
    daemon.turns(400)
    pauses = [float(said["again_in"]) for said in daemon.told.events("failed")]
    assert pauses == sorted(pauses)
    assert pauses[0] == FIRST_PAUSE * 0.75
    assert len(pauses) in range(7, 10)
    assert job_of(market, round_) is JobState.FUNDED
    daemon.following.provider = computing(market)
    daemon.turns(2, each=LONGEST_PAUSE)
    daemon.turns()
    assert job_of(market, round_) is JobState.SETTLED
    said = " ".join(str(said.get("why", "")) for said in daemon.told.events("failed"))
    assert "nobody foresaw" not in said


@pytest.mark.parametrize(
    ("call", "after"),
    [("rounds", False), ("recipient", False), ("settle", False), ("settle", True)],
)
@pytest.mark.parametrize(
    "fault",
    [
        ChainError("the node did not answer"),
        RefusedError("settle", "replacement transaction underpriced"),
    ],
)
def test_whatever_the_chain_fails_at_the_job_is_settled_once(
    market: World, call: str, *, after: bool, fault: Exception
) -> None:
    chain = Faulty(market.chain("provider-1"), call, fault, 2, after=after)
    daemon = Daemon(market, chain=chain)
    round_ = funded(market)
    daemon.turns(8, each=10)
    assert job_of(market, round_) is JobState.SETTLED
    assert len(market.ledger.named("JobSettled")) == 1
    assert market.consumer("consumer-1").verify(round_) == []


def test_a_store_that_lies_is_asked_again_until_it_says_the_truth(market: World) -> None:
    round_ = funded(market)
    package = market.chain("operator").assets()[0].package
    block = market.folder / "blobs" / "blocks" / package[-2] / package
    truth = block.read_bytes()
    block.chmod(0o600)
    block.write_bytes(truth[:-1] + bytes([truth[-1] ^ 1]))
    daemon = Daemon(market)
    daemon.turns(4, each=10)
    assert job_of(market, round_) is JobState.FUNDED
    assert package in str(daemon.told.events("failed")[-1]["why"])
    block.write_bytes(truth)
    daemon.turns(4, each=30)
    assert job_of(market, round_) is JobState.SETTLED


def test_a_job_that_fails_until_its_deadline_is_refunded_then(market: World) -> None:
    daemon = Daemon(market, sandbox=Refusing(SandboxError("none here")))
    round_ = funded(market)
    daemon.turns(5, each=10)
    market.travel(market.chain("operator").jobs()[round_].settle_by + 1)
    daemon.turns(5, each=LONGEST_PAUSE)
    assert job_of(market, round_) is JobState.REFUNDED
    assert daemon.table.rows[f"job {round_}"].reason == "its deadline has passed"


def test_a_job_found_after_its_deadline_is_left_to_its_consumer(market: World) -> None:
    round_ = funded(market)
    market.travel(market.chain("operator").jobs()[round_].settle_by + 1)
    daemon = Daemon(market)
    daemon.turns()
    assert daemon.table.standing(f"job {round_}") is Standing.GIVEN_UP
    assert job_of(market, round_) is JobState.FUNDED
    market.chain("consumer-1").refund(round_)
    daemon.turns()
    assert daemon.table.standing(f"job {round_}") is Standing.REFUNDED


def test_a_settlement_that_was_sent_and_not_seen_is_found_and_not_sent_twice(
    market: World,
) -> None:
    stuck = ChainError("settle was sent, and not seen in a block")
    chain = Faulty(market.chain("provider-1"), "settle", stuck, after=True)
    daemon = Daemon(market, chain=chain)
    round_ = funded(market)
    daemon.turns(4, each=10)
    assert job_of(market, round_) is JobState.SETTLED
    assert chain.calls == 1
    assert daemon.workers.done.count(f"job {round_}") == 1
    assert market.consumer("consumer-1").verify(round_) == []


def test_a_settlement_that_did_not_arrive_is_sent_again_in_the_same_words(market: World) -> None:
    chain = Faulty(market.chain("provider-1"), "settle", ChainError("dropped"))
    sandbox = Counting()
    daemon = Daemon(market, chain=chain, sandbox=sandbox)
    round_ = funded(market)
    daemon.turns(2)
    first = daemon.table.rows[f"job {round_}"].report
    daemon.start(chain=chain, sandbox=sandbox)
    daemon.turns(3, each=10)
    assert market.chain("operator").jobs()[round_].report == first
    assert sandbox.runs == 1


class Counting(InProcess):
    """Counts trainings."""

    runs = 0

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        self.runs += computation.program == "train"
        return super().run(computation, output, progress)


def test_a_result_that_a_failed_attempt_left_is_dropped_when_the_job_has_ended(
    market: World,
) -> None:
    before = stored(market)
    store = Faulty(market.store, "write", OutputError("store", "is full"), times=0)
    daemon = Daemon(market, store=store)
    round_ = funded(market)
    daemon.turns(1)
    # The result is stored, its grants and the report are not.
    store.times = 1
    daemon.turns(1)
    left = stored(market) - before - {market.store.write(PROBED)}
    assert len(left) == 1
    daemon.turns(4, each=10)
    job = market.chain("operator").jobs()[round_]
    assert job.state is JobState.SETTLED
    assert market.consumer("consumer-1").verify(round_) == []
    grants = Report.from_bytes(market.store.read(job.report), cid=job.report).grants
    kept = {job.result, job.report, grants, market.store.write(PROBED)}
    assert stored(market) - before == kept
    assert not left & kept


def test_a_store_or_a_chain_that_does_not_answer_is_told_once_and_survived(market: World) -> None:
    daemon = Daemon(market)
    looking = Faulty(daemon.following.chain, "jobs", ChainError("the node is gone"), 3)
    daemon.following.chain = looking
    round_ = funded(market)
    daemon.turns(1)
    assert daemon.told.turns[-1].faults == {"chain": "the node is gone"}
    daemon.turns(8, each=10)
    assert daemon.told.turns[-1].faults == {}
    assert len(daemon.told.events("the chain does not answer")) == 1
    assert len(daemon.told.events("the chain answers again")) == 1
    assert job_of(market, round_) is JobState.SETTLED


def test_told_to_stop_it_begins_nothing_and_blames_nobody_for_what_is_cut_off(
    market: World,
) -> None:
    daemon = Daemon(market, sandbox=Refusing(SandboxError("the provider is stopping")))
    round_ = funded(market)
    daemon.turns(1)
    daemon.following.stop()
    daemon.turns(3, each=100)
    assert not daemon.following.busy
    row = daemon.table.rows[f"job {round_}"]
    assert (row.standing, row.next_try) == (Standing.WAITING, 0.0)
    assert daemon.workers.done.count(f"job {round_}") == 1
    daemon.start()
    daemon.turns()
    assert job_of(market, round_) is JobState.SETTLED
