"""A provider beside a served chain, as processes: a trade ends by itself, whatever fails."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from e2e.test_market_commands import AtMarket
from visdm.adapters.running.leftovers import standing_in
from visdm.demo.place import PROVIDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 240.0
MAIN = "from visdm.cli import main; main()"


class Process:
    """A command as a process of its own; what it says goes to a file."""

    def __init__(self, log: Path, *words: str | Path) -> None:
        self.log = log
        with log.open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, *map(str, words)], stdout=said, stderr=said
            )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def said(self) -> list[dict[str, Any]]:
        """Return the events that a provider logged."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


class Market:
    """A copy of a finished demo whose chain is served, and commands typed at it."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.at = AtMarket(home)
        self.world = home / "world"
        self.private = self.world / "accounts" / PROVIDER
        self.started: list[Process] = []

    def serve(self, port: str = "0") -> Process:
        served = self.start("devnet", "run", "--port", port)
        self.until((self.world / "node.url").exists, "the chain is served")
        return served

    def provide(self, *words: str) -> Process:
        said = ("--as", PROVIDER, "--log-format", "json", *words)
        provider = self.start("provider", "run", *said)
        live = self.private / "provider" / "live.json"
        self.until(
            lambda: live.exists() and json.loads(live.read_text())["pid"] == provider.process.pid,
            "the provider runs",
        )
        return provider

    def start(self, *words: str) -> Process:
        name = self.folder / f"{len(self.started)}.log"
        self.started.append(Process(name, *words, "--home", self.home))
        return self.started[-1]

    def funded(self, seed: int) -> str:
        """Let a round be agreed on and paid; return it."""
        round_ = self.at.open(seed, "--ladder", "0.05,0.10", "--fee-cap", "5")
        for name in ("supplier-1", "supplier-2", "supplier-3"):
            self.at.ok("round", "vote", round_, "--least", "0.05", "--as", name)
        self.at.ok("devnet", "advance", "1h")
        self.at.ok("job", "fund", round_)
        return round_

    def state(self, round_: str) -> str:
        return str(self.at.json("job", "status", round_)["state"])

    def health(self) -> tuple[int, dict[str, Any]]:
        where = json.loads((self.private / "provider" / "live.json").read_text())["listens"]
        with httpx.Client(trust_env=False) as client:
            answer = client.get(f"http://{where}/health")
        return answer.status_code, answer.json()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            logs = [process.log.read_text()[-2000:] for process in self.started]
            assert time.monotonic() < deadline, f"never: {what}: {logs}"
            time.sleep(0.2)


@pytest.fixture
def market(finished: Path, tmp_path: Path) -> Iterator[Market]:
    shutil.copytree(finished, tmp_path / "market")
    made = Market(tmp_path / "market", tmp_path)
    yield made
    for process in made.started:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


@pytest.mark.timeout(1200)
def test_from_funded_to_settled_without_a_further_word_while_chain_store_and_disk_fail(
    market: Market, tmp_path: Path
) -> None:
    chain = market.serve()
    provider = market.provide()
    refused = market.at.refused("provider", "run", "--as", PROVIDER)
    assert (
        f"another provider runs for this account in this market (process {provider.process.pid})"
        in refused
    )
    market.until(lambda: market.health()[0] == 200, "all is well")
    status = market.at.json("provider", "status", "--as", PROVIDER)
    assert (status["runs"], status["process"]) == (True, provider.process.pid)
    assert status["ended"] == {"described": 4, "settled": 1}

    # The chain's server is killed, and comes back where it was.
    port = (market.world / "node.url").read_text().strip().rpartition(":")[2]
    chain.end(signal.SIGKILL)
    market.until(lambda: market.health()[1]["parts"]["chain"] != "answers", "the chain is missed")
    assert market.health()[0] == 503
    (market.world / "node.url").unlink()
    chain = market.serve(port)
    market.until(lambda: market.health()[0] == 200, "the chain is back")

    # The store is gone when the job is paid; then no file may grow; then all is well again.
    round_ = market.funded(2)
    market.until(lambda: any(e["event"] == "begins" for e in provider.said()), "it begins")
    blobs = market.world / "blobs"
    blobs.rename(tmp_path / "gone")
    market.until(lambda: market.health()[1]["parts"]["store"] != "answers", "the store is missed")
    resource.prlimit(provider.process.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    shutil.rmtree(blobs, ignore_errors=True)  # it may have been begun anew
    (tmp_path / "gone").rename(blobs)
    market.until(lambda: market.health()[1]["parts"]["table"] != "answers", "the disk is full")
    no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(provider.process.pid, resource.RLIMIT_FSIZE, no_limit)
    market.until(lambda: market.state(round_) == "settled", "the job is settled")
    assert market.at.json("job", "verify", round_)["holds"]
    market.until(lambda: market.health()[0] == 200, "all is well again")

    assert provider.end() == 0
    assert provider.said()[-1]["event"] == "stopped"
    assert chain.end() == 0
    said = market.at.json("provider", "status", "--as", PROVIDER)
    assert (said["runs"], said["health"]) == (False, "no provider runs")
    assert said["ended"] == {"described": 4, "settled": 2}


@pytest.mark.timeout(1200)
def test_told_to_stop_or_killed_in_the_middle_it_leaves_nothing_running_and_the_next_one_ends_it(
    market: Market,
) -> None:
    market.serve()
    scratch = market.private / "scratch"
    first = market.provide("--grace", "1s")
    round_ = market.funded(3)
    market.until(lambda: bool(standing_in(scratch)), "a job runs")
    assert first.end() == 0
    assert [e["event"] for e in first.said()][-2:] == ["interrupted", "stopped"]
    assert standing_in(scratch) == []
    assert [path for path in scratch.iterdir() if path.is_dir()] == []
    assert market.state(round_) == "funded"

    second = market.provide()
    market.until(lambda: bool(standing_in(scratch)), "a job runs again")
    assert second.end(signal.SIGKILL) == -signal.SIGKILL
    market.until(lambda: not standing_in(scratch), "its job is gone")

    third = market.provide()
    market.until(lambda: market.state(round_) == "settled", "the job is settled")
    assert [path for path in scratch.iterdir() if path.is_dir()] == []
    assert third.end(signal.SIGINT) == 0


@pytest.mark.timeout(600)
def test_a_job_that_takes_too_much_memory_is_refunded_with_a_public_reason(
    market: Market,
) -> None:
    market.serve()
    provider = market.provide("--job-memory", "48M")
    before = market.at.balance("consumer-1")
    round_ = market.funded(4)
    market.until(lambda: market.state(round_) == "refunded", "the job is refunded")
    assert market.at.balance("consumer-1") == before
    market.until(lambda: any(e["event"] == "refunded" for e in provider.said()), "it is told")
    (told,) = [e for e in provider.said() if e["event"] == "refunded"]
    assert "memory" in told["reason"]
    assert provider.end() == 0


def test_of_an_account_that_is_nobodys_no_status_is_made_up(finished: Path) -> None:
    said = AtMarket(finished).refused("provider", "status", "--as", "provider-9")
    assert "unknown provider: provider-9" in said


def test_without_a_served_chain_it_says_what_to_run(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "market")
    at = AtMarket(tmp_path / "market")
    said = at.refused("provider", "run", "--as", PROVIDER, code=3)
    assert "visdm devnet run" in said
    assert "--once" in said
    assert at.ok("provider", "run", "--once", "--as", PROVIDER) == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--listen", "0.0.0.0:0"), "loopback"),
        (("--memory", "1G", "--job-memory", "2G"), "more than the"),
    ],
)
def test_what_cannot_be_lent_or_listened_on_is_refused_in_one_line(
    finished: Path, words: tuple[str, ...], named: str
) -> None:
    said = AtMarket(finished).refused("provider", "run", "--as", PROVIDER, *words)
    assert named in said
    assert len(said.splitlines()) == 2
