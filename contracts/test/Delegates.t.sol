// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice The votes of a club: 100 for each of the accounts that it starts with.
contract ClubVotes is ERC20Votes {
    constructor(address[] memory holders) ERC20("Club", "CLUB") EIP712("Club", "1") {
        for (uint256 i = 0; i < holders.length; ++i) {
            _mint(holders[i], 100);
        }
    }
}

/// @notice The smallest Governor that OpenZeppelin's parts make: simple counting, 101 votes needed.
contract Club is Governor, GovernorCountingSimple, GovernorVotes {
    constructor(IVotes votes) Governor("Club") GovernorVotes(votes) {}

    function votingDelay() public pure override returns (uint256) {
        return 1;
    }

    function votingPeriod() public pure override returns (uint256) {
        return 50;
    }

    function quorum(uint256) public pure override returns (uint256) {
        return 101;
    }
}

/// @notice A Governor of OpenZeppelin as the delegate of owners: what it executes counts in the round.
contract DelegatesGovernorTest is Market {
    uint256 private constant AGAINST = 0;
    uint256 private constant FOR = 1;

    Club private _club;

    function setUp() public override {
        super.setUp();
        address[] memory holders = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            holders[i] = owners[i].addr;
        }
        ClubVotes votes = new ClubVotes(holders);
        _club = new Club(votes);
        for (uint256 i = 0; i < 3; ++i) {
            vm.startPrank(holders[i]);
            votes.delegate(holders[i]);
            catalog.delegate(address(_club));
            vm.stopPrank();
        }
        vm.roll(10);
    }

    function test_a_governor_answers_for_the_owners_who_named_it() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        propose(terms, 2, "20 a sample");
        decide(terms, 2, "20 a sample", FOR);
        Voting.Vote[] memory votes = new Voting.Vote[](3);
        for (uint256 i = 0; i < 3; ++i) {
            votes[i] = Voting.Vote(assets[i], address(_club), 2);
        }
        vm.expectEmit(address(jobs));
        emit Voting.Voted(round, votes);
        execute(terms, 2, "20 a sample");
        assertChoices(round, 2, 2, 2);
        close(terms); // dave's reserve answers for him too
        assertEq(uint256(jobs.roundOf(round).samples), 1_000);
        assertEq(uint256(jobs.roundOf(round).unitPrice), 20);
    }

    function test_a_governor_whose_vote_was_lost_answers_nothing() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        propose(terms, 2, "20 a sample");
        decide(terms, 2, "20 a sample", AGAINST);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        execute(terms, 2, "20 a sample");
        assertChoices(round, 0, 0, 0);
    }

    function test_an_owners_own_answer_stands_above_the_governors() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        propose(terms, 1, "10 a sample");
        decide(terms, 1, "10 a sample", FOR);
        vote(terms, owners[0], 0, 3);
        execute(terms, 1, "10 a sample");
        assertChoices(round, 3, 1, 1);
        vote(terms, owners[1], 1, 3);
        assertChoices(round, 3, 3, 1);
    }

    function test_a_governor_that_its_owners_left_is_refused_and_may_try_again() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        propose(terms, 1, "10 a sample");
        decide(terms, 1, "10 a sample", FOR);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(owners[i].addr);
            catalog.delegate(address(0));
        }
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Voter));
        execute(terms, 1, "10 a sample");
        vm.prank(owners[2].addr);
        catalog.delegate(address(_club));
        execute(terms, 1, "10 a sample");
        assertChoices(round, 0, 0, 1);
    }

    function test_a_governor_whose_vote_ends_after_the_round_is_too_late() public {
        Terms memory terms = baseTerms();
        open(terms);
        propose(terms, 1, "10 a sample");
        decide(terms, 1, "10 a sample", FOR);
        vm.warp(terms.voteBy + 1);
        vm.expectRevert(abi.encodeWithSelector(Voting.VotingOver.selector, terms.voteBy));
        execute(terms, 1, "10 a sample");
    }

    /// @dev What a Governor executes: one call of `vote` for the first three positions.
    function action(Terms memory terms, uint8 choice)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        uint16[] memory positions = new uint16[](3);
        (positions[0], positions[1], positions[2]) = (0, 1, 2);
        targets = new address[](1);
        targets[0] = address(jobs);
        values = new uint256[](1);
        calls = new bytes[](1);
        calls[0] = abi.encodeCall(Voting.vote, (terms, positions, choice, false));
    }

    function propose(Terms memory terms, uint8 choice, string memory why) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = action(terms, choice);
        vm.prank(owners[0].addr);
        _club.propose(targets, values, calls, why);
    }

    /// @dev Have two of the three vote, and the vote end.
    function decide(Terms memory terms, uint8 choice, string memory why, uint256 support) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = action(terms, choice);
        uint256 id = _club.hashProposal(targets, values, calls, keccak256(bytes(why)));
        vm.roll(_club.proposalSnapshot(id) + 1);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(owners[i].addr);
            _club.castVote(id, uint8(support));
        }
        vm.roll(_club.proposalDeadline(id) + 1);
    }

    function execute(Terms memory terms, uint8 choice, string memory why) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = action(terms, choice);
        _club.execute(targets, values, calls, keccak256(bytes(why)));
    }

    function assertChoices(bytes32 round, uint256 first, uint256 second, uint256 third) private view {
        uint8[] memory choices = jobs.choicesOf(round, 5);
        assertEq(uint256(choices[0]), first);
        assertEq(uint256(choices[1]), second);
        assertEq(uint256(choices[2]), third);
        assertEq(uint256(choices[3]), 0);
        assertEq(uint256(choices[4]), 0);
    }
}
