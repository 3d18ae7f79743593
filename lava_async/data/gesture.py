"""DVS128 Gesture: eleven gestures of 29 people under three lights, recorded by an event camera of 128 x 128 pixels.

Two forms are read: the archive of the authors, with AEDAT 3.1 files of several gestures each, and that of tonic, cut
into an array per gesture.

References
----------
A. Amir et al., "A low power, fully event-based gesture recognition system", CVPR 2017, pages 7243-7252.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.cache import sources
from lava_async.data.files import FileSet, Progress, load_splits
from lava_async.data.frames import Frames, Outside, Recording, check_sensor
from lava_async.data.paths import SOURCES, find_files
from lava_async.data.polarities import on_events
from lava_async.data.reading import read_array, read_bytes, read_table, read_text, visible
from lava_async.errors import InvalidValue
from lava_async.records import check_range
from lava_async.spikes import SpikeBatch

__all__ = ["dvs_gesture", "read_aedat", "read_gesture_array"]

_SENSOR = (128, 128)
N_CLASSES = 11
#: Files, and the splits in them.
_PARTS = dict(zip(SOURCES["dvs_gesture"].files, (("train", "validation"), ("test",)), strict=True))
_END_OF_HEADER = b"#!END-HEADER\r\n"
_POLARITY_EVENTS = 1
#: Of polarity events: bytes of an event, and where in it its time begins.
_EVENT_BYTES, _TIME_AT = 8, 4


def dvs_gesture(
    split: str,
    *,
    folder: str | Path | None = None,
    window_ms: float = 20.0,
    steps: int = 75,
    reduce: int = 4,
    polarity: str = "both",
    max_count: int | None = None,
    late: str = "warn",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return DVS128 Gesture from a folder ``dvs_gesture``, ``DVSGesture`` or ``DvsGesture``.

    There are either ``ibmGestureTrain/userNN_LIGHT/LABEL.npy`` and ``ibmGestureTest/...`` (tonic), or
    ``userNN_LIGHT.aedat``, ``userNN_LIGHT_labels.csv``, ``trials_to_train.txt`` and ``trials_to_test.txt`` (the
    authors). The authors test on users 24 to 29; validation are whole users of 1 to 23
    (:func:`lava_async.data.held_out`).

    Parameters
    ----------
    split, folder, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    window_ms, steps, reduce, polarity, max_count, late
        As in :class:`~lava_async.data.frames.Frames`. By default, 1.5 s of the about 6 s are used, and a warning says
        how many events that leaves out.

    Returns
    -------
    SpikeDataset
        Of events; shape (2 or 1, 128 // reduce, 128 // reduce), T = steps, 11 classes. Time begins with the first event
        of a gesture (authors: with the label).

    Raises
    ------
    InvalidValue
        If a file is missing (which, and where to put it), damaged, or an argument is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from lava_async.data.gesture import dvs_gesture
    >>> folder = Path("dvs_gesture/ibmGestureTest/user24_fluorescent")
    >>> folder.mkdir(parents=True)
    >>> np.save(folder / "0.npy", np.array([[4, 9, 1, 0], [5, 9, 0, 30]]))  # x, y, polarity, milliseconds
    >>> data = dvs_gesture("test", folder=".", cache=False)
    >>> data.spikes.shape, data.shape, data.labels
    ((1, 2048, 75), (2, 32, 32), array([0]))
    """
    names = split_names("dvs_gesture.split", split)
    frames = Frames(_SENSOR, window_ms, steps, reduce, polarity, max_count, "dvs_gesture", late)
    held = {place: splits for place, splits in _PARTS.items() if set(splits) & set(names)}
    parts = []
    for path, splits in zip(find_files("dvs_gesture", list(held), folder), held.values(), strict=True):
        files = _files(path)
        key = {"frames": frames.key(), "part": splits[0], "source": sources(files)}
        parts.append(FileSet(splits, key, partial(_read_all, path, files, frames, progress)))
    return load_splits(
        "dvs_gesture", names, parts, frames.shape, n_classes=N_CLASSES, cache=cache, polarity=frames.planes
    )


def read_gesture_array(path: str | Path) -> Recording:
    """Return the events of one gesture from an array (E, 4) of x, y, polarity, milliseconds.

    Raises
    ------
    InvalidValue
        If the file is damaged or of another format.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.gesture import read_gesture_array
    >>> np.save("0.npy", np.array([[4, 9, 1, 0], [5, 9, 0, 30]]))
    >>> recording = read_gesture_array("0.npy")
    >>> recording.x, recording.on, recording.time, recording.per_second
    (array([4, 5]), array([ True, False]), array([    0, 30000]), 1000000)
    """
    array = read_array(path)
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "biuf":
        raise InvalidValue(f"file {path}: shape", array.shape, "(E, 4): x, y, polarity, milliseconds")
    x, y, polarity, time = array.T.astype(np.float64)
    if not np.isfinite(array).all():
        raise InvalidValue(f"file {path}: events", "NaN or infinity", "finite")
    latest = 2.0**53 / 1000.0  # What float64 tells apart; later events are outside all time steps as well.
    us = np.rint(np.clip(time, -latest, latest) * 1000.0).astype(np.int64)  # The camera tells microseconds.
    return _recording(path, x, y, on_events(f"file {path}: polarity", polarity), us - (us.min() if len(us) else 0))


def read_aedat(path: str | Path) -> Recording:
    r"""Return the polarity events in an AEDAT 3.1 file; times are those of the camera.

    Lines that begin with ``#`` end with ``#!END-HEADER``. Packets follow, all little-endian: a header of 28 bytes
    (type, source: 2 bytes each; size of an event, offset of its time, overflows of time, capacity, number, number
    valid: 4 bytes each), then the events. One of type 1 has 8 bytes: bit 0 valid, bit 1 ON, bits 2 .. 16 y, bits
    17 .. 31 x; 4 bytes of microseconds, to which 2^31 is added per overflow.

    Raises
    ------
    InvalidValue
        If the file is cut off or of another format.

    Examples
    --------
    >>> import struct
    >>> from pathlib import Path
    >>> from lava_async.data.gesture import read_aedat
    >>> head = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 1, 1, 1)
    >>> event = struct.pack("<Ii", 1 | 1 << 1 | 9 << 2 | 4 << 17, 250)
    >>> _ = Path("user24_led.aedat").write_bytes(b"#!AER-DAT3.1\r\n#!END-HEADER\r\n" + head + event)
    >>> recording = read_aedat("user24_led.aedat")
    >>> recording.x, recording.y, recording.on, recording.time
    (array([4]), array([9]), array([ True]), array([250]))
    """
    content = read_bytes(path, "a recording in AEDAT 3.1")
    end = content.find(_END_OF_HEADER)
    if not content.startswith(b"#!AER-DAT3.1") or end < 0:
        raise InvalidValue(f"file {path}: first bytes", content[:12], "those of AEDAT 3.1, #!AER-DAT3.1")
    place, words, times = end + len(_END_OF_HEADER), [], []
    while place < len(content):
        header = content[place : place + 28]
        kind, _ = np.frombuffer(header[:4].ljust(4), "<u2").tolist()
        size, time_at, overflow, capacity, _, _ = np.frombuffer(header[4:].ljust(24), "<u4").tolist()
        at, place = place, place + 28
        if kind == _POLARITY_EVENTS and len(header) == 28 and (size, time_at) != (_EVENT_BYTES, _TIME_AT):
            found = f"{size} bytes, time from byte {time_at}"
            allowed = f"{_EVENT_BYTES} bytes, time from byte {_TIME_AT}"
            raise InvalidValue(f"file {path}: polarity events of the packet at byte {at}", found, allowed)
        if len(header) < 28 or place + size * capacity > len(content):
            raise InvalidValue(f"file {path}: bytes", len(content), "more: its last packet is cut off")
        if kind == _POLARITY_EVENTS:
            packet = np.frombuffer(content, "<u4", 2 * capacity, offset=place).reshape(-1, 2)
            valid = packet[:, 0] & 1 == 1
            words.append(packet[valid, 0])
            times.append(packet[valid, 1].astype(np.int64) + (overflow << 31))
        place += size * capacity
    word = np.concatenate(words or [np.zeros(0, np.uint32)]).astype(np.int64)
    time = np.concatenate(times or [np.zeros(0, np.int64)])
    return _recording(path, word >> 17 & 0x7FFF, word >> 2 & 0x7FFF, word >> 1 & 1 == 1, time)


def _recording(path: str | Path, x: NDArray[Any], y: NDArray[Any], on: NDArray[np.bool_], time: Any) -> Recording:
    check_sensor(f"file {path}", x, y, _SENSOR)
    return Recording(time, x.astype(np.int64), y.astype(np.int64), on)


def _files(path: Path) -> list[Path]:
    """Return the files of a part, in order: arrays, or recordings each followed by its labels."""
    if path.is_dir():
        files = visible(path.glob("user*/*.npy"))
        for file in files:
            _user(file, file.parent.name)
            if not file.stem.isdecimal():
                raise InvalidValue(f"file {file}: name", file.name, "LABEL.npy, a gesture of a number, as 3.npy")
        if not files:
            raise InvalidValue(f"data dvs_gesture: files in {path}", 0, "userNN_LIGHT/LABEL.npy, of tonic's archive")
        return sorted(files, key=lambda file: (file.parent.name, int(file.stem)))
    files = []
    for line in read_text(path, "a list of recordings, a name per line").split():
        recording = path.parent / line
        if Path(line).name != line:
            raise InvalidValue(f"file {path}: a recording", line, "the name of a file beside it, without folders")
        _user(path, line)
        files += [recording, recording.with_name(f"{recording.stem}_labels.csv")]
    for file in files:
        if not file.is_file():
            raise InvalidValue(f"data dvs_gesture: {file.name}", "missing", f"beside {path}, which names it")
    return files


def _user(path: Path, name: str) -> int:
    """Return the number of a user from a name as ``user01_led``."""
    found = re.match(r"user(\d+)_", name)
    if not found:
        raise InvalidValue(f"data dvs_gesture: {path}: user", name, "userNN_LIGHT, as user01_led")
    return int(found[1])


def _read_all(
    place: Path, files: list[Path], frames: Frames, progress: Progress | None
) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]]:
    parts, labels, users, outside = [], [], [], Outside(frames, f"dvs_gesture, {place}")
    for number, path in enumerate(files):
        if path.suffix == ".npy":
            gestures = iter([(int(path.stem), read_gesture_array(path))])
        elif path.suffix == ".aedat":
            gestures = _cut(read_aedat(path), path.with_name(f"{path.stem}_labels.csv"))
        else:
            continue
        who = path.parent.name if path.suffix == ".npy" else path.name
        for label, recording in gestures:
            check_range(f"file {path}: label", np.array(label), 0, N_CLASSES - 1)
            parts.append(frames.encode([recording], outside))
            labels.append(label)
            users.append(_user(path, who))
        if progress:
            progress(number + 1, len(files))
    outside.report()
    if not parts:
        raise InvalidValue(f"data dvs_gesture: gestures in {place}", 0, "at least 1")
    return SpikeBatch.concatenate(parts), np.array(labels), np.array(users)


def _cut(recording: Recording, path: Path) -> Iterator[tuple[int, Recording]]:
    """Cut a recording into its gestures; a table says class (from 1), first and last microsecond of each."""
    table = read_table(path, ("class", "starttime_usec", "endtime_usec"))
    for label, first, last in zip(*(column.astype(np.int64) for column in table.values()), strict=True):
        inside = (recording.time >= first) & (recording.time <= last)
        if not inside.any():
            raise InvalidValue(f"file {path}: events of class {label}", 0, f"some between {first} and {last} us")
        yield (
            int(label) - 1,
            Recording(recording.time[inside] - first, recording.x[inside], recording.y[inside], recording.on[inside]),
        )
