// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NO_RESERVE, Task, Terms} from "../../src/Terms.sol";
import {Market} from "./Market.sol";
import {VM} from "./Vm.sol";

/// @dev Cheatcodes that stop counting gas: setting up thousands of owners takes more than a block has.
interface GasMeter {
    function pauseGasMetering() external;
    function resumeGasMetering() external;
    function resetGasMetering() external;
}

/// @title A market of as many owners as a test asks for, and what transactions cost in it
/// @notice Gas is counted only where `measure` counts it.
abstract contract Crowd is Market {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant SIGNED = 200;
    uint96 internal constant FEE = 77;
    GasMeter private constant METER = GasMeter(address(VM));

    /// @notice Gas figures, for whoever runs this with -vvvv.
    event GasOf(string what, uint256 owners, uint256 gas);

    /// @dev Gas is not counted in a test with this.
    modifier unmetered() {
        METER.pauseGasMetering();
        _;
    }

    function ownerAt(uint256 place) internal pure returns (Account memory account) {
        account.key = 1_000 + place;
        account.addr = place < SIGNED ? vm.addr(account.key) : address(uint160(1 << 100 | place));
    }

    /// @dev Every seventh sets no reserve; the others accept 20 at the latest.
    function register(uint256 count) internal returns (uint256[] memory list) {
        list = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint80 reserve = i % 7 == 3 ? NO_RESERVE : i % 2 == 0 ? 10 : 20;
            list[i] = offer(ownerAt(i), uint32(1 + i % 900), reserve);
        }
    }

    function crowd(uint256 count, Task task) internal returns (Terms memory terms) {
        uint256[] memory list = register(count);
        terms = baseTerms();
        (terms.assets, terms.task) = (list, task);
        terms.voteBy = uint40(START + 1 days);
        terms.fundBy = uint40(START + 2 days);
        terms.settleBy = uint40(START + 3 days);
    }

    function funded(uint256 count, Task task) internal returns (Terms memory terms, bytes32 round) {
        vm.warp(START);
        terms = crowd(count, task);
        round = open(terms);
        vm.warp(terms.voteBy + 1);
        approve();
        vm.prank(consumer.addr);
        jobs.fund(terms);
    }

    function settled(uint256 count, Task task)
        internal
        returns (Terms memory terms, bytes32 round, uint32[] memory shares)
    {
        (terms, round) = funded(count, task);
        if (task == Task.Train) shares = sharesOf(jobs.membersOf(terms));
        settle(terms, shares, FEE);
    }

    /// @dev Uneven, one of them zero, and the whole in all.
    function sharesOf(bool[] memory members) internal pure returns (uint32[] memory shares) {
        shares = new uint32[](members.length);
        uint256 rest = 1e9;
        uint256 last;
        for (uint256 i = 0; i < members.length; ++i) {
            if (!members[i]) continue;
            shares[i] = i == 5 ? 0 : uint32(uint256(keccak256(abi.encode(i))) % 400_000);
            rest -= shares[i];
            last = i;
        }
        shares[last] += uint32(rest);
    }

    function approve() internal {
        vm.prank(consumer.addr);
        token.approve(address(jobs), type(uint256).max);
    }

    function transact(address from, string memory what, uint256 count, bytes memory data) internal {
        uint256 used = measure(from, data);
        emit GasOf(what, count, used);
        assertLe(used, TRANSACTION_GAS, what);
    }

    /// @dev What a transaction would cost, without refunds: nothing is warm, and the data is paid for.
    function measure(address from, bytes memory data) internal returns (uint256) {
        vm.cool(address(jobs));
        vm.cool(address(catalog));
        vm.cool(address(token));
        vm.prank(from);
        METER.resumeGasMetering();
        METER.resetGasMetering();
        uint256 before = gasleft();
        (bool done, bytes memory answer) = address(jobs).call(data);
        uint256 used = before - gasleft();
        METER.pauseGasMetering();
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        uint256 tokens;
        for (uint256 i = 0; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        // EIP-7623: the data costs 4 a token, and the whole at least 10 a token.
        uint256 whole = 21_000 + 4 * tokens + used;
        uint256 floor = 21_000 + 10 * tokens;
        return whole > floor ? whole : floor;
    }
}
