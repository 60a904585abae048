// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev The reserve of an owner who sets none: it is never met.
uint80 constant NO_RESERVE = type(uint80).max;

/// @dev The choice that accepts no step.
uint8 constant REJECT = 127;

/// @notice What the consumer wants computed.
enum Task {
    Train,
    Test
}

/// @notice All that owners are asked to consent to.
/// @dev Contracts keep only the hash, which is the round's id; every call brings the terms along.
/// `ladder` and `feeCap` are in token units, the ladder per sample and ascending; `assets`
/// ascend; `quorum` and `threshold` are basis points of weight; `voteBy`, `fundBy`, `settleBy`
/// are the last seconds of their phases.
struct Terms {
    address consumer;
    uint256 model;
    uint24 provider;
    uint256[] assets;
    uint80[] ladder;
    Task task;
    bytes32 method;
    uint64 seed;
    uint16 quorum;
    uint16 threshold;
    uint48 minSamples;
    uint96 feeCap;
    uint40 voteBy;
    uint40 fundBy;
    uint40 settleBy;
}
