"""Stores by name, as people write them on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from visdm.adapters.blocks.gateway import Gateway
from visdm.adapters.blocks.kubo import Kubo
from visdm.adapters.blocks.store import BlockFolder
from visdm.errors import InputError
from visdm.ports import silent

if TYPE_CHECKING:
    from visdm.adapters.blocks.blobs import Blobs
    from visdm.adapters.blocks.http import Patience
    from visdm.ports import Progress

_KUBO = "kubo:"
_GATEWAY = ("http://", "https://")
_FOLDER = ("/", "./", "../")


def store_at(place: str, *, patience: Patience | None = None, progress: Progress = silent) -> Blobs:
    """Return the store at a folder, at `kubo:URL` (an IPFS node) or at a URL (a gateway).

    A folder whose name holds a colon begins with /, ./ or ../, for a mistyped URL is no folder.
    Raises `InputError` for what is none of these, without repeating it: it may hold a password;
    `OutputError` when the folder cannot be used.
    """
    if place.startswith(_KUBO):
        return Kubo(place.removeprefix(_KUBO), patience=patience, progress=progress)
    if place.startswith(_GATEWAY):
        return Gateway(place, patience=patience)
    if place.startswith(_FOLDER) or (place and ":" not in place):
        return BlockFolder(Path(place))
    raise InputError(
        "the place of a store is none of the three kinds",
        hint="name a folder, kubo:http://127.0.0.1:5001 or the https:// address of a gateway",
    )
