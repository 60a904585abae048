"""What is killed: each operation with what must hold afterwards, and its retry.

Everything is asserted in the campaign's own process, which stands for the next run.
"""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Protocol

from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.adapters.blocks.unixfs import Profile
from visdm.adapters.machine import MachineScratch
from visdm.adapters.vault import AgeVault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROFILE = Profile(chunk=1 << 16, links=4)
SIZE = 300_000
"""Bytes of a blob: five leaves below two nodes below a root."""


class Operation(Protocol):
    varies: bool
    """Whether it may take fewer steps the next time."""

    def prepare(self) -> None:
        """Make everything as it is before the operation."""

    def run(self) -> None:
        """Do it: in a process that may be killed at any instant."""

    def check(self) -> None:
        """Hold what the killed process left to what it promised."""

    def finish(self) -> None:
        """Do it again, to its end; look for leftovers."""


def content(seed: int) -> bytes:
    return random.Random(seed).randbytes(SIZE)  # noqa: S311  # content to tell apart, no secret


def opened(root: Path) -> BlockFolder:
    blobs = BlockFolder(root)
    blobs.profile = PROFILE
    return blobs


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def hold(blobs: BlockFolder) -> None:
    """A name that is there stands for a whole block, and a pin for a whole blob."""
    for cid in blobs.stored():
        assert not blobs.fault(cid), f"{cid} {blobs.fault(cid)}"
    for root in blobs.pins():
        for _ in blobs.blob(str(root)):
            pass


def hold_only(blobs: BlockFolder, kept: dict[str, bytes]) -> None:
    """Exactly these blobs are in the store, and nothing beside them."""
    assert {str(root) for root in blobs.pins()} == set(kept)
    for cid, whole in kept.items():
        assert blobs.read(cid) == whole
    assert set(blobs.stored()) == {name for cid in kept for name in blobs.blob(cid).names()}
    assert list((blobs.root / "partial").iterdir()) == []


class Add:
    """Storing a file of several chunks beside one that is there, which shares some."""

    varies = False

    def __init__(self, folder: Path) -> None:
        self.store, self.source = folder / "store", folder / "source"
        self.before = content(1)
        self.new = self.before[: SIZE // 2] + content(2)[SIZE // 2 :]
        self.source.write_bytes(self.new)

    def prepare(self) -> None:
        self.old = opened(fresh(self.store)).write(self.before)

    def run(self) -> None:
        opened(self.store).put(self.source)

    def check(self) -> None:
        blobs = opened(self.store)
        hold(blobs)
        assert blobs.read(self.old) == self.before
        assert list((self.store / "partial").iterdir()) == []

    def finish(self) -> None:
        blobs = opened(self.store)
        cid = blobs.put(self.source)
        hold_only(blobs, {self.old: self.before, cid: self.new})
        assert blobs.collect().blocks == 0


class Get:
    """Fetching a blob to a name, every other time one under which something lies."""

    varies = False

    def __init__(self, folder: Path) -> None:
        self.target = folder / "wanted" / "blob"
        self.blobs = opened(folder / "store")
        self.new, self.times = content(3), 0
        self.cid = self.blobs.write(self.new)

    def prepare(self) -> None:
        fresh(self.target.parent)
        self.times += 1
        if self.times % 2:
            self.target.write_bytes(b"as it was")

    def run(self) -> None:
        self.blobs.get(self.cid, self.target)

    def check(self) -> None:
        if self.times % 2 or self.target.exists():
            before = [b"as it was"] if self.times % 2 else []
            assert self.target.read_bytes() in [self.new, *before]

    def finish(self) -> None:
        self.run()
        assert self.target.read_bytes() == self.new
        assert list(self.target.parent.iterdir()) == [self.target]


class Collect:
    """Dropping a blob that shares half of its blocks with a kept one, and collecting."""

    varies = False

    def __init__(self, folder: Path) -> None:
        self.store, self.made = folder / "store", folder / "made"
        blobs = opened(self.made)
        self.kept, self.gone = content(4), content(4)[: SIZE // 2] + content(5)[SIZE // 2 :]
        self.cids = [blobs.write(whole) for whole in (self.kept, self.gone)]
        with blobs.keeping() as keep:
            for number in range(5):
                block = b"of nobody" + bytes([number])
                keep(Cid.of(RAW, block), block)

    def prepare(self) -> None:
        fresh(self.store)
        shutil.copytree(self.made, self.store, dirs_exist_ok=True)

    def run(self) -> None:
        blobs = opened(self.store)
        blobs.drop(self.cids[1])
        blobs.collect()

    def check(self) -> None:
        blobs = opened(self.store)
        hold(blobs)
        assert blobs.read(self.cids[0]) == self.kept

    def finish(self) -> None:
        self.run()
        hold_only(opened(self.store), {self.cids[0]: self.kept})


class Encrypt:
    """Encrypting what is poured in, into a store, as packages go their way."""

    varies = True  # ciphertext falls into other folders every time, fewer or more to sync

    def __init__(self, folder: Path) -> None:
        self.store, self.back = folder / "store", folder / "back"
        self.whole = content(6)
        self.vault = AgeVault.create(folder / "age.txt")

    def prepare(self) -> None:
        fresh(self.store)

    def run(self) -> None:
        self.made()

    def made(self) -> tuple[str, str]:
        """Do it; return CID and key."""
        with opened(self.store).adding() as upload, self.vault.encrypting(upload) as sealing:
            for place in range(0, SIZE, 50_000):
                sealing.write(self.whole[place : place + 50_000])
        return upload.cid, sealing.key

    def check(self) -> None:
        blobs = opened(self.store)
        hold(blobs)
        for root in blobs.pins():
            assert _is_whole(blobs.read(str(root)))
        assert list((self.store / "partial").iterdir()) == []

    def finish(self) -> None:
        cid, key = self.made()
        self.vault.decrypt(opened(self.store).open(cid), self.back, key)
        assert self.back.read_bytes() == self.whole
        self.back.unlink()


def _is_whole(made: bytes) -> bool:
    """Whether it has age's form and length: the key of a killed encryption is lost."""
    # A header that ends with its authentication, a nonce, chunks of 64 KiB, tagged each.
    header, _, rest = made.partition(b"\n--- ")
    payload = rest.partition(b"\n")[2]
    chunks = -(-SIZE // (1 << 16))
    return header.startswith(b"age-encryption.org/v1\n") and (
        len(payload) == 16 + SIZE + 16 * chunks
    )


class Decrypt:
    """Decrypting from a store into a private folder."""

    varies = False

    def __init__(self, folder: Path) -> None:
        self.root, self.store = folder / "scratch", opened(folder / "store")
        self.whole = content(7)
        self.vault = AgeVault.create(folder / "age.txt")
        with self.store.adding() as upload, self.vault.encrypting(upload) as sealing:
            sealing.write(self.whole)
        self.cid, self.key = upload.cid, sealing.key

    def prepare(self) -> None:
        fresh(self.root)
        self.root.chmod(0o700)

    def run(self) -> None:
        with MachineScratch(self.root).folder() as place:
            self.vault.decrypt(self.store.open(self.cid), place / "decrypted", self.key)

    def check(self) -> None:
        for made in self.root.glob("visdm-*/files/decrypted"):
            assert made.read_bytes() == self.whole
        # The next start wipes what the dead left, plaintext above all.
        MachineScratch(self.root)
        assert [path for path in self.root.iterdir() if path.is_dir()] == []

    def finish(self) -> None:
        with MachineScratch(self.root).folder() as place:
            self.vault.decrypt(self.store.open(self.cid), place / "decrypted", self.key)
            assert (place / "decrypted").read_bytes() == self.whole
            assert list(place.iterdir()) == [place / "decrypted"]
        assert [path for path in self.root.iterdir() if path.is_dir()] == []


OPERATIONS: dict[str, Callable[[Path], Operation]] = {
    "add": Add,
    "get": Get,
    "collect": Collect,
    "encrypt": Encrypt,
    "decrypt": Decrypt,
}
"""Makes what is killed, in an empty folder of its own."""
