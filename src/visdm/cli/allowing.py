"""What an owner allows: the options that say it, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from visdm.domain.assets import Kind
from visdm.domain.permissions import Allows, Ask, Permission, milli_of, milli_shown
from visdm.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from visdm.domain.assets import Asset
    from visdm.ports import Chain

WORDS = tuple(each.word for each in Allows)

_OPTIONS = (
    click.option("--epsilon", metavar="E", help="With private: the most that one job may take."),
    click.option("--budget", metavar="E", help="With private: the most that all may take, ever."),
    click.option(
        "--model",
        "models",
        multiple=True,
        metavar="MODEL",
        help="With listed: a model asset, or the CID of its package; repeatable.",
    ),
)


def limits_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how far a permission goes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def permission_of(
    chain: Chain, allow: str, epsilon: str | None, budget: str | None, models: Sequence[str]
) -> Permission:
    """Return what options say. Raises `InputError`, or `UnknownError` for a model that is none."""
    permission = Permission(
        Allows(WORDS.index(allow)),
        milli_of(epsilon) if epsilon else 0,
        milli_of(budget) if budget else 0,
        tuple(_package(chain, model) for model in models),
    )
    permission.check()
    return permission


def _package(chain: Chain, model: str) -> str:
    if not (model.isascii() and model.isdigit()):
        return model
    for asset in chain.assets():
        if asset.kind is Kind.MODEL and asset.asset == int(model):
            return asset.package
    raise UnknownError("model asset", model, hint="see `visdm asset list`")


def asked_by(chain: Chain, model: int) -> Ask:
    """Return what training a model asset asks of owners. Raises `UnknownError`."""
    for asset in chain.assets():
        if asset.kind is Kind.MODEL and asset.asset == model:
            return Ask.of(asset, trains=True)
    raise UnknownError("model asset", model, hint="see `visdm asset list`")


def terms_of(asset: Asset) -> dict[str, Any]:
    """Return, as JSON, what a data asset may be used for, or how a model trains; in thousandths."""
    if asset.kind is Kind.MODEL:
        return {"regime": asset.regime.word, "epsilon": asset.epsilon}
    permission = asset.permission
    return {
        "allows": permission.allows.word,
        "epsilon": permission.epsilon,
        "budget": permission.budget,
        "spent": asset.spent,
        "models": list(permission.models),
    }


def terms_shown(asset: Asset) -> dict[str, str]:
    """Return the same for people."""
    if asset.kind is Kind.MODEL:
        private = f", epsilon {milli_shown(asset.epsilon)}" if asset.epsilon else ""
        return {"trains by": asset.regime.word + private}
    spent = f"; {milli_shown(asset.spent)} of it taken" if asset.spent else ""
    return {"allows": asset.permission.words + spent}
