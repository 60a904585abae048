// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PriceRule} from "../src/PriceRule.sol";
import {NO_RESERVE, REJECT} from "../src/Terms.sol";
import {Test} from "./base/Test.sol";

/// @notice The price rule and the split, against the vectors that Python reads too and naive references.
contract PriceRuleTest is Test {
    uint256 private constant WHOLE = 1e9;

    // --- the vectors

    function test_the_price_rule_gives_every_vector_of_rounds() public view {
        string memory json = vm.readFile("tests/vectors/rounds.json");
        uint256 count;
        for (; vm.keyExistsJson(json, _item(".vectors", count)); ++count) {
            _checkRound(json, _item(".vectors", count));
        }
        assertGe(count, 32);
    }

    function test_the_split_gives_every_vector_of_payouts() public view {
        string memory json = vm.readFile("tests/vectors/payouts.json");
        uint256 count;
        for (; vm.keyExistsJson(json, _item(".rewards", count)); ++count) {
            string memory path = _item(".rewards", count);
            uint256[] memory shares = vm.parseJsonUintArray(json, string.concat(path, ".shares"));
            uint256 price = vm.parseJsonUint(json, string.concat(path, ".price"));
            assertEq(_rewards(price, shares), vm.parseJsonUintArray(json, string.concat(path, ".rewards")), path);
        }
        assertGe(count, 14);
        uint256 equals;
        for (; vm.keyExistsJson(json, _item(".equal", equals)); ++equals) {
            string memory path = _item(".equal", equals);
            uint256 size = vm.parseJsonUint(json, string.concat(path, ".count"));
            bool[] memory members = new bool[](size);
            for (uint256 i = 0; i < size; ++i) {
                members[i] = true;
            }
            uint32[] memory shares = PriceRule.equal(members);
            uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(path, ".shares"));
            assertEq(shares.length, expected.length);
            for (uint256 i = 0; i < size; ++i) {
                assertEq(shares[i], expected[i], path);
            }
        }
        assertGe(equals, 5);
    }

    function _checkRound(string memory json, string memory path) private view {
        string memory name = vm.parseJsonString(json, string.concat(path, ".name"));
        uint80[] memory ladder = _ladder(vm.parseJsonUintArray(json, string.concat(path, ".ladder")), name);
        uint256[] memory samples = vm.parseJsonUintArray(json, string.concat(path, ".samples"));
        uint256[] memory retired = vm.parseJsonUintArray(json, string.concat(path, ".retired"));
        for (uint256 i = 0; i < retired.length; ++i) {
            samples[retired[i]] = 0;
        }
        uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(path, ".choices"));
        uint256[] memory weights = new uint256[](ladder.length + 1);
        uint256 answered;
        uint256 electorate;
        for (uint256 i = 0; i < samples.length; ++i) {
            uint256 choice = vm.parseJsonUint(json, _item(string.concat(path, ".ballots"), i));
            if (choice == 0) choice = _reserveChoice(json, _item(string.concat(path, ".reserves"), i), ladder);
            if (samples[i] == 0) choice = 0;
            assertEq(choice, expected[i], name);
            electorate += samples[i];
            if (choice == 0) continue;
            answered += samples[i];
            if (choice != REJECT) weights[choice] += samples[i];
        }
        (uint256 step, uint256 accepted) =
            PriceRule.lowestStep(weights, vm.parseJsonUint(json, string.concat(path, ".threshold")));
        uint256 quorum = vm.parseJsonUint(json, string.concat(path, ".quorum"));
        bool priced = step != 0 && PriceRule.isQuorate(answered, electorate, quorum)
            && accepted >= vm.parseJsonUint(json, string.concat(path, ".min_samples"));
        uint80 price = priced ? ladder[step - 1] : 0;
        _same(json, path, priced ? step : 0, price, priced ? accepted : 0);
    }

    function _same(string memory json, string memory path, uint256 step, uint80 price, uint256 samples) private pure {
        assertEq(step, vm.parseJsonUint(json, string.concat(path, ".step")), path);
        assertEq(price, vm.parseJsonUint(json, string.concat(path, ".unit_price")), path);
        assertEq(samples, vm.parseJsonUint(json, string.concat(path, ".priced_samples")), path);
    }

    function _reserveChoice(string memory json, string memory path, uint80[] memory ladder)
        private
        view
        returns (uint256)
    {
        // `null` is no reserve, and no number to forge.
        try vm.parseJsonUint(json, path) returns (uint256 reserve) {
            return this.stepFor(reserve, ladder);
        } catch {
            return 0;
        }
    }

    function _ladder(uint256[] memory numbers, string memory name)
        private
        pure
        returns (uint80[] memory ladder)
    {
        ladder = new uint80[](numbers.length);
        for (uint256 i = 0; i < numbers.length; ++i) {
            assertLt(numbers[i], NO_RESERVE, string.concat("a step beyond what terms can name: ", name));
            ladder[i] = uint80(numbers[i]);
        }
    }

    // --- the quantile

    function test_the_price_is_the_lowest_step_that_reaches_the_threshold(
        uint32[] memory raw,
        uint256 threshold
    ) public pure {
        threshold = bound(threshold, 1, 10_000);
        uint256 steps = raw.length > 100 ? 100 : raw.length;
        uint256[] memory weights = new uint256[](steps + 1);
        weights[0] = type(uint256).max; // not read
        uint256 willing;
        for (uint256 i = 1; i <= steps; ++i) {
            weights[i] = raw[i - 1] & 1 == 0 ? 0 : raw[i - 1]; // many steps are nobody's
            willing += weights[i];
        }
        (uint256 step, uint256 accepted) = PriceRule.lowestStep(weights, threshold);
        (uint256 expected, uint256 sum) = (0, 0);
        for (uint256 i = 1; i <= steps && expected == 0; ++i) {
            sum += weights[i];
            if (sum != 0 && sum * 10_000 >= threshold * willing) expected = i;
        }
        assertEq(step, expected);
        assertEq(accepted, expected == 0 ? 0 : sum);
    }

    function test_a_tie_takes_the_lower_step() public pure {
        uint256[] memory weights = new uint256[](4);
        (weights[1], weights[3]) = (50, 50);
        (uint256 step, uint256 accepted) = PriceRule.lowestStep(weights, 5_000);
        assertTrue(step == 1 && accepted == 50);
        (step, accepted) = PriceRule.lowestStep(weights, 5_001);
        assertTrue(step == 3 && accepted == 100);
    }

    function test_paper_without_weight_there_is_no_step() public pure {
        uint256[] memory weights = new uint256[](4);
        weights[0] = 9;
        (uint256 step, uint256 accepted) = PriceRule.lowestStep(weights, 1);
        assertTrue(step == 0 && accepted == 0);
        (step, accepted) = PriceRule.lowestStep(new uint256[](1), 10_000);
        assertTrue(step == 0 && accepted == 0);
    }

    function test_a_step_that_nobody_named_is_never_the_price() public pure {
        uint256[] memory weights = new uint256[](4);
        weights[3] = 1;
        (uint256 step,) = PriceRule.lowestStep(weights, 1);
        assertEq(step, 3);
    }

    function test_a_quorum_is_a_share_of_the_electorate(uint48 answered, uint48 electorate, uint16 quorum)
        public
        pure
    {
        bool expected = uint256(answered) * 10_000 >= uint256(quorum) * electorate;
        assertEq(PriceRule.isQuorate(answered, electorate, quorum), expected);
        assertTrue(PriceRule.isQuorate(answered, electorate, 0));
        assertTrue(PriceRule.isQuorate(electorate, electorate, 10_000));
        if (electorate != 0) assertFalse(PriceRule.isQuorate(electorate - 1, electorate, 10_000));
    }

    function test_a_reserve_takes_the_lowest_step_not_below_it(uint80 reserve, uint80[] memory ladder)
        public
        view
    {
        uint256 step = this.stepFor(reserve, ladder);
        for (uint256 i = 1; i <= ladder.length; ++i) {
            if (step == 0 || i < step) assertLt(ladder[i - 1], reserve);
        }
        if (step != 0) assertGe(ladder[step - 1], reserve);
    }

    // --- the split

    function test_rewards_sum_to_the_price_and_none_is_a_unit_off(uint96 price, uint32[] memory raw)
        public
        pure
    {
        uint256[] memory shares = _sharesOf(raw);
        uint256[] memory rewards = _rewards(price, shares);
        uint256 sum;
        for (uint256 i = 0; i < shares.length; ++i) {
            sum += rewards[i];
            uint256 exact = uint256(price) * shares[i];
            // Below one unit from the exact part, up or down.
            assertLt(rewards[i] * WHOLE, exact + WHOLE);
            assertGt(rewards[i] * WHOLE + WHOLE, exact);
        }
        assertEq(sum, price);
    }

    function test_equal_shares_sum_to_the_whole_differ_by_one_and_are_the_members(bool[] memory members)
        public
        pure
    {
        uint32[] memory shares = PriceRule.equal(members);
        assertEq(shares.length, members.length);
        uint256 sum;
        uint256 count;
        uint256 last = WHOLE;
        uint256 first;
        for (uint256 i = 0; i < members.length; ++i) {
            if (!members[i]) {
                assertEq(shares[i], 0);
                continue;
            }
            sum += shares[i];
            if (count++ == 0) first = shares[i];
            assertLe(shares[i], last, "the first ones take the odd units");
            last = shares[i];
        }
        assertEq(sum, count == 0 ? 0 : WHOLE);
        if (count != 0) assertLe(first - last, 1);
    }

    function test_without_a_member_nobody_has_a_share() public pure {
        uint32[] memory shares = PriceRule.equal(new bool[](3));
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(shares[i], 0);
        }
    }

    function test_equal_shares_of_the_largest_dataset() public pure {
        bool[] memory members = new bool[](2_048);
        for (uint256 i = 0; i < 2_048; ++i) {
            members[i] = i % 3 != 0; // 1,365
        }
        uint32[] memory shares = PriceRule.equal(members);
        uint256 sum;
        for (uint256 i = 0; i < 2_048; ++i) {
            sum += shares[i];
            if (members[i]) assertTrue(shares[i] == 732_600 || shares[i] == 732_601);
            else assertEq(shares[i], 0);
        }
        assertEq(sum, WHOLE);
    }

    function stepFor(uint256 reserve, uint80[] calldata ladder) external pure returns (uint256) {
        return PriceRule.stepFor(reserve, ladder);
    }

    /// @dev Random shares that sum to the whole: cuts of it.
    function _sharesOf(uint32[] memory raw) private pure returns (uint256[] memory shares) {
        shares = new uint256[](raw.length + 1);
        uint256 left = WHOLE;
        for (uint256 i = 0; i < raw.length; ++i) {
            shares[i] = raw[i] % (left + 1);
            left -= shares[i];
        }
        shares[raw.length] = left;
    }

    function _rewards(uint256 price, uint256[] memory shares) private pure returns (uint256[] memory rewards) {
        rewards = new uint256[](shares.length);
        uint256 running;
        for (uint256 i = 0; i < shares.length; ++i) {
            uint256 paid = PriceRule.upTo(price, running);
            running += shares[i];
            rewards[i] = PriceRule.upTo(price, running) - paid;
        }
    }

    function _item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }
}
