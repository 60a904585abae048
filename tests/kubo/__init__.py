"""IPFS nodes and gateways on loopback that behave as documented, or as badly as one can."""
