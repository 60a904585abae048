"""`visdm.ports.Daos` over web3.py: contracts of their own, found by the event of their founding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from visdm.adapters.evm.contracts import artifact, signature
from visdm.adapters.evm.rounds import RoundsSession, to_tuple
from visdm.adapters.evm.session import faults
from visdm.domain.daos import Dao, Proposal, Rule, Seat
from visdm.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT = "SupplierDAO"


class EvmDaos(RoundsSession):
    """What one account sees of DAOs and does in them."""

    def daos(self) -> list[Dao]:
        """Return the market's DAOs, oldest first."""
        (founded,) = (e for e in artifact(CONTRACT)["abi"] if e.get("name") == "Founded")
        web3, jobs = self._ledger.web3, self._ledger.market.jobs
        topics = [keccak(text=signature(founded)), HexBytes(jobs).rjust(32, b"\0")]
        with faults("read DAOs"):
            self._ledger.catch_up()
            logs = web3.eth.get_logs({"fromBlock": 0, "toBlock": "latest", "topics": topics})  # type: ignore[typeddict-item]  # bytes are topics too
            # Anybody can log the same words: what counts is the code that stands there.
            addresses = dict.fromkeys(str(log["address"]) for log in logs)
            genuine = self._genuine_code()
            return [self._dao(a) for a in addresses if self._code(a) == genuine]

    def dao(self, address: str) -> Dao:
        """Return one of them. Raises `UnknownError`."""
        for known in self.daos():
            if known.address == address:
                return known
        raise UnknownError("DAO", address, hint="see `visdm dao list`")

    def found(self, name: str, rule: Rule, council: Sequence[str]) -> str:
        """Deploy a DAO; return its address."""
        made = artifact(CONTRACT)
        contract = self._ledger.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        given = (self._ledger.market.jobs, name, _tuple(rule), sorted(council, key=str.lower))
        build = contract.constructor(*given).build_transaction
        receipt = self._transact(build, "found")
        return str(receipt["contractAddress"])

    def proposal(self, dao: str, round_: str) -> Proposal | None:
        """Return a round's vote in a DAO; None where it was not proposed."""
        closes, decided = self._ask(dao, "proposalOf", HexBytes(round_))
        if not closes:
            return None
        seats = [
            replace(seat, choice=self._ask(dao, "choiceOf", HexBytes(round_), place))
            for place, seat in enumerate(self.seats(dao, round_))
        ]
        return Proposal(round_, closes, tuple(seats), decided)

    def seats(self, dao: str, round_: str) -> list[Seat]:
        """Return the seats that a round has in a DAO, by place, before anybody voted."""
        terms = self._terms(round_)
        weights = self._ask(dao, "weightsOf", to_tuple(terms))
        holders = self._ask(dao, "councilOf") or self._call(
            "catalog", "ownersOf", list(terms.assets)
        )
        return [Seat(holder, weight) for holder, weight in zip(holders, weights, strict=True)]

    def propose(self, dao: str, round_: str, seat: int) -> None:
        """As the holder of a seat: put an open round to the vote."""
        self._tell(dao, "propose", to_tuple(self._terms(round_)), seat)

    def vote_seats(self, dao: str, round_: str, seats: Sequence[int], choice: int) -> None:
        """As the holder of seats: name a choice."""
        self._tell(dao, "vote", to_tuple(self._terms(round_)), list(seats), choice)

    def execute(self, dao: str, round_: str, positions: Sequence[int]) -> None:
        """As anybody, once its vote is over: answer for the members among `positions`."""
        self._tell(dao, "execute", to_tuple(self._terms(round_)), list(positions))

    def _dao(self, address: str) -> Dao:
        rule, council = Rule(*self._ask(address, "ruleOf")), self._ask(address, "councilOf")
        return Dao(address, self._ask(address, "name"), rule, tuple(council))

    def _code(self, address: str) -> bytes:
        return bytes(self._ledger.web3.eth.get_code(to_checksum_address(address)))

    def _genuine_code(self) -> bytes:
        """Return what the code of a DAO of this market is: what its creation answers."""
        made = artifact(CONTRACT)
        contract = self._ledger.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        given: tuple[Any, ...] = (self._ledger.market.jobs, "", (0, 1, 1), [])
        data = contract.constructor(*given).data_in_transaction
        return bytes(self._ledger.web3.eth.call({"from": self._key.address, "data": data}))

    def _bound_to(self, dao: str, function: str, args: Sequence[Any]) -> Any:
        contract = self._ledger.web3.eth.contract(
            address=to_checksum_address(dao), abi=artifact(CONTRACT)["abi"]
        )
        return contract.functions[function](*args)

    def _ask(self, dao: str, function: str, *args: Any) -> Any:
        with faults(function):
            self._ledger.catch_up()
            return self._bound_to(dao, function, args).call({"from": self._key.address})

    def _tell(self, dao: str, function: str, *args: Any) -> None:
        build = self._bound_to(dao, function, args).build_transaction
        self._transact(build, function)


def _tuple(rule: Rule) -> tuple[int, int, int]:
    return (rule.quorum, rule.threshold, rule.period)
