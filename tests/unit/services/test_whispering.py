"""What a script may say as it runs, and what of a job is public: the first does not show in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from attacks.releasing import SECRET
from memory.sandbox import InProcess
from unit.services.conftest import copy_of
from unit.services.deals import computing, funded
from visdm.domain.jobs import JobState
from visdm.errors import JobError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.reports import Report
    from visdm.ports import Computation, Progress
    from visdm.wiring import World


class Whispering(InProcess):
    """A sandbox whose script says what it saw, in every way that is open to it."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answer = super().run(computation, output, silent)
        for pixel in SECRET:
            progress(pixel, 256)
        (output / SECRET.hex()).write_bytes(SECRET)
        metrics = {**answer["metrics"], "loss": answer["metrics"]["loss"] + SECRET[0] * 2.0**-40}
        words = {"classes": [SECRET.hex()], "versions": {"torch": SECRET.hex()}, "threads": 99}
        self.said = {**answer, **words, "metrics": metrics, "seconds": SECRET[1]}
        return self.said


class Failing(InProcess):
    """A sandbox in which every computation fails for the reason that it is given."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def run(self, *_: object) -> Mapping[str, Any]:
        raise JobError(self.reason)


def reported(market: World, round_: str, sandbox: InProcess, progress: Progress) -> Report:
    """Compute a job without settling it; the ciphertext's names differ by their keys alone."""
    provider = replace(computing(market), sandbox=sandbox)
    job = provider.chain.jobs()[round_]
    dataset = [asset for asset in provider.chain.assets() if asset.asset in (1, 2)]
    with provider.scratch.folder() as private:
        report = provider._compute(job, dataset, private, progress)
    return replace(report, result="", grants="")


def test_what_is_public_is_the_same_whatever_the_script_said(market: World) -> None:
    """Classes, versions, low decimals, files beside the result, number and size of progress."""
    heard: list[int] = []
    whispering, round_ = Whispering(), funded(market)
    honest = reported(market, round_, InProcess(), silent)
    hostile = reported(market, round_, whispering, lambda done, _: heard.append(done))
    assert bytes(heard) == SECRET
    assert bytes.fromhex(whispering.said["classes"][0]) == SECRET
    assert hostile.to_bytes() == honest.to_bytes()


def test_what_is_public_is_the_same_whatever_progress_was_told(market: World) -> None:
    reports = []
    round_ = funded(market)

    for steps in (SECRET, b"", SECRET[::-1] * 9):

        class Telling(InProcess):
            told = steps

            def run(
                self, computation: Computation, output: Path, progress: Progress = silent
            ) -> Mapping[str, Any]:
                for pixel in self.told:
                    progress(pixel, 256)
                return super().run(computation, output, silent)

        reports.append(reported(market, round_, Telling(), silent).to_bytes())
    assert len(set(reports)) == 1


def refunded(market: World, reason: str) -> bytes:
    """Fund a job that fails for this reason and give it up; return what was sent to the chain."""
    round_ = funded(market)
    provider = replace(computing(market), sandbox=Failing(reason))
    stored = set((market.folder / "blobs").rglob("*"))
    with pytest.raises(JobError) as caught:
        provider.run(round_)
    assert caught.value.reason == reason
    provider.give_up(round_)
    assert provider.chain.jobs()[round_].state is JobState.REFUNDED
    assert set((market.folder / "blobs").rglob("*")) == stored
    block = market.node.web3.eth.get_block("latest", full_transactions=True)
    sent = dict(cast("Any", block["transactions"][0]))
    return bytes(sent.get("input") or sent["data"])


def test_pixels_in_a_reason_or_an_exit_code_reach_the_provider_and_no_chain(
    described: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund says which job it ends, and nothing else."""
    sent = set()
    for reason in ("the program gave up", SECRET.hex(), f"failed with exit code {SECRET[0]}"):
        with copy_of(described, tmp_path / str(len(reason)), monkeypatch) as market:
            sent.add(refunded(market, reason))
    assert len(sent) == 1
