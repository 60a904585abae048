// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SupplierDAO} from "../src/SupplierDAO.sol";
import {NO_RESERVE, Terms} from "../src/Terms.sol";
import {VM} from "./base/Vm.sol";
import {Members} from "./base/Members.sol";

/// @dev Cheatcodes that stop counting gas: setting up many owners takes more than a block has.
interface Meter {
    function pauseGasMetering() external;
    function resumeGasMetering() external;
    function resetGasMetering() external;
}

/// @notice What a vote of as many members costs as a round may have.
contract SupplierDAOSizeTest is Members {
    uint256 private constant COUNT = 2_048;

    /// @dev The last step of the longest ladder is what they choose.
    uint8 private constant STEPS = 100;

    /// @dev How many seats vote, or are answered for, in a transaction.
    uint256 private constant PART = 512;

    /// @dev A proposal's and a vote's, besides what the data costs.
    uint256 private constant SMALL = 150_000;
    Meter private constant METER = Meter(address(VM));

    address private _holder;

    /// @notice Gas figures, for whoever runs this with -vvvv.
    event GasOf(string what, uint256 whole, uint256 used);

    /// @dev Every asset another member's, every seat of a choice, every word and slot cold.
    function test_2048_members_vote_decide_and_are_answered_in_transactions_as_shipped() public {
        METER.pauseGasMetering();
        (Terms memory terms, bytes32 round) = crowd();
        small("propose", _holder, abi.encodeCall(SupplierDAO.propose, (terms, uint16(COUNT - 1))));
        small("vote", _holder, abi.encodeCall(SupplierDAO.vote, (terms, seat(uint16(COUNT - 1)), 1)));
        for (uint256 i = 0; i < COUNT; i += PART) {
            bytes memory many = abi.encodeCall(SupplierDAO.vote, (terms, places(i, i + PART), STEPS));
            transact("vote for 512 seats", _holder, many);
        }
        scatter();
        endVote(round);
        bytes memory call = abi.encodeCall(SupplierDAO.execute, (terms, new uint16[](0)));
        uint256 decide = transact("decide", stranger.addr, call);
        assertLe(decide, TRANSACTION_GAS - 2 * 12 * COUNT); // for ids with two more bytes than here
        assertEq(uint256(dao.proposalOf(round).choice), STEPS);
        answer(terms, round, 0, "answer");
    }

    function test_a_round_of_2048_members_is_decided_by_a_council_of_64() public {
        METER.pauseGasMetering();
        address[] memory council = new address[](64);
        for (uint160 i = 0; i < 64; ++i) {
            council[i] = address((i + 1) << 32);
        }
        dao = new SupplierDAO(jobs, "Ward", SupplierDAO.Rule(0, 5_001, PERIOD), council);
        (Terms memory terms, bytes32 round) = crowd();
        small("propose, council", council[63], abi.encodeCall(SupplierDAO.propose, (terms, 63)));
        small("vote, council", council[63], abi.encodeCall(SupplierDAO.vote, (terms, seat(63), STEPS)));
        scatter();
        endVote(round);
        answer(terms, round, 0, "decide and answer, council");
    }

    /// @dev All of the assets are one member's at first, who can so vote in one transaction.
    function crowd() private returns (Terms memory terms, bytes32 round) {
        Account memory holder = Account(address(0x100000), 0);
        _holder = holder.addr;
        delete assets;
        for (uint256 i = 0; i < COUNT; ++i) {
            assets.push(offer(holder, 100, NO_RESERVE));
        }
        nominate(holder, address(dao));
        terms = baseTerms();
        terms.ladder = new uint80[](STEPS);
        for (uint80 i = 0; i < STEPS; ++i) {
            terms.ladder[i] = 1e18 + i;
        }
        round = open(terms);
    }

    /// @dev Sell each to another member.
    function scatter() private {
        for (uint256 i = 0; i < COUNT; ++i) {
            Account memory owner = Account(address(uint160(0x200000 + i)), 0);
            nominate(owner, address(dao));
            vm.prank(_holder);
            catalog.transferFrom(_holder, owner.addr, assets[i]);
        }
    }

    function answer(Terms memory terms, bytes32 round, uint256 first, string memory what) private {
        while (first < COUNT) {
            uint256 end = first + PART < COUNT ? first + PART : COUNT;
            transact(what, stranger.addr, abi.encodeCall(SupplierDAO.execute, (terms, places(first, end))));
            first = end;
        }
        uint8[] memory choices = jobs.choicesOf(round, COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            assertEq(uint256(choices[i]), STEPS);
        }
    }

    function small(string memory what, address from, bytes memory call) private {
        (uint256 whole, uint256 used) = measure(what, from, call);
        assertLt(21_000 + used, SMALL, what);
        assertLt(whole, TRANSACTION_GAS / 10, what);
    }

    function transact(string memory what, address from, bytes memory call) private returns (uint256 whole) {
        (whole,) = measure(what, from, call);
        assertLe(whole, TRANSACTION_GAS, what);
    }

    /// @dev What a transaction would cost, without refunds, and how much of it what it does: nothing is
    /// warm.
    function measure(string memory what, address from, bytes memory call)
        private
        returns (uint256 whole, uint256 used)
    {
        uint256 tokens;
        for (uint256 i = 0; i < call.length; ++i) {
            tokens += call[i] == 0 ? 1 : 4;
        }
        vm.cool(address(jobs));
        vm.cool(address(catalog));
        vm.cool(address(dao));
        vm.prank(from);
        METER.resumeGasMetering();
        METER.resetGasMetering();
        uint256 before = gasleft();
        (bool done, bytes memory reply) = address(dao).call(call);
        used = before - gasleft();
        METER.pauseGasMetering();
        if (!done) {
            assembly ("memory-safe") {
                revert(add(reply, 32), mload(reply))
            }
        }
        // EIP-7623: the data costs 4 a token, and the whole at least 10 a token.
        whole = 21_000 + (used > 6 * tokens ? used + 4 * tokens : 10 * tokens);
        emit GasOf(what, whole, used);
    }
}
