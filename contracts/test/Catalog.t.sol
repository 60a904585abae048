// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Catalog} from "../src/Catalog.sol";
import {Permissions} from "../src/Permissions.sol";
import {NO_RESERVE} from "../src/Terms.sol";
import {Puppet} from "./EvilTokens.sol";
import {Polls} from "./base/Polls.sol";

/// @notice The register: who may enter, say and change what. Its views are tested below.
contract CatalogTest is Polls {
    uint256 internal constant NOBODYS = 99;
    uint256 internal constant MAX_SOUGHT = 1_024;

    // --- keys and providers

    function test_a_published_key_is_told() public {
        vm.expectEmit(address(catalog));
        emit Catalog.KeyPublished(stranger.addr, "age1key");
        vm.prank(stranger.addr);
        catalog.publishKey("age1key");
    }

    function test_a_provider_gets_the_next_index_and_keeps_region_and_fee() public {
        vm.expectEmit(address(catalog));
        emit Catalog.ProviderAnnounced(3, stranger.addr, "FR", 9);
        vm.prank(stranger.addr);
        assertEq(catalog.announce("FR", 9), 3);
        assertEq(catalog.providerCount(), 3);
        Catalog.Provider memory known = catalog.providerOf(3);
        assertEq(known.account, stranger.addr);
        assertEq(bytes32(known.region), bytes32("FR"));
        assertEq(known.fee, 9);
    }

    function test_one_account_may_be_a_provider_in_several_regions() public {
        vm.prank(provider.addr);
        assertEq(catalog.announce("CH", type(uint72).max), 3);
        assertEq(catalog.providerOf(EU).account, provider.addr);
        assertEq(catalog.providerOf(3).fee, type(uint72).max);
    }

    function test_a_region_is_two_capital_letters_and_nothing_else(uint8 first, uint8 second) public {
        // Random bytes are seldom letters: half of them are brought near the alphabet.
        if (first & 1 == 0) (first, second) = (60 + first % 36, 60 + second % 36);
        bool letters = first >= 65 && first <= 90 && second >= 65 && second <= 90;
        if (!letters) vm.expectRevert(Catalog.NoRegion.selector);
        assertEq(catalog.announce(bytes2(abi.encodePacked(first, second)), 1), letters ? 3 : 0);
    }

    function test_the_neighbours_of_the_alphabet_are_no_letters() public {
        bytes2[7] memory bad = [bytes2("@A"), "A@", "[A", "A[", "ab", "A", ""];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(Catalog.NoRegion.selector);
            catalog.announce(bad[i], 1);
        }
        assertEq(catalog.announce("AZ", 1), 3);
        assertEq(catalog.announce("ZA", 1), 4);
    }

    function test_a_provider_that_nobody_announced_is_unknown() public {
        vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownProvider.selector, 0));
        catalog.providerOf(0);
        vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownProvider.selector, 3));
        catalog.providerOf(3);
    }

    // --- registering

    function test_a_data_asset_is_its_registrants_and_told_in_full() public {
        vm.expectEmit(address(catalog));
        emit IERC721.Transfer(address(0), stranger.addr, 7);
        vm.expectEmit(address(catalog));
        emit Catalog.AssetRegistered(7, US, Catalog.Kind.Data, 12, 34, "package", "grants");
        vm.prank(stranger.addr);
        assertEq(catalog.registerData(US, 12, 34, "package", "grants"), 7);
        assertEq(catalog.ownerOf(7), stranger.addr);
        assertEq(catalog.balanceOf(stranger.addr), 1);
        assertEq(catalog.assetCount(), 7);
        _checkAsset(7, Catalog.Asset(US, 12, 34, Catalog.State.Registered, 0, 0));
    }

    function test_a_model_asset_has_no_samples_and_no_reserve() public {
        vm.expectEmit(address(catalog));
        emit Catalog.AssetRegistered(7, EU, Catalog.Kind.Model, 0, NO_RESERVE, "package", "grants");
        vm.prank(stranger.addr);
        assertEq(catalog.registerModel(EU, Permissions.Regime.Loop, 0, "package", "grants"), 7);
        _checkAsset(7, Catalog.Asset(EU, 0, NO_RESERVE, Catalog.State.Registered, 0, 0));
    }

    function test_the_largest_numbers_fit_beside_each_other() public {
        vm.prank(stranger.addr);
        uint256 asset = catalog.registerData(US, type(uint32).max, NO_RESERVE, CID, CID);
        vm.prank(address(jobs));
        catalog.credit(one(asset), one(type(uint96).max));
        _checkAsset(
            asset,
            Catalog.Asset(US, type(uint32).max, NO_RESERVE, Catalog.State.Registered, type(uint96).max, 1)
        );
    }

    function test_data_without_samples_is_refused() public {
        vm.expectRevert(Catalog.NoSamples.selector);
        catalog.registerData(EU, 0, 1, CID, CID);
    }

    function test_an_asset_needs_an_announced_provider() public {
        uint24[3] memory unknown = [uint24(0), 3, type(uint24).max];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownProvider.selector, unknown[i]));
            catalog.registerData(unknown[i], 1, 1, CID, CID);
            vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownProvider.selector, unknown[i]));
            catalog.registerModel(unknown[i], Permissions.Regime.Loop, 0, CID, CID);
        }
        assertEq(catalog.assetCount(), 6);
    }

    function test_a_contract_that_knows_no_tokens_may_register_and_is_not_called() public {
        Puppet puppet = new Puppet();
        puppet.act(address(catalog), abi.encodeCall(catalog.registerData, (EU, 1, 1, CID, CID)));
        assertEq(catalog.ownerOf(7), address(puppet));
    }

    // --- describing and refusing

    function test_the_provider_describes_an_asset() public {
        uint256 asset = _registered();
        vm.expectEmit(address(catalog));
        emit Catalog.AssetDescribed(asset, "metadata");
        vm.prank(provider.addr);
        catalog.describe(asset, "metadata");
        _checkAsset(asset, Catalog.Asset(EU, 10, 5, Catalog.State.Described, 0, 0));
    }

    function test_the_provider_refuses_an_asset() public {
        uint256 asset = _registered();
        vm.expectEmit(address(catalog));
        emit Catalog.AssetRefused(asset, "no images");
        vm.prank(provider.addr);
        catalog.refuse(asset, "no images");
        _checkAsset(asset, Catalog.Asset(EU, 10, 5, Catalog.State.Refused, 0, 0));
    }

    function test_only_the_assets_own_provider_answers_for_it() public {
        uint256 asset = _registered();
        address[3] memory others = [rival.addr, stranger.addr, address(jobs)];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(Catalog.NotProvider.selector, asset, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(reason);
            catalog.describe(asset, CID);
            vm.expectRevert(reason);
            catalog.refuse(asset, "mine");
            vm.stopPrank();
        }
    }

    function test_an_answer_is_given_once() public {
        uint256 described = _registered();
        uint256 refused = _registered();
        uint256 retired = _registered();
        vm.prank(stranger.addr);
        catalog.retire(retired);
        vm.startPrank(provider.addr);
        catalog.describe(described, CID);
        catalog.refuse(refused, "no");
        _expectNoAnswer(described, Catalog.State.Described);
        _expectNoAnswer(refused, Catalog.State.Refused);
        _expectNoAnswer(retired, Catalog.State.Retired);
        vm.stopPrank();
    }

    function test_nobody_answers_for_what_was_never_registered() public {
        bytes memory reason = abi.encodeWithSelector(Catalog.UnknownAsset.selector, NOBODYS);
        vm.startPrank(provider.addr);
        vm.expectRevert(reason);
        catalog.describe(NOBODYS, CID);
        vm.expectRevert(reason);
        catalog.refuse(NOBODYS, "no");
        vm.stopPrank();
    }

    // --- what owners do

    function test_the_owner_sets_its_reserve() public {
        vm.expectEmit(address(catalog));
        emit Catalog.ReserveSet(assets[0], 77);
        vm.prank(owners[0].addr);
        catalog.setReserve(assets[0], 77);
        _checkAsset(assets[0], Catalog.Asset(EU, 100, 77, Catalog.State.Described, 0, 0));
    }

    function test_the_owner_grants_anew_and_nothing_else_changes() public {
        vm.expectEmit(address(catalog));
        emit Catalog.AssetGranted(assets[0], "bafkreinew");
        vm.prank(owners[0].addr);
        catalog.grant(assets[0], "bafkreinew");
        _checkAsset(assets[0], Catalog.Asset(EU, 100, NO_RESERVE, Catalog.State.Described, 0, 0));
    }

    function test_a_retired_asset_is_granted_to_nobody() public {
        vm.startPrank(owners[0].addr);
        catalog.retire(assets[0]);
        vm.expectRevert(
            abi.encodeWithSelector(Catalog.WrongState.selector, assets[0], Catalog.State.Retired)
        );
        catalog.grant(assets[0], CID);
        vm.stopPrank();
    }

    function test_the_owner_retires_an_asset_in_any_state_and_once() public {
        uint256[3] memory mine = [_registered(), _registered(), _registered()];
        vm.startPrank(provider.addr);
        catalog.describe(mine[1], CID);
        catalog.refuse(mine[2], "no");
        vm.stopPrank();
        vm.startPrank(stranger.addr);
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(catalog));
            emit Catalog.AssetRetired(mine[i]);
            catalog.retire(mine[i]);
            _checkAsset(mine[i], Catalog.Asset(EU, 10, 5, Catalog.State.Retired, 0, 0));
            vm.expectRevert(
                abi.encodeWithSelector(Catalog.WrongState.selector, mine[i], Catalog.State.Retired)
            );
            catalog.retire(mine[i]);
        }
        vm.stopPrank();
    }

    function test_nobody_but_the_owner_sets_a_reserve_grants_or_retires() public {
        vm.prank(owners[0].addr);
        catalog.delegate(owners[1].addr);
        vm.prank(owners[0].addr);
        catalog.approve(owners[1].addr, assets[0]);
        address[3] memory others = [stranger.addr, owners[1].addr, provider.addr];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(Catalog.NotOwner.selector, assets[0], others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(reason);
            catalog.setReserve(assets[0], 1);
            vm.expectRevert(reason);
            catalog.grant(assets[0], CID);
            vm.expectRevert(reason);
            catalog.retire(assets[0]);
            vm.stopPrank();
        }
    }

    function test_nobody_changes_what_was_never_registered() public {
        bytes memory reason = abi.encodeWithSelector(Catalog.UnknownAsset.selector, NOBODYS);
        vm.expectRevert(reason);
        catalog.setReserve(NOBODYS, 1);
        vm.expectRevert(reason);
        catalog.grant(NOBODYS, CID);
        vm.expectRevert(reason);
        catalog.retire(NOBODYS);
    }

    // --- searches

    function test_a_search_is_told_whoever_asks_and_nothing_is_kept() public {
        vm.record();
        vm.expectEmit(address(catalog));
        emit Catalog.Sought(stranger.addr, "cats, please");
        vm.prank(stranger.addr);
        catalog.postSought("cats, please");
        (, bytes32[] memory written) = vm.accesses(address(catalog));
        assertEq(written.length, 0);
    }

    function test_a_search_may_be_as_long_as_it_may_and_no_longer(uint16 size) public {
        bytes memory text = new bytes(bound(size, 0, 2 * MAX_SOUGHT));
        bool fits = text.length <= MAX_SOUGHT;
        if (!fits) vm.expectRevert(abi.encodeWithSelector(Catalog.SoughtTooLong.selector, text.length));
        catalog.postSought(string(text));
    }

    function test_the_longest_search_is_told_whole() public {
        assertEq(catalog.MAX_SOUGHT(), MAX_SOUGHT);
        string memory text = string(new bytes(MAX_SOUGHT));
        vm.expectEmit(address(catalog));
        emit Catalog.Sought(address(this), text);
        catalog.postSought(text);
        vm.expectRevert(abi.encodeWithSelector(Catalog.SoughtTooLong.selector, MAX_SOUGHT + 1));
        catalog.postSought(string(new bytes(MAX_SOUGHT + 1)));
    }

    // --- reputation

    function test_only_the_contract_that_made_the_catalog_credits() public {
        assertEq(catalog.jobs(), address(jobs));
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotJobs.selector, provider.addr));
        vm.prank(provider.addr);
        catalog.credit(one(assets[0]), one(1));
    }

    function test_credits_add_up_and_leave_the_rest_of_an_asset_alone() public {
        uint256[] memory rewards = new uint256[](5);
        (rewards[0], rewards[3]) = (7, 9);
        vm.startPrank(address(jobs));
        catalog.credit(assets, rewards);
        catalog.credit(one(assets[3]), one(1));
        vm.stopPrank();
        _checkAsset(assets[0], Catalog.Asset(EU, 100, NO_RESERVE, Catalog.State.Described, 7, 1));
        _checkAsset(assets[1], Catalog.Asset(EU, 200, NO_RESERVE, Catalog.State.Described, 0, 1));
        _checkAsset(assets[3], Catalog.Asset(EU, 400, 20, Catalog.State.Described, 10, 2));
    }

    function test_a_reputation_beyond_its_size_wraps_and_touches_nothing_else() public free {
        uint256[] memory ids = new uint256[](4_096);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = assets[0];
        }
        vm.startPrank(address(jobs));
        for (uint256 i = 0; i < 16; ++i) {
            catalog.credit(ids, new uint256[](ids.length));
        }
        _checkAsset(assets[0], Catalog.Asset(EU, 100, NO_RESERVE, Catalog.State.Described, 0, 0));
        catalog.credit(one(assets[0]), one(type(uint96).max));
        catalog.credit(one(assets[0]), one(3));
        vm.stopPrank();
        _checkAsset(assets[0], Catalog.Asset(EU, 100, NO_RESERVE, Catalog.State.Described, 2, 2));
    }

    function _registered() private returns (uint256 asset) {
        vm.prank(stranger.addr);
        asset = catalog.registerData(EU, 10, 5, CID, CID);
    }

    function _expectNoAnswer(uint256 asset, Catalog.State state) private {
        bytes memory reason = abi.encodeWithSelector(Catalog.WrongState.selector, asset, state);
        vm.expectRevert(reason);
        catalog.describe(asset, CID);
        vm.expectRevert(reason);
        catalog.refuse(asset, "no");
    }

    function _checkAsset(uint256 id, Catalog.Asset memory expected) private view {
        assertEq(abi.encode(catalog.assetOf(id)), abi.encode(expected));
    }
}
