"""Neuron dropout, in training only: what a neuron sends in a sample is lost, or larger.

slayer's ``neuron.Dropout``: for a whole sample a neuron's messages are multiplied by 0 or by 1 / (1 - p). The neuron
itself fires, is reset and waits in the queue as ever. The factor is a constant, for the gradient too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.defaults import MOST_DROPOUT
from lava_async.draws import NEURON_DROPOUT, dropped
from lava_async.errors import InvalidValue

#: Bits of a payload that are below 1 while neurons are dropped, so that integers can be multiplied by 1 / (1 - p).
FRACTION_BITS = 20


def check_dropout(where: str, p: float) -> float:
    """Return the probability of a neuron dropout.

    Raises
    ------
    InvalidValue
        If it is not in 0 .. `MOST_DROPOUT`.
    """
    if not 0 <= p <= MOST_DROPOUT:
        raise InvalidValue(where, p, f"a probability in 0 .. {MOST_DROPOUT}")
    return float(p)


def neuron_factors(
    probability: NDArray[np.float64], seed: int, samples: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Return what the messages of each neuron are multiplied by in each sample.

    Parameters
    ----------
    probability : (N,) float64
        With which a neuron is dropped.
    seed : int
        Of the execution.
    samples : (B,) int64
        Sample numbers: a sample draws the same in any batch.

    Returns
    -------
    (B, N) float64, or None
        0, or 1 / (1 - p) rounded up to a multiple of ``2 ** -FRACTION_BITS``; None if nothing can be dropped.

    Examples
    --------
    >>> import numpy as np
    >>> neuron_factors(np.array([0.0, 0.5, 0.5, 0.5]), seed=3, samples=np.arange(2)).tolist()
    [[1.0, 2.0, 2.0, 2.0], [1.0, 2.0, 0.0, 0.0]]
    """
    if not probability.any():
        return None
    one = 1 << FRACTION_BITS
    neurons = np.arange(len(probability))
    lost = dropped(probability, seed, NEURON_DROPOUT, samples[:, None], 0, 0, neurons)
    found: NDArray[np.float64] = np.where(lost, 0.0, np.ceil(one / (1 - probability)) / one)
    return found
