"""What the services need of the world, as Protocols.

Adapters implement these and raise only `visdm.errors`; one suite per port in `tests/ports`
runs over every implementation. Paths are files on the caller's machine; a path that an
adapter writes appears under its final name only when whole.
"""

from visdm.ports.computing import Computation, Limits, Sandbox
from visdm.ports.files import (
    BlobStore,
    Clock,
    Packages,
    Progress,
    Scratch,
    Vault,
    Writer,
    silent,
)
from visdm.ports.market import Chain, Daos

__all__ = [
    "BlobStore",
    "Chain",
    "Clock",
    "Computation",
    "Daos",
    "Limits",
    "Packages",
    "Progress",
    "Sandbox",
    "Scratch",
    "Vault",
    "Writer",
    "silent",
]
