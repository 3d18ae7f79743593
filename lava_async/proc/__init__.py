"""Lava Processes: asynchronous neurons, spike schedulers, whole networks, and runs that cannot hang."""
