// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DevToken} from "../../devnet/DevToken.sol";
import {Jobs} from "../../src/Jobs.sol";
import {Permissions} from "../../src/Permissions.sol";
import {NO_RESERVE, REJECT, Task, Terms} from "../../src/Terms.sol";
import {Voting} from "../../src/Voting.sol";
import {Mirror} from "./Mirror.sol";

/// @title Everybody in a market, doing one thing after another
/// @notice Each public function is a step that forge takes at random. Calls that must fail are made
/// too; whether one succeeds is foreseen by the mirror, and any difference reverts.
contract Handler is Mirror {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    string private constant CID = "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    uint256 private constant MOST_ROUNDS = 8;
    uint256 private constant MOST_THINGS = 26;

    uint256 private _luck;

    /// @dev Every step: luck from its argument, and afterwards no round may have gone back.
    modifier step(uint256 seed) {
        _luck = seed;
        Voting.State[] memory before = new Voting.State[](_stories.length);
        for (uint256 i = 0; i < before.length; ++i) {
            before[i] = jobs.roundOf(_stories[i].id).state;
        }
        _;
        for (uint256 i = 0; i < before.length; ++i) {
            Voting.State state = jobs.roundOf(_stories[i].id).state;
            if (!forward(before[i], state)) ++illegalMoves;
            assertTrue(state == _stories[i].state, "a round is not where the mirror has it");
        }
    }

    constructor(DevToken money, Jobs jobs_) {
        (token, jobs, catalog) = (money, jobs_, jobs_.catalog());
        string[10] memory names =
            ["alice", "bob", "carol", "dave", "erin", "consumer", "client", "provider", "rival", "stranger"];
        for (uint256 i = 0; i < 10; ++i) {
            _people.push(makeAccount(names[i]));
        }
        for (uint256 i = 7; i < 9; ++i) {
            vm.prank(_people[i].addr);
            catalog.announce("EU", 1);
        }
        _luck = 7;
        for (uint256 i = 0; i < 7; ++i) {
            put(_people[i % 5].addr, i < 5 ? 1 : 2, uint32(10 + 90 * i), i % 3 == 0 ? 12 : NO_RESERVE);
        }
        for (uint256 i = 0; i < 12; ++i) {
            put(_people[5 + i % 2].addr, i < 8 ? 1 : 2, 0, NO_RESERVE);
        }
    }

    // --- steps: the market

    function wait(uint256 seed) external step(seed) {
        vm.warp(block.timestamp + 1 + luck(seed % 8 == 0 ? 4 days : 3 hours));
    }

    function register(uint256 seed) external step(seed) {
        if (_things.length >= MOST_THINGS) return;
        put(_people[luck(5)].addr, uint24(1 + luck(2)), uint32(luck(500)), luck(2) == 0 ? NO_RESERVE : uint80(luck(40)));
    }

    function trade(uint256 seed) external step(seed) {
        Thing storage sold = _things[luck(_things.length)];
        // Models go among the consumers, so that they can go on.
        address buyer = _people[sold.samples == 0 ? 5 + luck(2) : luck(10)].addr;
        vm.prank(sold.owner);
        catalog.transferFrom(sold.owner, buyer, sold.id);
        sold.owner = buyer;
    }

    function retire(uint256 seed) external step(seed) {
        Thing storage gone = _things[luck(_things.length)];
        if (gone.retired || luck(3) != 0) return;
        vm.prank(gone.owner);
        catalog.retire(gone.id);
        gone.retired = true;
    }

    function setReserve(uint256 seed) external step(seed) {
        Thing storage mine = _things[luck(_things.length)];
        mine.reserve = luck(3) == 0 ? NO_RESERVE : uint80(luck(40));
        vm.prank(mine.owner);
        catalog.setReserve(mine.id, mine.reserve);
    }

    function allow(uint256 seed) external step(seed) {
        Thing storage mine = _things[luck(_things.length)];
        if (mine.samples == 0 || mine.retired) return;
        mine.allows = Permissions.Allows(luck(4));
        bool limited = mine.allows == Permissions.Allows.Private;
        mine.each = limited ? uint32(1 + luck(6)) : 0;
        mine.budget = limited ? uint32(mine.each + luck(12)) : 0;
        mine.listed = mine.allows == Permissions.Allows.Listed ? uint8(1 + luck(3)) : 0;
        if (mine.budget > mine.highest) mine.highest = mine.budget;
        string[] memory models = new string[](mine.listed == 0 ? 0 : 1 + mine.listed / 3);
        for (uint256 k = 0; k < models.length; ++k) {
            models[k] = packageOf(mine.listed == 2 ? 1 : k);
        }
        vm.prank(mine.owner);
        catalog.allow(mine.id, mine.allows, mine.each, mine.budget, models);
    }

    function packageOf(uint256 package) private pure returns (string memory) {
        return package == 0 ? CID : "another package";
    }

    function delegate(uint256 seed) external step(seed) {
        address from = _people[luck(10)].addr;
        address to = luck(4) == 0 ? address(0) : _people[luck(10)].addr;
        vm.prank(from);
        catalog.delegate(to);
        _delegateOf[from] = to;
    }

    // --- steps: a round

    function open(uint256 seed) external step(seed) {
        if (_terms.length >= MOST_ROUNDS) return;
        Terms memory terms;
        (terms.consumer, terms.provider) = (_people[5 + luck(2)].addr, uint24(1 + luck(2)));
        terms.model = modelOf(terms.consumer, terms.provider);
        terms.assets = someAssets();
        terms.ladder = new uint80[](1 + luck(3));
        for (uint256 i = 0; i < terms.ladder.length; ++i) {
            terms.ladder[i] = uint80((i == 0 ? 0 : terms.ladder[i - 1]) + 1 + luck(20));
        }
        terms.task = Task(luck(2));
        terms.seed = uint64(_terms.length);
        (terms.quorum, terms.threshold) = (uint16(luck(4_000)), uint16(1 + luck(10_000)));
        (terms.minSamples, terms.feeCap) = (uint48(luck(50)), uint96(luck(1_000)));
        terms.voteBy = uint40(block.timestamp + luck(1 days));
        terms.fundBy = uint40(terms.voteBy + 1 + luck(6 days));
        terms.settleBy = uint40(terms.fundBy + 1 + luck(2 days));
        vm.prank(terms.consumer);
        bytes32 id = jobs.open(terms);
        _terms.push(terms);
        Story storage story = _stories.push();
        (story.id, story.state) = (id, Voting.State.Open);
    }

    function vote(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (any) _vote(i);
    }

    function _vote(uint256 i) private {
        for (uint256 position = 0; position < _terms[i].assets.length; ++position) {
            if (luck(4) == 0) continue;
            address voter = someVoter(_terms[i].assets[position]).addr;
            (uint8 choice, bool last) = (someChoice(i), luck(4) == 0);
            (bool counts, Said memory next) = foresee(i, position, voter, choice, last ? 255 : 0);
            uint16[] memory seat = new uint16[](1);
            seat[0] = uint16(position);
            attempt(voter, abi.encodeCall(jobs.vote, (_terms[i], seat, choice, last)), counts && votable(i));
            if (counts && votable(i)) _said[i][position] = next;
        }
    }

    function submit(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (!any || !votable(i)) return;
        uint256 position = luck(_terms[i].assets.length);
        Account memory voter = someVoter(_terms[i].assets[position]);
        uint8 choice = someChoice(i);
        uint8 nonce = luck(5) == 0 ? 255 : uint8(1 + luck(20));
        (bool counts, Said memory next) = foresee(i, position, voter.addr, choice, nonce);
        Voting.Ballot[] memory ballots = new Voting.Ballot[](1);
        ballots[0] = Voting.Ballot(uint16(position), choice, nonce, _terms[i].voteBy, 0, 0);
        uint256 asset = _terms[i].assets[position];
        bytes32 digest = jobs.ballotDigest(_stories[i].id, asset, choice, nonce, _terms[i].voteBy);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(voter.key, digest);
        (ballots[0].r, ballots[0].vs) = (r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        jobs.submit(_terms[i], ballots);
        if (counts) _said[i][position] = next;
        (uint8 now_, bool own, uint8 used) = jobs.answerOf(_stories[i].id, position);
        Said memory expected = _said[i][position];
        assertTrue(now_ == expected.choice && own == expected.own && used == expected.nonce, "another answer");
    }

    function close(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (any) _close(i);
    }

    function _close(uint256 i) private {
        bool ready = _stories[i].state == Voting.State.Open
            && (block.timestamp > _terms[i].voteBy || outcomeOf(i).complete);
        attempt(_people[luck(10)].addr, abi.encodeCall(jobs.close, (_terms[i])), ready);
        if (ready) noteClose(i);
    }

    // --- steps: a job

    /// @dev What a round waits for, so that many come to an end.
    function advance(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (!any) return;
        Voting.State state = _stories[i].state;
        if (state == Voting.State.Open && votable(i)) {
            _vote(i);
            if (luck(2) == 0) vm.warp(_terms[i].voteBy + 1);
        } else if (state == Voting.State.Open || state == Voting.State.Priced) {
            _fund(i);
        } else if (state == Voting.State.Funded) {
            if (luck(3) == 0) _refund(i);
            else _settle(i);
        } else if (state == Voting.State.Settled) {
            if (luck(2) == 0) _refund(i);
            else _withdraw(thing(_terms[i].assets[luck(_terms[i].assets.length)]).owner);
        }
    }

    function fund(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (any) _fund(i);
    }

    function _fund(uint256 i) private {
        Account memory payer = _people[luck(8) == 0 ? 9 : _terms[i].consumer == _people[5].addr ? 5 : 6];
        bool will = payer.addr == _terms[i].consumer && fundable(i);
        bytes memory data;
        if (luck(2) == 0) {
            data = withPermit(_terms[i], payer);
        } else {
            vm.prank(payer.addr);
            token.approve(address(jobs), type(uint256).max);
            data = abi.encodeCall(jobs.fund, (_terms[i]));
        }
        attempt(payer.addr, data, will);
        vm.prank(payer.addr);
        token.approve(address(jobs), 0);
        if (will) noteFund(i);
    }

    function settle(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (any) _settle(i);
    }

    function _settle(uint256 i) private {
        address account = _people[luck(8) == 0 ? luck(10) : 6 + _terms[i].provider].addr;
        uint96 fee = uint96(luck(uint256(_terms[i].feeCap) + (luck(8) == 0 ? 50 : 1)));
        bool will = _stories[i].state == Voting.State.Funded && fee <= _terms[i].feeCap
            && account == _people[6 + _terms[i].provider].addr;
        (uint32[] memory sent, uint32[] memory split) = someShares(i);
        attempt(account, abi.encodeCall(jobs.settle, (_terms[i], sent, fee, CID, CID)), will);
        if (will) noteSettle(i, split, fee, account);
    }

    function pay(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (!any) return;
        (uint32[] memory sent,) = someShares(i);
        attempt(_people[9].addr, abi.encodeCall(jobs.pay, (_terms[i], sent, 1 + luck(9))), false);
    }

    function refund(uint256 seed) external step(seed) {
        (uint256 i, bool any) = someRound();
        if (any) _refund(i);
    }

    function _refund(uint256 i) private {
        Story storage story = _stories[i];
        address caller = _people[luck(4) == 0 ? 6 + _terms[i].provider : luck(10)].addr;
        address to = luck(3) == 0 ? _people[luck(10)].addr : _terms[i].consumer;
        bool settled = story.state == Voting.State.Settled;
        bool timely = block.timestamp > _terms[i].settleBy || caller == _people[6 + _terms[i].provider].addr;
        bool will = (to == _terms[i].consumer || caller == _terms[i].consumer)
            && (settled ? story.change != 0 : story.state == Voting.State.Funded && timely);
        uint256 before = token.balanceOf(to);
        attempt(caller, abi.encodeCall(jobs.refund, (_terms[i], to)), will);
        if (!will) return;
        uint256 amount = settled ? story.change : priceOf(i) + _terms[i].feeCap;
        assertEq(token.balanceOf(to) - before, amount);
        paidOut += amount;
        if (settled) (story.change, story.changes) = (0, story.changes + 1);
        else noteRefund(i);
    }

    function withdraw(uint256 seed) external step(seed) {
        _withdraw(_people[luck(10)].addr);
    }

    function _withdraw(address account) private {
        address to = luck(3) == 0 ? _people[luck(10)].addr : account;
        uint256[] memory list = new uint256[](2 * _things.length);
        uint256 count;
        uint256 expected = owed[account];
        bool foreign;
        for (uint256 k = 0; k < _things.length; ++k) {
            bool mine = _things[k].owner == account;
            if (mine ? luck(5) == 0 : luck(200) != 0) continue;
            foreign = foreign || !mine;
            list[count++] = _things[k].id;
            if (luck(3) == 0) list[count++] = _things[k].id;
            expected += _things[k].earned - _things[k].withdrawn;
        }
        cut(list, count);
        bool will = !foreign && expected != 0;
        uint256 before = token.balanceOf(to);
        attempt(account, abi.encodeCall(jobs.withdraw, (list, to)), will);
        if (!will) return;
        assertEq(token.balanceOf(to) - before, expected);
        paidOut += expected;
        owed[account] = 0;
        for (uint256 k = 0; k < count; ++k) {
            Thing storage asset = _things[_placeOf[list[k]]];
            asset.withdrawn = asset.earned;
        }
    }

    // --- helpers

    function luck(uint256 below) private returns (uint256) {
        _luck = uint256(keccak256(abi.encode(_luck)));
        return _luck % below;
    }

    function attempt(address caller, bytes memory data, bool will) private {
        vm.prank(caller);
        (bool done,) = address(jobs).call(data);
        assertEq(done, will, "a call went otherwise than foreseen");
    }

    function votable(uint256 i) private view returns (bool) {
        return _stories[i].state == Voting.State.Open && block.timestamp <= _terms[i].voteBy;
    }

    /// @dev Register and describe; of no samples it is a model.
    function put(address owner, uint24 provider, uint32 samples, uint80 reserve) private returns (uint256 id) {
        Thing storage made = _things.push();
        (made.provider, made.samples, made.owner) = (provider, samples, owner);
        made.reserve = samples == 0 ? NO_RESERVE : reserve;
        if (samples == 0) {
            (made.regime, made.package) = (Permissions.Regime(luck(3)), uint8(luck(2)));
            if (made.regime == Permissions.Regime.Private) made.epsilon = uint32(1 + luck(5));
        }
        vm.prank(owner);
        if (samples == 0) id = catalog.registerModel(provider, made.regime, made.epsilon, packageOf(made.package), CID);
        else id = catalog.registerData(provider, samples, reserve, CID, CID);
        vm.prank(_people[6 + provider].addr);
        catalog.describe(id, CID);
        made.id = id;
        _placeOf[id] = _things.length - 1;
    }

    function modelOf(address owner, uint24 provider) private returns (uint256) {
        uint256 first = luck(_things.length);
        for (uint256 k = 0; k < _things.length; ++k) {
            Thing memory found = _things[(first + k) % _things.length];
            if (found.samples == 0 && found.owner == owner && found.provider == provider && !found.retired) {
                return found.id;
            }
        }
        return put(owner, provider, 0, NO_RESERVE);
    }

    /// @dev Any of the data assets, on offer or not; at least the first.
    function someAssets() private returns (uint256[] memory list) {
        list = new uint256[](_things.length);
        uint256 count;
        for (uint256 k = 0; k < _things.length; ++k) {
            if (_things[k].samples != 0 && (count == 0 || luck(4) != 0)) list[count++] = _things[k].id;
        }
        cut(list, count);
    }

    function cut(uint256[] memory list, uint256 count) private pure {
        assembly ("memory-safe") {
            mstore(list, count)
        }
    }

    function someRound() private returns (uint256 i, bool any) {
        any = _terms.length != 0;
        if (any) i = luck(_terms.length);
    }

    function someVoter(uint256 asset) private returns (Account memory) {
        uint256 how = luck(8);
        address wanted = thing(asset).owner;
        if (how < 2) wanted = _delegateOf[wanted];
        for (uint256 k = 0; k < 10 && how < 7; ++k) {
            if (_people[k].addr == wanted) return _people[k];
        }
        return _people[luck(10)];
    }

    function someChoice(uint256 i) private returns (uint8) {
        return luck(8) == 0 ? REJECT : uint8(1 + luck(_terms[i].ladder.length));
    }

    /// @dev What is sent, and what a test job is split by: uneven parts for members, or equal ones.
    function someShares(uint256 i) private returns (uint32[] memory sent, uint32[] memory split) {
        split = new uint32[](_terms[i].assets.length);
        uint256 left;
        for (uint256 k = 0; k < _members[i].length; ++k) {
            if (_members[i][k]) ++left;
        }
        bool equal = _terms[i].task == Task.Test;
        (uint256 rest, uint256 count) = (1e9, left);
        for (uint256 k = 0; k < _members[i].length; ++k) {
            if (!_members[i][k]) continue;
            // The odd units of equal parts go to the first ones.
            uint256 part = equal ? 1e9 / count + (count - left < 1e9 % count ? 1 : 0) : luck(rest + 1);
            if (--left == 0) part = rest;
            (split[k], rest) = (uint32(part), rest - part);
        }
        return (equal ? new uint32[](0) : split, split);
    }

    function withPermit(Terms memory terms, Account memory payer) private view returns (bytes memory) {
        uint256 nonce = token.nonces(payer.addr);
        bytes32 content =
            keccak256(abi.encode(PERMIT, payer.addr, address(jobs), uint256(1e15), nonce, type(uint256).max));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), content));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payer.key, digest);
        return abi.encodeCall(jobs.fundWithPermit, (terms, 1e15, type(uint256).max, v, r, s));
    }
}
