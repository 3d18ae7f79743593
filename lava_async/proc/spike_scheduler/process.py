"""The Process that decides which emitted spikes are delivered next."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import ArrayLike

from lava_async.errors import InvalidType, InvalidValue
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock, lava_shape
from lava_async.records import check_int, check_range, integer_array
from lava_async.schedules import ExecutionKind, checked, no_single_queue
from lava_async.schedules import schedule as named_schedule
from lava_async.stopping import Quiescence, StopRule


class SpikeScheduler(CheckedProcess):
    """Holds the spikes that neurons emitted and releases them in the order of a schedule.

    ::

        pending[s_in != 0] += 1                      # and keep the momentum of the first of several pending spikes
        picked = schedule(pending, momentum)         # at most group_size neurons
        s_out[picked] = pending[picked]              # the payload: 1, more if a neuron fired again while it was pending
        pending[picked] = 0                          # the others wait for the next Lava time step

    One scheduler per layer is a local schedule, as of a chip with a queue per core; one for a flat population of all
    layers is a global one. The wiring decides.

    Parameters
    ----------
    shape : tuple of int
        Shape of the neurons.
    schedule : Schedule or str
        The order; a name stands for ``lava_async.schedule(name, group_size=group_size)``. ``Layered()`` does not queue:
        everything is released at once.
    group_size : int, optional
        With a name: most neurons released per Lava time step; None: all.
    steps_per_bin, offset, reset_interval
        As in :class:`~lava_async.proc.async_lif.process.AsyncLIF`; they also number the forward steps that key random
        schedules. Spikes that still wait when a time step is over stay and are counted in `carried`.
    seed : int
        Keys random schedules.
    first : int
        Index in the network of the first neuron here: it keys random schedules, as in a whole network.
    layer_of : int or array
        Layer of the neurons, for schedules by layer.
    until : StopRule
        What drops the spikes that wait; with FirstOutput, a global scheduler must know the `outputs`.
    outputs : array of int, optional
        Which of the neurons here are output neurons; default: all.
    queued : bool or array of bool
        Which of the neurons are released at all; the spikes of others are counted only.
    n_inputs : int
        Input channels whose spike counts queue here too, through `inp` and `inp_out`, ahead of every neuron.
    queued_inputs : bool or array of bool
        As `queued`, of the input channels.
    graded : bool
        What is emitted are numbers, as AsyncSigmaDelta sends them: they are ranked by their size, add up while they
        wait, and are released as they are.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    s_in : InPort
        Emitted spikes: the momentum, as AsyncLIF sends it, or 1; the number, if `graded`; 0 where there is no spike.
    s_out : OutPort
        Released spikes: their payload; their sum, if `graded`.
    inp, inp_out : InPort, OutPort
        The same for `n_inputs` input channels; shape (1,) without any.
    pending : Var
        Spikes of each neuron that wait; what waits counts once, if `graded`.
    counts : Var
        Spikes of each neuron since the sample began, as are the counters below.
    forward_steps, dropped, carried : Var (1,)
        Forward steps in which the network was active, spikes that the stop rule dropped, spikes that still waited at
        the end of their time step.

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
    >>> from lava.proc.io.source import RingBuffer as Source
    >>> from lava_async.proc.runtime import run
    >>> source = Source(data=np.array([[5, 0, 0], [9, 0, 0], [7, 0, 0]]))
    >>> scheduler = SpikeScheduler(shape=(3,), schedule="momentum", group_size=1, steps_per_bin=3)
    >>> sink = Sink(shape=(3,), buffer=3)
    >>> source.s_out.connect(scheduler.s_in)
    >>> scheduler.s_out.connect(sink.a_in)
    >>> session = run(scheduler, 3, Loihi2SimCfg(select_tag="fixed_pt"))
    >>> sink.data.get()
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        schedule: ExecutionKind | str,
        group_size: int | None = None,
        steps_per_bin: int = 1,
        offset: int = 0,
        reset_interval: int | None = None,
        seed: int = 0,
        first: int = 0,
        layer_of: ArrayLike = 0,
        until: StopRule = Quiescence(),  # noqa: B008 (frozen)
        outputs: ArrayLike | None = None,
        queued: ArrayLike = True,
        n_inputs: int = 0,
        queued_inputs: ArrayLike = True,
        graded: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        shape = lava_shape("SpikeScheduler", shape)
        order = _order(schedule, group_size)
        if not isinstance(until, StopRule):
            raise InvalidType("SpikeScheduler.until", until, "a StopRule, such as Quiescence()")
        if until.ends_samples:
            raise InvalidType(
                "SpikeScheduler.until",
                type(until).__name__,
                "a rule for time steps; AsyncNetwork on the engine takes any",
            )
        for field, array in (("layer_of", layer_of), ("queued", queued)):
            if np.shape(array) not in ((), shape):
                raise InvalidValue(f"SpikeScheduler.{field}.shape", np.shape(array), f"() or {shape}")
        check_int("SpikeScheduler.n_inputs", n_inputs)
        if np.shape(queued_inputs) not in ((), (n_inputs,)):
            raise InvalidValue("SpikeScheduler.queued_inputs.shape", np.shape(queued_inputs), f"() or ({n_inputs},)")
        n = int(np.prod(shape))
        chosen = np.arange(n) if outputs is None else integer_array("SpikeScheduler.outputs", outputs)
        check_range("SpikeScheduler.outputs", chosen, 0, n - 1)
        super().__init__(
            shape=shape,
            schedule=order,
            steps_per_bin=steps_per_bin,
            offset=offset,
            reset_interval=reset_interval,
            seed=check_int("SpikeScheduler.seed", seed, most=2**63 - 1),
            first=check_int("SpikeScheduler.first", first),
            layer_of=integer_array("SpikeScheduler.layer_of", layer_of),
            until=until,
            outputs=chosen,
            queued=np.asarray(queued, bool),
            n_inputs=n_inputs,
            queued_inputs=np.asarray(queued_inputs, bool),
            graded=bool(graded),
            name=name,
            log_config=log_config,
        )
        self.proc_params["clock"] = Clock.checked("SpikeScheduler", steps_per_bin, offset, reset_interval)

        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.inp = InPort(shape=(n_inputs or 1,))
        self.inp_out = OutPort(shape=(n_inputs or 1,))
        self.pending = Var(shape=shape, init=0)
        self.counts = Var(shape=shape, init=0)
        self.forward_steps = Var(shape=(1,), init=0)
        self.dropped = Var(shape=(1,), init=0)
        self.carried = Var(shape=(1,), init=0)


def _order(schedule: Any, group_size: Any) -> ExecutionKind:
    if isinstance(schedule, str):
        schedule, group_size = named_schedule(schedule, group_size=group_size), None
    order = checked("SpikeScheduler.schedule", schedule)
    if order.timed:
        raise no_single_queue("SpikeScheduler.schedule", order)
    if group_size is not None:
        raise InvalidValue("SpikeScheduler.group_size", group_size, f"given in {type(schedule).__name__}(group_size)")
    return order
