"""How a provider does, for whoever runs it: a log, and on loopback its health and metrics."""

from visdm.adapters.telemetry.board import Board
from visdm.adapters.telemetry.journal import Journal, Style
from visdm.adapters.telemetry.metrics import Metrics
from visdm.adapters.telemetry.served import address, ask, served

__all__ = ["Board", "Journal", "Metrics", "Style", "address", "ask", "served"]
