"""The two polarities of events, ON (brighter) and OFF (darker), and the order of their planes."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import DataWarning, InvalidValue, nearest
from lava_async.records import array_of

__all__ = ["OFF_ON", "ON_OFF", "POLARITIES", "check_planes", "on_events", "planes", "warn_of_planes"]

#: Order of the planes of two polarities: ours, and that of slayer's tutorials and of tonic.
ON_OFF, OFF_ON = "on_off", "off_on"
#: What becomes of the polarities: both are kept, in one of two orders ("both" is "on_off"), they are added up, or one
#: is dropped.
POLARITIES = ("both", ON_OFF, OFF_ON, "merged", "on", "off")


def on_events(where: str, polarity: ArrayLike) -> NDArray[np.bool_]:
    """Return which events are ON: 1 or True; 0, -1 or False are OFF.

    Raises
    ------
    InvalidType, InvalidValue
        If there is any other number, or both 0 and -1.

    Examples
    --------
    >>> from lava_async.data.polarities import on_events
    >>> on_events("sample.csv", [1, -1, 1])
    array([ True, False,  True])
    """
    p = array_of(where, polarity, "biuf", "polarities")
    if p.dtype.kind == "b":
        return np.asarray(p, np.bool_)
    signed = (p == -1).any()
    good = (p == 1) | (p == (-1 if signed else 0))
    if not good.all():
        raise InvalidValue(where, p[~good][0].item(), "1 (ON) or -1 (OFF)" if signed else "1 (ON) or 0 (OFF)")
    return np.asarray(p == 1, np.bool_)


def check_planes(where: str, polarity: str) -> None:
    """Raise an error unless this is an order of two polarities.

    Raises
    ------
    InvalidValue
        Naming it, and the orders that there are.

    Examples
    --------
    >>> from lava_async.data.polarities import check_planes
    >>> check_planes("polarity", "on_off")
    >>> check_planes("polarity", "ON")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: polarity = 'ON': must be on_off or off_on
    """
    if polarity not in (ON_OFF, OFF_ON):
        raise InvalidValue(where, polarity, f"{ON_OFF} or {OFF_ON}{nearest(polarity, (ON_OFF, OFF_ON))}")


def warn_of_planes(known: object, given: str | None, name: str) -> None:
    """Warn if a network was trained on planes of polarities in another order than that of data.

    Parameters
    ----------
    known : str or None
        What is noted about the network.
    given, name : str or None, str
        Order of the data, and what they are called.

    Examples
    --------
    >>> from lava_async.data.polarities import warn_of_planes
    >>> warn_of_planes("on_off", "on_off", "digits, test")
    """
    if known in (ON_OFF, OFF_ON) and given in (ON_OFF, OFF_ON) and known != given:
        text = f"the network was trained on polarities in the order {known}, those of {name} are {given}"
        text += f": the option polarity = {known} reads them as the network does"
        warnings.warn(text, DataWarning, stacklevel=2)


def planes(spikes: NDArray[np.uint8], polarity: str) -> NDArray[np.uint8]:
    """Return spikes (B, C, T), whose first half of channels is ON, in an order of polarities.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.polarities import planes
    >>> spikes = np.array([[[1], [2], [3], [4]]], np.uint8)
    >>> planes(spikes, "off_on").ravel()
    array([3, 4, 1, 2], dtype=uint8)
    """
    return spikes if polarity == ON_OFF else np.roll(spikes, spikes.shape[1] // 2, axis=1)
