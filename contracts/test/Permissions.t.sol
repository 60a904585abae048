// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Catalog} from "../src/Catalog.sol";
import {Jobs} from "../src/Jobs.sol";
import {Permissions} from "../src/Permissions.sol";
import {NO_RESERVE, Task, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

/// @notice What owners allow, and that no round or job goes beyond it.
contract PermissionsTest is Polls {
    string internal constant OTHER = "bafkreibbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    uint256 internal constant NOBODYS = 99;
    uint32 internal constant MOST = 1_000_000;

    string[] private _none;

    // --- how a model trains

    function test_a_model_declares_its_regime_and_the_digest_of_its_package() public {
        Permissions.Regime[3] memory regimes =
            [Permissions.Regime.Loop, Permissions.Regime.Private, Permissions.Regime.Script];
        for (uint256 i = 0; i < 3; ++i) {
            uint32 epsilon = i == 1 ? MOST : 0;
            vm.expectEmit(address(catalog));
            emit Permissions.RegimeDeclared(7 + i, regimes[i], epsilon);
            vm.prank(stranger.addr);
            uint256 id = catalog.registerModel(EU, regimes[i], epsilon, OTHER, CID);
            assertTrue(catalog.regimeOf(id) == regimes[i]);
            assertEq(catalog.epsilonOf(id), epsilon);
            assertEq(catalog.digestOf(id), keccak256(bytes(OTHER)));
            (bool described, address owner, Permissions.Regime regime) = catalog.modelOf(id, EU);
            assertTrue(!described && owner == stranger.addr && regime == regimes[i]);
        }
    }

    function test_epsilon_is_what_private_models_have_and_no_others(uint8 kind, uint32 epsilon) public {
        Permissions.Regime regime = Permissions.Regime(kind % 3);
        epsilon = epsilon % 3 == 0 ? epsilon % (MOST + 2) : epsilon;
        bool good = regime == Permissions.Regime.Private ? epsilon != 0 && epsilon <= MOST : epsilon == 0;
        if (!good) vm.expectRevert(abi.encodeWithSelector(Permissions.BadEpsilon.selector, regime, epsilon));
        catalog.registerModel(EU, regime, epsilon, CID, CID);
    }

    function test_a_model_stays_what_it_is_through_description_reserve_and_retirement() public {
        uint256 id = _model(Permissions.Regime.Private, 5, CID);
        vm.startPrank(consumer.addr);
        catalog.setReserve(id, 0);
        catalog.retire(id);
        vm.stopPrank();
        assertTrue(catalog.regimeOf(id) == Permissions.Regime.Private);
        assertTrue(catalog.assetOf(id).state == Catalog.State.Retired);
        _checkPermission(id, Permissions.Allows.Loop, 0, 0, 0);
    }

    function test_data_and_the_unknown_train_nothing() public {
        _allow(0, Permissions.Allows.Scripts, 0, 0, _none);
        assertTrue(catalog.regimeOf(assets[0]) == Permissions.Regime.Loop);
        assertTrue(catalog.regimeOf(NOBODYS) == Permissions.Regime.Loop);
        _checkPermission(NOBODYS, Permissions.Allows.Loop, 0, 0, 0);
    }

    // --- who says what

    function test_a_permission_is_told_and_replaced() public {
        _checkPermission(assets[0], Permissions.Allows.Loop, 0, 0, 0);
        vm.expectEmit(address(catalog));
        emit Permissions.PermissionSet(assets[0], Permissions.Allows.Private, 4, 9, _none);
        _allow(0, Permissions.Allows.Private, 4, 9, _none);
        _checkPermission(assets[0], Permissions.Allows.Private, 4, 9, 0);
        vm.expectEmit(address(catalog));
        emit Permissions.PermissionSet(assets[0], Permissions.Allows.Listed, 0, 0, _list(CID, OTHER));
        _allow(0, Permissions.Allows.Listed, 0, 0, _list(CID, OTHER));
        _checkPermission(assets[0], Permissions.Allows.Listed, 0, 0, 0);
        assertTrue(catalog.isListed(assets[0], CID) && catalog.isListed(assets[0], OTHER));
        assertFalse(catalog.isListed(assets[0], "another"));
        assertFalse(catalog.isListed(assets[1], CID), "a list is of one asset");
        _allow(0, Permissions.Allows.Scripts, 0, 0, _none);
        _checkPermission(assets[0], Permissions.Allows.Scripts, 0, 0, 0);
        _allow(0, Permissions.Allows.Loop, 0, 0, _none);
        _checkPermission(assets[0], Permissions.Allows.Loop, 0, 0, 0);
    }

    function test_a_list_replaces_the_one_before_it() public {
        _allow(0, Permissions.Allows.Listed, 0, 0, _list(CID, CID));
        _allow(0, Permissions.Allows.Listed, 0, 0, _list(OTHER, OTHER));
        assertFalse(catalog.isListed(assets[0], CID));
        assertTrue(catalog.isListed(assets[0], OTHER));
    }

    function test_a_permission_goes_through_every_state_but_the_last() public {
        vm.startPrank(stranger.addr);
        uint256 fresh = catalog.registerData(EU, 7, 3, CID, CID);
        uint256 bad = catalog.registerData(EU, 7, 3, CID, CID);
        catalog.allow(fresh, Permissions.Allows.Scripts, 0, 0, _none);
        vm.stopPrank();
        vm.startPrank(provider.addr);
        catalog.describe(fresh, CID);
        catalog.refuse(bad, "no");
        vm.stopPrank();
        _checkPermission(fresh, Permissions.Allows.Scripts, 0, 0, 0);
        assertTrue(catalog.assetOf(fresh).state == Catalog.State.Described);
        vm.startPrank(stranger.addr);
        catalog.allow(bad, Permissions.Allows.Private, 1, 1, _none);
        assertTrue(catalog.assetOf(bad).state == Catalog.State.Refused);
        catalog.retire(fresh);
        vm.expectRevert(
            abi.encodeWithSelector(Catalog.WrongState.selector, fresh, Catalog.State.Retired)
        );
        catalog.allow(fresh, Permissions.Allows.Loop, 0, 0, _none);
        vm.stopPrank();
        _checkPermission(fresh, Permissions.Allows.Scripts, 0, 0, 0);
    }

    function test_only_its_owner_says_what_images_may_be_used_for() public {
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotOwner.selector, assets[0], stranger.addr));
        vm.prank(stranger.addr);
        catalog.allow(assets[0], Permissions.Allows.Scripts, 0, 0, _none);
        vm.expectRevert(abi.encodeWithSelector(Catalog.UnknownAsset.selector, NOBODYS));
        catalog.allow(NOBODYS, Permissions.Allows.Scripts, 0, 0, _none);
        vm.expectRevert(abi.encodeWithSelector(Catalog.NotData.selector, model));
        vm.prank(consumer.addr);
        catalog.allow(model, Permissions.Allows.Scripts, 0, 0, _none);
        sell(0, stranger.addr);
        vm.prank(stranger.addr);
        catalog.allow(assets[0], Permissions.Allows.Scripts, 0, 0, _none);
    }

    function test_a_permission_that_nobody_can_mean_is_refused(uint8 kind, uint32 epsilon, uint32 budget, bool list)
        public
    {
        Permissions.Allows allows = Permissions.Allows(kind % 4);
        // Random numbers are seldom near each other, or nothing.
        if (budget % 3 == 0) budget = epsilon;
        if (epsilon % 2 == 0) (epsilon, budget) = (0, budget % 2);
        bool limits = allows == Permissions.Allows.Private ? epsilon != 0 && epsilon <= budget : epsilon | budget == 0;
        bool good = limits && list == (allows == Permissions.Allows.Listed);
        if (!good) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    Permissions.BadPermission.selector, allows, epsilon, budget, list ? 2 : 0
                )
            );
        }
        _allow(0, allows, epsilon, budget, list ? _list(CID, OTHER) : _none);
    }

    function test_only_jobs_takes_from_a_budget_or_gives_back() public {
        bytes memory reason = abi.encodeWithSelector(Catalog.NotJobs.selector, owners[0].addr);
        vm.startPrank(owners[0].addr);
        vm.expectRevert(reason);
        catalog.charge(0, assets, model);
        vm.expectRevert(reason);
        catalog.release(0, assets, model);
        vm.stopPrank();
    }

    // --- what is admitted: every permission against every model

    function test_the_electorate_is_who_admits_the_model() public {
        uint256[3] memory models = [
            model, _model(Permissions.Regime.Private, 4_000, CID), _model(Permissions.Regime.Script, 0, OTHER)
        ];
        _allow(1, Permissions.Allows.Private, 4_000, 4_000, _none);
        _allow(2, Permissions.Allows.Listed, 0, 0, _list(OTHER, OTHER));
        _allow(3, Permissions.Allows.Scripts, 0, 0, _none);
        _allow(4, Permissions.Allows.Private, 3_999, 9_000, _none);
        bool[5][3] memory admitted =
            [[true, false, false, true, false], [true, true, false, true, false], [false, false, true, true, false]];
        for (uint256 k = 0; k < 3; ++k) {
            (uint32[] memory samples, uint80[] memory reserves) =
                catalog.electorate(assets, EU, models[k], Task.Train);
            uint32[] memory under = catalog.weightsUnder(assets, EU, models[k], Task.Train, address(0));
            for (uint256 i = 0; i < 5; ++i) {
                assertEq(samples[i] != 0, admitted[k][i]);
                assertEq(under[i], samples[i]);
                assertEq(reserves[i] != 0, admitted[k][i]);
            }
        }
    }

    function test_a_test_of_a_private_model_is_not_private() public {
        uint256 dp = _model(Permissions.Regime.Private, 4_000, CID);
        _allow(1, Permissions.Allows.Private, 4_000, 4_000, _none);
        (uint32[] memory samples,) = catalog.electorate(assets, EU, dp, Task.Test);
        assertTrue(samples[0] != 0 && samples[1] == 0);
        (samples,) = catalog.electorate(assets, EU, dp, Task.Train);
        assertTrue(samples[0] != 0 && samples[1] != 0);
    }

    function test_a_round_cannot_include_who_does_not_admit_its_model() public {
        Terms memory terms = baseTerms();
        _allow(0, Permissions.Allows.Private, 4, 9, _none);
        open(terms);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
        _allow(1, Permissions.Allows.Listed, 0, 0, _list(OTHER, OTHER));
        close(terms);
        bool[] memory members = jobs.membersOf(terms);
        assertTrue(!members[0] && !members[1] && members[2] && members[3]);
    }

    function test_a_member_that_was_narrowed_after_the_vote_stops_the_funding() public {
        Terms memory terms = baseTerms();
        priceRound(terms);
        _allow(2, Permissions.Allows.Private, 4, 9, _none); // no member
        _allow(1, Permissions.Allows.Private, 4, 9, _none);
        vm.startPrank(consumer.addr);
        token.approve(address(jobs), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Jobs.AssetUnavailable.selector, assets[1]));
        jobs.fund(terms);
        vm.stopPrank();
        _allow(1, Permissions.Allows.Scripts, 0, 0, _none);
        fund(terms);
    }

    // --- budgets

    function test_funding_takes_of_budgets_and_a_refund_gives_it_back() public {
        Terms memory terms = _private(4_000);
        bytes32 round = jobs.idOf(terms);
        priceRound(terms);
        vm.startPrank(consumer.addr);
        token.approve(address(jobs), type(uint256).max);
        vm.expectEmit(address(catalog));
        emit Permissions.EpsilonTaken(round, 4_000, one(assets[1]));
        jobs.fund(terms);
        vm.stopPrank();
        _checkPermission(assets[0], Permissions.Allows.Loop, 0, 0, 0);
        _checkPermission(assets[1], Permissions.Allows.Private, 4_000, 7_000, 4_000);
        _allow(1, Permissions.Allows.Loop, 0, 0, _none);
        _allow(0, Permissions.Allows.Private, 4_000, 4_000, _none); // after the funding: nothing of it
        vm.prank(consumer.addr);
        catalog.retire(terms.model);
        vm.expectEmit(address(catalog));
        emit Permissions.EpsilonReturned(round, 4_000, one(assets[1]));
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        _checkPermission(assets[0], Permissions.Allows.Private, 4_000, 4_000, 0);
        _checkPermission(assets[1], Permissions.Allows.Loop, 0, 0, 0);
        assertEq(token.balanceOf(address(jobs)), 0);
    }

    function test_what_was_spent_stays_spent_once_settled_and_through_other_permissions() public {
        Terms memory terms = _private(4_000);
        priceRound(terms);
        fund(terms);
        settle(terms, baseShares(), 0);
        vm.prank(consumer.addr);
        jobs.refund(terms, consumer.addr);
        _allow(1, Permissions.Allows.Listed, 0, 0, _list(CID, CID));
        _allow(1, Permissions.Allows.Private, 4_000, 7_999, _none);
        _checkPermission(assets[1], Permissions.Allows.Private, 4_000, 7_999, 4_000);
        (uint32[] memory samples,) = catalog.electorate(assets, EU, terms.model, Task.Train);
        assertEq(samples[1], 0);
        _allow(1, Permissions.Allows.Private, 4_000, 8_000, _none);
        (samples,) = catalog.electorate(assets, EU, terms.model, Task.Train);
        assertEq(samples[1], 200);
    }

    function test_of_two_jobs_for_the_last_of_a_budget_one_is_funded() public {
        Terms memory terms = _private(4_000);
        Terms memory others = _private(4_000);
        (others.model, others.seed) = (terms.model, 8);
        priceRound(terms);
        others.voteBy = uint40(block.timestamp);
        priceRound(others);
        fund(terms);
        vm.startPrank(consumer.addr);
        token.approve(address(jobs), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Jobs.AssetUnavailable.selector, assets[1]));
        jobs.fund(others);
        vm.stopPrank();
        vm.prank(provider.addr);
        jobs.refund(terms, consumer.addr);
        fund(others);
        _checkPermission(assets[1], Permissions.Allows.Private, 4_000, 7_000, 4_000);
    }

    function test_the_largest_numbers_do_not_overflow() public free {
        _allow(1, Permissions.Allows.Private, type(uint32).max, type(uint32).max, _none);
        uint256 dp = _model(Permissions.Regime.Private, MOST, CID);
        vm.startPrank(address(jobs));
        for (uint256 i = 0; i < 4_294; ++i) {
            catalog.charge(bytes32(i), one(assets[1]), dp);
        }
        vm.stopPrank();
        (uint32[] memory samples,) = catalog.electorate(assets, EU, dp, Task.Train);
        assertEq(samples[1], 0);
        _checkPermission(assets[1], Permissions.Allows.Private, type(uint32).max, type(uint32).max, 4_294 * MOST);
    }

    /// @dev More members than a word of marks has, some of which keep a budget.
    function test_marks_beyond_the_first_word_are_kept_and_cleared() public {
        uint256 dp = _model(Permissions.Regime.Private, 3, CID);
        uint256[] memory many = wideTerms(600).assets;
        for (uint256 i = 0; i < 600; i += 85) {
            vm.prank(owners[0].addr);
            catalog.allow(many[i], Permissions.Allows.Private, 3, 3, _none);
        }
        vm.startPrank(address(jobs));
        catalog.charge("round", many, dp);
        for (uint256 i = 0; i < 600; ++i) {
            (,,, uint32 spent) = catalog.permissionOf(many[i]);
            assertEq(spent, i % 85 == 0 ? 3 : 0);
        }
        catalog.release("round", many, dp);
        catalog.release("round", many, dp);
        vm.stopPrank();
        for (uint256 i = 0; i < 600; i += 85) {
            (,,, uint32 spent) = catalog.permissionOf(many[i]);
            assertEq(spent, 0);
        }
    }

    /// @dev Terms over a private model; alice allows what all do, bob private training.
    function _private(uint32 epsilon) private returns (Terms memory terms) {
        terms = baseTerms();
        terms.model = _model(Permissions.Regime.Private, epsilon, CID);
        _allow(1, Permissions.Allows.Private, epsilon, 7_000, _none);
    }

    function _model(Permissions.Regime regime, uint32 epsilon, string memory package) private returns (uint256 id) {
        vm.prank(consumer.addr);
        id = catalog.registerModel(EU, regime, epsilon, package, CID);
        vm.prank(provider.addr);
        catalog.describe(id, CID);
    }

    function _allow(
        uint256 place,
        Permissions.Allows allows,
        uint32 epsilon,
        uint32 budget,
        string[] memory models
    ) private {
        vm.prank(owners[place].addr);
        catalog.allow(assets[place], allows, epsilon, budget, models);
    }

    function _list(string memory first, string memory second) private pure returns (string[] memory list) {
        list = new string[](2);
        (list[0], list[1]) = (first, second);
    }

    function _checkPermission(
        uint256 id,
        Permissions.Allows allows,
        uint32 epsilon,
        uint32 budget,
        uint32 spent
    ) private view {
        (Permissions.Allows is_, uint32 each, uint32 all, uint32 took) = catalog.permissionOf(id);
        assertTrue(is_ == allows && each == epsilon && all == budget && took == spent, "another permission");
    }
}
