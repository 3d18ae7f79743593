"""Probes: voltage, current, threshold and spikes of chosen neurons, over time steps or over all forward steps.

::

    seen = probe(network, spikes, [0, 3], schedule=Random(group_size=8))
    seen.voltage                      # (2, T), at the end of each time step
    fine = probe(network, spikes, [0, 3], schedule=Random(group_size=8), forward_steps=True)
    fine.voltage[:, fine.time_step == 4]   # (2, forward steps of time step 4)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.display import Brief
from lava_async.engine import Result
from lava_async.errors import InvalidValue, nearest
from lava_async.execution import Execution, Fields
from lava_async.forms import plain
from lava_async.network import Network
from lava_async.records import check_range, integer_array
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeTrain

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True, eq=False)
class Probe(Brief):
    """What n neurons did; time is the last axis.

    Parameters
    ----------
    neurons : (n,) int64
        Which.
    time_step, forward_step : (K,) int32
        When each column was recorded: K = T, or all forward steps of all time steps. Without forward steps,
        `forward_step` is the last of each time step.
    state : dict of (n, K) float32, int32 or int64
        All numbers of the neuron models after the resets, by name: "u", "v", "theta", ...; zero for neurons whose model
        has none of the name. Integers are in Loihi's units.
    threshold : (n, K) float32, int32 or int64
        What the model compares with: its `vth` in the units of the voltage, or "theta" where that adapts.
    spikes : (n, K) int32
        Spikes emitted in the time step; 1 in each forward step in which the neuron emitted.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, probe
    >>> net = Network.feedforward([[[0.75]]], CubaParams(du=1, dv=0, vth=1))
    >>> seen = probe(net, [[1, 1, 1]], [0])
    >>> seen.voltage.tolist(), seen.spikes.tolist()
    ([[0.75, 0.0, 0.75]], [[0, 1, 0]])
    """

    neurons: NDArray[np.int64]
    time_step: NDArray[np.int32]
    forward_step: NDArray[np.int32]
    state: dict[str, NDArray[Any]]
    threshold: NDArray[Any]
    spikes: NDArray[np.int32]

    @property
    def current(self) -> NDArray[Any]:
        """u, (n, K); zero for neurons that have none."""
        return self.state["u"]

    @property
    def voltage(self) -> NDArray[Any]:
        """v, (n, K); zero for neurons that have none."""
        return self.state["v"]


class _Column(NamedTuple):
    """What is recorded at once."""

    t: int
    k: int
    state: dict[str, NDArray[Any]]
    spikes: NDArray[Any]


def probe(
    network: Network,
    spikes: ArrayLike | SpikeTrain,
    neurons: ArrayLike | str | None = None,
    *,
    forward_steps: bool = False,
    sample: int = 0,
    engine: str = "compiled",
    execution: Execution | None = None,
    **fields: Unpack[Fields],
) -> Probe:
    """Run one sample and return what chosen neurons did.

    The network runs time step by time step, so that the memory that it takes is that of the neurons that are looked at.

    Parameters
    ----------
    network : Network
        What to run.
    spikes : (C, T) integers or SpikeTrain
        Input spike counts, time last.
    neurons : (n,) int, or str, optional
        Numbers of neurons, or the name of a layer; default: all.
    forward_steps : bool
        Record after every forward step; else at the end of each time step.
    sample, engine, execution
        As in :func:`lava_async.simulate`.
    **fields
        Fields of the execution, as in :func:`lava_async.simulate`: schedule, until, refractory, input_first, seed.

    Raises
    ------
    InvalidValue, InvalidType
        If there are no such neurons, or an argument cannot be used.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> net = Network.feedforward([[[0.375]]], CubaParams(du=1, dv=0, vth=1))
    >>> seen = probe(net, [[1, 1, 1]])
    >>> seen.voltage.tolist(), seen.spikes.tolist()
    ([[0.375, 0.75, 0.0]], [[0, 0, 1]])
    """
    record = "trace" if forward_steps else "counts"
    stepper = Stepper(network, record=record, engine=engine, execution=execution, **fields)
    stepper.reset(sample)
    chosen = _chosen(network, neurons)
    train = spikes if isinstance(spikes, SpikeTrain) else SpikeTrain.from_dense(plain("spikes", spikes))
    columns: list[_Column] = []
    for t, frame in enumerate(train.to_dense().T):
        columns += (_forward_steps if forward_steps else _time_step)(t, stepper.step(frame), chosen)
    start = stepper.state.fields
    state = {
        name: np.stack([column.state[name] for column in columns], 1)
        if columns
        else np.zeros((len(chosen), 0), start[name].dtype)
        for name in start
    }
    spiked = [column.spikes for column in columns]
    return Probe(
        chosen,
        np.array([column.t for column in columns], np.int32),
        np.array([column.k for column in columns], np.int32),
        state,
        _threshold(network, chosen, state),
        np.stack(spiked, 1).astype(np.int32) if columns else np.zeros((len(chosen), 0), np.int32),
    )


def _time_step(t: int, result: Result, chosen: NDArray[np.int64]) -> list[_Column]:
    """Return one column: the state that a time step ended with."""
    state = {name: values[chosen] for name, values in result.state.items()}
    return [_Column(t, int(result.forward_steps[0]) - 1, state, result.counts[chosen, 0])]


def _forward_steps(t: int, result: Result, chosen: NDArray[np.int64]) -> list[_Column]:
    """Return a column for each forward step."""
    return [
        _Column(t, check.k, {name: x[chosen] for name, x in check.state.items()}, np.isin(chosen, check.fired))
        for check in result.trace or ()
    ]


def _threshold(network: Network, chosen: NDArray[np.int64], state: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return what the voltages are compared with."""
    shape, adaptive = state["v"].shape, np.zeros(network.n_neurons, bool)
    vth = np.zeros(network.n_neurons, state["v"].dtype)
    for rows, model in network.models:
        vth[rows], adaptive[rows] = model.arrays().vth, "theta" in model.state
    found: NDArray[Any] = np.broadcast_to(vth[chosen, None], shape).copy()
    if "theta" in state:
        found = np.where(adaptive[chosen, None], state["theta"], found)
    return found


def _chosen(network: Network, neurons: ArrayLike | str | None) -> NDArray[np.int64]:
    """Return numbers of neurons."""
    everyone = np.arange(network.n_neurons)
    if neurons is None:
        return everyone
    if isinstance(neurons, str):
        names = [layer.name or f"layer {i}" for i, layer in enumerate(network.layers)]
        if neurons not in names:
            allowed = f"numbers of neurons, or the name of a layer: {', '.join(names)}{nearest(neurons, names)}"
            raise InvalidValue("probe: neurons", neurons, allowed)
        return everyone[network.layer_slices[names.index(neurons)]]
    chosen = np.atleast_1d(integer_array("probe: neurons", neurons))
    if chosen.ndim != 1:
        raise InvalidValue("probe: neurons.shape", chosen.shape, "(n,), numbers of neurons")
    check_range("probe: neurons", chosen, 0, network.n_neurons - 1)
    return chosen


__all__ = ["Probe", "probe"]
