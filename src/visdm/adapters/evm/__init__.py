"""The contracts on an Ethereum chain: the embedded one, or any node that web3.py reaches."""
