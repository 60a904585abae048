// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that turns on its holders when told to. Anybody makes money of it.
contract EvilToken is ERC20 {
    enum Trick {
        None,
        KeepPart, // a hundredth of whatever moves is gone
        SayFalse, // nothing moves, and false is the answer
        CallParties // both parties are called, before and after
    }

    Trick public trick;
    mapping(address account => bool) public blocked;

    error Blocked(address account);

    constructor() ERC20("Evil token", "EVIL") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function play(Trick trick_) external {
        trick = trick_;
    }

    /// @notice Pay `account` no more, or again.
    function blockPayee(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return trick != Trick.SayFalse && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return trick != Trick.SayFalse && super.transferFrom(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!blocked[to], Blocked(to));
        _call(from);
        _call(to);
        super._update(from, to, value);
        if (trick == Trick.KeepPart) super._update(to, address(0), value / 100);
        _call(from);
        _call(to);
    }

    function _call(address party) private {
        if (trick == Trick.CallParties && party.code.length != 0) {
            // Whoever does not know the call is left alone.
            (bool known,) = party.call(abi.encodeCall(Puppet.tokensMove, ()));
            known;
        }
    }
}

/// @notice An account that does as the test says, at once or when a token calls it.
contract Puppet {
    struct Reaction {
        address target;
        bytes data;
    }

    struct Outcome {
        bool succeeded;
        bytes answer;
    }

    Reaction[] private _reactions;
    Outcome[] private _outcomes;
    uint256 private _skipped;
    mapping(bytes32 digest => bool) private _approved;

    /// @notice Call now.
    function act(address target, bytes calldata data) external {
        (bool succeeded, bytes memory answer) = target.call(data);
        if (!succeeded) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @notice Call when a token does, once, after letting it call `skipped` times for nothing.
    function prepare(address target, bytes calldata data, uint256 skipped) external {
        _reactions.push(Reaction(target, data));
        _skipped = skipped;
    }

    function tokensMove() external {
        if (_skipped != 0) {
            --_skipped;
            return;
        }
        Reaction[] memory reactions = _reactions;
        delete _reactions;
        for (uint256 i = 0; i < reactions.length; ++i) {
            (bool succeeded, bytes memory answer) = reactions[i].target.call(reactions[i].data);
            _outcomes.push(Outcome(succeeded, answer));
        }
    }

    /// @notice Return what became of the prepared calls.
    function outcomes() external view returns (Outcome[] memory) {
        return _outcomes;
    }

    /// @notice Sign, as ERC-1271 knows it.
    function sign(bytes32 digest, bool approved) external {
        _approved[digest] = approved;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return _approved[digest] ? this.isValidSignature.selector : bytes4(0);
    }
}
