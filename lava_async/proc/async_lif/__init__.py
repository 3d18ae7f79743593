"""The asynchronous leaky integrate-and-fire neuron."""
