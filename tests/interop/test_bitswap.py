"""Real IPFS nodes, Kubo and Helia, exchange our blocks, and we read theirs; all on loopback."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visdm.adapters.blocks import BlockFolder
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from interop.peers import Peer

    StartHelia = Callable[[Path], Peer]

KIB, MIB = 1 << 10, 1 << 20
TWENTY_CHUNKS = 20 * MIB + 1
HERE_ALONE = "0100007F"
"""127.0.0.1 as Linux writes it in /proc/net."""


def asset(path: Path, size: int) -> tuple[Path, bytes]:
    """Write a file that no other test has: what a node holds already it does not fetch."""
    content = hashlib.shake_256(str(path).encode()).digest(size)
    path.write_bytes(content)
    return path, content


def stored(root: Path, file: Path) -> str:
    return BlockFolder(root).put(file)


def empty(root: Path) -> Path:
    BlockFolder(root)
    return root


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, TWENTY_CHUNKS])
def test_kubo_fetches_an_asset_of_ours_from_a_helia_over_our_folder(
    size: int, kubo: Peer, helia: StartHelia, tmp_path: Path
) -> None:
    file, content = asset(tmp_path / "asset", size)
    cid = stored(tmp_path / "ours", file)
    kubo.ask("connect", address=helia(tmp_path / "ours").address)
    kubo.ask("get", cid=cid, target=tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content


def test_an_asset_of_ours_that_kubo_pinned_outlives_our_folder(
    kubo: Peer, helia: StartHelia, tmp_path: Path
) -> None:
    file, content = asset(tmp_path / "asset", TWENTY_CHUNKS)
    cid = stored(tmp_path / "ours", file)
    kubo.ask("connect", address=helia(tmp_path / "ours").address)
    kubo.ask("pin", cid=cid)
    shutil.rmtree(tmp_path / "ours")
    reader = helia(empty(tmp_path / "theirs"))
    kubo.ask("connect", address=reader.address)
    reader.ask("get", cid=cid, target=tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    BlockFolder(tmp_path / "theirs").get(cid, tmp_path / "read")
    assert (tmp_path / "read").read_bytes() == content


def test_we_read_a_file_cut_as_kubo_cuts_it(kubo: Peer, helia: StartHelia, tmp_path: Path) -> None:
    # One chunk more than a node of 174 links holds: two levels, 256 KiB leaves.
    file, content = asset(tmp_path / "file", 174 * 256 * KIB + 1)
    author = helia(empty(tmp_path / "author"))
    cid = author.ask("add", source=file, chunk=256 * KIB, links=174)["cid"]
    assert cid != stored(tmp_path / "ours", file)
    kubo.ask("connect", address=author.address)
    kubo.ask("pin", cid=cid)
    shutil.rmtree(tmp_path / "author")
    reader = helia(empty(tmp_path / "reader"))
    kubo.ask("connect", address=reader.address)
    reader.ask("get", cid=cid, target=tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    BlockFolder(tmp_path / "reader").get(cid, tmp_path / "read")
    assert (tmp_path / "read").read_bytes() == content


def test_a_file_that_kubo_added_under_a_version_0_cid_is_refused_in_words(
    kubo: Peer, helia: StartHelia, tmp_path: Path
) -> None:
    file, content = asset(tmp_path / "file", MIB)
    cid = kubo.ask("add", source=file)["cid"]
    reader = helia(empty(tmp_path / "reader"))
    kubo.ask("connect", address=reader.address)
    reader.ask("get", cid=cid, target=tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    with pytest.raises(BlobError, match=r"^Qm\w+: is not a base32 CID"):
        BlockFolder(tmp_path / "reader").get(cid, tmp_path / "read")
    assert not (tmp_path / "read").exists()


def test_no_node_has_a_socket_beyond_loopback(
    kubo: Peer, helia: StartHelia, tmp_path: Path
) -> None:
    file, _ = asset(tmp_path / "asset", MIB)
    cid = stored(tmp_path / "ours", file)
    server = helia(tmp_path / "ours")
    kubo.ask("connect", address=server.address)
    kubo.ask("get", cid=cid, target=tmp_path / "fetched")
    assert set(sockets(kubo.pid)) == {HERE_ALONE}
    assert set(sockets(server.pid)) == {HERE_ALONE}


def sockets(pid: int) -> Iterator[str]:
    """Yield the local address of each socket of a process, as Linux writes it."""
    opened = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, *others = line.split()
            if f"socket:[{others[7]}]" in opened:
                yield local.partition(":")[0]
