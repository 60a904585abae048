// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Jobs} from "../src/Jobs.sol";
import {NO_RESERVE, Terms} from "../src/Terms.sol";
import {Market} from "./base/Market.sol";

/// @notice Who takes out what: rewards belong to whoever owns the asset now, fees to an account.
contract JobsWithdrawTest is Market {
    function setUp() public override {
        super.setUp();
        job(1);
    }

    // --- rewards

    function test_an_owner_takes_out_what_its_asset_earned() public {
        vm.expectEmit(address(jobs));
        emit Jobs.Withdrawn(owners[0].addr, owners[0].addr, 2_000);
        assertEq(take(owners[0], one(assets[0]), owners[0].addr), 2_000);
        assertEq(token.balanceOf(owners[0].addr), 2_000);
        assertEq(uint256(jobs.creditOf(assets[0]).earned), 2_000);
        assertEq(uint256(jobs.creditOf(assets[0]).withdrawn), 2_000);
    }

    function test_to_another_account() public {
        vm.expectEmit(address(jobs));
        emit Jobs.Withdrawn(owners[0].addr, stranger.addr, 2_000);
        take(owners[0], one(assets[0]), stranger.addr);
        assertEq(token.balanceOf(stranger.addr), 2_000);
        assertEq(token.balanceOf(owners[0].addr), 0);
    }

    function test_not_to_the_contract_itself_where_nobody_could_take_it_out() public {
        vm.expectRevert(abi.encodeWithSelector(Jobs.BadReceiver.selector, address(jobs)));
        vm.prank(owners[0].addr);
        jobs.withdraw(one(assets[0]), address(jobs));
    }

    function test_nothing_twice() public {
        take(owners[0], one(assets[0]), owners[0].addr);
        nothing(owners[0], one(assets[0]));
    }

    function test_an_asset_named_twice_pays_once() public {
        uint256[] memory list = new uint256[](3);
        (list[0], list[1], list[2]) = (assets[0], assets[0], assets[0]);
        assertEq(take(owners[0], list, owners[0].addr), 2_000);
    }

    function test_many_assets_at_once() public {
        give(owners[1], owners[0].addr, assets[1]);
        give(owners[2], owners[0].addr, assets[2]);
        uint256[] memory list = new uint256[](3);
        (list[0], list[1], list[2]) = (assets[2], assets[0], assets[1]);
        assertEq(take(owners[0], list, owners[0].addr), 6_000);
    }

    function test_the_asset_of_another_is_refused_whole() public {
        uint256[] memory list = new uint256[](2);
        (list[0], list[1]) = (assets[0], assets[1]);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOwner.selector, assets[1], owners[0].addr));
        take(owners[0], list, owners[0].addr);
        assertEq(uint256(jobs.creditOf(assets[0]).withdrawn), 0);
    }

    function test_whoever_may_move_or_vote_for_an_asset_takes_nothing_out() public {
        vm.prank(owners[0].addr);
        catalog.delegate(stranger.addr);
        vm.prank(owners[0].addr);
        catalog.setApprovalForAll(stranger.addr, true);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOwner.selector, assets[0], stranger.addr));
        take(stranger, one(assets[0]), stranger.addr);
    }

    function test_an_asset_that_does_not_exist_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        take(owners[0], one(99), owners[0].addr);
    }

    function test_who_has_nothing_gets_nothing() public {
        nothing(owners[2], one(assets[2]));
        nothing(stranger, new uint256[](0));
        nothing(owners[0], new uint256[](0));
    }

    function test_a_retired_asset_pays_still() public {
        vm.prank(owners[0].addr);
        catalog.retire(assets[0]);
        assertEq(take(owners[0], one(assets[0]), owners[0].addr), 2_000);
    }

    function test_rewards_of_several_jobs_add_up() public {
        take(owners[0], one(assets[0]), owners[0].addr);
        job(2);
        job(3);
        assertEq(take(owners[0], one(assets[0]), owners[0].addr), 4_000);
        assertEq(uint256(jobs.creditOf(assets[0]).jobs), 3);
    }

    // --- an asset that is sold

    function test_a_sold_asset_takes_its_rewards_along() public {
        give(owners[0], stranger.addr, assets[0]);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOwner.selector, assets[0], owners[0].addr));
        take(owners[0], one(assets[0]), owners[0].addr);
        assertEq(take(stranger, one(assets[0]), stranger.addr), 2_000);
    }

    function test_a_buyer_gets_only_what_was_not_withdrawn() public {
        take(owners[0], one(assets[0]), owners[0].addr);
        give(owners[0], stranger.addr, assets[0]);
        nothing(stranger, one(assets[0]));
        job(2);
        assertEq(take(stranger, one(assets[0]), stranger.addr), 2_000);
    }

    // --- fees

    function test_the_provider_takes_its_fees_out_once() public {
        assertEq(take(provider, new uint256[](0), stranger.addr), 3_500);
        assertEq(token.balanceOf(stranger.addr), 3_500);
        assertEq(jobs.owed(provider.addr), 0);
        nothing(provider, new uint256[](0));
    }

    function test_fees_and_rewards_come_together() public {
        give(owners[0], provider.addr, assets[0]);
        assertEq(take(provider, one(assets[0]), provider.addr), 5_500);
    }

    function test_fees_of_several_jobs_add_up() public {
        job(2);
        assertEq(take(provider, new uint256[](0), provider.addr), 7_000);
    }

    // --- a life that earned more than its counter holds

    function test_a_counter_that_wraps_pays_what_was_earned(uint96 short) public {
        short = uint96(bound(short, 1, 5_000));
        uint96 before = type(uint96).max - short + 1;
        earnedTo(assets[0], before);
        require(token.transfer(address(jobs), before - 2_000));
        assertEq(take(owners[0], one(assets[0]), owners[0].addr), before);
        job(2);
        job(3);
        job(4);
        // 6,000 more, beyond 2^96 - 1 whatever was short of it.
        assertEq(uint256(jobs.creditOf(assets[0]).earned), 6_000 - short);
        assertEq(take(owners[0], one(assets[0]), stranger.addr), 6_000);
        assertEq(token.balanceOf(stranger.addr), 6_000);
        nothing(owners[0], one(assets[0]));
        assertEq(catalog.assetOf(assets[0]).samples, 100, "the rest of the slot is as it was");
    }

    function test_a_count_of_jobs_that_wraps_touches_nothing_else() public {
        (bytes32 slot, uint256 word) = slotOf(assets[0]);
        vm.store(address(catalog), slot, bytes32(word | (uint256(type(uint16).max) << 240)));
        job(2);
        assertEq(uint256(jobs.creditOf(assets[0]).jobs), 0);
        assertEq(take(owners[0], one(assets[0]), owners[0].addr), 4_000);
    }

    // --- helpers

    /// @dev 2,000 for alice's asset, 4,000 for bob's, 8,000 for dave's and a fee of 3,500.
    function job(uint64 number) private {
        Terms memory terms = baseTerms();
        // Not from block.timestamp, which the compiler takes for the same throughout a call.
        uint40 start = uint40(1_800_000_000 + number * 10 days);
        vm.warp(start);
        (terms.voteBy, terms.fundBy, terms.settleBy) = (start + 1, start + 2, start + 3);
        open(terms);
        for (uint16 i = 0; i < 3; ++i) {
            vm.startPrank(catalog.ownerOf(assets[i]));
            jobs.vote(terms, seat(i), uint8(i + 1), false);
            vm.stopPrank();
        }
        close(terms);
        fund(terms);
        settle(terms, baseShares(), 3_500);
    }

    function take(Account memory account, uint256[] memory list, address to) private returns (uint256) {
        vm.prank(account.addr);
        return jobs.withdraw(list, to);
    }

    function nothing(Account memory account, uint256[] memory list) private {
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToWithdraw.selector, account.addr));
        take(account, list, account.addr);
    }

    function give(Account memory from, address to, uint256 asset) private {
        vm.prank(from.addr);
        catalog.transferFrom(from.addr, to, asset);
    }

    function earnedTo(uint256 asset, uint96 earned) private {
        (bytes32 slot, uint256 word) = slotOf(asset);
        word = (word & ~(uint256(type(uint96).max) << 144)) | (uint256(earned) << 144);
        vm.store(address(catalog), slot, bytes32(word));
        assertEq(uint256(catalog.assetOf(asset).earned), earned);
    }

    /// @dev Where the catalog keeps an asset: the one word that begins with its provider, samples and reserve.
    function slotOf(uint256 asset) private view returns (bytes32 slot, uint256 word) {
        uint256 head = uint256(EU) | (uint256(100) << 24) | (uint256(NO_RESERVE) << 56);
        for (uint256 i = 0; i < 32; ++i) {
            slot = keccak256(abi.encode(asset, i));
            word = uint256(vm.load(address(catalog), slot));
            if (uint136(word) == head) return (slot, word);
        }
        revert("the asset is nowhere");
    }
}
