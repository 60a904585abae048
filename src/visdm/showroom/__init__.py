"""Describes anyone's images offline: a table, a Croissant document and a page.

Nothing of a market is opened, and nothing leaves the machine. What is written holds no image
and no thumbnail: only what `visdm.compute.images` measures, with the paths that the images
have in their source.
"""

from visdm.showroom.describing import Described, describe

__all__ = ["Described", "describe"]
