// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Puppet} from "./EvilTokens.sol";
import {Polls} from "./base/Polls.sol";

/// @notice An owner that is a contract and answers as it likes when asked for its signature.
contract BadSigner {
    enum Manner {
        Nonsense,
        Short,
        Long,
        Reverts,
        Burns,
        Floods
    }

    Manner private immutable _manner;

    constructor(Manner manner) {
        _manner = manner;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        if (_manner == Manner.Nonsense) return abi.encode(bytes4(0xffffffff));
        if (_manner == Manner.Short) return abi.encodePacked(IERC1271.isValidSignature.selector);
        if (_manner == Manner.Long) return abi.encode(uint256(uint32(IERC1271.isValidSignature.selector)), 1);
        if (_manner == Manner.Reverts) revert("no");
        while (_manner == Manner.Burns && gasleft() > 0) {}
        return new bytes(200_000);
    }
}

/// @notice Ballots of contracts (ERC-1271): which count, and that a contract hurts only its own.
contract VotingSubmitForTest is Polls {
    Terms private _terms;
    bytes32 private _round;
    Puppet private _safe;

    function setUp() public override {
        super.setUp();
        _safe = new Puppet();
        sell(0, address(_safe));
        _terms = baseTerms();
        _round = open(_terms);
    }

    function test_a_contract_answers_by_what_it_says_it_signed() public {
        Voting.Ballot memory ballot = _signed(_safe, 0, 2, 3);
        Voting.Vote[] memory votes = new Voting.Vote[](1);
        votes[0] = Voting.Vote(assets[0], address(_safe), 2);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        vm.prank(stranger.addr);
        jobs.submitFor(address(_safe), _terms, ballot, "");
        checkAnswer(_round, 0, 2, true, 3);
    }

    function test_the_contract_is_asked_about_this_digest_and_signature() public {
        Voting.Ballot memory ballot = _signed(_safe, 0, 2, 3);
        bytes32 digest = jobs.ballotDigest(_round, assets[0], 2, 3, _terms.voteBy);
        vm.expectCall(
            address(_safe), abi.encodeCall(IERC1271.isValidSignature, (digest, "what it takes for a signature")), 1
        );
        jobs.submitFor(address(_safe), _terms, ballot, "what it takes for a signature");
    }

    function test_a_contract_may_be_a_delegate_without_a_last_word() public {
        vm.prank(owners[1].addr);
        catalog.delegate(address(_safe));
        jobs.submitFor(address(_safe), _terms, _signed(_safe, 1, 3, 1), "");
        checkAnswer(_round, 1, 3, false, 1);
        _refused(address(_safe), _signed(_safe, 1, 3, 255), Voting.Skipped.Final);
        vote(_terms, owners[1], 1, 1);
        _refused(address(_safe), _signed(_safe, 1, 3, 9), Voting.Skipped.Overruled);
    }

    function test_a_contract_says_its_last_word() public {
        jobs.submitFor(address(_safe), _terms, _signed(_safe, 0, REJECT, 255), "");
        _refused(address(_safe), _signed(_safe, 0, 1, 254), Voting.Skipped.Final);
        checkAnswer(_round, 0, REJECT, true, 255);
    }

    function test_what_the_contract_did_not_sign_does_not_count() public {
        Voting.Ballot memory ballot = _signed(_safe, 0, 2, 3);
        ballot.choice = 1;
        _refused(address(_safe), ballot, Voting.Skipped.Signature);
        (ballot.choice, ballot.nonce) = (2, 4);
        _refused(address(_safe), ballot, Voting.Skipped.Signature);
        (ballot.nonce, ballot.position) = (3, 1);
        _refused(address(_safe), ballot, Voting.Skipped.Signature);
        (ballot.position, ballot.deadline) = (0, ballot.deadline + 1);
        _refused(address(_safe), ballot, Voting.Skipped.Signature);
    }

    function test_a_contract_that_is_neither_owner_nor_delegate_has_no_vote() public {
        Puppet other = new Puppet();
        _refused(address(other), _signed(other, 0, 1, 1), Voting.Skipped.Voter);
    }

    function test_a_contracts_ballot_obeys_the_same_rules_as_any() public {
        _refused(address(_safe), _signed(_safe, 5, 1, 1), Voting.Skipped.Position);
        _refused(address(_safe), _signed(_safe, 0, 4, 1), Voting.Skipped.Choice);
        _refused(address(_safe), _signed(_safe, 0, 1, 0), Voting.Skipped.Nonce);
        Voting.Ballot memory ballot = _signed(_safe, 0, 1, 5);
        jobs.submitFor(address(_safe), _terms, ballot, "");
        _refused(address(_safe), ballot, Voting.Skipped.Nonce);
        _refused(address(_safe), _signed(_safe, 0, 1, 4), Voting.Skipped.Nonce);
    }

    function test_a_contracts_ballot_expires() public {
        Voting.Ballot memory ballot = Voting.Ballot(0, 1, 1, uint40(block.timestamp + 5), 0, 0);
        _safe.sign(jobs.ballotDigest(_round, assets[0], 1, 1, ballot.deadline), true);
        vm.warp(ballot.deadline + 1);
        _refused(address(_safe), ballot, Voting.Skipped.Expired);
        vm.warp(ballot.deadline);
        jobs.submitFor(address(_safe), _terms, ballot, "");
    }

    function test_an_account_without_code_is_not_asked() public {
        Voting.Ballot memory ballot = ballotOf(_terms, owners[1], 1, 1, 1);
        _refused(owners[1].addr, ballot, Voting.Skipped.Signature);
        _refused(address(0), ballot, Voting.Skipped.Signature);
        _refused(address(4), ballot, Voting.Skipped.Signature); // which answers what it is asked
    }

    function test_a_contract_that_answers_nonsense_hurts_only_its_own_call() public {
        for (uint8 manner = 0; manner < 6; ++manner) {
            BadSigner bad = new BadSigner(BadSigner.Manner(manner));
            sell(1 + manner % 4, address(bad));
            Voting.Ballot memory ballot = Voting.Ballot(1 + manner % 4, 1, 1, _terms.voteBy, 0, 0);
            expectRefused(Voting.Skipped.Signature);
            jobs.submitFor{gas: 3_000_000}(address(bad), _terms, ballot, "");
            vm.prank(address(bad));
            catalog.transferFrom(address(bad), owners[1 + manner % 4].addr, ballot.position + 1);
        }
        jobs.submitFor(address(_safe), _terms, _signed(_safe, 0, 2, 3), "");
        vote(_terms, owners[1], 1, 1);
        close(_terms);
    }

    function test_no_contract_is_asked_when_others_vote_or_a_round_closes() public {
        sell(1, address(new BadSigner(BadSigner.Manner.Burns)));
        Voting.Ballot[] memory ballots = new Voting.Ballot[](2);
        ballots[0] = Voting.Ballot(1, 1, 1, _terms.voteBy, "r", "s");
        ballots[1] = ballotOf(_terms, owners[2], 2, 1, 1);
        vote(_terms, owners[3], 3, 1);
        jobs.submit{gas: 1_000_000}(_terms, ballots);
        checkAnswer(_round, 2, 1, true, 1);
        vm.warp(_terms.voteBy + 1);
        jobs.close{gas: 1_000_000}(_terms);
        assertEq(uint256(jobs.roundOf(_round).samples), 700);
    }

    function _refused(address voter, Voting.Ballot memory ballot, Voting.Skipped reason) private {
        expectRefused(reason);
        jobs.submitFor(voter, _terms, ballot, "");
    }

    /// @dev A ballot that a contract says it signed.
    function _signed(Puppet signer, uint16 position, uint8 choice, uint8 nonce)
        private
        returns (Voting.Ballot memory)
    {
        uint256 asset = position < 5 ? assets[position] : 0;
        signer.sign(jobs.ballotDigest(_round, asset, choice, nonce, _terms.voteBy), true);
        return Voting.Ballot(position, choice, nonce, _terms.voteBy, 0, 0);
    }
}
