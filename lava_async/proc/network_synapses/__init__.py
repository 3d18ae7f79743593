"""All synapses of a network as one connection."""
