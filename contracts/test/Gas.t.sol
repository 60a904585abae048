// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NO_RESERVE, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice What the calls of a trade cost, to the unit, each as a transaction of its own. Kept in
/// contracts/gas and compared with every run; a change that is meant is written by `make gas`.
/// tests/contracts/test_gas.py measures receipts and holds them against what is promised.
contract GasTest is Market {
    /// forge-config: default.isolate = true
    function test_the_calls_of_a_trade_cost_what_they_did() public {
        vm.prank(owners[0].addr);
        uint256 asset = catalog.registerData(EU, 100, NO_RESERVE, CID, CID);
        kept("register another data asset");
        vm.prank(provider.addr);
        catalog.describe(asset, CID);
        kept("register metadata");

        Terms memory terms = baseTerms();
        open(terms);
        kept("open, 5 owners");
        vote(terms, owners[4], 4, 2);
        kept("vote directly");
        Voting.Ballot[] memory ballots = new Voting.Ballot[](4);
        for (uint16 i = 0; i < 4; ++i) {
            ballots[i] = ballotOf(terms, owners[i], i, 2, 1);
        }
        vm.prank(stranger.addr);
        jobs.submit(terms, ballots);
        kept("submit 4 ballots");
        close(terms);
        kept("close, 5 ballots");
        fund(terms);
        kept("fund, 5 owners");
        settle(terms, sharesOfAll(), 3_500);
        kept("settle, 5 owners, first of a provider");
        vm.prank(owners[0].addr);
        jobs.withdraw(one(assets[0]), owners[0].addr);
        kept("withdraw a first reward");
        vm.prank(stranger.addr);
        jobs.refund(terms, consumer.addr);
        kept("give change back");
        vm.prank(consumer.addr);
        catalog.postSought('{"classes":["cat","dog"],"price":50000,"samples":1000,"task":"train"}');
        kept("post a search");
    }

    function sharesOfAll() private pure returns (uint32[] memory shares) {
        shares = new uint32[](5);
        for (uint256 i = 0; i < 5; ++i) {
            shares[i] = 200_000_000;
        }
    }

    function kept(string memory name) private {
        require(vm.snapshotGasLastCall("trade", name) != 0);
    }
}
