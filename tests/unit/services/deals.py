"""Terms and funded rounds over the described market, for the tests of the services."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from safetensors.torch import save_file

from visdm.compute import model_package
from visdm.compute.network import builder, released
from visdm.domain.rounds import Task, Terms
from visdm.domain.sampling import Criteria
from visdm.ports import Limits
from visdm.wiring import packages

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World


def computing(world: World) -> ComputeProvider:
    return world.provider("provider-1", Limits())


def terms(world: World, **changes: object) -> Terms:
    consumer = world.consumer("consumer-1")
    now = consumer.chain.now()
    plain = Terms(
        consumer=consumer.chain.account,
        model=4,
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
        settle_by=now + 1800,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # names of its fields


def funded(world: World, round_: str = "", **changes: object) -> str:
    """Open, vote, close and fund; supplier-3 rejects."""
    consumer = world.consumer("consumer-1")
    round_ = round_ or consumer.open_round(terms(world, **changes))
    for name, least in (("supplier-1", 100), ("supplier-2", 150), ("supplier-3", None)):
        world.supplier(name).vote(round_, least)
    world.travel(consumer.chain.rounds()[round_].vote_by + 1)
    consumer.close(round_)
    consumer.fund(round_)
    return round_


def weighted(world: World, model: Path, place: Path) -> int:
    """Register and describe a model that brings weights, random ones; return its asset."""
    folder, package = place / "weighted", place / "package.tar"
    shutil.copytree(model, folder)
    packages().build_model(folder, package)
    read = model_package.read(package)
    with builder(read, len(read.validation().classes)) as build:
        save_file(released(build(5)), folder / "weights.safetensors")
    asset = world.consumer("consumer-1").register_model(folder, provider=1)
    assert computing(world).describe_waiting() == {}
    return asset
