"""What a node of the chain can do to us: each fault by its name."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from eth_account import Account

from nodes.conftest import Anvil, Market
from visdm.adapters.evm.sending import Patience, transact
from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web3.types import FilterParams, LogReceipt

    from nodes.conftest import Proxy
    from visdm.adapters.evm.jobs import EvmChain

Answer: TypeAlias = dict[str, Any]
OTHER = "0x000000000000000000000000000000000000dEaD"
QUICK = Patience(whole=20, again=0.5, others=1.0, pause=0.1)
SHORT = Patience(whole=1.5, again=0.5, others=0.5, pause=0.1)


@pytest.fixture
def market(anvil: Anvil) -> Iterator[Market]:
    made = Market(anvil.url)
    yield made
    made.close()


def pay(chain: EvmChain, amount: int = 1) -> None:
    chain.transfer(OTHER, amount)


def paid(market: Market) -> int:
    return market.chain.balance(OTHER)


# Gone and back


def test_a_node_that_is_gone_is_named_and_nothing_was_sent() -> None:
    node = Anvil()
    market = Market(node.url)
    node.end()
    with pytest.raises(ChainError, match=rf"127\.0\.0\.1:{node.port}: the node did not answer"):
        market.chain.assets()
    with pytest.raises(ChainError, match="the node did not answer"):
        pay(market.chain)
    market.close()


def test_a_read_is_asked_again_when_the_connection_was_cut(market: Market, proxy: Proxy) -> None:
    cut: list[str] = []

    def before(method: str, _: object) -> None:
        if cut.count(method) < 2:
            cut.append(method)
            raise ConnectionError

    proxy.before = before
    assert market.through(proxy.url, QUICK).providers() == []
    assert "eth_getLogs" in cut


def test_an_answer_lost_after_sending_does_not_send_another(market: Market, proxy: Proxy) -> None:
    sent: list[Answer] = []

    def after(method: str, answer: Answer) -> Answer:
        if method == "eth_sendRawTransaction":
            sent.append(answer)
            raise ConnectionError
        return answer

    proxy.after = after
    before = market.nonce
    pay(market.through(proxy.url, QUICK))
    assert (len(sent), paid(market), market.nonce) == (1, 1, before + 1)


def test_a_transaction_that_never_arrived_is_sent_again(market: Market, proxy: Proxy) -> None:
    lost: list[str] = []

    def before(method: str, _: object) -> None:
        if method == "eth_sendRawTransaction" and len(lost) < 2:
            lost.append(method)
            raise ConnectionError

    proxy.before = before
    pay(market.through(proxy.url, QUICK))
    assert (len(lost), paid(market)) == (2, 1)


def test_a_node_gone_after_sending_leaves_it_open_whether_it_is_in_a_block(
    market: Market, proxy: Proxy
) -> None:
    def before(method: str, _: object) -> None:
        if method in {"eth_getTransactionReceipt", "eth_sendRawTransaction"}:
            raise ConnectionError

    proxy.before = before
    with pytest.raises(ChainError, match="it may still come into one"):
        pay(market.through(proxy.url, SHORT))


# Stuck, dropped, replaced


def test_a_transaction_dropped_from_the_pool_is_sent_again(market: Market, anvil: Anvil) -> None:
    anvil.ask("evm_setAutomine", *[False])
    market.ledger.patience = QUICK
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, market.chain)
        wait_for_pool(anvil)
        anvil.ask("anvil_dropAllTransactions")
        wait_for_pool(anvil)
        anvil.ask("evm_mine")
        paying.result()
    assert paid(market) == 1


def test_a_transaction_stuck_below_the_base_fee_is_replaced_by_itself(
    market: Market, anvil: Anvil
) -> None:
    anvil.ask("evm_setAutomine", *[False])
    market.ledger.patience = QUICK
    before = market.nonce
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, market.chain)
        wait_for_pool(anvil)
        anvil.ask("anvil_setNextBlockBaseFeePerGas", hex(20 * 10**9))
        anvil.ask("evm_mine")
        while not paying.done():
            time.sleep(0.3)
            anvil.ask("anvil_setNextBlockBaseFeePerGas", hex(20 * 10**9))
            anvil.ask("evm_mine")
        paying.result()
    assert (paid(market), market.nonce) == (1, before + 1)


def test_a_transaction_that_is_never_mined_is_said_to_be_open(market: Market, anvil: Anvil) -> None:
    anvil.ask("evm_setAutomine", *[False])
    market.ledger.patience = SHORT
    with pytest.raises(ChainError, match=r"was sent \(0x[0-9a-f]{64}\).*may still come into one"):
        pay(market.chain)


def test_a_retry_takes_the_place_of_what_is_stuck_and_does_it_once(
    market: Market, anvil: Anvil
) -> None:
    anvil.ask("evm_setAutomine", *[False])
    market.ledger.patience = SHORT
    with pytest.raises(ChainError):
        pay(market.chain)
    market.ledger.patience = QUICK
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, market.chain)
        while not paying.done():
            time.sleep(2.0)
            anvil.ask("evm_mine")
        paying.result()
    assert paid(market) == 1


def test_another_transaction_in_its_place_is_noticed(market: Market, anvil: Anvil) -> None:
    anvil.ask("evm_setAutomine", *[False])
    market.ledger.patience = QUICK
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, market.chain)
        wait_for_pool(anvil)
        foreign = market.key.sign_transaction(
            {
                "nonce": market.nonce,
                "to": OTHER,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 10**12,
                "maxPriorityFeePerGas": 10**11,
                "chainId": 31337,
            }
        )
        market.node.web3.eth.send_raw_transaction(foreign.raw_transaction)
        anvil.ask("evm_mine")
        with pytest.raises(ChainError, match="was not done: another transaction"):
            paying.result()
    assert paid(market) == 0


def test_processes_of_one_account_do_each_thing_once(market: Market, anvil: Anvil) -> None:
    chains = [market.through(anvil.url, QUICK) for _ in range(4)]
    before = market.nonce
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, chains, (1, 10, 100, 1000)))
    assert (paid(market), market.nonce) == (1111, before + 4)


def wait_for_pool(anvil: Anvil) -> None:
    deadline = time.monotonic() + 10
    while anvil.ask("txpool_status")["pending"] == "0x0":
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Reorganised, behind


def test_a_reorganisation_takes_back_what_was_read(market: Market, anvil: Anvil) -> None:
    market.chain.announce("EU", 5)
    before = anvil.ask("evm_snapshot")
    market.chain.publish_key("age1gone")
    assert market.chain.recipient(market.chain.account) == "age1gone"
    anvil.ask("evm_revert", before)
    other = market.through(anvil.url, QUICK)
    other.publish_key("age1here")
    anvil.ask("evm_mine")
    assert market.chain.recipient(market.chain.account) == "age1here"
    assert [p.region for p in market.chain.providers()] == ["EU"]


def test_a_reorganisation_of_several_blocks_is_read_from_the_common_ancestor(
    market: Market, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in ("EU", "US", "JP"):
        market.chain.announce(region, 5)
        assert market.chain.providers()[-1].region == region
    read: list[object] = []
    logs = market.node.web3.eth.get_logs

    def noted(asked: FilterParams) -> list[LogReceipt]:
        read.append(asked["fromBlock"])
        return logs(asked)

    monkeypatch.setattr(market.node.web3.eth, "get_logs", noted)
    kept = market.ledger._read[-3].number
    anvil.ask("anvil_reorg", 2, [])
    anvil.ask("evm_mine")
    assert [p.region for p in market.chain.providers()] == ["EU"]
    assert read == [kept + 1]


def test_a_node_that_is_behind_is_waited_for(market: Market, proxy: Proxy) -> None:
    chain = market.through(proxy.url, QUICK)
    behind = hex(market.node.web3.eth.block_number)
    chain.announce("EU", 5)
    asked: list[str] = []

    def after(method: str, answer: Answer) -> Answer:
        block: Answer = answer.get("result", {})
        if method == "eth_getBlockByNumber" and len(asked) < 3:
            asked.append(method)
            return answer | {"result": block | {"number": behind}}
        return answer

    proxy.after = after
    assert [p.region for p in chain.providers()] == ["EU"]
    assert len(asked) == 3


def test_a_node_that_stays_behind_is_believed_in_the_end(market: Market, anvil: Anvil) -> None:
    before = anvil.ask("evm_snapshot")
    market.chain.announce("EU", 5)
    assert len(market.chain.providers()) == 1
    anvil.ask("evm_revert", before)
    assert market.chain.providers() == []


def test_blocks_that_are_not_deep_enough_are_not_believed(market: Market, anvil: Anvil) -> None:
    market.chain.announce("EU", 5)
    chain = market.through(anvil.url, QUICK, depth=2)
    assert chain.providers() == []
    anvil.ask("evm_mine")
    anvil.ask("evm_mine")
    assert [p.region for p in chain.providers()] == ["EU"]
    with ThreadPoolExecutor(1) as pool:
        announcing = pool.submit(chain.announce, "US", 5)
        time.sleep(1)
        assert not announcing.done()
        anvil.ask("evm_mine")
        anvil.ask("evm_mine")
        assert announcing.result() == 2


# The machine's clock


def test_a_machine_clock_hours_off_changes_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = market.chain.now()
    real = time.time
    for hours in (-9, 9):
        monkeypatch.setattr(time, "time", lambda off=hours: real() + off * 3600)
        pay(market.chain)
        assert abs(market.chain.now() - before) < 600
    assert paid(market) == 2


def test_an_unlocked_account_is_not_needed_once_the_market_is_made(market: Market) -> None:
    stranger = Account.create()
    market.chain.transfer(str(stranger.address), 1)
    with pytest.raises(Exception, match="has no ether to pay for gas"):
        transact(
            market.node.web3,
            stranger,
            market.ledger.contracts["token"].functions.transfer(OTHER, 1).build_transaction,
            "transfer",
            SHORT,
        )
