"""Blobs as content-addressed UnixFS blocks (DESIGN section 6): in a folder, an IPFS node, or
read from a gateway.
"""

from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.gateway import Gateway
from visdm.adapters.blocks.kubo import Kubo
from visdm.adapters.blocks.places import store_at
from visdm.adapters.blocks.several import Several
from visdm.adapters.blocks.store import BlockFolder

__all__ = ["Blobs", "BlockFolder", "Gateway", "Kubo", "Several", "store_at"]
