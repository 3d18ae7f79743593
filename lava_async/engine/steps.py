"""Single time steps on the compiled engine: they make so little work that the arrays of a call would cost more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import _core
from lava_async.engine import Result, Setup, State, public_state
from lava_async.engine.calls import failure_of, rules_of
from lava_async.engine.compiled_network import compiled
from lava_async.spikes.counts import LISTED, payloads


def runs_single_steps(setup: Setup) -> bool:
    """Return whether :class:`Steps` runs a network: one of current-based neurons that reset to zero, not timed."""
    return compiled(setup.network).plain and not setup.execution.schedule.timed


class Steps:
    """Runs one time step after another on arrays that stay where they are: what a call makes is made once.

    Parameters
    ----------
    setup : Setup
        What is run.
    state : State
        Carried on in place; whoever writes into its `u` and `v` changes what comes next.

    Attributes
    ----------
    counts : (N,) int32
        Spikes of each neuron in the last time step.
    forward_steps, first_output : (1, 1) int32
    decided : (1,) int32
        After how many time steps the sample was decided; 0: it is not, or no stop rule asks.
    tally : (1, 3) int64
        Synaptic operations, neuron updates and dropped spikes of the last time step.
    """

    def __init__(self, setup: Setup, state: State) -> None:
        network = setup.network
        self.setup, self.state, self.sample = setup, state, np.zeros(1, np.int64)
        self._compiled, self._rules = compiled(network), rules_of(setup)
        self._u, self._v = state.u[None], state.v[None]
        self._history, self._inputs = state.history[None], state.inputs[None]
        self._counts = np.zeros((1, 1, network.n_neurons), np.int32)
        self.counts = self._counts[0, 0]
        self.forward_steps, self.first_output = np.zeros((2, 1, 1), np.int32)
        self.tally = np.zeros((1, 3), np.int64)
        self.decided = np.zeros(1, np.int32)
        self._totals, self._margin = state.totals[None], setup.execution.until.lower().margin > 0
        self._decisions: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
        self._channel, self._count = np.zeros((2, network.n_inputs), np.int32)
        self._start = np.zeros((1, 2), np.int64)

    def reset(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self.sample[0], self.state.t, self.state.decided = sample, 0, 0
        for array in (self._u, self._v, self._history, self._inputs, self._totals, self.decided):
            array.fill(0)

    def step(self, frame: NDArray[Any]) -> bool:
        """Run one time step on input counts (C,); return False, having done nothing, if the frame is graded.

        Raises
        ------
        ForwardStepLimit, InvalidValue, InvalidType
            As :func:`run`.
        """
        if frame.dtype not in LISTED:
            frame = payloads("SpikeTrain.spikes", frame[:, None])[:, 0]
        n = _core.list_frame(np.ascontiguousarray(frame), self._channel, self._count)
        if n < 0:
            payloads("SpikeTrain.spikes", frame[:, None])  # It says what is wrong.
            return False
        self._start[0, 1] = n
        failure = self._run_on(self._compiled.narrow)
        if failure is not None and failure[0] == "too wide":
            failure = self._run_on(self._compiled.wide)
        if failure is not None:
            raise failure_of(self.setup, *failure)
        self.state.t += 1
        if self._decisions is not None:
            self._totals[...], self.decided[...] = self._decisions
            self.state.decided = int(self.decided[0])
        self._remember(n)
        return True

    def _before(self) -> None:
        """Let a call carry on copies: it may fail."""
        self._decisions = (self._totals.copy(), self.decided.copy()) if self._margin else None

    def _run_on(self, engine: _core.Engine) -> tuple[Any, ...] | None:
        self._before()
        failure: Any = engine.run(
            self._rules,
            self.sample,
            self.state.t,
            self._channel,
            self._count,
            self._start,
            self._history,
            self._inputs,
            False,
            self._u,
            self._v,
            self._counts,
            self.forward_steps,
            self.first_output,
            self.tally,
            self._decisions,
            1,
            "counts",
        )
        return failure  # type: ignore[no-any-return]

    def _remember(self, n: int) -> None:
        """Keep what delays and feedback need."""
        for history in (self._history[0], self._inputs[0]):
            history[:-1] = history[1:]
        self._history[0, -1] = self.counts
        if self._inputs.size:
            self._inputs[0, -1] = 0
            self._inputs[0, -1, self._channel[:n]] = self._count[:n]

    def result(self) -> Result:
        """Return the last time step as a result, which later ones leave as it is."""
        network, counts = self.setup.network, self.counts[:, None].copy()
        operations, updates, dropped = self.tally[0].tolist()
        current, voltage = public_state(self.setup, self._u[0]), public_state(self.setup, self._v[0])
        return Result(
            counts,
            counts[network.outputs],
            self.forward_steps[0].copy(),
            self.first_output[0].copy(),
            current,
            voltage,
            operations,
            updates,
            dropped,
            counts,
            {"u": current, "v": voltage},
            decided=int(self.decided[0]) if self._margin else None,
        )
