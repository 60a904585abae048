"""Who may open an asset: keys that change, providers that join and leave, and the end of it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from web3.exceptions import TimeExhausted

from visdm.domain.assets import Kind, State
from visdm.domain.grants import Grant, bundle
from visdm.errors import (
    BlobError,
    ChainError,
    NotGrantedError,
    RefusedError,
    UnknownError,
    VaultError,
)
from visdm.ports import Limits
from visdm.services import parcels
from visdm.services.parcels import Parcel, parcel_of
from visdm.wiring import open_world, packages, sandbox

if TYPE_CHECKING:
    from visdm.domain.assets import Asset
    from visdm.services.supplier import Supplier
    from visdm.wiring import World

Parts = dict[str, "Path"]
PROVIDER = "provider-1"


@pytest.fixture
def supplier(world: World) -> Supplier:
    return world.supplier("supplier-1")


@pytest.fixture
def asset(supplier: Supplier, parts: Parts) -> int:
    return supplier.offer(parts["a"], name="mine", provider=1).asset


def now(supplier: Supplier, asset: int) -> Asset:
    return supplier.chain.assets()[asset - 1]


def opened(world: World, name: str, parcel: Parcel) -> str:
    """Open a parcel as an account; return its digest."""
    role = world.supplier(name)
    target = world.folder / f"opened by {name}"
    try:
        return parcels.receive(world.store, role.vault, parcel, target).digest
    finally:
        target.unlink(missing_ok=True)


def change_key(world: World, name: str) -> None:
    """Let an account lose its identity; it publishes a new one."""
    (world.private(name) / "age.txt").unlink()
    world.supplier(name).join()


def test_a_provider_that_changed_its_key_opens_the_asset_again_and_the_package_stays(
    world: World, supplier: Supplier, asset: int
) -> None:
    before = now(supplier, asset)
    change_key(world, PROVIDER)
    with pytest.raises(NotGrantedError, match="was not granted to this account"):
        opened(world, PROVIDER, parcel_of(before))
    supplier.grant(asset)
    after = now(supplier, asset)
    assert after.package == before.package
    assert after.grants != before.grants
    assert opened(world, PROVIDER, parcel_of(after)) == opened(
        world, "supplier-1", parcel_of(after)
    )
    provider = world.provider(PROVIDER, Limits())
    assert provider.describe_waiting() == {}
    assert now(supplier, asset).state is State.DESCRIBED


def test_an_asset_that_a_provider_was_not_granted_waits_and_is_not_refused(
    world: World, supplier: Supplier, asset: int
) -> None:
    change_key(world, PROVIDER)
    provider = world.provider(PROVIDER, Limits())
    assert isinstance(provider.describe_waiting()[asset], NotGrantedError)
    assert now(supplier, asset).state is State.REGISTERED
    supplier.grant(asset)
    assert provider.describe_waiting() == {}


def test_an_owner_that_changed_its_own_key_cannot_grant_and_says_why(
    world: World, supplier: Supplier, asset: int
) -> None:
    change_key(world, "supplier-1")
    with pytest.raises(VaultError, match="was not granted to this account"):
        world.supplier("supplier-1").grant(asset)
    assert opened(world, PROVIDER, parcel_of(now(supplier, asset)))


def test_another_is_let_in_and_left_out_again(world: World, supplier: Supplier, asset: int) -> None:
    rival = world.address("supplier-2")
    assert supplier.grant(asset, [rival]) == [
        supplier.chain.account,
        world.address(PROVIDER),
        rival,
    ]
    let_in = parcel_of(now(supplier, asset))
    assert opened(world, "supplier-2", let_in) == opened(world, PROVIDER, let_in)
    supplier.grant(asset)
    left_out = parcel_of(now(supplier, asset))
    assert left_out.package == let_in.package
    with pytest.raises(NotGrantedError):
        opened(world, "supplier-2", left_out)
    assert opened(world, PROVIDER, left_out)
    with pytest.raises(BlobError, match="is missing"):
        opened(world, "supplier-2", let_in)


def test_granting_to_an_account_without_a_key_changes_nothing(
    world: World, supplier: Supplier, asset: int
) -> None:
    before = now(supplier, asset)
    nobody = world.address("operator")
    with pytest.raises(UnknownError, match=f"key of: {nobody}"):
        supplier.grant(asset, [nobody])
    assert now(supplier, asset) == before
    assert opened(world, PROVIDER, parcel_of(before))


def test_only_the_owner_grants(world: World, asset: int) -> None:
    with pytest.raises(UnknownError, match=f"asset: {asset}"):
        world.supplier("supplier-2").grant(asset)
    with pytest.raises(RefusedError, match="NotOwner"):
        world.chain(PROVIDER).grant(asset, "anything")


def test_a_grant_moved_to_another_asset_opens_nothing(
    world: World, supplier: Supplier, asset: int, parts: Parts
) -> None:
    other = supplier.offer(parts["b"], name="other", provider=1).asset
    moved = Parcel(now(supplier, other).package, now(supplier, asset).grants)
    with pytest.raises(VaultError, match="was made for another package"):
        opened(world, PROVIDER, moved)


def test_a_buyer_grants_anew_what_the_seller_granted_it(
    world: World, supplier: Supplier, asset: int
) -> None:
    buyer = world.supplier("supplier-2")
    supplier.grant(asset, [buyer.chain.account])
    world.chain("supplier-1")._send(
        "catalog", "transferFrom", supplier.chain.account, buyer.chain.account, asset
    )
    buyer.grant(asset)
    bought = now(buyer, asset)
    assert opened(world, PROVIDER, parcel_of(bought))
    with pytest.raises(NotGrantedError):
        opened(world, "supplier-1", parcel_of(bought))
    assert world.provider(PROVIDER, Limits()).describe_waiting() == {}
    assert now(buyer, asset).state is State.DESCRIBED


def test_a_retired_asset_is_opened_by_nobody_any_more(
    world: World, supplier: Supplier, asset: int
) -> None:
    parcel = parcel_of(now(supplier, asset))
    supplier.retire(asset)
    for name in ("supplier-1", PROVIDER):
        with pytest.raises(BlobError, match="is missing"):
            opened(world, name, parcel)
    for cid in (parcel.package, parcel.grants):
        with pytest.raises(BlobError, match="is missing"):
            world.store.read(cid)
    supplier.retire(asset)
    assert now(supplier, asset).state is State.RETIRED


def test_a_retiring_that_was_cut_off_after_its_transaction_is_finished_by_the_next(
    world: World, supplier: Supplier, asset: int
) -> None:
    parcel = parcel_of(now(supplier, asset))
    supplier.chain.retire(asset)
    supplier.retire(asset)
    with pytest.raises(BlobError, match="is missing"):
        opened(world, PROVIDER, parcel)


def test_offering_what_is_offered_already_leaves_nothing_more_in_the_store(
    world: World, supplier: Supplier, asset: int, parts: Parts
) -> None:
    before = stored(world)
    assert supplier.offer(parts["a"], name="mine", provider=1).asset == asset
    assert stored(world) == before


def test_what_cannot_be_packaged_leaves_nothing_in_the_store(
    world: World, supplier: Supplier, tmp_path: Path, parts: Parts
) -> None:
    (tmp_path / "bad" / "0").mkdir(parents=True)
    first = next((parts["a"] / "0").iterdir())
    (tmp_path / "bad" / "0" / "1.png").write_bytes(first.read_bytes())
    (tmp_path / "bad" / "0" / "2.png").write_bytes(b"no image")
    with pytest.raises(Exception, match=r"2\.png"):
        supplier.offer(tmp_path / "bad", name="bad", provider=1)
    assert stored(world) == []


def hand_over(world: World, asset: int, giver: str, receiver: str) -> None:
    accounts = world.address(giver), world.address(receiver)
    world.chain(giver)._send("catalog", "transferFrom", *accounts, asset)


def test_a_thief_that_registers_and_retires_anothers_package_destroys_nothing(
    world: World, supplier: Supplier, asset: int
) -> None:
    mine = now(supplier, asset)
    thief = world.supplier("supplier-2")
    stolen = thief.chain.register(Kind.DATA, 1, 8, 0, mine.package, mine.grants)
    thief.retire(stolen)
    assert opened(world, PROVIDER, parcel_of(mine))


def test_retiring_what_a_stranger_handed_over_destroys_nothing_of_ones_own(
    world: World, supplier: Supplier, asset: int
) -> None:
    mine = now(supplier, asset)
    junk = world.chain("supplier-2").register(Kind.DATA, 1, 8, 0, mine.package, mine.grants)
    hand_over(world, junk, "supplier-2", "supplier-1")
    supplier.retire(junk)
    assert opened(world, PROVIDER, parcel_of(mine))
    supplier.retire(asset)
    with pytest.raises(BlobError, match="is missing"):
        opened(world, PROVIDER, parcel_of(mine))


def test_grants_that_a_failing_store_left_behind_go_with_the_next_or_with_the_asset(
    world: World, supplier: Supplier, asset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [parcel_of(now(supplier, asset))]
    drop = world.store.drop
    monkeypatch.setattr(type(world.store), "drop", lambda *_: None)
    for _ in range(2):
        supplier.grant(asset)
        old.append(parcel_of(now(supplier, asset)))
    monkeypatch.setattr(type(world.store), "drop", lambda _, cid: drop(cid))
    assert all(opened(world, PROVIDER, parcel) for parcel in old)
    supplier.grant(asset)
    for parcel in old:
        with pytest.raises(BlobError, match="is missing"):
            opened(world, PROVIDER, parcel)
    assert opened(world, PROVIDER, parcel_of(now(supplier, asset)))


def test_a_refused_registration_leaves_nothing_in_the_store(
    world: World, supplier: Supplier, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise RefusedError("registerData", "no")

    monkeypatch.setattr(type(supplier.chain), "register", refuse)
    for _ in range(2):
        with pytest.raises(RefusedError):
            supplier.offer(parts["b"], name="mine", provider=1)
    assert stored(world) == []


def test_a_registration_that_may_be_in_a_block_keeps_its_package(
    world: World, supplier: Supplier, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node takes the transaction and is gone before it tells of its block."""

    def gone(*_: object, **__: object) -> None:
        raise TimeExhausted("no receipt")

    with monkeypatch.context() as patch:
        patch.setattr(world.node.web3.eth, "get_transaction_receipt", gone)
        with pytest.raises(ChainError, match="was sent, and its block not read"):
            supplier.offer(parts["b"], name="mine", provider=1)
    (mine,) = supplier.assets()
    assert opened(world, PROVIDER, parcel_of(mine))
    assert supplier.offer(parts["b"], name="mine", provider=1).asset == mine.asset


def test_a_model_follows_its_providers_changed_key(world: World, model: Path) -> None:
    consumer = world.consumer("consumer-1")
    number = consumer.register_model(model, provider=1)
    change_key(world, PROVIDER)
    provider = world.provider(PROVIDER, Limits())
    assert isinstance(provider.describe_waiting()[number], NotGrantedError)
    before = len(stored(world))
    assert consumer.register_model(model, provider=1) == number
    assert len(stored(world)) == before, "the grants that were replaced are left behind"
    assert provider.describe_waiting() == {}


def test_offering_again_grants_to_a_provider_that_changed_its_key(
    world: World, supplier: Supplier, asset: int, parts: Parts
) -> None:
    change_key(world, PROVIDER)
    assert supplier.offer(parts["a"], name="mine", provider=1).asset == asset
    assert opened(world, PROVIDER, parcel_of(now(supplier, asset)))


def test_a_forged_grant_on_a_gift_does_not_pass_for_ones_own_offer(
    world: World, supplier: Supplier, parts: Parts
) -> None:
    """Who knows the images can name their digest, and anybody as giver."""
    rogue = world.supplier("supplier-2")
    digest = packages().build_data(parts["a"], BytesIO(), name="mine").digest
    with world.store.adding() as upload, rogue.vault.encrypting(upload) as sealing:
        sealing.write(b"junk")
    recipient = supplier.vault.recipient
    forged = Grant(upload.cid, recipient, supplier.chain.account, digest, sealing.key)
    bundled = bundle({recipient: rogue.vault.seal(forged.to_bytes(), recipient)})
    junk = rogue.chain.register(Kind.DATA, 1, 8, 0, upload.cid, world.store.write(bundled))
    hand_over(world, junk, "supplier-2", "supplier-1")
    assert supplier.offer(parts["a"], name="mine", provider=1).asset != junk


def test_a_market_may_lie_in_a_folder_whose_name_holds_a_colon(tmp_path: Path) -> None:
    with open_world(
        tmp_path / "kubo:x", 1, ("operator",), computes=sandbox("none", unsafe=True)
    ) as world:
        assert world.store.read(world.store.write(b"hello")) == b"hello"
        assert (world.folder / "blobs" / "pins").is_dir()


def test_a_relative_folder_that_looks_like_a_place_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_world(
        Path("kubo:x"), 1, ("operator",), computes=sandbox("none", unsafe=True)
    ) as world:
        world.store.write(b"hello")
    assert (tmp_path / "kubo:x" / "blobs" / "pins").is_dir()


def stored(world: World) -> list[str]:
    return sorted(path.name for path in (world.folder / "blobs" / "pins").iterdir())
