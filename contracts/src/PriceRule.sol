// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The weighted quantile that finds a price, and the split that pays it out
/// @notice Pure rules, with the same words and vectors as `visdm.domain` (docs/adr/0003, 0006).
library PriceRule {
    /// @notice A job's shares sum to exactly this.
    uint256 internal constant WHOLE = 1e9;

    uint256 private constant BASIS = 10_000;

    /// @notice Return the lowest step that at least `threshold` basis points of the weight accept
    /// which named a step, and the weight that accepts it; step 0 where nobody named one.
    /// @param weights by step, from 1; what stands at 0 is not read
    function lowestStep(uint256[] memory weights, uint256 threshold)
        internal
        pure
        returns (uint256 step, uint256 accepted)
    {
        uint256 willing;
        for (uint256 i = 1; i < weights.length; ++i) {
            willing += weights[i];
        }
        if (willing == 0) return (0, 0);
        while (accepted == 0 || accepted * BASIS < threshold * willing) {
            accepted += weights[++step];
        }
    }

    /// @notice Return whether a share of `quorum` basis points of the electorate answered.
    function isQuorate(uint256 answered, uint256 electorate, uint256 quorum) internal pure returns (bool) {
        return answered * BASIS >= quorum * electorate;
    }

    /// @notice Return the lowest step that pays at least `reserve`, from 1; 0 where none does.
    function stepFor(uint256 reserve, uint80[] calldata ladder) internal pure returns (uint256) {
        for (uint256 i = 0; i < ladder.length; ++i) {
            if (ladder[i] >= reserve) return i + 1;
        }
        return 0;
    }

    /// @notice Return what the shares up to a position, which sum to `running`, are worth together.
    /// @dev A reward is the difference of two of these: rewards sum to the price exactly, in one
    /// pass, whole or in parts.
    function upTo(uint256 price, uint256 running) internal pure returns (uint256) {
        return (price * running) / WHOLE;
    }

    /// @notice Return equal shares for the members, the first ones taking the odd units.
    function equal(bool[] memory members) internal pure returns (uint32[] memory shares) {
        shares = new uint32[](members.length);
        uint256 count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i]) ++count;
        }
        if (count == 0) return shares;
        uint256 odd = WHOLE % count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (!members[i]) continue;
            // At most WHOLE.
            // forge-lint: disable-next-line(unsafe-typecast)
            shares[i] = uint32(WHOLE / count);
            if (odd == 0) continue;
            ++shares[i];
            --odd;
        }
    }
}
