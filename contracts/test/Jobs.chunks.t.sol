// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Jobs} from "../src/Jobs.sol";
import {Task, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Crowd} from "./base/Crowd.sol";

/// @notice Datasets of many owners: a settlement in parts, and what each transaction costs.
contract JobsChunksTest is Crowd {
    uint256 private constant MANY = 2_000;

    // --- a job of 2,000 owners

    function test_a_job_of_2000_owners_fits_transaction_by_transaction_as_shipped() public unmetered {
        Terms memory terms = crowd(MANY, Task.Train);
        bytes32 round = jobs.idOf(terms);
        transact(consumer.addr, "open", MANY, abi.encodeCall(jobs.open, (terms)));
        for (uint256 from = 0; from < SIGNED; from += 50) {
            bytes memory data = abi.encodeCall(jobs.submit, (terms, ballots(terms, from, from + 50)));
            transact(stranger.addr, "submit 50 ballots", MANY, data);
        }
        vm.warp(terms.voteBy + 1);
        transact(stranger.addr, "close", MANY, abi.encodeCall(jobs.close, (terms)));
        assertEq(uint256(jobs.roundOf(round).unitPrice), 20);
        bool[] memory members = jobs.membersOf(terms);
        approve();
        transact(consumer.addr, "fund", MANY, abi.encodeCall(jobs.fund, (terms)));
        uint32[] memory shares = sharesOf(members);
        uint256 price = token.balanceOf(address(jobs)) - FEE_CAP;
        transact(provider.addr, "settle", MANY, abi.encodeCall(jobs.settle, (terms, shares, FEE, CID, CID)));
        assertEq(uint256(jobs.tailOf(round).next), 512);
        uint256[5] memory counts = [uint256(1), 100, 387, 600, 5_000];
        uint256 next = 512;
        for (uint256 i = 0; i < 5; ++i) {
            solvent(terms, round, price);
            bytes memory data = abi.encodeCall(jobs.pay, (terms, shares, counts[i]));
            next = next + counts[i] < MANY ? next + counts[i] : MANY;
            vm.expectEmit(address(jobs));
            emit Jobs.JobPaid(round, next);
            transact(stranger.addr, "pay", counts[i], data);
            assertEq(uint256(jobs.tailOf(round).next), next == MANY ? 0 : next);
        }
        solvent(terms, round, price);
        rewardsAre(terms, members, shares, price);
    }

    function test_the_rest_of_2000_owners_is_paid_at_once_as_shipped() public unmetered {
        (Terms memory terms, bytes32 round, uint32[] memory shares) = settled(MANY, Task.Train);
        uint256 price = token.balanceOf(address(jobs)) - FEE_CAP;
        bytes memory data = abi.encodeCall(jobs.pay, (terms, shares, type(uint256).max));
        transact(stranger.addr, "pay the rest", MANY - 512, data);
        assertEq(uint256(jobs.tailOf(round).next), 0);
        rewardsAre(terms, jobs.membersOf(terms), shares, price);
    }

    function test_a_dataset_of_the_largest_size_settles_as_shipped() public unmetered {
        uint256 most = jobs.MAX_ASSETS();
        Terms memory terms = crowd(most, Task.Train);
        transact(consumer.addr, "open", most, abi.encodeCall(jobs.open, (terms)));
        vm.warp(terms.voteBy + 1);
        approve();
        transact(consumer.addr, "close and fund", most, abi.encodeCall(jobs.fund, (terms)));
        uint32[] memory shares = sharesOf(jobs.membersOf(terms));
        transact(provider.addr, "settle", most, abi.encodeCall(jobs.settle, (terms, shares, FEE, CID, CID)));
        transact(stranger.addr, "pay", most - 512, abi.encodeCall(jobs.pay, (terms, shares, most)));
    }

    // --- money between the parts

    function test_between_parts_withdrawals_pay_exactly_what_is_credited() public unmetered {
        (Terms memory terms, bytes32 round, uint32[] memory shares) = settled(600, Task.Train);
        uint256 price = token.balanceOf(address(jobs)) - FEE_CAP;
        uint256 first = jobs.creditOf(terms.assets[0]).earned;
        assertGt(first, 0);
        assertEq(withdraw(terms, 0), first);
        solvent(terms, round, price);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToWithdraw.selector, ownerAt(599).addr));
        withdraw(terms, 599);
        jobs.refund(terms, consumer.addr);
        vm.prank(provider.addr);
        assertEq(jobs.withdraw(new uint256[](0), provider.addr), FEE);
        jobs.pay(terms, shares, 50);
        solvent(terms, round, price);
        jobs.pay(terms, shares, 50);
        solvent(terms, round, price);
        for (uint256 i = 1; i < 600; ++i) {
            if (jobs.creditOf(terms.assets[i]).earned != 0) withdraw(terms, i);
        }
        assertEq(token.balanceOf(address(jobs)), 0);
    }

    function test_between_parts_nothing_is_settled_or_refunded_again() public unmetered {
        (Terms memory terms, bytes32 round, uint32[] memory shares) = settled(520, Task.Train);
        jobs.refund(terms, consumer.addr); // the change, and nothing else
        vm.warp(terms.settleBy + 1);
        vm.startPrank(provider.addr);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NothingToReturn.selector, round));
        jobs.refund(terms, consumer.addr);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotFunded.selector, round));
        jobs.settle(terms, shares, 0, CID, CID);
        vm.stopPrank();
        vm.warp(terms.fundBy);
        vm.expectRevert(abi.encodeWithSelector(Jobs.JobExists.selector, round));
        vm.prank(consumer.addr);
        jobs.fund(terms);
    }

    function test_between_parts_a_sold_or_retired_asset_earns_still() public unmetered {
        (Terms memory terms,, uint32[] memory shares) = settled(520, Task.Train);
        vm.startPrank(ownerAt(513).addr);
        catalog.retire(terms.assets[513]);
        catalog.transferFrom(ownerAt(513).addr, stranger.addr, terms.assets[513]);
        vm.stopPrank();
        jobs.pay(terms, shares, 520);
        vm.prank(stranger.addr);
        assertEq(jobs.withdraw(one(terms.assets[513]), stranger.addr), jobs.creditOf(terms.assets[513]).earned);
        assertEq(token.balanceOf(stranger.addr), jobs.creditOf(terms.assets[513]).earned);
        assertGt(token.balanceOf(stranger.addr), 0);
    }

    // --- what `pay` refuses

    function test_other_shares_are_refused() public unmetered {
        (Terms memory terms,, uint32[] memory shares) = settled(520, Task.Train);
        bytes memory why = abi.encodeWithSelector(Jobs.BadShares.selector, 0, 520);
        // Of one paid already, of two to come, and all to the last.
        (shares[0], shares[1]) = (shares[1], shares[0]);
        refusedPay(terms, shares, 1, why);
        (shares[0], shares[1]) = (shares[1], shares[0]);
        (shares[512], shares[513]) = (shares[513], shares[512]);
        refusedPay(terms, shares, 1, why);
        shares = new uint32[](520);
        shares[519] = 1e9;
        refusedPay(terms, shares, 8, why);
    }

    function test_shares_of_another_length_are_refused() public unmetered {
        (Terms memory terms,,) = settled(520, Task.Train);
        refusedPay(terms, new uint32[](519), 1, abi.encodeWithSelector(Jobs.BadShares.selector, 0, 519));
        refusedPay(terms, new uint32[](521), 1, abi.encodeWithSelector(Jobs.BadShares.selector, 0, 521));
        refusedPay(terms, new uint32[](0), 1, abi.encodeWithSelector(Jobs.BadShares.selector, 0, 0));
    }

    function test_paying_nobody_or_after_the_end_is_refused() public unmetered {
        (Terms memory terms, bytes32 round, uint32[] memory shares) = settled(520, Task.Train);
        bytes memory why = abi.encodeWithSelector(Jobs.NothingToPay.selector, round);
        refusedPay(terms, shares, 0, why);
        jobs.pay(terms, shares, 8);
        refusedPay(terms, shares, 1, why);
        refusedPay(terms, shares, 0, why);
    }

    function test_a_job_that_was_not_settled_has_nothing_to_pay() public unmetered {
        (Terms memory terms, bytes32 round) = funded(520, Task.Train);
        uint32[] memory shares = sharesOf(jobs.membersOf(terms));
        refusedPay(terms, shares, 1, abi.encodeWithSelector(Jobs.NothingToPay.selector, round));
    }

    // --- what `settle` checks at once for all

    function test_a_share_of_an_excluded_asset_beyond_the_first_part_is_refused_at_once() public unmetered {
        (Terms memory terms,) = funded(520, Task.Train);
        bool[] memory members = jobs.membersOf(terms);
        assertFalse(members[514]);
        uint32[] memory shares = sharesOf(members);
        (shares[514], shares[515]) = (shares[515], 0);
        vm.expectRevert(abi.encodeWithSelector(Jobs.ShareOfExcluded.selector, terms.assets[514]));
        settle(terms, shares, FEE);
    }

    function test_a_wrong_sum_beyond_the_first_part_is_refused_at_once() public unmetered {
        (Terms memory terms,) = funded(520, Task.Train);
        uint32[] memory shares = sharesOf(jobs.membersOf(terms));
        shares[519] += 1;
        vm.expectRevert(abi.encodeWithSelector(Jobs.BadShares.selector, 1e9 + 1, 520));
        settle(terms, shares, FEE);
        shares[519] -= 2;
        vm.expectRevert(abi.encodeWithSelector(Jobs.BadShares.selector, 1e9 - 1, 520));
        settle(terms, shares, FEE);
    }

    function test_a_chunk_needs_no_tail_and_one_asset_more_does() public unmetered {
        uint256 before = vm.snapshotState();
        (, bytes32 round,) = settled(512, Task.Train);
        assertEq(uint256(jobs.tailOf(round).next), 0);
        vm.revertToState(before);
        (Terms memory terms, bytes32 longer, uint32[] memory shares) = settled(513, Task.Train);
        uint256 price = token.balanceOf(address(jobs)) - FEE_CAP;
        assertEq(uint256(jobs.tailOf(longer).next), 512);
        assertEq(uint256(jobs.tailOf(longer).price), price);
        assertEq(jobs.tailOf(longer).shares, keccak256(abi.encode(shares)));
        jobs.pay(terms, shares, 1);
        rewardsAre(terms, jobs.membersOf(terms), shares, price);
    }

    function test_a_test_job_is_paid_in_parts_too() public unmetered {
        (Terms memory terms, bytes32 round,) = settled(700, Task.Test);
        uint256 price = token.balanceOf(address(jobs)) - FEE_CAP;
        bool[] memory members = jobs.membersOf(terms);
        uint32[] memory equal = equalOf(members);
        refusedPay(terms, equal, 1, abi.encodeWithSelector(Jobs.BadShares.selector, 0, 700));
        while (jobs.tailOf(round).next != 0) {
            jobs.pay(terms, new uint32[](0), 50);
            solvent(terms, round, price);
        }
        rewardsAre(terms, members, equal, price);
    }

    // --- gas

    function test_a_settlement_costs_no_more_per_owner_the_more_there_are_as_shipped() public unmetered {
        uint256 clean = vm.snapshotState();
        uint256[3] memory sizes = [uint256(128), 256, 512];
        uint256[3] memory used;
        for (uint256 i = 0; i < 3; ++i) {
            (Terms memory terms,) = funded(sizes[i], Task.Train);
            uint32[] memory shares = sharesOf(jobs.membersOf(terms));
            bytes memory data = abi.encodeCall(jobs.settle, (terms, shares, FEE, CID, CID));
            used[i] = measure(provider.addr, data);
            emit GasOf("settle", sizes[i], used[i]);
            vm.revertToState(clean);
        }
        // Each owner more costs as much, but for the memory, which is a 500th of it.
        assertLe(used[2] - used[1], (2 * (used[1] - used[0]) * 102) / 100);
        assertLe(used[2] / 512, used[1] / 256);
        assertLe(used[1] / 256, used[0] / 128);
    }

    function test_a_round_costs_the_same_in_a_market_of_10_and_of_300_as_shipped() public unmetered {
        register(10);
        Terms memory terms = baseTerms();
        uint256 small = vm.snapshotState();
        uint256[4] memory before = round5(terms);
        vm.revertToState(small);
        register(290);
        uint256[4] memory later = round5(terms);
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(before[i], later[i]);
        }
    }

    // --- helpers

    /// @dev What opening, one vote, closing with funding, and settling cost among five owners.
    function round5(Terms memory terms) private returns (uint256[4] memory used) {
        used[0] = measure(consumer.addr, abi.encodeCall(jobs.open, (terms)));
        for (uint16 i = 0; i < 3; ++i) {
            used[1] = measure(owners[i].addr, abi.encodeCall(jobs.vote, (terms, seat(i), uint8(i + 1), false)));
        }
        vm.warp(terms.voteBy + 1);
        approve();
        used[2] = measure(consumer.addr, abi.encodeCall(jobs.fund, (terms)));
        used[3] = measure(provider.addr, abi.encodeCall(jobs.settle, (terms, baseShares(), 1, CID, CID)));
        string[4] memory names = ["open", "vote", "close and fund", "settle"];
        for (uint256 i = 0; i < 4; ++i) {
            emit GasOf(names[i], catalog.assetCount(), used[i]);
        }
    }

    /// @dev By turns 20 and 10, and a refusal by every seventh, who set no reserve.
    function ballots(Terms memory terms, uint256 from, uint256 to)
        private
        view
        returns (Voting.Ballot[] memory list)
    {
        list = new Voting.Ballot[](to - from);
        for (uint256 i = from; i < to; ++i) {
            uint8 choice = i % 7 == 3 ? 127 : i % 2 == 0 ? 2 : 1;
            list[i - from] = ballotOf(terms, ownerAt(i), uint16(i), choice, 1);
        }
    }

    function equalOf(bool[] memory members) private pure returns (uint32[] memory shares) {
        shares = new uint32[](members.length);
        uint256 count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i]) ++count;
        }
        uint256 odd = 1e9 % count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (!members[i]) continue;
            shares[i] = uint32(1e9 / count + (odd == 0 ? 0 : 1));
            if (odd != 0) --odd;
        }
    }

    /// @dev What is there is what was credited, what is to come, the fee and the change.
    function solvent(Terms memory terms, bytes32 round, uint256 price) private view {
        Jobs.Tail memory tail = jobs.tailOf(round);
        uint256 claims = tail.next == 0 ? 0 : price - (price * tail.running) / 1e9;
        for (uint256 i = 0; i < terms.assets.length; ++i) {
            Jobs.Credit memory credit = jobs.creditOf(terms.assets[i]);
            if (tail.next != 0 && i >= tail.next) assertEq(uint256(credit.earned), 0);
            claims += credit.earned - credit.withdrawn;
        }
        claims += jobs.owed(provider.addr);
        uint256 held = token.balanceOf(address(jobs));
        // The change lies there until somebody returns it.
        assertTrue(held == claims || held == claims + FEE_CAP - FEE, "insolvent");
    }

    function rewardsAre(Terms memory terms, bool[] memory members, uint32[] memory shares, uint256 price)
        private
        view
    {
        uint256 running;
        uint256 total;
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 before = (price * running) / 1e9;
            running += shares[i];
            uint256 reward = (price * running) / 1e9 - before;
            Jobs.Credit memory credit = jobs.creditOf(terms.assets[i]);
            assertEq(uint256(credit.earned), reward);
            assertEq(uint256(credit.jobs), members[i] ? 1 : 0);
            total += reward;
        }
        assertEq(total, price);
    }

    function withdraw(Terms memory terms, uint256 place) private returns (uint256) {
        vm.prank(ownerAt(place).addr);
        return jobs.withdraw(one(terms.assets[place]), stranger.addr);
    }

    function refusedPay(Terms memory terms, uint32[] memory shares, uint256 count, bytes memory why) private {
        vm.expectRevert(why);
        jobs.pay(terms, shares, count);
    }
}
