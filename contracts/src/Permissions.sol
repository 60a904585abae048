// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Task} from "./Terms.sol";

/// @title What owners allow their images to be used for
/// @notice A round whose model an asset's permission does not admit cannot include the asset, and a
/// budget of privacy that is used up admits nothing more (docs/adr/0015).
/// @dev Which of `Allows` holds is kept by `Catalog` beside an asset's state, so that an asset that
/// allows what all do costs nothing here. Epsilon is counted in whole thousandths.
abstract contract Permissions {
    /// @notice How a model trains: in the platform's loop, there with differential privacy, or by a
    /// loop of its own, which may do anything with the images.
    enum Regime {
        Loop,
        Private,
        Script
    }

    /// @notice What an owner allows: the platform's loop, private or not; private training only; only
    /// the packages named; anything.
    enum Allows {
        Loop,
        Private,
        Listed,
        Scripts
    }

    /// @dev One slot, of assets that allow private training only or list packages, or once did.
    /// `spent` is what funded jobs took; `list` numbers the lists that the owner ever made.
    struct Limits {
        uint32 epsilon;
        uint32 budget;
        uint32 spent;
        uint32 list;
    }

    /// @dev What is asked of owners: the provider, the model, and what its training would take.
    struct Ask {
        uint24 provider;
        uint256 model;
        Regime regime;
        uint32 epsilon;
    }

    /// @notice The most epsilon that a model may declare: beyond it nothing is private.
    uint32 public constant MAX_EPSILON = 1_000_000;

    /// @notice What a private model said it gives away, in thousandths; 0 for any other.
    mapping(uint256 model => uint32) public epsilonOf;

    /// @notice The digest of the CID of a model's package, by which owners list it.
    mapping(uint256 model => bytes32) public digestOf;

    uint256 private constant WORD = 256;

    mapping(uint256 asset => Limits) private _limits;
    mapping(uint256 asset => mapping(bytes32 digest => uint32 list)) private _listed;

    /// @dev Which members of a funded job it took epsilon from, a bit each, 256 to a word.
    mapping(bytes32 round => mapping(uint256 word => uint256)) private _charged;

    event RegimeDeclared(uint256 indexed asset, Regime regime, uint32 epsilon);
    event PermissionSet(uint256 indexed asset, Allows allows, uint32 epsilon, uint32 budget, string[] models);
    event EpsilonTaken(bytes32 indexed round, uint32 epsilon, uint256[] assets);
    event EpsilonReturned(bytes32 indexed round, uint32 epsilon, uint256[] assets);

    error BadEpsilon(Regime regime, uint32 epsilon);
    error BadPermission(Allows allows, uint32 epsilon, uint32 budget, uint256 models);

    /// @notice Return whether an asset's present list names a package.
    function isListed(uint256 asset, string calldata package) external view returns (bool) {
        uint32 list = _limits[asset].list;
        return list != 0 && _listed[asset][keccak256(bytes(package))] == list;
    }

    /// @notice Return what an asset allows; where that is private training, how much epsilon each job
    /// may have and all together, and, whatever it allows, what funded jobs took.
    function permissionOf(uint256 asset)
        external
        view
        returns (Allows allows, uint32 epsilon, uint32 budget, uint32 spent)
    {
        Limits storage limits = _limits[asset];
        allows = _allowsOf(asset);
        if (allows == Allows.Private) (epsilon, budget) = (limits.epsilon, limits.budget);
        spent = limits.spent;
    }

    /// @dev Keep how a model trains, and by which digest owners name its package.
    function _declare(uint256 model, Regime regime, uint32 epsilon, string calldata package) internal {
        bool fits = regime == Regime.Private ? epsilon != 0 && epsilon <= MAX_EPSILON : epsilon == 0;
        require(fits, BadEpsilon(regime, epsilon));
        digestOf[model] = keccak256(bytes(package));
        if (epsilon != 0) epsilonOf[model] = epsilon;
        emit RegimeDeclared(model, regime, epsilon);
    }

    /// @dev Keep what an asset allows. A list replaces the one before it; what was spent stays spent.
    function _permit(uint256 asset, Allows allows, uint32 epsilon, uint32 budget, string[] calldata models) internal {
        bool limited = allows == Allows.Private ? epsilon != 0 && epsilon <= budget : epsilon == 0 && budget == 0;
        require(
            limited && (allows == Allows.Listed) == (models.length != 0),
            BadPermission(allows, epsilon, budget, models.length)
        );
        Limits storage limits = _limits[asset];
        if (allows == Allows.Private) (limits.epsilon, limits.budget) = (epsilon, budget);
        if (allows == Allows.Listed) {
            uint32 list = ++limits.list;
            for (uint256 i = 0; i < models.length; ++i) {
                _listed[asset][keccak256(bytes(models[i]))] = list;
            }
        }
        emit PermissionSet(asset, allows, epsilon, budget, models);
    }

    /// @dev Return what a round asks. A test trains nothing: what it finds out is not private.
    function _ask(uint24 provider, uint256 model, Regime regime, Task task) internal view returns (Ask memory ask) {
        if (regime == Regime.Private && task == Task.Test) regime = Regime.Loop;
        ask = Ask(provider, model, regime, regime == Regime.Private ? epsilonOf[model] : 0);
    }

    /// @dev Return whether an asset that allows `allows` admits what is asked.
    function _admits(uint256 asset, Allows allows, Ask memory ask) internal view returns (bool) {
        if (allows == Allows.Loop) return ask.regime != Regime.Script;
        if (allows == Allows.Scripts) return true;
        Limits memory limits = _limits[asset];
        if (allows == Allows.Listed) return _listed[asset][digestOf[ask.model]] == limits.list;
        return ask.regime == Regime.Private && ask.epsilon <= limits.epsilon
            && uint256(limits.spent) + ask.epsilon <= limits.budget;
    }

    /// @dev Take a private job's epsilon from those of its members that keep a budget.
    function _charge(bytes32 round, uint256[] calldata members, uint32 epsilon) internal {
        uint256[] memory charged = new uint256[](members.length);
        uint256 count;
        uint256 word;
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 asset = members[i];
            if (_allowsOf(asset) == Allows.Private) {
                _limits[asset].spent += epsilon;
                charged[count++] = asset;
                // One bit, moved to its place.
                // forge-lint: disable-next-line(incorrect-shift)
                word |= 1 << (i % WORD);
            }
            if (word != 0 && (i % WORD == WORD - 1 || i == members.length - 1)) {
                _charged[round][i / WORD] = word;
                word = 0;
            }
        }
        if (count != 0) emit EpsilonTaken(round, epsilon, _first(charged, count));
    }

    /// @dev Give back what a job took, whatever its members' owners allow by now.
    function _release(bytes32 round, uint256[] calldata members, uint32 epsilon) internal {
        uint256[] memory charged = new uint256[](members.length);
        uint256 count;
        uint256 word;
        for (uint256 i = 0; i < members.length; ++i) {
            if (i % WORD == 0) {
                word = _charged[round][i / WORD];
                if (word != 0) _charged[round][i / WORD] = 0;
            }
            if (word >> (i % WORD) & 1 == 0) continue;
            _limits[members[i]].spent -= epsilon;
            charged[count++] = members[i];
        }
        if (count != 0) emit EpsilonReturned(round, epsilon, _first(charged, count));
    }

    /// @dev Return what an asset allows.
    function _allowsOf(uint256 asset) internal view virtual returns (Allows);

    function _first(uint256[] memory list, uint256 count) private pure returns (uint256[] memory) {
        assembly ("memory-safe") {
            mstore(list, count)
        }
        return list;
    }
}
