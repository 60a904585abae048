// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Play money for local chains
/// @notice Six decimals, as the tokens that people pay with.
contract DevToken is ERC20, ERC20Permit {
    constructor(uint256 supply) ERC20("ViSDM play money", "PLAY") ERC20Permit("ViSDM play money") {
        _mint(msg.sender, supply);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
