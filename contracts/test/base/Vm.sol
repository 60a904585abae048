// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The cheatcodes of forge that our tests use
/// @notice A call to `VM` is answered by forge itself. One that is missing here may be added in
/// the words of forge's documentation; forge-std is not on npm, hence a list of our own.
interface Vm {
    /// @notice A recorded event. `topics[0]` is the hash of its signature.
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// @notice What a call cost.
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    // --- who calls, when and on what state

    /// @notice The next call comes from `sender`. A call in its arguments counts as the next one.
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function roll(uint256 blockNumber) external;
    function chainId(uint256 id) external;
    function store(address target, bytes32 slot, bytes32 value) external;
    function load(address target, bytes32 slot) external view returns (bytes32 value);
    function etch(address target, bytes calldata code) external;
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool done);
    /// @notice What is read is cold again, as for a transaction of its own.
    function cool(address target) external;

    // --- what the next call must do

    function expectRevert() external;
    /// @notice With this error, without arguments.
    function expectRevert(bytes4 selector) external;
    /// @notice With exactly this: `abi.encodeWithSelector(Error.selector, arguments)`.
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes calldata data, address reverter) external;
    /// @notice With this error, whatever its arguments.
    function expectPartialRevert(bytes4 selector) external;
    /// @notice The event that the test emits next, all of it.
    function expectEmit() external;
    function expectEmit(address emitter) external;
    /// @notice The same, comparing only the topics and data that are asked for.
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function expectCall(address callee, bytes calldata data) external;
    function expectCall(address callee, bytes calldata data, uint64 count) external;
    function mockCall(address callee, bytes calldata data, bytes calldata returned) external;
    function mockCallRevert(address callee, bytes calldata data, bytes calldata reverted) external;
    function clearMockedCalls() external;
    function record() external;
    function accesses(address target) external returns (bytes32[] memory read, bytes32[] memory written);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory logs);

    // --- inputs

    /// @notice Leave out the inputs for which this is false.
    function assume(bool condition) external pure;
    function addr(uint256 key) external pure returns (address account);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    /// @notice Hash of EIP-712 data given as JSON: types, primaryType, domain and message.
    function eip712HashTypedData(string calldata json) external pure returns (bytes32 digest);
    function label(address account, string calldata name) external;
    function toString(uint256 value) external pure returns (string memory text);
    function toString(address value) external pure returns (string memory text);
    function toString(bytes32 value) external pure returns (string memory text);
    function toString(bytes calldata value) external pure returns (string memory text);

    // --- files, where fs_permissions of foundry.toml allows it; paths from the repository's root

    function readFile(string calldata path) external view returns (string memory text);
    /// @notice Bytecode from an artifact: "Catalog.sol:Catalog", or a path to a JSON file.
    function getCode(string calldata artifact) external view returns (bytes memory creation);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool there);
    function parseJson(string calldata json, string calldata key) external pure returns (bytes memory encoded);
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory keys);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256 value);
    function parseJsonUintArray(string calldata json, string calldata key)
        external
        pure
        returns (uint256[] memory values);
    function parseJsonInt(string calldata json, string calldata key) external pure returns (int256 value);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool value);
    function parseJsonBoolArray(string calldata json, string calldata key)
        external
        pure
        returns (bool[] memory values);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address value);
    function parseJsonAddressArray(string calldata json, string calldata key)
        external
        pure
        returns (address[] memory values);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory value);
    function parseJsonBytesArray(string calldata json, string calldata key)
        external
        pure
        returns (bytes[] memory values);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32 value);
    function parseJsonBytes32Array(string calldata json, string calldata key)
        external
        pure
        returns (bytes32[] memory values);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory text);
    function parseJsonStringArray(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory texts);
    /// @notice Decode with a type as EIP-712 writes it: "Vote(address voter,uint96 reserve)".
    function parseJsonType(string calldata json, string calldata key, string calldata description)
        external
        pure
        returns (bytes memory encoded);
    function parseJsonTypeArray(string calldata json, string calldata key, string calldata description)
        external
        pure
        returns (bytes memory encoded);

    // --- gas, kept in the snapshot files that `make test` compares

    function lastCallGas() external view returns (Gas memory gas);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256 used);

    // --- assertions: forge shows both sides when they fail

    function assertTrue(bool condition, string calldata why) external pure;
    function assertEq(bool left, bool right, string calldata why) external pure;
    function assertEq(uint256 left, uint256 right, string calldata why) external pure;
    function assertEq(int256 left, int256 right, string calldata why) external pure;
    function assertEq(address left, address right, string calldata why) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata why) external pure;
    function assertEq(string calldata left, string calldata right, string calldata why) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata why) external pure;
    function assertEq(uint256[] calldata left, uint256[] calldata right, string calldata why) external pure;
    function assertEq(address[] calldata left, address[] calldata right, string calldata why) external pure;
    function assertEq(bytes32[] calldata left, bytes32[] calldata right, string calldata why) external pure;
    function assertNotEq(uint256 left, uint256 right, string calldata why) external pure;
    function assertNotEq(address left, address right, string calldata why) external pure;
    function assertNotEq(bytes32 left, bytes32 right, string calldata why) external pure;
    function assertLt(uint256 left, uint256 right, string calldata why) external pure;
    function assertLe(uint256 left, uint256 right, string calldata why) external pure;
    function assertGt(uint256 left, uint256 right, string calldata why) external pure;
    function assertGe(uint256 left, uint256 right, string calldata why) external pure;
}

/// @dev Where forge (and halmos) answer: the address is keccak256("hevm cheat code").
Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
