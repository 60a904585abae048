// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token as USDT is on mainnet: its calls return nothing, and it knows no permit.
contract MuteToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    error Refused();

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, Refused());
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        require(allowance[from][msg.sender] >= value, Refused());
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        require(balanceOf[from] >= value, Refused());
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// @notice A token that whoever runs it may pause, or take away from all holders alike.
contract MoodyToken is ERC20 {
    bool public paused;

    /// @notice How many basis points of what was minted there still are.
    uint256 public left = 10_000;

    error Paused();

    constructor() ERC20("Moody token", "MOOD") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function pause(bool paused_) external {
        paused = paused_;
    }

    function shrink(uint256 left_) external {
        left = left_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return (super.balanceOf(account) * left) / 10_000;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!paused, Paused());
        super._update(from, to, (value * 10_000) / left);
    }
}

/// @notice A token that answers any call it does not know, a permit too, as WETH does.
contract YesToken is ERC20 {
    constructor() ERC20("Yes token", "YES") {}

    fallback() external {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
