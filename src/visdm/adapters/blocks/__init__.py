"""Blobs as content-addressed UnixFS blocks (DESIGN section 6), embedded in a folder."""

from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.store import BlockFolder

__all__ = ["Blobs", "BlockFolder"]
