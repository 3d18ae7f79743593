"""The engines: `reference` (numpy, the readable definition) and `compiled` (C++, event by event).

Both run one sample, from rest or from a state to a state: ``run(setup, spikes, sample, state=None) -> Result``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from lava_async.display import Brief
from lava_async.errors import InvalidValue
from lava_async.execution import DEFAULT, Execution
from lava_async.network import Network
from lava_async.schedules.timed import Times
from lava_async.spikes.counts import ENCODE

_LONGEST = "_longest_delays"
"""Under this name a network keeps D and D_in, see `State`."""


class Machine(NamedTuple):
    """What the engines know of a chip with a network on it; M cores are in use, all times are in picoseconds."""

    times: Times
    cores: NDArray[np.int64]
    """(M,) numbers of the cores on the chip, ascending."""
    core_of: NDArray[np.int64]
    """(N,) position in `cores` of each neuron's core."""
    way: NDArray[np.int64]
    """(M, M) time from core to core."""


@dataclass(frozen=True, eq=False)
class Setup:
    """What is run, and how; the arguments of :func:`lava_async.simulate` without the input."""

    network: Network
    execution: Execution = DEFAULT
    record: str = "counts"
    refractory_dropout: float = 0.0
    """Training only: probability with which a spike leaves its neuron free to fire again in the time step."""
    input_dropout: float = 0.0
    """Training only: probability with which the spikes of an input channel are lost in a time step."""
    machine: Machine | None = None
    """Timed execution only: the chip with the network on it."""


@dataclass(eq=False)
class State:
    """What a network carries from one time step to the next.

    Parameters
    ----------
    fields : dict of (N,) float32 or int64
        The numbers of all neuron models by name; zero for neurons whose model has none of the name. Current "u" and
        voltage "v" are always there.
    held : (N,) int32
        For how many time steps each neuron still waits out its `refractory_steps`.
    history : (D, N) int32
        Spike counts of the neurons in the last D time steps, D = max(1, longest delay).
    sent : (D, N) float32 or int64, or None
        Sums of their payloads; None: the same as `history`, since no neuron is graded.
    inputs : (D_in, C) int32 or float32
        Payloads of the input channels in the last D_in time steps, D_in = longest delay of an input synapse.
    totals : (n_out,) int32
        Spikes of the output neurons since the sample began, as far as a stop rule asks.
    decided : int
        After how many time steps a stop rule ended the sample; 0: it goes on.
    t : int
        Number of the next time step.
    """

    fields: dict[str, NDArray[Any]]
    held: NDArray[np.int32]
    history: NDArray[np.int32]
    sent: NDArray[Any] | None
    inputs: NDArray[Any]
    totals: NDArray[np.int32]
    decided: int = 0
    t: int = 0

    @property
    def u(self) -> NDArray[Any]:
        """Current, (N,)."""
        return self.fields["u"]

    @property
    def v(self) -> NDArray[Any]:
        """Voltage, (N,)."""
        return self.fields["v"]

    @classmethod
    def zeros(cls, network: Network) -> State:
        """Return the state at the start of a sample: zero, but for thresholds that adapt."""
        kept = vars(network)
        if _LONGEST not in kept:
            longest = {True: [0], False: [1]}
            for s in network.synapses:
                longest[s.source < 0].append(s.max_delay)
            kept[_LONGEST] = max(longest[False]), max(longest[True])
        of_neurons, of_inputs = kept[_LONGEST]
        n, dtype = network.n_neurons, network.params.dtype
        names = dict.fromkeys(("u", "v", *(name for _, model in network.models for name in model.state)))
        numbers: dict[str, NDArray[Any]] = {name: np.zeros(n, dtype) for name in names}
        for rows, model in network.models:
            for name, values in model.start(model.arrays()).items():
                numbers[name][rows] = values
        return cls(
            numbers,
            np.zeros(n, np.int32),
            np.zeros((of_neurons, n), np.int32),
            np.zeros((of_neurons, n), dtype) if network.graded else None,
            np.zeros((of_inputs, network.n_inputs), np.int32),
            np.zeros(len(network.outputs), np.int32),
        )


@dataclass(frozen=True, eq=False)
class Result(Brief):
    """What one sample did; time is the last axis.

    Parameters
    ----------
    counts : (N, T) int32
        Spikes of each neuron in each time step; messages of one that sends graded payloads.
    output : (n_out, T) int32
        The same of the output neurons.
    forward_steps : (T,) int32
        Forward steps of each time step (layered: the number of layers).
    first_output : (T,) int32
        Forward steps until the first output neuron emitted, that one included; 0 where none did.
    current, voltage : (N,) float32 or int32
        u and v at the end; zero for neurons that have none.
    synaptic_operations : int
        Synapses walked by delivered spikes.
    neuron_updates : int
        Neurons that received at least one synaptic operation in a forward step, summed (layered: N per time step).
    dropped : int
        Spikes (messages of graded neurons) that were pending when a stop rule ended their time step.
    emitted : (N, T) int32, float32 or int64
        Sum of the payloads that each neuron sent in each time step: `counts` itself where no neuron is graded.
    state : dict of (N,) float32, int32 or int64
        All numbers of the neuron models at the end, by name: "u" (`current`), "v" (`voltage`), "theta", "sigma", ...;
        zero for neurons whose model has none of the name.
    decided : int, or None
        With ``Margin``: after how many time steps the sample was decided and ended; 0: it was not.
    groups : list of [t, k, [neurons]], or None
        With ``record="groups"``: which neurons were picked in which forward step (input channel
        c is c - C); plain lists, as JSON.
    trace : list of StepRecord, or None
        With ``record="trace"``: every forward step in full.
    step_ps : (T,) int64, or None
        Timed: picoseconds from the opening of each time step to that of the next, the barrier included.
    first_output_ps : (T,) int64, or None
        Timed: picoseconds from the opening of the time step until the first output neuron emitted; -1 where none did.
    decided_ps : int, or None
        Timed, with ``Margin``: picoseconds from the opening of the last time step until the output spikes that decided
        had been emitted; -1 if the sample was decided at the end of that time step, or not at all.
    messages : list of [t, k, source, core, arrival, start], or None
        Timed, with ``record="groups"``: which message was processed in which forward step, when it had arrived and when
        the core began with it, in picoseconds since the time step opened.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> result = simulate(Network.feedforward([[[2.0]]], CubaParams(du=1, dv=1, vth=1)), [[1, 0, 1]])
    >>> result.counts.tolist(), result.forward_steps.tolist(), result.synaptic_operations
    ([[1, 0, 1]], [1, 1, 1], 2)
    """

    counts: NDArray[np.int32]
    output: NDArray[np.int32]
    forward_steps: NDArray[np.int32]
    first_output: NDArray[np.int32]
    current: NDArray[Any]
    voltage: NDArray[Any]
    synaptic_operations: int
    neuron_updates: int
    dropped: int
    emitted: NDArray[Any]
    state: dict[str, NDArray[Any]]
    groups: list[list[Any]] | None = None
    trace: list[StepRecord] | None = None
    step_ps: NDArray[np.int64] | None = None
    first_output_ps: NDArray[np.int64] | None = None
    messages: list[list[int]] | None = None
    decided: int | None = None
    decided_ps: int | None = None

    def facts(self) -> dict[str, str]:
        """Return what is shown of the result."""
        return _totals(self)


@dataclass(frozen=True, eq=False)
class StepRecord(Brief):
    """The state of a network after the check of one forward step.

    Parameters
    ----------
    t, k : int
        Time step and forward step.
    current, voltage : (N,)
        u and v after the resets.
    state : dict of (N,)
        All numbers of the neuron models after the resets, by name.
    fired : (n,) int
        Neurons that emitted in this forward step, ascending.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> network = Network.feedforward([[[2.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> [(step.t, step.k, step.voltage.tolist(), step.fired.tolist()) for step in run.trace]
    [(0, 0, [0.0, 0.0], [0]), (0, 1, [0.0, 0.0], [1]), (0, 2, [0.0, 0.0], [])]
    """

    t: int
    k: int
    current: NDArray[Any]
    voltage: NDArray[Any]
    fired: NDArray[np.int64]
    state: dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class BatchResult(Brief):
    """What B samples did: the fields of :class:`Result` with a first axis of B.

    ``result[b]`` is one sample, ``result[[3, 0]]`` and ``result[:10]`` are some of them.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate_batch
    >>> net = Network.feedforward([[[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> batch = simulate_batch(net, [[[1, 0]], [[0, 0]]])
    >>> batch.counts.shape, batch[0].counts.tolist(), batch[1:].counts.tolist()
    ((2, 1, 2), [[1, 0]], [[[0, 0]]])
    """

    counts: NDArray[np.int32]
    output: NDArray[np.int32]
    forward_steps: NDArray[np.int32]
    first_output: NDArray[np.int32]
    current: NDArray[Any]
    voltage: NDArray[Any]
    synaptic_operations: NDArray[np.int64]
    neuron_updates: NDArray[np.int64]
    dropped: NDArray[np.int64]
    emitted: NDArray[Any]
    state: dict[str, NDArray[Any]]
    groups: list[list[list[Any]]] | None = None
    trace: list[list[StepRecord]] | None = None
    step_ps: NDArray[np.int64] | None = None
    first_output_ps: NDArray[np.int64] | None = None
    messages: list[list[list[int]]] | None = None
    decided: NDArray[np.int32] | None = None
    decided_ps: NDArray[np.int64] | None = None

    def facts(self) -> dict[str, str]:
        """Return what is shown of the results."""
        return {"samples": f"{len(self):,}", **_totals(self)}

    @classmethod
    def stack(cls, results: Sequence[Result]) -> BatchResult:
        """Put the results of single samples together."""
        columns: dict[str, Any] = {f.name: [getattr(r, f.name) for r in results] for f in fields(Result)}
        lists = ("groups", "trace", "messages")
        types = {"decided": np.int32, "decided_ps": np.int64}
        states = columns.pop("state")
        stacked: dict[str, Any] = {"state": {name: np.array([s[name] for s in states]) for name in states[0]}}
        for name, column in columns.items():
            if column[0] is None:
                stacked[name] = None
                continue
            stacked[name] = column if name in lists else np.array(column, types.get(name))
        return cls(**stacked)

    def __len__(self) -> int:
        return len(self.counts)

    @overload
    def __getitem__(self, b: int) -> Result: ...

    @overload
    def __getitem__(self, b: slice | Sequence[int] | NDArray[np.integer[Any]]) -> BatchResult: ...

    def __getitem__(self, b: int | slice | Sequence[int] | NDArray[np.integer[Any]]) -> Result | BatchResult:
        own = {name: values for name, values in vars(self).items() if name != "state"}
        if not isinstance(b, (int, np.integer)):
            which = b if isinstance(b, slice) else np.asarray(b) if len(b) else slice(0)
            chosen = np.arange(len(self))[which]
            some = {name: _chosen(values, chosen) for name, values in own.items()}
            return BatchResult(**some, state={name: values[chosen] for name, values in self.state.items()})
        one: dict[str, Any] = {name: None if values is None else values[b] for name, values in own.items()}
        for name in ("synaptic_operations", "neuron_updates", "dropped", "decided", "decided_ps"):
            one[name] = None if one[name] is None else int(one[name])
        one["state"] = {name: values[b] for name, values in self.state.items()}
        return Result(**one)


def _chosen(values: Any, chosen: NDArray[np.intp]) -> Any:
    """Return a field of some samples; records are lists, of what was not recorded there is none."""
    return [values[i] for i in chosen] if isinstance(values, list) else None if values is None else values[chosen]


def _totals(result: Result | BatchResult) -> dict[str, str]:
    """Return the size of a run and the sums of what it did, as text."""
    counted = {
        "spikes": result.counts,
        "output_spikes": result.output,
        "forward_steps": result.forward_steps,
        "synaptic_operations": result.synaptic_operations,
        "dropped": result.dropped,
    }
    recorded = [name for name in ("groups", "trace", "messages") if getattr(result, name) is not None]
    return {
        "neurons": f"{result.counts.shape[-2]:,}",
        "time_steps": f"{result.counts.shape[-1]:,}",
        **{name: f"{int(np.sum(values)):,}" for name, values in counted.items()},
        **({"recorded": " and ".join(recorded)} if recorded else {}),
    }


def check_payloads(network: Network, payloads: NDArray[Any]) -> None:
    """Raise an error unless a network takes input of these payloads: integers, those of floats any number."""
    if payloads.dtype.kind == "f" and network.params.dtype is np.int64:
        fractions = payloads[payloads != np.floor(payloads)]
        if fractions.size:
            allowed = f"integers for a network that computes in integers: {ENCODE}"
            raise InvalidValue("spikes", fractions[0].item(), allowed)


def public_state(setup: Setup, x: NDArray[Any]) -> NDArray[Any]:
    """Return u or v in the type that users see: float32, or int32 as in Lava."""
    return x.astype(np.int32) if setup.network.params.dtype is np.int64 else x.astype(np.float32)


def public_fields(setup: Setup, fields: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return a copy of all numbers of the neuron models in the types that users see."""
    return {name: public_state(setup, x) if name in ("u", "v") else x.copy() for name, x in fields.items()}
