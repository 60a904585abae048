// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Catalog} from "../src/Catalog.sol";
import {Jobs} from "../src/Jobs.sol";
import {Task, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice Who settles a job, when, and how its price is split.
contract JobsSettleTest is Market {
    // --- what is credited, and what is said

    function test_the_price_is_split_by_the_shares_and_the_fee_is_owed() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        vm.expectEmit(address(jobs));
        emit Jobs.JobSettled(round, 3_500, baseShares(), CID, CID);
        settle(terms, baseShares(), 3_500);
        earnedAre([uint256(2_000), 4_000, 0, 8_000, 0]);
        assertEq(jobs.owed(provider.addr), 3_500);
        assertTrue(jobs.roundOf(round).state == Voting.State.Settled);
        assertEq(token.balanceOf(address(jobs)), 14_000 + FEE_CAP, "a settlement moves no money");
    }

    function test_members_of_share_zero_earn_nothing_but_took_part() public {
        (Terms memory terms,) = funded(Task.Train);
        settle(terms, lone(1), 0);
        earnedAre([uint256(0), 14_000, 0, 0, 0]);
        assertEq(uint256(jobs.creditOf(assets[0]).jobs), 1);
    }

    function test_reputation_counts_the_jobs_of_members_only() public {
        for (uint64 i = 0; i < 3; ++i) {
            Terms memory terms = baseTerms();
            terms.seed = i;
            priceRound(terms);
            fund(terms);
            settle(terms, baseShares(), 0);
        }
        uint16[5] memory counts = [uint16(3), 3, 0, 3, 0];
        for (uint256 i = 0; i < 5; ++i) {
            Jobs.Credit memory credit = jobs.creditOf(assets[i]);
            assertEq(uint256(credit.jobs), counts[i]);
            assertEq(uint256(catalog.assetOf(assets[i]).jobs), counts[i]);
        }
        earnedAre([uint256(6_000), 12_000, 0, 24_000, 0]);
    }

    function test_odd_units_fall_where_running_sums_round() public {
        (Terms memory terms,) = funded(Task.Train);
        uint32[] memory shares = new uint32[](5);
        (shares[0], shares[1], shares[3]) = (1, 1, 999_999_998);
        settle(terms, shares, 0);
        // floor(14000 * running / 1e9) is 0, 0 and 14000.
        earnedAre([uint256(0), 0, 0, 14_000, 0]);
    }

    function test_a_split_sums_to_the_price_whatever_the_shares(uint32 first, uint32 second) public {
        (Terms memory terms,) = funded(Task.Train);
        uint32[] memory shares = new uint32[](5);
        shares[0] = uint32(bound(first, 0, 1e9));
        shares[1] = uint32(bound(second, 0, 1e9 - shares[0]));
        shares[3] = uint32(1e9 - shares[0] - shares[1]);
        settle(terms, shares, 0);
        uint256 one_ = (14_000 * uint256(shares[0])) / 1e9;
        uint256 two = (14_000 * (uint256(shares[0]) + shares[1])) / 1e9 - one_;
        earnedAre([one_, two, 0, 14_000 - one_ - two, 0]);
    }

    function test_a_test_job_is_split_equally() public {
        (Terms memory terms, bytes32 round) = funded(Task.Test);
        uint32[] memory shares = new uint32[](5);
        (shares[0], shares[1], shares[3]) = (333_333_334, 333_333_333, 333_333_333);
        vm.expectEmit(address(jobs));
        emit Jobs.JobSettled(round, 0, shares, CID, CID);
        settle(terms, new uint32[](0), 0);
        earnedAre([uint256(4_666), 4_667, 0, 4_667, 0]);
    }

    // --- who, when and for how much

    function test_nobody_but_the_provider_settles() public {
        (Terms memory terms,) = funded(Task.Train);
        address[4] memory others = [consumer.addr, rival.addr, owners[0].addr, address(this)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Jobs.NotProvider.selector, others[i]));
            vm.prank(others[i]);
            jobs.settle(terms, baseShares(), 0, CID, CID);
        }
    }

    function test_a_job_settles_once() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        settle(terms, baseShares(), 0);
        refused(terms, baseShares(), 0, abi.encodeWithSelector(Jobs.NotFunded.selector, round));
        earnedAre([uint256(2_000), 4_000, 0, 8_000, 0]);
    }

    function test_what_is_not_funded_does_not_settle() public {
        Terms memory terms = baseTerms();
        bytes memory why = abi.encodeWithSelector(Jobs.NotFunded.selector, jobs.idOf(terms));
        refused(terms, baseShares(), 0, why);
        open(terms);
        refused(terms, baseShares(), 0, why);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
        close(terms);
        refused(terms, baseShares(), 0, why);
    }

    function test_what_was_refunded_does_not_settle() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        vm.warp(terms.settleBy + 1);
        jobs.refund(terms, consumer.addr);
        refused(terms, baseShares(), 0, abi.encodeWithSelector(Jobs.NotFunded.selector, round));
    }

    function test_a_late_settlement_counts_while_nobody_took_the_money_back() public {
        (Terms memory terms,) = funded(Task.Train);
        vm.warp(terms.settleBy + 365 days);
        settle(terms, baseShares(), 0);
        earnedAre([uint256(2_000), 4_000, 0, 8_000, 0]);
    }

    function test_a_fee_at_the_cap_leaves_no_change() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        settle(terms, baseShares(), FEE_CAP);
        assertEq(jobs.owed(provider.addr), FEE_CAP);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToReturn.selector, round));
        jobs.refund(terms, consumer.addr);
    }

    function test_a_fee_above_the_cap_is_refused() public {
        (Terms memory terms,) = funded(Task.Train);
        bytes memory why = abi.encodeWithSelector(Jobs.FeeAboveCap.selector, FEE_CAP + 1, FEE_CAP);
        refused(terms, baseShares(), FEE_CAP + 1, why);
        why = abi.encodeWithSelector(Jobs.FeeAboveCap.selector, type(uint96).max, FEE_CAP);
        refused(terms, baseShares(), type(uint96).max, why);
    }

    function test_other_terms_are_another_job() public {
        (Terms memory terms,) = funded(Task.Train);
        terms.feeCap = type(uint96).max;
        refused(terms, baseShares(), 0, abi.encodeWithSelector(Jobs.NotFunded.selector, jobs.idOf(terms)));
    }

    // --- shares

    function test_shares_that_miss_the_whole_are_refused() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        uint32[] memory shares = baseShares();
        shares[0] -= 1;
        refused(terms, shares, 0, badShares(1e9 - 1, 5));
        shares[0] += 2;
        refused(terms, shares, 0, badShares(1e9 + 1, 5));
        refused(terms, new uint32[](5), 0, badShares(0, 5));
        (shares[0], shares[1], shares[3]) = (type(uint32).max, type(uint32).max, type(uint32).max);
        refused(terms, shares, 0, badShares(3 * uint256(type(uint32).max), 5));
        assertTrue(jobs.roundOf(round).state == Voting.State.Funded);
        earnedAre([uint256(0), 0, 0, 0, 0]);
        assertEq(jobs.owed(provider.addr), 0);
    }

    function test_shares_that_wrap_32_bits_to_the_whole_are_refused() public {
        (Terms memory terms,) = funded(Task.Train);
        uint32[] memory shares = new uint32[](5);
        // 2^32 + 1e9 in all.
        (shares[0], shares[1], shares[3]) = (type(uint32).max, 1e9, 1);
        refused(terms, shares, 0, badShares(uint256(1 << 32) + 1e9, 5));
    }

    function test_too_few_or_too_many_shares_are_refused() public {
        (Terms memory terms,) = funded(Task.Train);
        uint32[] memory shares = new uint32[](4);
        (shares[0], shares[1], shares[3]) = (142_857_143, 285_714_286, 571_428_571);
        refused(terms, shares, 0, badShares(0, 4));
        shares = new uint32[](6);
        (shares[0], shares[1], shares[3]) = (142_857_143, 285_714_286, 571_428_571);
        refused(terms, shares, 0, badShares(0, 6));
        refused(terms, new uint32[](0), 0, badShares(0, 0));
    }

    function test_a_share_for_who_is_not_in_the_dataset_is_refused() public {
        (Terms memory terms,) = funded(Task.Train);
        refused(terms, lone(2), 0, abi.encodeWithSelector(Jobs.ShareOfExcluded.selector, assets[2]));
        refused(terms, lone(4), 0, abi.encodeWithSelector(Jobs.ShareOfExcluded.selector, assets[4]));
    }

    function test_a_test_job_takes_no_shares() public {
        (Terms memory terms,) = funded(Task.Test);
        refused(terms, baseShares(), 0, badShares(0, 5));
        refused(terms, new uint32[](5), 0, badShares(0, 5));
    }

    // --- what happens to assets in between does not matter

    function test_an_asset_retired_or_sold_after_funding_earns_still() public {
        (Terms memory terms,) = funded(Task.Train);
        vm.prank(owners[0].addr);
        catalog.retire(assets[0]);
        vm.prank(owners[1].addr);
        catalog.transferFrom(owners[1].addr, stranger.addr, assets[1]);
        vm.prank(consumer.addr);
        catalog.retire(model);
        settle(terms, baseShares(), 0);
        earnedAre([uint256(2_000), 4_000, 0, 8_000, 0]);
    }

    function test_only_the_jobs_contract_credits() public {
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotJobs.selector, provider.addr));
        vm.prank(provider.addr);
        catalog.credit(one(assets[0]), one(1));
        assertEq(catalog.jobs(), address(jobs));
    }

    // --- what is told before and after

    function test_members_are_told_from_the_price_on() public {
        Terms memory terms = baseTerms();
        bytes32 round = jobs.idOf(terms);
        bytes memory why = abi.encodeWithSelector(Jobs.NotPriced.selector, round);
        vm.expectRevert(why);
        jobs.membersOf(terms);
        open(terms);
        vm.expectRevert(why);
        jobs.membersOf(terms);
        vm.warp(terms.voteBy + 1);
        uint256 over = vm.snapshotState();
        jobs.close(terms);
        assertTrue(jobs.roundOf(round).state == Voting.State.Unpriced);
        vm.expectRevert(why);
        jobs.membersOf(terms);
        vm.revertToState(over);
        vm.warp(terms.voteBy);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
        close(terms);
        assertTrue(jobs.membersOf(terms)[3]);
        fund(terms);
        assertTrue(jobs.membersOf(terms)[3]);
        settle(terms, baseShares(), 1);
        assertTrue(jobs.membersOf(terms)[3]);
        assertFalse(jobs.membersOf(terms)[2]);
    }

    function test_there_is_no_credit_of_an_unknown_asset() public {
        vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownAsset.selector, 99));
        jobs.creditOf(99);
    }

    function test_a_settlement_in_one_leaves_nothing_to_pay() public {
        (Terms memory terms, bytes32 round) = funded(Task.Train);
        settle(terms, baseShares(), 0);
        assertEq(uint256(jobs.tailOf(round).next), 0);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToPay.selector, round));
        jobs.pay(terms, baseShares(), 1);
    }

    // --- helpers

    function funded(Task task) private returns (Terms memory terms, bytes32 round) {
        terms = baseTerms();
        terms.task = task;
        round = priceRound(terms);
        fund(terms);
    }

    function lone(uint256 place) private pure returns (uint32[] memory shares) {
        shares = new uint32[](5);
        shares[place] = 1e9;
    }

    function earnedAre(uint256[5] memory expected) private view {
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(uint256(jobs.creditOf(assets[i]).earned), expected[i]);
        }
    }

    function refused(Terms memory terms, uint32[] memory shares, uint96 fee, bytes memory why) private {
        vm.expectRevert(why);
        settle(terms, shares, fee);
    }

    function badShares(uint256 sum, uint256 count) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Jobs.BadShares.selector, sum, count);
    }
}
