// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Jobs} from "../src/Jobs.sol";
import {Rounds} from "../src/Rounds.sol";
import {NO_RESERVE, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice What it takes to fund a job, and what a permit changes about it.
contract JobsFundTest is Market {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant DUE = 14_000 + FEE_CAP;

    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function setUp() public override {
        super.setUp();
        allow(type(uint256).max);
    }

    // --- what moves, and what is said

    function test_price_and_fee_cap_go_into_escrow() public {
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        vm.expectEmit(address(jobs));
        emit Jobs.JobFunded(round, 14_000, FEE_CAP);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), DUE);
        assertEq(token.balanceOf(consumer.addr), 1e12 - DUE);
        assertTrue(jobs.roundOf(round).state == Voting.State.Funded);
        bool[] memory members = jobs.membersOf(terms);
        bool[5] memory expected = [true, true, false, true, false];
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(members[i], expected[i]);
        }
    }

    function test_a_job_without_a_fee_cap_costs_its_price() public {
        Terms memory terms = baseTerms();
        terms.feeCap = 0;
        priceRound(terms);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), 14_000);
    }

    function test_two_jobs_lie_side_by_side() public {
        Terms memory terms = baseTerms();
        Terms memory others = baseTerms();
        others.seed = 8;
        open(others);
        vote(others, owners[0], 0, 1);
        priceRound(terms);
        jobs.close(others);
        pay(terms);
        assertTrue(jobs.roundOf(jobs.idOf(others)).state == Voting.State.Unpriced);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    // --- who, and when

    function test_nobody_but_the_consumer_funds() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        address[4] memory others = [stranger.addr, provider.addr, owners[0].addr, address(this)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Rounds.NotConsumer.selector, others[i]));
            vm.prank(others[i]);
            jobs.fund(terms);
            vm.expectRevert(abi.encodeWithSelector(Rounds.NotConsumer.selector, others[i]));
            vm.prank(others[i]);
            jobs.fundWithPermit(terms, DUE, type(uint256).max, 27, 0, 0);
        }
    }

    function test_the_last_second_of_fundBy_is_in_time() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        vm.warp(terms.fundBy);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    function test_a_second_after_fundBy_is_too_late() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        vm.warp(terms.fundBy + 1);
        refused(terms, abi.encodeWithSelector(Jobs.FundingOver.selector, terms.fundBy));
    }

    // --- which rounds

    function test_funding_closes_a_round_whose_vote_is_over() public {
        Terms memory terms = baseTerms();
        bytes32 round = voted(terms);
        vm.warp(terms.voteBy + 1);
        vm.expectEmit(address(jobs));
        emit Rounds.RoundClosed(round, Voting.State.Priced, 20, 700, hex"0102030200");
        vm.expectEmit(address(jobs));
        emit Jobs.JobFunded(round, 14_000, FEE_CAP);
        pay(terms);
        assertTrue(jobs.roundOf(round).state == Voting.State.Funded);
    }

    function test_funding_closes_a_round_early_when_all_owners_said_their_last_word() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        for (uint16 i = 0; i < 5; ++i) {
            vm.prank(owners[i].addr);
            jobs.vote(terms, seat(i), 1, true);
        }
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), 11_500 + FEE_CAP);
        assertTrue(jobs.roundOf(round).state == Voting.State.Funded);
    }

    function test_funding_before_the_vote_is_over_is_refused() public {
        Terms memory terms = baseTerms();
        voted(terms);
        vm.warp(terms.voteBy);
        refused(terms, abi.encodeWithSelector(Rounds.VotingNotOver.selector, terms.voteBy));
    }

    function test_a_round_that_nobody_opened_is_refused() public {
        Terms memory terms = baseTerms();
        refused(terms, abi.encodeWithSelector(Jobs.NotPriced.selector, jobs.idOf(terms)));
    }

    function test_a_round_without_a_price_is_refused_and_left_as_it_was() public {
        Terms memory terms = baseTerms();
        terms.minSamples = 701;
        bytes32 round = voted(terms);
        vm.warp(terms.voteBy + 1);
        refused(terms, abi.encodeWithSelector(Jobs.NotPriced.selector, round));
        assertTrue(jobs.roundOf(round).state == Voting.State.Open);
        jobs.close(terms);
        refused(terms, abi.encodeWithSelector(Jobs.NotPriced.selector, round));
        assertTrue(jobs.roundOf(round).state == Voting.State.Unpriced);
    }

    function test_a_job_is_funded_once_whatever_became_of_it() public {
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        pay(terms);
        bytes memory exists = abi.encodeWithSelector(Jobs.JobExists.selector, round);
        refused(terms, exists);
        uint256 funded = vm.snapshotState();
        settle(terms, baseShares(), 0);
        refused(terms, exists);
        vm.revertToState(funded);
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        refused(terms, exists);
        vm.warp(terms.voteBy);
        vm.expectRevert(abi.encodeWithSelector(Rounds.RoundExists.selector, round));
        open(terms);
    }

    // --- consent and the model, up to this moment

    function test_a_member_retired_after_the_vote_stops_the_funding() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        retire(1);
        refused(terms, abi.encodeWithSelector(Jobs.AssetUnavailable.selector, assets[1]));
    }

    function test_an_asset_outside_the_dataset_may_retire() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        retire(2);
        retire(4);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    function test_an_asset_retired_before_the_close_is_left_out() public {
        Terms memory terms = baseTerms();
        voted(terms);
        retire(1);
        vm.warp(terms.voteBy + 1);
        pay(terms);
        // 10, 30 and 20 for 100, 300 and 400 samples: only 30 has 70 % of them.
        assertEq(token.balanceOf(address(jobs)), 24_000 + FEE_CAP);
        assertFalse(jobs.membersOf(terms)[1]);
    }

    function test_a_member_sold_after_the_vote_stays() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        vm.prank(owners[0].addr);
        catalog.transferFrom(owners[0].addr, stranger.addr, assets[0]);
        pay(terms);
        assertTrue(jobs.membersOf(terms)[0]);
    }

    function test_a_retired_model_stops_the_funding() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        vm.prank(consumer.addr);
        catalog.retire(model);
        refused(terms, abi.encodeWithSelector(Rounds.ModelUnavailable.selector, model));
    }

    function test_a_sold_model_stops_the_funding_until_it_is_back() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        vm.prank(consumer.addr);
        catalog.transferFrom(consumer.addr, stranger.addr, model);
        refused(terms, abi.encodeWithSelector(Rounds.NotConsumer.selector, consumer.addr));
        vm.prank(stranger.addr);
        catalog.transferFrom(stranger.addr, consumer.addr, model);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    // --- how much

    function test_a_price_above_96_bits_is_refused() public {
        Terms memory terms = solo(type(uint32).max, 1 << 79, 0);
        uint256 price = uint256(type(uint32).max) << 79;
        refused(terms, abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 96, price));
        assertTrue(jobs.roundOf(jobs.idOf(terms)).state == Voting.State.Priced);
    }

    function test_an_escrow_takes_96_bits_and_not_one_unit_more() public {
        uint96 price = uint96(1 << 16) * type(uint80).max;
        uint96 room = type(uint96).max - price;
        require(token.transfer(consumer.addr, 1 << 97));
        Terms memory terms = solo(1 << 16, type(uint80).max, room + 1);
        refused(terms, abi.encodeWithSelector(Jobs.EscrowFull.selector, uint256(1 << 96)));
        terms = solo(1 << 16, type(uint80).max, room);
        pay(terms);
        assertEq(token.balanceOf(address(jobs)), type(uint96).max);
        Terms memory more = solo(1, 1, 0);
        refused(more, abi.encodeWithSelector(Jobs.EscrowFull.selector, uint256(1 << 96)));
    }

    function test_an_allowance_or_a_purse_too_small_leaves_the_round_priced() public {
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        allow(DUE - 1);
        refused(terms, shortAllowance(DUE - 1));
        allow(DUE);
        vm.prank(consumer.addr);
        require(token.transfer(stranger.addr, 1e12 - DUE + 1));
        refused(
            terms,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, consumer.addr, DUE - 1, DUE)
        );
        assertTrue(jobs.roundOf(round).state == Voting.State.Priced);
    }

    // --- with a permit

    function test_a_permit_pays_without_an_allowance() public {
        allow(0);
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        Signature memory signed = permit(consumer, DUE);
        vm.expectEmit(address(jobs));
        emit Jobs.JobFunded(round, 14_000, FEE_CAP);
        payWith(terms, DUE, signed);
        assertEq(token.balanceOf(address(jobs)), DUE);
        assertEq(token.allowance(consumer.addr, address(jobs)), 0);
    }

    function test_a_permit_that_somebody_used_first_does_not_hinder() public {
        allow(0);
        Terms memory terms = baseTerms();
        priceRound(terms);
        Signature memory signed = permit(consumer, DUE);
        vm.prank(stranger.addr);
        token.permit(consumer.addr, address(jobs), DUE, type(uint256).max, signed.v, signed.r, signed.s);
        payWith(terms, DUE, signed);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    function test_a_wrong_permit_fails_without_an_allowance_and_is_idle_with_one() public {
        allow(0);
        Terms memory terms = baseTerms();
        bytes32 round = priceRound(terms);
        Signature memory signed = permit(stranger, DUE);
        vm.expectRevert(shortAllowance(0));
        payWith(terms, DUE, signed);
        assertTrue(jobs.roundOf(round).state == Voting.State.Priced);
        allow(DUE);
        payWith(terms, DUE, signed);
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    function test_a_permit_for_too_little_fails() public {
        allow(0);
        Terms memory terms = baseTerms();
        priceRound(terms);
        Signature memory signed = permit(consumer, DUE - 1);
        vm.expectRevert(shortAllowance(DUE - 1));
        payWith(terms, DUE - 1, signed);
    }

    function test_an_expired_permit_fails() public {
        allow(0);
        Terms memory terms = baseTerms();
        priceRound(terms);
        Signature memory signed = permit(consumer, DUE);
        vm.expectRevert(shortAllowance(0));
        vm.prank(consumer.addr);
        jobs.fundWithPermit(terms, DUE, block.timestamp - 1, signed.v, signed.r, signed.s);
    }

    function test_a_permit_closes_a_round_too() public {
        allow(0);
        Terms memory terms = baseTerms();
        voted(terms);
        vm.warp(terms.voteBy + 1);
        payWith(terms, DUE, permit(consumer, DUE));
        assertEq(token.balanceOf(address(jobs)), DUE);
    }

    // --- helpers

    function allow(uint256 amount) private {
        vm.prank(consumer.addr);
        token.approve(address(jobs), amount);
    }

    function pay(Terms memory terms) private {
        vm.prank(consumer.addr);
        jobs.fund(terms);
    }

    function payWith(Terms memory terms, uint256 value, Signature memory signed) private {
        vm.prank(consumer.addr);
        jobs.fundWithPermit(terms, value, type(uint256).max, signed.v, signed.r, signed.s);
    }

    function refused(Terms memory terms, bytes memory why) private {
        vm.expectRevert(why);
        pay(terms);
    }

    function retire(uint256 place) private {
        vm.prank(owners[place].addr);
        catalog.retire(assets[place]);
    }

    function voted(Terms memory terms) private returns (bytes32 round) {
        round = open(terms);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
    }

    /// @dev A priced round of one asset.
    function solo(uint32 samples, uint80 unitPrice, uint96 feeCap) private returns (Terms memory terms) {
        uint256 asset = offer(owners[0], samples, NO_RESERVE);
        terms = baseTerms();
        terms.assets = one(asset);
        terms.ladder = new uint80[](1);
        terms.ladder[0] = unitPrice;
        terms.feeCap = feeCap;
        open(terms);
        vote(terms, owners[0], 0, 1);
        close(terms);
    }

    function permit(Account memory signer, uint256 value) private view returns (Signature memory signed) {
        bytes32 content = keccak256(
            abi.encode(
                PERMIT, consumer.addr, address(jobs), value, token.nonces(consumer.addr), type(uint256).max
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), content));
        (signed.v, signed.r, signed.s) = vm.sign(signer.key, digest);
    }

    function shortAllowance(uint256 allowed) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), allowed, DUE
        );
    }
}
