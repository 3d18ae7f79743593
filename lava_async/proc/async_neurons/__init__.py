"""Asynchronous neurons of every model besides LIF."""
