// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {AssetCard} from "./AssetCard.sol";
import {Permissions} from "./Permissions.sol";
import {NO_RESERVE, Task} from "./Terms.sol";

/// @title The register of data assets, model assets and providers
/// @notice What owners bring to the market and what may be done with it. Nobody administers it.
/// @dev State holds what contracts decide on; CIDs are in events, where whoever reads them has
/// the whole log anyway. A CID is passed as text: it says its own codec and hash, and costs the
/// same gas whatever its bytes are.
contract Catalog is ERC721, Permissions {
    enum Kind {
        None,
        Data,
        Model
    }

    enum State {
        None,
        Registered,
        Described,
        Refused,
        Retired
    }

    /// @notice An asset as it stands. A model asset is one of no samples. `earned` and `jobs` are its
    /// reputation; they count modulo their size, which `Jobs` knows and keeps escrow below.
    struct Asset {
        uint24 provider;
        uint32 samples;
        uint80 reserve;
        State state;
        uint96 earned;
        uint16 jobs;
    }

    /// @dev An asset in its one slot: the low half of `status` is its state, the high half what a data
    /// asset allows, or how a model trains.
    struct Entry {
        uint24 provider;
        uint32 samples;
        uint80 reserve;
        uint8 status;
        uint96 earned;
        uint16 jobs;
    }

    /// @dev One slot. `region` is two capital letters, `fee` in token units per sample.
    struct Provider {
        address account;
        bytes2 region;
        uint72 fee;
    }

    /// @notice How far a delegation is followed: longer chains, and cycles, end without a vote.
    uint256 public constant MAX_DELEGATIONS = 4;

    /// @notice How many bytes of text a search may have.
    uint256 public constant MAX_SOUGHT = 1_024;

    /// @notice The one contract that may credit assets: the one that made this catalog.
    address public immutable jobs;

    /// @notice How many assets were ever registered; ids count from 1.
    uint128 public assetCount;

    /// @notice How many providers were ever announced; indices count from 1.
    uint24 public providerCount;

    /// @notice Who votes for an account's assets; zero where nobody does.
    mapping(address owner => address) public delegateOf;

    uint8 private constant STATE_MASK = 0x0f;
    uint8 private constant HIGH_HALF = 4;

    /// @dev Where the fields of an `Entry` begin in its slot, after the provider.
    uint256 private constant SAMPLES_SHIFT = 24;
    uint256 private constant RESERVE_SHIFT = 56;
    uint256 private constant STATUS_SHIFT = 136;

    /// @dev Of an `Entry`, the provider and the status.
    uint256 private constant OFFER_MASK = type(uint24).max | uint256(type(uint8).max) << STATUS_SHIFT;

    mapping(uint256 id => Entry) private _assets;
    mapping(uint24 provider => Provider) private _providers;

    event KeyPublished(address indexed account, string recipient);
    event ProviderAnnounced(uint24 indexed provider, address indexed account, bytes2 region, uint72 fee);
    event AssetRegistered(
        uint256 indexed asset,
        uint24 indexed provider,
        Kind kind,
        uint32 samples,
        uint80 reserve,
        string package,
        string grants
    );
    event AssetDescribed(uint256 indexed asset, string metadata);
    event AssetRefused(uint256 indexed asset, string reason);
    event AssetRetired(uint256 indexed asset);
    event AssetGranted(uint256 indexed asset, string grants);
    event ReserveSet(uint256 indexed asset, uint80 reserve);
    event DelegateSet(address indexed owner, address indexed delegate);
    event Sought(address indexed consumer, string wanted);

    error UnknownAsset(uint256 asset);
    error UnknownProvider(uint24 provider);
    error NotOwner(uint256 asset, address account);
    error NotProvider(uint256 asset, address account);
    error NotJobs(address account);
    error WrongState(uint256 asset, State state);
    error NoSamples();
    error NotData(uint256 asset);
    error NoRegion();
    error SoughtTooLong(uint256 size);

    constructor() ERC721("ViSDM asset", "VISDM") {
        jobs = msg.sender;
    }

    /// @notice Publish the key that others encrypt to when they have something for you.
    /// @param recipient an age public key
    function publishKey(string calldata recipient) external {
        emit KeyPublished(msg.sender, recipient);
    }

    /// @notice Offer to compute, in one region for good: data that must not leave it trusts in that.
    /// @param region two capital letters, as ISO 3166 or "EU"
    /// @param fee in token units per sample
    /// @return provider its index, from 1
    function announce(bytes2 region, uint72 fee) external returns (uint24 provider) {
        require(_isLetter(region[0]) && _isLetter(region[1]), NoRegion());
        provider = ++providerCount;
        _providers[provider] = Provider(msg.sender, region, fee);
        emit ProviderAnnounced(provider, msg.sender, region, fee);
    }

    /// @notice Register labelled images.
    /// @param provider who may open them and compute on them
    /// @param samples how many images: the asset's weight in every vote
    /// @param reserve the least that the owner accepts, in token units per sample
    /// @param package CID of the ciphertext
    /// @param grants CID of the payload key, sealed to each recipient
    /// @return asset its id
    function registerData(
        uint24 provider,
        uint32 samples,
        uint80 reserve,
        string calldata package,
        string calldata grants
    ) external returns (uint256 asset) {
        require(samples != 0, NoSamples());
        asset = _register(Entry(provider, samples, reserve, uint8(State.Registered), 0, 0));
        emit AssetRegistered(asset, provider, Kind.Data, samples, reserve, package, grants);
    }

    /// @notice Register a compute script. Parameters as for data, and
    /// @param regime how it trains: its provider describes it only if that is so
    /// @param epsilon what a private one may give away, in thousandths; 0 for any other
    /// @return asset its id
    function registerModel(
        uint24 provider,
        Regime regime,
        uint32 epsilon,
        string calldata package,
        string calldata grants
    ) external returns (uint256 asset) {
        asset = _register(Entry(provider, 0, NO_RESERVE, _status(State.Registered, uint8(regime)), 0, 0));
        emit AssetRegistered(asset, provider, Kind.Model, 0, NO_RESERVE, package, grants);
        _declare(asset, regime, epsilon, package);
    }

    /// @notice As the asset's provider: publish what was found on opening it.
    /// @param metadata CID of the public description
    function describe(uint256 asset, string calldata metadata) external {
        _answer(asset, State.Described);
        emit AssetDescribed(asset, metadata);
    }

    /// @notice As the asset's provider: say why it will not be described. It stays off the market.
    function refuse(uint256 asset, string calldata reason) external {
        _answer(asset, State.Refused);
        emit AssetRefused(asset, reason);
    }

    /// @notice As the owner: set the least you accept, in token units per sample. It answers
    /// for you in every round in which neither you nor your delegate does.
    function setReserve(uint256 asset, uint80 reserve) external {
        _onlyOwner(asset);
        _assets[asset].reserve = reserve;
        emit ReserveSet(asset, reserve);
    }

    /// @notice As the owner of images: say which models may be trained on them, from now on. What
    /// stands when a round is closed counts, and again when it is funded.
    /// @param epsilon for private training only: the most that a job may take, in thousandths
    /// @param budget for private training only: the most that all jobs may take together; what
    /// earlier ones took counts
    /// @param models for a list only: the CIDs of the packages
    function allow(uint256 asset, Allows allows, uint32 epsilon, uint32 budget, string[] calldata models) external {
        _onlyOwnerOfLive(asset);
        Entry storage entry = _assets[asset];
        require(entry.samples != 0, NotData(asset));
        entry.status = _status(_state(entry.status), uint8(allows));
        _permit(asset, allows, epsilon, budget, models);
    }

    /// @notice As the owner: say where the payload key lies now, sealed to other recipients. The
    /// package stays what it is.
    /// @param grants CID of the payload key, sealed to each recipient
    function grant(uint256 asset, string calldata grants) external {
        _onlyOwnerOfLive(asset);
        emit AssetGranted(asset, grants);
    }

    /// @notice As the owner: take the asset off the market, for good.
    function retire(uint256 asset) external {
        _onlyOwnerOfLive(asset);
        Entry storage entry = _assets[asset];
        entry.status = _status(State.Retired, entry.status >> HIGH_HALF);
        emit AssetRetired(asset);
    }

    /// @notice Let somebody vote for all your assets, a person or a contract; zero takes it back.
    function delegate(address to) external {
        delegateOf[msg.sender] = to;
        emit DelegateSet(msg.sender, to);
    }

    /// @notice Say publicly which data you look for, so that suppliers know what to collect. It binds
    /// nobody and nothing is stored; readers count accounts, not texts.
    /// @param wanted what is sought, as JSON; at most `MAX_SOUGHT` bytes
    function postSought(string calldata wanted) external {
        require(bytes(wanted).length <= MAX_SOUGHT, SoughtTooLong(bytes(wanted).length));
        emit Sought(msg.sender, wanted);
    }

    /// @notice As the contract of the jobs: add to what assets earned.
    /// @param rewards in token units, each below 2^96
    function credit(uint256[] calldata ids, uint256[] calldata rewards) external {
        _onlyJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            Entry storage asset = _assets[ids[i]];
            // Only what is not withdrawn yet must fit, and that is less than the escrow.
            unchecked {
                asset.earned += uint96(rewards[i]);
                ++asset.jobs;
            }
        }
    }

    /// @notice As the contract of the jobs: take a private model's epsilon from the budgets of a funded
    /// job's members, whose permissions were just seen to admit it.
    function charge(bytes32 round, uint256[] calldata members, uint256 model) external {
        _onlyJobs();
        _charge(round, members, epsilonOf[model]);
    }

    /// @notice As the contract of the jobs: give back what a job took that was not done.
    /// @param members as when it was charged
    function release(bytes32 round, uint256[] calldata members, uint256 model) external {
        _onlyJobs();
        _release(round, members, epsilonOf[model]);
    }

    /// @notice Return what is registered under an id.
    function assetOf(uint256 asset) external view returns (Asset memory) {
        return _known(asset);
    }

    /// @notice Return what is registered under several ids, in their order.
    function assetsOf(uint256[] calldata ids) external view returns (Asset[] memory list) {
        list = new Asset[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            list[i] = _known(ids[i]);
        }
    }

    /// @notice Return weight and reserve of assets in a vote, in their order: the samples of a data
    /// asset that `provider` has described and whose owner allows what is asked, and 0 for any other.
    function electorate(uint256[] calldata ids, uint24 provider, uint256 model, Task task)
        external
        view
        returns (uint32[] memory samples, uint80[] memory reserves)
    {
        Ask memory ask = _ask(provider, model, regimeOf(model), task);
        uint256 usual = _usual(ask);
        samples = new uint32[](ids.length);
        reserves = new uint80[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 word = _offer(ids[i], usual, ask);
            if (word == 0) continue;
            // Each field is cut out of the word at its own width.
            // forge-lint: disable-next-line(unsafe-typecast)
            (samples[i], reserves[i]) = (uint32(word >> SAMPLES_SHIFT), uint80(word >> RESERVE_SHIFT));
        }
    }

    /// @notice Return what assets weigh in a vote of those who named `delegate`, in their order: as
    /// `electorate` has it, and 0 for those of other owners.
    function weightsUnder(uint256[] calldata ids, uint24 provider, uint256 model, Task task, address delegate_)
        external
        view
        returns (uint32[] memory samples)
    {
        Ask memory ask = _ask(provider, model, regimeOf(model), task);
        uint256 usual = _usual(ask);
        samples = new uint32[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 id = ids[i];
            if (delegateOf[_ownerOf(id)] != delegate_) continue;
            // As above.
            // forge-lint: disable-next-line(unsafe-typecast)
            samples[i] = uint32(_offer(id, usual, ask) >> SAMPLES_SHIFT);
        }
    }

    /// @notice Return whether an asset is a model that `provider` has described, who owns it, and how
    /// it trains.
    function modelOf(uint256 id, uint24 provider)
        external
        view
        returns (bool described, address owner, Regime regime)
    {
        Entry storage asset = _assets[id];
        described = _state(asset.status) == State.Described && asset.provider == provider && asset.samples == 0;
        (owner, regime) = (_ownerOf(id), regimeOf(id));
    }

    /// @notice Return how a model trains.
    function regimeOf(uint256 model) public view returns (Regime) {
        Entry storage asset = _assets[model];
        return asset.samples == 0 ? Regime(asset.status >> HIGH_HALF) : Regime.Loop;
    }

    /// @notice Return an announced provider.
    function providerOf(uint24 provider) public view returns (Provider memory known) {
        known = _providers[provider];
        require(known.account != address(0), UnknownProvider(provider));
    }

    /// @notice Return who owns assets, in their order; zero for one that was never registered.
    function ownersOf(uint256[] calldata ids) external view returns (address[] memory owners) {
        owners = new address[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            owners[i] = _ownerOf(ids[i]);
        }
    }

    /// @notice Return whether `voter` may answer for `owner`, as its delegate or the delegate's.
    function speaksFor(address voter, address owner) external view returns (bool) {
        address hop = owner;
        for (uint256 i = 0; i < MAX_DELEGATIONS; ++i) {
            hop = delegateOf[hop];
            if (hop == address(0)) return false;
            if (hop == voter) return true;
        }
        return false;
    }

    /// @notice Return an asset's card for wallets (ERC-721 metadata), as a data URI.
    function tokenURI(uint256 asset) public view override returns (string memory) {
        _requireOwned(asset);
        Asset memory known = _known(asset);
        return AssetCard.uri(asset, known.samples, providerOf(known.provider).region, _word(known.state));
    }

    function _register(Entry memory asset) private returns (uint256 id) {
        require(asset.provider != 0 && asset.provider <= providerCount, UnknownProvider(asset.provider));
        id = ++assetCount;
        _assets[id] = asset;
        // Not _safeMint: it would hand control to the receiver, who is the caller anyway.
        _mint(msg.sender, id);
    }

    function _answer(uint256 id, State answer) private {
        Entry storage asset = _assets[id];
        State state = _state(asset.status);
        require(state != State.None, UnknownAsset(id));
        require(providerOf(asset.provider).account == msg.sender, NotProvider(id, msg.sender));
        require(state == State.Registered, WrongState(id, state));
        asset.status = _status(answer, asset.status >> HIGH_HALF);
    }

    function _onlyOwner(uint256 asset) private view {
        address owner = _ownerOf(asset);
        require(owner != address(0), UnknownAsset(asset));
        require(owner == msg.sender, NotOwner(asset, msg.sender));
    }

    function _onlyOwnerOfLive(uint256 asset) private view {
        _onlyOwner(asset);
        State state = _state(_assets[asset].status);
        require(state != State.Retired, WrongState(asset, state));
    }

    function _onlyJobs() private view {
        require(msg.sender == jobs, NotJobs(msg.sender));
    }

    function _known(uint256 id) private view returns (Asset memory asset) {
        Entry memory entry = _assets[id];
        State state = _state(entry.status);
        require(state != State.None, UnknownAsset(id));
        asset = Asset(entry.provider, entry.samples, entry.reserve, state, entry.earned, entry.jobs);
    }

    /// @dev What `_offer` finds under its mask in the slot of an asset that is described and allows what
    /// all do, if that suffices.
    function _usual(Ask memory ask) private pure returns (uint256) {
        if (ask.regime == Regime.Script) return type(uint256).max;
        return uint256(State.Described) << STATUS_SHIFT | ask.provider;
    }

    /// @dev An asset's slot where it is on offer for what is asked, otherwise 0. A model may be too, and
    /// weighs nothing. Read whole and once: a vote reads thousands, and each field apart costs another
    /// 100 gas.
    function _offer(uint256 id, uint256 usual, Ask memory ask) private view returns (uint256 word) {
        Entry storage asset = _assets[id];
        assembly ("memory-safe") {
            word := sload(asset.slot)
        }
        if (word & OFFER_MASK == usual) return word;
        uint256 state = (word >> STATUS_SHIFT) & STATE_MASK;
        // forge-lint: disable-next-line(unsafe-typecast)
        if (state != uint256(State.Described) || uint24(word) != ask.provider) return 0;
        // forge-lint: disable-next-line(unsafe-typecast)
        if (!_admits(id, Allows(uint8(word >> STATUS_SHIFT) >> HIGH_HALF), ask)) return 0;
    }

    function _allowsOf(uint256 id) internal view override returns (Allows) {
        Entry storage asset = _assets[id];
        return asset.samples == 0 ? Allows.Loop : Allows(asset.status >> HIGH_HALF);
    }

    function _state(uint8 status) private pure returns (State) {
        return State(status & STATE_MASK);
    }

    function _status(State state, uint8 high) private pure returns (uint8) {
        return uint8(state) | high << HIGH_HALF;
    }

    function _isLetter(bytes1 char) private pure returns (bool) {
        return char >= "A" && char <= "Z";
    }

    function _word(State state) private pure returns (string memory) {
        if (state == State.Registered) return "registered";
        if (state == State.Described) return "described";
        return state == State.Refused ? "refused" : "retired";
    }
}
