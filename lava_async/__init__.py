"""Asynchronous spiking neural networks for Lava: train, simulate and deploy without layer synchronization."""

__version__ = "0.1.0"
