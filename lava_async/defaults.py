"""The defaults of training, which ``dense_blocks``, ``UnlayeredNetwork``, ``fit``, configs and examples share.

They carry over between networks because they are relative: weights are scaled until a part of each layer fires, the
surrogate and the learning rate follow the thresholds, the loss follows the length of the samples.
"""

RATE = 0.1
"""Part of the neurons of a layer that fires per time step before the first training step."""
RATE_SAMPLES = 128
"""Training samples by which that is measured."""
GAIN = 2.0
"""Of weights as they are drawn, before they are scaled to that rate."""
THRESHOLD = 1.0
"""Of neurons, in slayer's units. The grid of 8-bit weights has steps of 1/32 and ends at 4 in the same units."""
THRESHOLD_FACTORS = 1.0, 1.4, 3.0
"""Of the first layer, of all others and of the output, in the recipe for the timing of a chip (`docs/training.md`)."""
CURRENT_DECAY, VOLTAGE_DECAY = 1.0, 0.2
"""Parts that a time step takes of the current and of the voltage."""
ALPHA = 1.2
"""Sharpness of the arctangent surrogate, per threshold."""
LEARNING_RATE = 0.02
"""Of Adam, per threshold, for weights that begin at random."""
FINE_TUNING = 0.1
"""Factor of the learning rate for weights that have learned already."""
SCALE, PENALTY = 5.0, 0.005
"""Of the output counts in the cross-entropy, and of the hidden spikes; both are divided by the number of time steps."""
ANYTIME_SCALE = 20.0
"""Of the counts so far in the anytime cross-entropy, divided by the number of time steps."""
BATCH_SIZE = 32
"""Samples per training step."""
EPOCHS = 20
"""Passes over the training samples."""
MOST_DROPOUT = 0.99
"""Largest probability of a neuron dropout: beyond it, what is left would be multiplied by more than 100."""
OUTPUT_BIAS = 4.0
"""First bias of sigma-delta outputs: rectified, they have no gradient where they are 0."""
