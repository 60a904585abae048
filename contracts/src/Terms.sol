// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

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
    uint32 provider;
    uint256[] assets;
    uint96[] ladder;
    Task task;
    bytes32 method;
    uint64 seed;
    uint16 quorum;
    uint16 threshold;
    uint32 minSamples;
    uint96 feeCap;
    uint40 voteBy;
    uint40 fundBy;
    uint40 settleBy;
}
