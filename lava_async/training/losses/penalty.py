"""What spikes cost besides the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.records import array_of


def activity_weights(network: Network, penalty: float | Sequence[float]) -> Tensor:
    """Return the weight (N,) of the spikes of each neuron in the loss.

    Parameters
    ----------
    network : Network
        Its layers count.
    penalty : float or list of float
        One number for all neurons that are no outputs, or one per layer, for all its neurons.

    Raises
    ------
    InvalidType, InvalidValue
        If these are no numbers, or there are not as many of them as layers.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.training.losses.penalty import activity_weights
    >>> network = Network.feedforward([[[1.0], [1.0]], [[1.0, 1.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> activity_weights(network, 0.5), activity_weights(network, [0.5, 0.25])
    (tensor([0.5000, 0.5000, 0.0000]), tensor([0.5000, 0.5000, 0.2500]))
    """
    weights = torch.zeros(network.n_neurons)
    numbers = array_of("penalty", penalty, "iuf", "numbers").astype(np.float64)
    if numbers.ndim == 0:
        weights += float(numbers)
        weights[torch.from_numpy(network.outputs.copy())] = 0
        return weights
    if numbers.shape != (len(network.layers),):
        allowed = f"{len(network.layers)}, one per layer, or one for all"
        raise InvalidValue("penalty: numbers in it", numbers.size, allowed)
    for rows, value in zip(network.layer_slices, numbers.tolist(), strict=True):
        weights[rows] = value
    return weights
