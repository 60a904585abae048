"""The supplier: brings labelled images, answers rounds, takes out rewards (paper 3.2(1))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.rounds import MAX_DELEGATIONS, choice_for
from visdm.errors import RefusedError, UnknownError
from visdm.ports import silent
from visdm.services import parcels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.rounds import Ballot, Terms
    from visdm.ports import BlobStore, Chain, Packages, Progress, Scratch, Vault


@dataclass(frozen=True)
class Supplier:
    """One supplier's account and tools. Every call may be repeated after a failure."""

    chain: Chain
    store: BlobStore
    vault: Vault
    packages: Packages
    scratch: Scratch

    def join(self) -> None:
        """Publish this account's encryption key, unless it is published."""
        if self.chain.recipient(self.chain.account) != self.vault.recipient:
            self.chain.publish_key(self.vault.recipient)

    def offer(
        self,
        folder: Path,
        *,
        name: str,
        provider: int,
        reserve: int = NO_RESERVE,
        progress: Progress = silent,
    ) -> int:
        """Package, encrypt, upload and register a folder of labelled images.

        Returns the asset's id; the id it already has, with its reserve set anew, when this
        account offers the very same package to the same provider already. Raises
        `UnknownError`, `FolderError`, `ImageError`: nothing is registered then.
        """
        recipient = parcels.recipient_of(self.chain, provider)
        with self.scratch.folder() as private:
            plain = private / "package.parquet"
            with plain.open("wb") as sink:
                summary = self.packages.build_data(folder, sink, name=name, progress=progress)
            mine = self.assets(kind=Kind.DATA)
            known = parcels.already_sent(self, mine, summary.digest, provider)
            if known is not None:
                self.set_reserve(known.asset, reserve)
                return known.asset
            keys = (self.vault.recipient, recipient)
            parcel = parcels.send(self, plain, summary.digest, keys)
        return self.chain.register(
            Kind.DATA, provider, summary.samples, reserve, parcel.package, parcel.grants
        )

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
        """Take an asset off the market for good."""
        if self._mine(asset).state is not State.RETIRED:
            self.chain.retire(asset)

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
        for asset in self.assets():
            if asset.asset == number:
                return asset
        raise UnknownError("asset", number, hint="name one that this account owns")
