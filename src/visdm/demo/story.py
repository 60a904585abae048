"""The demo's story: one trade from empty folders to money withdrawn and a model measured.

Each step asks the chain what is already done, so a story that was cut off anywhere goes on
where it was.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from visdm.demo import figures, images
from visdm.demo.cast import Answer, answers
from visdm.demo.model_folder import write_model
from visdm.demo.page import page
from visdm.demo.place import (
    CONSUMER,
    OPERATOR,
    PAGE,
    PROVIDER,
    REPORT,
    RESULT,
    SUMMARY,
    Settings,
    mark_ended,
    prepare,
    write_whole,
)
from visdm.demo.summary import Summary, money
from visdm.domain.assets import NO_RESERVE, State
from visdm.domain.jobs import JobState
from visdm.domain.rounds import Task, Terms
from visdm.domain.sampling import Criteria
from visdm.errors import InputError, JobError, OutputError, RefusedError
from visdm.ports import Limits
from visdm.wiring import World, open_world, packages, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from visdm.ports import Progress
    from visdm.services.consumer import Consumer
    from visdm.services.provider import ComputeProvider

REGION = "EU"
FEE = 10_000
"""The provider's fee a sample, in token units: 0.01 PLAY."""

QUORUM, THRESHOLD = 5_000, 6_600
HOUR = 3_600
METHOD = "shapley"


class Teller(Protocol):
    """Who shows the story as it happens."""

    def step(self, name: str, text: str) -> AbstractContextManager[Progress]:
        """Show that a step begins, its progress, and at the end its time."""
        ...

    def say(self, text: str) -> None:
        """Show what a step found."""
        ...


def tell(settings: Settings, out: Path, teller: Teller, *, unsafe: bool = False) -> Summary:
    """Play the whole demo; write its products to `out`.

    Raises `VisdmError`. When the computation fails, the consumer has its money back first.
    """
    sources = [Path(source) for source in settings.sources]
    images.check(sources, settings.supplier_names, packages(), scratch())
    place, resumed = prepare(out, settings)
    if resumed:
        teller.say("Taking up an unfinished demo where it was cut off.")
    with open_world(
        place,
        settings.seed,
        settings.names,
        node_url=settings.node,
        stores=settings.stores,
        unsafe=unsafe,
    ) as world:
        if world.deployed and not resumed:
            taken = f"that node has the market of seed {settings.seed} already"
            raise InputError(taken, hint="take another --seed, or start the node anew")
        story = Story(world, settings, out, teller)
        try:
            return story.play()
        except (InputError, RefusedError):
            # It would end the same way again: the next run begins anew.
            if not story.money_in_escrow():
                mark_ended(out)
            raise


@dataclass
class Story:
    """The steps, in order; `play` runs them."""

    world: World
    settings: Settings
    out: Path
    teller: Teller
    seconds: dict[str, float] = field(default_factory=dict)

    def play(self) -> Summary:
        """Run every step and return what came of it."""
        self.share_images()
        self.open_market()
        self.register_data()
        self.register_model()
        self.describe()
        self.open_round()
        self.vote()
        self.close()
        self.fund()
        self.compute()
        self.withdraw()
        return self.report(self.measure())

    def money_in_escrow(self) -> bool:
        """Whether anything is left to be settled or called back."""
        return self.world.deployed and self.consumer.chain.escrowed() > 0

    # Who is who

    @cached_property
    def consumer(self) -> Consumer:
        """The consumer's account and tools."""
        return self.world.consumer(CONSUMER)

    @cached_property
    def provider(self) -> ComputeProvider:
        """The provider's account and tools."""
        return self.world.provider(PROVIDER, Limits())

    @cached_property
    def provider_index(self) -> int:
        """The number that the provider was announced under."""
        account = self.provider.chain.account
        return next(p.index for p in self.consumer.chain.providers() if p.account == account)

    @cached_property
    def parts(self) -> dict[str, Answer]:
        """How each supplier answers."""
        return answers(self.settings.supplier_names, self.settings.ladder)

    @cached_property
    def round(self) -> str:
        """The id of the demo's one round."""
        return next(iter(self.consumer.chain.rounds()))

    # The steps

    def share_images(self) -> None:
        """Give each account its own images, on its own disk."""
        with self._step("images", "The suppliers collect labelled images"):
            sources = [Path(source) for source in self.settings.sources]
            if not sources:
                sources = [self.world.folder / "digits"]
                images.write_digits(sources[0])
            plan = images.share_out(
                sources,
                self.settings.supplier_names,
                self.settings.seed,
                wrong=not self.settings.sources,
            )
            for holder, part in plan.items():
                images.lay_out(part, self._folder_of(holder))
        for name in self.settings.supplier_names:
            wrong = f", {images.WRONG_SHARE:.0%} of them mislabelled" if self._wrong(name) else ""
            self.teller.say(f"{name} has {len(plan[name])} images{wrong}")

    def open_market(self) -> None:
        """Deploy the contracts, hand out play money, publish keys, announce the provider."""
        with self._step("market", "The operator deploys the market, everybody joins"):
            self.world.deploy()
            operator = self.world.chain(OPERATOR)
            account = self.consumer.chain.account
            if not operator.balance(account) and not operator.jobs():
                operator.transfer(account, 10**15 // 2)
            self.consumer.join()
            self.provider.join(REGION, FEE)
            for name in self.settings.supplier_names:
                self.world.supplier(name).join()
        self.teller.say(f"provider-1 computes in {REGION} for {money(FEE)} a sample")

    def register_data(self) -> None:
        """Package, encrypt, upload and register each supplier's images."""
        names = self.settings.supplier_names
        with self._step("register", "The suppliers encrypt, upload and register") as progress:
            for place, name in enumerate(names):
                part = self.parts[name]
                offered = self.world.supplier(name).offer(
                    self._folder_of(name),
                    name=f"{name}'s images",
                    provider=self.provider_index,
                    reserve=part.least if part.how == "reserve" else NO_RESERVE,
                )
                progress(place + 1, len(names))
                self.teller.say(f"{name} registered asset {offered.asset}")

    def register_model(self) -> None:
        """Package, encrypt, upload and register the consumer's model."""
        with self._step("model", "The consumer registers its model"):
            asset = self.consumer.register_model(self._model(), provider=self.provider_index)
        self.teller.say(f"consumer-1 registered asset {asset}, with its own validation images")

    def describe(self) -> None:
        """Let the provider open every asset and publish its metadata."""
        with self._step("metadata", "The provider opens the assets and describes them") as progress:
            for fault in self.provider.describe_waiting(progress).values():
                raise fault
        for asset in self.consumer.chain.assets():
            if asset.state is State.REFUSED:
                raise InputError(
                    f"{self.world.name(asset.owner)}'s asset {asset.asset} was refused: "
                    f"{asset.refusal}",
                    hint="mend the images, then run the demo again",
                )

    def open_round(self) -> None:
        """Sample a dataset from metadata and ask its owners for a price."""
        with self._step("round", "The consumer samples a dataset and opens a round"):
            if not self.consumer.chain.rounds():
                self.consumer.open_round(self._terms())
        terms = self._opened
        self.teller.say(
            f"D_C is assets {', '.join(map(str, terms.assets))}; a sample may cost "
            + ", ".join(money(price) for price in terms.ladder)
        )

    def vote(self) -> None:
        """Answer by signed ballots, by a delegate, and by a reserve's silence."""
        chain = self.consumer.chain
        with self._step("vote", "The owners answer"):
            if chain.outcome(self.round) is None:
                ballots = [
                    ballot
                    for name, part in self.parts.items()
                    if part.how == "ballot"
                    for ballot in self.world.supplier(name).sign(self.round, part.least)
                ]
                self.consumer.submit(self.round, ballots)
                self._vote_by_delegate()
        for name, part in self.parts.items():
            self.teller.say(f"{name} asks for {money(part.least)} a sample, by {part.how}")

    def close(self) -> None:
        """Wait for the end of the vote and find the price."""
        with self._step("close", "The vote ends and the price is found"):
            self.world.travel(self._opened.vote_by + 1)
            outcome = self.consumer.close(self.round)
        if not outcome.price:
            raise InputError("the owners agreed on no price", hint="try a higher --ladder")
        self.teller.say(
            f"{money(outcome.unit_price)} a sample for {outcome.samples} samples: "
            f"{money(outcome.price)}"
        )

    def fund(self) -> None:
        """Pay into escrow."""
        with self._step("fund", "The consumer pays into escrow"):
            job = self.consumer.fund(self.round)
        self.teller.say(f"{money(job.price)} and at most {money(job.fee_cap)} for computing")

    def compute(self) -> None:
        """Train on every coalition in the sandbox, value, deliver, settle."""
        with self._step("compute", "The provider trains, values and settles") as progress:
            try:
                self._run_job(progress)
            except JobError:
                self._call_money_back()
                raise
        problems = self.consumer.verify(self.round)
        self.teller.say("the report holds" if not problems else f"the report fails: {problems}")

    def withdraw(self) -> None:
        """Let everybody take out what is theirs."""
        with self._step("withdraw", "Everybody withdraws"):
            paid = {
                name: self.world.supplier(name).withdraw() for name in self.settings.supplier_names
            }
            paid[PROVIDER] = self.provider.withdraw()
            paid[CONSUMER] = self.consumer.withdraw()
        for name, amount in paid.items():
            self.teller.say(f"{name} withdraws {money(amount)}")

    def measure(self) -> tuple[float, int]:
        """Fetch and decrypt the model, and measure it on images that nobody registered."""
        with self._step("measure", "The consumer decrypts its model and measures it") as progress:
            weights = self.world.private(CONSUMER) / RESULT
            report = self.consumer.result(self.round, weights)
            held_out = self._folder_of(images.HELD_OUT)
            found = self.consumer.measure(self._model(), weights, held_out, report, progress)
        self.teller.say(f"{found['accuracy']:.1%} right on {found['samples']} held-out images")
        return float(found["accuracy"]), int(found["samples"])

    def report(self, measured: tuple[float, int]) -> Summary:
        """Write the products, the summary last: it marks the demo as finished."""
        job = self.consumer.chain.jobs()[self.round]
        try:
            self.world.store.get(job.report, self.out / REPORT)
            shutil.copyfile(self.world.private(CONSUMER) / RESULT, self.out / RESULT)
            summary = figures.summary_of(
                self.world, self.settings, self.parts, self.round, self.seconds, measured
            )
            write_whole(self.out / PAGE, page(summary).encode())
            write_whole(
                self.out / SUMMARY, json.dumps(summary.to_json(), indent=1, sort_keys=True).encode()
            )
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise OutputError(
                self.out, problem, hint="make room, then run the demo again"
            ) from None
        return summary

    # What the steps lean on

    @contextmanager
    def _step(self, name: str, text: str) -> Iterator[Progress]:
        clock = self.world.clock
        begun = clock.seconds()
        with self.teller.step(name, text) as progress:
            yield progress
            self.seconds[name] = round(clock.seconds() - begun, 3)

    @property
    def _opened(self) -> Terms:
        return self.consumer.chain.rounds()[self.round]

    def _terms(self) -> Terms:
        chain = self.consumer.chain
        dataset = self.consumer.sample(Criteria(provider=self.provider_index)).dataset
        samples = sum(a.samples for a in chain.assets() if a.asset in dataset)
        now = chain.now()
        model = next(asset.asset for asset in chain.assets() if asset.owner == chain.account)
        return Terms(
            consumer=chain.account,
            model=model,
            provider=self.provider_index,
            assets=dataset,
            ladder=self.settings.ladder,
            task=Task.TRAIN,
            method=METHOD,
            seed=self.settings.seed,
            quorum=QUORUM,
            threshold=THRESHOLD,
            min_samples=samples // 2,
            fee_cap=FEE * samples,
            vote_by=now + HOUR,
            fund_by=now + 2 * HOUR,
            settle_by=now + 26 * HOUR,
        )

    def _vote_by_delegate(self) -> None:
        trustee = next(name for name, part in self.parts.items() if part.how == "ballot")
        for name, part in self.parts.items():
            if part.how == "delegate":
                self.world.supplier(name).delegate(self.world.address(trustee))
                self.world.supplier(trustee).vote_for_others(self.round, part.least)

    def _run_job(self, progress: Progress) -> None:
        state = self.consumer.chain.jobs()[self.round].state
        if state is JobState.REFUNDED:
            raise JobError("an earlier run of this demo failed, and was refunded")
        if state is JobState.FUNDED:
            self.provider.run(self.round, progress)
        for unpaid in self.provider.unpaid_jobs():
            self.provider.chain.pay(unpaid)

    def _call_money_back(self) -> None:
        self.provider.give_up(self.round)
        job = self.consumer.chain.jobs()[self.round]
        self.teller.say(f"consumer-1 has {money(job.price + job.fee_cap)} back")
        mark_ended(self.out)

    def _wrong(self, name: str) -> bool:
        return not self.settings.sources and name == self.settings.supplier_names[-1]

    def _folder_of(self, holder: str) -> Path:
        if holder in self.settings.supplier_names:
            return self.world.private(holder) / "images"
        return self.world.private(CONSUMER) / holder

    def _model(self) -> Path:
        folder = self.world.private(CONSUMER) / "model"
        write_model(folder, self._folder_of(images.VALIDATION), packages())
        return folder
