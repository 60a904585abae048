// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SupplierDAO} from "../../src/SupplierDAO.sol";
import {REJECT, Terms} from "../../src/Terms.sol";
import {Market} from "./Market.sol";

/// @title A market whose first three owners are the members of a DAO
/// @notice alice (100 samples), bob (200) and carol (300) decide by majority; dave (400, with a
/// reserve) and erin (150) are no members.
abstract contract Members is Market {
    uint40 internal constant PERIOD = 1 hours;
    uint256 internal constant ALICE = 0;
    uint256 internal constant BOB = 1;
    uint256 internal constant CAROL = 2;
    uint256 internal constant DAVE = 3;
    uint256 internal constant ERIN = 4;

    SupplierDAO internal dao;

    function setUp() public virtual override {
        super.setUp();
        dao = found(0, 5_001);
        for (uint256 i = ALICE; i <= CAROL; ++i) {
            join(i);
        }
    }

    /// @notice A DAO in which the members vote by samples.
    function found(uint16 quorum, uint16 threshold) internal returns (SupplierDAO) {
        return new SupplierDAO(jobs, "Ward", SupplierDAO.Rule(quorum, threshold, PERIOD), new address[](0));
    }

    function join(uint256 who) internal {
        nominate(owners[who], address(dao));
    }

    /// @notice Name a delegate.
    function nominate(Account memory who, address delegate) internal {
        vm.prank(who.addr);
        catalog.delegate(delegate);
    }

    function quit(uint256 who) internal {
        nominate(owners[who], address(0));
    }

    /// @notice Sell the asset at a position, which is this owner's.
    function sell(uint256 position, address to) internal {
        address from = catalog.ownerOf(assets[position]);
        vm.prank(from);
        catalog.transferFrom(from, to, assets[position]);
    }

    /// @notice Open a round and have alice, or another by a seat of its own, put it to the vote.
    function proposeRound(Terms memory terms, address by, uint256 place) internal returns (bytes32 round) {
        round = open(terms);
        propose(terms, by, place);
    }

    function proposeRound(Terms memory terms) internal returns (bytes32) {
        return proposeRound(terms, owners[ALICE].addr, ALICE);
    }

    function propose(Terms memory terms, address by, uint256 place) internal returns (bytes32) {
        vm.prank(by);
        return dao.propose(terms, uint16(place));
    }

    /// @notice Vote in the DAO for the seat of one's own position.
    function ask(Terms memory terms, uint256 who, uint8 choice) internal {
        askFor(terms, owners[who].addr, who, choice);
    }

    function askFor(Terms memory terms, address by, uint256 place, uint8 choice) internal {
        vm.prank(by);
        dao.vote(terms, seat(uint16(place)), choice);
    }

    /// @notice Decide, and answer at every position.
    function execute(Terms memory terms) internal returns (uint8) {
        return dao.execute(terms, places(0, terms.assets.length));
    }

    /// @notice The positions from `first` to before `end`.
    function places(uint256 first, uint256 end) internal pure returns (uint16[] memory list) {
        list = new uint16[](end - first);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = uint16(first + i);
        }
    }

    function endVote(bytes32 round) internal {
        vm.warp(dao.proposalOf(round).closes + 1);
    }

    /// @notice What must happen to the five positions: their choices, as digits from the left.
    function assertChoices(bytes32 round, uint256 digits) internal view {
        uint8[] memory choices = jobs.choicesOf(round, 5);
        uint256 digitsFound;
        for (uint256 i = 0; i < 5; ++i) {
            digitsFound = digitsFound * 10 + (choices[i] == REJECT ? 9 : choices[i]);
        }
        assertEq(digitsFound, digits);
    }

    /// @notice Expect a failure of the next call.
    function expect(bytes memory failure) internal {
        vm.expectRevert(failure);
    }

    /// @notice The rule once more, as simply as it can be said: of the steps the lowest for which at
    /// least the threshold's part of those who answered named it or a lower one.
    function decide(uint256[] memory weights, uint8[] memory choices, uint256 threshold) internal pure returns (uint8) {
        for (uint8 step = 1; step <= 3; ++step) {
            uint256 yes;
            uint256 no;
            for (uint256 i = 0; i < weights.length; ++i) {
                if (choices[i] == 0) continue;
                if (choices[i] <= step) yes += weights[i];
                else no += weights[i];
            }
            // yes / (yes + no) >= threshold / 10,000
            if (yes * (10_000 - threshold) >= no * threshold && yes != 0) return step;
        }
        return REJECT;
    }
}
