"""The Process that feeds spike trains to a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import OutPort
from lava.magma.core.process.process import LogConfig
from numpy.typing import ArrayLike

from lava_async.errors import InvalidValue
from lava_async.forms import plain
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock, lava_shape
from lava_async.spikes import SpikeBatch, SpikeTrain


class EventSource(CheckedProcess):
    """Sends spike trains frame by frame, one sample after the other.

    ::

        t, k = divmod(time_step-1-offset, steps_per_bin)  # time step, forward step
        s_out = 0                                    # silent in between, and after the last frame
        if k == 0:                                   # a time step opens
            s_out = spikes[:, t]                     # all its counts at once; after T frames the next sample follows

    Parameters
    ----------
    spikes : SpikeTrain, list of SpikeTrain, (C, T) or (B, C, T) integers
        Input spike counts of one or of B samples.
    shape : tuple of int, optional
        Shape of the port, as ``AsyncNetwork.inp``: default ``(C,)``; an image ``(W, H, C)`` gets the channels in
        slayer's order, C, H, W.
    steps_per_bin : int
        Lava time steps of one frame: 1 for AsyncNetwork, the forward steps of a time step for composed Processes.
    offset : int
        Lava time steps before the first frame.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    s_out : OutPort
        Spike counts.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.io.sink import RingBuffer as Sink
    >>> from lava_async import SpikeTrain
    >>> from lava_async.proc.runtime import run
    >>> train = SpikeTrain.from_events(channel=[0, 1, 1], time=[0, 0, 1], n_channels=2, n_steps=2)
    >>> source, sink = EventSource(spikes=train, steps_per_bin=3), Sink(shape=(2,), buffer=7)
    >>> source.s_out.connect(sink.a_in)
    >>> session = run(source, 7, Loihi2SimCfg())
    >>> sink.data.get()
    array([[1., 0., 0., 0., 0., 0., 0.],
           [1., 0., 0., 1., 0., 0., 0.]])
    """

    def __init__(
        self,
        *,
        spikes: SpikeTrain | Sequence[SpikeTrain] | SpikeBatch | ArrayLike,
        shape: tuple[int, ...] | None = None,
        steps_per_bin: int = 1,
        offset: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        batch = _batch(spikes)
        port = lava_shape("EventSource", (batch.n_channels,) if shape is None else shape)
        if np.prod(port) != batch.n_channels or len(port) not in (1, 3):
            raise InvalidValue("EventSource.shape", shape, f"(C,) or (W, H, C) of {batch.n_channels} channels")
        super().__init__(
            spikes=batch,
            shape=port,
            steps_per_bin=steps_per_bin,
            offset=offset,
            name=name,
            log_config=log_config,
        )
        self.proc_params["clock"] = Clock.checked("EventSource", steps_per_bin, offset, batch.n_steps or None)
        self.s_out = OutPort(shape=port)


def _batch(spikes: Any) -> SpikeBatch:
    if isinstance(spikes, SpikeTrain):
        return SpikeBatch.of([spikes])
    if isinstance(spikes, SpikeBatch) or (isinstance(spikes, Sequence) and isinstance(spikes[0], SpikeTrain)):
        return SpikeBatch.of(spikes)
    array = np.asarray(plain("EventSource.spikes", spikes))
    return SpikeBatch.of(array[None] if array.ndim == 2 else array)
