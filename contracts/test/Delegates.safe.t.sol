// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Safe} from "@safe-global/safe-smart-account/contracts/Safe.sol";
import {
    CompatibilityFallbackHandler
} from "@safe-global/safe-smart-account/contracts/handler/CompatibilityFallbackHandler.sol";
import {ISafe} from "@safe-global/safe-smart-account/contracts/interfaces/ISafe.sol";
import {Enum} from "@safe-global/safe-smart-account/contracts/libraries/Enum.sol";
import {SignMessageLib} from "@safe-global/safe-smart-account/contracts/libraries/SignMessageLib.sol";
import {SafeProxyFactory} from "@safe-global/safe-smart-account/contracts/proxies/SafeProxyFactory.sol";
import {SupplierDAO} from "../src/SupplierDAO.sol";
import {Terms} from "../src/Terms.sol";
import {Voting} from "../src/Voting.sol";
import {Market} from "./base/Market.sol";

/// @notice A Safe of two out of three, as the delegate of owners and as an owner: it answers by
/// transaction, or by a ballot that it says is its own (ERC-1271) and that anybody submits.
contract DelegatesSafeTest is Market {
    Safe private _safe;
    CompatibilityFallbackHandler private _handler;
    Account[] private _signers; // in the order of their addresses, as a Safe wants them

    function setUp() public override {
        super.setUp();
        string[3] memory names = ["sam", "tess", "uma"];
        for (uint256 i = 0; i < 3; ++i) {
            _signers.push(makeAccount(names[i]));
            for (uint256 j = i; j > 0 && _signers[j].addr < _signers[j - 1].addr; --j) {
                Account memory below = _signers[j];
                _signers[j] = _signers[j - 1];
                _signers[j - 1] = below;
            }
        }
        address[] memory members = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            members[i] = _signers[i].addr;
        }
        _handler = new CompatibilityFallbackHandler();
        bytes memory start = abi.encodeCall(
            Safe.setup, (members, 2, address(0), "", address(_handler), address(0), 0, payable(address(0)))
        );
        address single = address(new Safe());
        _safe = Safe(payable(address(new SafeProxyFactory().createProxyWithNonce(single, start, 1))));
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(owners[i].addr);
            catalog.delegate(address(_safe));
        }
    }

    // --- by transaction

    function test_two_of_three_answer_by_transaction_for_all_who_named_the_safe() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        bytes memory call = voteCall(terms, 2);
        Voting.Vote[] memory votes = new Voting.Vote[](2);
        (votes[0], votes[1]) = (Voting.Vote(assets[0], address(_safe), 2), Voting.Vote(assets[1], address(_safe), 2));
        bytes memory signatures = signed(transaction(address(jobs), call, Enum.Operation.Call), 0, 2);
        vm.expectEmit(address(jobs));
        emit Voting.Voted(round, votes);
        send(address(jobs), call, Enum.Operation.Call, signatures);
        assertAnswer(round, 0, 2, false);
        assertAnswer(round, 1, 2, false);
        assertAnswer(round, 2, 0, false);
    }

    function test_one_of_three_does_not_answer_by_transaction() public {
        Terms memory terms = baseTerms();
        open(terms);
        bytes memory call = voteCall(terms, 2);
        bytes memory alone = sign(_signers[0], transaction(address(jobs), call, Enum.Operation.Call));
        vm.expectRevert(bytes("GS020"));
        send(address(jobs), call, Enum.Operation.Call, alone);
    }

    function test_a_safe_that_nobody_named_is_refused_and_its_nonce_is_not_used() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(owners[i].addr);
            catalog.delegate(address(0));
        }
        Terms memory terms = baseTerms();
        open(terms);
        bytes memory call = voteCall(terms, 2);
        bytes memory signatures = signed(transaction(address(jobs), call, Enum.Operation.Call), 0, 1);
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Voter));
        send(address(jobs), call, Enum.Operation.Call, signatures);
        assertEq(_safe.nonce(), 0);
    }

    // --- by ballot

    function test_two_of_three_sign_a_ballot_and_anybody_submits_it() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        bytes memory signatures = signed(messageOf(terms, ballot), 1, 2);
        vm.prank(stranger.addr);
        jobs.submitFor(address(_safe), terms, ballot, signatures);
        assertAnswer(round, 0, 2, false);
    }

    function test_one_of_three_does_not_sign_a_ballot() public {
        Terms memory terms = baseTerms();
        open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        bytes32 message = messageOf(terms, ballot);
        checkNoSignature(terms, ballot, sign(_signers[0], message));
        checkNoSignature(terms, ballot, bytes.concat(sign(_signers[0], message), sign(_signers[0], message)));
        checkNoSignature(terms, ballot, "");
    }

    function test_who_is_not_of_the_safe_does_not_sign_for_it() public {
        Terms memory terms = baseTerms();
        open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        bytes32 message = messageOf(terms, ballot);
        checkNoSignature(terms, ballot, bytes.concat(sign(stranger, message), sign(_signers[2], message)));
        checkNoSignature(terms, ballot, bytes.concat(sign(_signers[0], message), sign(stranger, message)));
    }

    function test_a_safes_ballot_is_for_its_round_asset_choice_number_and_time_only() public {
        Terms memory terms = baseTerms();
        open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        bytes memory signatures = signed(messageOf(terms, ballot), 0, 1);
        ballot.choice = 1;
        checkNoSignature(terms, ballot, signatures);
        (ballot.choice, ballot.position) = (2, 1); // the Safe speaks for that one too
        checkNoSignature(terms, ballot, signatures);
        (ballot.position, ballot.nonce) = (0, 2);
        checkNoSignature(terms, ballot, signatures);
        (ballot.nonce, ballot.deadline) = (1, terms.voteBy + 1);
        checkNoSignature(terms, ballot, signatures);
        ballot.deadline = terms.voteBy;
        terms.seed = 8;
        open(terms);
        checkNoSignature(terms, ballot, signatures);
    }

    /// @dev What the signers would sign without the Safe's own domain around it counts nothing: it could
    /// be used for another Safe of the same signers.
    function test_the_bare_digest_of_a_ballot_signed_by_two_does_not_count() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        bytes32 digest = jobs.ballotDigest(round, assets[0], 2, 1, terms.voteBy);
        checkNoSignature(terms, ballot, signed(digest, 0, 1));
    }

    function test_a_safes_ballot_counts_once() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Voting.Ballot memory first = Voting.Ballot(0, 2, 1, terms.voteBy, 0, 0);
        Voting.Ballot memory second = Voting.Ballot(0, 3, 2, terms.voteBy, 0, 0);
        bytes memory old = signed(messageOf(terms, first), 0, 1);
        jobs.submitFor(address(_safe), terms, first, old);
        jobs.submitFor(address(_safe), terms, second, signed(messageOf(terms, second), 0, 1));
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Nonce));
        jobs.submitFor(address(_safe), terms, first, old);
        assertAnswer(round, 0, 3, false);
    }

    function test_a_ballot_signed_on_the_chain_needs_no_signatures() public {
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(1, 3, 1, terms.voteBy, 0, 0);
        bytes32 digest = jobs.ballotDigest(round, assets[1], 3, 1, terms.voteBy);
        checkNoSignature(terms, ballot, "");
        address library_ = address(new SignMessageLib());
        bytes memory call = abi.encodeCall(SignMessageLib.signMessage, (abi.encode(digest)));
        bytes memory signatures = signed(transaction(library_, call, Enum.Operation.DelegateCall), 0, 1);
        send(library_, call, Enum.Operation.DelegateCall, signatures);
        jobs.submitFor(address(_safe), terms, ballot, "");
        assertAnswer(round, 1, 3, false);
    }

    // --- as an owner

    function test_a_safe_that_owns_an_asset_answers_for_itself_above_its_delegate() public {
        vm.prank(owners[2].addr);
        catalog.safeTransferFrom(owners[2].addr, address(_safe), assets[2]);
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        Voting.Ballot memory ballot = Voting.Ballot(2, 1, 255, terms.voteBy, 0, 0);
        jobs.submitFor(address(_safe), terms, ballot, signed(messageOf(terms, ballot), 0, 2));
        assertAnswer(round, 2, 1, true);
    }

    function test_a_safe_sits_in_a_council() public {
        address[] memory council = new address[](1);
        council[0] = address(_safe);
        SupplierDAO dao = new SupplierDAO(jobs, "Ward", SupplierDAO.Rule(0, 5_001, 1 hours), council);
        vm.prank(owners[4].addr);
        catalog.delegate(address(dao));
        Terms memory terms = baseTerms();
        bytes32 round = open(terms);
        act(address(dao), abi.encodeCall(SupplierDAO.propose, (terms, 0)));
        act(address(dao), abi.encodeCall(SupplierDAO.vote, (terms, seat(0), 3)));
        vm.warp(dao.proposalOf(round).closes + 1);
        dao.execute(terms, seat(4));
        assertAnswer(round, 4, 3, false);
    }

    // --- the words of a Safe

    function voteCall(Terms memory terms, uint8 choice) private pure returns (bytes memory) {
        uint16[] memory positions = new uint16[](2);
        positions[1] = 1;
        return abi.encodeCall(Voting.vote, (terms, positions, choice, false));
    }

    /// @dev The hash that signers sign for a transaction of the Safe.
    function transaction(address to, bytes memory call, Enum.Operation operation) private view returns (bytes32) {
        return _safe.getTransactionHash(to, 0, call, operation, 0, 0, 0, address(0), address(0), _safe.nonce());
    }

    /// @dev The hash that signers sign for a ballot: a message of the Safe, which is the digest.
    function messageOf(Terms memory terms, Voting.Ballot memory ballot) private view returns (bytes32) {
        uint256 asset = terms.assets[ballot.position];
        bytes32 digest = jobs.ballotDigest(jobs.idOf(terms), asset, ballot.choice, ballot.nonce, ballot.deadline);
        return _handler.getMessageHashForSafe(ISafe(payable(address(_safe))), abi.encode(digest));
    }

    function signed(bytes32 hash, uint256 first, uint256 second) private view returns (bytes memory) {
        return bytes.concat(sign(_signers[first], hash), sign(_signers[second], hash));
    }

    function send(address to, bytes memory call, Enum.Operation operation, bytes memory signatures) private {
        vm.prank(stranger.addr);
        _safe.execTransaction(to, 0, call, operation, 0, 0, 0, address(0), payable(address(0)), signatures);
    }

    function act(address to, bytes memory call) private {
        send(to, call, Enum.Operation.Call, signed(transaction(to, call, Enum.Operation.Call), 0, 1));
    }

    function checkNoSignature(Terms memory terms, Voting.Ballot memory ballot, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(Voting.BallotRefused.selector, Voting.Skipped.Signature));
        jobs.submitFor(address(_safe), terms, ballot, signature);
    }

    function assertAnswer(bytes32 round, uint256 position, uint256 wanted, bool wantedOwn) private view {
        (uint8 choice, bool own,) = jobs.answerOf(round, position);
        assertEq(uint256(choice), wanted);
        assertEq(own, wantedOwn);
    }
}
