"""The gas experiment reads the same from a second implementation of Ethereum."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visdm.errors import ChainError
from visdm.experiments.gas import TARGETS, GasTable, Prices, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

ANVIL = Path(__file__).resolve().parents[2] / "node_modules" / ".bin" / "anvil"
NEEDED = (
    *("register_data_asset", "register_model_asset", "register_metadata", "open_round"),
    *("vote_direct", "vote_batched", "delegate", "pay_owner", "withdraw", "trade"),
    "trade_reserves",
)
BYTES = 600
"""Addresses and signatures are others there, and a zero byte of calldata costs 12 gas less."""


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    """The address of an Anvil on loopback; its absence fails where CI is set."""
    if not ANVIL.exists():
        missing = "npm has no anvil for this machine, or it is not set up; run: make forge"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(ANVIL), "--host", "127.0.0.1", "--port", str(port), "--hardfork", "prague"]
    with subprocess.Popen([*command, "--silent"]) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="module")
def embedded() -> GasTable:
    return measure()


def test_anvil_and_the_embedded_chain_read_the_same(anvil: str, embedded: GasTable) -> None:
    real = measure(anvil)
    assert real.node.startswith("anvil/")
    other = {figure.operation: figure.gas for figure in real.figures}
    differ = {
        figure.operation: (figure.gas, other[figure.operation])
        for figure in embedded.figures
        if abs(figure.gas - other[figure.operation]) > BYTES
    }
    assert not differ


def test_every_target_is_met(embedded: GasTable) -> None:
    gas = {figure.operation: figure.gas for figure in embedded.figures}
    assert not {name: gas[name] for name, target in TARGETS.items() if gas[name] > target}


def test_the_table_has_gas_and_the_papers_figure_by_operation(embedded: GasTable) -> None:
    table = embedded.to_json(Prices(gwei=2.5, eth_usd=2_000))
    for name in NEEDED:
        assert table[name]["gas"] > 0
        assert "paper" in table[name]
    register = table["register_data_asset"]
    assert register["paper"] == 350_396
    assert register["eth"] == pytest.approx(register["gas"] * 2.5e-9)
    assert register["usd"] == pytest.approx(register["eth"] * 2_000)
    assert set(table["stakeholders"]) == {"supplier", "consumer", "provider"}


def test_a_node_that_does_not_answer_is_named() -> None:
    with pytest.raises(ChainError, match=r"http://127\.0\.0\.1:9: no node"):
        measure("http://127.0.0.1:9")
