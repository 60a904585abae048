// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Permissions} from "../src/Permissions.sol";
import {Task, Terms} from "../src/Terms.sol";
import {Crowd} from "./base/Crowd.sol";

/// @notice What a large dataset costs whose owners all allow something of their own: each step must
/// fit into a transaction, and a refund, on which money waits, cost less than the funding before it.
contract PermissionsSizeTest is Crowd {
    uint256 private constant MANY = 1_280;

    function test_a_large_dataset_of_budgets_is_closed_funded_and_refunded_as_shipped() public unmetered {
        Terms memory terms = _largest(Permissions.Allows.Private);
        uint256 funding = _play(terms);
        (,,, uint32 spent) = catalog.permissionOf(terms.assets[0]);
        assertEq(spent, 4_000);
        vm.warp(terms.settleBy + 1);
        uint256 refunding = measure(consumer.addr, abi.encodeCall(jobs.refund, (terms, consumer.addr)));
        emit GasOf("refund, budgets", MANY, refunding);
        assertLt(refunding, funding);
        (,,, spent) = catalog.permissionOf(terms.assets[0]);
        assertEq(spent, 0);
    }

    function test_a_large_dataset_of_lists_is_closed_and_funded_as_shipped() public unmetered {
        _play(_largest(Permissions.Allows.Listed));
    }

    function _play(Terms memory terms) private returns (uint256 funding) {
        open(terms);
        vm.warp(terms.voteBy + 1);
        approve();
        transact(consumer.addr, "close", MANY, abi.encodeCall(jobs.close, (terms)));
        funding = measure(consumer.addr, abi.encodeCall(jobs.fund, (terms)));
        emit GasOf("fund", MANY, funding);
        assertLe(funding, TRANSACTION_GAS);
    }

    function _largest(Permissions.Allows allows) private returns (Terms memory terms) {
        vm.warp(START);
        terms = crowd(MANY, Task.Train);
        vm.prank(consumer.addr);
        terms.model = catalog.registerModel(EU, Permissions.Regime.Private, 4_000, CID, CID);
        vm.prank(provider.addr);
        catalog.describe(terms.model, CID);
        bool limited = allows == Permissions.Allows.Private;
        string[] memory models = new string[](limited ? 0 : 1);
        if (!limited) models[0] = CID;
        for (uint256 i = 0; i < terms.assets.length; ++i) {
            vm.prank(ownerAt(i).addr);
            catalog.allow(terms.assets[i], allows, limited ? 4_000 : 0, limited ? 9_000 : 0, models);
        }
    }
}
