// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Answers} from "../src/Answers.sol";
import {PriceRule} from "../src/PriceRule.sol";
import {Test} from "../test/base/Test.sol";

/// @notice What halmos proves of the quantile and of the layout in storage (`make prove`).
/// @custom:halmos --loop 6
contract PriceRuleCheck is Test {
    using Answers for uint256;

    // Not here: that no reward is negative, and that the whole is worth the price. Solvers give up on comparing products of unknowns divided by
    // 1e9, even at eight bits; contracts/test/PriceRule.t.sol fuzzes it at full width.

    // --- the split

    function check_rewards_sum_to_what_their_shares_are_worth_together(
        uint96 price,
        uint32 first,
        uint32 second,
        uint32 third
    ) public pure {
        uint256 one = PriceRule.upTo(price, first);
        uint256 two = PriceRule.upTo(price, uint256(first) + second);
        uint256 all = PriceRule.upTo(price, uint256(first) + second + third);
        unchecked {
            assert(one + (two - one) + (all - two) == all);
        }
    }

    // --- the quantile

    function check_the_step_of_three_is_the_lowest_that_reaches_the_threshold(
        uint48 first,
        uint48 second,
        uint48 third,
        uint16 threshold
    ) public pure {
        vm.assume(threshold != 0 && threshold <= 10_000);
        uint256[] memory weights = new uint256[](4);
        (weights[1], weights[2], weights[3]) = (first, second, third);
        (uint256 step, uint256 accepted) = PriceRule.lowestStep(weights, threshold);
        uint256 willing = uint256(first) + second + third;
        assert(step <= 3);
        assert((step == 0) == (willing == 0));
        if (step == 0) {
            assert(accepted == 0);
            return;
        }
        uint256 below = step == 1 ? 0 : (step == 2 ? first : uint256(first) + second);
        assert(accepted == below + weights[step]);
        assert(accepted != 0 && accepted * 10_000 >= threshold * willing);
        assert(below == 0 || below * 10_000 < threshold * willing);
        assert(weights[step] != 0);
    }

    // --- the layout

    function check_an_answer_is_placed_and_picked_and_no_other_changes(
        uint256 word,
        uint256 place,
        uint256 other,
        uint16 answer
    ) public pure {
        vm.assume(place < 16 && other < 16);
        uint256 changed = word.placed(16 * place, answer);
        assert(changed.pick(16 * place) == answer);
        if (other != place) assert(changed.pick(16 * other) == word.pick(16 * other));
    }

    function check_no_position_has_the_place_of_the_state(uint16 position, uint256 word, uint16 answer)
        public
        pure
    {
        vm.assume(position < 2_048);
        uint256 index = Answers.wordOf(position);
        uint256 shift = Answers.shiftOf(position);
        assert(index != 0 || shift != 0);
        assert(index <= 128 && shift <= 240 && shift & 15 == 0);
        if (index == 0) assert(word.placed(shift, answer).stateOf() == word.stateOf());
    }

    function check_no_two_positions_share_a_place(uint16 one, uint16 two) public pure {
        vm.assume(one != two && one < 2_048 && two < 2_048);
        assert(Answers.wordOf(one) != Answers.wordOf(two) || Answers.shiftOf(one) != Answers.shiftOf(two));
    }

    function check_only_an_owners_answer_with_the_last_nonce_is_final(uint16 answer) public pure {
        bool own = answer & 0x80 != 0;
        bool last = answer >> 8 == 255;
        assert(uint256(answer).isFinal() == (own && last));
    }

    function check_a_settled_word_keeps_members_and_tells_the_change(uint256 word, uint8 state, uint96 back)
        public
        pure
    {
        uint256 settled = word.settled(state, back);
        assert(settled >> 136 == word >> 136);
        assert(settled.change() == back);
        assert(settled.stateOf() == state);
        assert(settled.settled(state, 0).change() == 0);
        assert(settled.settled(state, 0) >> 136 == word >> 136);
    }

    function check_another_state_changes_nothing_else(uint256 word, uint8 state) public pure {
        uint256 changed = word.inState(state);
        assert(changed.stateOf() == state);
        assert(changed >> 8 == word >> 8);
        (uint48 samples, uint80 price) = word.outcome();
        (uint48 samples_, uint80 price_) = changed.outcome();
        assert(samples == samples_ && price == price_);
    }
}
