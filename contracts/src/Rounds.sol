// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Catalog} from "./Catalog.sol";
import {Task, Terms} from "./Terms.sol";

/// @title Price rounds: owners answer, weighted by samples, and a price is found or not
/// @notice The electorate and its weights come from the catalog, never from the consumer. An owner
/// who does not accept the price found is not in the dataset: a majority never overrules an owner.
contract Rounds is EIP712 {
    enum State {
        None,
        Open,
        Priced,
        Unpriced
    }

    /// @dev One slot.
    struct Round {
        State state;
        uint8 step;
        uint64 samples;
        uint96 unitPrice;
    }

    /// @notice An answer signed by `voter`, which anybody may submit.
    /// @dev `choice` is 1 + the index of the lowest step accepted, or REJECT. It counts only if
    /// `nonce` is above that of the ballot it replaces.
    struct Ballot {
        uint16 position;
        uint8 choice;
        uint8 nonce;
        uint40 deadline;
        address voter;
        bytes signature;
    }

    enum Skipped {
        No,
        Position,
        Choice,
        Expired,
        Voter,
        Overruled,
        Nonce,
        Signature
    }

    uint256 public constant BASIS = 10_000;
    uint256 public constant MAX_STEPS = 100;

    /// @notice What one settlement can carry: each asset paid for the first time takes a slot.
    uint256 public constant MAX_ASSETS = 256;
    uint8 public constant REJECT = 127;
    uint8 public constant MAX_NONCE = 255;

    /// @notice How far a delegation is followed: longer chains, and cycles, end without a vote.
    uint256 public constant MAX_DELEGATIONS = 4;

    bytes32 public constant BALLOT_TYPEHASH =
        keccak256("Ballot(bytes32 round,uint256 asset,uint8 choice,uint8 nonce,uint40 deadline)");

    // An answer takes 16 bits, 16 answers a slot: choice (7 bits), whether the owner itself gave
    // it (1 bit), nonce (8 bits).
    uint256 private constant ANSWER_BITS = 16;
    uint256 private constant ANSWERS_PER_WORD = 16;
    uint256 private constant CHOICE_MASK = 0x7f;
    uint256 private constant OWN_FLAG = 0x80;
    uint256 private constant NONCE_SHIFT = 8;

    Catalog public immutable catalog;

    mapping(bytes32 round => Round) private _rounds;
    mapping(bytes32 round => mapping(uint256 word => uint256)) private _answers;

    event RoundOpened(bytes32 indexed round, address indexed consumer, uint256 indexed model, Terms terms);
    event Voted(bytes32 indexed round, uint256 indexed asset, address indexed voter, uint8 choice);
    event BallotSkipped(bytes32 indexed round, uint256 indexed index, Skipped reason);
    event RoundClosed(bytes32 indexed round, State state, uint8 step, uint96 unitPrice, uint64 samples);

    error NotConsumer(address account);
    error UnknownRound(bytes32 round);
    error RoundExists(bytes32 round);
    error RoundNotOpen(bytes32 round);
    error VotingOver(uint40 voteBy);
    error VotingNotOver(uint40 voteBy);
    error BadLadder(uint256 index);
    error BadDataset(uint256 index);
    error BadThreshold(uint16 quorum, uint16 threshold);
    error BadDeadlines(uint40 voteBy, uint40 fundBy, uint40 settleBy);
    error AssetNotOffered(uint256 asset);
    error BallotRefused(Skipped reason);

    constructor(Catalog catalog_) EIP712("ViSDM Rounds", "1") {
        catalog = catalog_;
    }

    /// @notice As the consumer: ask the owners of a dataset for their price.
    /// @return round the hash of the terms
    function open(Terms calldata terms) external returns (bytes32 round) {
        require(msg.sender == terms.consumer, NotConsumer(msg.sender));
        _check(terms);
        round = idOf(terms);
        require(_rounds[round].state == State.None, RoundExists(round));
        _rounds[round].state = State.Open;
        emit RoundOpened(round, terms.consumer, terms.model, terms);
    }

    /// @notice As owner of the assets at `positions`, or as their delegate: answer. May be repeated
    /// until the deadline. An owner's own answer stands above its delegate's, which is then skipped.
    function vote(Terms calldata terms, uint16[] calldata positions, uint8 choice) external {
        bytes32 round = _votable(terms);
        for (uint256 i = 0; i < positions.length; ++i) {
            Skipped reason = _record(round, terms, positions[i], choice, 0, msg.sender);
            // An owner who answers first must not undo its delegate's votes for others.
            if (reason == Skipped.Overruled) emit BallotSkipped(round, i, reason);
            else require(reason == Skipped.No, BallotRefused(reason));
        }
    }

    /// @notice Submit ballots that others signed. One that does not count is skipped and said so.
    function submit(Terms calldata terms, Ballot[] calldata ballots) external {
        bytes32 round = _votable(terms);
        for (uint256 i = 0; i < ballots.length; ++i) {
            Skipped reason = _submit(round, terms, ballots[i]);
            if (reason != Skipped.No) emit BallotSkipped(round, i, reason);
        }
    }

    /// @notice As anybody, once the vote is over: find the price, the lowest step that `threshold`
    /// of the weight accepts which named one. A reserve answers for the silent.
    function close(Terms calldata terms) external {
        bytes32 round = idOf(terms);
        _onlyOpen(round);
        require(block.timestamp > terms.voteBy, VotingNotOver(terms.voteBy));
        Round memory result = _tally(round, terms);
        _rounds[round] = result;
        emit RoundClosed(round, result.state, result.step, result.unitPrice, result.samples);
    }

    /// @notice Return a round's state, and once priced its step, price and samples.
    function roundOf(bytes32 round) external view returns (Round memory) {
        return _rounds[round];
    }

    /// @notice Return the choice at each of `count` positions; after closing, the final ones.
    function choicesOf(bytes32 round, uint256 count) external view returns (uint8[] memory choices) {
        choices = new uint8[](count);
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            if (i % ANSWERS_PER_WORD == 0) word = _answers[round][i / ANSWERS_PER_WORD];
            choices[i] = uint8((word >> (ANSWER_BITS * (i % ANSWERS_PER_WORD))) & CHOICE_MASK);
        }
    }

    /// @notice Return the answer at a position of an open round, whether the owner itself gave it,
    /// and its nonce: the next ballot of the same kind must have one above it.
    function answerOf(bytes32 round, uint256 position) external view returns (uint8 choice, bool own, uint8 nonce) {
        uint256 answer = _answer(round, position);
        return (uint8(answer & CHOICE_MASK), answer & OWN_FLAG != 0, uint8(answer >> NONCE_SHIFT));
    }

    /// @notice Return the digest that a voter signs for a ballot.
    function ballotDigest(bytes32 round, uint256 asset, uint8 choice, uint8 nonce, uint40 deadline)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(BALLOT_TYPEHASH, round, asset, choice, nonce, deadline)));
    }

    /// @notice Return a round's id: these terms, on this chain, in this contract.
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    function _check(Terms calldata terms) private view {
        uint256 steps = terms.ladder.length;
        require(steps != 0 && steps <= MAX_STEPS, BadLadder(steps));
        uint96 below = 0;
        for (uint256 i = 0; i < steps; ++i) {
            require(terms.ladder[i] > below, BadLadder(i));
            below = terms.ladder[i];
        }
        require(
            terms.threshold != 0 && terms.threshold <= BASIS && terms.quorum <= BASIS,
            BadThreshold(terms.quorum, terms.threshold)
        );
        require(
            block.timestamp <= terms.voteBy && terms.voteBy < terms.fundBy && terms.fundBy < terms.settleBy,
            BadDeadlines(terms.voteBy, terms.fundBy, terms.settleBy)
        );
        Catalog.Asset memory model = catalog.assetOf(terms.model);
        require(_offered(model, Catalog.Kind.Model, terms.provider), AssetNotOffered(terms.model));
        require(catalog.ownerOf(terms.model) == terms.consumer, NotConsumer(terms.consumer));
        uint256 count = terms.assets.length;
        require(count != 0 && count <= MAX_ASSETS, BadDataset(count));
        Catalog.Asset[] memory list = catalog.assetsOf(terms.assets);
        uint256 previous = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 asset = terms.assets[i];
            require(asset > previous, BadDataset(i));
            require(_offered(list[i], Catalog.Kind.Data, terms.provider), AssetNotOffered(asset));
            previous = asset;
        }
    }

    function _offered(Catalog.Asset memory asset, Catalog.Kind kind, uint32 provider) private pure returns (bool) {
        return asset.kind == kind && asset.state == Catalog.State.Described && asset.provider == provider;
    }

    function _votable(Terms calldata terms) private view returns (bytes32 round) {
        round = idOf(terms);
        _onlyOpen(round);
        require(block.timestamp <= terms.voteBy, VotingOver(terms.voteBy));
    }

    function _onlyOpen(bytes32 round) private view {
        State state = _rounds[round].state;
        require(state != State.None, UnknownRound(round));
        require(state == State.Open, RoundNotOpen(round));
    }

    function _submit(bytes32 round, Terms calldata terms, Ballot calldata ballot) private returns (Skipped) {
        if (ballot.position >= terms.assets.length) return Skipped.Position;
        if (block.timestamp > ballot.deadline) return Skipped.Expired;
        if (ballot.nonce == 0) return Skipped.Nonce;
        bytes32 digest =
            ballotDigest(round, terms.assets[ballot.position], ballot.choice, ballot.nonce, ballot.deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(ballot.voter, digest, ballot.signature)) {
            return Skipped.Signature;
        }
        return _record(round, terms, ballot.position, ballot.choice, ballot.nonce, ballot.voter);
    }

    /// @dev Nonce 0 stands for a transaction, which cannot be replayed and is never too late: no
    /// delegate or seller can use up the numbers of an owner.
    function _record(
        bytes32 round,
        Terms calldata terms,
        uint256 position,
        uint8 choice,
        uint256 nonce,
        address voter
    ) private returns (Skipped) {
        if (position >= terms.assets.length) return Skipped.Position;
        if (choice == 0 || (choice > terms.ladder.length && choice != REJECT)) return Skipped.Choice;
        uint256 asset = terms.assets[position];
        address owner = catalog.ownerOf(asset);
        bool own = voter == owner;
        if (!own && !_votesFor(voter, owner)) return Skipped.Voter;
        uint256 before = _answer(round, position);
        bool beforeOwn = before & OWN_FLAG != 0;
        if (beforeOwn && !own) return Skipped.Overruled;
        uint256 used = beforeOwn == own ? before >> NONCE_SHIFT : 0;
        if (nonce == 0) {
            nonce = used < MAX_NONCE ? used + 1 : MAX_NONCE;
        } else if (nonce <= used) {
            return Skipped.Nonce;
        }
        _write(round, position, uint256(choice) | (own ? OWN_FLAG : 0) | (nonce << NONCE_SHIFT));
        emit Voted(round, asset, voter, choice);
        return Skipped.No;
    }

    function _votesFor(address voter, address owner) private view returns (bool) {
        address hop = owner;
        for (uint256 i = 0; i < MAX_DELEGATIONS; ++i) {
            hop = catalog.delegateOf(hop);
            if (hop == voter) return true;
            if (hop == address(0)) return false;
        }
        return false;
    }

    function _tally(bytes32 round, Terms calldata terms) private returns (Round memory result) {
        uint256 steps = terms.ladder.length;
        uint256[] memory weights = new uint256[](steps + 1);
        Catalog.Asset[] memory list = catalog.assetsOf(terms.assets);
        uint256 electorate;
        uint256 answered;
        uint256 willing;
        uint256 word;
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 shift = ANSWER_BITS * (i % ANSWERS_PER_WORD);
            if (shift == 0) word = _answers[round][i / ANSWERS_PER_WORD];
            uint256 before = (word >> shift) & 0xffff;
            uint256 choice = 0;
            if (list[i].state == Catalog.State.Described) {
                choice = before & CHOICE_MASK;
                if (choice == 0) choice = _reserveChoice(list[i].reserve, terms.ladder);
                uint256 weight = list[i].samples;
                electorate += weight;
                if (choice != 0) answered += weight;
                if (choice != 0 && choice <= steps) {
                    weights[choice] += weight;
                    willing += weight;
                }
            }
            // The final answers take the place of the ballots: who is in stays readable.
            word ^= (before ^ choice) << shift;
            if (shift == ANSWER_BITS * (ANSWERS_PER_WORD - 1) || i + 1 == list.length) {
                _answers[round][i / ANSWERS_PER_WORD] = word;
            }
        }
        result.state = State.Unpriced;
        if (willing == 0 || answered * BASIS < terms.quorum * electorate) return result;
        uint256 accepted;
        uint256 step;
        while (accepted == 0 || accepted * BASIS < terms.threshold * willing) {
            accepted += weights[++step];
        }
        if (accepted < terms.minSamples) return result;
        return Round(State.Priced, uint8(step), uint64(accepted), terms.ladder[step - 1]);
    }

    function _reserveChoice(uint96 reserve, uint96[] calldata ladder) private pure returns (uint256) {
        for (uint256 i = 0; i < ladder.length; ++i) {
            if (ladder[i] >= reserve) return i + 1;
        }
        return 0;
    }

    function _answer(bytes32 round, uint256 position) private view returns (uint256) {
        return (_answers[round][position / ANSWERS_PER_WORD] >> (ANSWER_BITS * (position % ANSWERS_PER_WORD))) & 0xffff;
    }

    function _write(bytes32 round, uint256 position, uint256 answer) private {
        uint256 index = position / ANSWERS_PER_WORD;
        uint256 shift = ANSWER_BITS * (position % ANSWERS_PER_WORD);
        uint256 word = _answers[round][index];
        _answers[round][index] = (word & ~(uint256(0xffff) << shift)) | (answer << shift);
    }
}
