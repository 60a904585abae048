"""The catalog's rules without a chain, refusing in the order of `Catalog.sol`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.market import address, fits, refused
from visdm.domain.assets import NO_RESERVE, Asset, Kind, Provider, State
from visdm.domain.demand import MAX_SOUGHT, Sought
from visdm.domain.permissions import Allows, Permission
from visdm.domain.regimes import MAX_EPSILON, Regime
from visdm.errors import InputError

if TYPE_CHECKING:
    from memory.market import MemoryMarket


class MemoryCatalog:
    """The catalog's part of the port."""

    def __init__(self, market: MemoryMarket, account: str) -> None:
        self.market = market
        self._account = address(account)

    @property
    def account(self) -> str:
        return self._account

    def now(self) -> int:
        return self.market.now

    def providers(self) -> list[Provider]:
        return list(self.market.providers)

    def recipient(self, account: str) -> str:
        return self.market.recipients.get(account, "")

    def assets(self) -> list[Asset]:
        return list(self.market.assets.values())

    def delegate_of(self, account: str) -> str:
        return self.market.delegates.get(address(account), "")

    def publish_key(self, recipient: str) -> None:
        with self.market.block():
            self.market.recipients[self.account] = recipient

    def announce(self, region: str, fee: int) -> int:
        if len(region) != 2 or not region.isascii():
            raise InputError(f"{region!r} is not two ASCII characters")
        fits(72, fee)
        with self.market.block():
            if not (region.isalpha() and region.isupper()):
                raise refused("announce", "NoRegion")
            index = len(self.market.providers) + 1
            self.market.providers.append(Provider(index, self.account, region, fee))
        return index

    def register(
        self,
        kind: Kind,
        provider: int,
        samples: int,
        reserve: int,
        package: str,
        grants: str,
        *,
        regime: Regime = Regime.LOOP,
        epsilon: int = 0,
    ) -> int:
        operation = "registerData"
        if kind is Kind.MODEL:
            operation, samples, reserve = "registerModel", 0, NO_RESERVE
        fits(24, provider)
        fits(32, samples)
        fits(80, reserve)
        fits(32, epsilon)
        with self.market.block():
            if kind is Kind.DATA and not samples:
                raise refused(operation, "NoSamples")
            if not 0 < provider <= len(self.market.providers):
                raise refused(operation, "UnknownProvider", provider=provider)
            if kind is Kind.MODEL:
                private = regime is Regime.PRIVATE
                if not (0 < epsilon <= MAX_EPSILON if private else epsilon == 0):
                    raise refused(operation, "BadEpsilon", regime=regime, epsilon=epsilon)
            else:
                regime, epsilon = Regime.LOOP, 0
            asset = len(self.market.assets) + 1
            self.market.assets[asset] = Asset(
                asset=asset,
                kind=kind,
                state=State.REGISTERED,
                owner=self.account,
                provider=provider,
                samples=samples,
                reserve=reserve,
                package=package,
                grants=grants,
                announced=((grants, self.account),),
                regime=regime,
                epsilon=epsilon,
            )
        return asset

    def describe(self, asset: int, metadata: str) -> None:
        with self.market.block():
            found = self._to_answer("describe", asset)
            self._put(replace(found, state=State.DESCRIBED, metadata=metadata))

    def refuse(self, asset: int, reason: str) -> None:
        with self.market.block():
            found = self._to_answer("refuse", asset)
            self._put(replace(found, state=State.REFUSED, refusal=reason))

    def set_reserve(self, asset: int, reserve: int) -> None:
        fits(80, reserve)
        with self.market.block():
            self._put(replace(self._mine("setReserve", asset), reserve=reserve))

    def allow(self, asset: int, permission: Permission) -> None:
        epsilon, budget, models = permission.epsilon, permission.budget, permission.models
        fits(32, epsilon, budget)
        with self.market.block():
            found = self._live("allow", asset)
            if found.kind is Kind.MODEL:
                raise refused("allow", "NotData", asset=asset)
            private = permission.allows is Allows.PRIVATE
            limited = 0 < epsilon <= budget if private else epsilon == budget == 0
            if not limited or (permission.allows is Allows.LISTED) is not bool(models):
                said = {"allows": permission.allows, "epsilon": epsilon, "budget": budget}
                raise refused("allow", "BadPermission", **said, models=len(models))
            self._put(replace(found, permission=permission))

    def grant(self, asset: int, grants: str) -> None:
        with self.market.block():
            found = self._live("grant", asset)
            announced = (*found.announced, (grants, self.account))
            self._put(replace(found, grants=grants, announced=announced))

    def retire(self, asset: int) -> None:
        with self.market.block():
            self._put(replace(self._live("retire", asset), state=State.RETIRED))

    def delegate(self, to: str) -> None:
        if to:
            address(to)
        with self.market.block():
            self.market.delegates[self.account] = to

    def seek(self, wanted: str) -> None:
        try:
            size = len(wanted.encode())
        except UnicodeEncodeError:
            raise InputError("postSought: the text is not UTF-8") from None
        with self.market.block() as time:
            if size > MAX_SOUGHT:
                raise refused("postSought", "SoughtTooLong", size=size)
            self.market.soughts.append(Sought(self.account, wanted, time))

    def soughts(self) -> list[Sought]:
        return list(self.market.soughts)

    def _to_answer(self, operation: str, asset: int) -> Asset:
        found = self._known(operation, asset)
        if self.market.providers[found.provider - 1].account != self.account:
            raise refused(operation, "NotProvider", asset=asset, account=self.account)
        if found.state is not State.REGISTERED:
            raise refused(operation, "WrongState", asset=asset, state=found.state)
        return found

    def _mine(self, operation: str, asset: int) -> Asset:
        found = self._known(operation, asset)
        if found.owner != self.account:
            raise refused(operation, "NotOwner", asset=asset, account=self.account)
        return found

    def _live(self, operation: str, asset: int) -> Asset:
        found = self._mine(operation, asset)
        if found.state is State.RETIRED:
            raise refused(operation, "WrongState", asset=asset, state=found.state)
        return found

    def _known(self, operation: str, asset: int) -> Asset:
        fits(256, asset)
        if asset not in self.market.assets:
            raise refused(operation, "UnknownAsset", asset=asset)
        return self.market.assets[asset]

    def _put(self, asset: Asset) -> None:
        self.market.assets[asset.asset] = asset
