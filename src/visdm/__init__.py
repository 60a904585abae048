"""ViSDM: rent labelled images for AI training and testing without handing them over."""

__version__ = "0.1.0"
