// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Jobs} from "../src/Jobs.sol";
import {Permissions} from "../src/Permissions.sol";
import {Task, Terms} from "../src/Terms.sol";
import {TokenMarket} from "./base/TokenMarket.sol";
import {EvilToken, Puppet} from "./EvilTokens.sol";

/// @notice A token that calls back while money moves: whom it calls gains nothing by it.
contract TokensCallbackTest is TokenMarket {
    Puppet private puppet;

    function setUp() public override {
        super.setUp();
        puppet = new Puppet();
    }

    function test_a_consumer_called_back_while_funding_gains_nothing() public {
        Terms memory terms = puppetTerms(7);
        Terms memory other = puppetTerms(8);
        vm.warp(terms.voteBy + 1);
        jobs.close(other);
        bytes[4] memory calls = [
            abi.encodeCall(jobs.fund, (terms)),
            abi.encodeCall(jobs.refund, (terms, address(puppet))),
            abi.encodeCall(jobs.close, (terms)),
            abi.encodeCall(jobs.withdraw, (new uint256[](0), address(puppet)))
        ];
        uint256 ready = vm.snapshotState();
        for (uint256 skipped = 0; skipped < 2; ++skipped) {
            for (uint256 i = 0; i < 4; ++i) {
                puppet.prepare(address(jobs), calls[i], skipped);
                fundAsPuppet(terms);
                Puppet.Outcome[] memory outcomes = puppet.outcomes();
                assertEq(outcomes.length, 1);
                assertFalse(outcomes[0].succeeded);
                assertEq(evil.balanceOf(address(jobs)), DUE);
                assertEq(evil.balanceOf(address(puppet)), 1e9 - DUE);
                vm.revertToState(ready);
            }
        }
    }

    function test_a_job_funded_while_another_is_funded_is_refused_with_it() public {
        Terms memory terms = puppetTerms(7);
        Terms memory other = puppetTerms(8);
        vm.warp(terms.voteBy + 1);
        vm.prank(address(puppet));
        evil.approve(address(jobs), type(uint256).max);
        for (uint256 skipped = 0; skipped < 2; ++skipped) {
            uint256 ready = vm.snapshotState();
            puppet.prepare(address(jobs), abi.encodeCall(jobs.fund, (other)), skipped);
            vm.expectRevert(abi.encodeWithSelector(Jobs.TokenShortfall.selector, DUE, 2 * DUE));
            vm.prank(address(puppet));
            jobs.fund(terms);
            assertEq(evil.balanceOf(address(jobs)), 0);
            vm.revertToState(ready);
        }
    }

    function test_a_consumer_called_back_by_its_refund_is_paid_once() public {
        Terms memory terms = puppetTerms(7);
        Terms memory other = puppetTerms(8);
        vm.warp(terms.voteBy + 1);
        fundAsPuppet(terms);
        fundAsPuppet(other);
        vm.warp(terms.settleBy + 1);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.refund, (terms, address(puppet))), 0);
        jobs.refund(terms, address(puppet));
        Puppet.Outcome[] memory outcomes = puppet.outcomes();
        assertEq(outcomes[0].answer, abi.encodeWithSelector(Jobs.NotFunded.selector, jobs.idOf(terms)));
        assertEq(evil.balanceOf(address(puppet)), 1e9 - DUE);
        assertEq(evil.balanceOf(address(jobs)), DUE);
    }

    function test_a_consumer_called_back_by_its_change_is_paid_once() public {
        Terms memory terms = puppetTerms(7);
        vm.warp(terms.voteBy + 1);
        fundAsPuppet(terms);
        settle(terms, baseShares(), 3_500);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.refund, (terms, address(puppet))), 0);
        jobs.refund(terms, address(puppet));
        bytes32 round = jobs.idOf(terms);
        assertEq(puppet.outcomes()[0].answer, abi.encodeWithSelector(Jobs.NothingToReturn.selector, round));
        assertEq(evil.balanceOf(address(puppet)), 1e9 - 14_000 - 3_500);
    }

    function test_an_owner_called_back_by_its_withdrawal_is_paid_once() public {
        settledOver(address(evil));
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, address(puppet), assets[0]);
        evil.play(EvilToken.Trick.CallParties);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.withdraw, (one(assets[0]), address(puppet))), 0);
        puppet.act(address(jobs), abi.encodeCall(jobs.withdraw, (one(assets[0]), address(puppet))));
        assertEq(
            puppet.outcomes()[0].answer,
            abi.encodeWithSelector(Jobs.NothingToWithdraw.selector, address(puppet))
        );
        assertEq(evil.balanceOf(address(puppet)), 2_000);
    }

    function test_an_owner_called_back_may_sell_and_the_buyer_gets_nothing_more() public {
        settledOver(address(evil));
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, address(puppet), assets[0]);
        evil.play(EvilToken.Trick.CallParties);
        bytes memory sale = abi.encodeWithSelector(
            bytes4(keccak256("transferFrom(address,address,uint256)")), puppet, stranger.addr, assets[0]
        );
        puppet.prepare(address(catalog), sale, 0);
        puppet.act(address(jobs), abi.encodeCall(jobs.withdraw, (one(assets[0]), address(puppet))));
        assertEq(catalog.ownerOf(assets[0]), stranger.addr);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToWithdraw.selector, stranger.addr));
        take(stranger, 0, stranger.addr);
    }

    function test_a_provider_called_back_by_its_fee_settles_and_takes_nothing_again() public {
        market(address(evil));
        evil.mint(consumer.addr, 1e9);
        Account memory machine = Account(address(puppet), 0);
        vm.prank(machine.addr);
        uint24 index = catalog.announce("CH", 1);
        Terms memory terms = termsWith(machine, index);
        fundOver(evil, terms);
        uint32[] memory shares = new uint32[](1);
        shares[0] = 1e9;
        bytes memory settling = abi.encodeCall(jobs.settle, (terms, shares, 3_500, CID, CID));
        puppet.act(address(jobs), settling);
        evil.play(EvilToken.Trick.CallParties);
        puppet.prepare(address(jobs), settling, 0);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.withdraw, (new uint256[](0), address(puppet))), 0);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.refund, (terms, consumer.addr)), 0);
        puppet.act(address(jobs), abi.encodeCall(jobs.withdraw, (new uint256[](0), address(puppet))));
        Puppet.Outcome[] memory outcomes = puppet.outcomes();
        assertFalse(outcomes[0].succeeded);
        assertFalse(outcomes[1].succeeded);
        assertTrue(outcomes[2].succeeded, "anybody may return the change");
        assertEq(evil.balanceOf(address(puppet)), 3_500);
        assertEq(evil.balanceOf(address(jobs)), 2_000);
    }

    function test_an_owner_called_back_between_parts_pays_the_rest_and_all_adds_up() public unmetered {
        market(address(evil));
        evil.mint(consumer.addr, 1e12);
        Terms memory terms = crowd(600, Task.Train);
        bytes32 round = open(terms);
        vm.warp(terms.voteBy + 1);
        fundOver(evil, terms);
        uint32[] memory shares = sharesOf(jobs.membersOf(terms));
        settle(terms, shares, FEE_CAP);
        uint256 price = evil.balanceOf(address(jobs)) - FEE_CAP;
        vm.prank(ownerAt(0).addr);
        catalog.transferFrom(ownerAt(0).addr, address(puppet), terms.assets[0]);
        evil.play(EvilToken.Trick.CallParties);
        bytes memory taking = abi.encodeCall(jobs.withdraw, (one(terms.assets[0]), address(puppet)));
        puppet.prepare(address(jobs), abi.encodeCall(jobs.pay, (terms, shares, 600)), 0);
        puppet.prepare(address(jobs), abi.encodeCall(jobs.pay, (terms, shares, 600)), 0);
        puppet.prepare(address(jobs), taking, 0);
        puppet.act(address(jobs), taking);
        Puppet.Outcome[] memory outcomes = puppet.outcomes();
        assertTrue(outcomes[0].succeeded);
        assertEq(outcomes[1].answer, abi.encodeWithSelector(Jobs.NothingToPay.selector, round));
        assertFalse(outcomes[2].succeeded);
        uint256 total;
        for (uint256 i = 0; i < 600; ++i) {
            total += jobs.creditOf(terms.assets[i]).earned;
        }
        assertEq(total, price);
        assertEq(evil.balanceOf(address(puppet)), jobs.creditOf(terms.assets[0]).earned);
        assertEq(evil.balanceOf(address(jobs)) + evil.balanceOf(address(puppet)), price + FEE_CAP);
    }

    // --- helpers

    /// @dev A round that the puppet asks, with its vote cast; the token calls both parties.
    function puppetTerms(uint64 seed) private returns (Terms memory terms) {
        if (seed == 7) {
            market(address(evil));
            evil.mint(address(puppet), 1e9);
            evil.play(EvilToken.Trick.CallParties);
            model = offerModel(Account(address(puppet), 0));
        }
        terms = baseTerms();
        (terms.consumer, terms.seed) = (address(puppet), seed);
        open(terms);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
    }

    function fundAsPuppet(Terms memory terms) private {
        vm.startPrank(address(puppet));
        evil.approve(address(jobs), type(uint256).max);
        jobs.fund(terms);
        vm.stopPrank();
    }

    /// @dev A priced round of alice's new asset, 100 samples at 20, with another provider.
    function termsWith(Account memory machine, uint24 index) private returns (Terms memory terms) {
        vm.prank(owners[0].addr);
        uint256 asset = catalog.registerData(index, 100, 20, CID, CID);
        vm.prank(consumer.addr);
        uint256 script = catalog.registerModel(index, Permissions.Regime.Loop, 0, CID, CID);
        vm.startPrank(machine.addr);
        catalog.describe(asset, CID);
        catalog.describe(script, CID);
        vm.stopPrank();
        terms = baseTerms();
        (terms.assets, terms.model, terms.provider) = (one(asset), script, index);
        open(terms);
        close(terms);
    }
}
