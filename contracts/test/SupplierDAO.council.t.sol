// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SupplierDAO} from "../src/SupplierDAO.sol";
import {REJECT, Terms} from "../src/Terms.sol";
import {Members} from "./base/Members.sol";

/// @notice A DAO whose council votes for the members, each councillor with one voice.
contract SupplierDAOCouncilTest is Members {
    address[] private _council;

    function setUp() public override {
        super.setUp();
        string[3] memory names = ["pat", "quinn", "ruth"];
        for (uint256 i = 0; i < 3; ++i) {
            _council.push(makeAddr(names[i]));
            for (uint256 j = i; j > 0 && _council[j] < _council[j - 1]; --j) {
                (_council[j], _council[j - 1]) = (_council[j - 1], _council[j]);
            }
        }
        elect(6_667, 6_667);
    }

    // --- founding

    function test_founding_tells_and_keeps_the_council() public {
        SupplierDAO.Rule memory rule = SupplierDAO.Rule(6_667, 6_667, PERIOD);
        vm.expectEmit();
        emit SupplierDAO.Founded(address(jobs), "Ward", rule, _council);
        SupplierDAO made = new SupplierDAO(jobs, "Ward", rule, _council);
        assertEq(made.councilOf(), _council);
    }

    function test_a_council_out_of_order_is_refused() public {
        (_council[1], _council[2]) = (_council[2], _council[1]);
        checkBad(_council, 2);
    }

    function test_a_councillor_named_twice_is_refused() public {
        _council[1] = _council[0];
        checkBad(_council, 1);
    }

    function test_a_council_with_nobody_in_it_is_refused() public {
        _council[0] = address(0);
        checkBad(_council, 0);
    }

    function test_a_council_of_more_than_64_is_refused() public {
        address[] memory many = new address[](64);
        for (uint256 i = 0; i < 64; ++i) {
            many[i] = address(uint160(i + 1));
        }
        assertEq(new SupplierDAO(jobs, "", SupplierDAO.Rule(0, 1, 1), many).councilOf().length, 64);
        many = new address[](65);
        for (uint256 i = 0; i < 65; ++i) {
            many[i] = address(uint160(i + 1));
        }
        checkBad(many, 65);
    }

    // --- seats

    function test_each_councillor_has_a_seat_of_one_whatever_the_dataset() public view {
        Terms memory terms = baseTerms();
        terms.assets = one(assets[0]);
        uint32[] memory weights = dao.weightsOf(terms);
        assertEq(weights.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(uint256(weights[i]), 1);
        }
    }

    function test_only_a_councillor_proposes() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        checkNoProposal(terms, owners[ALICE].addr, ALICE);
        checkNoProposal(terms, _council[2], 1);
        checkNoProposal(terms, _council[2], 3);
        vm.expectEmit(address(dao));
        emit SupplierDAO.Proposed(round, _council[2], uint40(block.timestamp) + PERIOD);
        assertEq(propose(terms, _council[2], 2), round);
    }

    function test_a_councillor_uses_its_own_seat_only() public {
        Terms memory terms = baseTerms();
        proposeRound(terms, _council[0], 0);
        checkNotSeat(terms, _council[0], 1);
        checkNotSeat(terms, _council[0], 3); // a position of the dataset, but no place in the council
        checkNotSeat(terms, owners[ALICE].addr, 0);
        checkNotSeat(terms, _council[0], type(uint16).max);
    }

    function test_a_councillor_votes_for_all_of_the_named_seats_or_none() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms, _council[0], 0);
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, 1, _council[0]));
        vm.prank(_council[0]);
        dao.vote(terms, places(0, 2), 1);
        assertEq(uint256(dao.choiceOf(round, 0)), 0);
        expect(abi.encodeWithSelector(SupplierDAO.NotMember.selector, _council[0]));
        vm.prank(_council[0]);
        dao.vote(terms, new uint16[](0), 1);
    }

    /// @dev Two words of choices, with a dataset of five.
    function test_a_council_of_64_is_counted_to_the_last() public {
        delete _council;
        for (uint160 i = 1; i <= 64; ++i) {
            _council.push(address(i << 32));
        }
        elect(10_000, 5_001);
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms, _council[63], 63);
        for (uint256 i = 0; i < 63; ++i) {
            askFor(terms, _council[i], i, i < 32 ? 1 : 3);
        }
        endVote(round);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 63, 64));
        execute(terms);
        vm.warp(dao.proposalOf(round).closes);
        askFor(terms, _council[63], 63, 2);
        endVote(round);
        assertEq(uint256(execute(terms)), 2); // 33 of 64
        for (uint256 i = 0; i < 64; ++i) {
            assertEq(uint256(dao.choiceOf(round, i)), i < 32 ? 1 : i < 63 ? 3 : 2);
        }
    }

    function test_a_councillor_who_votes_twice_has_one_voice() public {
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms, _council[0], 0);
        uint16[] memory seats = new uint16[](3); // three times seat 0
        vm.prank(_council[0]);
        dao.vote(terms, seats, 1);
        askFor(terms, _council[0], 0, 1);
        endVote(round);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 1, 3));
        execute(terms);
    }

    // --- decision

    function test_the_council_decides_for_every_member_and_for_nobody_else() public {
        Terms memory terms = baseTerms();
        bytes32 round = council(terms, [1, 2, 3]);
        vote(terms, owners[ALICE], 0, REJECT);
        assertEq(uint256(execute(terms)), 3); // two of three are 6,666 of 10,000
        assertChoices(round, 93300);
        vote(terms, owners[BOB], 1, 1);
        assertChoices(round, 91300);
    }

    function test_two_of_three_suffice_where_the_rule_says_so() public {
        elect(6_666, 6_666);
        Terms memory terms = baseTerms();
        bytes32 round = council(terms, [0, 1, REJECT]);
        expect(abi.encodeWithSelector(SupplierDAO.AlreadyProposed.selector, round));
        propose(terms, _council[0], 0);
        assertEq(uint256(execute(terms)), REJECT); // one of two answers accepts
        assertChoices(round, 99900);
    }

    function test_councillors_who_stay_away_count_for_the_quorum() public {
        Terms memory terms = baseTerms();
        council(terms, [1, 1, 0]);
        expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, 2, 3));
        execute(terms);
    }

    function test_members_who_leave_leave_the_council_its_voices() public {
        Terms memory terms = baseTerms();
        bytes32 round = council(terms, [2, 2, 2]);
        quit(CAROL);
        execute(terms);
        assertChoices(round, 22000);
    }

    function test_the_asset_of_a_councillor_who_is_no_member_is_untouched() public {
        sell(ERIN, _council[0]);
        Terms memory terms = baseTerms();
        bytes32 round = council(terms, [2, 2, 2]);
        execute(terms);
        assertChoices(round, 22200);
    }

    function testFuzz_the_council_decides_by_the_rule(uint8[3] memory picks, uint16 threshold, uint16 quorum) public {
        quorum = uint16(bound(quorum, 0, 10_000));
        threshold = uint16(bound(threshold, 1, 10_000));
        elect(quorum, threshold);
        Terms memory terms = baseTerms();
        uint256[] memory weights = new uint256[](3);
        uint8[] memory choices = new uint8[](3);
        uint256 answered;
        for (uint256 i = 0; i < 3; ++i) {
            picks[i] = picks[i] % 5 == 4 ? REJECT : picks[i] % 5;
            (weights[i], choices[i]) = (1, picks[i]);
            if (picks[i] != 0) ++answered;
        }
        council(terms, picks);
        if (answered == 0 || answered * 10_000 < uint256(quorum) * 3) {
            expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, answered, 3));
            execute(terms);
        } else {
            assertEq(uint256(execute(terms)), uint256(decide(weights, choices, threshold)));
        }
    }

    /// @dev Found a DAO with the council and have the members move there.
    function elect(uint16 quorum, uint16 threshold) private {
        dao = new SupplierDAO(jobs, "Ward", SupplierDAO.Rule(quorum, threshold, PERIOD), _council);
        for (uint256 i = ALICE; i <= CAROL; ++i) {
            join(i);
        }
    }

    /// @dev A whole vote, 0 being silent.
    function council(Terms memory terms, uint8[3] memory choices) private returns (bytes32 round) {
        round = proposeRound(terms, _council[1], 1);
        for (uint256 i = 0; i < 3; ++i) {
            if (choices[i] != 0) askFor(terms, _council[i], i, choices[i]);
        }
        endVote(round);
    }

    function checkNotSeat(Terms memory terms, address who, uint256 place) private {
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, place, who));
        askFor(terms, who, place, 1);
    }

    function checkNoProposal(Terms memory terms, address who, uint256 place) private {
        expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, place, who));
        propose(terms, who, place);
    }

    function checkBad(address[] memory members, uint256 index) private {
        expect(abi.encodeWithSelector(SupplierDAO.BadCouncil.selector, index));
        new SupplierDAO(jobs, "", SupplierDAO.Rule(0, 1, 1), members);
    }
}
