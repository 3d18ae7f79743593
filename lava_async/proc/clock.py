"""Maps Lava time steps to (sample, time step, forward step)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import check_int, check_range, integer_array


class Moment(NamedTuple):
    """A forward step: number of the sample, time step in it, forward step in that; arrays with a Clock of arrays."""

    sample: NDArray[np.int64] | np.int64
    t: NDArray[np.int64] | np.int64
    k: NDArray[np.int64] | np.int64

    @property
    def opens(self) -> NDArray[np.bool_] | np.bool_:
        """A time step opens."""
        return (self.k == 0) & (self.t >= 0)

    @property
    def begins(self) -> NDArray[np.bool_] | np.bool_:
        """A sample after the first begins."""
        return (self.k == 0) & (self.t == 0) & (self.sample > 0)


@dataclass(frozen=True)
class Clock:
    """How Lava time steps are counted in Processes of which one Lava time step is one forward step.

    Parameters
    ----------
    steps_per_bin : int
        Forward steps, so Lava time steps, of one time step.
    offset : int or array of int
        Lava time steps before the first time step opens: one for each stock connection between the input and here.
    reset_interval : int, optional
        Time steps of one sample; None: one sample without end.
    """

    steps_per_bin: int = 1
    offset: NDArray[np.int64] | int = 0
    reset_interval: int | None = None

    @classmethod
    def checked(cls, where: str, steps_per_bin: object, offset: object, reset_interval: object) -> Clock:
        """Return a clock after checking its settings, which errors call ``where.name``."""
        offsets = integer_array(f"{where}.offset", offset)
        check_range(f"{where}.offset", offsets, 0, 2**31)
        interval = None if reset_interval is None else check_int(f"{where}.reset_interval", reset_interval, least=1)
        return cls(
            check_int(f"{where}.steps_per_bin", steps_per_bin, least=1),
            offsets if offsets.ndim else int(offsets),
            interval,
        )

    def at(self, lava_step: int) -> Moment:
        """Return what the Lava time step (counted from 1) is; before the first time step opens, t is negative."""
        t, k = np.divmod(lava_step - 1 - self.offset, self.steps_per_bin)
        if self.reset_interval is None:
            return Moment(np.zeros_like(t), t, k)
        sample, t = np.divmod(t, self.reset_interval)
        return Moment(sample, np.where(sample < 0, -1, t), k)


def lava_shape(where: str, shape: object) -> tuple[int, ...]:
    """Return a shape as a tuple, which Lava's ports need."""
    sizes = tuple(check_int(f"{where}.shape", size, least=1) for size in np.atleast_1d(np.asarray(shape, dtype=object)))
    if not sizes:
        raise InvalidValue(f"{where}.shape", shape, "at least one size")
    return sizes
