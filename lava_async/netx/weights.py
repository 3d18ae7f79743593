"""What stock netx on Lava makes of the weights of a dense layer.

netx shifts the weights left until they fill 8 bits, tells Lava's Dense how many low bits to drop and shifts the sums
back (`lava.lib.dl.netx.utils.optimize_weight_bits`, `lava.utils.weightutils`). For nearly every layer that changes
nothing, odd weights included, so the integers of the file are what runs. The exceptions are corner cases:

- weights of both signs: 255 becomes 254;
- no weight above 0, and the least is a power of two: it becomes one less, and low bits are lost;
- no weight above 0, some equal to 0, an odd one and one below -128: all become 0. The same may befall one of the two
  parts of a recurrent layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def deviation(*parts: NDArray[np.int64]) -> str | None:
    """Say how the weights that Lava runs differ from those that netx was given; None if they do not.

    Parameters
    ----------
    *parts : integers -256 .. 255
        Weights of a dense layer; of a recurrent layer, the weights from outside and those of the feedback.
    """
    low, high = min(int(w.min()) for w in parts), max(int(w.max()) for w in parts)
    if low == high == 0:
        return "netx cannot load a layer whose weights are all 0"
    if low < 0 and high > 254:
        return f"netx clips {high} to 254 where weights have both signs"
    mixed = low < 0 <= high
    shift = int(np.floor(np.log2(min(_ratio(127 + 128 * (not mixed), high), _ratio(-128 - 128 * (not mixed), low)))))
    shift += mixed
    common = next(n for n in range(8, -1, -1) if all((w % 2**n == 0).all() for w in parts))
    for weights in parts:
        shifted = weights << shift
        runs = _dense(shifted, shift + common - mixed)
        if not np.array_equal(runs, shifted):
            at = tuple(np.argwhere(runs != shifted)[0])
            return f"Lava runs {runs[at] / 2**shift:g} for the weight {weights[at]}"
    return None


def _ratio(full: int, value: int) -> float:
    """Return full / value if they have the same sign; the other sign sets no limit."""
    return full / value if full * value > 0 else np.inf


def _dense(weights: NDArray[np.int64], drop: int) -> NDArray[np.int64]:
    """Return the weights after Dense clipped them and dropped low bits, one more if they have both signs."""
    if weights.min() >= 0:
        return _drop(np.minimum(weights, 255), drop)
    if weights.max() <= 0:
        return -_drop(np.minimum(-weights, 255), drop)
    return _drop(np.clip(weights, -256, 255), drop + 1)


def _drop(weights: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    # A shift by a negative number of bits, which netx may ask for, gives 0 in numpy.
    return weights >> bits << bits if bits >= 0 else np.zeros_like(weights)
