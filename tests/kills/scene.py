"""A market to kill a provider in: an asset waits to be described, a job is funded.

It is made once, with real computations, whose answers are kept; each run gets a copy, its chain
served by a process of its own. What runs in the sandbox there is a program that hands those answers
over, so that a run takes a second; packages are fetched and decrypted as ever.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kills.campaign import forked
from memory.sandbox import InProcess
from visdm.adapters.evm.nodes import served_at
from visdm.adapters.evm.serving import serving
from visdm.adapters.sandboxes import Bubblewrap
from visdm.demo.images import lay_out, write_digits
from visdm.demo.model_folder import write_model
from visdm.domain.rounds import Task, Terms
from visdm.domain.sampling import Criteria
from visdm.ports import Limits, silent
from visdm.wiring import key_of, open_world, packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from visdm.ports import Computation, Progress
    from visdm.wiring import World

SEED = 7
PROVIDER, CONSUMER = "provider-1", "consumer-1"
NAMES = ("operator", PROVIDER, CONSUMER, "supplier-1", "supplier-2", "supplier-3")
EACH = 4
MARK = f"visdm-kill-campaign-{os.getpid()}"
"""In the command line of every process of a job of this campaign."""

HANDS_OVER = f"""
"{MARK}"
import json, sys, time, zipfile
job = json.load(open(sys.argv[1]))
for name in job["inputs"]:
    if name != "answers":
        open(job["inputs"][name], "rb").read()
time.sleep(0.15)
with zipfile.ZipFile(job["inputs"]["answers"]) as answers:
    answers.extractall(job["output"])
"""


class Keeping(InProcess):
    """Computes really, and keeps the answers by program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answer = super().run(computation, output, progress)
        with zipfile.ZipFile(self.folder / f"{computation.program}.zip", "w") as answers:
            answers.writestr("answer.json", json.dumps(answer))
            for file in output.iterdir():
                answers.write(file, file.name)
        return answer


class HandingOver:
    """The real sandbox, in which the kept answers are handed over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.walls = Bubblewrap(entry=("-c", HANDS_OVER))
        self.walls._checked = True
        self.name, self.versions = self.walls.name, self.walls.versions

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answers = {"answers": self.folder / f"{computation.program}.zip"}
        more = replace(computation, inputs={**computation.inputs, **answers})
        return self.walls.run(more, output, progress)


class Scene:
    """The market in `folder`, made on first use; `marks` are pieces of its suppliers' images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made, self.answers = folder / "made", folder / "answers"
        self.world = folder / "run" / "world"
        if not self.made.exists():
            self.answers.mkdir(parents=True)
            _finished(forked(self._make))
        self.marks = [
            file.read_bytes()[-60:-20] for file in sorted((folder / "images" / "c").glob("*/*"))
        ]
        self.before = {path.name for path in (self.made / "blobs" / "pins").rglob("*")}
        self.servers: list[int] = []

    def renew(self) -> None:
        """Begin anew: a copy of the market, its chain served."""
        self.end()
        shutil.rmtree(self.world.parent, ignore_errors=True)
        shutil.copytree(self.made, self.world)
        self.servers.append(forked(self._serve))
        deadline = time.monotonic() + 30
        while not served_at(self.world):
            assert time.monotonic() < deadline, "the chain is not served"
            time.sleep(0.02)

    def end(self) -> None:
        """End the server."""
        while self.servers:
            pid = self.servers.pop()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    @contextmanager
    def opened(self) -> Iterator[World]:
        """Open the copy, with the sandbox that hands over."""
        with open_world(self.world, SEED, NAMES, unsafe=True) as world:
            yield replace(world, sandbox=HandingOver(self.answers))

    def private(self) -> Path:
        """Return the provider's private folder."""
        return self.world / "accounts" / PROVIDER

    def shows(self) -> list[Path]:
        """Return the provider's files that hold a piece of somebody's image."""
        files = [path for path in self.private().rglob("*") if path.is_file()]
        return [path for path in files if any(mark in path.read_bytes() for mark in self.marks)]

    def _serve(self) -> None:
        addresses = [str(key_of(SEED, name).address) for name in NAMES]
        with serving(self.world, addresses) as server:
            server.run()

    def _make(self) -> None:
        draft = self.folder / "draft"
        images = _images(self.folder / "images")
        with open_world(draft, SEED, NAMES, unsafe=True) as opened:
            world = replace(opened, sandbox=Keeping(self.answers))
            world.deploy()
            provider = world.provider(PROVIDER, Limits())
            provider.join("EU", 10)
            world.consumer(CONSUMER).join()
            world.chain("operator").transfer(world.address(CONSUMER), 10**12)
            for name, part in zip(NAMES[3:], ("a", "b"), strict=False):
                world.supplier(name).join()
                world.supplier(name).offer(images / part, name=part, provider=1)
            world.supplier("supplier-3").join()
            model = self.folder / "model"
            write_model(model, images / "validation", packages())
            world.consumer(CONSUMER).register_model(model, provider=1)
            assert provider.describe_waiting() == {}
            _fund(world)
            world.supplier("supplier-3").offer(images / "c", name="c", provider=1)
        with open_world(_copied(draft, self.folder / "tried"), SEED, NAMES, unsafe=True) as opened:
            provider = replace(opened, sandbox=Keeping(self.answers)).provider(PROVIDER, Limits())
            (round_,) = provider.pending_jobs()
            provider.run(round_)
            assert provider.describe_waiting() == {}
        shutil.rmtree(self.folder / "tried")
        draft.rename(self.made)


def _copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def _images(home: Path) -> Path:
    write_digits(home / "digits")
    for place, name in enumerate(("a", "b", "c", "validation")):
        chosen = slice(place * EACH, (place + 1) * EACH)
        images = [
            (label, file)
            for label in ("0", "1")
            for file in sorted((home / "digits" / label).iterdir())[chosen]
        ]
        lay_out(images, home / name)
    return home


def _fund(world: World) -> None:
    consumer = world.consumer(CONSUMER)
    now = consumer.chain.now()
    terms = Terms(
        consumer=consumer.chain.account,
        model=3,
        provider=1,
        assets=consumer.sample(Criteria(provider=1)).dataset,
        ladder=(100, 200),
        task=Task.TRAIN,
        method="shapley",
        seed=7,
        quorum=5000,
        threshold=6600,
        min_samples=1,
        fee_cap=1000,
        vote_by=now + 600,
        fund_by=now + 1200,
        settle_by=now + 100_000,
    )
    round_ = consumer.open_round(terms)
    for name in NAMES[3:5]:
        world.supplier(name).vote(round_, 100)
    world.travel(terms.vote_by + 1)
    consumer.close(round_)
    consumer.fund(round_)


def _finished(child: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":  # a look at the scene itself
    random.seed(0)
    sys.stdout.write(f"{Scene(Path(sys.argv[1])).marks[0]!r}\n")
