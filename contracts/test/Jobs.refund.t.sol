// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Jobs} from "../src/Jobs.sol";
import {Rounds} from "../src/Rounds.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice How a consumer's money goes back: all of it, or the change of the fee cap.
contract JobsRefundTest is Market {
    uint256 private constant DUE = 14_000 + FEE_CAP;

    // --- a job that was not settled

    function test_anybody_gives_everything_back_after_settleBy() public {
        (Terms memory terms, bytes32 round) = funded();
        vm.warp(terms.settleBy + 1);
        vm.expectEmit(address(jobs));
        emit Jobs.JobRefunded(round, consumer.addr, DUE);
        vm.prank(stranger.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12);
        assertEq(token.balanceOf(address(jobs)), 0);
        assertTrue(jobs.roundOf(round).state == Voting.State.Refunded);
    }

    function test_until_settleBy_is_over_the_money_stays() public {
        (Terms memory terms,) = funded();
        vm.warp(terms.settleBy);
        address[4] memory callers = [stranger.addr, consumer.addr, owners[0].addr, rival.addr];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Jobs.NotYetRefundable.selector, terms.settleBy));
            vm.prank(callers[i]);
            jobs.refund(terms, consumer.addr);
        }
    }

    function test_the_provider_gives_a_job_up_at_any_time() public {
        (Terms memory terms, bytes32 round) = funded();
        vm.expectEmit(address(jobs));
        emit Jobs.JobRefunded(round, consumer.addr, DUE);
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12);
    }

    function test_a_refund_pays_nobody_else() public {
        (Terms memory terms,) = funded();
        vm.warp(terms.settleBy + 1);
        address[4] memory callers = [stranger.addr, provider.addr, owners[0].addr, address(this)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Rounds.NotConsumer.selector, callers[i]));
            vm.prank(callers[i]);
            jobs.refund(terms, callers[i]);
        }
    }

    function test_the_consumer_names_another_account() public {
        (Terms memory terms, bytes32 round) = funded();
        address other = makeAddr("other purse");
        vm.warp(terms.settleBy + 1);
        vm.expectEmit(address(jobs));
        emit Jobs.JobRefunded(round, other, DUE);
        vm.prank(consumer.addr);
        jobs.refund(terms, other);
        assertEq(token.balanceOf(other), DUE);
    }

    function test_a_job_is_refunded_once() public {
        (Terms memory terms, bytes32 round) = funded();
        vm.warp(terms.settleBy + 1);
        jobs.refund(terms, consumer.addr);
        refused(terms, abi.encodeWithSelector(Jobs.NotFunded.selector, round));
        assertEq(token.balanceOf(consumer.addr), 1e12);
    }

    function test_what_is_not_funded_is_not_refunded() public {
        Terms memory terms = baseTerms();
        bytes memory why = abi.encodeWithSelector(Jobs.NotFunded.selector, jobs.idOf(terms));
        refused(terms, why);
        priceRound(terms);
        refused(terms, why);
        vm.warp(terms.settleBy + 1);
        refused(terms, why);
    }

    function test_an_unpriced_round_is_not_refunded() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        close(terms);
        refused(terms, abi.encodeWithSelector(Jobs.NotFunded.selector, round));
    }

    function test_a_refund_takes_nothing_from_another_job() public {
        (Terms memory terms,) = funded();
        Terms memory other = baseTerms();
        other.seed = 8;
        priceRound(other);
        fund(other);
        vm.warp(other.settleBy + 1);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(address(jobs)), DUE);
        settle(other, baseShares(), FEE_CAP);
        assertEq(jobs.owed(provider.addr), FEE_CAP);
    }

    function test_consent_that_ends_after_funding_does_not_hold_the_money() public {
        (Terms memory terms,) = funded();
        vm.prank(owners[0].addr);
        catalog.retire(assets[0]);
        vm.prank(consumer.addr);
        catalog.transferFrom(consumer.addr, stranger.addr, model);
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12);
    }

    // --- the change of a settled job

    function test_anybody_gives_the_change_back() public {
        (Terms memory terms, bytes32 round) = funded();
        settle(terms, baseShares(), 3_500);
        assertEq(uint256(jobs.roundOf(round).change), 1_500);
        vm.expectEmit(address(jobs));
        emit Jobs.ChangeReturned(round, consumer.addr, 1_500);
        vm.prank(stranger.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12 - 14_000 - 3_500);
        assertTrue(jobs.roundOf(round).state == Voting.State.Settled);
        assertEq(uint256(jobs.roundOf(round).change), 0);
        assertEq(uint256(jobs.roundOf(round).samples), 0, "a settled round tells no samples");
    }

    function test_change_goes_back_once() public {
        (Terms memory terms, bytes32 round) = funded();
        settle(terms, baseShares(), 3_500);
        jobs.refund(terms, consumer.addr);
        refused(terms, abi.encodeWithSelector(Jobs.NothingToReturn.selector, round));
        vm.warp(terms.settleBy + 1);
        refused(terms, abi.encodeWithSelector(Jobs.NothingToReturn.selector, round));
        assertEq(token.balanceOf(address(jobs)), 14_000 + 3_500);
    }

    function test_the_whole_cap_goes_back_when_the_provider_takes_no_fee() public {
        (Terms memory terms,) = funded();
        settle(terms, baseShares(), 0);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12 - 14_000);
        assertEq(jobs.owed(provider.addr), 0);
    }

    function test_the_widest_change_goes_back_whole() public {
        Terms memory terms = baseTerms();
        terms.feeCap = type(uint96).max - 14_000;
        require(token.transfer(consumer.addr, 1 << 96));
        uint256 before = token.balanceOf(consumer.addr);
        priceRound(terms);
        fund(terms);
        settle(terms, baseShares(), 1);
        bool[] memory members = jobs.membersOf(terms);
        assertTrue(members[0] && members[1] && !members[2] && members[3] && !members[4]);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), before - 14_001);
    }

    function test_the_consumer_sends_change_elsewhere_and_nobody_else_does() public {
        (Terms memory terms,) = funded();
        settle(terms, baseShares(), 3_500);
        vm.expectRevert(abi.encodeWithSelector(Rounds.NotConsumer.selector, provider.addr));
        vm.prank(provider.addr);
        jobs.refund(terms, provider.addr);
        vm.prank(consumer.addr);
        jobs.refund(terms, stranger.addr);
        assertEq(token.balanceOf(stranger.addr), 1_500);
    }

    function test_a_settled_job_gives_the_price_back_to_nobody(uint96 fee) public {
        (Terms memory terms,) = funded();
        fee = uint96(bound(fee, 0, FEE_CAP - 1));
        settle(terms, baseShares(), fee);
        vm.warp(terms.settleBy + 1);
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(address(jobs)), 14_000 + uint256(fee));
    }

    function test_not_to_the_contract_itself_where_nobody_could_take_it_out() public {
        (Terms memory terms,) = funded();
        vm.warp(terms.settleBy + 1);
        vm.expectRevert(abi.encodeWithSelector(Jobs.BadReceiver.selector, address(jobs)));
        vm.prank(consumer.addr);
        jobs.refund(terms, address(jobs));
    }

    function test_who_was_in_the_dataset_can_be_read_after_a_refund() public {
        (Terms memory terms,) = funded();
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        bool[] memory members = jobs.membersOf(terms);
        assertTrue(members[0] && members[1] && !members[2] && members[3] && !members[4]);
    }

    // --- helpers

    function funded() private returns (Terms memory terms, bytes32 round) {
        terms = baseTerms();
        round = priceRound(terms);
        fund(terms);
    }

    function refused(Terms memory terms, bytes memory why) private {
        vm.expectRevert(why);
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
    }
}
