"""`visdm model`: compute scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm import wiring
from visdm.cli.frame import (
    consumer_option,
    home_option,
    json_option,
    market,
    plain,
    print_fields,
    print_json,
    print_rows,
    progress,
)
from visdm.cli.walls import sandbox_option
from visdm.domain.regimes import MILLI
from visdm.services.profiles import profile_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from visdm.ports import Sandbox

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@click.group()
def model() -> None:
    """Bring a compute script to the market, and look at it as the owners of data will."""


@model.command("profile")
@click.argument("folder", type=click.Path(path_type=Path))
@sandbox_option
@json_option
def model_profile(folder: Path, *, sandbox: Sandbox, as_json: bool) -> None:
    """Profile the model in FOLDER as a provider would, offline: what owners see before they vote.

    Nothing is registered or uploaded. The script runs in the sandbox, on random images.
    """
    with progress("building, running, profiling") as shown:
        found = profile_folder(folder, wiring.packages(), wiring.scratch(), sandbox, shown)
    if as_json:
        print_json(found)
    else:
        print_profile(found)


@model.command("register")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--provider", type=int, default=1, show_default=True, help="Who may open it.")
@consumer_option
@home_option
@json_option
def model_register(folder: Path, provider: int, actor: str, home: Path, *, as_json: bool) -> None:
    """Package, encrypt, upload and register the model in FOLDER.

    FOLDER holds visdm.toml, Python files, validation.parquet and, to have weights tested,
    weights.safetensors. A model that is registered already keeps its number.
    """
    with market(home) as world:
        consumer = world.consumer(actor)
        consumer.join()
        number = consumer.register_model(folder, provider=provider)
    print_fields({"asset": number, "provider": provider}, as_json=as_json)


def print_profile(profile: Mapping[str, Any]) -> None:
    """Print a checked profile for people."""
    for name, value in _lines(profile):
        click.echo(f"{name:20} {plain(value)}")
    layers = profile["layers"]
    print_rows([{**layer, "output": _shape(layer["output"])} for layer in layers], as_json=False)
    if profile["depth"] > len(layers):
        click.echo(f"and {profile['depth'] - len(layers)} more layers")
    print_rows(
        [
            {"tensor": name, "type": kind, "shape": _shape(shape)}
            for name, (kind, shape) in profile["tensors"].items()
        ],
        as_json=False,
    )


def _lines(profile: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    flops, memory, training = profile["gflops"], profile["memory"], profile["training"]
    batch = training["batch"]
    yield "name", profile["name"]
    yield "input", f"{_shape(profile['input']['shape'])} ({profile['input']['mode']})"
    yield "output", f"{_shape(profile['output']['shape'])}: {', '.join(profile['classes'])}"
    yield "parameters", f"{profile['parameters']:,}, {profile['trainable']:,} of them trainable"
    yield "layers", profile["depth"]
    yield "GFLOPs an image", f"{flops['forward']:g} forward, {flops['training']:g} in training"
    yield "memory, training", f"{_size(memory['training'])} at a batch of {batch}"
    one, many = _size(memory["inference"]), _size(memory["inference_batch"])
    yield "memory, inference", f"{one} for one image, {many} for {batch}"
    yield "released", _size(profile["release_bytes"])
    yield (
        "training",
        f"{training['epochs']} epochs, {training['optimizer']} at {training['learning_rate']:g}",
    )
    for key, value in profile["config"].items():
        yield f"config {plain(key)}", value
    yield "weights", "brought, for tests" if profile["weights"] else "none to test"
    yield "regime", profile["regime"]
    yield "epsilon", _privacy(profile["epsilon"])


def _privacy(stated: Mapping[str, Any] | None) -> str:
    if stated is None:
        return "none: this training is not private, nothing bounds what weights tell"
    return f"{stated['epsilon'] / MILLI:g} at delta {stated['delta']:g}, for the whole job"


def _shape(shape: list[int] | None) -> str:
    return "-" if shape is None else " x ".join(map(str, shape)) or "a number"


def _size(size: int) -> str:
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
