"""The catalog's part of the chain port: assets, providers, keys, delegation."""

from __future__ import annotations

from dataclasses import replace

from visdm.adapters.evm.session import Event, Session
from visdm.domain.assets import Asset, Kind, Provider, State
from visdm.domain.demand import Sought
from visdm.domain.permissions import Allows, Permission
from visdm.domain.regimes import Regime

CHANGES = (
    *("AssetDescribed", "AssetRefused", "AssetGranted", "AssetRetired", "ReserveSet"),
    *("RegimeDeclared", "PermissionSet"),
)
BUDGETS = {"EpsilonTaken": 1, "EpsilonReturned": -1}
"""Events that change what was spent of several assets' budgets, and which way."""

NOBODY = "0x0000000000000000000000000000000000000000"


class CatalogSession(Session):
    """Reads are folded from events, which any account can read."""

    def providers(self) -> list[Provider]:
        """Return all announced providers, by index from 1."""
        return [
            Provider(
                index=event.args["provider"],
                account=event.args["account"],
                region=event.args["region"].decode("ascii", "replace"),
                fee=event.args["fee"],
            )
            for event in self._ledger.named("ProviderAnnounced")
        ]

    def recipient(self, account: str) -> str:
        """Return the encryption key that `account` published; '' where it has none."""
        published = self._ledger.named("KeyPublished")
        keys = [str(e.args["recipient"]) for e in published if e.args["account"] == account]
        return keys[-1] if keys else ""

    def assets(self) -> list[Asset]:
        """Return all assets, by id from 1."""
        found: dict[int, Asset] = {}
        owners: dict[int, str] = {}
        for event in self._ledger.events():
            if event.name == "Transfer":
                owners[event.args["tokenId"]] = event.args["to"]
            elif event.name == "AssetRegistered":
                asset = _registered(event, owners[event.args["asset"]])
                found[asset.asset] = asset
            elif event.name in CHANGES:
                number = event.args["asset"]
                found[number] = _changed(found[number], event, owners[number])
            elif event.name in BUDGETS:
                taken = BUDGETS[event.name] * event.args["epsilon"]
                for number in event.args["assets"]:
                    found[number] = replace(found[number], spent=found[number].spent + taken)
        return [replace(asset, owner=owners[number]) for number, asset in sorted(found.items())]

    def delegate_of(self, account: str) -> str:
        """Return the delegate of `account`; '' where it has none."""
        delegate = str(self._call("catalog", "delegateOf", account))
        return "" if delegate == NOBODY else delegate

    def publish_key(self, recipient: str) -> None:
        """Publish this account's encryption key."""
        self._send("catalog", "publishKey", recipient)

    def announce(self, region: str, fee: int) -> int:
        """Become a provider; return the index."""
        events = self._send("catalog", "announce", region.encode("utf-8"), fee)
        return int(events[-1].args["provider"])

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
        """Register an asset of this account; return its id."""
        if kind is Kind.DATA:
            events = self._send(
                "catalog", "registerData", provider, samples, reserve, package, grants
            )
        else:
            trains = (int(regime), epsilon)
            events = self._send("catalog", "registerModel", provider, *trains, package, grants)
        return int(events[-1].args["asset"])

    def describe(self, asset: int, metadata: str) -> None:
        """As the asset's provider: publish its metadata."""
        self._send("catalog", "describe", asset, metadata)

    def refuse(self, asset: int, reason: str) -> None:
        """As the asset's provider: say publicly why it will not be described."""
        self._send("catalog", "refuse", asset, reason)

    def set_reserve(self, asset: int, reserve: int) -> None:
        """As the owner: set the standing minimum price per sample."""
        self._send("catalog", "setReserve", asset, reserve)

    def allow(self, asset: int, permission: Permission) -> None:
        """As the owner of images: say what they may be used for, from now on."""
        allows, models = int(permission.allows), list(permission.models)
        self._send("catalog", "allow", asset, allows, permission.epsilon, permission.budget, models)

    def grant(self, asset: int, grants: str) -> None:
        """As the owner: say where its payload key lies now, sealed to other recipients."""
        self._send("catalog", "grant", asset, grants)

    def retire(self, asset: int) -> None:
        """As the owner: take the asset off the market for good."""
        self._send("catalog", "retire", asset)

    def delegate(self, to: str) -> None:
        """Let `to` vote for this account's assets; '' takes it back."""
        self._send("catalog", "delegate", to or NOBODY)

    def seek(self, wanted: str) -> None:
        """Say publicly what this account looks for."""
        self._send("catalog", "postSought", wanted)

    def soughts(self) -> list[Sought]:
        """Return all searches, oldest first."""
        return [
            Sought(event.args["consumer"], event.args["wanted"], self._ledger.time_of(event.block))
            for event in self._ledger.named("Sought")
        ]


def _registered(event: Event, owner: str) -> Asset:
    args = event.args
    return Asset(
        asset=args["asset"],
        kind=Kind(args["kind"]),
        state=State.REGISTERED,
        owner=owner,
        provider=args["provider"],
        samples=args["samples"],
        reserve=args["reserve"],
        package=args["package"],
        grants=args["grants"],
        announced=((args["grants"], owner),),
    )


def _changed(asset: Asset, event: Event, owner: str) -> Asset:
    match event.name:
        case "AssetDescribed":
            return replace(asset, state=State.DESCRIBED, metadata=event.args["metadata"])
        case "AssetRefused":
            return replace(asset, state=State.REFUSED, refusal=event.args["reason"])
        case "AssetGranted":
            grants = event.args["grants"]
            return replace(asset, grants=grants, announced=(*asset.announced, (grants, owner)))
        case "AssetRetired":
            return replace(asset, state=State.RETIRED)
        case "RegimeDeclared" | "PermissionSet":
            return _said(asset, event)
        case _:
            return replace(asset, reserve=event.args["reserve"])


def _said(asset: Asset, event: Event) -> Asset:
    """Return an asset with how it trains, or what it may be used for."""
    args = event.args
    if event.name == "RegimeDeclared":
        return replace(asset, regime=Regime(args["regime"]), epsilon=args["epsilon"])
    allows, models = Allows(args["allows"]), tuple(args["models"])
    permission = Permission(allows, args["epsilon"], args["budget"], models)
    return replace(asset, permission=permission)
