// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DevToken} from "../../devnet/DevToken.sol";
import {Catalog} from "../../src/Catalog.sol";
import {Jobs} from "../../src/Jobs.sol";
import {Permissions} from "../../src/Permissions.sol";
import {Rounds} from "../../src/Rounds.sol";
import {NO_RESERVE, REJECT, Task, Terms} from "../../src/Terms.sol";
import {Voting} from "../../src/Voting.sol";
import {Test} from "./Test.sol";

/// @title A market with its cast, as most tests begin
/// @notice Five owners with one data asset each (100, 200, 300, 400 and 150 samples; dave has a
/// reserve of 20), a consumer with a model and money, two providers, a stranger.
abstract contract Market is Test {
    string internal constant CID = "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    uint24 internal constant EU = 1;
    uint24 internal constant US = 2;
    uint96 internal constant FEE_CAP = 5_000;

    DevToken internal token;
    Jobs internal jobs;
    Catalog internal catalog;

    Account internal consumer;
    Account internal provider;
    Account internal rival;
    Account internal stranger;
    Account[] internal owners;
    uint256[] internal assets;
    uint256 internal model;

    function setUp() public virtual {
        token = new DevToken(1e30);
        deployMarket(token);
        consumer = makeAccount("consumer");
        provider = makeAccount("provider");
        rival = makeAccount("rival");
        stranger = makeAccount("stranger");
        vm.prank(provider.addr);
        catalog.announce("EU", 5);
        vm.prank(rival.addr);
        catalog.announce("US", 4);
        uint32[5] memory samples = [uint32(100), 200, 300, 400, 150];
        string[5] memory names = ["alice", "bob", "carol", "dave", "erin"];
        for (uint256 i = 0; i < 5; ++i) {
            owners.push(makeAccount(names[i]));
            assets.push(offer(owners[i], samples[i], i == 3 ? 20 : NO_RESERVE));
        }
        model = offerModel(consumer);
        require(token.transfer(consumer.addr, 1e12));
    }

    /// @notice Deploy the market's contracts over another token.
    function deployMarket(IERC20 money) internal {
        jobs = new Jobs(money);
        catalog = jobs.catalog();
    }

    /// @notice Register a data asset and have it described.
    function offer(Account memory owner, uint32 samples, uint80 reserve) internal returns (uint256 asset) {
        vm.prank(owner.addr);
        asset = catalog.registerData(EU, samples, reserve, CID, CID);
        vm.prank(provider.addr);
        catalog.describe(asset, CID);
    }

    /// @notice Register a model asset and have it described.
    function offerModel(Account memory owner) internal returns (uint256 asset) {
        vm.prank(owner.addr);
        asset = catalog.registerModel(EU, Permissions.Regime.Loop, 0, CID, CID);
        vm.prank(provider.addr);
        catalog.describe(asset, CID);
    }

    /// @notice The terms that the tests start from: all five assets, 10, 20 or 30 a sample.
    function baseTerms() internal view returns (Terms memory terms) {
        uint80[] memory ladder = new uint80[](3);
        (ladder[0], ladder[1], ladder[2]) = (10, 20, 30);
        terms = Terms({
            consumer: consumer.addr,
            model: model,
            provider: EU,
            assets: assets,
            ladder: ladder,
            task: Task.Train,
            method: "shapley",
            seed: 7,
            quorum: 5_000,
            threshold: 7_000,
            minSamples: 1,
            feeCap: FEE_CAP,
            voteBy: uint40(block.timestamp + 1 days),
            fundBy: uint40(block.timestamp + 2 days),
            settleBy: uint40(block.timestamp + 3 days)
        });
    }

    function open(Terms memory terms) internal returns (bytes32 round) {
        vm.prank(terms.consumer);
        round = jobs.open(terms);
    }

    /// @notice Answer directly for one position.
    function vote(Terms memory terms, Account memory voter, uint16 position, uint8 choice) internal {
        vm.prank(voter.addr);
        jobs.vote(terms, seat(position), choice, false);
    }

    /// @notice Sign a ballot, in the short form.
    function ballotOf(Terms memory terms, Account memory voter, uint16 position, uint8 choice, uint8 nonce)
        internal
        view
        returns (Voting.Ballot memory ballot)
    {
        ballot = Voting.Ballot(position, choice, nonce, terms.voteBy, 0, 0);
        uint256 asset = position < terms.assets.length ? terms.assets[position] : 0;
        bytes32 digest = jobs.ballotDigest(jobs.idOf(terms), asset, choice, nonce, terms.voteBy);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(voter.key, digest);
        ballot.r = r;
        ballot.vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
    }

    /// @notice Let the vote end, and close. With the answers of `priceRound` 20 a sample for 700.
    function close(Terms memory terms) internal {
        vm.warp(terms.voteBy + 1);
        jobs.close(terms);
    }

    /// @notice alice, bob and carol name 10, 20 and 30; dave's reserve answers 20; erin is silent.
    function priceRound(Terms memory terms) internal returns (bytes32 round) {
        round = open(terms);
        for (uint16 i = 0; i < 3; ++i) {
            vote(terms, owners[i], i, uint8(i + 1));
        }
        close(terms);
    }

    /// @notice Allow just what is due, and pay it.
    function fund(Terms memory terms) internal {
        Rounds.Round memory round = jobs.roundOf(jobs.idOf(terms));
        vm.startPrank(terms.consumer);
        token.approve(address(jobs), uint256(round.samples) * round.unitPrice + terms.feeCap);
        jobs.fund(terms);
        vm.stopPrank();
    }

    /// @notice Shares for the dataset of `priceRound`: alice, bob and dave by their samples.
    function baseShares() internal pure returns (uint32[] memory shares) {
        shares = new uint32[](5);
        (shares[0], shares[1], shares[3]) = (142_857_143, 285_714_286, 571_428_571);
    }

    function settle(Terms memory terms, uint32[] memory shares, uint96 fee) internal {
        vm.prank(provider.addr);
        jobs.settle(terms, shares, fee, CID, CID);
    }

    function seat(uint16 position) internal pure returns (uint16[] memory list) {
        list = new uint16[](1);
        list[0] = position;
    }

    function one(uint256 asset) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = asset;
    }
}
