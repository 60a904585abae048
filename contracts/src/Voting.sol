// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Answers} from "./Answers.sol";
import {Catalog} from "./Catalog.sol";
import {REJECT, Terms} from "./Terms.sol";

/// @title Voting: how owners, their delegates and contracts answer a round
/// @notice Whose answer counts is read from the catalog, never said by the consumer. An owner's own
/// answer stands above its delegate's.
/// @dev A round is kept under the hash of its terms, in the layout of `Answers`; `Rounds` opens and
/// closes it.
abstract contract Voting is EIP712 {
    using Answers for mapping(uint256 word => uint256);
    using Answers for uint256;

    enum State {
        None,
        Open,
        Priced,
        Unpriced,
        Funded,
        Settled,
        Refunded
    }

    /// @notice A signed answer, which anybody may submit. It is its signer's.
    /// @dev `choice` is 1 + the index of the lowest step accepted, or REJECT. It counts only if
    /// `nonce` is above that of the ballot it replaces; LAST says that nothing will replace it. The
    /// signature is in the short form of ERC-2098.
    struct Ballot {
        uint16 position;
        uint8 choice;
        uint8 nonce;
        uint40 deadline;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice An answer that counts, and who gave it.
    struct Vote {
        uint256 asset;
        address voter;
        uint8 choice;
    }

    /// @dev A round that takes answers: its id, the domain of its ballots, how many steps its ladder
    /// has, the word of answers at hand, and the `count` votes recorded so far, laid out at `votes` as
    /// the event has them.
    struct Open {
        bytes32 id;
        bytes32 domain;
        uint256 steps;
        uint256 index;
        uint256 word;
        uint256 count;
        uint256 votes;
    }

    enum Skipped {
        No,
        Position,
        Choice,
        Expired,
        Voter,
        Overruled,
        Nonce,
        Signature,
        Final
    }

    /// @notice The nonce of an owner's last word, after which it answers no more.
    uint8 public constant LAST = 255;

    /// @dev Fifteen fields and the lengths of two arrays.
    uint256 private constant TERMS_SIZE = 17 * 32;

    /// @dev Stands for a transaction, which cannot be replayed and needs no number: no delegate or
    /// seller can use up the numbers of an owner.
    uint8 private constant BY_TRANSACTION = 0;

    bytes32 public constant BALLOT_TYPEHASH =
        keccak256("Ballot(bytes32 round,uint256 asset,uint8 choice,uint8 nonce,uint40 deadline)");

    Catalog public immutable catalog;

    mapping(bytes32 round => mapping(uint256 word => uint256)) internal _rounds;

    event Voted(bytes32 indexed round, Vote[] votes);
    event BallotSkipped(bytes32 indexed round, uint256 indexed index, Skipped reason);

    error UnknownRound(bytes32 round);
    error RoundNotOpen(bytes32 round);
    error VotingOver(uint40 voteBy);
    error BadEncoding();
    error BallotRefused(Skipped reason);

    constructor() EIP712("ViSDM", "1") {
        catalog = new Catalog();
    }

    /// @notice As owner of the assets at `positions`, or as their delegate: answer. May be repeated
    /// until the vote is over. An owner's own answer stands above its delegate's. A position that
    /// does not count is skipped; the call is refused when none does.
    /// @param last whether this is an owner's last word, which lets a round close early
    function vote(Terms calldata terms, uint16[] calldata positions, uint8 choice, bool last) external {
        Open memory round = _votable(terms, positions.length);
        Skipped first = _vote(round, terms.assets, positions, choice, last ? LAST : BY_TRANSACTION);
        require(round.count != 0 || first == Skipped.No, BallotRefused(first));
        _keep(round);
    }

    /// @notice Submit ballots that others signed. One that does not count is skipped and said so.
    function submit(Terms calldata terms, Ballot[] calldata ballots) external {
        Open memory round = _votable(terms, ballots.length);
        uint256[] calldata dataset = terms.assets;
        uint256[] memory assets = new uint256[](ballots.length);
        for (uint256 i = 0; i < ballots.length; ++i) {
            assets[i] = _assetAt(dataset, ballots[i].position);
        }
        address[] memory owners = catalog.ownersOf(assets);
        for (uint256 i = 0; i < ballots.length; ++i) {
            Skipped reason = _submit(round, assets[i], owners[i], ballots[i]);
            if (reason != Skipped.No) emit BallotSkipped(round.id, i, reason);
        }
        _keep(round);
    }

    /// @notice Submit a ballot of a contract, which says itself whether it is (ERC-1271), as a Safe does.
    /// @param signature what the contract takes for one; `r` and `vs` of the ballot are not read
    function submitFor(address voter, Terms calldata terms, Ballot calldata ballot, bytes calldata signature)
        external
    {
        Open memory round = _votable(terms, 1);
        uint256[] memory assets = new uint256[](1);
        assets[0] = _assetAt(terms.assets, ballot.position);
        require(block.timestamp <= ballot.deadline, BallotRefused(Skipped.Expired));
        require(ballot.nonce != BY_TRANSACTION, BallotRefused(Skipped.Nonce));
        bytes32 digest = ballotDigest(round.id, assets[0], ballot.choice, ballot.nonce, ballot.deadline);
        require(
            SignatureChecker.isValidERC1271SignatureNowCalldata(voter, digest, signature),
            BallotRefused(Skipped.Signature)
        );
        Skipped reason = _admitFor(round, assets, ballot, voter);
        require(reason == Skipped.No, BallotRefused(reason));
        _keep(round);
    }

    /// @notice Return the choice at each of `count` positions of an open round. `RoundClosed` has
    /// the final ones.
    function choicesOf(bytes32 round, uint256 count) external view returns (uint8[] memory choices) {
        _onlyOpen(round);
        choices = new uint8[](count);
        for (uint256 i = 0; i < count; ++i) {
            choices[i] = uint8(_rounds[round].answerAt(i) & Answers.CHOICE_MASK);
        }
    }

    /// @notice Return the answer at a position of an open round, whether the owner itself gave it,
    /// and its nonce: the next ballot of the same kind must have one above it.
    function answerOf(bytes32 round, uint256 position) external view returns (uint8 choice, bool own, uint8 nonce) {
        _onlyOpen(round);
        uint256 answer = _rounds[round].answerAt(position);
        // Seven bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        choice = uint8(answer & Answers.CHOICE_MASK);
        // The eight bits above them.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (choice, answer & Answers.OWN_FLAG != 0, uint8(answer >> Answers.NONCE_SHIFT));
    }

    /// @notice Return the digest that a voter signs for a ballot.
    function ballotDigest(bytes32 round, uint256 asset, uint8 choice, uint8 nonce, uint40 deadline)
        public
        view
        returns (bytes32)
    {
        return _digest(_domainSeparatorV4(), round, asset, choice, nonce, deadline);
    }

    /// @notice Return a round's id: these terms, on this chain, in this contract.
    /// @dev The hash of `abi.encode(block.chainid, address(this), terms)`, of the calldata as it
    /// came: to encode it anew costs ten times as much. So it must be laid out as every encoder does.
    function idOf(Terms calldata terms) public view returns (bytes32 round) {
        uint256[] calldata assets = terms.assets;
        uint80[] calldata ladder = terms.ladder;
        uint256 size = TERMS_SIZE + 32 * (assets.length + ladder.length);
        bool plain;
        assembly ("memory-safe") {
            let assetsAt := add(terms, 0x200)
            let ladderAt := add(add(assetsAt, 0x20), mul(assets.length, 0x20))
            plain := and(eq(assets.offset, assetsAt), eq(ladder.offset, ladderAt))
            let free := mload(0x40)
            mstore(free, chainid())
            mstore(add(free, 0x20), address())
            mstore(add(free, 0x40), 0x60)
            calldatacopy(add(free, 0x60), terms, size)
            round := keccak256(free, add(size, 0x60))
        }
        require(plain, BadEncoding());
    }

    function _votable(Terms calldata terms, uint256 votes) private view returns (Open memory) {
        bytes32 id = idOf(terms);
        uint256 word = _onlyOpen(id);
        require(block.timestamp <= terms.voteBy, VotingOver(terms.voteBy));
        uint256 spot;
        assembly ("memory-safe") {
            spot := mload(0x40)
            mstore(0x40, add(spot, add(0x40, mul(votes, 0x60))))
        }
        return Open(id, _domainSeparatorV4(), terms.ladder.length, 0, word, 0, spot);
    }

    function _onlyOpen(bytes32 round) internal view returns (uint256 word) {
        word = _rounds[round][0];
        uint256 state = word.stateOf();
        require(state != uint256(State.None), UnknownRound(round));
        require(state == uint256(State.Open), RoundNotOpen(round));
    }

    /// @dev Answer for all positions; return why the first of them that does not count does not.
    function _vote(
        Open memory round,
        uint256[] calldata dataset,
        uint16[] calldata positions,
        uint256 choice,
        uint256 nonce
    ) private returns (Skipped first) {
        uint256[] memory assets = new uint256[](positions.length);
        for (uint256 i = 0; i < positions.length; ++i) {
            assets[i] = _assetAt(dataset, positions[i]);
        }
        address[] memory owners = catalog.ownersOf(assets);
        for (uint256 i = 0; i < assets.length; ++i) {
            Skipped reason = _admit(round, assets[i], owners[i], positions[i], choice, nonce, msg.sender);
            if (reason == Skipped.No) continue;
            if (first == Skipped.No) first = reason;
            emit BallotSkipped(round.id, i, reason);
        }
    }

    /// @dev An asset of the dataset; 0, which nobody owns, for a position that is none.
    function _assetAt(uint256[] calldata assets, uint256 position) private pure returns (uint256) {
        return position < assets.length ? assets[position] : 0;
    }

    /// @dev keccak256(abi.encode(BALLOT_TYPEHASH, ...)), without keeping what is encoded: a batch would
    /// pay for the memory.
    function _digest(
        bytes32 domain,
        bytes32 round,
        uint256 asset,
        uint256 choice,
        uint256 nonce,
        uint256 deadline
    ) private pure returns (bytes32) {
        bytes32 typehash = BALLOT_TYPEHASH;
        bytes32 hash;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 0x20), round)
            mstore(add(free, 0x40), asset)
            mstore(add(free, 0x60), choice)
            mstore(add(free, 0x80), nonce)
            mstore(add(free, 0xa0), deadline)
            hash := keccak256(free, 0xc0)
        }
        return MessageHashUtils.toTypedDataHash(domain, hash);
    }

    function _submit(Open memory round, uint256 asset, address owner, Ballot calldata ballot)
        private
        returns (Skipped)
    {
        uint256 choice = ballot.choice;
        uint256 nonce = ballot.nonce;
        uint256 deadline = ballot.deadline;
        if (block.timestamp > deadline) return Skipped.Expired;
        if (nonce == BY_TRANSACTION) return Skipped.Nonce;
        bytes32 digest = _digest(round.domain, round.id, asset, choice, nonce, deadline);
        // Whatever the fault, there is no signer then.
        // slither-disable-next-line unused-return
        (address signer,,) = ECDSA.tryRecover(digest, ballot.r, ballot.vs);
        if (signer == address(0)) return Skipped.Signature;
        return _admit(round, asset, owner, ballot.position, choice, nonce, signer);
    }

    function _admitFor(Open memory round, uint256[] memory assets, Ballot calldata ballot, address voter)
        private
        returns (Skipped)
    {
        address owner = catalog.ownersOf(assets)[0];
        return _admit(round, assets[0], owner, ballot.position, ballot.choice, ballot.nonce, voter);
    }

    /// @dev Record an answer, or return why it does not count.
    function _admit(
        Open memory round,
        uint256 asset,
        address owner,
        uint256 position,
        uint256 choice,
        uint256 nonce,
        address voter
    ) private returns (Skipped) {
        if (owner == address(0)) return Skipped.Position;
        if (choice == 0 || (choice > round.steps && choice != REJECT)) return Skipped.Choice;
        bool own = voter == owner;
        if (!own && !catalog.speaksFor(voter, owner)) return Skipped.Voter;
        _turnTo(round, position);
        uint256 shift = Answers.shiftOf(position);
        Skipped reason;
        (reason, nonce) = _numbered(round.word.pick(shift), own, nonce);
        if (reason != Skipped.No) return reason;
        round.word = round.word.placed(shift, Answers.encode(choice, own, nonce));
        _note(round, asset, voter, choice);
        return Skipped.No;
    }

    /// @dev Return the number that an answer is kept under, or why it does not replace the one before.
    function _numbered(uint256 before, bool own, uint256 nonce) private pure returns (Skipped, uint256) {
        bool beforeOwn = before & Answers.OWN_FLAG != 0;
        if (beforeOwn && !own) return (Skipped.Overruled, 0);
        // Only an owner has a last word, and has only one.
        if (before.isFinal() || (nonce == LAST && !own)) return (Skipped.Final, 0);
        uint256 used = beforeOwn == own ? before >> Answers.NONCE_SHIFT : 0;
        if (nonce == BY_TRANSACTION) return (Skipped.No, used < LAST - 1 ? used + 1 : used);
        return nonce <= used ? (Skipped.Nonce, uint256(0)) : (Skipped.No, nonce);
    }

    /// @dev Have the word at hand that holds a position's answer; keep the one before it.
    function _turnTo(Open memory round, uint256 position) private {
        uint256 index = Answers.wordOf(position);
        if (index == round.index) return;
        _rounds[round.id][round.index] = round.word;
        (round.index, round.word) = (index, _rounds[round.id][index]);
    }

    /// @dev Add a vote to those that the event will tell.
    function _note(Open memory round, uint256 asset, address voter, uint256 choice) private pure {
        uint256 spot;
        unchecked {
            spot = round.votes + 0x40 + 0x60 * round.count++;
        }
        assembly ("memory-safe") {
            mstore(spot, asset)
            mstore(add(spot, 0x20), voter)
            mstore(add(spot, 0x40), choice)
        }
    }

    /// @dev Keep the word at hand and tell the votes.
    function _keep(Open memory round) private {
        uint256 count = round.count;
        if (count == 0) return;
        bytes32 id = round.id;
        _rounds[id][round.index] = round.word;
        // emit Voted(id, votes): laid out as they came, they need not be copied.
        uint256 spot = round.votes;
        bytes32 topic = Voted.selector;
        assembly ("memory-safe") {
            mstore(spot, 0x20)
            mstore(add(spot, 0x20), count)
            log2(spot, add(0x40, mul(count, 0x60)), topic, id)
        }
    }
}
