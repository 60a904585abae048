// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title The register of data assets, model assets and providers
/// @notice What owners bring to the market and what may be done with it. Nobody administers it.
/// @dev State holds what contracts decide on; CIDs are in events, where whoever reads them has
/// the whole log anyway. A CID is passed as text: it says its own codec and hash, and costs the
/// same gas whatever its bytes are.
contract Catalog is ERC721 {
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

    /// @dev One slot.
    struct Asset {
        uint32 provider;
        uint32 samples;
        uint96 reserve;
        Kind kind;
        State state;
    }

    /// @dev One slot. `region` is two ASCII letters, `fee` in token units per sample.
    struct Provider {
        address account;
        bytes2 region;
        uint80 fee;
    }

    /// @notice The reserve of an owner who sets none: no price reaches it.
    uint96 public constant NO_RESERVE = type(uint96).max;

    /// @notice How many assets were ever registered; ids count from 1.
    uint256 public assetCount;

    /// @notice Who votes for an account's assets; zero where nobody does.
    mapping(address owner => address) public delegateOf;

    mapping(uint256 id => Asset) private _assets;
    Provider[] private _providers;

    event KeyPublished(address indexed account, string recipient);
    event ProviderAnnounced(uint32 indexed provider, address indexed account, bytes2 region, uint80 fee);
    event AssetRegistered(
        uint256 indexed asset,
        uint32 indexed provider,
        Kind kind,
        uint32 samples,
        uint96 reserve,
        string package,
        string grants
    );
    event AssetDescribed(uint256 indexed asset, string metadata);
    event AssetRefused(uint256 indexed asset, string reason);
    event AssetRetired(uint256 indexed asset);
    event ReserveSet(uint256 indexed asset, uint96 reserve);
    event DelegateSet(address indexed owner, address indexed delegate);

    error UnknownAsset(uint256 asset);
    error UnknownProvider(uint32 provider);
    error NotOwner(uint256 asset, address account);
    error NotProvider(uint256 asset, address account);
    error WrongState(uint256 asset, State state);
    error NoSamples();
    error NoRegion();

    constructor() ERC721("ViSDM asset", "VISDM") {}

    /// @notice Publish the key that others encrypt to when they have something for you.
    /// @param recipient an age public key
    function publishKey(string calldata recipient) external {
        emit KeyPublished(msg.sender, recipient);
    }

    /// @notice Offer to compute, in one region for good: data that must not leave it trusts in that.
    /// @param region two ASCII letters, as ISO 3166 or "EU"
    /// @param fee in token units per sample
    /// @return provider its index, from 1
    function announce(bytes2 region, uint80 fee) external returns (uint32 provider) {
        require(region[0] != 0 && region[1] != 0, NoRegion());
        _providers.push(Provider(msg.sender, region, fee));
        provider = uint32(_providers.length);
        emit ProviderAnnounced(provider, msg.sender, region, fee);
    }

    /// @notice Register labelled images.
    /// @param provider who may open them and compute on them
    /// @param samples how many images: the asset's weight in every vote
    /// @param reserve the least that the owner accepts, in token units per sample
    /// @param package CID of the ciphertext
    /// @param grants CID of the payload key, sealed to each recipient
    function registerData(
        uint32 provider,
        uint32 samples,
        uint96 reserve,
        string calldata package,
        string calldata grants
    ) external returns (uint256 asset) {
        require(samples != 0, NoSamples());
        asset = _register(Asset(provider, samples, reserve, Kind.Data, State.Registered));
        emit AssetRegistered(asset, provider, Kind.Data, samples, reserve, package, grants);
    }

    /// @notice Register a compute script. Parameters as for data.
    function registerModel(uint32 provider, string calldata package, string calldata grants)
        external
        returns (uint256 asset)
    {
        asset = _register(Asset(provider, 0, NO_RESERVE, Kind.Model, State.Registered));
        emit AssetRegistered(asset, provider, Kind.Model, 0, NO_RESERVE, package, grants);
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
    function setReserve(uint256 asset, uint96 reserve) external {
        _onlyOwner(asset);
        _assets[asset].reserve = reserve;
        emit ReserveSet(asset, reserve);
    }

    /// @notice As the owner: take the asset off the market, for good.
    function retire(uint256 asset) external {
        _onlyOwner(asset);
        State state = _assets[asset].state;
        require(state != State.Retired, WrongState(asset, state));
        _assets[asset].state = State.Retired;
        emit AssetRetired(asset);
    }

    /// @notice Let somebody vote for all your assets; zero takes it back.
    function delegate(address to) external {
        delegateOf[msg.sender] = to;
        emit DelegateSet(msg.sender, to);
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

    /// @notice Return an announced provider.
    function providerOf(uint32 provider) public view returns (Provider memory) {
        require(provider != 0 && provider <= _providers.length, UnknownProvider(provider));
        return _providers[provider - 1];
    }

    function _register(Asset memory asset) private returns (uint256 id) {
        require(asset.provider != 0 && asset.provider <= _providers.length, UnknownProvider(asset.provider));
        id = ++assetCount;
        _assets[id] = asset;
        // Not _safeMint: it would hand control to the receiver, who is the caller anyway.
        _mint(msg.sender, id);
    }

    function _answer(uint256 id, State answer) private {
        Asset storage asset = _assets[id];
        State state = asset.state;
        require(state != State.None, UnknownAsset(id));
        require(providerOf(asset.provider).account == msg.sender, NotProvider(id, msg.sender));
        require(state == State.Registered, WrongState(id, state));
        asset.state = answer;
    }

    function _onlyOwner(uint256 asset) private view {
        address owner = _ownerOf(asset);
        require(owner != address(0), UnknownAsset(asset));
        require(owner == msg.sender, NotOwner(asset, msg.sender));
    }

    function _known(uint256 id) private view returns (Asset memory asset) {
        asset = _assets[id];
        require(asset.state != State.None, UnknownAsset(id));
    }
}
