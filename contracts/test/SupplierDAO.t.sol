// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SupplierDAO} from "../src/SupplierDAO.sol";
import {NO_RESERVE, REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Members} from "./base/Members.sol";

/// @notice A DAO whose members vote themselves: founding, membership, proposals and votes.
contract SupplierDAOTest is Members {
    // --- founding

    function test_founding_tells_and_keeps_rounds_name_and_rule() public {
        SupplierDAO.Rule memory rule = SupplierDAO.Rule(4_000, 6_667, 2 hours);
        vm.expectEmit();
        emit SupplierDAO.Founded(address(jobs), "Ward 7", rule, new address[](0));
        SupplierDAO made = new SupplierDAO(jobs, "Ward 7", rule, new address[](0));
        assertEq(address(made.rounds()), address(jobs));
        assertEq(address(made.catalog()), address(catalog));
        assertEq(made.name(), "Ward 7");
        assertEq(abi.encode(made.ruleOf()), abi.encode(rule));
        assertEq(made.councilOf().length, 0);
    }

    function test_a_quorum_above_the_whole_is_refused() public {
        checkRule(10_001, 5_001, 1, true);
        checkRule(10_000, 5_001, 1, false);
        checkRule(0, 5_001, 1, false);
    }

    function test_a_threshold_of_nothing_or_above_the_whole_is_refused() public {
        checkRule(0, 0, 1, true);
        checkRule(0, 10_001, 1, true);
        checkRule(0, 1, 1, false);
        checkRule(0, 10_000, 1, false);
    }

    function test_a_vote_without_time_is_refused() public {
        checkRule(0, 5_001, 0, true);
    }

    // --- membership

    function test_who_names_the_dao_holds_its_seats_and_leaves_by_naming_another() public {
        Terms memory terms = baseTerms();
        assertWeights(terms, 100, 200, 300, 0, 0);
        join(ERIN);
        assertWeights(terms, 100, 200, 300, 0, 150);
        nominate(owners[BOB], stranger.addr);
        assertWeights(terms, 100, 0, 300, 0, 150);
        quit(CAROL);
        assertWeights(terms, 100, 0, 0, 0, 150);
    }

    function test_an_asset_that_is_not_on_offer_has_a_seat_without_weight() public {
        vm.prank(owners[ALICE].addr);
        catalog.retire(assets[ALICE]);
        Terms memory terms = baseTerms();
        assertWeights(terms, 0, 200, 300, 0, 0);
        terms.provider = US;
        assertWeights(terms, 0, 0, 0, 0, 0);
    }

    function test_an_unknown_asset_has_a_seat_that_weighs_nothing_and_is_nobodys() public {
        Terms memory terms = baseTerms();
        (terms.assets[2], terms.assets[3], terms.assets[4]) = (assets[3], assets[4], 999);
        assertWeights(terms, 100, 200, 0, 0, 0);
        proposeRound(terms);
        checkNotSeat(terms, owners[ALICE].addr, 4);
        checkNotSeat(terms, address(0), 4);
    }

    function test_a_delegate_of_a_delegate_has_no_seat() public {
        nominate(owners[ERIN], owners[ALICE].addr); // alice is a member
        assertWeights(baseTerms(), 100, 200, 300, 0, 0);
    }

    // --- proposals

    function test_a_member_puts_a_round_to_the_vote() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        uint40 closes = uint40(block.timestamp) + PERIOD;
        assertEq(abi.encode(dao.proposalOf(round)), abi.encode(SupplierDAO.Proposal(0, 0)));
        vm.expectEmit(address(dao));
        emit SupplierDAO.Proposed(round, owners[BOB].addr, closes);
        assertEq(propose(terms, owners[BOB].addr, BOB), round);
        assertEq(abi.encode(dao.proposalOf(round)), abi.encode(SupplierDAO.Proposal(closes, 0)));
    }

    function test_only_who_holds_a_seat_of_weight_proposes() public {
        Terms memory terms = baseTerms();
        open(terms);
        checkNoProposal(terms, stranger.addr, ALICE);
        checkNoProposal(terms, owners[DAVE].addr, DAVE); // owns an asset of the dataset
        checkNoProposal(terms, consumer.addr, ALICE);
        checkNoProposal(terms, owners[ALICE].addr, BOB); // a member by another's seat
        checkNoProposal(terms, owners[ALICE].addr, 5); // beyond the dataset
        checkNoProposal(terms, address(0), type(uint16).max);
        vm.startPrank(owners[ALICE].addr);
        catalog.retire(assets[ALICE]);
        vm.stopPrank();
        checkNoProposal(terms, owners[ALICE].addr, ALICE);
        quit(BOB);
        checkNoProposal(terms, owners[BOB].addr, BOB);
        propose(terms, owners[CAROL].addr, CAROL);
    }

    function test_a_member_without_an_asset_in_the_dataset_does_not_propose() public {
        Account memory frank = makeAccount("frank");
        offer(frank, 50, NO_RESERVE);
        nominate(frank, address(dao));
        Terms memory terms = baseTerms();
        open(terms);
        for (uint256 i = 0; i < 6; ++i) {
            checkNoProposal(terms, frank.addr, i);
        }
    }

    function test_a_round_is_proposed_once() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        for (uint256 i = 0; i < 2; ++i) {
            expect(abi.encodeWithSelector(SupplierDAO.AlreadyProposed.selector, round));
            propose(terms, owners[i].addr, i);
        }
    }

    function test_only_an_open_round_is_proposed() public {
        Terms memory terms = baseTerms();
        checkNotOpen(terms); // not opened yet
        open(terms);
        close(terms);
        checkNotOpen(terms);
    }

    function test_a_vote_must_fit_into_the_round_and_leave_ten_minutes() public {
        Terms memory terms = baseTerms();
        open(terms);
        vm.warp(terms.voteBy - PERIOD - 10 minutes + 1);
        expect(abi.encodeWithSelector(SupplierDAO.TooLate.selector, terms.voteBy));
        propose(terms, owners[ALICE].addr, ALICE);
        vm.warp(terms.voteBy - PERIOD - 10 minutes);
        propose(terms, owners[ALICE].addr, ALICE);
    }

    function test_the_longest_period_there_is_fits_into_no_round() public {
        dao = new SupplierDAO(jobs, "", SupplierDAO.Rule(0, 1, type(uint40).max), new address[](0));
        join(ALICE);
        Terms memory terms = baseTerms();
        (terms.voteBy, terms.fundBy) = (type(uint40).max - 2, type(uint40).max - 1);
        terms.settleBy = type(uint40).max;
        open(terms);
        expect(abi.encodeWithSelector(SupplierDAO.TooLate.selector, terms.voteBy));
        propose(terms, owners[ALICE].addr, ALICE);
    }

    // --- votes

    function test_a_member_votes_and_the_vote_is_told() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        assertEq(uint256(dao.choiceOf(round, BOB)), 0);
        vm.expectEmit(address(dao));
        emit SupplierDAO.SeatVoted(round, owners[BOB].addr, seat(1), 2);
        ask(terms, BOB, 2);
        assertEq(uint256(dao.choiceOf(round, BOB)), 2);
        assertEq(uint256(dao.choiceOf(round, ALICE)), 0);
        assertChoices(round, 0); // nothing is in the round yet
    }

    function test_a_vote_may_be_changed_up_to_the_last_second() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 3);
        vm.warp(dao.proposalOf(round).closes);
        ask(terms, ALICE, REJECT);
        assertEq(uint256(dao.choiceOf(round, ALICE)), REJECT);
        vm.warp(block.timestamp + 1);
        expect(abi.encodeWithSelector(SupplierDAO.VoteOver.selector, dao.proposalOf(round).closes));
        ask(terms, ALICE, 1);
    }

    function test_a_choice_is_a_step_of_the_ladder_or_a_rejection() public {
        Terms memory terms = baseTerms();
        proposeRound(terms);
        uint8[5] memory bad = [0, 4, REJECT - 1, REJECT + 1, 255];
        for (uint256 i = 0; i < bad.length; ++i) {
            expect(abi.encodeWithSelector(SupplierDAO.BadChoice.selector, bad[i]));
            ask(terms, ALICE, bad[i]);
        }
        uint8[4] memory good = [1, 2, 3, REJECT];
        for (uint256 i = 0; i < good.length; ++i) {
            ask(terms, ALICE, good[i]);
        }
    }

    function test_no_vote_without_a_proposal() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        expect(abi.encodeWithSelector(SupplierDAO.NotProposed.selector, round));
        ask(terms, ALICE, 1);
    }

    function test_only_the_holder_uses_a_seat() public {
        Terms memory terms = baseTerms();
        proposeRound(terms);
        checkNotSeat(terms, owners[ALICE].addr, BOB);
        checkNotSeat(terms, stranger.addr, ALICE);
        checkNotSeat(terms, owners[DAVE].addr, DAVE); // its own, but it is no member
        checkNotSeat(terms, owners[ALICE].addr, 5); // beyond the dataset
        checkNotSeat(terms, owners[ALICE].addr, type(uint16).max);
        quit(BOB);
        checkNotSeat(terms, owners[BOB].addr, BOB);
        vm.prank(owners[CAROL].addr);
        catalog.retire(assets[CAROL]);
        checkNotSeat(terms, owners[CAROL].addr, CAROL);
    }

    function test_several_seats_vote_at_once_or_none_does() public {
        sell(BOB, owners[ALICE].addr);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        uint16[] memory seats = new uint16[](3);
        (seats[0], seats[1], seats[2]) = (0, 1, 2);
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, 2, owners[ALICE].addr));
        vm.prank(owners[ALICE].addr);
        dao.vote(terms, seats, 1);
        assertEq(uint256(dao.choiceOf(round, ALICE)), 0);
        seats[2] = 1; // twice the same counts once
        vm.prank(owners[ALICE].addr);
        dao.vote(terms, seats, 1);
        assertEq(uint256(dao.choiceOf(round, ALICE)), 1);
        assertEq(uint256(dao.choiceOf(round, BOB)), 1);
    }

    /// @dev Choices lie 32 to a word: each seat has its own, next to the others.
    function test_each_of_many_seats_keeps_its_own_choice() public {
        for (uint256 i = 0; i < 61; ++i) {
            assets.push(offer(owners[i % 3], 1, NO_RESERVE));
        }
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        uint16[] memory carols = new uint16[](21);
        carols[0] = 2;
        for (uint16 i = 1; i < 21; ++i) {
            carols[i] = 4 + 3 * i; // among them 31, 64 and others of three words
        }
        vm.startPrank(owners[CAROL].addr);
        dao.vote(terms, carols, REJECT);
        dao.vote(terms, carols, 1);
        dao.vote(terms, seat(31), 2);
        vm.stopPrank();
        askFor(terms, owners[BOB].addr, 63, REJECT);
        askFor(terms, owners[ALICE].addr, 32, 3);
        for (uint256 i = 0; i < 66; ++i) {
            uint256 wanted = i == 2 || (i > 5 && i % 3 == 1 && i < 65) ? 1 : 0;
            if (i == 31) wanted = 2;
            if (i == 32) wanted = 3;
            if (i == 63) wanted = REJECT;
            assertEq(uint256(dao.choiceOf(round, i)), wanted);
        }
        assertEq(uint256(dao.choiceOf(round, 1 << 200)), 0);
    }

    function test_the_seat_of_a_sold_asset_passes_to_a_member() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        ask(terms, ALICE, 3);
        sell(ALICE, owners[BOB].addr);
        checkNotSeat(terms, owners[ALICE].addr, ALICE);
        assertEq(uint256(dao.choiceOf(round, ALICE)), 3); // until the new owner says otherwise
        askFor(terms, owners[BOB].addr, ALICE, 1);
        assertEq(uint256(dao.choiceOf(round, ALICE)), 1);
    }

    function test_the_seat_of_an_asset_sold_to_another_is_empty_until_it_joins() public {
        Terms memory terms = baseTerms();
        proposeRound(terms);
        sell(ALICE, stranger.addr);
        assertWeights(terms, 0, 200, 300, 0, 0);
        checkNotSeat(terms, stranger.addr, ALICE);
        nominate(stranger, address(dao));
        askFor(terms, stranger.addr, ALICE, 1);
    }

    // --- checks

    function checkRule(uint16 quorum, uint16 threshold, uint40 period, bool refused) private {
        if (refused) expect(abi.encodeWithSelector(SupplierDAO.BadRule.selector, quorum, threshold, period));
        new SupplierDAO(jobs, "", SupplierDAO.Rule(quorum, threshold, period), new address[](0));
    }

    function checkNoProposal(Terms memory terms, address who, uint256 place) private {
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, place, who));
        propose(terms, who, place);
    }

    function checkNotOpen(Terms memory terms) private {
        expect(abi.encodeWithSelector(Voting.RoundNotOpen.selector, jobs.idOf(terms)));
        propose(terms, owners[ALICE].addr, ALICE);
    }

    function checkNotSeat(Terms memory terms, address who, uint256 place) private {
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, place, who));
        askFor(terms, who, place, 1);
    }

    function assertWeights(Terms memory terms, uint256 a, uint256 b, uint256 c, uint256 d, uint256 e) private view {
        uint32[] memory weights = dao.weightsOf(terms);
        uint256[5] memory wanted = [a, b, c, d, e];
        assertEq(weights.length, 5);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(uint256(weights[i]), wanted[i]);
        }
    }
}
