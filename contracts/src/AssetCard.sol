// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title What a wallet shows of an asset: ERC-721 metadata, made on chain
/// @notice Nobody needs to serve it, and it says what the register says now.
library AssetCard {
    using Strings for uint256;

    /// @notice Return the card as a data URI of JSON.
    /// @param samples how many images; 0 for a model asset
    /// @param region two capital letters
    function uri(uint256 asset, uint256 samples, bytes2 region, string memory state)
        internal
        pure
        returns (string memory)
    {
        string memory kind = samples == 0 ? "model" : "data";
        bytes memory card = abi.encodePacked(
            '{"name":"ViSDM ',
            kind,
            " asset ",
            asset.toString(),
            '","description":"Images or a model, rented for computing and never handed over.",',
            '"attributes":[{"trait_type":"kind","value":"',
            kind,
            '"},{"trait_type":"samples","display_type":"number","value":',
            samples.toString(),
            '},{"trait_type":"region","value":"',
            region,
            '"},{"trait_type":"state","value":"',
            state,
            '"}]}'
        );
        return string.concat("data:application/json;base64,", Base64.encode(card));
    }
}
