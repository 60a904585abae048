// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SupplierDAO} from "../src/SupplierDAO.sol";
import {NO_RESERVE, REJECT, Terms} from "../src/Terms.sol";
import {Members} from "./base/Members.sol";

/// @notice What holds for every DAO, whoever votes, sells, joins and leaves.
contract SupplierDAOFuzzTest is Members {
    /// @dev The test's own books of the second property.
    uint8[5] private _choices;
    uint256[5] private _holders;
    bool[6] private _joined;
    bool[5] private _retired;

    function testFuzz_the_decision_is_that_of_the_rule(
        uint8[5] memory picks,
        uint32[5] memory samples,
        uint8 mask,
        uint16 threshold,
        uint16 quorum
    ) public {
        (quorum, threshold) = (uint16(bound(quorum, 0, 10_000)), uint16(bound(threshold, 1, 10_000)));
        dao = found(quorum, threshold);
        mask |= 1;
        uint8[] memory choices = new uint8[](5);
        uint256[] memory weights = new uint256[](5);
        uint256 total;
        for (uint256 i = 0; i < 5; ++i) {
            if (samples[i] == 0) samples[i] = 1;
            assets[i] = offer(owners[i], samples[i], NO_RESERVE);
            if (mask >> i & 1 == 0) continue;
            join(i);
            (weights[i], choices[i]) = (samples[i], picks[i] % 5 == 4 ? REJECT : picks[i] % 5);
            total += samples[i];
        }
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        uint256 answered;
        for (uint256 i = 0; i < 5; ++i) {
            if (choices[i] == 0) continue;
            ask(terms, i, choices[i]);
            answered += weights[i];
        }
        endVote(round);
        if (answered == 0 || answered * 10_000 < quorum * total) {
            expect(abi.encodeWithSelector(SupplierDAO.NoQuorum.selector, answered, total));
            execute(terms);
        } else {
            assertEq(uint256(execute(terms)), uint256(decide(weights, choices, threshold)));
        }
    }

    /// @dev Votes, sales, joining, leaving and retiring in any order: what counts in the end is for each
    /// asset on offer, once and by its samples, the last word of whoever could speak for it.
    function testFuzz_each_sample_has_one_vote_and_its_members(uint256 seed) public {
        owners.push(stranger); // a sixth, with no asset at first
        for (uint256 i = 0; i < 5; ++i) {
            (_holders[i], _joined[i]) = (i, i < 3);
        }
        Terms memory terms = baseTerms();
        bytes32 round = proposeRound(terms);
        for (uint256 i = 0; i < 32; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            act(terms, seed & 0xff, (seed >> 8) % 6, (seed >> 16) % 5, uint8((seed >> 24) % 4));
        }
        endVote(round);
        uint256[] memory weights = new uint256[](5);
        uint8[] memory choices = new uint8[](5);
        uint256 answered;
        for (uint256 i = 0; i < 5; ++i) {
            if (_joined[_holders[i]] && !_retired[i]) weights[i] = catalog.assetOf(assets[i]).samples;
            choices[i] = _choices[i];
            assertEq(uint256(dao.choiceOf(round, i)), uint256(_choices[i]));
            if (choices[i] != 0) answered += weights[i];
        }
        uint32[] memory counted = dao.weightsOf(terms);
        assertEq(counted.length, 5);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(uint256(counted[i]), weights[i]);
        }
        assertLe(answered, 1_150); // all there are
        if (answered == 0) {
            vm.expectPartialRevert(SupplierDAO.NoQuorum.selector);
            execute(terms);
            return;
        }
        uint8 decision = decide(weights, choices, 5_001);
        assertEq(uint256(execute(terms)), uint256(decision));
        uint8[] memory answers = jobs.choicesOf(round, 5);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(uint256(answers[i]), weights[i] != 0 ? uint256(decision) : 0);
        }
    }

    function act(Terms memory terms, uint256 what, uint256 who, uint256 place, uint8 choice) private {
        choice = choice == 0 ? REJECT : choice;
        if (what < 160) {
            bool may = _holders[place] == who && _joined[who] && !_retired[place];
            if (may) _choices[place] = choice;
            else expect(abi.encodeWithSelector(SupplierDAO.NotYourSeat.selector, place, owners[who].addr));
            askFor(terms, owners[who].addr, place, choice);
            // Who holds a seat seldom calls by chance.
            if (may || what < 40 || !_joined[_holders[place]] || _retired[place]) return;
            _choices[place] = choice;
            askFor(terms, owners[_holders[place]].addr, place, choice);
        } else if (what < 190) {
            join(who);
            _joined[who] = true;
        } else if (what < 215) {
            nominate(owners[who], owners[(who + 1) % 6].addr);
            _joined[who] = false;
        } else if (what < 250) {
            sell(place, owners[who].addr);
            _holders[place] = who;
        } else if (!_retired[place]) {
            vm.prank(owners[_holders[place]].addr);
            catalog.retire(assets[place]);
            _retired[place] = true;
        }
    }
}
