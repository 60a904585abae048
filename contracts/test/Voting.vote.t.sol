// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Puppet} from "./EvilTokens.sol";
import {Polls} from "./base/Polls.sol";

/// @notice Direct answers: who may give which, and whose stands.
contract VotingVoteTest is Polls {
    Terms private _terms;
    bytes32 private _round;

    function setUp() public override {
        super.setUp();
        _terms = baseTerms();
        _round = open(_terms);
    }

    // --- answering

    function test_an_owner_answers_and_it_is_told() public {
        Voting.Vote[] memory votes = new Voting.Vote[](1);
        votes[0] = Voting.Vote(assets[1], owners[1].addr, 2);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        vote(_terms, owners[1], 1, 2);
        checkAnswer(_round, 1, 2, true, 1);
        checkAnswer(_round, 0, 0, false, 0);
        checkAnswer(_round, 2, 0, false, 0);
    }

    function test_an_owner_answers_for_several_assets_at_once_in_its_order() public {
        vm.prank(owners[3].addr);
        catalog.transferFrom(owners[3].addr, owners[1].addr, assets[3]);
        uint16[] memory positions = new uint16[](2);
        (positions[0], positions[1]) = (3, 1);
        Voting.Vote[] memory votes = new Voting.Vote[](2);
        votes[0] = Voting.Vote(assets[3], owners[1].addr, REJECT);
        votes[1] = Voting.Vote(assets[1], owners[1].addr, REJECT);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        _vote(owners[1], positions, REJECT, false);
        checkAnswer(_round, 1, REJECT, true, 1);
        checkAnswer(_round, 3, REJECT, true, 1);
    }

    function test_an_answer_may_be_changed_until_the_last_second_and_not_after() public {
        for (uint8 choice = 1; choice <= 3; ++choice) {
            vote(_terms, owners[0], 0, choice);
            checkAnswer(_round, 0, choice, true, choice);
        }
        vm.warp(_terms.voteBy);
        vote(_terms, owners[0], 0, REJECT);
        checkAnswer(_round, 0, REJECT, true, 4);
        vm.warp(_terms.voteBy + 1);
        vm.expectRevert(abi.encodeWithSelector(Voting.VotingOver.selector, _terms.voteBy));
        vote(_terms, owners[0], 0, 1);
    }

    function test_a_choice_is_a_step_of_the_ladder_or_a_rejection(uint8 choice) public {
        bool good = (choice >= 1 && choice <= 3) || choice == REJECT;
        if (!good) expectRefused(Voting.Skipped.Choice);
        vote(_terms, owners[0], 0, choice);
        checkAnswer(_round, 0, good ? choice : 0, good, good ? 1 : 0);
    }

    function test_choices_at_the_ends_of_the_ladder() public {
        uint8[5] memory bad = [0, 4, REJECT - 1, REJECT + 1, 255];
        for (uint256 i = 0; i < 5; ++i) {
            expectRefused(Voting.Skipped.Choice);
            vote(_terms, owners[0], 0, bad[i]);
        }
    }

    function test_there_is_no_vote_without_a_round() public {
        _terms.seed = 8;
        vm.expectRevert(abi.encodeWithSelector(Voting.UnknownRound.selector, jobs.idOf(_terms)));
        vote(_terms, owners[0], 0, 1);
    }

    function test_there_is_no_vote_once_a_round_has_closed() public {
        _terms.seed = 8;
        bytes32 round = priceRound(_terms);
        vm.warp(_terms.voteBy);
        vm.expectRevert(abi.encodeWithSelector(Voting.RoundNotOpen.selector, round));
        vote(_terms, owners[0], 0, 1);
    }

    // --- what does not count

    function test_a_position_beyond_the_dataset_does_not_count() public {
        uint16[3] memory bad = [uint16(5), 16, type(uint16).max];
        for (uint256 i = 0; i < 3; ++i) {
            expectRefused(Voting.Skipped.Position);
            vote(_terms, owners[0], bad[i], 1);
        }
    }

    function test_the_position_of_an_asset_that_was_never_registered_does_not_count() public {
        _terms.assets[4] = 99;
        open(_terms);
        expectRefused(Voting.Skipped.Position);
        vote(_terms, owners[4], 4, 1);
    }

    function test_a_stranger_does_not_vote_nor_the_consumer_nor_the_provider() public {
        Account[4] memory others = [stranger, consumer, provider, owners[1]];
        for (uint256 i = 0; i < 4; ++i) {
            expectRefused(Voting.Skipped.Voter);
            vote(_terms, others[i], 0, 1);
        }
    }

    function test_positions_that_do_not_count_are_told_by_index_and_the_others_count() public {
        vm.prank(stranger.addr);
        catalog.delegate(owners[2].addr);
        uint16[] memory positions = new uint16[](4);
        (positions[0], positions[1], positions[2], positions[3]) = (0, 2, 7, 3);
        Voting.Vote[] memory votes = new Voting.Vote[](1);
        votes[0] = Voting.Vote(assets[2], owners[2].addr, 1);
        expectSkipped(_round, 0, Voting.Skipped.Voter);
        expectSkipped(_round, 2, Voting.Skipped.Position);
        expectSkipped(_round, 3, Voting.Skipped.Voter);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        _vote(owners[2], positions, 1, false);
        checkAnswer(_round, 2, 1, true, 1);
        checkAnswer(_round, 0, 0, false, 0);
        checkAnswer(_round, 3, 0, false, 0);
    }

    function test_a_vote_of_which_nothing_counts_is_refused_with_its_first_reason() public {
        uint16[] memory positions = new uint16[](3);
        (positions[0], positions[1], positions[2]) = (9, 0, 1);
        expectRefused(Voting.Skipped.Position);
        _vote(stranger, positions, 1, false);
        (positions[0], positions[1]) = (0, 9);
        expectRefused(Voting.Skipped.Voter);
        _vote(stranger, positions, 1, false);
    }

    function test_a_vote_for_no_position_changes_and_tells_nothing() public {
        vm.recordLogs();
        _vote(stranger, new uint16[](0), 1, false);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_a_position_named_twice_is_answered_twice() public {
        uint16[] memory positions = new uint16[](2);
        Voting.Vote[] memory votes = new Voting.Vote[](2);
        votes[0] = votes[1] = Voting.Vote(assets[0], owners[0].addr, 3);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        _vote(owners[0], positions, 3, false);
        checkAnswer(_round, 0, 3, true, 2);
    }

    // --- the last word

    function test_a_last_word_is_not_changed_by_vote_nor_by_last_word() public {
        _vote(owners[0], seat(0), 2, true);
        checkAnswer(_round, 0, 2, true, 255);
        expectRefused(Voting.Skipped.Final);
        vote(_terms, owners[0], 0, 1);
        expectRefused(Voting.Skipped.Final);
        _vote(owners[0], seat(0), 1, true);
        checkAnswer(_round, 0, 2, true, 255);
    }

    function test_votes_never_run_out_and_never_become_a_last_word() public {
        for (uint256 i = 0; i < 260; ++i) {
            vote(_terms, owners[0], 0, uint8(1 + i % 3));
            checkAnswer(_round, 0, uint8(1 + i % 3), true, uint8(i < 254 ? i + 1 : 254));
        }
        _vote(owners[0], seat(0), REJECT, true);
        checkAnswer(_round, 0, REJECT, true, 255);
    }

    // --- delegates

    function test_a_delegate_answers_at_any_depth_up_to_four() public {
        Account memory hop = owners[0];
        for (uint256 depth = 1; depth <= 5; ++depth) {
            Account memory next = makeAccount(vm.toString(depth));
            delegate(hop, next);
            hop = next;
            if (depth == 5) expectRefused(Voting.Skipped.Voter);
            vote(_terms, hop, 0, uint8(1 + depth % 3));
            if (depth < 5) checkAnswer(_round, 0, uint8(1 + depth % 3), false, uint8(depth));
        }
    }

    function test_a_delegate_answers_for_many_owners_at_once() public {
        delegate(owners[0], stranger);
        delegate(owners[4], stranger);
        uint16[] memory positions = new uint16[](2);
        (positions[0], positions[1]) = (4, 0);
        _vote(stranger, positions, 2, false);
        checkAnswer(_round, 0, 2, false, 1);
        checkAnswer(_round, 4, 2, false, 1);
    }

    function test_an_owner_overrides_its_delegate_whoever_came_first() public {
        delegate(owners[0], stranger);
        delegate(owners[1], stranger);
        for (uint256 i = 0; i < 3; ++i) {
            vote(_terms, stranger, 0, 3); // first the delegate, three times
        }
        vote(_terms, owners[0], 0, 1);
        checkAnswer(_round, 0, 1, true, 1);
        vote(_terms, owners[1], 1, 1); // first the owner
        for (uint16 i = 0; i < 2; ++i) {
            expectRefused(Voting.Skipped.Overruled);
            vote(_terms, stranger, i, 3);
        }
        vote(_terms, owners[0], 0, 2);
        checkAnswer(_round, 0, 2, true, 2);
        checkAnswer(_round, 1, 1, true, 1);
    }

    function test_a_delegate_has_no_last_word() public {
        delegate(owners[0], stranger);
        expectRefused(Voting.Skipped.Final);
        _vote(stranger, seat(0), 3, true);
        vote(_terms, stranger, 0, 3);
        expectRefused(Voting.Skipped.Final);
        _vote(stranger, seat(0), 3, true);
        checkAnswer(_round, 0, 3, false, 1);
    }

    function test_a_delegate_uses_up_no_numbers_of_the_owner() public {
        delegate(owners[0], stranger);
        for (uint256 i = 0; i < 256; ++i) {
            vote(_terms, stranger, 0, 3);
        }
        checkAnswer(_round, 0, 3, false, 254);
        vote(_terms, owners[0], 0, 1);
        checkAnswer(_round, 0, 1, true, 1);
    }

    function test_a_delegate_that_is_replaced_answers_no_more_and_the_next_one_may() public {
        delegate(owners[0], stranger);
        vote(_terms, stranger, 0, 3);
        delegate(owners[0], rival);
        expectRefused(Voting.Skipped.Voter);
        vote(_terms, stranger, 0, 2);
        vote(_terms, rival, 0, 1);
        checkAnswer(_round, 0, 1, false, 2);
    }

    function test_an_owner_in_a_cycle_answers_itself() public {
        delegate(owners[0], owners[1]);
        delegate(owners[1], owners[0]);
        vote(_terms, owners[0], 0, 1);
        checkAnswer(_round, 0, 1, true, 1);
        expectRefused(Voting.Skipped.Overruled);
        vote(_terms, owners[1], 0, 2);
        vote(_terms, owners[0], 1, 3);
        checkAnswer(_round, 1, 3, false, 1);
    }

    function test_a_contract_may_own_and_be_adelegate() public {
        Puppet puppet = new Puppet();
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, address(puppet), assets[0]);
        vm.prank(owners[1].addr);
        catalog.delegate(address(puppet));
        puppet.act(address(jobs), abi.encodeCall(jobs.vote, (_terms, seats(0, 2), 2, false)));
        checkAnswer(_round, 0, 2, true, 1);
        checkAnswer(_round, 1, 2, false, 1);
    }

    // --- assets that change hands

    function test_a_sold_asset_keeps_its_answer_and_its_new_owner_may_change_it() public {
        vote(_terms, owners[0], 0, 1);
        sell(0, stranger.addr);
        checkAnswer(_round, 0, 1, true, 1);
        expectRefused(Voting.Skipped.Voter);
        vote(_terms, owners[0], 0, 2);
        vote(_terms, stranger, 0, 3);
        checkAnswer(_round, 0, 3, true, 2);
    }

    function test_a_seller_cannot_use_up_the_numbers_of_a_buyer() public {
        for (uint256 i = 0; i < 254; ++i) {
            vote(_terms, owners[0], 0, 1);
        }
        sell(0, stranger.addr);
        vote(_terms, stranger, 0, 3);
        checkAnswer(_round, 0, 3, true, 254);
    }

    function test_the_last_word_of_a_seller_binds_the_buyer() public {
        _vote(owners[0], seat(0), 1, true);
        sell(0, stranger.addr);
        expectRefused(Voting.Skipped.Final);
        vote(_terms, stranger, 0, 3);
        checkAnswer(_round, 0, 1, true, 255);
    }

    function test_a_buyers_delegate_does_not_overrule_the_seller() public {
        vote(_terms, owners[0], 0, 1);
        sell(0, stranger.addr);
        delegate(stranger, rival);
        expectRefused(Voting.Skipped.Overruled);
        vote(_terms, rival, 0, 3);
    }

    function test_a_retired_asset_may_still_be_answered_for_and_weighs_nothing() public {
        vm.prank(owners[0].addr);
        catalog.retire(assets[0]);
        vote(_terms, owners[0], 0, 1);
        checkAnswer(_round, 0, 1, true, 1);
    }

    function _vote(Account memory voter, uint16[] memory positions, uint8 choice, bool last) private {
        vm.prank(voter.addr);
        jobs.vote(_terms, positions, choice, last);
    }
}
