// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Answers} from "./Answers.sol";
import {Permissions} from "./Permissions.sol";
import {PriceRule} from "./PriceRule.sol";
import {NO_RESERVE, REJECT, Terms} from "./Terms.sol";
import {Voting} from "./Voting.sol";

/// @title Price rounds: opened by a consumer, answered in `Voting`, closed with a price or without one
/// @notice The electorate and its weights come from the catalog, never from the consumer. An owner
/// who does not accept the price found is not in the dataset: a majority never overrules an owner.
/// @dev `Jobs` goes on where a round has closed with a price.
abstract contract Rounds is Voting {
    using Answers for mapping(uint256 word => uint256);
    using Answers for uint256;

    /// @notice A round as it stands: while it is priced or funded, the samples of its dataset and the
    /// price of each; once settled, what the consumer has still to take back.
    struct Round {
        State state;
        uint48 samples;
        uint80 unitPrice;
        uint96 change;
    }

    /// @dev What the owners answered: choices by position, weights by step; `complete` says that every
    /// owner has said its last word.
    struct Poll {
        bytes choices;
        uint256[] weights;
        uint256 electorate;
        uint256 answered;
        bool complete;
    }

    uint256 public constant BASIS = 10_000;
    uint256 public constant MAX_STEPS = 100;

    /// @notice What fits into one transaction of 16,777,216 gas (EIP-7825), whatever it does.
    uint256 public constant MAX_ASSETS = 2_048;

    event RoundOpened(bytes32 indexed round, address indexed consumer, uint256 indexed model, Terms terms);
    event RoundClosed(bytes32 indexed round, State state, uint80 unitPrice, uint48 samples, bytes choices);

    error NotConsumer(address account);
    error RoundExists(bytes32 round);
    error VotingNotOver(uint40 voteBy);
    error BadLadder(uint256 index);
    error BadDataset(uint256 index);
    error BadThreshold(uint16 quorum, uint16 threshold);
    error BadDeadlines(uint40 voteBy, uint40 fundBy, uint40 settleBy);
    error ModelUnavailable(uint256 model);

    /// @notice As the consumer: ask the owners of a dataset for their price.
    /// @return round the hash of the terms
    function open(Terms calldata terms) external returns (bytes32 round) {
        require(msg.sender == terms.consumer, NotConsumer(msg.sender));
        _check(terms);
        round = idOf(terms);
        require(_rounds[round][0] == 0, RoundExists(round));
        _rounds[round][0] = uint256(State.Open);
        emit RoundOpened(round, terms.consumer, terms.model, terms);
    }

    /// @notice As anybody, once the vote is over, or every owner has said its last word: find the
    /// price, the lowest step that `threshold` of the weight accepts which named one. A reserve
    /// answers for the silent.
    function close(Terms calldata terms) external {
        _close(idOf(terms), terms);
    }

    /// @notice Return a round as it stands.
    function roundOf(bytes32 round) external view returns (Round memory found) {
        uint256 word = _rounds[round][0];
        found.state = State(word.stateOf());
        if (found.state == State.Priced || found.state == State.Funded) {
            (found.samples, found.unitPrice) = word.outcome();
        }
        if (found.state == State.Settled) found.change = word.change();
    }

    /// @dev Find the price and keep it, with who is in the dataset.
    function _close(bytes32 round, Terms calldata terms) internal returns (State) {
        _onlyOpen(round);
        Poll memory poll = _count(round, terms);
        require(poll.complete || block.timestamp > terms.voteBy, VotingNotOver(terms.voteBy));
        (uint256 step, uint256 accepted) = PriceRule.lowestStep(poll.weights, terms.threshold);
        bool quorate = PriceRule.isQuorate(poll.answered, poll.electorate, terms.quorum);
        if (!quorate || step == 0 || accepted < terms.minSamples) {
            _rounds[round][0] = uint256(State.Unpriced);
            emit RoundClosed(round, State.Unpriced, 0, 0, poll.choices);
            return State.Unpriced;
        }
        _conclude(round, step, terms.ladder[step - 1], accepted, poll.choices);
        return State.Priced;
    }

    /// @dev Keep a price with who is in the dataset. `samples` are at most MAX_ASSETS times 2^32.
    function _conclude(bytes32 round, uint256 step, uint80 unitPrice, uint256 samples, bytes memory choices) private {
        _rounds[round].conclude(uint256(State.Priced), samples, unitPrice, choices, step);
        // forge-lint: disable-next-line(unsafe-typecast)
        emit RoundClosed(round, State.Priced, unitPrice, uint48(samples), choices);
    }

    /// @dev Read the answers, a reserve's where there is none, and clear them. Who is not on the
    /// market any more, or does not allow the model, is not in the electorate.
    function _count(bytes32 round, Terms calldata terms) private returns (Poll memory poll) {
        (uint32[] memory samples, uint80[] memory reserves) = _electorate(terms);
        poll.choices = new bytes(samples.length);
        poll.weights = new uint256[](terms.ladder.length + 1);
        poll.complete = true;
        uint256 word = _rounds[round][0];
        for (uint256 i = 0; i < samples.length; ++i) {
            uint256 index = Answers.wordOf(i);
            if (i != 0 && Answers.wordOf(i - 1) != index) {
                word = _rounds[round][index];
                if (word != 0) _rounds[round][index] = 0;
            }
            if (samples[i] == 0) continue;
            uint256 answer = word.pick(Answers.shiftOf(i));
            poll.complete = poll.complete && answer.isFinal();
            uint256 choice = answer & Answers.CHOICE_MASK;
            if (choice == 0) choice = _reserveChoice(reserves[i], terms.ladder);
            _add(poll, i, choice, samples[i]);
        }
        // Where nobody is on offer yet, somebody may still come to be.
        poll.complete = poll.complete && poll.electorate != 0;
    }

    function _add(Poll memory poll, uint256 position, uint256 choice, uint256 weight) private pure {
        poll.electorate += weight;
        if (choice == 0) return;
        poll.answered += weight;
        if (choice != REJECT) poll.weights[choice] += weight;
        // At most REJECT.
        // forge-lint: disable-next-line(unsafe-typecast)
        poll.choices[position] = bytes1(uint8(choice));
    }

    function _electorate(Terms calldata terms) internal view returns (uint32[] memory, uint80[] memory) {
        return catalog.electorate(terms.assets, terms.provider, terms.model, terms.task);
    }

    function _reserveChoice(uint80 reserve, uint80[] calldata ladder) private pure returns (uint256) {
        // Who set no reserve said nothing, however high a ladder reaches.
        return reserve == NO_RESERVE ? 0 : PriceRule.stepFor(reserve, ladder);
    }

    function _check(Terms calldata terms) private view {
        uint256 steps = terms.ladder.length;
        require(steps != 0 && steps <= MAX_STEPS, BadLadder(steps));
        uint80 below = 0;
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
        uint256 count = terms.assets.length;
        require(count != 0 && count <= MAX_ASSETS, BadDataset(count));
        // Whether they are on offer shows when their votes are counted; one that is not has no weight.
        uint256 previous = 0;
        for (uint256 i = 0; i < count; ++i) {
            require(terms.assets[i] > previous, BadDataset(i));
            previous = terms.assets[i];
        }
        _checkModel(terms);
    }

    /// @dev The model is the consumer's, and its provider described what it would compute.
    function _checkModel(Terms calldata terms) internal view returns (Permissions.Regime regime) {
        bool described;
        address owner;
        (described, owner, regime) = catalog.modelOf(terms.model, terms.provider);
        require(described, ModelUnavailable(terms.model));
        require(owner == terms.consumer, NotConsumer(terms.consumer));
    }
}
