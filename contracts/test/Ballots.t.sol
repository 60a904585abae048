// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Jobs} from "../src/Jobs.sol";
import {Task, Terms} from "../src/Terms.sol";
import {Market} from "./base/Market.sol";

/// @notice Round ids and ballots against the vectors that Python reads too.
contract BallotsTest is Market {
    function test_ids_digests_and_signers_are_those_of_every_vector_of_ballots() public {
        string memory json = vm.readFile("tests/vectors/ballots.json");
        bytes memory code = address(jobs).code;
        uint256 count;
        for (; vm.keyExistsJson(json, _item(".vectors", count)); ++count) {
            string memory path = _item(".vectors", count);
            Jobs there = Jobs(vm.parseJsonAddress(json, string.concat(path, ".contract")));
            vm.chainId(vm.parseJsonUint(json, string.concat(path, ".chain_id")));
            vm.etch(address(there), code);
            bytes32 round = there.idOf(_terms(json, string.concat(path, ".terms")));
            assertEq(round, vm.parseJsonBytes32(json, string.concat(path, ".round")), path);
            _checkBallots(json, path, there, round);
        }
        assertGe(count, 5);
    }

    function _checkBallots(string memory json, string memory path, Jobs there, bytes32 round) private view {
        uint256[] memory assets = vm.parseJsonUintArray(json, string.concat(path, ".terms.assets"));
        for (uint256 i = 0; vm.keyExistsJson(json, _item(string.concat(path, ".ballots"), i)); ++i) {
            string memory ballot = _item(string.concat(path, ".ballots"), i);
            bytes32 digest = there.ballotDigest(
                round,
                assets[_uint(json, ballot, ".position")],
                uint8(_uint(json, ballot, ".choice")),
                uint8(_uint(json, ballot, ".nonce")),
                uint40(_uint(json, ballot, ".deadline"))
            );
            assertEq(digest, vm.parseJsonBytes32(json, string.concat(ballot, ".digest")), ballot);
            assertEq(
                ECDSA.recover(digest, _word(json, ballot, ".r"), _word(json, ballot, ".vs")),
                vm.parseJsonAddress(json, string.concat(ballot, ".voter")),
                ballot
            );
        }
    }

    function _terms(string memory json, string memory path) private pure returns (Terms memory terms) {
        terms.consumer = vm.parseJsonAddress(json, string.concat(path, ".consumer"));
        terms.model = _uint(json, path, ".model");
        terms.provider = uint24(_uint(json, path, ".provider"));
        terms.assets = vm.parseJsonUintArray(json, string.concat(path, ".assets"));
        uint256[] memory ladder = vm.parseJsonUintArray(json, string.concat(path, ".ladder"));
        terms.ladder = new uint80[](ladder.length);
        for (uint256 i = 0; i < ladder.length; ++i) {
            terms.ladder[i] = uint80(ladder[i]);
        }
        terms.task = Task(_uint(json, path, ".task"));
        terms.method = _word(json, path, ".method");
        terms.seed = uint64(_uint(json, path, ".seed"));
        terms.quorum = uint16(_uint(json, path, ".quorum"));
        terms.threshold = uint16(_uint(json, path, ".threshold"));
        terms.minSamples = uint48(_uint(json, path, ".min_samples"));
        terms.feeCap = uint96(_uint(json, path, ".fee_cap"));
        terms.voteBy = uint40(_uint(json, path, ".vote_by"));
        terms.fundBy = uint40(_uint(json, path, ".fund_by"));
        terms.settleBy = uint40(_uint(json, path, ".settle_by"));
    }

    function _uint(string memory json, string memory path, string memory key) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(path, key));
    }

    function _word(string memory json, string memory path, string memory key) private pure returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(path, key));
    }

    function _item(string memory path, uint256 place) private pure returns (string memory) {
        return string.concat(path, "[", vm.toString(place), "]");
    }
}
