// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DevToken} from "../devnet/DevToken.sol";
import {Catalog} from "../src/Catalog.sol";
import {Jobs} from "../src/Jobs.sol";
import {Permissions} from "../src/Permissions.sol";
import {Rounds} from "../src/Rounds.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Handler} from "./base/Handler.sol";
import {Mirror} from "./base/Mirror.sol";
import {Test} from "./base/Test.sol";

/// @notice What holds after any steps of anybody: contracts/INVARIANTS.md has them in words.
contract InvariantsTest is Test {
    DevToken private token;
    Jobs private jobs;
    Catalog private catalog;
    Handler private handler;

    function setUp() public {
        token = new DevToken(1e30);
        jobs = new Jobs(token);
        catalog = jobs.catalog();
        handler = new Handler(token, jobs);
        for (uint256 i = 5; i < 7; ++i) {
            require(token.transfer(handler.people()[i].addr, 1e15));
        }
        bytes4[] memory steps = new bytes4[](27);
        (steps[0], steps[1], steps[2]) = (Handler.wait.selector, Handler.register.selector, Handler.trade.selector);
        (steps[3], steps[4]) = (Handler.retire.selector, Handler.setReserve.selector);
        (steps[5], steps[6], steps[7]) = (Handler.delegate.selector, Handler.open.selector, Handler.vote.selector);
        (steps[8], steps[9], steps[10]) = (Handler.submit.selector, Handler.close.selector, Handler.fund.selector);
        (steps[11], steps[12]) = (Handler.settle.selector, Handler.pay.selector);
        (steps[13], steps[14]) = (Handler.refund.selector, Handler.withdraw.selector);
        (steps[24], steps[25], steps[26]) = (Handler.allow.selector, Handler.allow.selector, Handler.fund.selector);
        for (uint256 i = 15; i < 24; ++i) {
            steps[i] = Handler.advance.selector;
        }
        targetContract(address(handler));
        targetSelectors(address(handler), steps);
    }

    function invariant_I1_the_escrow_is_what_is_claimed() public view {
        Mirror.Story[] memory stories = handler.stories();
        uint256 onChain;
        uint256 mirrored;
        for (uint256 i = 0; i < stories.length; ++i) {
            Terms memory terms = handler.termsOf(i);
            Rounds.Round memory round = jobs.roundOf(stories[i].id);
            if (round.state == Voting.State.Funded) {
                onChain += uint256(round.samples) * round.unitPrice + terms.feeCap;
                mirrored += stories[i].samples * stories[i].unitPrice + terms.feeCap;
            }
            if (round.state == Voting.State.Settled) {
                onChain += round.change;
                mirrored += stories[i].change;
            }
            assertEq(uint256(jobs.tailOf(stories[i].id).next), 0, "a tail of a small dataset");
        }
        Mirror.Thing[] memory things = handler.things();
        for (uint256 k = 0; k < things.length; ++k) {
            Jobs.Credit memory credit = jobs.creditOf(things[k].id);
            onChain += credit.earned - credit.withdrawn;
            mirrored += things[k].earned - things[k].withdrawn;
            assertEq(uint256(credit.jobs), things[k].jobs);
        }
        Account[] memory people = handler.people();
        for (uint256 k = 0; k < people.length; ++k) {
            onChain += jobs.owed(people[k].addr);
            mirrored += handler.owed(people[k].addr);
        }
        assertEq(token.balanceOf(address(jobs)), onChain, "on chain");
        assertEq(token.balanceOf(address(jobs)), mirrored, "mirrored");
    }

    function invariant_I2_rewards_sum_to_the_price() public view {
        Mirror.Story[] memory stories = handler.stories();
        uint256 prices;
        for (uint256 i = 0; i < stories.length; ++i) {
            if (stories[i].state != Voting.State.Settled) continue;
            uint256 price = stories[i].samples * stories[i].unitPrice;
            assertEq(stories[i].credited, price);
            prices += price;
        }
        Mirror.Thing[] memory things = handler.things();
        uint256 earned;
        for (uint256 k = 0; k < things.length; ++k) {
            assertEq(uint256(jobs.creditOf(things[k].id).earned), things[k].earned);
            earned += jobs.creditOf(things[k].id).earned;
        }
        assertEq(earned, prices);
    }

    function invariant_I3_each_sample_counts_once() public view {
        Mirror.Story[] memory stories = handler.stories();
        for (uint256 i = 0; i < stories.length; ++i) {
            Rounds.Round memory round = jobs.roundOf(stories[i].id);
            bool priced = round.state == Voting.State.Priced || round.state == Voting.State.Funded;
            if (!priced && round.state != Voting.State.Settled) continue;
            Terms memory terms = handler.termsOf(i);
            (bool[] memory expected,,) = handler.closedAs(i);
            bool[] memory members = jobs.membersOf(terms);
            uint256 samples;
            for (uint256 k = 0; k < members.length; ++k) {
                assertEq(members[k], expected[k]);
                assertTrue(k == 0 || terms.assets[k] > terms.assets[k - 1], "an asset twice");
                if (members[k]) samples += catalog.assetOf(terms.assets[k]).samples;
            }
            assertEq(samples, stories[i].samples);
            if (priced) assertEq(samples, uint256(round.samples));
            if (priced) assertEq(stories[i].unitPrice, uint256(round.unitPrice));
        }
    }

    function invariant_I4_no_member_without_consent() public view {
        Mirror.Story[] memory stories = handler.stories();
        for (uint256 i = 0; i < stories.length; ++i) {
            if (stories[i].funds == 0) continue;
            assertFalse(stories[i].unavailableAtFunding, "a member was retired, or did not allow the model");
            if (stories[i].state == Voting.State.Refunded) continue;
            Terms memory terms = handler.termsOf(i);
            bool[] memory members = jobs.membersOf(terms);
            (, Mirror.Consent[] memory consents, uint8[] memory choices) = handler.closedAs(i);
            for (uint256 k = 0; k < members.length; ++k) {
                if (!members[k]) continue;
                assertTrue(consents[k] != Mirror.Consent.None, "nobody answered for it");
                assertTrue(choices[k] != 0 && choices[k] <= terms.ladder.length, "it was rejected");
                assertLe(terms.ladder[choices[k] - 1], stories[i].unitPrice, "it asked for more");
            }
        }
    }

    function invariant_I5_every_state_has_a_way_out() public {
        uint256 before = vm.snapshotState();
        Account[] memory people = handler.people();
        address stranger = people[9].addr;
        Mirror.Story[] memory stories = handler.stories();
        vm.warp(block.timestamp + 3650 days);
        for (uint256 i = 0; i < stories.length; ++i) {
            Terms memory terms = handler.termsOf(i);
            uint256 purse = token.balanceOf(terms.consumer);
            vm.startPrank(stranger);
            if (stories[i].state == Voting.State.Open) jobs.close(terms);
            if (stories[i].state == Voting.State.Funded) {
                jobs.refund(terms, terms.consumer);
                uint256 due = stories[i].samples * stories[i].unitPrice + terms.feeCap;
                assertEq(token.balanceOf(terms.consumer) - purse, due);
            }
            if (stories[i].change != 0) {
                jobs.refund(terms, terms.consumer);
                assertEq(token.balanceOf(terms.consumer) - purse, stories[i].change);
            }
            vm.stopPrank();
            Voting.State state = jobs.roundOf(stories[i].id).state;
            assertTrue(state != Voting.State.Open && state != Voting.State.Funded, "stuck");
        }
        Mirror.Thing[] memory things = handler.things();
        uint256[] memory list = new uint256[](1);
        for (uint256 k = 0; k < things.length; ++k) {
            list[0] = things[k].id;
            if (things[k].earned == things[k].withdrawn && jobs.owed(things[k].owner) == 0) continue;
            vm.prank(things[k].owner);
            jobs.withdraw(list, things[k].owner);
        }
        for (uint256 k = 0; k < people.length; ++k) {
            if (jobs.owed(people[k].addr) == 0) continue;
            vm.prank(people[k].addr);
            jobs.withdraw(new uint256[](0), people[k].addr);
        }
        assertEq(token.balanceOf(address(jobs)), 0, "money without a way out");
        vm.revertToState(before);
    }

    function invariant_I6_nothing_happens_twice() public view {
        assertEq(handler.illegalMoves(), 0, "a round went back");
        Mirror.Story[] memory stories = handler.stories();
        for (uint256 i = 0; i < stories.length; ++i) {
            assertLe(stories[i].funds, 1);
            assertLe(stories[i].settles + stories[i].refunds, stories[i].funds);
            assertLe(stories[i].changes, stories[i].settles);
        }
    }

    function invariant_I7_what_came_in_went_out_or_is_there() public view {
        assertEq(handler.paidIn(), handler.paidOut() + token.balanceOf(address(jobs)));
        Account[] memory people = handler.people();
        uint256 held = token.balanceOf(address(jobs));
        for (uint256 k = 0; k < people.length; ++k) {
            held += token.balanceOf(people[k].addr);
        }
        assertEq(held, 2e15);
    }

    function invariant_I8_no_job_goes_beyond_a_permission() public view {
        Mirror.Story[] memory stories = handler.stories();
        Mirror.Thing[] memory things = handler.things();
        for (uint256 i = 0; i < stories.length; ++i) {
            assertFalse(stories[i].unavailableAtFunding, "a member did not allow the model");
            assertFalse(stories[i].overspentAtFunding, "a budget was overspent");
        }
        for (uint256 k = 0; k < things.length; ++k) {
            uint256 taken;
            for (uint256 i = 0; i < stories.length; ++i) {
                if (stories[i].state < Voting.State.Funded || stories[i].state == Voting.State.Refunded) continue;
                (uint256[] memory charged, uint256 epsilon) = handler.chargedBy(i);
                for (uint256 n = 0; n < charged.length; ++n) {
                    if (charged[n] == things[k].id) taken += epsilon;
                }
            }
            (Permissions.Allows allows, uint32 each, uint32 budget, uint32 spent) = catalog.permissionOf(things[k].id);
            assertEq(uint256(spent), taken, "what was spent is not what unrefunded jobs took");
            assertEq(uint256(spent), things[k].spent);
            assertLe(uint256(spent), things[k].highest, "more than any budget allowed");
            assertTrue(allows == things[k].allows && each == things[k].each && budget == things[k].budget);
        }
    }
}
