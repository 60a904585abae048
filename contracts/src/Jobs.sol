// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Answers} from "./Answers.sol";
import {Catalog} from "./Catalog.sol";
import {Permissions} from "./Permissions.sol";
import {PriceRule} from "./PriceRule.sol";
import {Rounds} from "./Rounds.sol";
import {Task, Terms} from "./Terms.sol";

/// @title Jobs: rounds that were funded. Escrow, settlement and rewards
/// @notice Each unit paid in ends with an owner, a provider or back with the consumer. Money leaves
/// only by withdrawal of whom it belongs to; one who cannot be paid blocks nobody else.
contract Jobs is Rounds {
    using Answers for mapping(uint256 word => uint256);
    using Answers for uint256;
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice What an asset earned over its life and in how many jobs, its reputation, and how much
    /// was withdrawn. Sums are modulo 2^96: what is not withdrawn yet is below that always.
    struct Credit {
        uint96 earned;
        uint96 withdrawn;
        uint16 jobs;
    }

    /// @notice A settlement that outgrew one transaction: the digest of all shares, the price, the
    /// first position not credited yet, and the sum of the shares before it.
    struct Tail {
        bytes32 shares;
        uint96 price;
        uint16 next;
        uint64 running;
    }

    /// @notice A job's shares sum to exactly this.
    uint256 public constant WHOLE = PriceRule.WHOLE;

    /// @notice How many positions a settlement credits at once; the others follow by `pay`.
    uint256 public constant CHUNK = 512;

    IERC20 public immutable token;

    /// @notice Fees that a provider's account may withdraw.
    mapping(address account => uint256) public owed;

    mapping(uint256 asset => uint96) private _withdrawn;
    mapping(bytes32 round => Tail) private _tails;

    event JobFunded(bytes32 indexed round, uint96 price, uint96 feeCap);
    event JobSettled(bytes32 indexed round, uint96 fee, uint32[] shares, string result, string report);
    event JobPaid(bytes32 indexed round, uint256 next);
    event JobRefunded(bytes32 indexed round, address indexed to, uint256 amount);
    event ChangeReturned(bytes32 indexed round, address indexed to, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

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
    error NothingToPay(bytes32 round);
    error TokenShortfall(uint256 expected, uint256 received);
    error EscrowFull(uint256 held);
    error BadReceiver(address account);
    error NothingToReturn(bytes32 round);
    error NothingToWithdraw(address account);

    constructor(IERC20 token_) {
        token = token_;
    }

    /// @notice As the consumer of a round that is priced, or can be closed: pay its price and the
    /// fee cap into escrow.
    function fund(Terms calldata terms) external {
        _fund(terms);
    }

    /// @notice Fund with an allowance that the consumer signed (ERC-2612), at most `value`.
    function fundWithPermit(Terms calldata terms, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever saw the signature may have used it already: what counts is the allowance. The token is
        // called before anything is written, and what it calls in turn finds the round as it is.
        // slither-disable-next-line reentrancy-benign,reentrancy-events
        try IERC20Permit(address(token)).permit(msg.sender, address(this), value, deadline, v, r, s) {} catch {}
        _fund(terms);
    }

    /// @notice As the job's provider: deliver, split the price and take the fee. Of a dataset
    /// above CHUNK the first assets are credited; the split is fixed, and anybody may go on by `pay`.
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
        bytes32 round = idOf(terms);
        uint256 word = _funded(round);
        require(catalog.providerOf(terms.provider).account == msg.sender, NotProvider(msg.sender));
        require(fee <= terms.feeCap, FeeAboveCap(fee, terms.feeCap));
        _rounds[round][0] = word.settled(uint256(State.Settled), terms.feeCap - fee);
        (uint32[] memory split, bool[] memory members) = _split(round, terms, shares);
        if (fee != 0) owed[msg.sender] += fee;
        emit JobSettled(round, fee, split, result, report);
        _settle(round, terms, split, members, Tail(0, uint96(_price(word)), 0, 0));
    }

    /// @notice As anybody: credit up to `count` more positions of a settled job, by the shares it
    /// was settled with.
    function pay(Terms calldata terms, uint32[] calldata shares, uint256 count) external {
        bytes32 round = idOf(terms);
        Tail memory tail = _tails[round];
        require(tail.next != 0 && count != 0, NothingToPay(round));
        (uint32[] memory split, bool[] memory members) = _split(round, terms, shares);
        require(keccak256(abi.encode(split)) == tail.shares, BadShares(0, split.length));
        uint256 end = split.length - tail.next < count ? split.length : tail.next + count;
        (uint256[] memory assets, uint256[] memory rewards) = _advance(terms, split, members, tail, end);
        if (end == split.length) delete _tails[round];
        else _tails[round] = tail;
        emit JobPaid(round, end);
        catalog.credit(assets, rewards);
    }

    /// @notice Give the consumer back what a job did not use: the rest of the fee cap once it is
    /// settled; everything when it was not settled in time, or its provider gives it up.
    /// @param to who receives it: the consumer, unless the consumer itself names another
    function refund(Terms calldata terms, address to) external {
        require(to == terms.consumer || msg.sender == terms.consumer, NotConsumer(msg.sender));
        require(to != address(this), BadReceiver(to));
        bytes32 round = idOf(terms);
        uint256 word = _rounds[round][0];
        uint256 amount;
        if (word.stateOf() == uint256(State.Settled)) {
            amount = word.change();
            require(amount != 0, NothingToReturn(round));
            _rounds[round][0] = word.settled(uint256(State.Settled), 0);
            emit ChangeReturned(round, to, amount);
        } else {
            _funded(round);
            require(
                block.timestamp > terms.settleBy || catalog.providerOf(terms.provider).account == msg.sender,
                NotYetRefundable(terms.settleBy)
            );
            amount = _price(word) + terms.feeCap;
            // What it took of its members' budgets it gives back.
            if (catalog.regimeOf(terms.model) == Permissions.Regime.Private) {
                catalog.release(round, _dataset(round, terms), terms.model);
            }
            _rounds[round][0] = word.settled(uint256(State.Refunded), 0);
            emit JobRefunded(round, to, amount);
        }
        token.safeTransfer(to, amount);
    }

    /// @notice Take out your fees and the rewards of `assets`, all of which you must own.
    /// @param to who receives them: an account that the token does not pay may name another
    function withdraw(uint256[] calldata assets, address to) external returns (uint256 amount) {
        // What this contract pays itself nobody could ever take out.
        require(to != address(this), BadReceiver(to));
        amount = owed[msg.sender];
        if (amount != 0) owed[msg.sender] = 0;
        for (uint256 i = 0; i < assets.length; ++i) {
            uint256 asset = assets[i];
            require(catalog.ownerOf(asset) == msg.sender, NotOwner(asset, msg.sender));
            uint96 earned = catalog.assetOf(asset).earned;
            unchecked {
                amount += uint96(earned - _withdrawn[asset]);
            }
            _withdrawn[asset] = earned;
        }
        require(amount != 0, NothingToWithdraw(msg.sender));
        emit Withdrawn(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Return what an asset earned.
    function creditOf(uint256 asset) external view returns (Credit memory) {
        Catalog.Asset memory known = catalog.assetOf(asset);
        return Credit(known.earned, _withdrawn[asset], known.jobs);
    }

    /// @notice Return which of the assets of a priced round's terms are in its dataset.
    function membersOf(Terms calldata terms) external view returns (bool[] memory) {
        bytes32 round = idOf(terms);
        uint256 state = _rounds[round][0].stateOf();
        require(state > uint256(State.Open) && state != uint256(State.Unpriced), NotPriced(round));
        return _rounds[round].members(terms.assets.length);
    }

    /// @notice Return how far a settlement that outgrew one transaction has come; zeros where none did.
    function tailOf(bytes32 round) external view returns (Tail memory) {
        return _tails[round];
    }

    function _fund(Terms calldata terms) private {
        require(msg.sender == terms.consumer, NotConsumer(msg.sender));
        require(block.timestamp <= terms.fundBy, FundingOver(terms.fundBy));
        bytes32 round = idOf(terms);
        require(_rounds[round][0].stateOf() < uint256(State.Funded), JobExists(round));
        // Consent ends where the owner retired the asset, even after the vote; the model's too.
        bool keeps = _checkModel(terms) == Permissions.Regime.Private;
        if (_rounds[round][0].stateOf() == uint256(State.Open)) _close(round, terms);
        else _stillOffered(round, terms);
        uint256 word = _rounds[round][0];
        require(word.stateOf() == uint256(State.Priced), NotPriced(round));
        _rounds[round][0] = word.inState(uint256(State.Funded));
        uint96 price = _price(word).toUint96();
        emit JobFunded(round, price, terms.feeCap);
        if (keeps) catalog.charge(round, _dataset(round, terms), terms.model);
        _draw(uint256(price) + terms.feeCap);
    }

    function _stillOffered(bytes32 round, Terms calldata terms) private view {
        // slither-disable-next-line unused-return
        (uint32[] memory samples,) = _electorate(terms);
        bool[] memory members = _rounds[round].members(samples.length);
        for (uint256 i = 0; i < samples.length; ++i) {
            require(!members[i] || samples[i] != 0, AssetUnavailable(terms.assets[i]));
        }
    }

    /// @dev The members of a priced round.
    function _dataset(bytes32 round, Terms calldata terms) private view returns (uint256[] memory assets) {
        bool[] memory members = _rounds[round].members(terms.assets.length);
        assets = new uint256[](members.length);
        uint256 count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i]) assets[count++] = terms.assets[i];
        }
        assembly ("memory-safe") {
            mstore(assets, count)
        }
    }

    function _funded(bytes32 round) private view returns (uint256 word) {
        word = _rounds[round][0];
        require(word.stateOf() == uint256(State.Funded), NotFunded(round));
    }

    /// @dev The shares by position, a test job's made here.
    function _split(bytes32 round, Terms calldata terms, uint32[] calldata shares)
        private
        view
        returns (uint32[] memory split, bool[] memory members)
    {
        members = _rounds[round].members(terms.assets.length);
        if (terms.task == Task.Test) {
            require(shares.length == 0, BadShares(0, shares.length));
            return (PriceRule.equal(members), members);
        }
        require(shares.length == members.length, BadShares(0, shares.length));
        return (shares, members);
    }

    /// @dev Credit what fits into one transaction, and keep where to go on.
    function _settle(
        bytes32 round,
        Terms calldata terms,
        uint32[] memory split,
        bool[] memory members,
        Tail memory tail
    ) private {
        uint256 count = split.length;
        bool whole = count <= CHUNK;
        // What cannot be credited at once is checked at once: nothing may go wrong afterwards.
        if (!whole) _checkShares(terms, split, members);
        (uint256[] memory assets, uint256[] memory rewards) =
            _advance(terms, split, members, tail, whole ? count : CHUNK);
        if (whole) {
            require(tail.running == WHOLE, BadShares(tail.running, count));
        } else {
            tail.shares = keccak256(abi.encode(split));
            _tails[round] = tail;
            emit JobPaid(round, CHUNK);
        }
        catalog.credit(assets, rewards);
    }

    function _checkShares(Terms calldata terms, uint32[] memory split, bool[] memory members) private pure {
        uint256 sum;
        for (uint256 i = 0; i < split.length; ++i) {
            require(members[i] || split[i] == 0, ShareOfExcluded(terms.assets[i]));
            sum += split[i];
        }
        require(sum == WHOLE, BadShares(sum, split.length));
    }

    /// @dev Return the members from `tail.next` to before `end` and their rewards, and move the tail
    /// there.
    function _advance(
        Terms calldata terms,
        uint32[] memory split,
        bool[] memory members,
        Tail memory tail,
        uint256 end
    ) private pure returns (uint256[] memory assets, uint256[] memory rewards) {
        uint256[] calldata dataset = terms.assets;
        assets = new uint256[](end - tail.next);
        rewards = new uint256[](end - tail.next);
        uint256 count;
        uint256 running = tail.running;
        uint256 price = tail.price;
        uint256 paid = PriceRule.upTo(price, running);
        for (uint256 i = tail.next; i < end; ++i) {
            uint256 share = split[i];
            if (!members[i]) {
                require(share == 0, ShareOfExcluded(dataset[i]));
                continue;
            }
            // Sums of at most MAX_ASSETS shares of 32 bits; running sums only grow.
            unchecked {
                running += share;
                uint256 upTo = PriceRule.upTo(price, running);
                assets[count] = dataset[i];
                rewards[count] = upTo - paid;
                paid = upTo;
                ++count;
            }
        }
        assembly ("memory-safe") {
            mstore(assets, count)
            mstore(rewards, count)
        }
        // At most MAX_ASSETS, and as many shares of 32 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        (tail.next, tail.running) = (uint16(end), uint64(running));
    }

    function _price(uint256 word) private pure returns (uint256) {
        (uint48 samples, uint80 unitPrice) = word.outcome();
        return uint256(samples) * unitPrice;
    }

    /// @dev A token that keeps a part of what it moves would leave the escrow short: refused. So is
    /// an escrow beyond what a credit can count.
    function _draw(uint256 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 held = token.balanceOf(address(this));
        // The balance before is read in this very call: a gift cannot come in between.
        // slither-disable-next-line incorrect-equality
        require(held - before == amount, TokenShortfall(amount, held - before));
        require(held <= type(uint96).max, EscrowFull(held));
    }
}
