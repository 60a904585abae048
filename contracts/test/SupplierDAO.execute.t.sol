// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Rounds} from "../src/Rounds.sol";
import {SupplierDAO} from "../src/SupplierDAO.sol";
import {REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Members} from "./base/Members.sol";

/// @notice What a DAO decides, and what of it arrives in the round.
contract SupplierDAOExecuteTest is Members {
    // --- when

    function test_anybody_executes_once_the_vote_is_over() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 2);
        uint40 closes = dao.proposalOf(round).closes;
        vm.warp(closes);
        expect(abi.encodeWithSelector(SupplierDAO.VoteNotOver.selector, closes));
        execute(terms);
        vm.warp(closes + 1);
        vm.expectEmit(address(dao));
        emit SupplierDAO.Decided(round, 2);
        vm.prank(stranger.addr);
        assertEq(uint256(execute(terms)), 2);
        assertEq(abi.encode(dao.proposalOf(round)), abi.encode(SupplierDAO.Proposal(closes, 2)));
        assertChoices(round, 22200);
    }

    function test_one_decision_is_answered_in_as_many_parts_as_one_likes() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        vm.expectEmit(address(dao));
        emit SupplierDAO.Decided(round, 3);
        assertEq(uint256(dao.execute(terms, places(2, 4))), 3);
        assertChoices(round, 300);
        for (uint256 i = 0; i < 2; ++i) {
            vm.recordLogs();
            assertEq(uint256(dao.execute(terms, places(0, 2))), 3);
            assertEq(vm.getRecordedLogs().length, 1); // Voted, but not Decided once more
            assertChoices(round, 33300);
        }
    }

    function test_a_decided_round_is_answered_until_it_closes() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        dao.execute(terms, seat(0));
        vm.warp(terms.voteBy);
        dao.execute(terms, seat(1));
        assertChoices(round, 33000);
        vm.warp(terms.voteBy + 1);
        expect(abi.encodeWithSelector(Voting.VotingOver.selector, terms.voteBy));
        dao.execute(terms, seat(2));
        jobs.close(terms);
        expect(abi.encodeWithSelector(Voting.RoundNotOpen.selector, round));
        dao.execute(terms, seat(2));
    }

    function test_what_was_not_proposed_is_not_executed() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        expect(abi.encodeWithSelector(SupplierDAO.NotProposed.selector, round));
        execute(terms);
    }

    function test_a_decision_comes_in_the_last_second_of_the_round_and_not_later() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        vm.warp(terms.voteBy + 1);
        expect(abi.encodeWithSelector(Voting.VotingOver.selector, terms.voteBy));
        execute(terms);
        assertEq(uint256(dao.proposalOf(round).choice), 0);
        vm.warp(terms.voteBy);
        execute(terms);
        assertChoices(round, 11100);
    }

    function test_a_round_that_closed_early_is_not_answered_any_more() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        for (uint16 i = 0; i < 5; ++i) {
            vm.prank(owners[i].addr);
            jobs.vote(terms, seat(i), 2, true);
        }
        jobs.close(terms);
        endVote(round);
        expect(abi.encodeWithSelector(Voting.RoundNotOpen.selector, round));
        execute(terms);
    }

    // --- quorum

    function test_without_any_answer_nothing_is_decided_even_without_a_quorum() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        endVote(round);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 0, 600));
        execute(terms);
        assertEq(uint256(dao.proposalOf(round).choice), 0);
    }

    function test_with_a_quorum_exactly_enough_must_answer() public {
        regroup(5_000, 5_001);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, BOB, 2);
        endVote(round);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 200, 600));
        execute(terms);
        vm.warp(dao.proposalOf(round).closes);
        ask(terms, ALICE, REJECT); // a rejection is an answer: 300 of 600
        endVote(round);
        assertEq(uint256(execute(terms)), 2);
    }

    function test_a_vote_that_failed_for_a_quorum_can_be_executed_when_there_is_one() public {
        regroup(5_000, 5_001);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 1);
        quit(CAROL);
        endVote(round);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 0, 300)); // of alice and bob
        execute(terms);
        assertEq(uint256(dao.proposalOf(round).choice), 0);
        assertChoices(round, 0);
        join(CAROL);
        execute(terms);
        assertChoices(round, 11100);
    }

    // --- decision

    function test_the_lowest_step_that_the_threshold_accepts_is_chosen() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, BOB, 2); // 300 of 600 accept 2: not more than half
        ask(terms, CAROL, 3);
        endVote(round);
        assertEq(uint256(execute(terms)), 3);
    }

    function test_a_threshold_met_exactly_is_met() public {
        regroup(0, 5_000);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, BOB, 2);
        ask(terms, CAROL, 3);
        endVote(round);
        assertEq(uint256(execute(terms)), 2);
    }

    function test_without_a_step_that_is_accepted_the_round_is_rejected() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, BOB, 1);
        ask(terms, CAROL, REJECT);
        endVote(round);
        vm.expectEmit(address(dao));
        emit SupplierDAO.Decided(round, REJECT);
        assertEq(uint256(execute(terms)), REJECT);
        assertChoices(round, 99900);
    }

    function test_who_is_silent_is_neither_for_nor_against() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 2);
        endVote(round);
        assertEq(uint256(execute(terms)), 2);
        assertChoices(round, 22200);
    }

    function test_who_leaves_after_voting_takes_its_weight_along() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, CAROL, 3);
        quit(CAROL);
        endVote(round);
        assertEq(uint256(execute(terms)), 1);
        assertChoices(round, 11000);
    }

    function test_the_vote_of_a_sold_asset_stands_with_a_member_and_falls_with_another() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, CAROL, 3);
        endVote(round);
        uint256 before = vm.snapshotState();
        sell(CAROL, owners[BOB].addr);
        assertEq(uint256(execute(terms)), 3);
        assertChoices(round, 33300);
        vm.revertToState(before);
        sell(CAROL, stranger.addr);
        assertEq(uint256(execute(terms)), 1);
        assertChoices(round, 11000);
    }

    // --- what arrives

    function test_only_the_assets_of_members_are_answered_for() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        Voting.Vote[] memory votes = new Voting.Vote[](3);
        for (uint256 i = 0; i < 3; ++i) {
            votes[i] = Voting.Vote(assets[i], address(dao), 3);
        }
        vm.expectEmit(address(jobs));
        emit Voting.Voted(round, votes);
        execute(terms);
        assertChoices(round, 33300);
        (, bool own,) = jobs.answerOf(round, ALICE);
        assertFalse(own);
    }

    /// @dev In any order, as often as one likes: each of the first asset's answers has its number.
    function test_positions_that_are_nobodys_or_none_are_left_out() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        uint16[] memory positions = new uint16[](7);
        (positions[0], positions[1], positions[2]) = (5, 2, 3); // beyond the dataset, carol, dave
        (positions[3], positions[4], positions[5]) = (type(uint16).max, 0, 0);
        positions[6] = 4;
        Voting.Vote[] memory votes = new Voting.Vote[](3);
        votes[0] = Voting.Vote(assets[CAROL], address(dao), 3);
        votes[1] = Voting.Vote(assets[ALICE], address(dao), 3);
        votes[2] = votes[1];
        vm.expectEmit(address(jobs));
        emit Voting.Voted(round, votes);
        dao.execute(terms, positions);
        assertChoices(round, 30300);
    }

    function test_a_retired_asset_and_one_of_another_provider_are_not_answered_for() public {
        Account memory frank = makeAccount("frank");
        vm.startPrank(frank.addr);
        assets.push(catalog.registerData(US, 50, 1, CID, CID));
        catalog.delegate(address(dao));
        vm.stopPrank();
        vm.prank(rival.addr);
        catalog.describe(assets[5], CID);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        vm.prank(owners[BOB].addr);
        catalog.retire(assets[BOB]);
        endVote(round);
        execute(terms);
        assertChoices(round, 30300);
        assertEq(uint256(jobs.choicesOf(round, 6)[5]), 0);
    }

    function test_a_member_that_joined_after_the_vote_is_answered_for() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        join(DAVE);
        execute(terms);
        assertChoices(round, 33330);
    }

    function test_a_members_own_ballot_stands_before_and_after() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        vote(terms, owners[ALICE], 0, 1);
        endVote(round);
        vm.expectEmit(address(jobs));
        emit Voting.BallotSkipped(round, 0, Voting.Skipped.Overruled);
        execute(terms);
        assertChoices(round, 13300);
        vote(terms, owners[BOB], 1, REJECT);
        assertChoices(round, 19300);
    }

    function test_one_who_answered_itself_and_one_who_left_do_not_hold_up_the_others() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, BOB, 2);
        vm.prank(owners[ALICE].addr);
        jobs.vote(terms, seat(0), REJECT, true);
        quit(CAROL);
        endVote(round);
        execute(terms);
        assertChoices(round, 92000);
    }

    /// @dev Harmless: there is nobody whom it could answer for. Should one be there later, it goes.
    function test_members_who_all_answered_themselves_need_no_execution() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        for (uint16 i = 0; i < 3; ++i) {
            ask(terms, i, 2);
            vote(terms, owners[i], i, 1);
        }
        endVote(round);
        expect(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Overruled));
        execute(terms);
        assertEq(uint256(dao.proposalOf(round).choice), 0);
        assertChoices(round, 11100);
        join(ERIN);
        execute(terms);
        assertChoices(round, 11102);
    }

    function test_a_delegation_over_a_member_does_not_reach_the_dao() public {
        nominate(owners[ERIN], owners[ALICE].addr);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, CAROL, 3);
        endVote(round);
        execute(terms);
        assertChoices(round, 33300); // though the market would let the DAO speak for erin
        assertTrue(catalog.speaksFor(address(dao), owners[ERIN].addr));
        vote(terms, owners[ALICE], 4, 1); // alice is whom erin named
        assertChoices(round, 33301);
    }

    function test_a_decision_replaces_that_of_an_earlier_delegate() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        nominate(owners[ALICE], stranger.addr);
        vote(terms, stranger, 0, 1);
        join(ALICE);
        propose(terms, owners[BOB].addr, BOB);
        ask(terms, BOB, 3);
        endVote(round);
        execute(terms);
        assertChoices(round, 33300);
    }

    function test_members_sell_at_what_they_decided() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 1);
        ask(terms, BOB, 2);
        ask(terms, CAROL, 2);
        endVote(round);
        execute(terms);
        close(terms);
        Rounds.Round memory priced = jobs.roundOf(round);
        assertTrue(priced.state == Voting.State.Priced);
        assertEq(uint256(priced.unitPrice), 20);
        assertEq(uint256(priced.samples), 1_000); // the members and dave's reserve
    }

    function regroup(uint16 quorum, uint16 threshold) private {
        dao = found(quorum, threshold);
        for (uint256 i = ALICE; i <= CAROL; ++i) {
            join(i);
        }
    }
}
