"""The node of a market in a folder: whoever has its chain open, or this process."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from visdm.adapters.evm.remote import RemoteNode
from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from web3 import Web3

CHAIN, ADDRESS = "chain.sqlite", "node.url"
"""Files of a market's folder: its chain, and where that is served while it is."""

PATIENCE = 10.0
"""Seconds to wait for another command that has the chain open."""

_PAUSE = 0.05
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d{1,5}")


class Node(Protocol):
    """What a market needs of a node."""

    @property
    def web3(self) -> Web3:
        """The way to it."""
        ...

    def endow(self, accounts: Sequence[str]) -> None:
        """See that accounts own ether. Raises `ChainError`."""
        ...

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to` (seconds)."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def node_in(folder: Path, funded: Sequence[str], patience: float = PATIENCE) -> Node:
    """Return the node of the chain in `folder`; `funded` own ether from its beginning.

    Where another process serves the chain, it is that server; where another just has it open, it
    is waited for, `patience` seconds at most. Raises `ChainError`.
    """
    deadline = time.monotonic() + patience
    while True:
        held = lock_of(folder)
        if held is not None:
            # Whose server it was has ended, however it ended: the lock is free.
            (folder / ADDRESS).unlink(missing_ok=True)
            return _opened(folder, funded, held)
        url = served_at(folder)
        if url:
            node = RemoteNode(url, moved=lambda: served_at(folder))
            if node.answers():
                return node
            node.close()
        if time.monotonic() > deadline:
            raise in_use(folder)
        time.sleep(_PAUSE)


def _opened(folder: Path, funded: Sequence[str], held: FileLock) -> Node:
    # An extra that nobody needs whose chain is elsewhere, and half a second to load.
    try:
        from visdm.adapters.evm.embedded import EmbeddedNode  # noqa: PLC0415 - as said above
    except ModuleNotFoundError as error:
        held.release()
        hint = "pip install 'visdm[devnet]', or name a node with --node"
        raise ChainError(f"the embedded chain needs {error.name}", hint=hint) from None
    return EmbeddedNode(folder / CHAIN, funded, held=held)


def served_at(folder: Path) -> str:
    """Return where the chain in `folder` is served, as its server wrote it; '' where it is not."""
    try:
        text = (folder / ADDRESS).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if _LOOPBACK.fullmatch(text) else ""


def lock_of(folder: Path) -> FileLock | None:
    """Return the lock of the chain in `folder`, taken; None where another process has it.

    The system lets go of it when that process ends, however it ends.
    """
    return lock_beside(folder / CHAIN)


def lock_beside(path: Path) -> FileLock | None:
    """Return the lock of a chain's file, as `lock_of`."""
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def in_use(path: Path) -> ChainError:
    """Say that another process has a chain open and does not serve it."""
    hint = "wait until it has ended; `visdm devnet run` lets several commands work at once"
    return ChainError(f"{path}: another process has this chain open", hint=hint)
