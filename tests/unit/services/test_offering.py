"""Offering and describing: what owners bring, and what a provider will not describe."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from memory.disk import full_disk
from memory.sandbox import InProcess
from visdm.adapters.evm.session import transact
from visdm.adapters.vault import AgeVault
from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.metadata import Metadata
from visdm.errors import (
    BlobError,
    FolderError,
    ModelError,
    OutputError,
    RefusedError,
    UnknownError,
    VaultError,
)
from visdm.ports import Limits
from visdm.services.describing import examine
from visdm.wiring import key_of

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.services.supplier import Supplier
    from visdm.wiring import World

Parts = dict[str, "Path"]


def describe_all(world: World) -> list[Asset]:
    provider = world.provider("provider-1", Limits())
    for asset in provider.undescribed():
        provider.describe(asset)
    return list(provider.chain.assets())


def metadata_of(world: World, asset: Asset) -> Metadata:
    return Metadata.from_bytes(world.store.read(asset.metadata), cid=asset.metadata)


def offered(supplier: Supplier, folder: Path) -> Asset:
    number = supplier.offer(folder, name="mine", provider=1).asset
    return supplier.chain.assets()[number - 1]


def test_an_offered_folder_is_described_with_its_own_name_and_counts(
    world: World, parts: Parts
) -> None:
    world.supplier("supplier-1").offer(parts["a"], name="zeros and ones", provider=1)
    (asset,) = describe_all(world)
    assert (asset.state, asset.samples, asset.reserve) == (State.DESCRIBED, 8, NO_RESERVE)
    metadata = Metadata.from_bytes(world.store.read(asset.metadata), cid=asset.metadata)
    assert (metadata.name, metadata.classes, metadata.samples) == ("zeros and ones", ("0", "1"), 8)
    assert metadata.summary["class_counts"] == {"0": 4, "1": 4}


def test_offering_the_same_folder_twice_registers_it_once(world: World, parts: Parts) -> None:
    supplier = world.supplier("supplier-1")
    first = supplier.offer(parts["a"], name="mine", provider=1).asset
    assert supplier.offer(parts["a"], name="mine", provider=1).asset == first
    assert len(supplier.chain.assets()) == 1


def test_offering_again_sets_the_reserve_and_after_retiring_registers_anew(
    world: World, parts: Parts
) -> None:
    supplier = world.supplier("supplier-1")
    first = supplier.offer(parts["a"], name="mine", provider=1).asset
    assert supplier.offer(parts["a"], name="mine", provider=1, reserve=7).asset == first
    assert supplier.chain.assets()[0].reserve == 7
    describe_all(world)
    supplier.retire(first)
    second = supplier.offer(parts["a"], name="mine", provider=1).asset
    assert second != first
    assert describe_all(world)[1].state is State.DESCRIBED


def test_a_junk_asset_that_somebody_hands_over_does_not_keep_its_owner_from_offering(
    world: World, parts: Parts
) -> None:
    victim, rogue = world.supplier("supplier-1"), world.supplier("supplier-2")
    junk = rogue.chain.register(Kind.DATA, 1, 5, 0, "nothing", "nowhere")
    world.chain("supplier-2")._send(
        "catalog", "transferFrom", rogue.chain.account, victim.chain.account, junk
    )
    assert victim.offer(parts["a"], name="mine", provider=1).asset == junk + 1


def test_one_asset_that_cannot_be_fetched_keeps_no_other_waiting(
    world: World, parts: Parts
) -> None:
    rogue = world.supplier("supplier-2")
    junk = rogue.chain.register(Kind.DATA, 1, 5, 0, "nothing", "nowhere")
    good = world.supplier("supplier-1").offer(parts["a"], name="mine", provider=1).asset
    faults = world.provider("provider-1", Limits()).describe_waiting()
    assert list(faults) == [junk]
    assert world.chain("operator").assets()[good - 1].state is State.DESCRIBED


def waiting(world: World, parts: Parts) -> tuple[int, int]:
    """Offer two assets; return their ids."""
    first = world.supplier("supplier-1").offer(parts["a"], name="a", provider=1).asset
    second = world.supplier("supplier-2").offer(parts["b"], name="b", provider=1).asset
    return first, second


def test_a_disk_that_is_full_for_one_asset_keeps_no_other_waiting(
    world: World, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = waiting(world, parts)
    provider = world.provider("provider-1", Limits())
    decrypt, packages_ = AgeVault.decrypt, []

    def cramped(self: AgeVault, source: Any, target: Path, key: str) -> str:  # noqa: ANN401 - any store's
        packages_.append(target)
        with full_disk(1024) if len(packages_) == 1 else nullcontext():
            return decrypt(self, source, target, key)

    monkeypatch.setattr(AgeVault, "decrypt", cramped)
    faults = provider.describe_waiting()
    assert {number: type(fault) for number, fault in faults.items()} == {first: OutputError}
    states = {asset.asset: asset.state for asset in provider.chain.assets()}
    assert states == {first: State.REGISTERED, second: State.DESCRIBED}
    assert provider.describe_waiting() == {}
    assert provider.undescribed() == []


def test_an_owner_who_retires_an_asset_as_it_is_described_keeps_no_other_waiting(
    world: World, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = waiting(world, parts)
    run = InProcess.run

    def retiring(self: InProcess, *rest: Any) -> Any:  # noqa: ANN401 - the sandbox's own
        answer = run(self, *rest)
        if world.chain("operator").assets()[first - 1].state is State.REGISTERED:
            world.supplier("supplier-1").retire(first)
        return answer

    monkeypatch.setattr(InProcess, "run", retiring)
    faults = world.provider("provider-1", Limits()).describe_waiting()
    assert {number: type(fault) for number, fault in faults.items()} == {first: RefusedError}
    states = [asset.state for asset in world.chain("operator").assets()]
    assert states == [State.RETIRED, State.DESCRIBED]
    assert second == len(states)


def test_text_that_is_not_utf8_does_not_keep_anybody_from_reading_the_chain(
    world: World,
) -> None:
    contract = world.ledger.contracts["catalog"]
    call = contract.encode_abi("publishKey", ["ab"]).replace("6162" + "0" * 60, "fffe" + "0" * 60)

    def build(draft: Any) -> Any:  # noqa: ANN401  # web3's own
        return {**draft, "to": contract.address, "data": call, "gas": 200_000, "value": 0}

    transact(world.node.web3, key_of(world.seed, "supplier-3"), build, "publishKey")
    assert world.chain("operator").recipient(world.address("supplier-3")) == "\ufffd\ufffd"
    assert world.chain("operator").assets() == []


def test_an_image_repeated_does_not_weigh_as_many(
    world: World, parts: Parts, tmp_path: Path
) -> None:
    shutil.copytree(parts["a"], tmp_path / "padded")
    image = next((tmp_path / "padded" / "0").iterdir())
    for number in range(20):
        shutil.copyfile(image, image.with_name(f"again{number}.png"))
    world.supplier("supplier-1").offer(tmp_path / "padded", name="padded", provider=1)
    assert describe_all(world)[0].refusal == "most of its images are repeated"


def test_images_gathered_from_several_others_are_marked_by_where_they_are_from(
    world: World, parts: Parts, tmp_path: Path
) -> None:
    for name, part in (("supplier-1", "a"), ("supplier-2", "b")):
        world.supplier(name).offer(parts[part], name=part, provider=1)
    for part in ("a", "b"):
        shutil.copytree(parts[part] / "0", tmp_path / "both" / part)
    world.supplier("supplier-3").offer(tmp_path / "both", name="mine", provider=1)
    gathered = describe_all(world)[2]
    assert gathered.state is State.DESCRIBED
    assert metadata_of(world, gathered).copies == {
        number: len(list((parts[part] / "0").iterdir())) for number, part in ((1, "a"), (2, "b"))
    }


def test_a_copy_under_another_name_is_marked_and_the_first_is_not(
    world: World, parts: Parts, tmp_path: Path
) -> None:
    world.supplier("supplier-1").offer(parts["a"], name="mine", provider=1)
    shutil.copytree(parts["a"], tmp_path / "copy")
    shutil.copyfile(next((parts["b"] / "0").iterdir()), tmp_path / "copy" / "0" / "extra.png")
    world.supplier("supplier-2").offer(tmp_path / "copy", name="also mine", provider=1)
    first, second = describe_all(world)
    assert {first.state, second.state} == {State.DESCRIBED}
    assert metadata_of(world, first).copies == {}
    assert metadata_of(world, second).copies == {1: first.samples}
    assert metadata_of(world, second).copied == first.samples / (first.samples + 1)


def test_other_images_of_the_same_classes_are_no_copy(world: World, parts: Parts) -> None:
    world.supplier("supplier-1").offer(parts["a"], name="a", provider=1)
    world.supplier("supplier-2").offer(parts["b"], name="b", provider=1)
    for asset in describe_all(world):
        assert asset.state is State.DESCRIBED
        assert metadata_of(world, asset).copies == {}


def test_a_stranger_who_registers_the_package_first_gets_nothing(
    world: World, parts: Parts
) -> None:
    """The thief sees package and grants in the owner's transaction, and is faster."""
    owner, thief = world.supplier("supplier-1"), world.supplier("supplier-2")
    mine = offered(owner, parts["a"])
    thief.chain.register(Kind.DATA, 1, 8, 0, mine.package, mine.grants)
    _, stolen = describe_all(world)
    assert stolen.state is State.REFUSED
    assert "not made by its owner" in stolen.refusal


def test_a_stranger_who_was_first_does_not_keep_the_owner_out(world: World, parts: Parts) -> None:
    owner, thief = world.supplier("supplier-1"), world.supplier("supplier-2")
    mine = offered(owner, parts["a"])
    thief.chain.register(Kind.DATA, 1, 8, 0, mine.package, mine.grants)
    provider = world.provider("provider-1", Limits())
    for asset in reversed(provider.undescribed()):  # the thief's is looked at first
        provider.describe(asset)
    states = [asset.state for asset in provider.chain.assets()]
    assert states == [State.DESCRIBED, State.REFUSED]


def test_more_samples_than_there_are_images_are_refused(world: World, parts: Parts) -> None:
    """Samples are weight in every vote: an owner who could claim any would rule all rounds."""
    supplier = world.supplier("supplier-1")
    honest = offered(supplier, parts["a"])
    supplier.chain.register(Kind.DATA, 1, 1_000_000, 0, honest.package, honest.grants)
    _, inflated = describe_all(world)
    assert inflated.refusal == "it holds 8 samples, but 1000000 were registered"


def test_grants_that_cannot_be_read_are_refused_in_public_without_a_secret(
    world: World, parts: Parts
) -> None:
    supplier = world.supplier("supplier-1")
    good = offered(supplier, parts["a"])
    nonsense = world.store.write(b"[" * 100_000)
    supplier.chain.register(Kind.DATA, 1, 8, 0, good.package, nonsense)
    _, bad = describe_all(world)
    assert bad.state is State.REFUSED
    assert "cannot be read" in bad.refusal


def test_a_lost_blob_is_the_worlds_fault_and_refuses_nobody(world: World, parts: Parts) -> None:
    supplier = world.supplier("supplier-1")
    good = offered(supplier, parts["a"])
    nowhere = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    supplier.chain.register(Kind.DATA, 1, 8, 0, nowhere, good.grants)
    provider = world.provider("provider-1", Limits())
    lost = provider.undescribed()[1]
    with pytest.raises((BlobError, VaultError)):
        examine(provider, lost, world.folder, lambda *_: None)


def test_a_model_is_profiled_before_any_data_is_near(world: World, model: Path) -> None:
    consumer = world.consumer("consumer-1")
    number = consumer.register_model(model, provider=1)
    assert consumer.register_model(model, provider=1) == number
    (asset,) = describe_all(world)
    summary = Metadata.from_bytes(world.store.read(asset.metadata), cid=asset.metadata).summary
    assert summary["parameters"] > 0
    assert summary["tensors"]


def test_a_model_that_does_not_work_is_refused_with_a_public_reason(
    world: World, model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "model.py").write_text("def build_model(config):\n    raise SystemError('x' * 99)\n")
    world.consumer("consumer-1").register_model(broken, provider=1)
    (asset,) = describe_all(world)
    assert asset.state is State.REFUSED
    assert asset.refusal
    assert "xxx" not in asset.refusal


def test_what_cannot_be_packaged_is_not_registered(
    world: World, parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError):
        world.supplier("supplier-1").offer(tmp_path / "empty", name="x", provider=1)
    with pytest.raises((FolderError, ModelError)):
        world.consumer("consumer-1").register_model(parts["a"], provider=1)
    with pytest.raises(UnknownError):
        world.supplier("supplier-1").offer(parts["a"], name="x", provider=2)
    assert world.chain("operator").assets() == []


def test_no_plaintext_stays_in_any_private_folder(world: World, parts: Parts, model: Path) -> None:
    world.supplier("supplier-1").offer(parts["a"], name="a", provider=1)
    world.consumer("consumer-1").register_model(model, provider=1)
    describe_all(world)
    left = [file for file in (world.folder / "accounts").rglob("*") if file.is_file()]
    assert {file.name for file in left} <= {"age.txt", ".visdm-gate"}
