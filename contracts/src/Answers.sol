// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title How a round lies in storage
/// @notice One word holds a round's state and its first answers, later its outcome and its first
/// members: a round of few assets costs one slot from opening to settlement.
/// @dev While a round is open each place of 16 bits holds an answer: choice (7 bits), whether the
/// owner itself gave it (1), nonce (8). Position `p` has place `p + 1`, sixteen places a word; place
/// 0 is the state. Once closed, word 0 is state (8 bits), samples (48), price per sample (80) and
/// the first 120 positions' membership; the others' follow, 256 to a word. Once settled, what the
/// consumer gets back (96 bits) takes the place of samples and price.
library Answers {
    uint256 internal constant CHOICE_MASK = 0x7f;
    uint256 internal constant OWN_FLAG = 0x80;
    uint256 internal constant NONCE_SHIFT = 8;

    /// @dev An owner's own answer, with the last nonce.
    uint256 private constant FINAL_MASK = 0xff80;

    uint256 private constant PLACES = 16;
    uint256 private constant ANSWER_BITS = 16;
    uint256 private constant STATE_MASK = 0xff;
    uint256 private constant SAMPLES_SHIFT = 8;
    uint256 private constant PRICE_SHIFT = 56;
    uint256 private constant CHANGE_SHIFT = 8;
    uint256 private constant MEMBERS_SHIFT = 136;
    uint256 private constant FIRST_MEMBERS = 120;

    /// @notice Return the answer at a position of an open round.
    function answerAt(mapping(uint256 word => uint256) storage words, uint256 position)
        internal
        view
        returns (uint256)
    {
        return pick(words[wordOf(position)], shiftOf(position));
    }

    /// @notice Return which word holds the answer at a position.
    /// @dev Positions are far below the size of a word.
    function wordOf(uint256 position) internal pure returns (uint256) {
        unchecked {
            return (position + 1) / PLACES;
        }
    }

    /// @notice Return where in its word the answer at a position begins.
    function shiftOf(uint256 position) internal pure returns (uint256) {
        unchecked {
            return ANSWER_BITS * ((position + 1) % PLACES);
        }
    }

    /// @notice Return the answer that begins at `shift` in a word.
    function pick(uint256 word, uint256 shift) internal pure returns (uint256) {
        return (word >> shift) & 0xffff;
    }

    /// @notice Return a word with another answer at `shift`.
    function placed(uint256 word, uint256 shift, uint256 answer) internal pure returns (uint256) {
        return (word & ~(uint256(0xffff) << shift)) | (answer << shift);
    }

    /// @notice Return an answer as it is written.
    function encode(uint256 choice, bool own, uint256 nonce) internal pure returns (uint256) {
        return choice | (own ? OWN_FLAG : 0) | (nonce << NONCE_SHIFT);
    }

    /// @notice Return whether an answer is its owner's last word.
    function isFinal(uint256 answer) internal pure returns (bool) {
        return answer & FINAL_MASK == FINAL_MASK;
    }

    /// @notice Return a word 0 in another state.
    function inState(uint256 word, uint256 state) internal pure returns (uint256) {
        return (word & ~STATE_MASK) | state;
    }

    /// @notice Return the state in a word 0.
    function stateOf(uint256 word) internal pure returns (uint256) {
        return word & STATE_MASK;
    }

    /// @notice Return samples and price per sample in the word 0 of a priced round.
    function outcome(uint256 word) internal pure returns (uint48 samples, uint80 unitPrice) {
        // Each field is cut out of the word at its own width.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint48(word >> SAMPLES_SHIFT), uint80(word >> PRICE_SHIFT));
    }

    /// @notice Return the word 0 of a settled round: in the place of the price, what the consumer gets
    /// back; its members stay, for a settlement that comes in parts.
    function settled(uint256 word, uint256 state, uint256 back) internal pure returns (uint256) {
        return ((word >> MEMBERS_SHIFT) << MEMBERS_SHIFT) | (back << CHANGE_SHIFT) | state;
    }

    /// @notice Return what the consumer gets back, from the word 0 of a settled round.
    function change(uint256 word) internal pure returns (uint96) {
        // As above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint96(word >> CHANGE_SHIFT);
    }

    /// @notice Write the outcome and who is in the dataset: whose choice is a step up to `step`.
    /// The answers must have been cleared.
    function conclude(
        mapping(uint256 word => uint256) storage words,
        uint256 state,
        uint256 samples,
        uint256 unitPrice,
        bytes memory choices,
        uint256 step
    ) internal {
        uint256 word = state | (samples << SAMPLES_SHIFT) | (unitPrice << PRICE_SHIFT);
        uint256 index;
        uint256 bit = MEMBERS_SHIFT;
        for (uint256 i = 0; i < choices.length; ++i) {
            if (bit == 256) {
                words[index++] = word;
                (word, bit) = (0, 0);
            }
            uint8 choice = uint8(choices[i]);
            // One bit, moved to its place.
            // forge-lint: disable-next-line(incorrect-shift)
            if (choice != 0 && choice <= step) word |= 1 << bit;
            ++bit;
        }
        words[index] = word;
    }

    /// @notice Return for each of `count` positions of a priced round whether it is in the dataset.
    function members(mapping(uint256 word => uint256) storage words, uint256 count)
        internal
        view
        returns (bool[] memory found)
    {
        found = new bool[](count);
        uint256 index;
        uint256 word = words[0] >> MEMBERS_SHIFT;
        uint256 end = FIRST_MEMBERS;
        for (uint256 i = 0; i < count; ++i) {
            if (i == end) {
                word = words[++index];
                end += 256;
            }
            found[i] = word & 1 == 1;
            word >>= 1;
        }
    }
}
