// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VM} from "./Vm.sol";

/// @title Assertions under the names that every Solidity test uses
/// @notice Forge compares, and shows both sides when they differ; `why` is printed before them.
abstract contract Assertions {
    function assertTrue(bool condition) internal pure {
        VM.assertTrue(condition, "");
    }

    function assertTrue(bool condition, string memory why) internal pure {
        VM.assertTrue(condition, why);
    }

    function assertFalse(bool condition) internal pure {
        VM.assertTrue(!condition, "");
    }

    function assertFalse(bool condition, string memory why) internal pure {
        VM.assertTrue(!condition, why);
    }

    function assertEq(bool left, bool right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(bool left, bool right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(uint256 left, uint256 right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(int256 left, int256 right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(int256 left, int256 right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(address left, address right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(address left, address right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(bytes32 left, bytes32 right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(bytes32 left, bytes32 right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(string memory left, string memory right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(string memory left, string memory right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(bytes memory left, bytes memory right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(bytes memory left, bytes memory right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(uint256[] memory left, uint256[] memory right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(uint256[] memory left, uint256[] memory right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(address[] memory left, address[] memory right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(address[] memory left, address[] memory right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertEq(bytes32[] memory left, bytes32[] memory right) internal pure {
        VM.assertEq(left, right, "");
    }

    function assertEq(bytes32[] memory left, bytes32[] memory right, string memory why) internal pure {
        VM.assertEq(left, right, why);
    }

    function assertNotEq(uint256 left, uint256 right) internal pure {
        VM.assertNotEq(left, right, "");
    }

    function assertNotEq(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertNotEq(left, right, why);
    }

    function assertNotEq(address left, address right) internal pure {
        VM.assertNotEq(left, right, "");
    }

    function assertNotEq(address left, address right, string memory why) internal pure {
        VM.assertNotEq(left, right, why);
    }

    function assertNotEq(bytes32 left, bytes32 right) internal pure {
        VM.assertNotEq(left, right, "");
    }

    function assertNotEq(bytes32 left, bytes32 right, string memory why) internal pure {
        VM.assertNotEq(left, right, why);
    }

    function assertLt(uint256 left, uint256 right) internal pure {
        VM.assertLt(left, right, "");
    }

    function assertLt(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertLt(left, right, why);
    }

    function assertLe(uint256 left, uint256 right) internal pure {
        VM.assertLe(left, right, "");
    }

    function assertLe(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertLe(left, right, why);
    }

    function assertGt(uint256 left, uint256 right) internal pure {
        VM.assertGt(left, right, "");
    }

    function assertGt(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertGt(left, right, why);
    }

    function assertGe(uint256 left, uint256 right) internal pure {
        VM.assertGe(left, right, "");
    }

    function assertGe(uint256 left, uint256 right, string memory why) internal pure {
        VM.assertGe(left, right, why);
    }
}
