"""Variants of samples: moved, scaled, thinned events, so that a network learns what does not matter.

What is drawn depends on the seed and on the number of the sample alone, so it depends neither on the batch nor on what
was drawn before: a training that goes on after a stop sees the same variants.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lava_async import _core, draws
from lava_async.errors import InvalidValue
from lava_async.records import real_array
from lava_async.spikes import SpikeBatch

__all__ = ["Augmentation"]

#: Stream of :mod:`lava_async.draws`; those of the engines are below.
_STREAM = 16
#: What is drawn: per sample, then per event.
_SHIFT_Y, _SHIFT_X, _ZOOM, _ROTATE, _DELAY, _STRETCH, _BAND, _FIRST = range(8)
_WITHIN, _DROP, _JITTER_Y, _JITTER_X = range(8, 12)


@dataclass(frozen=True)
class Augmentation:
    """How far variants of a sample may differ from it. Zero, the default of all fields, changes nothing.

    A sample draws one number for each of shift (per axis), zoom, rotation, delay, stretch and band, uniform between its
    bounds. An event at (x, y) of the sensor, whose centre is (cx, cy), in time step t, moves to::

        (x', y') = (cx, cy) + z R(a) (x - cx, y - cy) + (dx, dy) + jitter        R(a): rotation by the angle a
        t' = (t + u) s + d                                                       u: of the event, in 0 .. 1 (0 if s = 1)

    rounded to the nearest pixel, and down to a time step. Polarity stays. What leaves the sensor or the time is lost,
    as are the columns of the band. A sensor of one row is a line.

    Parameters
    ----------
    shift : float
        Most pixels, along each axis with more than one, by which a sample is moved: integers up to it.
    zoom : float
        Largest factor of its size, minus 1: factors are 1/(1 + zoom) .. 1 + zoom, uniform in their logarithm.
    rotate : float
        Largest angle, degrees, either way.
    delay : float
        Most time steps by which a sample is moved, either way: integers up to it.
    stretch : float
        As `zoom`, of time; time 0 stays.
    jitter : float
        Most pixels by which each event is moved, along each axis with more than one.
    drop : float
        Share of the events that is lost, 0 .. 1.
    band : float
        Largest share of the columns, which lie side by side, that is lost, 0 .. 1: channels of 1-D sensors.

    Raises
    ------
    InvalidType, InvalidValue
        If a number is negative or a share above 1.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.augmentation import Augmentation
    >>> from lava_async.spikes import SpikeBatch
    >>> spikes = SpikeBatch.of(np.eye(4, dtype=int)[None])
    >>> Augmentation()(spikes, np.array([0]), shape=(1, 2, 2)).to_dense().tolist() == spikes.to_dense().tolist()
    True
    >>> Augmentation(drop=1.5)
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: Augmentation.drop = 1.5: must be a number in 0 .. 1
    """

    shift: float = 0.0
    zoom: float = 0.0
    rotate: float = 0.0
    delay: float = 0.0
    stretch: float = 0.0
    jitter: float = 0.0
    drop: float = 0.0
    band: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = float(real_array(f"Augmentation.{field.name}", getattr(self, field.name)))
            most = {"drop": 1.0, "band": 1.0}.get(field.name, np.inf)
            if not 0 <= value <= most:
                allowed = f"a number in 0 .. {most:g}" if most < np.inf else "a number >= 0"
                raise InvalidValue(f"Augmentation.{field.name}", value, allowed)

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __call__(
        self, spikes: SpikeBatch, samples: NDArray[np.int64], *, shape: tuple[int, int, int], seed: int = 0
    ) -> SpikeBatch:
        """Return a variant of each sample.

        Parameters
        ----------
        spikes : SpikeBatch
            B samples of C channels and T time steps.
        samples : (B,) int64
            Numbers that key what is drawn.
        shape : (polarity, height, width)
            Of the sensor; its product is C.
        seed : int
            Keys what is drawn, too.

        Returns
        -------
        SpikeBatch
            Of the same shape; where events meet they add up.

        Raises
        ------
        InvalidValue
            If the shape does not fit the channels.
        """
        if len(shape) != 3 or int(np.prod(shape)) != spikes.n_channels:
            raise InvalidValue("Augmentation: shape", shape, f"(polarity, height, width), product {spikes.n_channels}")
        if not self:
            return spikes
        numbers = np.asarray(samples, np.int64)
        moves = self._moves(seed, numbers, shape[2])
        hashes = np.stack([draws.key(seed, _STREAM, numbers, what) for what in (_WITHIN, _DROP, _JITTER_Y, _JITTER_X)])
        start = np.zeros(spikes.start.shape, np.int64)
        channel, counts = _core.move_events(
            spikes.channel,
            spikes.count,
            spikes.start,
            spikes.n_channels,
            shape[1],
            shape[2],
            moves,
            hashes,
            self.stretch > 0,
            self.drop,
            self.jitter,
            start,
        )
        return SpikeBatch(channel, counts, start, spikes.n_channels)

    def _moves(self, seed: int, samples: NDArray[np.int64], width: int) -> NDArray[np.float64]:
        """Return what each sample draws, (B, 8): z cos(a), z sin(a), dy, dx, s, d, columns lost from, and to."""

        def uniform(what: int, low: float, high: float) -> NDArray[np.float64]:
            drawn = draws.unit(draws.key(seed, _STREAM, samples, what))
            return np.asarray(low + (high - low) * drawn, np.float64)

        def whole(what: int, most: float) -> NDArray[np.float64]:
            return np.asarray(np.floor(uniform(what, -int(most), int(most) + 1)))

        def factor(what: int, most: float) -> NDArray[np.float64]:
            return np.asarray(np.exp(uniform(what, -np.log1p(most), np.log1p(most))))

        zoom, angle = factor(_ZOOM, self.zoom), np.radians(uniform(_ROTATE, -self.rotate, self.rotate))
        lost = uniform(_BAND, 0.0, self.band) * width
        first = uniform(_FIRST, 0.0, 1.0) * (width - lost)
        return np.stack(
            [
                zoom * np.cos(angle),
                zoom * np.sin(angle),
                whole(_SHIFT_Y, self.shift),
                whole(_SHIFT_X, self.shift),
                factor(_STRETCH, self.stretch),
                whole(_DELAY, self.delay),
                first,
                first + lost,
            ],
            axis=1,
        )
