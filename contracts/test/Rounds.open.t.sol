// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Permissions} from "../src/Permissions.sol";
import {Rounds} from "../src/Rounds.sol";
import {NO_RESERVE, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

/// @notice Opening a round: which terms are taken, and what is told and kept.
contract RoundsOpenTest is Polls {
    function test_a_round_is_opened_and_its_terms_are_told_in_full() public {
        Terms memory terms = baseTerms();
        bytes32 round = jobs.idOf(terms);
        assertTrue(jobs.roundOf(round).state == Voting.State.None);
        vm.expectEmit(address(jobs));
        emit Rounds.RoundOpened(round, consumer.addr, model, terms);
        assertEq(open(terms), round);
        Rounds.Round memory found = jobs.roundOf(round);
        assertTrue(found.state == Voting.State.Open);
        assertEq(found.samples, 0);
        assertEq(found.unitPrice, 0);
        uint8[] memory choices = jobs.choicesOf(round, 5);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(choices[i], 0);
        }
        (uint8 choice, bool own, uint8 nonce) = jobs.answerOf(round, 0);
        assertTrue(choice == 0 && !own && nonce == 0);
    }

    function test_the_constants_are_as_documented() public view {
        assertEq(jobs.BASIS(), 10_000);
        assertEq(jobs.MAX_STEPS(), 100);
        assertEq(jobs.MAX_ASSETS(), 2_048);
        assertEq(jobs.LAST(), 255);
        assertEq(catalog.MAX_DELEGATIONS(), 4);
        assertEq(
            jobs.BALLOT_TYPEHASH(),
            keccak256("Ballot(bytes32 round,uint256 asset,uint8 choice,uint8 nonce,uint40 deadline)")
        );
    }

    // --- who

    function test_only_the_consumer_opens_its_round() public {
        Terms memory terms = baseTerms();
        vm.expectRevert(abi.encodeWithSelector(Rounds.NotConsumer.selector, stranger.addr));
        vm.prank(stranger.addr);
        jobs.open(terms);
    }

    function test_the_same_terms_are_not_opened_twice_in_any_state() public {
        Terms memory terms = baseTerms();
        bytes memory reason = abi.encodeWithSelector(Rounds.RoundExists.selector, jobs.idOf(terms));
        open(terms);
        _refused(terms, reason);
        vote(terms, owners[0], 0, 1);
        _refused(terms, reason);
        close(terms); // dave's reserve is not enough for a quorum
        vm.warp(terms.voteBy);
        _refused(terms, reason);
        terms.seed = 8;
        assertNotEq(priceRound(terms), bytes32(0));
        vm.warp(terms.voteBy);
        _refused(terms, abi.encodeWithSelector(Rounds.RoundExists.selector, jobs.idOf(terms)));
    }

    // --- the ladder

    function test_a_ladder_has_one_to_a_hundred_steps() public {
        Terms memory terms = baseTerms();
        terms.ladder = new uint80[](0);
        _refused(terms, abi.encodeWithSelector(Rounds.BadLadder.selector, 0));
        terms.ladder = _steps(101);
        _refused(terms, abi.encodeWithSelector(Rounds.BadLadder.selector, 101));
        terms.ladder = _steps(100);
        open(terms);
        terms.ladder = _steps(1);
        open(terms);
    }

    function test_a_ladder_ascends_from_above_zero() public {
        Terms memory terms = baseTerms();
        terms.ladder[0] = 0;
        _refused(terms, abi.encodeWithSelector(Rounds.BadLadder.selector, 0));
        (terms.ladder[0], terms.ladder[1]) = (20, 20);
        _refused(terms, abi.encodeWithSelector(Rounds.BadLadder.selector, 1));
        (terms.ladder[1], terms.ladder[2]) = (30, 29);
        _refused(terms, abi.encodeWithSelector(Rounds.BadLadder.selector, 2));
        terms.ladder[2] = type(uint80).max;
        open(terms);
    }

    // --- the shares that must answer and accept

    function test_quorum_and_threshold_are_shares_and_somebody_must_accept() public {
        Terms memory terms = baseTerms();
        uint16[2][4] memory bad = [[uint16(0), 0], [uint16(0), 10_001], [uint16(10_001), 1], [type(uint16).max, 0]];
        for (uint256 i = 0; i < 4; ++i) {
            (terms.quorum, terms.threshold) = (bad[i][0], bad[i][1]);
            _refused(terms, abi.encodeWithSelector(Rounds.BadThreshold.selector, bad[i][0], bad[i][1]));
        }
        (terms.quorum, terms.threshold) = (0, 1);
        open(terms);
        (terms.quorum, terms.threshold) = (10_000, 10_000);
        open(terms);
    }

    // --- the deadlines

    function test_deadlines_follow_each_other_and_the_first_has_not_passed() public {
        uint40 now_ = uint40(block.timestamp);
        uint40[3][4] memory bad = [
            [now_ - 1, now_ + 1, now_ + 2],
            [now_, now_, now_ + 1],
            [now_ + 2, now_ + 1, now_ + 3],
            [now_, now_ + 1, now_ + 1]
        ];
        Terms memory terms = baseTerms();
        for (uint256 i = 0; i < 4; ++i) {
            (terms.voteBy, terms.fundBy, terms.settleBy) = (bad[i][0], bad[i][1], bad[i][2]);
            _refused(
                terms, abi.encodeWithSelector(Rounds.BadDeadlines.selector, bad[i][0], bad[i][1], bad[i][2])
            );
        }
        (terms.voteBy, terms.fundBy, terms.settleBy) = (now_, now_ + 1, now_ + 2);
        open(terms);
        vote(terms, owners[0], 0, 1); // the last second counts
    }

    // --- the dataset

    function test_a_dataset_has_one_to_2048_assets() public {
        Terms memory terms = baseTerms();
        uint256[3] memory bad = [uint256(0), 2_049, 4_000];
        for (uint256 i = 0; i < 3; ++i) {
            terms.assets = _numbers(bad[i]);
            _refused(terms, abi.encodeWithSelector(Rounds.BadDataset.selector, bad[i]));
        }
        terms.assets = one(assets[4]);
        open(terms);
        terms.assets = _numbers(2_048);
        open(terms);
        assertLt(vm.lastCallGas().gasTotalUsed, TRANSACTION_GAS);
    }

    function test_a_dataset_names_each_asset_once_in_order() public {
        Terms memory terms = baseTerms();
        (terms.assets[1], terms.assets[2]) = (assets[2], assets[1]);
        _refused(terms, abi.encodeWithSelector(Rounds.BadDataset.selector, 2));
        terms.assets[1] = terms.assets[0];
        _refused(terms, abi.encodeWithSelector(Rounds.BadDataset.selector, 1));
        terms = baseTerms();
        terms.assets[4] = terms.assets[3];
        _refused(terms, abi.encodeWithSelector(Rounds.BadDataset.selector, 4));
    }

    function test_assets_that_are_not_on_offer_may_be_asked_and_weigh_nothing() public {
        Terms memory terms = baseTerms();
        terms.assets[4] = 99;
        open(terms);
    }

    // --- the model

    function test_a_model_must_be_one_that_the_provider_described_and_be_offered() public {
        Terms memory terms = baseTerms();
        vm.startPrank(consumer.addr);
        uint256 fresh = catalog.registerModel(EU, Permissions.Regime.Loop, 0, CID, CID);
        uint256 data = catalog.registerData(EU, 1, NO_RESERVE, CID, CID);
        uint256 elsewhere = catalog.registerModel(US, Permissions.Regime.Loop, 0, CID, CID);
        vm.stopPrank();
        vm.prank(provider.addr);
        catalog.describe(data, CID);
        vm.prank(rival.addr);
        catalog.describe(elsewhere, CID);
        uint256[5] memory bad = [fresh, data, elsewhere, 99, 0];
        for (uint256 i = 0; i < 5; ++i) {
            terms.model = bad[i];
            _refused(terms, abi.encodeWithSelector(Rounds.ModelUnavailable.selector, bad[i]));
        }
        (terms.model, terms.provider) = (model, US);
        _refused(terms, abi.encodeWithSelector(Rounds.ModelUnavailable.selector, model));
        vm.prank(consumer.addr);
        catalog.retire(model);
        terms.provider = EU;
        _refused(terms, abi.encodeWithSelector(Rounds.ModelUnavailable.selector, model));
    }

    function test_nobody_opens_a_round_with_a_model_of_another() public {
        Terms memory terms = baseTerms();
        terms.model = offerModel(stranger);
        _refused(terms, abi.encodeWithSelector(Rounds.NotConsumer.selector, consumer.addr));
        vm.prank(stranger.addr);
        catalog.transferFrom(stranger.addr, consumer.addr, terms.model);
        open(terms);
    }

    // --- what is not open

    function test_a_round_that_nobody_opened_is_unknown_to_all_but_its_state() public {
        bytes memory reason = abi.encodeWithSelector(Voting.UnknownRound.selector, bytes32("none"));
        vm.expectRevert(reason);
        jobs.choicesOf("none", 1);
        vm.expectRevert(reason);
        jobs.answerOf("none", 0);
        assertTrue(jobs.roundOf("none").state == Voting.State.None);
    }

    function test_answers_are_shown_only_while_a_round_is_open() public {
        bytes32 round = priceRound(baseTerms());
        bytes memory reason = abi.encodeWithSelector(Voting.RoundNotOpen.selector, round);
        vm.expectRevert(reason);
        jobs.choicesOf(round, 1);
        vm.expectRevert(reason);
        jobs.answerOf(round, 0);
    }

    function _refused(Terms memory terms, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(terms.consumer);
        jobs.open(terms);
    }

    function _steps(uint256 count) private pure returns (uint80[] memory ladder) {
        ladder = new uint80[](count);
        for (uint256 i = 0; i < count; ++i) {
            ladder[i] = uint80(i + 1);
        }
    }

    function _numbers(uint256 count) private pure returns (uint256[] memory list) {
        list = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = i + 1;
        }
    }
}
