"""The queue of emitted spikes."""
