// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {NO_RESERVE, Terms} from "../../src/Terms.sol";
import {EvilToken} from "../EvilTokens.sol";
import {Crowd} from "./Crowd.sol";

/// @title The cast of `Market` in markets over other tokens
abstract contract TokenMarket is Crowd {
    uint256 internal constant DUE = 14_000 + FEE_CAP;

    EvilToken internal evil;

    function setUp() public virtual override {
        super.setUp();
        evil = new EvilToken();
    }

    function market(address money) internal {
        deployMarket(IERC20(money));
        cast();
    }

    /// @dev The cast of `Market`, in a market made anew.
    function cast() internal {
        vm.prank(provider.addr);
        catalog.announce("EU", 5);
        uint32[5] memory samples = [uint32(100), 200, 300, 400, 150];
        for (uint256 i = 0; i < 5; ++i) {
            assets[i] = offer(owners[i], samples[i], i == 3 ? 20 : NO_RESERVE);
        }
        model = offerModel(consumer);
    }

    function priced() internal returns (Terms memory terms) {
        terms = baseTerms();
        priceRound(terms);
    }

    function fundOver(IERC20 money, Terms memory terms) internal {
        vm.startPrank(terms.consumer);
        (bool done,) = address(money).call(abi.encodeCall(IERC20.approve, (address(jobs), type(uint256).max)));
        assertTrue(done);
        jobs.fund(terms);
        vm.stopPrank();
    }

    /// @dev A job of 14,000 with a fee of 3,500, settled; all tokens here mint alike.
    function settledOver(address money) internal returns (Terms memory terms) {
        market(money);
        EvilToken(money).mint(consumer.addr, 1e9);
        terms = priced();
        fundOver(IERC20(money), terms);
        settle(terms, baseShares(), 3_500);
    }

    function take(Account memory account, uint256 place, address to) internal returns (uint256) {
        vm.prank(account.addr);
        return jobs.withdraw(one(assets[place]), to);
    }

}
