// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Assertions} from "./Assertions.sol";
import {VM, Vm} from "./Vm.sol";

/// @title What every test contract inherits
/// @notice Forge runs `setUp` and then each public function whose name starts with `test` (with
/// random arguments if it takes any) or `invariant` (after random calls of the targets).
abstract contract Test is Assertions {
    /// @dev Some functions of a contract, in the shape that forge expects.
    struct Selectors {
        address target;
        bytes4[] selectors;
    }

    /// @dev An account whose key the test knows.
    struct Account {
        address addr;
        uint256 key;
    }

    /// @notice The most gas that a transaction may have since EIP-7825.
    uint256 internal constant TRANSACTION_GAS = 16_777_216;

    Vm internal constant vm = VM;

    address[] private _targets;
    Selectors[] private _selectors;
    address[] private _senders;
    address[] private _notSenders;

    // --- inputs

    /// @notice Bring a random number into a range, with the ends more often than by chance.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: the range is empty");
        if (x >= low && x <= high) return x;
        uint256 size = high - low + 1; // not 0: over the whole range x was inside
        if (x <= 3 && size > x) return low + x;
        if (x >= type(uint256).max - 3 && size > type(uint256).max - x) return high - (type(uint256).max - x);
        return low + x % size;
    }

    /// @notice Make an account from a name that traces show.
    function makeAccount(string memory name) internal returns (Account memory account) {
        account.key = uint256(keccak256(bytes(name)));
        account.addr = vm.addr(account.key);
        vm.label(account.addr, name);
    }

    function makeAddr(string memory name) internal returns (address) {
        return makeAccount(name).addr;
    }

    /// @notice Sign as the contracts take it: r, s, v in 65 bytes.
    function sign(Account memory account, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(account.key, digest);
        return abi.encodePacked(r, s, v);
    }

    // --- invariants: call these in `setUp`. Without them forge calls whatever `setUp` deployed.

    /// @notice Call all of this contract's functions.
    function targetContract(address target) internal {
        _targets.push(target);
    }

    /// @notice Call only these functions of a contract; it must be a target too.
    function targetSelectors(address target, bytes4[] memory selectors) internal {
        _selectors.push(Selectors(target, selectors));
    }

    /// @notice Call only from these accounts.
    function targetSender(address sender) internal {
        _senders.push(sender);
    }

    /// @notice Never call from this account.
    function excludeSender(address sender) internal {
        _notSenders.push(sender);
    }

    // --- what forge asks for, under the names that it asks by

    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    function targetSelectors() public view returns (Selectors[] memory) {
        return _selectors;
    }

    function targetSenders() public view returns (address[] memory) {
        return _senders;
    }

    function excludeSenders() public view returns (address[] memory) {
        return _notSenders;
    }
}
