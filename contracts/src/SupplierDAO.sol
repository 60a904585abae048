// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Catalog} from "./Catalog.sol";
import {PriceRule} from "./PriceRule.sol";
import {Rounds} from "./Rounds.sol";
import {REJECT, Terms} from "./Terms.sol";
import {Voting} from "./Voting.sol";

/// @title Owners who answer rounds together, by a rule of their own
/// @notice Whoever names this contract as its delegate in the catalog is a member, and leaves by
/// naming another: nothing is deposited and nobody is asked. When a round concerns its members, one
/// of them proposes it here; they name their choices, as in the round itself; and what the rule makes
/// of them is this contract's vote for every member's assets. A member's own ballot in the round
/// still stands above it.
/// @dev Each vote is a *seat*. Without a council the seats are the positions of the dataset, held by
/// the members who own them, weighing their samples; with one they are its places, weighing one
/// each. No key, pause or upgrade: rule and council are for good.
contract SupplierDAO {
    /// @notice What it takes: `quorum` basis points of the weight must answer, `threshold` of what
    /// answered must accept a step; a vote is open for `period` seconds.
    struct Rule {
        uint16 quorum;
        uint16 threshold;
        uint40 period;
    }

    /// @notice A round under vote: until when, and what was decided; 0 until it is.
    struct Proposal {
        uint40 closes;
        uint8 choice;
    }

    uint256 public constant BASIS = 10_000;
    uint256 public constant MAX_COUNCIL = 64;

    /// @notice The least that is left of a round, in seconds, to answer it once the vote is over.
    uint256 public constant MARGIN = 10 minutes;

    /// @notice The rounds that it votes in.
    Rounds public immutable rounds;
    Catalog public immutable catalog;

    /// @notice What people call it.
    string public name;

    Rule private _rule;
    address[] private _council;
    mapping(bytes32 round => Proposal) private _proposals;

    /// @dev The choices of 32 seats to a word.
    mapping(bytes32 round => mapping(uint256 word => uint256)) private _choices;

    event Founded(address indexed rounds, string name, Rule rule, address[] council);
    event Proposed(bytes32 indexed round, address indexed member, uint40 closes);
    event SeatVoted(bytes32 indexed round, address indexed voter, uint16[] seats, uint8 choice);
    event Decided(bytes32 indexed round, uint8 choice);

    error BadRule(uint16 quorum, uint16 threshold, uint40 period);
    error BadCouncil(uint256 index);
    error NotMember(address account);
    error NotYourSeat(uint256 seat, address account);
    error BadChoice(uint8 choice);
    error AlreadyProposed(bytes32 round);
    error NotProposed(bytes32 round);
    error TooLate(uint40 voteBy);
    error VoteOver(uint40 closes);
    error VoteNotOver(uint40 closes);
    error NoQuorum(uint256 answered, uint256 weight);

    /// @param council who votes for the members, each with one voice; empty where they do it
    /// themselves, by samples
    constructor(Rounds rounds_, string memory name_, Rule memory rule, address[] memory council) {
        require(
            rule.quorum <= BASIS && rule.threshold != 0 && rule.threshold <= BASIS && rule.period != 0,
            BadRule(rule.quorum, rule.threshold, rule.period)
        );
        require(council.length <= MAX_COUNCIL, BadCouncil(council.length));
        for (uint256 i = 0; i < council.length; ++i) {
            require(council[i] > (i == 0 ? address(0) : council[i - 1]), BadCouncil(i));
        }
        rounds = rounds_;
        catalog = rounds_.catalog();
        name = name_;
        _rule = rule;
        _council = council;
        emit Founded(address(rounds_), name_, rule, council);
    }

    /// @notice As the holder of a seat: put an open round to the vote.
    /// @return round its id
    function propose(Terms calldata terms, uint16 seat) external returns (bytes32 round) {
        round = _open(terms);
        require(_proposals[round].closes == 0, AlreadyProposed(round));
        uint256 closes = block.timestamp + _rule.period;
        require(closes + MARGIN <= terms.voteBy, TooLate(terms.voteBy));
        uint16[] memory seats = new uint16[](1);
        seats[0] = seat;
        _onlyHolder(terms, seats);
        // Before voteBy, which has 40 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _proposals[round].closes = uint40(closes);
        // forge-lint: disable-next-line(unsafe-typecast)
        emit Proposed(round, msg.sender, uint40(closes));
    }

    /// @notice As the holder of seats: name a choice, as in a round's ballot. May be repeated until
    /// the vote closes.
    function vote(Terms calldata terms, uint16[] calldata seats, uint8 choice) external {
        bytes32 round = _proposed(terms);
        uint40 closes = _proposals[round].closes;
        require(block.timestamp <= closes, VoteOver(closes));
        require(choice != 0 && (choice <= terms.ladder.length || choice == REJECT), BadChoice(choice));
        _onlyHolder(terms, seats);
        for (uint256 i = 0; i < seats.length; ++i) {
            (uint256 word, uint256 shift) = (seats[i] / 32, seats[i] % 32 * 8);
            // A byte, moved to its place.
            // forge-lint: disable-next-line(incorrect-shift)
            _choices[round][word] = (_choices[round][word] & ~(0xff << shift)) | (uint256(choice) << shift);
        }
        emit SeatVoted(round, msg.sender, seats, choice);
    }

    /// @notice As anybody, once the vote is over: decide the round, if it is not yet, and answer it so
    /// for the members among the owners at `positions`. May be repeated for others.
    function execute(Terms calldata terms, uint16[] calldata positions) external returns (uint8 choice) {
        bytes32 round = _proposed(terms);
        Proposal storage proposal = _proposals[round];
        require(block.timestamp > proposal.closes, VoteNotOver(proposal.closes));
        choice = proposal.choice;
        if (choice == 0) {
            choice = _decide(round, terms);
            proposal.choice = choice;
            emit Decided(round, choice);
        }
        rounds.vote(terms, _membersAt(terms, positions), choice, false);
    }

    /// @notice Return the rule.
    function ruleOf() external view returns (Rule memory) {
        return _rule;
    }

    /// @notice Return the council; empty where members vote themselves.
    function councilOf() external view returns (address[] memory) {
        return _council;
    }

    /// @notice Return a round's vote; zeros where it was not proposed.
    function proposalOf(bytes32 round) external view returns (Proposal memory) {
        return _proposals[round];
    }

    /// @notice Return the choice of a seat; 0 where it did not vote.
    function choiceOf(bytes32 round, uint256 seat) external view returns (uint8) {
        // One byte of the word.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint8(_choices[round][seat / 32] >> seat % 32 * 8);
    }

    /// @notice Return the weight of each seat in a round's vote as it stands: without a council, 0 for
    /// one that is not a member's.
    function weightsOf(Terms calldata terms) external view returns (uint32[] memory) {
        return _weights(terms);
    }

    /// @dev The lowest step that `threshold` of the weight accepts which answered, a rejection being an
    /// answer that accepts none; without such a step, a rejection. Who left weighs nothing any more,
    /// neither in the answers nor in the quorum.
    function _decide(bytes32 round, Terms calldata terms) private view returns (uint8) {
        uint32[] memory weights = _weights(terms);
        uint256[] memory steps = new uint256[](terms.ladder.length + 1);
        uint256 answered;
        uint256 total;
        uint256 word;
        for (uint256 i = 0; i < weights.length; ++i) {
            if (i % 32 == 0) word = _choices[round][i / 32];
            uint256 choice = word & 0xff;
            word >>= 8;
            uint256 weight = weights[i];
            // Sums of at most MAX_ASSETS samples of 32 bits.
            unchecked {
                total += weight;
                if (choice == 0) continue;
                answered += weight;
                if (choice != REJECT) steps[choice] += weight;
            }
        }
        require(answered != 0 && PriceRule.isQuorate(answered, total, _rule.quorum), NoQuorum(answered, total));
        uint256 accepted;
        for (uint256 step = 1; step < steps.length; ++step) {
            accepted += steps[step];
            // At most MAX_STEPS.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (accepted * BASIS >= _rule.threshold * answered) return uint8(step);
        }
        return REJECT;
    }

    function _weights(Terms calldata terms) private view returns (uint32[] memory weights) {
        uint256 places = _council.length;
        if (places == 0) {
            // From calldata as it came: to copy and encode it anew costs more the larger the dataset.
            return catalog.weightsUnder(terms.assets, terms.provider, terms.model, terms.task, address(this));
        }
        weights = new uint32[](places);
        for (uint256 i = 0; i < places; ++i) {
            weights[i] = 1;
        }
    }

    /// @dev What members' assets weigh in a round, in their order.
    function _weightsOf(Terms calldata terms, uint256[] memory assets) private view returns (uint32[] memory) {
        return catalog.weightsUnder(assets, terms.provider, terms.model, terms.task, address(this));
    }

    /// @dev Only the seats that are named are read: a vote costs the same in a dataset of any size.
    function _onlyHolder(Terms calldata terms, uint16[] memory seats) private view {
        require(seats.length != 0, NotMember(msg.sender));
        if (_council.length != 0) {
            for (uint256 i = 0; i < seats.length; ++i) {
                bool mine = seats[i] < _council.length && _council[seats[i]] == msg.sender;
                require(mine, NotYourSeat(seats[i], msg.sender));
            }
            return;
        }
        uint256[] memory assets = _assetsAt(terms.assets, seats);
        address[] memory holders = catalog.ownersOf(assets);
        uint32[] memory weights = _weightsOf(terms, assets);
        for (uint256 i = 0; i < seats.length; ++i) {
            require(holders[i] == msg.sender && weights[i] != 0, NotYourSeat(seats[i], msg.sender));
        }
    }

    /// @dev Those of the positions where a member's asset is.
    function _membersAt(Terms calldata terms, uint16[] calldata positions)
        private
        view
        returns (uint16[] memory members)
    {
        uint256[] memory assets = _assetsAt(terms.assets, positions);
        uint32[] memory weights = _weightsOf(terms, assets);
        members = new uint16[](weights.length);
        uint256 count;
        for (uint256 i = 0; i < weights.length; ++i) {
            if (weights[i] != 0) members[count++] = positions[i];
        }
        assembly ("memory-safe") {
            mstore(members, count)
        }
    }

    /// @dev The assets at positions; 0, which nobody owns, for a position that is none.
    function _assetsAt(uint256[] calldata dataset, uint16[] memory positions)
        private
        pure
        returns (uint256[] memory assets)
    {
        assets = new uint256[](positions.length);
        for (uint256 i = 0; i < positions.length; ++i) {
            if (positions[i] < dataset.length) assets[i] = dataset[positions[i]];
        }
    }

    function _open(Terms calldata terms) private view returns (bytes32 round) {
        round = rounds.idOf(terms);
        require(rounds.roundOf(round).state == Voting.State.Open, Voting.RoundNotOpen(round));
    }

    function _proposed(Terms calldata terms) private view returns (bytes32 round) {
        round = rounds.idOf(terms);
        require(_proposals[round].closes != 0, NotProposed(round));
    }
}
