// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Jobs} from "../src/Jobs.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {TokenMarket} from "./base/TokenMarket.sol";
import {MoodyToken, MuteToken, YesToken} from "./base/Tokens.sol";
import {EvilToken} from "./EvilTokens.sol";

/// @notice Markets over tokens with manners of their own: they work, or are refused when funding.
contract TokensTest is TokenMarket {
    MoodyToken private moody;

    function setUp() public override {
        super.setUp();
        moody = new MoodyToken();
    }

    // --- no answer, or a wrong one

    function test_a_token_that_returns_nothing_works() public {
        MuteToken mute = new MuteToken();
        market(address(mute));
        mute.mint(consumer.addr, 1e9);
        wholeTrade(IERC20(address(mute)));
    }

    function test_a_token_without_permit_works_by_allowance() public {
        MuteToken mute = new MuteToken();
        market(address(mute));
        mute.mint(consumer.addr, 1e9);
        Terms memory terms = priced();
        vm.startPrank(consumer.addr);
        vm.expectRevert(MuteToken.Refused.selector);
        jobs.fundWithPermit(terms, DUE, type(uint256).max, 27, "r", "s");
        mute.approve(address(jobs), DUE);
        jobs.fundWithPermit(terms, DUE, type(uint256).max, 27, "r", "s");
        vm.stopPrank();
        assertEq(mute.balanceOf(address(jobs)), DUE);
    }

    function test_a_token_that_says_yes_to_any_permit_needs_the_allowance() public {
        YesToken yes = new YesToken();
        market(address(yes));
        yes.mint(consumer.addr, 1e9);
        Terms memory terms = priced();
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), 0, DUE)
        );
        vm.prank(consumer.addr);
        jobs.fundWithPermit(terms, DUE, type(uint256).max, 27, "r", "s");
        wholeTrade(yes);
    }

    function test_a_token_that_returns_false_is_refused_when_funding() public {
        market(address(evil));
        evil.mint(consumer.addr, 1e9);
        Terms memory terms = priced();
        evil.play(EvilToken.Trick.SayFalse);
        refusedFunding(terms, failed(address(evil)));
    }

    function test_a_token_that_turns_false_leaves_every_claim_for_later() public {
        Terms memory terms = settledOver(address(evil));
        evil.play(EvilToken.Trick.SayFalse);
        vm.expectRevert(failed(address(evil)));
        take(owners[0], 0, owners[0].addr);
        vm.expectRevert(failed(address(evil)));
        jobs.refund(terms, consumer.addr);
        evil.play(EvilToken.Trick.None);
        assertEq(take(owners[0], 0, owners[0].addr), 2_000);
        jobs.refund(terms, consumer.addr);
    }

    function test_an_address_without_code_is_no_token() public {
        deployMarket(IERC20(makeAddr("no token")));
        cast();
        Terms memory terms = priced();
        vm.expectRevert();
        vm.prank(consumer.addr);
        jobs.fund(terms);
    }

    // --- a fee on transfer

    function test_a_token_that_keeps_a_part_is_refused_when_funding() public {
        market(address(evil));
        evil.mint(consumer.addr, 1e9);
        evil.play(EvilToken.Trick.KeepPart);
        Terms memory terms = priced();
        refusedFunding(terms, abi.encodeWithSelector(Jobs.TokenShortfall.selector, DUE, DUE - DUE / 100));
    }

    function test_a_fee_that_comes_later_falls_on_who_is_paid_and_nobody_else() public {
        Terms memory terms = settledOver(address(evil));
        evil.play(EvilToken.Trick.KeepPart);
        assertEq(take(owners[0], 0, owners[0].addr), 2_000);
        assertEq(evil.balanceOf(owners[0].addr), 1_980);
        jobs.refund(terms, consumer.addr);
        evil.play(EvilToken.Trick.None);
        assertEq(take(owners[3], 3, owners[3].addr), 8_000);
        assertEq(evil.balanceOf(address(jobs)), 4_000 + 3_500);
    }

    // --- blocked receivers, a pause, a rebase

    function test_a_blocked_owner_hinders_nobody_and_names_another_account() public {
        Terms memory terms = settledOver(address(evil));
        evil.blockPayee(owners[0].addr, true);
        vm.expectRevert(abi.encodeWithSelector(EvilToken.Blocked.selector, owners[0].addr));
        take(owners[0], 0, owners[0].addr);
        take(owners[1], 1, owners[1].addr);
        take(owners[3], 3, owners[3].addr);
        vm.prank(provider.addr);
        jobs.withdraw(new uint256[](0), provider.addr);
        jobs.refund(terms, consumer.addr);
        assertEq(take(owners[0], 0, stranger.addr), 2_000);
        assertEq(evil.balanceOf(address(jobs)), 0);
    }

    function test_a_blocked_consumer_and_provider_name_other_accounts() public {
        Terms memory terms = settledOver(address(evil));
        evil.blockPayee(consumer.addr, true);
        evil.blockPayee(provider.addr, true);
        vm.expectRevert(abi.encodeWithSelector(EvilToken.Blocked.selector, consumer.addr));
        jobs.refund(terms, consumer.addr);
        vm.prank(consumer.addr);
        jobs.refund(terms, stranger.addr);
        vm.prank(provider.addr);
        jobs.withdraw(new uint256[](0), stranger.addr);
        assertEq(evil.balanceOf(stranger.addr), FEE_CAP);
    }

    function test_a_paused_token_delays_and_loses_nothing() public {
        market(address(moody));
        moody.mint(consumer.addr, 1e9);
        Terms memory terms = priced();
        moody.pause(true);
        refusedFunding(terms, abi.encodeWithSelector(MoodyToken.Paused.selector));
        moody.pause(false);
        fundOver(moody, terms);
        moody.pause(true);
        settle(terms, baseShares(), 3_500);
        vm.expectRevert(MoodyToken.Paused.selector);
        take(owners[0], 0, owners[0].addr);
        vm.expectRevert(MoodyToken.Paused.selector);
        jobs.refund(terms, consumer.addr);
        vm.warp(terms.settleBy + 365 days);
        moody.pause(false);
        finish(moody, terms);
    }

    function test_a_refund_that_a_pause_stopped_is_possible_afterwards() public {
        market(address(moody));
        moody.mint(consumer.addr, 1e9);
        Terms memory terms = priced();
        fundOver(moody, terms);
        vm.warp(terms.settleBy + 1);
        moody.pause(true);
        vm.expectRevert(MoodyToken.Paused.selector);
        jobs.refund(terms, consumer.addr);
        assertTrue(jobs.roundOf(jobs.idOf(terms)).state == Voting.State.Funded);
        moody.pause(false);
        jobs.refund(terms, consumer.addr);
        assertEq(moody.balanceOf(consumer.addr), 1e9);
    }

    function test_after_a_rebase_down_the_first_are_paid_and_the_last_wait_for_who_tops_up() public {
        Terms memory terms = settledOver(address(moody));
        moody.shrink(5_000);
        assertEq(moody.balanceOf(address(jobs)), DUE / 2);
        take(owners[3], 3, owners[3].addr);
        vm.expectRevert();
        take(owners[1], 1, owners[1].addr);
        assertEq(uint256(jobs.creditOf(assets[1]).withdrawn), 0);
        moody.mint(address(jobs), 2 * DUE);
        assertEq(take(owners[1], 1, owners[1].addr), 4_000);
        jobs.refund(terms, consumer.addr);
    }

    // --- helpers

    function refusedFunding(Terms memory terms, bytes memory why) private {
        vm.startPrank(consumer.addr);
        evil.approve(address(jobs), type(uint256).max);
        moody.approve(address(jobs), type(uint256).max);
        vm.expectRevert(why);
        jobs.fund(terms);
        vm.stopPrank();
        assertTrue(jobs.roundOf(jobs.idOf(terms)).state == Voting.State.Priced);
    }

    function wholeTrade(IERC20 money) private {
        Terms memory terms = baseTerms();
        terms.seed = 99;
        (terms.voteBy, terms.fundBy, terms.settleBy) = (1_800_900_000, 1_800_900_001, 1_800_900_002);
        priceRound(terms);
        fundOver(money, terms);
        settle(terms, baseShares(), 3_500);
        finish(money, terms);
    }

    /// @dev Everybody takes out what is theirs, and nothing is left.
    function finish(IERC20 money, Terms memory terms) private {
        assertEq(take(owners[0], 0, owners[0].addr), 2_000);
        assertEq(take(owners[1], 1, owners[1].addr), 4_000);
        assertEq(take(owners[3], 3, owners[3].addr), 8_000);
        vm.prank(provider.addr);
        assertEq(jobs.withdraw(new uint256[](0), provider.addr), 3_500);
        jobs.refund(terms, consumer.addr);
        assertEq(money.balanceOf(consumer.addr), 1e9 - 14_000 - 3_500);
        assertEq(money.balanceOf(address(jobs)), 0);
    }

    function failed(address money) private pure returns (bytes memory) {
        return abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, money);
    }
}
