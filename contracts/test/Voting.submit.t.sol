// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {REJECT, Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Polls} from "./base/Polls.sol";

/// @notice Ballots that others signed: which count, and that a bad one hurts no other.
contract VotingSubmitTest is Polls {
    /// @dev Half of the order of secp256k1: a signature's s is not above it.
    uint256 private constant HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    Terms private _terms;
    bytes32 private _round;

    function setUp() public override {
        super.setUp();
        _terms = baseTerms();
        _round = open(_terms);
    }

    // --- what counts

    function test_anybody_submits_the_ballots_of_many_and_each_is_its_signers() public {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](3);
        ballots[0] = ballotOf(_terms, owners[4], 4, 1, 7);
        ballots[1] = ballotOf(_terms, owners[0], 0, 3, 1);
        ballots[2] = ballotOf(_terms, owners[2], 2, REJECT, 255);
        Voting.Vote[] memory votes = new Voting.Vote[](3);
        votes[0] = Voting.Vote(assets[4], owners[4].addr, 1);
        votes[1] = Voting.Vote(assets[0], owners[0].addr, 3);
        votes[2] = Voting.Vote(assets[2], owners[2].addr, REJECT);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        vm.prank(stranger.addr);
        jobs.submit(_terms, ballots);
        checkAnswer(_round, 4, 1, true, 7);
        checkAnswer(_round, 0, 3, true, 1);
        checkAnswer(_round, 2, REJECT, true, 255);
    }

    function test_the_digest_is_that_of_eip712() public view {
        bytes32 domain = _domain("ViSDM", "1", block.chainid, address(jobs));
        bytes32 inner = _inner(_round, assets[1], 2, 3, 4);
        assertEq(
            jobs.ballotDigest(_round, assets[1], 2, 3, 4), keccak256(abi.encodePacked("\x19\x01", domain, inner))
        );
    }

    function test_no_ballots_change_and_tell_nothing() public {
        vm.recordLogs();
        jobs.submit(_terms, new Voting.Ballot[](0));
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_bad_ballots_amid_good_ones_are_told_by_index_and_the_good_ones_count() public {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](6);
        ballots[0] = ballotOf(_terms, stranger, 0, 1, 1);
        ballots[1] = ballotOf(_terms, owners[1], 1, 1, 1);
        ballots[2] = ballotOf(_terms, owners[1], 1, 2, 1);
        ballots[3] = ballotOf(_terms, owners[2], 9, 1, 1);
        ballots[4] = ballotOf(_terms, owners[4], 4, 2, 1);
        ballots[5] = ballotOf(_terms, owners[0], 0, 4, 1);
        expectSkipped(_round, 0, Voting.Skipped.Voter);
        expectSkipped(_round, 2, Voting.Skipped.Nonce);
        expectSkipped(_round, 3, Voting.Skipped.Position);
        expectSkipped(_round, 5, Voting.Skipped.Choice);
        Voting.Vote[] memory votes = new Voting.Vote[](2);
        votes[0] = Voting.Vote(assets[1], owners[1].addr, 1);
        votes[1] = Voting.Vote(assets[4], owners[4].addr, 2);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(_round, votes);
        jobs.submit(_terms, ballots);
        checkAnswer(_round, 1, 1, true, 1);
        checkAnswer(_round, 4, 2, true, 1);
        checkAnswer(_round, 0, 0, false, 0);
    }

    // --- nonces

    function test_a_ballot_counts_once_and_only_above_the_one_it_replaces() public {
        uint8[6] memory nonces = [5, 5, 4, 1, 6, 254];
        bool[6] memory counts = [true, false, false, false, true, true];
        for (uint8 i = 0; i < 6; ++i) {
            uint8 choice = 1 + i % 3;
            _submit(
                ballotOf(_terms, owners[0], 0, choice, nonces[i]),
                counts[i] ? Voting.Skipped.No : Voting.Skipped.Nonce
            );
            if (counts[i]) checkAnswer(_round, 0, choice, true, nonces[i]);
        }
        _submit(ballotOf(_terms, owners[0], 0, 2, 255), Voting.Skipped.No);
        checkAnswer(_round, 0, 2, true, 255);
    }

    function test_a_ballot_without_a_number_does_not_count() public {
        _submit(ballotOf(_terms, owners[0], 0, 1, 0), Voting.Skipped.Nonce);
    }

    function test_a_replayed_ballot_does_not_undo_a_direct_vote() public {
        Voting.Ballot memory ballot = ballotOf(_terms, owners[0], 0, 1, 1);
        _submit(ballot, Voting.Skipped.No);
        vote(_terms, owners[0], 0, 3);
        _submit(ballot, Voting.Skipped.Nonce);
        checkAnswer(_round, 0, 3, true, 2);
    }

    function test_a_last_word_stands_against_ballots_and_votes() public {
        _submit(ballotOf(_terms, owners[0], 0, 1, 255), Voting.Skipped.No);
        _submit(ballotOf(_terms, owners[0], 0, 2, 255), Voting.Skipped.Final);
        _submit(ballotOf(_terms, owners[0], 0, 2, 254), Voting.Skipped.Final);
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Final));
        vote(_terms, owners[0], 0, 2);
        checkAnswer(_round, 0, 1, true, 255);
    }

    function test_a_direct_vote_is_still_possible_after_the_highest_number_but_the_last() public {
        _submit(ballotOf(_terms, owners[0], 0, 1, 254), Voting.Skipped.No);
        vote(_terms, owners[0], 0, 3);
        checkAnswer(_round, 0, 3, true, 254);
        _submit(ballotOf(_terms, owners[0], 0, 1, 254), Voting.Skipped.Nonce);
        _submit(ballotOf(_terms, owners[0], 0, 2, 255), Voting.Skipped.No);
        checkAnswer(_round, 0, 2, true, 255);
    }

    // --- delegates

    function test_a_delegates_ballot_counts_until_the_owners_whatever_their_numbers() public {
        delegate(owners[0], stranger);
        _submit(ballotOf(_terms, stranger, 0, 3, 200), Voting.Skipped.No);
        checkAnswer(_round, 0, 3, false, 200);
        _submit(ballotOf(_terms, stranger, 0, 2, 200), Voting.Skipped.Nonce);
        _submit(ballotOf(_terms, owners[0], 0, 1, 1), Voting.Skipped.No);
        checkAnswer(_round, 0, 1, true, 1);
        _submit(ballotOf(_terms, stranger, 0, 2, 254), Voting.Skipped.Overruled);
        _submit(ballotOf(_terms, stranger, 0, 2, 255), Voting.Skipped.Overruled);
        checkAnswer(_round, 0, 1, true, 1);
    }

    function test_a_delegate_has_no_last_word() public {
        delegate(owners[0], stranger);
        _submit(ballotOf(_terms, stranger, 0, 3, 255), Voting.Skipped.Final);
        checkAnswer(_round, 0, 0, false, 0);
    }

    function test_a_sellers_ballots_do_not_count_after_the_sale() public {
        Voting.Ballot memory later = ballotOf(_terms, owners[0], 0, 1, 9);
        sell(0, stranger.addr);
        _submit(later, Voting.Skipped.Voter);
        _submit(ballotOf(_terms, stranger, 0, 2, 1), Voting.Skipped.No);
    }

    // --- time

    function test_a_ballot_counts_until_its_own_deadline() public {
        uint40 deadline = uint40(_terms.voteBy - 10);
        Voting.Ballot memory ballot = _until(deadline);
        vm.warp(deadline + 1);
        _submit(ballot, Voting.Skipped.Expired);
        vm.warp(deadline);
        _submit(ballot, Voting.Skipped.No);
    }

    function test_no_ballot_counts_after_the_vote() public {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](1);
        ballots[0] = _until(type(uint40).max);
        vm.warp(_terms.voteBy + 1);
        vm.expectRevert(abi.encodeWithSelector(Voting.VotingOver.selector, _terms.voteBy));
        jobs.submit(_terms, ballots);
        vm.expectRevert(abi.encodeWithSelector(Voting.VotingOver.selector, _terms.voteBy));
        jobs.submitFor(owners[0].addr, _terms, ballots[0], "");
        close(_terms);
        vm.expectRevert(abi.encodeWithSelector(Voting.RoundNotOpen.selector, _round));
        jobs.submit(_terms, ballots);
    }

    // --- signatures

    function test_a_ballot_for_another_round_asset_choice_number_or_time_does_not_count() public {
        uint256 end = _terms.voteBy;
        bytes32 other = "another";
        bytes32[5] memory inner = [
            _inner(other, assets[0], 2, 1, end),
            _inner(_round, assets[1], 2, 1, end),
            _inner(_round, assets[0], 1, 1, end),
            _inner(_round, assets[0], 2, 2, end),
            _inner(_round, assets[0], 2, 1, end - 1)
        ];
        for (uint256 i = 0; i < 5; ++i) {
            _submitSigned(_domain("ViSDM", "1", block.chainid, address(jobs)), inner[i], Voting.Skipped.Voter);
        }
        bytes32 right = _inner(_round, assets[0], 2, 1, end);
        _submitSigned(_domain("ViSDM", "1", block.chainid, address(jobs)), right, Voting.Skipped.No);
    }

    function test_a_ballot_for_another_chain_contract_or_product_does_not_count() public {
        bytes32 inner = _inner(_round, assets[0], 2, 1, _terms.voteBy);
        bytes32[4] memory domains = [
            _domain("ViSDM", "1", block.chainid + 1, address(jobs)),
            _domain("ViSDM", "1", block.chainid, address(catalog)),
            _domain("ViSDM", "2", block.chainid, address(jobs)),
            _domain("Other", "1", block.chainid, address(jobs))
        ];
        for (uint256 i = 0; i < 4; ++i) {
            // Another signer comes out than the owner.
            _submitSigned(domains[i], inner, Voting.Skipped.Voter);
        }
        _submitSigned(_domain("ViSDM", "1", block.chainid, address(jobs)), inner, Voting.Skipped.No);
    }

    function test_a_signature_with_a_high_s_does_not_count() public {
        Voting.Ballot memory ballot = ballotOf(_terms, owners[0], 0, 1, 1);
        for (uint256 parity = 0; parity < 2; ++parity) {
            ballot.vs = bytes32((HALF + 1) | (parity << 255));
            _submit(ballot, Voting.Skipped.Signature);
            ballot.vs = bytes32((type(uint256).max >> 1) | (parity << 255));
            _submit(ballot, Voting.Skipped.Signature);
        }
    }

    function test_a_malformed_signature_does_not_count() public {
        Voting.Ballot memory ballot = ballotOf(_terms, owners[0], 0, 1, 1);
        (bytes32 r, bytes32 vs) = (ballot.r, ballot.vs);
        (ballot.r, ballot.vs) = (0, 0);
        _submit(ballot, Voting.Skipped.Signature);
        (ballot.r, ballot.vs) = (bytes32(type(uint256).max), vs);
        _submit(ballot, Voting.Skipped.Signature);
        (ballot.r, ballot.vs) = (r, vs ^ bytes32(uint256(1 << 255))); // the other parity
        _submit(ballot, Voting.Skipped.Voter);
        ballot.vs = vs;
        _submit(ballot, Voting.Skipped.No);
    }

    function test_random_signatures_never_count(bytes32 r, bytes32 vs) public {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](1);
        ballots[0] = Voting.Ballot(0, 1, 1, _terms.voteBy, r, vs);
        jobs.submit(_terms, ballots);
        checkAnswer(_round, 0, 0, false, 0);
    }

    function _submit(Voting.Ballot memory ballot, Voting.Skipped reason) private {
        Voting.Ballot[] memory ballots = new Voting.Ballot[](1);
        ballots[0] = ballot;
        if (reason != Voting.Skipped.No) expectSkipped(_round, 0, reason);
        vm.recordLogs(); // after the one that is expected, which the test itself emits
        jobs.submit(_terms, ballots);
        assertEq(vm.getRecordedLogs().length, 1, "skipped, or told as voted");
    }

    /// @dev Alice's ballot for 20 with a deadline.
    function _until(uint40 deadline) private view returns (Voting.Ballot memory) {
        (bytes32 r, bytes32 vs) = signIn(
            owners[0],
            _domain("ViSDM", "1", block.chainid, address(jobs)),
            _inner(_round, assets[0], 2, 1, deadline)
        );
        return Voting.Ballot(0, 2, 1, deadline, r, vs);
    }

    function _submitSigned(bytes32 domain, bytes32 inner, Voting.Skipped reason) private {
        (bytes32 r, bytes32 vs) = signIn(owners[0], domain, inner);
        _submit(Voting.Ballot(0, 2, 1, _terms.voteBy, r, vs), reason);
    }

    function _domain(string memory name, string memory version, uint256 chain, address home)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chain,
                home
            )
        );
    }

    function _inner(bytes32 round, uint256 asset, uint256 choice, uint256 nonce, uint256 deadline)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256("Ballot(bytes32 round,uint256 asset,uint8 choice,uint8 nonce,uint40 deadline)"),
                round,
                asset,
                choice,
                nonce,
                deadline
            )
        );
    }
}
