"""Blobs as content-addressed UnixFS blocks (DESIGN section 6), wherever they are kept."""

from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.several import Several
from visdm.adapters.blocks.store import BlockFolder

__all__ = ["Blobs", "BlockFolder", "Several"]
