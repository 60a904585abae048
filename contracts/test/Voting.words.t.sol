// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Rounds} from "../src/Rounds.sol";
import {REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

/// @notice Rounds that take more than one word of storage: every answer and member in its place.
contract VotingWordsTest is Polls {
    uint256 private constant COUNT = 40;

    Terms private _wide;
    bytes32 private _round;

    function setUp() public override {
        super.setUp();
        _wide = wideTerms(COUNT);
        _round = open(_wide);
    }

    function test_an_answer_at_any_position_leaves_the_others_alone(uint16 position) public {
        position = uint16(bound(position, 0, COUNT - 1));
        vote(_wide, owners[0], position, REJECT);
        uint8[] memory choices = jobs.choicesOf(_round, COUNT + 20);
        for (uint256 i = 0; i < choices.length; ++i) {
            assertEq(choices[i], i == position ? REJECT : 0);
        }
        (,, uint8 nonce) = jobs.answerOf(_round, position);
        assertEq(nonce, 1);
        assertTrue(jobs.roundOf(_round).state == Voting.State.Open);
    }

    function test_answers_in_random_order_and_repeated_stand_as_the_last_of_each(uint256 random) public {
        uint8[] memory expected = new uint8[](COUNT);
        uint8[] memory nonces = new uint8[](COUNT);
        for (uint256 batch = 0; batch < 2; ++batch) {
            Voting.Ballot[] memory ballots = new Voting.Ballot[](24);
            for (uint256 i = 0; i < ballots.length; ++i) {
                random = uint256(keccak256(abi.encode(random)));
                uint16 position = uint16(random % COUNT);
                expected[position] = (random >> 32) % 4 == 0 ? REJECT : uint8((random >> 32) % 4);
                nonces[position] += uint8(1 + (random >> 64) % 2);
                ballots[i] = ballotOf(_wide, owners[0], position, expected[position], nonces[position]);
            }
            vm.recordLogs();
            jobs.submit(_wide, ballots);
            assertEq(vm.getRecordedLogs().length, 1, "no ballot was skipped");
        }
        uint8[] memory choices = jobs.choicesOf(_round, COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            assertEq(choices[i], expected[i]);
            (,, uint8 nonce) = jobs.answerOf(_round, i);
            assertEq(nonce, nonces[i]);
        }
    }

    function test_an_answer_skipped_in_another_word_loses_none_at_hand() public {
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, owners[1].addr, _wide.assets[20]);
        vm.prank(owners[1].addr);
        catalog.delegate(owners[0].addr);
        vote(_wide, owners[1], 20, 1);
        uint16[] memory positions = new uint16[](4);
        (positions[0], positions[1], positions[2], positions[3]) = (16, 2, 20, 39);
        vm.expectEmit(address(jobs));
        emit Voting.BallotSkipped(_round, 2, Voting.Skipped.Overruled);
        vm.prank(owners[0].addr);
        jobs.vote(_wide, positions, 3, false);
        uint8[] memory choices = jobs.choicesOf(_round, COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            assertEq(choices[i], i == 20 ? 1 : (i == 2 || i == 16 || i == 39 ? 3 : 0));
        }
        // And when the word at hand at the end is that of the answer skipped.
        (positions[0], positions[1], positions[2], positions[3]) = (3, 40, 31, 20);
        vm.prank(owners[0].addr);
        jobs.vote(_wide, positions, 2, false);
        choices = jobs.choicesOf(_round, COUNT);
        assertTrue(choices[3] == 2 && choices[31] == 2 && choices[20] == 1);
    }

    // --- closing

    function test_membership_is_what_the_choices_say_in_datasets_of_any_size() public {
        uint256[10] memory counts = [uint256(1), 15, 16, 17, 31, 120, 121, 376, 377, 633];
        for (uint256 i = 0; i < counts.length; ++i) {
            uint256 id = vm.snapshotState();
            _checkMembers(counts[i]);
            vm.revertToState(id);
        }
    }

    function test_2048_owners_answer_and_close_within_two_transactions() public {
        Terms memory terms = wideTerms(2_048);
        bytes32 round = open(terms);
        vm.prank(owners[0].addr);
        jobs.vote(terms, seats(0, 2_048), 2, true);
        assertLt(vm.lastCallGas().gasTotalUsed, TRANSACTION_GAS);
        jobs.close(terms);
        assertLt(vm.lastCallGas().gasTotalUsed, TRANSACTION_GAS);
        assertEq(jobs.roundOf(round).samples, 2_048 * 2_049 / 2);
        bool[] memory members = jobs.membersOf(terms);
        for (uint256 i = 0; i < 2_048; ++i) {
            assertTrue(members[i]);
        }
    }

    function test_the_answers_of_a_closed_round_are_cleared_priced_or_not() public {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 id = vm.snapshotState();
            vm.prank(owners[0].addr);
            jobs.vote(_wide, seats(0, COUNT), i == 0 ? 1 : REJECT, false);
            assertNotEq(_word(1), 0);
            assertNotEq(_word(2), 0);
            close(_wide);
            assertTrue(jobs.roundOf(_round).state == (i == 0 ? Voting.State.Priced : Voting.State.Unpriced));
            assertEq(_word(1), 0);
            assertEq(_word(2), 0);
            vm.revertToState(id);
        }
    }

    /// @dev Vary the choices: silent, 20, 30 and rejections. The price is 20.
    function _checkMembers(uint256 count) private {
        Terms memory terms = wideTerms(count);
        (terms.quorum, terms.threshold) = (0, 1);
        bytes32 round = open(terms);
        (bytes memory choices, uint48 samples) = _answerAll(terms);
        vm.warp(terms.voteBy + 1);
        vm.expectEmit(address(jobs));
        emit Rounds.RoundClosed(round, Voting.State.Priced, 20, samples, choices);
        jobs.close(terms);
        bool[] memory members = jobs.membersOf(terms);
        assertEq(members.length, count);
        for (uint256 i = 0; i < count; ++i) {
            assertTrue(members[i] == (uint8(choices[i]) == 2));
        }
        Rounds.Round memory found = jobs.roundOf(round);
        assertTrue(found.state == Voting.State.Priced);
        assertEq(found.samples, samples);
        assertEq(found.unitPrice, 20);
    }

    /// @dev Without the period of a word; the last one is always in.
    function _answerAll(Terms memory terms) private free returns (bytes memory choices, uint48 samples) {
        uint8[5] memory kinds = [0, 2, 3, REJECT, 2];
        choices = new bytes(terms.assets.length);
        for (uint16 i = 0; i < choices.length; ++i) {
            uint8 choice = i + 1 == choices.length ? 2 : kinds[uint256(keccak256(abi.encode(i))) % 5];
            choices[i] = bytes1(choice);
            if (choice != 0) vote(terms, owners[0], i, choice);
            if (choice == 2) samples += uint48(i) + 1;
        }
    }

    /// @dev A word of the round: the mapping of the rounds is the first thing after OpenZeppelin's
    /// two fallback strings (checked by reading word 0, which holds the state).
    function _word(uint256 index) private view returns (uint256) {
        bytes32 outer = keccak256(abi.encode(_round, uint256(2)));
        uint256 first = uint256(vm.load(address(jobs), keccak256(abi.encode(uint256(0), outer))));
        assertEq(first & 0xff, uint256(jobs.roundOf(_round).state), "the layout of the storage");
        return uint256(vm.load(address(jobs), keccak256(abi.encode(index, outer))));
    }
}
