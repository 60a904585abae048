"""The supplier: brings labelled images, answers rounds, takes out rewards (paper 3.2(1))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.packages import Disclosure
from visdm.domain.permissions import BY_DEFAULT
from visdm.domain.rounds import MAX_DELEGATIONS, choice_for
from visdm.errors import RefusedError, UnknownError
from visdm.ports import silent
from visdm.services import parcels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.packages import DataSummary
    from visdm.domain.permissions import Permission
    from visdm.domain.rounds import Ballot, Terms
    from visdm.ports import BlobStore, Chain, Packages, Progress, Vault, Writer


@dataclass(frozen=True)
class Offered:
    """An asset on the market, and what was packed for it."""

    asset: int
    summary: DataSummary


@dataclass(frozen=True)
class Supplier:
    """One supplier's account and tools. Every call may be repeated after a failure."""

    chain: Chain
    store: BlobStore
    vault: Vault
    packages: Packages

    def join(self) -> None:
        """Publish this account's encryption key, unless it is published."""
        if self.chain.recipient(self.chain.account) != self.vault.recipient:
            self.chain.publish_key(self.vault.recipient)

    def offer(
        self,
        source: Path,
        *,
        name: str,
        provider: int,
        reserve: int = NO_RESERVE,
        keep_exif: bool = False,
        disclosure: Disclosure = Disclosure.FULL,
        permission: Permission = BY_DEFAULT,
        progress: Progress = silent,
    ) -> Offered:
        """Package, encrypt, upload and register labelled images, in one pass over them.

        The package is never in clear on a disk. It says what of its metadata the provider may
        publish, `disclosure`; `permission` says on chain which models may be trained on them,
        before the provider can describe it. The answer names the asset that is there already, with
        its reserve and permission set anew, when this account offers the very same package to
        the same provider. Raises `UnknownError`, `FolderError`, `ImageError`, and `InputError` for
        a permission that nobody can mean: nothing is registered or stored then.
        """
        permission.check()
        recipient = parcels.recipient_of(self.chain, provider)

        def build(sink: Writer) -> DataSummary:
            return self.packages.build_data(
                source,
                sink,
                name=name,
                keep_exif=keep_exif,
                disclosure=disclosure,
                progress=progress,
            )

        payload, summary = parcels.pack(self, build)
        known = parcels.already_sent(self, self.assets(), summary.digest, provider)
        if known is not None:
            self.store.drop(payload.package)
            self.set_reserve(known.asset, reserve)
            self.allow(known.asset, permission)
            if not parcels.is_granted(self.store, parcels.parcel_of(known), recipient):
                self.grant(known.asset)
            return Offered(known.asset, summary)
        parcel = parcels.grant(self, payload, (self.vault.recipient, recipient))
        with parcels.unless_refused(self, parcel):
            number = self.chain.register(
                Kind.DATA, provider, summary.samples, reserve, parcel.package, parcel.grants
            )
        self.allow(number, permission)
        return Offered(number, summary)

    def grant(self, asset: int, accounts: Sequence[str] = ()) -> list[str]:
        """Grant an asset anew: to this account, to its provider and to `accounts`, nobody else.

        Each gets the key that it publishes now, so this replaces a key that was changed, lets
        another provider in, and leaves one out. The package is not touched: who was left out
        may have kept what it opened. Returns who was granted it; raises `UnknownError` for an
        account without a key, `VaultError` where this account cannot open the asset.
        """
        mine = self._mine(asset)
        announced = {known.index: known.account for known in self.chain.providers()}
        others = (announced[mine.provider], *accounts)
        keys = [parcels.key_of(self.chain, account, account) for account in others]
        parcels.grant_anew(self, mine, keys)
        return [self.chain.account, *others]

    def assets(self, *, kind: Kind = Kind.DATA) -> list[Asset]:
        """Return this account's assets."""
        return [
            asset
            for asset in self.chain.assets()
            if asset.owner == self.chain.account and asset.kind is kind
        ]

    def set_reserve(self, asset: int, reserve: int) -> None:
        """Set the standing minimum per sample, which answers when this account does not."""
        if self._mine(asset).reserve != reserve:
            self.chain.set_reserve(asset, reserve)

    def allow(self, asset: int, permission: Permission) -> None:
        """Say which models may be trained on an asset, from now on, unless that stands already.

        Raises `InputError` for a permission that nobody can mean.
        """
        permission.check()
        if self._mine(asset).permission != permission:
            self.chain.allow(asset, permission)

    def delegate(self, to: str) -> None:
        """Let `to` vote for this account's assets."""
        if self.chain.delegate_of(self.chain.account) != to:
            self.chain.delegate(to)

    def vote(self, round_: str, least: int | None, *, last: bool = False) -> list[int]:
        """Answer a round for every asset this account owns, whatever its delegate said.

        `least` is the least price per sample accepted, None a rejection; `last` makes it this
        owner's last word. What stands already is not sent again. Returns its assets in the round.
        """
        owners = self._owners()
        self._answer(
            round_, least, lambda asset, _: owners.get(asset) == self.chain.account, last=last
        )
        assets = self._terms(round_).assets
        return [asset for asset in assets if owners.get(asset) == self.chain.account]

    def vote_for_others(self, round_: str, least: int | None) -> list[int]:
        """Answer a round as a delegate, for all whose vote this account has.

        Who has answered itself is left alone. Returns the assets that were answered for.
        """
        owners = self._owners()
        return self._answer(
            round_,
            least,
            lambda asset, voter: (
                asset in owners and voter != owners[asset] and self._votes_for(owners[asset])
            ),
        )

    def _answer(
        self,
        round_: str,
        least: int | None,
        concerns: Callable[[int, str], bool],
        *,
        last: bool = False,
    ) -> list[int]:
        terms = self._terms(round_)
        choice = choice_for(terms, least)
        standing = list(zip(self.chain.voters(round_), self.chain.ballots(round_), strict=True))
        said = (self.chain.account, choice)
        places = [
            place
            for place, (voter, cast) in enumerate(standing)
            if (last or (voter, cast) != said) and concerns(terms.assets[place], voter)
        ]
        if places:
            try:
                self.chain.vote(round_, places, choice, last=last)
            except RefusedError:
                # A last word is said once: said again, it stands already.
                if not last or any(standing[place] != said for place in places):
                    raise
        return [terms.assets[place] for place in places]

    def _owners(self) -> dict[int, str]:
        return {asset.asset: asset.owner for asset in self.chain.assets()}

    def sign(self, round_: str, least: int | None, *, last: bool = False) -> list[Ballot]:
        """Sign ballots for this account's own assets in a round, for anybody to submit."""
        terms = self._terms(round_)
        choice = choice_for(terms, least)
        owned = {asset.asset for asset in self.assets()}
        return [
            self.chain.sign_ballot(round_, place, choice, terms.vote_by, last=last)
            for place, asset in enumerate(terms.assets)
            if asset in owned
        ]

    def retire(self, asset: int) -> None:
        """Take an asset off the market for good, and destroy its grants and its package.

        Without a grant nobody opens the package any more, wherever a copy of it may lie. What
        others copied of the grants before is out of reach.
        """
        mine = self._mine(asset)
        if mine.state is not State.RETIRED:
            self.chain.retire(asset)
        parcels.forget(self, mine, all_of_it=True)

    def withdraw(self) -> int:
        """Take out what was earned; 0 when there is nothing."""
        if not self.chain.claimable(self.chain.account):
            return 0
        return self.chain.withdraw()

    def _votes_for(self, owner: str) -> bool:
        """Whether this account is a delegate of `owner`, within the contracts' reach."""
        hop = owner
        for _ in range(MAX_DELEGATIONS):
            hop = self.chain.delegate_of(hop) if hop else ""
            if hop == self.chain.account:
                return owner != hop
        return False

    def _terms(self, round_: str) -> Terms:
        try:
            return self.chain.rounds()[round_]
        except KeyError:
            raise UnknownError("round", round_, hint="see `visdm round list`") from None

    def _mine(self, number: int) -> Asset:
        for asset in self.chain.assets():
            if asset.asset == number and asset.owner == self.chain.account:
                return asset
        raise UnknownError("asset", number, hint="name one that this account owns")
