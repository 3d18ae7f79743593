"""A source of input spikes."""
