// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Catalog} from "../src/Catalog.sol";
import {Permissions} from "../src/Permissions.sol";
import {NO_RESERVE, Task} from "../src/Terms.sol";
import {Market} from "./base/Market.sol";

/// @notice What the register tells: to rounds, to wallets, and who speaks for whom.
contract CatalogViewsTest is Market {
    uint256 internal constant NOBODYS = 99;

    // --- lists

    function test_assets_come_in_the_order_asked_for_and_as_often() public view {
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (assets[3], assets[0], assets[3]);
        Catalog.Asset[] memory list = catalog.assetsOf(ids);
        assertEq(list.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(abi.encode(list[i]), abi.encode(catalog.assetOf(ids[i])));
        }
        assertEq(list[0].samples, 400);
        assertEq(catalog.assetsOf(new uint256[](0)).length, 0);
    }

    function test_what_was_never_registered_is_unknown() public {
        bytes memory reason = abi.encodeWithSelector(Catalog.UnknownAsset.selector, NOBODYS);
        vm.expectRevert(reason);
        catalog.assetOf(NOBODYS);
        vm.expectRevert(reason);
        catalog.assetsOf(one(NOBODYS));
        vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownAsset.selector, 0));
        catalog.assetOf(0);
    }

    function test_owners_come_in_order_with_zero_for_the_unknown() public view {
        uint256[] memory ids = new uint256[](4);
        (ids[0], ids[1], ids[2], ids[3]) = (model, NOBODYS, 0, assets[1]);
        address[] memory found = catalog.ownersOf(ids);
        assertEq(found.length, 4);
        assertEq(found[0], consumer.addr);
        assertEq(found[1], address(0));
        assertEq(found[2], address(0));
        assertEq(found[3], owners[1].addr);
    }

    // --- the electorate

    function test_the_electorate_is_what_this_provider_described_and_is_not_retired() public {
        uint256[] memory ids = new uint256[](8);
        (ids[0], ids[1], ids[2], ids[3]) = (assets[0], assets[1], assets[3], model);
        vm.startPrank(stranger.addr);
        ids[4] = catalog.registerData(EU, 11, 3, CID, CID); // not described
        ids[5] = catalog.registerData(EU, 12, 3, CID, CID); // refused
        ids[6] = catalog.registerData(US, 13, 3, CID, CID); // described by another
        ids[7] = NOBODYS;
        vm.stopPrank();
        vm.prank(provider.addr);
        catalog.refuse(ids[5], "no");
        vm.prank(rival.addr);
        catalog.describe(ids[6], CID);
        vm.prank(owners[1].addr);
        catalog.retire(assets[1]);
        (uint32[] memory samples, uint80[] memory reserves) = catalog.electorate(ids, EU, model, Task.Train);
        uint32[8] memory weights = [uint32(100), 0, 400, 0, 0, 0, 0, 0];
        for (uint256 i = 0; i < 8; ++i) {
            assertEq(samples[i], weights[i]);
            // A model has the reserve that none has; it weighs nothing.
            assertEq(reserves[i], i == 0 || i == 3 ? NO_RESERVE : (i == 2 ? 20 : 0));
        }
        (samples, reserves) = catalog.electorate(ids, US, model, Task.Train);
        for (uint256 i = 0; i < 8; ++i) {
            assertEq(samples[i], i == 6 ? 13 : 0);
            assertEq(reserves[i], i == 6 ? 3 : 0);
        }
    }

    /// @dev Described, undescribed, refused, another provider's, retired, unknown, a model: only the first
    /// weighs, and only under whom its owner itself named.
    function test_weights_under_a_delegate_are_those_of_the_electorate_that_named_it() public {
        uint256[] memory ids = new uint256[](9);
        (ids[0], ids[1], ids[2], ids[3]) = (assets[3], assets[0], model, assets[1]);
        vm.startPrank(owners[0].addr);
        ids[4] = catalog.registerData(EU, 11, 3, CID, CID); // not described
        ids[5] = catalog.registerData(EU, 12, 3, CID, CID); // refused
        ids[6] = catalog.registerData(US, 13, 3, CID, CID); // described by another
        ids[7] = catalog.registerData(EU, 14, 3, CID, CID); // retired
        ids[8] = NOBODYS;
        vm.stopPrank();
        vm.startPrank(provider.addr);
        catalog.refuse(ids[5], "no");
        catalog.describe(ids[7], CID);
        vm.stopPrank();
        vm.prank(rival.addr);
        catalog.describe(ids[6], CID);
        vm.prank(owners[0].addr);
        catalog.retire(ids[7]);
        _delegate(owners[0].addr, stranger.addr);
        _delegate(consumer.addr, stranger.addr);
        _delegate(owners[1].addr, owners[0].addr); // whose delegate is no delegate of this one
        _checkWeights(ids, EU, stranger.addr, 1, 100);
        _checkWeights(ids, US, stranger.addr, 6, 13);
        _checkWeights(ids, EU, owners[0].addr, 3, 200);
        _checkWeights(ids, EU, rival.addr, 0, 0);
        _checkWeights(ids, EU, address(0), 0, 400); // who named nobody
        assertEq(catalog.weightsUnder(new uint256[](0), EU, model, Task.Train, stranger.addr).length, 0);
        vm.prank(owners[3].addr);
        catalog.transferFrom(owners[3].addr, owners[1].addr, assets[3]);
        uint32[] memory found = catalog.weightsUnder(ids, EU, model, Task.Train, owners[0].addr);
        assertEq(found[0], 400);
        assertEq(found[3], 200);
    }

    function testFuzz_weights_under_a_delegate_are_the_electorates(uint8 named, uint8 retired) public {
        uint256[] memory ids = new uint256[](7);
        for (uint256 i = 0; i < 5; ++i) {
            ids[i] = assets[i];
            if (named >> i & 1 != 0) _delegate(owners[i].addr, stranger.addr);
            if (retired >> i & 1 == 0) continue;
            vm.prank(owners[i].addr);
            catalog.retire(ids[i]);
        }
        (ids[5], ids[6]) = (assets[2], NOBODYS); // one twice
        (uint32[] memory all,) = catalog.electorate(ids, EU, model, Task.Train);
        uint32[] memory found = catalog.weightsUnder(ids, EU, model, Task.Train, stranger.addr);
        uint32[] memory rest = catalog.weightsUnder(ids, EU, model, Task.Train, address(0));
        for (uint256 i = 0; i < 7; ++i) {
            bool under = i < 6 && named >> (i == 5 ? 2 : i) & 1 != 0;
            assertEq(found[i], under ? all[i] : 0);
            assertEq(uint256(found[i]) + rest[i], all[i]);
        }
    }

    function test_a_model_is_available_once_its_provider_described_it_and_until_it_is_retired() public {
        vm.prank(stranger.addr);
        uint256 fresh = catalog.registerModel(EU, Permissions.Regime.Loop, 0, CID, CID);
        _checkModel(fresh, EU, false, stranger.addr);
        vm.prank(provider.addr);
        catalog.describe(fresh, CID);
        _checkModel(fresh, EU, true, stranger.addr);
        _checkModel(fresh, US, false, stranger.addr);
        vm.prank(stranger.addr);
        catalog.transferFrom(stranger.addr, consumer.addr, fresh);
        _checkModel(fresh, EU, true, consumer.addr);
        vm.prank(consumer.addr);
        catalog.retire(fresh);
        _checkModel(fresh, EU, false, consumer.addr);
    }

    function test_data_and_the_unknown_are_no_models() public view {
        _checkModel(assets[0], EU, false, owners[0].addr);
        _checkModel(NOBODYS, EU, false, address(0));
        _checkModel(0, 0, false, address(0));
    }

    // --- delegation

    function test_a_delegate_is_told_replaced_and_taken_back() public {
        address[3] memory to = [stranger.addr, rival.addr, address(0)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(catalog));
            emit Catalog.DelegateSet(owners[0].addr, to[i]);
            vm.prank(owners[0].addr);
            catalog.delegate(to[i]);
            assertEq(catalog.delegateOf(owners[0].addr), to[i]);
            assertEq(catalog.speaksFor(stranger.addr, owners[0].addr), i == 0);
            assertEq(catalog.speaksFor(rival.addr, owners[0].addr), i == 1);
        }
    }

    function test_a_delegation_is_followed_four_times_and_not_five() public {
        address[7] memory chain;
        for (uint256 i = 0; i < 7; ++i) {
            chain[i] = address(uint160(0x100 + i));
            if (i != 0) _delegate(chain[i - 1], chain[i]);
        }
        for (uint256 depth = 1; depth < 7; ++depth) {
            assertEq(catalog.speaksFor(chain[depth], chain[0]), depth <= 4);
        }
        assertFalse(catalog.speaksFor(chain[0], chain[1]), "a delegation goes one way");
    }

    function test_a_cycle_of_delegations_ends_and_gives_strangers_nothing(uint8 length) public {
        uint256 size = bound(length, 1, 6);
        for (uint256 i = 0; i < size; ++i) {
            _delegate(address(uint160(0x100 + i)), address(uint160(0x100 + (i + 1) % size)));
        }
        assertFalse(catalog.speaksFor(stranger.addr, address(0x100)));
        for (uint256 i = 1; i < size; ++i) {
            assertEq(catalog.speaksFor(address(uint160(0x100 + i)), address(0x100)), i <= 4);
        }
    }

    function test_the_zero_address_never_speaks_and_has_no_spokesman() public {
        assertFalse(catalog.speaksFor(address(0), owners[0].addr));
        assertFalse(catalog.speaksFor(stranger.addr, address(0)));
        assertFalse(catalog.speaksFor(address(0), address(0)));
        _delegate(owners[0].addr, stranger.addr);
        assertFalse(catalog.speaksFor(address(0), owners[0].addr), "nor where a chain ends");
    }

    // --- ERC-721

    function test_it_is_an_erc721_with_cards() public view {
        assertEq(catalog.name(), "ViSDM asset");
        assertEq(catalog.symbol(), "VISDM");
        assertTrue(catalog.supportsInterface(0x01ffc9a7), "ERC-165");
        assertTrue(catalog.supportsInterface(0x80ac58cd), "ERC-721");
        assertTrue(catalog.supportsInterface(0x5b5e139f), "ERC-721 metadata");
        assertFalse(catalog.supportsInterface(0xffffffff));
        assertFalse(catalog.supportsInterface(0x780e9d63), "not enumerable");
    }

    function test_a_sold_asset_obeys_its_new_owner_alone() public {
        vm.expectEmit(address(catalog));
        emit IERC721.Transfer(owners[0].addr, stranger.addr, assets[0]);
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, stranger.addr, assets[0]);
        assertEq(catalog.ownerOf(assets[0]), stranger.addr);
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotOwner.selector, assets[0], owners[0].addr));
        vm.prank(owners[0].addr);
        catalog.setReserve(assets[0], 1);
        vm.startPrank(stranger.addr);
        catalog.setReserve(assets[0], 2);
        catalog.retire(assets[0]);
        vm.stopPrank();
    }

    function test_nobody_transfers_what_is_not_its_own() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC721Errors.ERC721InsufficientApproval.selector, stranger.addr, assets[0]
            )
        );
        vm.prank(stranger.addr);
        catalog.transferFrom(owners[0].addr, stranger.addr, assets[0]);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, NOBODYS));
        catalog.ownerOf(NOBODYS);
    }

    // --- cards

    function test_a_card_of_data_says_kind_samples_region_and_state() public {
        vm.prank(stranger.addr);
        uint256 fresh = catalog.registerData(US, type(uint32).max, 1, CID, CID);
        _checkCard(fresh, "data", type(uint32).max, "US", "registered");
        vm.prank(rival.addr);
        catalog.describe(fresh, CID);
        _checkCard(fresh, "data", type(uint32).max, "US", "described");
        vm.prank(stranger.addr);
        catalog.retire(fresh);
        _checkCard(fresh, "data", type(uint32).max, "US", "retired");
    }

    function test_a_card_of_a_model_says_so() public {
        _checkCard(model, "model", 0, "EU", "described");
        vm.prank(stranger.addr);
        uint256 fresh = catalog.registerModel(EU, Permissions.Regime.Loop, 0, CID, CID);
        vm.prank(provider.addr);
        catalog.refuse(fresh, "no script");
        _checkCard(fresh, "model", 0, "EU", "refused");
    }

    function test_what_was_never_registered_has_no_card() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, NOBODYS));
        catalog.tokenURI(NOBODYS);
    }

    function _checkModel(uint256 id, uint24 by, bool described, address owner) private view {
        (bool found, address account,) = catalog.modelOf(id, by);
        assertEq(found, described);
        assertEq(account, owner);
    }

    /// @dev One of the assets weighs something.
    function _checkWeights(uint256[] memory ids, uint24 by, address to, uint256 place, uint32 weight) private view {
        uint32[] memory found = catalog.weightsUnder(ids, by, model, Task.Train, to);
        assertEq(found.length, ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            assertEq(found[i], i == place ? weight : 0);
        }
    }

    function _delegate(address from, address to) private {
        vm.prank(from);
        catalog.delegate(to);
    }

    function _checkCard(
        uint256 id,
        string memory kind,
        uint256 samples,
        string memory region,
        string memory state
    ) private view {
        bytes memory uri = bytes(catalog.tokenURI(id));
        bytes memory scheme = "data:application/json;base64,";
        bytes memory rest = new bytes(uri.length - scheme.length);
        for (uint256 i = 0; i < uri.length; ++i) {
            if (i < scheme.length) assertTrue(uri[i] == scheme[i], "the scheme");
            else rest[i - scheme.length] = uri[i];
        }
        string memory card = string(Base64.decode(string(rest)));
        assertEq(
            vm.parseJsonString(card, ".name"), string.concat("ViSDM ", kind, " asset ", vm.toString(id))
        );
        assertGt(bytes(vm.parseJsonString(card, ".description")).length, 0);
        string[4] memory names = ["kind", "samples", "region", "state"];
        for (uint256 i = 0; i < 4; ++i) {
            string memory path = string.concat(".attributes[", vm.toString(i), "]");
            assertEq(vm.parseJsonString(card, string.concat(path, ".trait_type")), names[i]);
        }
        assertEq(vm.parseJsonString(card, ".attributes[0].value"), kind);
        assertEq(vm.parseJsonUint(card, ".attributes[1].value"), samples);
        assertEq(vm.parseJsonString(card, ".attributes[1].display_type"), "number");
        assertEq(vm.parseJsonString(card, ".attributes[2].value"), region);
        assertEq(vm.parseJsonString(card, ".attributes[3].value"), state);
        assertFalse(vm.keyExistsJson(card, ".attributes[4]"));
    }
}
