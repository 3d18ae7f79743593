"""The embedded data set: 1,797 real handwritten 8x8 digits, seen by a simulated event camera.

References
----------
E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(doi 10.24432/C50P49); the copy in scikit-learn is its test file, written by 13 people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.events import saccade
from lava_async.data.polarities import ON_OFF, check_planes, planes
from lava_async.extras import needs

__all__ = ["digits"]

#: One pixel of margin on each side, which the default path (2 pixels wide) uses up.
_SENSOR = (10, 10)
#: Part of the 1st, 2nd, ... 5th digit of a class, and again from the 6th on.
_TURNS = np.array(["train", "train", "train", "validation", "test"])


def digits(split: str, *, polarity: str = ON_OFF) -> SpikeDataset:
    """Return scikit-learn's handwritten digits as events of a 10 x 10 sensor over 10 time steps.

    The split is fixed and stratified: the digits of each class, in the order of the file, go in turn to train, train,
    train, validation, test. That makes 1,085 / 357 / 355 samples. The file does not name its writers, so all parts
    may share them. Choose settings on validation, then train on "train+validation"; test is for the final number.
    The sensor makes 0.138 events per channel and time step, 276 per sample.

    Parameters
    ----------
    split : str
        "train", "validation", "test", or several joined by "+".
    polarity : {"on_off", "off_on"}
        Which events come first: ON, or OFF as in slayer's tutorials and in tonic.

    Returns
    -------
    SpikeDataset
        Shape (2, 10, 10), C = 200, T = 10, at most one spike per channel and time step; samples in the file's order.

    Raises
    ------
    InvalidValue
        If `split` or `polarity` is none of these.
    MissingExtra
        If scikit-learn is not installed.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> data = digits("test")
    >>> data.spikes.shape, data.shape, data.labels[:5]
    ((355, 200, 10), (2, 10, 10), array([5, 0, 9, 8, 7]))
    """
    names = split_names("digits.split", split)
    check_planes("digits.polarity", polarity)
    with needs("train", "the data set digits"):
        from sklearn.datasets import load_digits  # takes a second

    source = load_digits()
    labels = source.target.astype(np.int64)
    chosen = np.flatnonzero(np.isin(_parts(labels), names))
    spikes = planes(saccade(source.images[chosen] / 16.0, size=_SENSOR), polarity)
    return SpikeDataset(spikes, labels[chosen], (2, *_SENSOR), f"digits {'+'.join(names)}", polarity=polarity)


def _parts(labels: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the name of the part that each digit belongs to."""
    parts = np.empty(len(labels), _TURNS.dtype)
    for label in np.unique(labels):
        place = np.flatnonzero(labels == label)
        parts[place] = np.resize(_TURNS, len(place))
    return parts
