"""What an owner allows its images to be used for, and what a round asks (ADR 15).

The same rule stands in `Permissions.sol`. Epsilon is counted in whole thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from visdm.domain.regimes import MAX_EPSILON, MILLI, Regime
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from visdm.domain.assets import Asset

MAX_BUDGET = 2**32 - 1
"""Thousandths that an asset's jobs may take together, at the most: as wide as the contract's."""

MAX_LISTED = 100
"""Packages that one list may name: each is paid for by itself."""


class Allows(IntEnum):
    """What an owner allows; numbers as in `Permissions.sol`."""

    LOOP = 0
    """The platform's loop, private or not: what holds where an owner says nothing."""

    PRIVATE = 1
    """Private training only, within an epsilon a job and a budget for all jobs."""

    LISTED = 2
    """Only the model packages named, however they train."""

    SCRIPTS = 3
    """Anything, a script's own loop too."""

    @property
    def word(self) -> str:
        """Its name on the command line and in JSON."""
        return self.name.lower()


@dataclass(frozen=True)
class Ask:
    """What a round asks of owners: how it trains, the epsilon it takes, the model's package."""

    regime: Regime
    epsilon: int
    package: str

    @classmethod
    def of(cls, model: Asset, *, trains: bool) -> Self:
        """Return what a round over `model` asks: a test trains nothing, and so is not private."""
        if model.regime is Regime.PRIVATE and not trains:
            return cls(Regime.LOOP, 0, model.package)
        return cls(model.regime, model.epsilon, model.package)


@dataclass(frozen=True)
class Permission:
    """What an owner allows. `epsilon` bounds each private job, `budget` all of them together, both
    in thousandths; `models` are the CIDs of the packages that are listed.
    """

    allows: Allows = Allows.LOOP
    epsilon: int = 0
    budget: int = 0
    models: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise `InputError` where it says what the contract would refuse, or nobody can mean."""
        if self.allows is Allows.PRIVATE:
            if not 0 < self.epsilon <= MAX_EPSILON:
                most = milli_shown(MAX_EPSILON)
                raise InputError(
                    f"an epsilon of {milli_shown(self.epsilon)} is not above 0 and up to {most}",
                    hint="say how much a job may give away, as --epsilon 8",
                )
            if not self.epsilon <= self.budget <= MAX_BUDGET:
                raise InputError(
                    f"a budget of {milli_shown(self.budget)} is not one for jobs of up to "
                    f"{milli_shown(self.epsilon)} each",
                    hint="say how much all jobs together may give away, as --budget 20",
                )
        elif self.epsilon or self.budget:
            raise InputError(
                f"epsilon and budget mean nothing where {self.allows.word} is allowed",
                hint="leave them out, or allow private training only",
            )
        self._check_list()

    def _check_list(self) -> None:
        if (self.allows is Allows.LISTED) is not bool(self.models):
            raise InputError(
                "a list names at least one model"
                if self.allows is Allows.LISTED
                else f"models are named, but {self.allows.word} is allowed",
                hint="name the CID of each package with --model, and allow listed ones",
            )
        if len(self.models) > MAX_LISTED:
            raise InputError(
                f"{len(self.models)} models are more than {MAX_LISTED}", hint="list fewer"
            )

    def objection(self, ask: Ask, spent: int) -> str:
        """Say why this does not admit what is asked, after "asset 3"; '' where it does.

        `spent` is what funded jobs took of the budget before, in thousandths.
        """
        return _OBJECTIONS[self.allows](self, ask, spent)

    @property
    def words(self) -> str:
        """What is allowed, in words for people."""
        if self.allows is Allows.PRIVATE:
            each, all_ = milli_shown(self.epsilon), milli_shown(self.budget)
            return f"private training, epsilon up to {each} a job and {all_} in all"
        if self.allows is Allows.LISTED:
            return "the models " + ", ".join(self.models)
        return "the platform's loop" if self.allows is Allows.LOOP else "any script"


BY_DEFAULT = Permission()
"""What holds where an owner says nothing."""


def milli_shown(thousandths: int) -> str:
    """Return an epsilon as people write it: 8, 0.5."""
    return f"{thousandths / MILLI:.3f}".rstrip("0").rstrip(".")


def milli_of(text: str) -> int:
    """Read an epsilon as people write it, into thousandths. Raises `InputError`."""
    whole, dot, rest = text.strip().partition(".")
    digits = whole + rest.ljust(3, "0")
    plain = digits.isascii() and digits.isdigit() and len(rest) <= len("000") and bool(whole)
    if not plain or (dot and not rest) or int(digits) > MAX_BUDGET:
        raise InputError(
            f"{text!r} is no epsilon", hint="write it with at most three decimals, as 8 or 0.5"
        )
    return int(digits)


def _loop(_: Permission, ask: Ask, __: int) -> str:
    return "" if ask.regime is not Regime.SCRIPT else "allows the platform's loop, no script's own"


def _private(permission: Permission, ask: Ask, spent: int) -> str:
    if ask.regime is not Regime.PRIVATE:
        return "allows private training only"
    if ask.epsilon > permission.epsilon:
        most, wanted = milli_shown(permission.epsilon), milli_shown(ask.epsilon)
        return f"allows an epsilon of at most {most}, not {wanted}"
    left = permission.budget - spent
    if ask.epsilon > left:
        rest = milli_shown(max(left, 0))
        return f"has {rest} left of its budget of epsilon, not {milli_shown(ask.epsilon)}"
    return ""


def _listed(permission: Permission, ask: Ask, _: int) -> str:
    return "" if ask.package in permission.models else "does not list the model's package"


def _scripts(_: Permission, __: Ask, ___: int) -> str:
    return ""


_OBJECTIONS: Mapping[Allows, Callable[[Permission, Ask, int], str]] = {
    Allows.LOOP: _loop,
    Allows.PRIVATE: _private,
    Allows.LISTED: _listed,
    Allows.SCRIPTS: _scripts,
}
