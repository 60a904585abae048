// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Task, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice A round's id is the hash of its terms: one encoding of them, on one chain, in one contract.
contract RoundsIdTest is Market {
    uint256 private constant HEAD = 16; // words: where the terms begin, and their fifteen fields

    function test_an_id_is_the_hash_of_chain_contract_and_terms(
        address account,
        uint256[3] memory words,
        uint24 by,
        uint256[] memory ids,
        uint80[] memory ladder,
        uint64 seed,
        uint16[2] memory shares,
        uint48 least,
        uint96 cap,
        uint40[3] memory ends
    ) public {
        vm.chainId(1 + (words[2] >> 200)); // a chain's number has at most 64 bits
        Terms memory terms = Terms(
            account,
            words[0],
            by,
            ids,
            ladder,
            Task(words[2] & 1),
            bytes32(words[1]),
            seed,
            shares[0],
            shares[1],
            least,
            cap,
            ends[0],
            ends[1],
            ends[2]
        );
        assertEq(jobs.idOf(terms), keccak256(abi.encode(block.chainid, address(jobs), terms)));
    }

    function test_the_same_terms_are_another_round_elsewhere() public {
        Terms memory terms = baseTerms();
        bytes32 here = open(terms);
        vm.chainId(block.chainid + 1);
        assertNotEq(jobs.idOf(terms), here);
        vm.expectRevert(abi.encodeWithSelector(Voting.UnknownRound.selector, jobs.idOf(terms)));
        vote(terms, owners[0], 0, 1);
    }

    function test_arrays_in_another_order_are_refused_by_every_call() public {
        Terms memory terms = baseTerms();
        bytes memory plain = abi.encode(terms);
        bytes memory head = _head(plain);
        _set(head, 4, 0x1e0 + 32 * (terms.ladder.length + 1));
        _set(head, 5, 0x1e0);
        _checkRefused(
            terms,
            abi.encodePacked(head, terms.ladder.length, terms.ladder, terms.assets.length, terms.assets)
        );
    }

    function test_a_gap_before_the_arrays_is_refused_by_every_call() public {
        Terms memory terms = baseTerms();
        bytes memory head = _head(abi.encode(terms));
        _set(head, 4, 0x1e0 + 32);
        _set(head, 5, 0x1e0 + 32 * 7);
        _checkRefused(
            terms,
            abi.encodePacked(
                head, uint256(0), terms.assets.length, terms.assets, terms.ladder.length, terms.ladder
            )
        );
    }

    function test_a_gap_between_the_arrays_is_refused_by_every_call() public {
        Terms memory terms = baseTerms();
        bytes memory head = _head(abi.encode(terms));
        _set(head, 5, 0x1e0 + 32 * 7);
        _checkRefused(
            terms,
            abi.encodePacked(
                head, terms.assets.length, terms.assets, uint256(0), terms.ladder.length, terms.ladder
            )
        );
    }

    function test_arrays_that_overlap_are_refused_by_every_call() public {
        Terms memory terms = baseTerms();
        for (uint256 i = 0; i < 5; ++i) {
            terms.assets[i] = i + 1;
        }
        bytes memory head = _head(abi.encode(terms));
        _set(head, 5, 0x1e0); // the same five numbers are dataset and ladder
        _checkRefused(terms, abi.encodePacked(head, terms.assets.length, terms.assets));
    }

    function test_terms_that_begin_elsewhere_in_the_calldata_are_the_same() public {
        bytes memory plain = abi.encode(baseTerms());
        bytes32 round = jobs.idOf(baseTerms());
        bytes memory moved = abi.encodePacked(jobs.open.selector, uint256(0x40), uint256(0));
        for (uint256 i = 32; i < plain.length; ++i) {
            moved = abi.encodePacked(moved, plain[i]);
        }
        vm.prank(consumer.addr);
        (bool done, bytes memory answer) = address(jobs).call(abi.encodePacked(moved, "what follows is not read"));
        assertTrue(done);
        assertEq(abi.decode(answer, (bytes32)), round);
    }

    function test_a_field_wider_than_its_type_is_refused(uint256 dirt) public {
        Terms memory terms = baseTerms();
        // By the word of the head: consumer, provider, task, seed and all after it.
        uint8[11] memory fields = [1, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        uint8[11] memory bits = [160, 24, 1, 64, 16, 16, 48, 96, 40, 40, 40];
        for (uint256 i = 0; i < 11; ++i) {
            bytes memory bad = abi.encode(terms);
            uint256 high = bound(dirt, 1, (1 << (256 - bits[i])) - 1) << bits[i];
            _set(bad, fields[i], _get(bad, fields[i]) | high);
            vm.prank(consumer.addr);
            (bool done,) = address(jobs).call(abi.encodePacked(jobs.open.selector, bad));
            assertFalse(done, vm.toString(fields[i]));
        }
        open(terms);
    }

    function test_a_step_wider_than_its_type_is_refused() public {
        Terms memory terms = baseTerms();
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory bad = abi.encode(terms);
            uint256 index = HEAD + 7 + i; // behind two lengths and five assets
            assertEq(_get(bad, index), terms.ladder[i]);
            _set(bad, index, _get(bad, index) | (1 << 80));
            vm.prank(consumer.addr);
            (bool done,) = address(jobs).call(abi.encodePacked(jobs.open.selector, bad));
            assertFalse(done);
        }
    }

    /// @dev Call all that takes terms with an encoding of them.
    function _checkRefused(Terms memory terms, bytes memory encoded) private {
        // The encoding means these terms: a decoder that is not strict gives them back.
        assertEq(abi.encode(abi.decode(encoded, (Terms)).assets), abi.encode(terms.assets));
        bytes memory inner = new bytes(encoded.length - 32);
        for (uint256 i = 0; i < inner.length; ++i) {
            inner[i] = encoded[i + 32];
        }
        uint256 size = inner.length;
        bytes memory nothing = abi.encode(uint256(0));
        _refused(abi.encodePacked(jobs.idOf.selector, encoded));
        _refused(abi.encodePacked(jobs.open.selector, encoded));
        _refused(abi.encodePacked(jobs.close.selector, encoded));
        _refused(
            abi.encodePacked(jobs.vote.selector, abi.encode(0x80, 0x80 + size, 1, false), inner, nothing)
        );
        _refused(abi.encodePacked(jobs.submit.selector, abi.encode(0x40, 0x40 + size), inner, nothing));
        _refused(
            abi.encodePacked(
                jobs.submitFor.selector,
                abi.encode(owners[0].addr, 0x120, [0, 1, 1, 1, 0, 0], 0x120 + size),
                inner,
                nothing
            )
        );
    }

    function _refused(bytes memory data) private {
        vm.prank(consumer.addr);
        (bool done, bytes memory answer) = address(jobs).call(data);
        assertFalse(done);
        assertEq(answer, abi.encodeWithSelector(Voting.BadEncoding.selector));
    }

    function _head(bytes memory plain) private pure returns (bytes memory head) {
        head = new bytes(32 * HEAD);
        for (uint256 i = 0; i < HEAD; ++i) {
            _set(head, i, _get(plain, i));
        }
    }

    function _get(bytes memory data, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), mul(index, 0x20)))
        }
    }

    function _set(bytes memory data, uint256 index, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), mul(index, 0x20)), word)
        }
    }
}
