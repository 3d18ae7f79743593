"""Random numbers by counting: what is drawn depends on what it is for, never on what was drawn before.

``key(seed, stream, sample, t, k, i)`` hashes its arguments (semantics.md section 4), so results do not depend on batch
order, batch size, thread count or machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Hash = NDArray[np.uint64]

RANDOM_SCHEDULE, REFRACTORY_DROPOUT, INPUT_DROPOUT, MOMENTUM_NOISE, RATE, NEURON_DROPOUT = 0, 1, 2, 3, 4, 5

G = np.uint64(0x9E3779B97F4A7C15)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


def mix(z: Hash) -> Hash:
    """Return the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of uint64 `z`."""
    z = (z ^ (z >> _30)) * _A
    z = (z ^ (z >> _27)) * _B
    mixed: Hash = z ^ (z >> _31)
    return mixed


def fold(h: Hash, x: Hash) -> Hash:
    """Return the hash `h` continued by uint64 `x` (negative numbers in two's complement)."""
    return mix(h ^ (x * G))


def unit(h: Hash) -> NDArray[np.float64]:
    """Return hash `h` as a float64 in [0, 1)."""
    number: NDArray[np.float64] = (h >> _11) * 2.0**-53
    return number


def key(seed: int, *words: ArrayLike) -> Hash:
    """Return the hash of `seed` and of words (stream, sample, t, k, i), the last of which may be an array."""
    h = mix(_array(seed) + G)
    for word in words:
        h = fold(h, _array(word))
    return h


def dropped(probability: float | NDArray[np.float64], seed: int, stream: int, *words: ArrayLike) -> NDArray[np.bool_]:
    """Return which of the last of the words (sample, t, k, i) a dropout takes; words broadcast."""
    return np.asarray(unit(key(seed, stream, *words)) < probability)


def _array(x: ArrayLike) -> Hash:
    """Return integers as a uint64 array of at least one dimension (numpy warns of wrap-around in scalars only)."""
    return np.atleast_1d(np.asarray(x, dtype=np.int64)).astype(np.uint64)
