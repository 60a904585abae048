// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice A whole trade, from the vote to the last withdrawal.
contract TradeTest is Market {
    function test_each_unit_paid_in_comes_out_again() public {
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        assertEq(uint256(jobs.roundOf(round).samples), 700);
        assertEq(uint256(jobs.roundOf(round).unitPrice), 20);
        fund(terms);
        assertEq(token.balanceOf(address(jobs)), 14_000 + FEE_CAP);
        settle(terms, baseShares(), 3_500);
        uint256[3] memory rewards = [uint256(2_000), 4_000, 8_000];
        uint256[3] memory places = [uint256(0), 1, 3];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(owners[places[i]].addr);
            assertEq(jobs.withdraw(one(assets[places[i]]), owners[places[i]].addr), rewards[i]);
        }
        vm.prank(provider.addr);
        assertEq(jobs.withdraw(new uint256[](0), provider.addr), 3_500);
        vm.prank(stranger.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12 - 14_000 - 3_500);
        assertEq(token.balanceOf(address(jobs)), 0);
        assertTrue(jobs.roundOf(round).state == Voting.State.Settled);
    }
}
