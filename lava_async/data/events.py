"""A simulated event camera that looks at a still image by a saccade.

An event camera (dynamic vision sensor, DVS) sees change only, so its sensor must move to see a still image, as the eye
does. Each pixel remembers the log intensity of its last event and emits an ON (OFF) event for every threshold by which
the log intensity has risen (fallen) since [1]_. The sensor moves along a triangle, like the three micro-saccades with
which N-MNIST was recorded [2]_; here its three sides fit into one sample.

References
----------
.. [1] P. Lichtsteiner, C. Posch, T. Delbruck, "A 128x128 120 dB 15 us latency asynchronous temporal contrast vision
   sensor", IEEE Journal of Solid-State Circuits 43(2), 2008.
.. [2] G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, "Converting static image datasets to spiking neuromorphic
   datasets using saccades", Frontiers in Neuroscience 9:437, 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import check_int, check_range, real_array

__all__ = ["crossings", "saccade", "to_integers", "triangle"]

#: Pixels that are encoded together; their temporary arrays (0.25 MB each) stay in the cache.
_CHUNK_PIXELS = 1 << 15
#: Positions of the sensor that are told apart, per pixel and axis.
_SUBPIXELS = 256


def triangle(steps: int, width: float = 2.0) -> NDArray[np.float64]:
    """Return the way of a sensor once around an isosceles triangle at constant speed.

    Its corners (y, x) are (-w, -w)/2, (w, 0)/2, (-w, w)/2 and the first again, w = `width`.

    Parameters
    ----------
    steps : int
        Number of time steps, at least 1.
    width : float
        Base and height of the triangle in pixels, at least 0.

    Returns
    -------
    (steps + 1, 2) float64
        Position (y, x) in pixels before the first time step and at the end of each; (0, 0) is the centre.

    Raises
    ------
    InvalidType, InvalidValue
        If `steps` or `width` is not as above.

    Examples
    --------
    >>> from lava_async.data.events import triangle
    >>> triangle(3, width=2.0).round(2) + 0.0
    array([[-1.  , -1.  ],
           [ 0.93, -0.04],
           [-0.86,  0.93],
           [-1.  , -1.  ]])
    """
    steps = check_int("triangle.steps", steps, least=1)
    base = real_array("triangle.width", width)
    check_range("triangle.width", base, 0, np.inf)
    corners = base * np.array([[-0.5, -0.5], [0.5, 0.0], [-0.5, 0.5], [-0.5, -0.5]])
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    now = np.linspace(0.0, way[-1], steps + 1)
    return np.stack([np.interp(now, way, corners[:, axis]) for axis in (0, 1)], axis=1)


def saccade(
    images: ArrayLike,
    *,
    size: tuple[int, int],
    steps: int = 10,
    threshold: float = 0.4,
    dark: float = 0.1,
    path: ArrayLike | None = None,
    max_count: int = 1,
) -> NDArray[np.uint8]:
    """Encode still images as the events of a sensor that moves over them.

    For every pixel, with I(t) the light that it receives at the end of time step t (0: before the first)::

        x(t) = (log(I(t) + dark) - log(I(0) + dark)) / threshold     contrast in thresholds
        n(t) = trunc(x(t) - k(t - 1))                                events: ON if positive, OFF if negative
        k(t) = k(t - 1) + n(t),  k(0) = 0                            remembered level

    I(t) is the image at the sensor's position, black around it, bilinear between its pixels.

    Parameters
    ----------
    images : (B, h, w) uint8 or float
        Intensities, 0 (black) .. 255 for uint8, 0 .. 1 for float. They lie in the middle of the sensor (an odd pixel
        of margin goes below and to the right).
    size : (H, W)
        Height and width of the sensor in pixels, at least those of the images. A margin of half the path's width keeps
        everything in sight.
    steps : int
        Number of time steps T, at least 1.
    threshold : float
        Change of the natural logarithm of the intensity that makes an event, > 0; 0.4 is a contrast of 49 %.
    dark : float
        Intensity of black where white is 1, > 0: stray light, and the dark current of the pixel.
    path : (steps + 1, 2) floats, optional
        Position (y, x) of the sensor in pixels before the first time step and at the end of each, from -max(size) to
        max(size); None: ``triangle(steps)``.
    max_count : int
        Most events of one pixel, polarity and time step that are counted, 1 .. 255. The rest is lost, but not for k.
        1 gives the binary frames that spike sources and slayer expect.

    Returns
    -------
    (B, C, T) uint8
        Event counts; C = 2 H W, channel = polarity * H * W + y * W + x, polarity 0 is ON, 1 is OFF.

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above.

    Notes
    -----
    The model has neither noise, nor mismatch between pixels, nor a refractory period, hence no random numbers.
    Positions are rounded to 1/256 pixel: then float64 interpolates the grey levels of uint8 images exactly, a pixel
    that sees its first light again has exactly x = 0, and the events depend neither on the batch nor on the machine.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.encoders import saccade
    >>> image = np.zeros((1, 4, 4))
    >>> image[0, 1:3, 1:3] = 1.0
    >>> events = saccade(image, size=(6, 6), steps=4)
    >>> events.shape, events.sum(axis=(0, 1))
    ((1, 72, 4), array([11,  8,  9,  8], dtype=uint64))
    """
    light = _intensities(images)
    height, width = _sensor_size(size, light.shape[1:])
    steps = check_int("saccade.steps", steps, least=1)
    positions = _positions(path, steps, max(height, width))
    for field, value in (("threshold", threshold), ("dark", dark)):
        if not real_array(f"saccade.{field}", value) > 0:
            raise InvalidValue(f"saccade.{field}", value, "> 0")
    check_range("saccade.max_count", np.array(check_int("saccade.max_count", max_count)), 1, 255)

    black = dark * 255 if light.dtype == np.uint8 else dark
    events = np.empty((len(light), 2, height, width, steps), np.uint8)
    chunk = max(1, _CHUNK_PIXELS // (height * width))
    for first in range(0, len(light), chunk):
        part = slice(first, first + chunk)
        scene = _Scene(light[part], (height, width), positions)
        start = np.log(scene.seen_from(*positions[0]) + black)
        level = np.zeros_like(start)
        for t, position in enumerate(positions[1:]):
            seen = np.log(scene.seen_from(*position) + black)
            contrast = to_integers((seen - start) / threshold, (np.abs(seen) + np.abs(start)) / threshold)
            events[part, 0, :, :, t], events[part, 1, :, :, t] = crossings(contrast, level, max_count)
    return events.reshape(len(light), 2 * height * width, steps)


def to_integers(values: NDArray[np.float64], terms: ArrayLike, digits: DTypeLike = np.float64) -> NDArray[np.float64]:
    """Return values in which those that are integers but for rounding are integers.

    0.3 / 0.1 is less than 3 in floating point. A signal that rises by exactly a threshold crosses it all the same.

    Parameters
    ----------
    values : (...) float64
        Sums of numbers, such as changes of a signal in thresholds.
    terms : (...) float64
        Size of the largest of these numbers: their rounding is that of the sum.
    digits : dtype
        Type of floating-point numbers that they had.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.events import to_integers
    >>> moved = np.array([0.3 / 0.1, 0.25 / 0.1])
    >>> bool(moved[0] == 3), to_integers(moved, moved)
    (False, array([3. , 2.5]))
    """
    whole = np.rint(values)
    return np.where(np.abs(values - whole) <= 4 * np.finfo(digits).eps * terms, whole, values)


def crossings(
    values: NDArray[np.float64], level: NDArray[np.float64], max_count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ON and the OFF events of one time step, and move the remembered levels on, in place.

    Parameters
    ----------
    values, level : (...) float64
        What is seen now, and what is remembered, in thresholds.
    max_count : int
        Most events that are counted.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.events import crossings
    >>> level = np.zeros(3)
    >>> on, off = crossings(np.array([2.5, -1.0, 0.9]), level, max_count=1)
    >>> on, off, level
    (array([1., 0., 0.]), array([ 0.,  1., -0.]), array([ 2., -1.,  0.]))
    """
    crossed = np.trunc(values - level)
    level += crossed
    return np.clip(crossed, 0, max_count), np.clip(-crossed, 0, max_count)


class _Scene:
    """Images (B, h, w) on a black background that is large enough for every position of the sensor."""

    def __init__(self, light: NDArray[Any], size: tuple[int, int], positions: NDArray[np.float64]) -> None:
        self.height, self.width = size
        self.margin = int(np.ceil(np.abs(positions).max())) + 1
        batch, h, w = light.shape
        top, left = self.margin + (self.height - h) // 2, self.margin + (self.width - w) // 2
        self.canvas = np.zeros((batch, self.height + 2 * self.margin, self.width + 2 * self.margin))
        self.canvas[:, top : top + h, left : left + w] = light

    def seen_from(self, y: float, x: float) -> NDArray[np.float64]:
        """Return the intensities (B, H, W) that the sensor receives at position (y, x)."""
        top, left = self.margin + int(np.floor(y)), self.margin + int(np.floor(x))
        window = self.canvas[:, top : top + self.height + 1, left : left + self.width + 1]
        # a + (b - a) f, not a (1 - f) + b f: exact where a = b, so an evenly lit area makes no events.
        rows = window[:, :-1] + (window[:, 1:] - window[:, :-1]) * (y - np.floor(y))
        seen: NDArray[np.float64] = rows[:, :, :-1] + (rows[:, :, 1:] - rows[:, :, :-1]) * (x - np.floor(x))
        return seen


def _intensities(images: ArrayLike) -> NDArray[Any]:
    light = np.asarray(images)
    if light.dtype != np.uint8 and light.dtype.kind != "f":
        raise InvalidType("saccade.images.dtype", str(light.dtype), "uint8 (0 .. 255) or float (0 .. 1)")
    if light.ndim != 3 or 0 in light.shape[1:]:
        raise InvalidValue("saccade.images.shape", light.shape, "(B, height, width)")
    if light.dtype.kind == "f":
        check_range("saccade.images", real_array("saccade.images", light), 0, 1)
    return light


def _sensor_size(size: tuple[int, int], image: tuple[int, ...]) -> tuple[int, int]:
    if not isinstance(size, tuple) or len(size) != 2:
        raise InvalidType("saccade.size", size, "a tuple (height, width)")
    height, width = (check_int("saccade.size", side, least=least) for side, least in zip(size, image, strict=True))
    return height, width


def _positions(path: ArrayLike | None, steps: int, reach: int) -> NDArray[np.float64]:
    positions = triangle(steps) if path is None else real_array("saccade.path", path)
    if positions.shape != (steps + 1, 2):
        raise InvalidValue("saccade.path.shape", positions.shape, f"(steps + 1, 2) = ({steps + 1}, 2)")
    check_range("saccade.path", positions, -reach, reach)
    rounded: NDArray[np.float64] = np.rint(positions * _SUBPIXELS) / _SUBPIXELS
    return rounded
