"""What the services need of the world, as Protocols.

Adapters implement these and raise only `visdm.errors`; one suite per port in `tests/ports`
runs over every implementation. Paths are files on the caller's machine; a path that an
adapter writes appears under its final name only when whole.
"""

from visdm.ports.computing import Computation, Limits, Sandbox
from visdm.ports.files import (
    BlobStore,
    Bytes,
    Clock,
    Packages,
    Poured,
    Progress,
    Reader,
    Scratch,
    Sealing,
    Upload,
    Vault,
    Verdicts,
    Writer,
    silent,
)
from visdm.ports.market import Chain, Daos

__all__ = [
    "BlobStore",
    "Bytes",
    "Chain",
    "Clock",
    "Computation",
    "Daos",
    "Limits",
    "Packages",
    "Poured",
    "Progress",
    "Reader",
    "Sandbox",
    "Scratch",
    "Sealing",
    "Upload",
    "Vault",
    "Verdicts",
    "Writer",
    "silent",
]
