// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Permissions} from "../src/Permissions.sol";
import {Rounds} from "../src/Rounds.sol";
import {NO_RESERVE, REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

/// @notice Closing a round: when, by whom, and with which price and dataset.
contract RoundsCloseTest is Polls {
    Terms private _terms;
    bytes32 private _round;

    function setUp() public override {
        super.setUp();
        _terms = baseTerms();
        _round = open(_terms);
    }

    // --- when

    function test_anybody_closes_once_the_vote_is_over_and_once_only() public {
        vm.warp(_terms.voteBy);
        _notYet();
        vm.warp(_terms.voteBy + 1);
        vm.prank(stranger.addr);
        jobs.close(_terms);
        vm.expectRevert(abi.encodeWithSelector(Voting.RoundNotOpen.selector, _round));
        jobs.close(_terms);
    }

    function test_a_round_that_nobody_opened_is_not_closed() public {
        _terms.seed = 8;
        vm.warp(_terms.voteBy + 1);
        vm.expectRevert(abi.encodeWithSelector(Voting.UnknownRound.selector, jobs.idOf(_terms)));
        jobs.close(_terms);
    }

    function test_a_round_closes_early_when_every_owner_has_said_its_last_word() public {
        for (uint16 i = 0; i < 5; ++i) {
            _notYet();
            voteLast(_terms, owners[i], i, i == 4 ? REJECT : 2);
        }
        jobs.close(_terms);
        _checkPriced(20, 1_000);
    }

    function test_a_last_word_by_ballot_counts_as_one() public {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](5);
        for (uint16 i = 0; i < 5; ++i) {
            ballots[i] = ballotOf(_terms, owners[i], i, 1, 255);
        }
        jobs.submit(_terms, ballots);
        jobs.close(_terms);
        _checkPriced(10, 1_150);
    }

    function test_an_answer_that_may_change_does_not_close_a_round_early() public {
        for (uint16 i = 0; i < 4; ++i) {
            voteLast(_terms, owners[i], i, 2);
        }
        vote(_terms, owners[4], 4, 2);
        _notYet();
        _submit(ballotOf(_terms, owners[4], 4, 2, 254));
        _notYet();
        voteLast(_terms, owners[4], 4, 2);
        jobs.close(_terms);
    }

    function test_a_delegates_answer_does_not_close_a_round_early() public {
        delegate(owners[4], stranger);
        for (uint16 i = 0; i < 4; ++i) {
            voteLast(_terms, owners[i], i, 2);
        }
        for (uint256 i = 0; i < 256; ++i) {
            vote(_terms, stranger, 4, 2);
        }
        _notYet();
        _submit(ballotOf(_terms, stranger, 4, 2, 255));
        _notYet();
    }

    function test_a_reserve_does_not_close_a_round_early() public {
        for (uint16 i = 0; i < 5; ++i) {
            if (i != 3) voteLast(_terms, owners[i], i, 2); // dave has a reserve
        }
        _notYet();
    }

    function test_who_left_the_market_is_not_waited_for() public {
        for (uint16 i = 0; i < 4; ++i) {
            voteLast(_terms, owners[i], i, 2);
        }
        _notYet();
        vm.prank(owners[4].addr);
        catalog.retire(assets[4]);
        jobs.close(_terms);
        _checkPriced(20, 1_000);
    }

    // --- who is in the electorate

    function test_a_retired_asset_leaves_the_electorate_whatever_it_answered() public {
        vote(_terms, owners[0], 0, 1);
        vote(_terms, owners[1], 1, 2);
        vote(_terms, owners[2], 2, 2);
        vm.prank(owners[0].addr);
        catalog.retire(assets[0]);
        _expectClosed(Voting.State.Priced, 20, 900, hex"0002020200");
        close(_terms);
    }

    function test_what_the_provider_has_not_described_weighs_nothing() public {
        uint256[3] memory ids;
        vm.startPrank(owners[0].addr);
        ids[0] = catalog.registerData(EU, 1e9, 1, CID, CID); // not described
        ids[1] = catalog.registerData(US, 1e9, 1, CID, CID); // described by another provider
        ids[2] = catalog.registerModel(EU, Permissions.Regime.Loop, 0, CID, CID);
        vm.stopPrank();
        vm.prank(rival.addr);
        catalog.describe(ids[1], CID);
        vm.prank(provider.addr);
        catalog.describe(ids[2], CID);
        _terms.assets = [assets[0], ids[0], ids[1], ids[2], 99];
        _terms.quorum = 10_000;
        _round = open(_terms);
        for (uint16 i = 0; i < 4; ++i) {
            vote(_terms, owners[0], i, i == 0 ? 2 : 1);
        }
        _expectClosed(Voting.State.Priced, 20, 100, hex"0200000000");
        close(_terms);
    }

    function test_an_asset_described_during_the_vote_is_in_the_electorate() public {
        vm.prank(stranger.addr);
        uint256 late = catalog.registerData(EU, 1_000, 10, CID, CID);
        _terms.assets = one(late);
        _round = open(_terms);
        vm.prank(provider.addr);
        catalog.describe(late, CID);
        close(_terms);
        _checkPriced(10, 1_000);
    }

    function test_without_an_electorate_there_is_no_price() public {
        _terms.assets = one(99);
        _terms.quorum = 0;
        _round = open(_terms);
        vm.expectRevert(abi.encodeWithSelector(Rounds.VotingNotOver.selector, _terms.voteBy));
        jobs.close(_terms); // an owner may still come to be on offer
        _expectClosed(Voting.State.Unpriced, 0, 0, hex"00");
        close(_terms);
    }

    function test_a_sold_asset_keeps_its_ballot_and_the_buyer_its_say() public {
        vote(_terms, owners[0], 0, 1);
        vote(_terms, owners[1], 1, 1);
        vote(_terms, owners[2], 2, 1);
        sell(0, stranger.addr);
        sell(1, stranger.addr);
        vote(_terms, stranger, 1, 3);
        _expectClosed(Voting.State.Priced, 20, 800, hex"0103010200");
        close(_terms);
    }

    // --- reserves

    function test_a_reserve_counts_as_it_stands_at_closing() public {
        _terms.quorum = 0;
        _round = open(_terms);
        vm.prank(owners[3].addr);
        catalog.setReserve(assets[3], 21);
        vm.prank(owners[0].addr);
        catalog.setReserve(assets[0], 30);
        _expectClosed(Voting.State.Priced, 30, 500, hex"0300000300");
        close(_terms);
    }

    function test_a_rejection_stands_above_the_reserve_and_takes_its_asset_out() public {
        _terms.quorum = 0;
        _round = open(_terms);
        vote(_terms, owners[3], 3, REJECT);
        vote(_terms, owners[0], 0, 1);
        _expectClosed(Voting.State.Priced, 10, 100, hex"0100007f00");
        close(_terms);
        assertFalse(jobs.membersOf(_terms)[3]);
    }

    function test_no_ladder_meets_the_reserve_of_who_set_none() public {
        _terms.ladder[2] = type(uint80).max;
        _terms.quorum = 0;
        _terms.assets = one(assets[0]);
        _round = open(_terms);
        uint256 id = vm.snapshotState();
        _expectClosed(Voting.State.Unpriced, 0, 0, hex"00");
        close(_terms);
        vm.revertToState(id);
        vm.prank(owners[0].addr);
        catalog.setReserve(assets[0], NO_RESERVE - 1);
        _expectClosed(Voting.State.Priced, type(uint80).max, 100, hex"03");
        close(_terms);
    }

    // --- quorum, threshold, least samples

    function test_a_quorum_is_met_to_the_sample_rejections_included() public {
        // carol and dave of 1,150: 700, or 6,086.95 basis points
        for (uint16 quorum = 6_086; quorum <= 6_087; ++quorum) {
            uint256 id = vm.snapshotState();
            _terms.quorum = quorum;
            _round = open(_terms);
            vote(_terms, owners[2], 2, REJECT);
            if (quorum == 6_086) _expectClosed(Voting.State.Priced, 20, 400, hex"00007f0200");
            else _expectClosed(Voting.State.Unpriced, 0, 0, hex"00007f0200");
            close(_terms);
            vm.revertToState(id);
        }
    }

    function test_a_threshold_is_met_to_the_sample_by_those_who_named_a_step() public {
        // alice 10, dave 20: a fifth of what named a step
        for (uint16 threshold = 2_000; threshold <= 2_001; ++threshold) {
            uint256 id = vm.snapshotState();
            (_terms.threshold, _terms.quorum) = (threshold, 0);
            _round = open(_terms);
            vote(_terms, owners[0], 0, 1);
            vote(_terms, owners[2], 2, REJECT);
            close(_terms);
            _checkPriced(threshold == 2_000 ? 10 : 20, threshold == 2_000 ? 100 : 500);
            vm.revertToState(id);
        }
    }

    function test_a_dataset_below_the_least_samples_has_no_price_though_a_higher_step_had_more() public {
        for (uint48 least = 700; least <= 701; ++least) {
            uint256 id = vm.snapshotState();
            _terms.minSamples = least;
            _round = priceRound(_terms);
            if (least == 700) _checkPriced(20, 700);
            else assertTrue(jobs.roundOf(_round).state == Voting.State.Unpriced);
            vm.revertToState(id);
        }
    }

    function test_all_reject_and_there_is_no_price() public {
        for (uint16 i = 0; i < 5; ++i) {
            vote(_terms, owners[i], i, REJECT);
        }
        _expectClosed(Voting.State.Unpriced, 0, 0, hex"7f7f7f7f7f");
        close(_terms);
        Rounds.Round memory found = jobs.roundOf(_round);
        assertTrue(found.state == Voting.State.Unpriced && found.samples == 0 && found.unitPrice == 0);
    }

    // --- against a reference, on random rounds

    function test_the_price_is_the_lowest_that_enough_accept_and_nobody_who_named_more_is_in(
        uint256 random,
        uint16 threshold,
        uint16 quorum,
        uint48 least
    ) public {
        _terms.threshold = uint16(bound(threshold, 1, 10_000));
        _terms.quorum = uint16(bound(quorum, 0, 10_000));
        _terms.minSamples = uint48(bound(least, 0, 1_200));
        _round = open(_terms);
        bytes memory choices = new bytes(5);
        for (uint16 i = 0; i < 5; ++i) {
            uint8 choice = uint8((random >> (8 * i)) % 5);
            if (choice == 4) choice = REJECT;
            if (choice != 0) vote(_terms, owners[i], i, choice);
            choices[i] = bytes1(i == 3 && choice == 0 ? 2 : choice);
        }
        (uint256 step, uint48 samples) = _reference(choices);
        if (step == 0) _expectClosed(Voting.State.Unpriced, 0, 0, choices);
        else _expectClosed(Voting.State.Priced, _terms.ladder[step - 1], samples, choices);
        close(_terms);
        if (step == 0) return;
        bool[] memory members = jobs.membersOf(_terms);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(members[i], uint8(choices[i]) != 0 && uint8(choices[i]) <= step);
        }
    }

    /// @dev The rule in words (docs/adr/0003), step by step and for each step anew.
    function _reference(bytes memory choices) private view returns (uint256, uint48) {
        uint48[5] memory weights = [uint48(100), 200, 300, 400, 150];
        for (uint256 step = 1; step <= 3; ++step) {
            uint256 answered;
            uint256 willing;
            uint256 accepts;
            for (uint256 i = 0; i < 5; ++i) {
                uint256 choice = uint8(choices[i]);
                if (choice != 0) answered += weights[i];
                if (choice != 0 && choice != REJECT) willing += weights[i];
                if (choice != 0 && choice <= step) accepts += weights[i];
            }
            if (answered * 10_000 < uint256(_terms.quorum) * 1_150) return (0, 0);
            if (accepts == 0 || accepts * 10_000 < willing * _terms.threshold) continue;
            return accepts < _terms.minSamples ? (0, 0) : (step, uint48(accepts));
        }
        return (0, 0);
    }

    function _submit(Voting.Ballot memory ballot) private {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](1);
        ballots[0] = ballot;
        jobs.submit(_terms, ballots);
    }

    function _notYet() private {
        vm.expectRevert(abi.encodeWithSelector(Rounds.VotingNotOver.selector, _terms.voteBy));
        jobs.close(_terms);
    }

    function _expectClosed(Voting.State state, uint80 price, uint48 samples, bytes memory choices) private {
        vm.expectEmit(address(jobs));
        emit Rounds.RoundClosed(_round, state, price, samples, choices);
    }

    function _checkPriced(uint80 price, uint48 samples) private view {
        Rounds.Round memory found = jobs.roundOf(_round);
        assertTrue(found.state == Voting.State.Priced);
        assertEq(found.unitPrice, price);
        assertEq(found.samples, samples);
    }
}
