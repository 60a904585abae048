// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DevToken} from "../../devnet/DevToken.sol";
import {Catalog} from "../../src/Catalog.sol";
import {Jobs} from "../../src/Jobs.sol";
import {Permissions} from "../../src/Permissions.sol";
import {NO_RESERVE, REJECT, Task, Terms} from "../../src/Terms.sol";
import {Voting} from "../../src/Voting.sol";
import {Test} from "./Test.sol";

/// @title What a market should be, told apart from the contracts that are tested
/// @notice Kept by `Handler` with each call. It foresees what a call does, by the plain rules.
abstract contract Mirror is Test {
    enum Consent {
        None,
        Own,
        Delegate,
        Reserve
    }

    /// @dev An asset as it should be; a model has no samples.
    struct Thing {
        uint256 id;
        uint24 provider;
        uint32 samples;
        uint80 reserve;
        bool retired;
        address owner;
        uint256 earned;
        uint256 withdrawn;
        uint256 jobs;
        Permissions.Regime regime; // a model's, with its epsilon and which of two packages it has
        uint32 epsilon;
        uint8 package;
        Permissions.Allows allows; // a data asset's, with each job's epsilon, and both packages by bits
        uint32 each;
        uint32 budget;
        uint8 listed;
        uint256 highest; // the highest budget it ever had
        uint256 spent;
    }

    /// @dev A round as it should be, and how often each thing happened to it.
    struct Story {
        bytes32 id;
        Voting.State state;
        uint256 samples;
        uint256 unitPrice;
        uint256 credited;
        uint256 change;
        uint256 funds;
        uint256 settles;
        uint256 refunds;
        uint256 changes;
        bool unavailableAtFunding;
        bool overspentAtFunding;
    }

    /// @dev The last answer that counts at a position.
    struct Said {
        uint8 choice;
        bool own;
        uint8 nonce;
    }

    /// @dev What closing should find.
    struct Outcome {
        bool complete;
        bool priced;
        uint256 samples;
        uint256 unitPrice;
        uint8[] choices;
        Consent[] consents;
        bool[] members;
    }

    Jobs public jobs;
    Catalog public catalog;
    DevToken public token;

    Account[] internal _people; // five owners, two consumers, two providers, a stranger
    Thing[] internal _things;
    Story[] internal _stories;
    Terms[] internal _terms;
    mapping(uint256 round => mapping(uint256 position => Said)) internal _said;
    mapping(uint256 round => bool[]) internal _members;
    mapping(uint256 round => Consent[]) internal _consents;
    mapping(uint256 round => uint8[]) internal _choices;
    mapping(uint256 round => uint256[]) internal _charged;
    mapping(uint256 id => uint256) internal _placeOf;
    mapping(address => address) internal _delegateOf;
    mapping(address => uint256) public owed;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public illegalMoves;

    // --- for the invariants

    function people() external view returns (Account[] memory) {
        return _people;
    }

    function things() external view returns (Thing[] memory) {
        return _things;
    }

    function stories() external view returns (Story[] memory) {
        return _stories;
    }

    function termsOf(uint256 i) external view returns (Terms memory) {
        return _terms[i];
    }

    function closedAs(uint256 i) external view returns (bool[] memory, Consent[] memory, uint8[] memory) {
        return (_members[i], _consents[i], _choices[i]);
    }

    function chargedBy(uint256 i) external view returns (uint256[] memory, uint256) {
        return (_charged[i], thing(_terms[i].model).epsilon);
    }

    // --- the rules

    /// @dev Whether an owner allows what a round asks.
    function admits(uint256 asset, Terms memory terms) internal view returns (bool) {
        Thing memory data = thing(asset);
        Thing memory model = thing(terms.model);
        bool dp = model.regime == Permissions.Regime.Private && terms.task == Task.Train;
        if (data.allows == Permissions.Allows.Scripts) return true;
        if (data.allows == Permissions.Allows.Loop) return model.regime != Permissions.Regime.Script;
        if (data.allows == Permissions.Allows.Listed) return data.listed >> model.package & 1 == 1;
        return dp && model.epsilon <= data.each && data.spent + model.epsilon <= data.budget;
    }

    function speaks(address voter, address owner) internal view returns (bool) {
        address hop = owner;
        for (uint256 i = 0; i < 4; ++i) {
            hop = _delegateOf[hop];
            if (hop == address(0)) return false;
            if (hop == voter) return true;
        }
        return false;
    }

    /// @dev Whether an answer counts, and what stands then; nonce 0 is a direct vote.
    function foresee(uint256 i, uint256 position, address voter, uint8 choice, uint8 nonce)
        internal
        view
        returns (bool counts, Said memory next)
    {
        address owner = thing(_terms[i].assets[position]).owner;
        Said memory before = _said[i][position];
        bool own = voter == owner;
        if (!own && (before.own || nonce == 255 || !speaks(voter, owner))) return (false, before);
        if (before.own && before.nonce == 255) return (false, before);
        uint8 used = before.own == own ? before.nonce : 0;
        if (nonce == 0) nonce = used < 254 ? used + 1 : used;
        else if (nonce <= used) return (false, before);
        return (true, Said(choice, own, nonce));
    }

    /// @dev What closing a round would find now: the lowest step that enough of those accept who name one.
    function outcomeOf(uint256 i) internal view returns (Outcome memory out) {
        Terms memory terms = _terms[i];
        uint256 count = terms.assets.length;
        (out.choices, out.consents, out.members) = (new uint8[](count), new Consent[](count), new bool[](count));
        out.complete = true;
        uint256 electorate;
        uint256 answered;
        uint256 willing;
        for (uint256 k = 0; k < count; ++k) {
            Thing memory asset = thing(terms.assets[k]);
            if (asset.retired || asset.provider != terms.provider || !admits(asset.id, terms)) continue;
            Said memory said = _said[i][k];
            if (!said.own || said.nonce != 255) out.complete = false;
            out.choices[k] = said.choice;
            out.consents[k] = said.own ? Consent.Own : said.choice != 0 ? Consent.Delegate : Consent.Reserve;
            if (said.choice == 0 && asset.reserve != NO_RESERVE) {
                for (uint8 step = 1; step <= terms.ladder.length && out.choices[k] == 0; ++step) {
                    if (terms.ladder[step - 1] >= asset.reserve) out.choices[k] = step;
                }
            }
            electorate += asset.samples;
            if (out.choices[k] != 0) answered += asset.samples;
            if (out.choices[k] != 0 && out.choices[k] != REJECT) willing += asset.samples;
        }
        if (electorate == 0) out.complete = false;
        if (willing == 0 || answered * 10_000 < electorate * terms.quorum) return out;
        for (uint256 step = 1; step <= terms.ladder.length && out.unitPrice == 0; ++step) {
            uint256 accepted;
            for (uint256 k = 0; k < count; ++k) {
                out.members[k] = out.choices[k] != 0 && out.choices[k] <= step;
                if (out.members[k]) accepted += thing(terms.assets[k]).samples;
            }
            if (accepted * 10_000 >= willing * terms.threshold && accepted != 0) {
                (out.samples, out.unitPrice) = (accepted, terms.ladder[step - 1]);
            }
        }
        out.priced = out.samples >= terms.minSamples;
    }

    /// @dev Whether funding a round would do now.
    function fundable(uint256 i) internal view returns (bool) {
        Terms memory terms = _terms[i];
        Thing memory model = thing(terms.model);
        if (block.timestamp > terms.fundBy || model.retired || model.owner != terms.consumer) return false;
        if (_stories[i].state == Voting.State.Open) {
            Outcome memory out = outcomeOf(i);
            return (out.complete || block.timestamp > terms.voteBy) && out.priced;
        }
        return _stories[i].state == Voting.State.Priced && !anyUnavailable(i);
    }

    function anyUnavailable(uint256 i) internal view returns (bool) {
        for (uint256 k = 0; k < _members[i].length; ++k) {
            uint256 asset = _terms[i].assets[k];
            if (_members[i][k] && (thing(asset).retired || !admits(asset, _terms[i]))) return true;
        }
        return false;
    }

    /// @dev Whether one call may bring a round from one state to the other.
    function forward(Voting.State from, Voting.State to) internal pure returns (bool) {
        if (from == to) return true;
        if (from == Voting.State.Open) return to <= Voting.State.Funded && to > from;
        if (from == Voting.State.Priced) return to == Voting.State.Funded;
        return from == Voting.State.Funded && to > from;
    }

    // --- what happened

    function noteClose(uint256 i) internal {
        Outcome memory out = outcomeOf(i);
        Story storage story = _stories[i];
        story.state = out.priced ? Voting.State.Priced : Voting.State.Unpriced;
        if (out.priced) (story.samples, story.unitPrice) = (out.samples, out.unitPrice);
        (_members[i], _consents[i], _choices[i]) = (out.members, out.consents, out.choices);
    }

    function noteFund(uint256 i) internal {
        if (_stories[i].state == Voting.State.Open) noteClose(i);
        _stories[i].state = Voting.State.Funded;
        ++_stories[i].funds;
        _stories[i].unavailableAtFunding = anyUnavailable(i);
        for (uint256 k = 0; k < _members[i].length; ++k) {
            Thing storage asset = _things[_placeOf[_terms[i].assets[k]]];
            if (!_members[i][k] || asset.allows != Permissions.Allows.Private) continue;
            asset.spent += thing(_terms[i].model).epsilon;
            _charged[i].push(asset.id);
            if (asset.spent > asset.budget) _stories[i].overspentAtFunding = true;
        }
        paidIn += priceOf(i) + _terms[i].feeCap;
    }

    function noteRefund(uint256 i) internal {
        (_stories[i].state, _stories[i].refunds) = (Voting.State.Refunded, _stories[i].refunds + 1);
        for (uint256 k = 0; k < _charged[i].length; ++k) {
            _things[_placeOf[_charged[i][k]]].spent -= thing(_terms[i].model).epsilon;
        }
    }

    function noteSettle(uint256 i, uint32[] memory shares, uint96 fee, address account) internal {
        Story storage story = _stories[i];
        story.state = Voting.State.Settled;
        ++story.settles;
        uint256 running;
        for (uint256 k = 0; k < shares.length; ++k) {
            if (!_members[i][k]) continue;
            uint256 before = (priceOf(i) * running) / 1e9;
            running += shares[k];
            Thing storage asset = _things[_placeOf[_terms[i].assets[k]]];
            uint256 reward = (priceOf(i) * running) / 1e9 - before;
            asset.earned += reward;
            ++asset.jobs;
            story.credited += reward;
        }
        owed[account] += fee;
        story.change = _terms[i].feeCap - fee;
    }

    function priceOf(uint256 i) internal view returns (uint256) {
        return _stories[i].samples * _stories[i].unitPrice;
    }

    function thing(uint256 id) internal view returns (Thing memory) {
        return _things[_placeOf[id]];
    }
}
