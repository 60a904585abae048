// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Catalog} from "../src/Catalog.sol";
import {Jobs} from "../src/Jobs.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice A wallet whose receiving costs more than the 2,300 gas that `.transfer` leaves.
contract CostlyWallet {
    uint256 public received;

    receive() external payable {
        ++received;
    }

    function act(address target, bytes calldata data) external {
        (bool done,) = target.call(data);
        require(done);
    }

    function send(address payable to) external {
        to.transfer(1);
    }
}

/// @notice What went wrong with money in the contracts of the paper does not happen here.
contract PaperMoneyTest is Market {
    uint256 private constant DUE = 14_000 + FEE_CAP;

    // --- the operator took the escrow

    function test_who_deployed_the_market_moves_none_of_the_escrow() public {
        (Terms memory terms, bytes32 round) = funded();
        // This contract deployed Jobs. It tries every function that writes.
        refused(abi.encodeCall(jobs.open, (terms)));
        refused(abi.encodeCall(jobs.vote, (terms, seat(0), 1, false)));
        refused(abi.encodeCall(jobs.submit, (terms, new Voting.Ballot[](0))));
        refused(abi.encodeCall(jobs.close, (terms)));
        refused(abi.encodeCall(jobs.fund, (terms)));
        refused(abi.encodeCall(jobs.fundWithPermit, (terms, DUE, type(uint256).max, 27, 0, 0)));
        refused(abi.encodeCall(jobs.settle, (terms, baseShares(), FEE_CAP, CID, CID)));
        refused(abi.encodeCall(jobs.pay, (terms, baseShares(), 5)));
        refused(abi.encodeCall(jobs.refund, (terms, address(this))));
        refused(abi.encodeCall(jobs.refund, (terms, consumer.addr)));
        refused(abi.encodeCall(jobs.withdraw, (new uint256[](0), address(this))));
        refused(abi.encodeCall(jobs.withdraw, (assets, address(this))));
        vm.expectRevert();
        token.transferFrom(address(jobs), address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotJobs.selector, address(this)));
        catalog.credit(assets, assets);
        assertEq(token.balanceOf(address(jobs)), DUE);
        assertTrue(jobs.roundOf(round).state == Voting.State.Funded);
    }

    function test_the_provider_takes_its_fee_and_never_the_price() public {
        (Terms memory terms,) = funded();
        vm.startPrank(provider.addr);
        refused(abi.encodeCall(jobs.withdraw, (new uint256[](0), provider.addr)));
        refused(abi.encodeCall(jobs.refund, (terms, provider.addr)));
        refused(abi.encodeCall(jobs.settle, (terms, baseShares(), FEE_CAP + 1, CID, CID)));
        jobs.settle(terms, baseShares(), FEE_CAP, CID, CID);
        refused(abi.encodeCall(jobs.withdraw, (assets, provider.addr)));
        assertEq(jobs.withdraw(new uint256[](0), provider.addr), FEE_CAP);
        refused(abi.encodeCall(jobs.withdraw, (new uint256[](0), provider.addr)));
        vm.stopPrank();
        assertEq(token.balanceOf(address(jobs)), 14_000);
    }

    function test_there_is_no_key_pause_or_sweep_to_call() public {
        funded();
        bytes4[8] memory selectors = [
            bytes4(keccak256("owner()")),
            bytes4(keccak256("withdraw()")),
            bytes4(keccak256("withdraw(uint256)")),
            bytes4(keccak256("withdrawAll()")),
            bytes4(keccak256("transferOwnership(address)")),
            bytes4(keccak256("pause()")),
            bytes4(keccak256("upgradeTo(address)")),
            bytes4(keccak256("sweep(address)"))
        ];
        for (uint256 i = 0; i < 8; ++i) {
            refused(abi.encodePacked(selectors[i], uint256(uint160(address(this)))));
        }
        (bool taken,) = address(jobs).call{value: 1}("");
        assertFalse(taken, "Jobs takes no ether, which nobody could take out again");
    }

    // --- `.transfer` starved wallets that are contracts

    function test_a_wallet_that_transfer_starves_is_paid() public {
        CostlyWallet wallet = new CostlyWallet();
        CostlyWallet payer = new CostlyWallet();
        (bool sent,) = address(payer).call{value: 1}("");
        assertTrue(sent);
        vm.expectRevert();
        payer.send(payable(address(wallet)));

        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, address(wallet), assets[0]);
        (Terms memory terms,) = fundedBy(address(wallet));
        settle(terms, baseShares(), 0);
        wallet.act(address(jobs), abi.encodeCall(jobs.withdraw, (one(assets[0]), address(wallet))));
        assertEq(token.balanceOf(address(wallet)), 2_000);
        assertEq(wallet.received(), 0);
    }

    function test_an_owner_that_cannot_be_paid_stops_nobody_else() public {
        // It has no way to withdraw, and none to receive ether.
        address silent = address(catalog);
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, silent, assets[0]);
        (Terms memory terms,) = fundedBy(silent);
        settle(terms, baseShares(), 0);
        vm.prank(owners[1].addr);
        assertEq(jobs.withdraw(one(assets[1]), owners[1].addr), 4_000);
        vm.prank(owners[3].addr);
        assertEq(jobs.withdraw(one(assets[3]), owners[3].addr), 8_000);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(address(jobs)), 2_000);
    }

    // --- there was no way back

    function test_a_job_that_nobody_settles_goes_back_whole() public {
        (Terms memory terms,) = funded();
        vm.warp(terms.settleBy + 1);
        vm.prank(stranger.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(token.balanceOf(consumer.addr), 1e12);
    }

    function test_a_consumer_that_changes_its_mind_before_funding_pays_nothing() public {
        priceRound(baseTerms());
        assertEq(token.balanceOf(consumer.addr), 1e12);
    }

    // --- helpers

    function funded() private returns (Terms memory terms, bytes32 round) {
        return fundedBy(owners[0].addr);
    }

    /// @dev A funded job; `first` answers for the first asset.
    function fundedBy(address first) private returns (Terms memory terms, bytes32 round) {
        terms = baseTerms();
        round = open(terms);
        vote(terms, Account(first, 0), 0, 1);
        vote(terms, owners[1], 1, 2);
        vote(terms, owners[2], 2, 3);
        close(terms);
        fund(terms);
    }

    function refused(bytes memory data) private {
        uint256 before = token.balanceOf(address(jobs));
        (bool done,) = address(jobs).call(data);
        assertFalse(done);
        assertEq(token.balanceOf(address(jobs)), before);
    }
}
