// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NO_RESERVE, Terms} from "../../src/Terms.sol";
import {Voting} from "../../src/Voting.sol";
import {Market} from "./Market.sol";
import {VM} from "./Vm.sol";

/// @dev Forge's switch for gas: a test has no more of it than a block.
interface Meter {
    function pauseGasMetering() external;
    function resumeGasMetering() external;
}

/// @title A market whose tests are about votes: datasets of any size, and what became of an answer
abstract contract Polls is Market {
    /// @notice Let the body cost nothing.
    modifier free() {
        Meter(address(VM)).pauseGasMetering();
        _;
        Meter(address(VM)).resumeGasMetering();
    }

    /// @notice Terms over `count` new assets of alice's, the one at position `p` of `p + 1` samples.
    function wideTerms(uint256 count) internal free returns (Terms memory terms) {
        terms = baseTerms();
        terms.assets = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            terms.assets[i] = offer(owners[0], uint32(i + 1), NO_RESERVE);
        }
    }

    /// @notice The positions from `first` to before `end`.
    function seats(uint256 first, uint256 end) internal pure returns (uint16[] memory list) {
        list = new uint16[](end - first);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = uint16(first + i);
        }
    }

    /// @notice Answer directly for one position, for the last time.
    function voteLast(Terms memory terms, Account memory voter, uint16 position, uint8 choice) internal {
        vm.prank(voter.addr);
        jobs.vote(terms, seat(position), choice, true);
    }

    function delegate(Account memory from, Account memory to) internal {
        vm.prank(from.addr);
        catalog.delegate(to.addr);
    }

    /// @notice Transfer an asset of its first owner.
    function sell(uint256 position, address to) internal {
        vm.prank(owners[position].addr);
        catalog.transferFrom(owners[position].addr, to, assets[position]);
    }

    /// @notice Sign whatever a ballot may say, in a domain of one's choice.
    function signIn(Account memory voter, bytes32 domain, bytes32 inner)
        internal
        pure
        returns (bytes32 r, bytes32 vs)
    {
        uint8 v;
        bytes32 s;
        (v, r, s) = vm.sign(voter.key, keccak256(abi.encodePacked("\x19\x01", domain, inner)));
        vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
    }

    /// @notice The next call is refused because of a ballot.
    function expectRefused(Voting.Skipped reason) internal {
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, reason));
    }

    /// @notice The next call skips an answer.
    function expectSkipped(bytes32 round, uint256 index, Voting.Skipped reason) internal {
        vm.expectEmit(address(jobs));
        emit Voting.BallotSkipped(round, index, reason);
    }

    function checkAnswer(bytes32 round, uint256 position, uint8 choice, bool own, uint8 nonce) internal view {
        (uint8 choice_, bool own_, uint8 nonce_) = jobs.answerOf(round, position);
        assertEq(choice_, choice, "choice");
        assertEq(own_, own, "own");
        assertEq(nonce_, nonce, "nonce");
    }
}
