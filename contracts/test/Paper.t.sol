// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Catalog} from "../src/Catalog.sol";
import {Rounds} from "../src/Rounds.sol";
import {NO_RESERVE, REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

// Faults of the paper's contracts, one test or more for each:
//
// 1. Re-registering a digest takes over an asset.
// 2. The consumer picks the electorate.
// 3. Zero votes let option 0 win.
// 4. Ties are decided by luck.
// 5. Accounts that own nothing vote with delegated weight.
// 6. Delegating to one who is not enrolled yet blocks both.
// 7. Delegating to 0x0 burns the weight.
// 8. A delegation is walked without a bound.

/// @notice What the contracts of the paper allow, and these do not.
contract PaperTest is Polls {
    // --- 1

    function test_paper_registering_the_same_cids_takes_nothing_over() public {
        vm.prank(stranger.addr);
        uint256 copy = catalog.registerData(EU, 9_999, 1, CID, CID);
        assertEq(copy, 7);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(catalog.ownerOf(assets[i]), owners[i].addr);
        }
        Catalog.Asset memory first = catalog.assetOf(assets[0]);
        assertTrue(first.samples == 100 && first.reserve == NO_RESERVE && first.state == Catalog.State.Described);
        assertTrue(catalog.assetOf(copy).state == Catalog.State.Registered, "the copy is not described");
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotOwner.selector, assets[0], stranger.addr));
        vm.prank(stranger.addr);
        catalog.retire(assets[0]);
    }

    function test_paper_registering_the_same_cids_during_a_round_gives_no_vote_in_it() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        offer(stranger, 9_999, 1);
        expectRefused(Voting.Skipped.Voter);
        vote(terms, stranger, 0, 1);
        expectRefused(Voting.Skipped.Position);
        vote(terms, stranger, 5, 1);
        close(terms);
        assertTrue(jobs.roundOf(round).state == Voting.State.Unpriced, "nor does its reserve answer");
    }

    // --- 2

    function test_paper_the_consumer_does_not_pick_who_votes_for_an_asset_or_its_weight() public {
        // Terms hold ids alone: owner and samples are the catalog's, whoever writes the terms.
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Account[2] memory puppets = [consumer, stranger];
        for (uint256 i = 0; i < 2; ++i) {
            for (uint16 position = 0; position < 5; ++position) {
                expectRefused(Voting.Skipped.Voter);
                vote(terms, puppets[i], position, 1);
            }
        }
        vote(terms, owners[2], 2, 3);
        close(terms);
        // carol (30) and dave's reserve (20) alone decide, by the samples that they registered.
        assertEq(jobs.roundOf(round).unitPrice, 30);
        assertEq(jobs.roundOf(round).samples, 700);
    }

    function test_paper_an_asset_of_the_consumer_weighs_nothing_until_the_provider_described_it() public {
        vm.prank(consumer.addr);
        uint256 stuffed = catalog.registerData(EU, type(uint32).max, 1, CID, CID);
        Terms memory terms = baseTerms();
        terms.assets = new uint256[](2);
        (terms.assets[0], terms.assets[1]) = (assets[3], stuffed);
        bytes32 round = open(terms);
        vote(terms, consumer, 1, 1);
        close(terms);
        assertEq(jobs.roundOf(round).unitPrice, 20);
        assertEq(jobs.roundOf(round).samples, 400);
    }

    // --- 3

    function test_paper_zero_votes_give_no_price() public {
        Terms memory terms = baseTerms();
        terms.quorum = 0;
        terms.minSamples = 0;
        terms.assets = new uint256[](2);
        (terms.assets[0], terms.assets[1]) = (assets[0], assets[1]); // no reserves
        bytes32 round = open(terms);
        vm.warp(terms.voteBy + 1);
        vm.expectEmit(address(jobs));
        emit Rounds.RoundClosed(round, Voting.State.Unpriced, 0, 0, hex"0000");
        jobs.close(terms);
    }

    function test_paper_rejections_alone_give_no_price() public {
        Terms memory terms = baseTerms();
        (terms.quorum, terms.minSamples, terms.assets) = (0, 0, one(assets[0]));
        bytes32 round = open(terms);
        vote(terms, owners[0], 0, REJECT);
        close(terms);
        assertTrue(jobs.roundOf(round).state == Voting.State.Unpriced);
    }

    // --- 4

    function test_paper_a_tie_is_decided_by_the_rule_whatever_the_order_and_the_block(uint256 luck) public {
        Terms memory terms = baseTerms();
        terms.threshold = 5_000;
        terms.assets = new uint256[](2);
        terms.assets[0] = offer(owners[0], 50, NO_RESERVE);
        terms.assets[1] = offer(owners[1], 50, NO_RESERVE);
        bytes32 round = open(terms);
        uint16 first = uint16(luck & 1);
        vote(terms, owners[first], first, first == 0 ? 3 : 1);
        vote(terms, owners[1 - first], 1 - first, first == 0 ? 1 : 3);
        vm.roll(1 + luck % 1e9);
        vm.warp(uint256(terms.voteBy) + 1 + luck % 1e6);
        vm.prank(address(uint160(luck | 1)));
        jobs.close(terms);
        // Half for 10 and half for 30: half accepts 10, and that is enough.
        assertEq(jobs.roundOf(round).unitPrice, 10);
        assertEq(jobs.roundOf(round).samples, 50);
    }

    // --- 5

    function test_paper_who_owns_nothing_votes_only_as_delegate_and_only_for_who_chose_it() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        delegate(owners[0], stranger);
        vote(terms, stranger, 0, 1);
        checkAnswer(round, 0, 1, false, 1);
        for (uint16 position = 1; position < 5; ++position) {
            expectRefused(Voting.Skipped.Voter);
            vote(terms, stranger, position, 1);
        }
        expectRefused(Voting.Skipped.Voter);
        vote(terms, rival, 0, 1);
    }

    function test_paper_delegated_weight_is_counted_once() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        delegate(owners[2], owners[3]);
        vote(terms, owners[3], 3, 1);
        vote(terms, owners[3], 2, 1);
        vote(terms, owners[2], 2, 1); // again, itself
        close(terms);
        assertEq(jobs.roundOf(round).samples, 700);
        assertEq(jobs.roundOf(round).unitPrice, 10);
    }

    // --- 6

    function test_paper_delegating_to_one_who_owns_nothing_blocks_neither() public {
        Terms memory terms = baseTerms();
        delegate(owners[0], stranger); // has no asset, in this round or any
        bytes32 round = open(terms);
        vote(terms, owners[0], 0, 1);
        checkAnswer(round, 0, 1, true, 1);
        // The delegate enrols later: it votes for itself and for who chose it.
        terms.assets = new uint256[](2);
        (terms.assets[0], terms.assets[1]) = (assets[0], offer(stranger, 50, NO_RESERVE));
        round = open(terms);
        vm.prank(stranger.addr);
        jobs.vote(terms, seats(0, 2), 2, false);
        checkAnswer(round, 0, 2, false, 1);
        checkAnswer(round, 1, 2, true, 1);
        close(terms);
        assertEq(jobs.roundOf(round).samples, 150);
    }

    // --- 7

    function test_paper_delegating_to_nobody_takes_back_and_burns_nothing() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        delegate(owners[2], stranger);
        vm.prank(owners[2].addr);
        catalog.delegate(address(0));
        expectRefused(Voting.Skipped.Voter);
        vote(terms, stranger, 2, 3);
        vote(terms, owners[2], 2, 2);
        close(terms);
        assertEq(jobs.roundOf(round).samples, 700, "carol's 300 count with dave's 400");
    }

    function test_paper_after_delegating_to_nobody_the_reserve_still_answers() public {
        Terms memory terms = baseTerms();
        terms.quorum = 0;
        bytes32 round = open(terms);
        vm.prank(owners[3].addr);
        catalog.delegate(address(0));
        close(terms);
        assertEq(jobs.roundOf(round).samples, 400);
    }

    // --- 8

    function test_paper_a_long_chain_of_delegations_costs_no_more_than_a_short_one() public {
        Account memory hop = owners[0];
        for (uint256 i = 0; i < 100; ++i) {
            Account memory next = makeAccount(string.concat("hop ", vm.toString(i)));
            delegate(hop, next);
            hop = next;
        }
        Terms memory terms = baseTerms();
        open(terms);
        expectRefused(Voting.Skipped.Voter);
        vm.prank(hop.addr);
        jobs.vote{gas: 100_000}(terms, seat(0), 1, false);
        // Who is among the first four still votes, and the owner itself does.
        vote(terms, makeAccount("hop 3"), 0, 2);
        vm.prank(owners[0].addr);
        jobs.vote{gas: 100_000}(terms, seat(0), 1, false);
    }

    function test_paper_a_cycle_of_delegations_costs_no_more_than_a_short_chain() public {
        delegate(owners[0], owners[1]);
        delegate(owners[1], owners[0]);
        Terms memory terms = baseTerms();
        open(terms);
        expectRefused(Voting.Skipped.Voter);
        vm.prank(stranger.addr);
        jobs.vote{gas: 100_000}(terms, seat(0), 1, false);
    }
}
