"""The event camera as a physical law: its events follow from the light that each pixel sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async.data.events import saccade, triangle
from lava_async.errors import InvalidType, InvalidValue

ALL_EVENTS = 255  # max_count that clips nothing here

images_3x4 = npst.arrays(np.uint8, (2, 3, 4))
positions = st.integers(-512, 512).map(lambda step: step / 256)
paths = npst.arrays(np.float64, (6, 2), elements=positions)


def sensor(events: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return events (B, C, T) as (B, polarity, y, x, T)."""
    return events.reshape(len(events), 2, height, width, -1)


def net_events(events: np.ndarray) -> np.ndarray:
    """Return ON minus OFF events of each pixel over all time steps."""
    on, off = np.split(events.sum(axis=2, dtype=np.int64), 2, axis=1)
    return on - off


def naive_light(image: np.ndarray, size: tuple[int, int], y: float, x: float) -> float:
    """Light that the sensor's pixel at (y, x), in pixels of the sensor, receives: four neighbours, weighted."""
    light = 0.0
    top, left = (size[0] - image.shape[0]) // 2, (size[1] - image.shape[1]) // 2
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row - top < image.shape[0] and 0 <= column - left < image.shape[1]:
                light += float(image[row - top, column - left]) * (1 - abs(y - row)) * (1 - abs(x - column))
    return light


@given(images_3x4, paths, st.sampled_from([0.13, 0.4, 1.1]), st.sampled_from([0.02, 0.3]))
@settings(max_examples=30, deadline=None)
def test_every_crossing_of_the_staircase_is_one_event(images, path, threshold, dark):
    """A pixel climbs or descends its stairs of log intensity one threshold at a time."""
    size = (4, 5)
    expected = np.zeros((len(images), 2, *size, 5), int)
    for place in np.ndindex(len(images), *size):
        b, y, x = place
        light = [naive_light(images[b], size, y + dy, x + dx) for dy, dx in path]
        level = 0
        for t in range(1, 6):
            contrast = (math.log(light[t] + 255 * dark) - math.log(light[0] + 255 * dark)) / threshold
            while contrast >= level + 1:
                level += 1
                expected[b, 0, y, x, t - 1] += 1
            while contrast <= level - 1:
                level -= 1
                expected[b, 1, y, x, t - 1] += 1
    events = saccade(images, size=size, steps=5, threshold=threshold, dark=dark, path=path, max_count=ALL_EVENTS)
    np.testing.assert_array_equal(sensor(events, *size), expected)


def test_one_pixel_by_hand():
    """A white dot leaves the middle pixel and arrives at the left one, half a pixel per time step."""
    dot = np.ones((1, 1, 1))
    events = saccade(dot, size=(1, 3), steps=2, threshold=0.5, dark=0.1, path=[(0, 0), (0, 0.5), (0, 1)], max_count=9)
    # In thresholds: log(0.6/1.1)/0.5 = -1.2 and log(0.1/1.1)/0.5 = -4.8 in the middle, +3.6 and +4.8 on the left.
    on, off = sensor(events, 1, 3)[0, :, 0]
    np.testing.assert_array_equal(on, [[3, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(off, [[0, 0], [1, 3], [0, 0]])


@given(images_3x4, positions, positions)
@settings(max_examples=20, deadline=None)
def test_a_sensor_at_rest_sees_nothing(images, y, x):
    events = saccade(images, size=(5, 6), steps=4, threshold=0.05, path=[(y, x)] * 5)
    assert not events.any()


def test_an_evenly_lit_area_makes_no_events_inside():
    """Sub-pixel positions do not leave rounding noise, however low the threshold."""
    events = saccade(np.full((1, 9, 9), 255, np.uint8), size=(9, 9), threshold=1e-9)
    assert not sensor(events, 9, 9)[:, :, 1:-1, 1:-1].any()


@given(images_3x4, paths)
@settings(max_examples=30, deadline=None)
def test_on_and_off_events_cancel_when_the_sensor_returns(images, path):
    path[-1] = path[0]
    events = saccade(images, size=(6, 7), steps=5, path=path, max_count=ALL_EVENTS)
    assert not net_events(events).any()


@given(images_3x4, paths)
@settings(max_examples=30, deadline=None)
def test_the_remembered_level_is_less_than_one_threshold_off(images, path):
    """ON minus OFF events tell the contrast between the two ends of the path to within one event."""
    threshold, dark = 0.3, 0.1
    events = saccade(images, size=(3, 4), steps=5, threshold=threshold, dark=dark, path=path, max_count=ALL_EVENTS)
    for b, image in enumerate(images):
        for channel, (y, x) in enumerate(np.ndindex(3, 4)):
            first, last = (naive_light(image, (3, 4), y + dy, x + dx) / 255 for dy, dx in path[[0, -1]])
            contrast = (math.log(last + dark) - math.log(first + dark)) / threshold
            assert abs(contrast - net_events(events)[b, channel]) < 1


def test_a_reciprocal_image_swaps_the_polarities():
    """Reflecting the log intensity exchanges ON and OFF, where the sensor sees image all the time."""
    dark = 0.1
    image = np.random.default_rng(0).random((4, 8, 8))
    reciprocal = dark * (1 + dark) / (image + dark) - dark  # white <-> black; log(. + dark) changes its sign
    path = [(0, 0), (0, 1), (1, 1), (1, 0), (-1, 0), (0, -1)]  # whole pixels: light is interpolated, not its logarithm
    a, b = (
        sensor(saccade(i, size=(8, 8), steps=5, dark=dark, path=path, max_count=ALL_EVENTS), 8, 8)[:, :, 1:-1, 1:-1]
        for i in (image, np.clip(reciprocal, 0, 1))
    )
    assert a.any()
    np.testing.assert_array_equal(a, b[:, ::-1])


def test_a_negative_never_brightens_where_the_image_does():
    """For the photographic negative (1 - image) the amounts differ, but the first event of a pixel is of the other
    polarity."""
    image = np.random.default_rng(1).random((4, 8, 8))
    path = [(0, 0), (0.3, -0.7)]
    a, b = (sensor(saccade(i, size=(8, 8), steps=1, path=path), 8, 8)[:, :, 1:-1, 1:-1] for i in (image, 1 - image))
    assert not (a & b).any()
    assert (a & b[:, ::-1]).any()


def test_a_shifted_image_makes_shifted_events():
    image = np.zeros((1, 12, 12), np.uint8)
    image[:, 3:8, 3:8] = np.random.default_rng(2).integers(0, 256, (1, 5, 5))
    events = sensor(saccade(image, size=(12, 12)), 12, 12)
    shifted = sensor(saccade(np.roll(image, (1, 2), axis=(1, 2)), size=(12, 12)), 12, 12)
    np.testing.assert_array_equal(shifted, np.roll(events, (1, 2), axis=(2, 3)))


@given(images_3x4, paths, st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_clipping_does_not_change_what_the_pixel_remembers(images, path, most):
    full, clipped = (saccade(images, size=(3, 4), steps=5, path=path, max_count=m) for m in (ALL_EVENTS, most))
    np.testing.assert_array_equal(clipped, np.minimum(full, most))


def test_events_do_not_depend_on_the_batch():
    """70 images of this size are encoded in several chunks."""
    images = np.random.default_rng(3).integers(0, 256, (70, 28, 28), dtype=np.uint8)
    together = saccade(images, size=(34, 34))
    assert together.shape == (70, 2 * 34 * 34, 10)
    assert together.dtype == np.uint8
    for b in (0, 27, 28, 69):
        np.testing.assert_array_equal(together[b], saccade(images[b : b + 1], size=(34, 34))[0])
    assert saccade(images[:0], size=(34, 34)).shape == (0, 2312, 10)


def test_grey_levels_and_fractions_of_white_mean_the_same():
    image = np.random.default_rng(4).integers(0, 2, (3, 6, 6))
    np.testing.assert_array_equal(
        saccade((255 * image).astype(np.uint8), size=(8, 8)), saccade(image.astype(np.float32), size=(8, 8))
    )


def test_channels_are_polarity_major():
    """A dot moves from (y, x) = (1, 2) to (1, 1): OFF there, ON here."""
    events = saccade(np.ones((1, 1, 1)), size=(3, 5), steps=1, path=[(0, 0), (0, 1)])
    np.testing.assert_array_equal(np.flatnonzero(events), [1 * 5 + 1, 15 + 1 * 5 + 2])


@pytest.mark.parametrize("steps", [1, 3, 10, 17])
def test_the_triangle_is_closed_and_walked_at_constant_speed(steps):
    path = triangle(3 * steps, width=2.0)
    assert path.shape == (3 * steps + 1, 2)
    np.testing.assert_array_equal(path[0], path[-1])
    length = 2 * math.sqrt(5) + 2
    strides = np.hypot(*np.diff(path, axis=0).T)
    assert np.all(strides <= length / (3 * steps) + 1e-12)  # shorter only where a corner is cut
    assert np.sum(~np.isclose(strides, length / (3 * steps))) <= 2
    assert np.abs(path).max() <= 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"images": np.zeros((2, 4, 4), np.int64)}, InvalidType, "images.*int64.*uint8"),
        ({"images": np.zeros((4, 4))}, InvalidValue, r"images\.shape.*\(4, 4\).*\(B, height, width\)"),
        ({"images": np.full((1, 4, 4), 16.0)}, InvalidValue, r"images .* = 16\.0.*0 \.\. 1"),
        ({"images": np.full((1, 4, 4), np.nan)}, InvalidValue, "images .* = nan.*finite"),
        ({"size": (3, 9)}, InvalidValue, "size = 3.*>= 4"),
        ({"size": 9}, InvalidType, r"size = 9.*\(height, width\)"),
        ({"size": (9.5, 9)}, InvalidType, r"size = 9\.5.*integer"),
        ({"steps": 0}, InvalidValue, "steps = 0.*>= 1"),
        ({"steps": 2.5}, InvalidType, r"steps = 2\.5.*integer"),
        ({"threshold": 0.0}, InvalidValue, r"threshold = 0\.0.*> 0"),
        ({"threshold": math.inf}, InvalidValue, "threshold = inf.*finite"),
        ({"dark": -0.1}, InvalidValue, r"dark = -0\.1.*> 0"),
        ({"max_count": 256}, InvalidValue, r"max_count = 256.*1 \.\. 255"),
        ({"path": np.zeros((4, 2))}, InvalidValue, r"path\.shape = \(4, 2\).*\(11, 2\)"),
        ({"path": np.full((11, 2), 7.0)}, InvalidValue, r"path .* = 7\.0.*-6 \.\. 6"),
        ({"path": np.full((11, 2), np.nan)}, InvalidValue, "path .* = nan.*finite"),
    ],
)
def test_bad_arguments_of_the_camera_are_named(change, error, words):
    arguments = {"images": np.zeros((1, 4, 4)), "size": (6, 6)} | change
    with pytest.raises(error, match=rf"saccade\.{words}"):
        saccade(arguments.pop("images"), **arguments)


@pytest.mark.parametrize("width", [-1.0, math.nan])
def test_bad_triangles_are_named(width):
    with pytest.raises(InvalidValue, match=r"triangle\.width = "):
        triangle(3, width)
