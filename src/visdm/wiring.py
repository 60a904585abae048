"""The only place that chooses adapters.

A *world* is a folder that holds a whole local market: an embedded chain, a block store and
the private folder of each account. Accounts are named; their keys follow from the world's
seed, so they guard play money only. Its chain may also be at another node.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eth_account import Account
from eth_utils.crypto import keccak

from visdm.adapters.blocks import BlockFolder, Gateway, Several, store_at
from visdm.adapters.evm.daos import EvmDaos
from visdm.adapters.evm.deploy import deploy, market_of
from visdm.adapters.evm.history import Entry, history
from visdm.adapters.evm.jobs import EvmChain
from visdm.adapters.evm.nodes import node_in
from visdm.adapters.evm.remote import RemoteNode
from visdm.adapters.evm.session import Ledger, send_ether
from visdm.adapters.keys import KeyFolder, read_secret
from visdm.adapters.machine import MachineClock, MachineScratch
from visdm.adapters.packages import FilePackages
from visdm.adapters.sandboxes import BareProcess, Bubblewrap, Gvisor
from visdm.adapters.vault import AgeVault
from visdm.adapters.verdicts import FileVerdicts
from visdm.errors import InputError, KeyFileError, OutputError, UnknownError
from visdm.services.consumer import Consumer
from visdm.services.member import Member
from visdm.services.provider import ComputeProvider
from visdm.services.supplier import Supplier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from eth_account.signers.local import LocalAccount

    from visdm.adapters.blocks import Blobs
    from visdm.adapters.evm.nodes import Node
    from visdm.adapters.evm.serving import NodeServer
    from visdm.adapters.keys import OpenedAccount
    from visdm.adapters.keys.own import OwnAccounts
    from visdm.adapters.packages.source import Source
    from visdm.ports import BlobStore, Clock, Limits, Packages, Sandbox, Scratch

OPERATOR = "operator"
GAS_MONEY = 10**18
"""Wei given to an account that is not the world's: one play ether."""

BLOBS = "blobs"
"""The folder of a world's store."""

SUPPLY = 10**15
"""Play money in all: a thousand million, with six decimals."""


@dataclass(frozen=True)
class World:
    """An opened world. Each role gets an account of its own and its own private folder."""

    folder: Path
    seed: int
    names: tuple[str, ...]
    node: Node
    ledger: Ledger
    store: BlobStore
    sandbox: Sandbox
    own: OwnAccounts | None = None
    """Accounts that are not the world's: opened when they first act."""

    @property
    def clock(self) -> Clock:
        """A clock for measuring."""
        return MachineClock()

    def deploy(self) -> None:
        """As the operator: put the contracts on the chain, where they are not yet.

        Its accounts get ether first, where the chain did not begin with theirs.
        """
        self.node.endow([self.address(name) for name in self.names])
        deploy(self.node.web3, key_of(self.seed, OPERATOR), SUPPLY)

    @property
    def deployed(self) -> bool:
        """Whether the last of the contracts is on the chain."""
        jobs = market_of(self.address(OPERATOR)).jobs
        return bool(self.node.web3.eth.get_code(jobs))  # type: ignore[arg-type]  # checksummed

    def address(self, name: str) -> str:
        """Return the address of a named account. Raises `UnknownError`."""
        if name in self.names:
            return str(key_of(self.seed, name).address)
        if self.own is not None and name in self.own.names():
            return self.own.address(name)
        known = ", ".join(self.names)
        raise UnknownError("account", name, hint=f"known here: {known}")

    def name(self, address: str) -> str:
        """Return an account's name, or its address where it has none here."""
        known = {str(key_of(self.seed, name).address): name for name in self.names}
        if address not in known and self.own is not None:
            known |= self.own.known()
        return known.get(address, address)

    def chain(self, name: str) -> EvmChain:
        """Return the chain as `name` sees it and acts on it."""
        return EvmChain(self.ledger, self._key(name))

    def another_view(self, name: str) -> EvmChain:
        """Return the chain as `chain` does, with events of its own: for another thread."""
        return EvmChain(Ledger(self.node.web3, self.ledger.market), self._key(name))

    @property
    def served(self) -> bool:
        """Whether the chain lives in another process, so that this one can share it."""
        return isinstance(self.node, RemoteNode)

    def private(self, name: str) -> Path:
        """Return the folder that only `name` would have on a machine of its own."""
        self.address(name)
        place = self.folder / "accounts" / name
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def supplier(self, name: str) -> Supplier:
        """Return a supplier with its tools."""
        return Supplier(self.chain(name), self.store, self._vault(name), packages())

    def consumer(self, name: str) -> Consumer:
        """Return a consumer with its tools."""
        return Consumer(
            self.chain(name),
            self.store,
            self._vault(name),
            packages(),
            self._scratch(name),
            self.sandbox,
            self.clock,
            FileVerdicts(self.private(name) / "tables.jsonl"),
        )

    def member(self, name: str) -> Member:
        """Return an account in its DAOs."""
        return Member(self.chain(name), EvmDaos(self.ledger, self._key(name)))

    def provider(self, name: str, limits: Limits) -> ComputeProvider:
        """Return a provider with its tools."""
        return ComputeProvider(
            self.chain(name),
            self.store,
            self._vault(name),
            packages(),
            self._scratch(name),
            self.sandbox,
            limits,
        )

    def history(self) -> list[Entry]:
        """Return every transaction of the market so far."""
        return list(history(self.node.web3, self.ledger.market))

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to`: a chain with a clock of its own is waited for."""
        self.node.travel(to)

    def endow(self, address: str) -> None:
        """As the operator: give an account what its first transactions cost."""
        send_ether(self.node.web3, key_of(self.seed, OPERATOR), address, GAS_MONEY)

    def _key(self, name: str) -> LocalAccount:
        self.address(name)
        if name not in self.names:
            return self._owned(name).key
        if self.own is not None and name in self.own.names():
            problem = f"{name} is an account of this market, and one of your own"
            raise InputError(problem, hint="name another folder of keys with --keys")
        return key_of(self.seed, name)

    def _owned(self, name: str) -> OpenedAccount:
        if self.own is None:
            raise UnknownError("account", name)
        return self.own.opened(name)

    def _vault(self, name: str) -> AgeVault:
        if name in self.names:
            return vault_in(self.private(name))
        return AgeVault(self._owned(name).identity)

    def scratch_of(self, name: str) -> Path:
        """Return where `name` has its private folders."""
        return self.private(name) / "scratch"

    def _scratch(self, name: str) -> MachineScratch:
        return MachineScratch(self.scratch_of(name))


def open_store(places: Sequence[str]) -> Blobs:
    """Open a store by its place, or several as one. Raises `InputError`, `OutputError`."""
    return _together([store_at(place) for place in places])


def _together(found: Sequence[Blobs]) -> Blobs:
    written = [store for store in found if not isinstance(store, Gateway)]
    read = [store for store in found if isinstance(store, Gateway)]
    if len(found) == 1:
        return found[0]
    return Several(written, read) if written else Several(read[:1], read[1:])


def vault_in(folder: Path) -> AgeVault:
    """Return a vault whose identity lies in `folder`, made where there is none."""
    return AgeVault.create(folder / "age.txt")


def packages() -> Packages:
    """Return the builder and reader of packages."""
    return FilePackages()


def images_in(source: Path, *, without: Path) -> AbstractContextManager[Source]:
    """Look into images that are to be described where they are; see `FilePackages.images`."""
    return FilePackages().images(source, without=without)


def scratch() -> Scratch:
    """Return private folders of this user's, outside of any world."""
    return MachineScratch(Path(tempfile.gettempdir()) / f"visdm-{os.getuid()}")


NO_SANDBOX = "none"
SANDBOXES: Mapping[str, Callable[[], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "gvisor": Gvisor,
    NO_SANDBOX: BareProcess,
}


def sandbox(kind: str = "bubblewrap", *, unsafe: bool = False) -> Sandbox:
    """Return what computations run in, by its name in `SANDBOXES`.

    Raises `InputError` where it is none and that is not said to be unsafe, or the reverse.
    """
    if unsafe != (kind == NO_SANDBOX):
        problem = "is no sandbox" if kind == NO_SANDBOX else "is a sandbox, which is not unsafe"
        hint = f"say --sandbox {NO_SANDBOX} and --unsafe together, or neither"
        raise InputError(f"{kind} {problem}", hint=hint)
    return SANDBOXES[kind]()


def accounts(folder: Path) -> KeyFolder:
    """Return the accounts whose keys are in `folder`."""
    return KeyFolder(folder)


def password_in(path: Path) -> str:
    """Return the first line of a file that this user alone can read. Raises `KeyFileError`."""
    try:
        return read_secret(path).decode().split("\n")[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is not text", hint="write the password as UTF-8") from None


def key_of(seed: int, name: str) -> LocalAccount:
    """Return the key of a named account of a world: for play money only."""
    account: LocalAccount = Account.from_key(keccak(text=f"visdm world {seed} {name}"))
    return account


@contextmanager
def open_world(
    folder: Path,
    seed: int,
    names: Sequence[str],
    *,
    node_url: str = "",
    confirmations: int = 0,
    stores: Sequence[str] = (),
    own: OwnAccounts | None = None,
    computes: Sandbox | None = None,
) -> Iterator[World]:
    """Open the world in `folder`, or begin it. `names` are its accounts, operator included.

    Its chain is at the node `node_url`, or else in the folder: reached through the process that
    serves it, where one does. At a node, what `confirmations` blocks did not follow yet is not
    believed. Blobs go to its own folder and to `stores`; `own` are accounts of
    other keys. Computations run in `computes`.
    Raises `InputError`, `OutputError`, `ChainError`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
        raise OutputError(folder, problem, hint="name a folder you may write to") from None
    node = RemoteNode(node_url) if node_url else node_in(folder, _addresses(seed, names))
    try:
        market = market_of(str(key_of(seed, OPERATOR).address))
        yield World(
            folder=folder,
            seed=seed,
            names=tuple(names),
            node=node,
            ledger=Ledger(node.web3, market, depth=confirmations if node_url else 0),
            # Not by its place: a folder may be called what a place may not.
            store=_together([BlockFolder(folder / BLOBS), *map(store_at, stores)]),
            sandbox=computes or sandbox(),
            own=own,
        )
    finally:
        node.close()


def _addresses(seed: int, names: Sequence[str]) -> list[str]:
    return [str(key_of(seed, name).address) for name in names]


def serve_world(
    folder: Path, seed: int, names: Sequence[str], port: int
) -> AbstractContextManager[NodeServer]:
    """Serve the embedded chain of the world in `folder`; see `serving`."""
    from visdm.adapters.evm.serving import serving  # noqa: PLC0415 - needs an extra, loads slowly

    return serving(folder, _addresses(seed, names), port)


@dataclass(frozen=True)
class Bench:
    """A market for measuring: the contracts and named accounts, no store and no sandbox."""

    name: str
    node: Node
    keys: Mapping[str, LocalAccount]
    ledger: Ledger

    def __getitem__(self, name: str) -> EvmChain:
        """Return the chain as `name` sees it and acts on it."""
        return EvmChain(self.ledger, self.keys[name])

    def deploy(self) -> None:
        """As the operator: put the contracts on the chain."""
        deploy(self.node.web3, self.keys[OPERATOR], SUPPLY)

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to`."""
        self.node.travel(to)

    def spent(self) -> list[tuple[str, int]]:
        """Return every operation so far with its gas, from the receipts."""
        past = history(self.node.web3, self.ledger.market)
        return [(entry.operation, entry.gas) for entry in past]


@contextmanager
def open_bench(names: Sequence[str], url: str = "") -> Iterator[Bench]:
    """Open a fresh bench for `names`, on the node at `url` or on an embedded chain.

    On the embedded chain its keys are the same every time, and so is all that follows.
    """
    with tempfile.TemporaryDirectory(prefix="visdm-bench-") as folder:
        keys = {
            name: Account.from_key(secrets.token_bytes(32)) if url else key_of(0, name)
            for name in names
        }
        addresses = [str(key.address) for key in keys.values()]
        node = RemoteNode(url) if url else node_in(Path(folder), addresses)
        try:
            node.endow(addresses)
            market = market_of(str(keys[OPERATOR].address))
            name = str(node.web3.client_version) if url else "embedded chain (py-evm)"
            yield Bench(name, node, keys, Ledger(node.web3, market))
        finally:
            node.close()
