"""The trade of the scene, played through a server: the same state as without one."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from contracts.scene import SETTLE_BY, WHO, EvmWorld, play
from visdm.adapters.evm.nodes import CHAIN
from visdm.adapters.evm.remote import RemoteNode
from visdm.adapters.evm.serving import serving
from visdm.adapters.evm.session import Ledger

if TYPE_CHECKING:
    from pathlib import Path


class ServedWorld(EvmWorld):
    """On an embedded chain that a server has open; `path` is its folder."""

    def _open(self) -> None:
        self._serving = serving(self.path, list(WHO.values()))
        server = self._serving.__enter__()
        self._server, self._thread = server, Thread(target=server.run)
        self._thread.start()
        self.node = RemoteNode(server.url)  # type: ignore[assignment]  # as good a node
        self.ledger = Ledger(self.node.web3, self.market)

    def close(self) -> None:
        self.node.close()
        self._server.stop()
        self._thread.join()
        self._serving.__exit__(None, None, None)


def last_block(world: EvmWorld) -> tuple[object, ...]:
    """What follows from the transactions alone: py-evm draws a block's randomness by lot."""
    block = world.node.web3.eth.get_block("latest")
    return block["number"], block["timestamp"], block["stateRoot"], block["gasLimit"]


def test_a_trade_through_a_server_leaves_the_same_state(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "served").mkdir()
    here, served = EvmWorld(tmp_path / "here" / CHAIN), ServedWorld(tmp_path / "served")
    for world in (here, served):
        assert list(play(world))[-1] == "settled"
        world["alice"].withdraw()
        world.travel(SETTLE_BY + 1)
    assert last_block(served) == last_block(here)
    assert served["erin"].jobs() == here["erin"].jobs()
    assert served["erin"].assets() == here["erin"].assets()
    served.reopen()
    assert last_block(served) == last_block(here)
    served.close()
    here.close()
