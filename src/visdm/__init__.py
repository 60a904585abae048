"""ViSDM: rent labelled images for AI training and testing without handing them over.

The names below are what programs may rely on. They are loaded when first used: the sandbox
imports this package too, and needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visdm.domain.assets import Asset, Provider
    from visdm.domain.jobs import Job
    from visdm.domain.metadata import Metadata
    from visdm.domain.reports import Report
    from visdm.domain.rounds import Ballot, Outcome, Terms
    from visdm.domain.sampling import Criteria
    from visdm.errors import VisdmError
    from visdm.services.consumer import Consumer
    from visdm.services.provider import ComputeProvider
    from visdm.services.supplier import Supplier
    from visdm.wiring import World, open_world

__version__ = "0.1.0"

_HOMES = {
    "Asset": "domain.assets",
    "Ballot": "domain.rounds",
    "ComputeProvider": "services.provider",
    "Consumer": "services.consumer",
    "Criteria": "domain.sampling",
    "Job": "domain.jobs",
    "Metadata": "domain.metadata",
    "Outcome": "domain.rounds",
    "Provider": "domain.assets",
    "Report": "domain.reports",
    "Supplier": "services.supplier",
    "Terms": "domain.rounds",
    "VisdmError": "errors",
    "World": "wiring",
    "open_world": "wiring",
}

__all__ = [
    "Asset",
    "Ballot",
    "ComputeProvider",
    "Consumer",
    "Criteria",
    "Job",
    "Metadata",
    "Outcome",
    "Provider",
    "Report",
    "Supplier",
    "Terms",
    "VisdmError",
    "World",
    "__version__",
    "open_world",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"visdm.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'visdm' has no attribute {name!r}")
