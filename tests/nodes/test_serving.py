"""`visdm devnet run`: one market, several processes."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.typed import Typed
from visdm.adapters.evm import nodes
from visdm.adapters.evm.nodes import ADDRESS
from visdm.demo import place
from visdm.demo.place import CONSUMER, Settings
from visdm.errors import ChainError
from visdm.wiring import open_world, serve_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = Settings(suppliers=2, sources=(), ladder=(1,), seed=1)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with its contracts and nothing else."""
    home = tmp_path_factory.mktemp("deployed") / "market"
    world, _ = place.prepare(home, SETTINGS)
    with open_world(world, SETTINGS.seed, SETTINGS.names) as opened:
        opened.deploy()
    return home


@pytest.fixture
def home(deployed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(deployed, tmp_path / "market")


class Run:
    """A `visdm devnet run` of its own process."""

    def __init__(self, home: Path) -> None:
        self.address = home / "world" / ADDRESS
        code = "from visdm.cli import main; main()"
        command = [sys.executable, "-c", code, "devnet", "run", "--home", str(home)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def url(self) -> str:
        deadline = time.monotonic() + 60
        while not self.address.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self.address.read_text().strip()

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    running = Run(home)
    try:
        running.url()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def ask(url: str, method: str, *given: object, **headers: str) -> httpx.Response:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
    return httpx.post(
        url,
        content=json.dumps(asked),
        headers={"Content-Type": "application/json", **headers},
        trust_env=False,
    )


def test_commands_use_the_server_while_it_runs_and_the_file_after(home: Path, run: Run) -> None:
    at = Typed("--home", home)
    first = at.ok("devnet", "advance", "1h")
    at.ok("devnet", "endow", CONSUMER, "--tokens", "5")
    with pytest.raises(ChainError, match="served already"):
        serve_world(home / "world", SETTINGS.seed, SETTINGS.names, 0).__enter__()
    assert run.end(signal.SIGTERM) == 0
    assert not run.address.exists()
    assert at.json("earnings", "show", CONSUMER)["balance"] == 5_000_000
    assert int(at.ok("devnet", "advance", "1s").split()[-1]) > int(first.split()[-1])


def test_an_interrupt_ends_the_server_as_cleanly(run: Run) -> None:
    assert run.end(signal.SIGINT) == 0
    assert not run.address.exists()


def test_a_killed_servers_address_is_not_believed(home: Path, run: Run) -> None:
    at = Typed("--home", home)
    at.ok("devnet", "endow", CONSUMER, "--tokens", "5")
    run.end(signal.SIGKILL)
    assert run.address.exists()
    assert at.json("earnings", "show", CONSUMER)["balance"] == 5_000_000
    assert not run.address.exists()


@pytest.mark.usefixtures("run")
def test_several_accounts_write_at_once(home: Path) -> None:
    names = SETTINGS.names[1:]

    def endow(name: str) -> str:
        with open_world(home / "world", SETTINGS.seed, SETTINGS.names) as world:
            world.chain(name).publish_key(f"age1{name}")
            return world.chain(name).recipient(world.address(name))

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(endow, names)) == [f"age1{name}" for name in names]


def test_a_refusal_comes_through_the_server_as_it_is(home: Path, run: Run) -> None:
    at = Typed("--home", home)
    everything = ("devnet", "endow", CONSUMER, "--tokens", "999999999")
    at.ok(*everything)
    through = at.refused(*everything)
    run.end(signal.SIGTERM)
    assert at.refused(*everything) == through
    assert "ERC20InsufficientBalance(sender=0x" in through


def test_a_command_waits_for_another_that_has_the_chain_open(home: Path) -> None:
    opened = open_world(home / "world", SETTINGS.seed, SETTINGS.names)
    opened.__enter__()
    with pytest.raises(ChainError, match="another process has this chain open"):
        nodes.node_in(home / "world", (), 0.2)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(nodes.node_in, home / "world", (), 30.0)
        time.sleep(0.3)
        assert not second.done()
        opened.__exit__(None, None, None)
        second.result().close()


def test_a_stalled_caller_keeps_nobody_waiting(run: Run) -> None:
    host, port = run.url().removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stalled:
        stalled.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n")
        assert ask(run.url(), "eth_blockNumber").status_code == 200


def test_a_page_in_a_browser_is_refused(run: Run) -> None:
    url = run.url()
    assert ask(url, "eth_chainId", Host="evil.example:80").status_code == 403
    assert ask(url, "eth_chainId", **{"Content-Type": "text/plain"}).status_code == 403
    assert httpx.get(url, trust_env=False).status_code == 501


def test_nonsense_is_answered_and_does_not_end_the_server(run: Run) -> None:
    url = run.url()
    for body in (b"", b"{", b"7", b'{"method": 7}', b'{"method": "eth_call", "params": 5}'):
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(url, content=body, headers=headers, trust_env=False).json()
        assert answer["error"]["code"] == -32600
    assert ask(url, "eth_call").json()["error"]["code"] == -32000
    assert ask(url, "evm_revert", "0x1").json()["error"]["code"] == -32601
    assert ask(url, "eth_sendRawTransaction", "0x1234").json()["error"]["code"] == -32000
    assert ask(url, "eth_blockNumber").json()["result"].startswith("0x")


def test_quantities_are_as_the_specification_has_them(run: Run) -> None:
    block = ask(run.url(), "eth_getBlockByNumber", "0x1", *[True]).json()["result"]
    assert {block[name][:2] for name in ("number", "timestamp", "gasUsed", "hash")} == {"0x"}
    assert block["transactions"][0]["blockNumber"] == "0x1"


def test_a_taken_port_is_named(run: Run, tmp_path: Path) -> None:
    port = run.url().rpartition(":")[2]
    other, _ = place.prepare(tmp_path / "other", SETTINGS)
    said = Typed("--home", other.parent).refused("devnet", "run", "--port", port)
    assert f"port {port}: cannot be listened on" in said


@pytest.mark.usefixtures("run")
def test_a_proxy_of_the_environment_is_not_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert Typed("--home", home).json("earnings", "show", CONSUMER)["balance"] == 0


@pytest.mark.usefixtures("run")
def test_processes_of_one_account_do_each_thing_once(home: Path) -> None:
    def pay(amount: int) -> None:
        with open_world(home / "world", SETTINGS.seed, SETTINGS.names) as world:
            world.chain(place.OPERATOR).transfer(world.address(CONSUMER), amount)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, (1, 10, 100, 1000)))
    assert Typed("--home", home).json("earnings", "show", CONSUMER)["balance"] == 1111


def test_a_process_goes_on_when_its_server_was_killed_and_started_again(
    home: Path, run: Run
) -> None:
    with open_world(home / "world", SETTINGS.seed, SETTINGS.names) as world:
        chain = world.chain(CONSUMER)
        chain.publish_key("age1before")
        first = run.url()
        run.end(signal.SIGKILL)
        with pytest.raises(ChainError, match="the node did not answer"):
            chain.providers()
        run.address.unlink()
        again = Run(home)
        try:
            assert again.url() != first
            assert chain.recipient(chain.account) == "age1before"
            chain.publish_key("age1after")
            assert chain.recipient(chain.account) == "age1after"
        finally:
            again.end(signal.SIGTERM)
