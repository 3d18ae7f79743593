"""The decision that output spikes stand for."""
