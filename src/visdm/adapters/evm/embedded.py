"""An Ethereum chain inside this process, kept in one SQLite file.

py-evm executes, eth-tester speaks JSON-RPC to web3.py; what is added here is a database that
outlives the process and a clock that depends on the blocks alone, so that the same
transactions give the same blocks whenever they are sent. One process at a time; `serving` lets
others in through it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from eth.db.backends.base import BaseAtomicDB
from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]  # no types
from eth_tester.backends.pyevm.main import (  # type: ignore[import-untyped]  # no types
    get_default_genesis_params,
    setup_tester_chain,
)
from eth_utils.address import to_canonical_address
from web3 import EthereumTesterProvider, Web3

from visdm.adapters.evm.nodes import in_use, lock_beside
from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from filelock import FileLock

GENESIS_TIME = 1_735_689_600
"""The first second of 2025: a date that people recognise as made up, well in the past."""

BLOCK_SECONDS = 12
GAS_ALLOWED = 12_000_000
"""What any transaction is estimated at: unused gas is not charged, so a bound serves."""

ENDOWMENT = 10**22
"""Wei given to each funded account: play money, enough for any number of demos."""


class SqliteDB(BaseAtomicDB):
    """py-evm's key-value store in one SQLite table; nothing is kept until `commit`."""

    def __init__(self, path: Path) -> None:
        # A server's threads take turns with it; see `serving`.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN IMMEDIATE")

    @property
    def empty(self) -> bool:
        """Whether nothing was ever kept."""
        return self._connection.execute("SELECT 1 FROM state LIMIT 1").fetchone() is None

    def commit(self) -> None:
        """Keep all that was written since the last commit, or none of it."""
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close the file, forgetting what was not committed."""
        self._connection.execute("ROLLBACK")
        self._connection.close()

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return cast("bytes", row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if not self._connection.execute("DELETE FROM state WHERE key = ?", (key,)).rowcount:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        found = self._connection.execute("SELECT 1 FROM state WHERE key = ?", (key,)).fetchone()
        return found is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[SqliteDB]:  # type: ignore[override]  # one batch a block
        """Do nothing more: all writes of a block are one transaction already."""
        yield self


class _PersistentBackend(PyEVMBackend):  # type: ignore[misc]  # eth-tester is untyped
    """eth-tester's backend over a database of ours, with a clock of twelve seconds a block."""

    def __init__(self, database: SqliteDB, funded: Sequence[str]) -> None:
        self._database = database
        self._funded = funded
        super().__init__()

    def reset_to_genesis(self, *_: Any, **__: Any) -> None:
        """Take up the chain where the database has it, or begin it."""
        self.account_keys, template = setup_tester_chain(num_accounts=1)

        class EmbeddedChain(type(template)):  # type: ignore[misc]  # made at run time
            def create_header_from_parent(self, parent: Any, **params: Any) -> Any:
                params.setdefault("timestamp", parent.timestamp + BLOCK_SECONDS)
                return super().create_header_from_parent(parent, **params)

        if not self._database.empty:
            self.chain = EmbeddedChain(self._database)
            return
        account = {"balance": ENDOWMENT, "nonce": 0, "code": b"", "storage": {}}
        state = {to_canonical_address(address): account for address in self._funded}
        params = get_default_genesis_params({"timestamp": GENESIS_TIME})
        self.chain = EmbeddedChain.from_genesis(self._database, params, state)
        self._database.commit()

    def estimate_gas(self, transaction: Any, block_number: Any = "latest") -> int:
        """Run the call as it is now and raise what it raises.

        py-evm's own estimator runs it in a block made at the machine's time, which is not
        this chain's.
        """
        self.call({**transaction, "gas": GAS_ALLOWED}, block_number)
        return GAS_ALLOWED

    def time_travel(self, to_timestamp: int) -> None:
        """Mine an empty block of that second."""
        self.chain.set_header_timestamp(to_timestamp)
        self.mine_blocks()

    def mine_blocks(self, *args: Any, **kwargs: Any) -> Any:
        """Mine, then keep: a killed process leaves whole blocks only."""
        hashes = super().mine_blocks(*args, **kwargs)
        self._database.commit()
        return hashes


class EmbeddedNode:
    """A chain in the file `path`; `funded` addresses own ether from the start.

    `held` is its lock where the caller has taken it already.

    Raises `ChainError` when another process has it open or the file is not such a chain.
    """

    def __init__(
        self, path: Path, funded: Sequence[str] = (), *, held: FileLock | None = None
    ) -> None:
        held = held or lock_beside(path)
        if held is None:
            raise in_use(path)
        self._lock = held
        try:
            self._database = SqliteDB(path)
            self._tester = EthereumTester(_PersistentBackend(self._database, funded))
        except sqlite3.Error as error:
            self._lock.release()
            raise ChainError(
                f"{path}: not a chain of ours ({error})", hint="name another folder"
            ) from None
        self.provider = EthereumTesterProvider(self._tester)
        self.web3 = Web3(self.provider)

    def endow(self, accounts: Sequence[str]) -> None:
        """Do nothing: they own ether from the start."""

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to` (seconds); does nothing when it is later already."""
        if self._tester.get_block_by_number("latest")["timestamp"] < to:
            # Not the tester's own: it takes the next block's second, not the last's, for now.
            self._tester.backend.time_travel(to)

    def close(self) -> None:
        """Close the file and let other processes in."""
        self._database.close()
        self._lock.release()
