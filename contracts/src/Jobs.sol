// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Catalog} from "./Catalog.sol";
import {Rounds} from "./Rounds.sol";
import {Task, Terms} from "./Terms.sol";

/// @title Escrow, settlement and rewards
/// @notice Each unit paid in ends with an owner, a provider or back with the consumer. Money leaves
/// only by withdrawal of whom it belongs to; one who cannot be paid blocks nobody else.
contract Jobs {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    enum State {
        None,
        Funded,
        Settled,
        Refunded
    }

    /// @dev One slot.
    struct Job {
        State state;
        uint40 settleBy;
        uint112 price;
        uint96 feeCap;
    }

    /// @notice What an asset earned over its life, its reputation, and how much was withdrawn.
    /// @dev One slot.
    struct Credit {
        uint112 earned;
        uint112 withdrawn;
        uint32 jobs;
    }

    /// @notice A job's shares sum to exactly this.
    uint256 public constant WHOLE = 1e9;

    Catalog public immutable catalog;
    Rounds public immutable rounds;
    IERC20 public immutable token;

    /// @notice Fees and refunds that an account may withdraw.
    mapping(address account => uint256) public owed;

    mapping(bytes32 round => Job) private _jobs;
    mapping(uint256 asset => Credit) private _credits;

    event JobFunded(bytes32 indexed round, uint112 price, uint96 feeCap);
    event JobSettled(bytes32 indexed round, uint96 fee, uint32[] shares, string result, string report);
    event JobRefunded(bytes32 indexed round, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    error NotConsumer(address account);
    error NotProvider(address account);
    error NotOwner(uint256 asset, address account);
    error NotPriced(bytes32 round);
    error JobExists(bytes32 round);
    error NotFunded(bytes32 round);
    error FundingOver(uint40 fundBy);
    error NotYetRefundable(uint40 settleBy);
    error AssetUnavailable(uint256 asset);
    error FeeAboveCap(uint96 fee, uint96 feeCap);
    error BadShares(uint256 sum, uint256 count);
    error ShareOfExcluded(uint256 asset);
    error TokenShortfall(uint256 expected, uint256 received);
    error NothingToWithdraw(address account);

    constructor(Catalog catalog_, Rounds rounds_, IERC20 token_) {
        catalog = catalog_;
        rounds = rounds_;
        token = token_;
    }

    /// @notice As the consumer of a priced round: pay its price and the fee cap into escrow.
    function fund(Terms calldata terms) external {
        require(msg.sender == terms.consumer, NotConsumer(msg.sender));
        require(block.timestamp <= terms.fundBy, FundingOver(terms.fundBy));
        bytes32 round = rounds.idOf(terms);
        require(_jobs[round].state == State.None, JobExists(round));
        (uint8[] memory choices, Rounds.Round memory outcome) = _priced(round, terms);
        // Consent ends where the owner retired the asset, even after the vote; the model's too.
        require(catalog.assetOf(terms.model).state == Catalog.State.Described, AssetUnavailable(terms.model));
        require(catalog.ownerOf(terms.model) == terms.consumer, NotConsumer(terms.consumer));
        Catalog.Asset[] memory list = catalog.assetsOf(terms.assets);
        for (uint256 i = 0; i < list.length; ++i) {
            require(
                !_included(choices[i], outcome.step) || list[i].state == Catalog.State.Described,
                AssetUnavailable(terms.assets[i])
            );
        }
        uint112 price = (uint256(outcome.unitPrice) * outcome.samples).toUint112();
        _jobs[round] = Job(State.Funded, terms.settleBy, price, terms.feeCap);
        emit JobFunded(round, price, terms.feeCap);
        _draw(uint256(price) + terms.feeCap);
    }

    /// @notice As the job's provider: deliver, split the price and take the fee.
    /// @param shares one per asset of the terms, 0 for those not in the dataset, summing to WHOLE;
    /// empty for a test job, whose price is split equally
    /// @param fee in token units, at most the cap; the rest goes back to the consumer
    /// @param result CID of the result, encrypted to the consumer
    /// @param report CID of the public report
    function settle(
        Terms calldata terms,
        uint32[] calldata shares,
        uint96 fee,
        string calldata result,
        string calldata report
    ) external {
        bytes32 round = rounds.idOf(terms);
        Job storage job = _jobs[round];
        require(job.state == State.Funded, NotFunded(round));
        require(catalog.providerOf(terms.provider).account == msg.sender, NotProvider(msg.sender));
        uint96 feeCap = job.feeCap;
        require(fee <= feeCap, FeeAboveCap(fee, feeCap));
        job.state = State.Settled;
        uint32[] memory split = _credit(round, terms, shares, job.price);
        if (fee != 0) owed[msg.sender] += fee;
        if (fee != feeCap) owed[terms.consumer] += feeCap - fee;
        emit JobSettled(round, fee, split, result, report);
    }

    /// @notice As anybody, when a job is not settled in time: its money is the consumer's again.
    function refund(Terms calldata terms) external {
        bytes32 round = rounds.idOf(terms);
        Job storage job = _jobs[round];
        require(job.state == State.Funded, NotFunded(round));
        require(block.timestamp > job.settleBy, NotYetRefundable(job.settleBy));
        job.state = State.Refunded;
        uint256 amount = uint256(job.price) + job.feeCap;
        owed[terms.consumer] += amount;
        emit JobRefunded(round, amount);
    }

    /// @notice Take out fees, refunds and the rewards of `assets`, all of which you must own.
    function withdraw(uint256[] calldata assets) external returns (uint256 amount) {
        amount = owed[msg.sender];
        if (amount != 0) owed[msg.sender] = 0;
        for (uint256 i = 0; i < assets.length; ++i) {
            require(catalog.ownerOf(assets[i]) == msg.sender, NotOwner(assets[i], msg.sender));
            Credit storage credit = _credits[assets[i]];
            uint112 earned = credit.earned;
            amount += earned - credit.withdrawn;
            credit.withdrawn = earned;
        }
        require(amount != 0, NothingToWithdraw(msg.sender));
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Return a job.
    function jobOf(bytes32 round) external view returns (Job memory) {
        return _jobs[round];
    }

    /// @notice Return what an asset earned.
    function creditOf(uint256 asset) external view returns (Credit memory) {
        return _credits[asset];
    }

    /// @dev Each reward is the difference of two rounded-down running sums, so that they sum to
    /// the price exactly, in one pass.
    function _credit(bytes32 round, Terms calldata terms, uint32[] calldata shares, uint256 price)
        private
        returns (uint32[] memory split)
    {
        (uint8[] memory choices, Rounds.Round memory outcome) = _priced(round, terms);
        split = terms.task == Task.Test ? _equal(choices, outcome.step) : shares;
        require(split.length == choices.length, BadShares(0, split.length));
        require(terms.task != Task.Test || shares.length == 0, BadShares(0, shares.length));
        uint256 running;
        uint256 paid;
        for (uint256 i = 0; i < split.length; ++i) {
            if (!_included(choices[i], outcome.step)) {
                require(split[i] == 0, ShareOfExcluded(terms.assets[i]));
                continue;
            }
            running += split[i];
            uint256 upTo = (price * running) / WHOLE;
            Credit storage credit = _credits[terms.assets[i]];
            credit.earned += (upTo - paid).toUint112();
            ++credit.jobs;
            paid = upTo;
        }
        require(running == WHOLE, BadShares(running, split.length));
    }

    function _equal(uint8[] memory choices, uint8 step) private pure returns (uint32[] memory split) {
        split = new uint32[](choices.length);
        uint256 count;
        for (uint256 i = 0; i < choices.length; ++i) {
            if (_included(choices[i], step)) ++count;
        }
        uint256 odd = WHOLE % count;
        for (uint256 i = 0; i < choices.length; ++i) {
            if (!_included(choices[i], step)) continue;
            split[i] = uint32(WHOLE / count);
            if (odd != 0) {
                ++split[i];
                --odd;
            }
        }
    }

    function _priced(bytes32 round, Terms calldata terms)
        private
        view
        returns (uint8[] memory choices, Rounds.Round memory outcome)
    {
        outcome = rounds.roundOf(round);
        require(outcome.state == Rounds.State.Priced, NotPriced(round));
        choices = rounds.choicesOf(round, terms.assets.length);
    }

    function _included(uint8 choice, uint8 step) private pure returns (bool) {
        return choice != 0 && choice <= step;
    }

    /// @dev A token that keeps a part of what it moves would leave the escrow short: refused.
    function _draw(uint256 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == amount, TokenShortfall(amount, received));
    }
}
