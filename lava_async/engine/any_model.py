"""Calls of the compiled engine for networks of any models, and for input of any number: payloads beside counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import _core
from lava_async.engine import State, StepRecord, public_fields
from lava_async.engine.calls import Call, TimedCall, last_rows

MOST_FIELDS = 4
"""Numbers that a neuron has in the core at most; each model names its own."""


class AnyCall(Call):
    """The arrays of one call, see :class:`~lava_async.engine.calls.Call`."""

    def begin(self, state: State | None) -> None:  # noqa: D102
        n, n_neurons, dtype = len(self.batch), self.network.n_neurons, self.network.params.dtype
        start = State.zeros(self.network) if state is None else state
        self.names = list(start.fields)
        self.fields = np.repeat(self._packed(start.fields)[None], n, axis=0)
        self.held = np.repeat(start.held[None], n, axis=0)
        self.sent: NDArray[Any] = np.zeros((n, self.batch.n_steps, n_neurons), dtype)
        self.sent_before: NDArray[Any] = np.zeros((n, 0, n_neurons), dtype)
        self.input_payload: NDArray[Any] = np.zeros((n, 0, self.network.n_inputs), dtype)
        if state is not None:
            self.history, sent = state.history[None], state.history if state.sent is None else state.sent
            self.sent_before, self.input_payload = sent[None].astype(dtype), state.inputs[None].astype(dtype)
            self.inputs = np.zeros(self.input_payload.shape, np.int32)
        self.u, self.v = np.zeros((2, n, n_neurons), dtype)  # `fields` has all states

    def _packed(self, fields: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the states of all models as the core has them, (F, N)."""
        packed: NDArray[Any] = np.zeros((MOST_FIELDS, self.network.n_neurons), self.network.params.dtype)
        for rows, model in self.network.models:
            for f, name in enumerate(model.state):
                packed[f, rows] = fields[name][rows]
        return packed

    def _named(self, packed: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return states (..., F, N) by name, (..., N) each."""
        shape = (*packed.shape[:-2], packed.shape[-1])
        fields: dict[str, NDArray[Any]] = {name: np.zeros(shape, packed.dtype) for name in self.names}
        for rows, model in self.network.models:
            for f, name in enumerate(model.state):
                fields[name][..., rows] = packed[..., f, rows]
        return fields

    def run_on_engines(self) -> tuple[Any, ...] | None:  # noqa: D102
        return self.run_on(self.compiled.any)

    def input_counts(self) -> NDArray[np.int32]:  # noqa: D102
        return np.ones(len(self.batch.count), np.int32)  # the core reads the payloads

    def arrays_of_any(self) -> _core.AnyArrays:  # noqa: D102
        payload: NDArray[Any] = self.batch.count.astype(self.network.params.dtype)
        arrays: Any = (payload, self.sent_before, self.input_payload, self.fields, self.held, self.sent)
        return _core.AnyArrays(*arrays)

    def carry(self, state: State) -> None:  # noqa: D102
        fields = self._named(self.fields[0])
        for name, values in fields.items():
            state.fields[name][...] = values
        state.held[...] = self.held[0]
        state.t += self.batch.n_steps
        self.carry_decisions(state)
        state.history = last_rows(state.history, self.counts[0])
        if state.sent is not None:
            state.sent = last_rows(state.sent, self.sent[0])
        if len(state.inputs):
            given = self.batch[0].to_dense().T
            state.inputs = last_rows(state.inputs.astype(given.dtype), given)

    def columns(self, at: int | slice) -> dict[str, Any]:  # noqa: D102
        fields = public_fields(self.setup, self._named(self.fields[at]))
        columns = {**super().columns(at), "current": fields["u"], "voltage": fields["v"], "state": fields}
        if self.network.graded:
            columns["emitted"] = self.sent[at].swapaxes(-2, -1)
        return columns

    def _checks(self) -> Any:
        r = self.recorded
        fields = self._named(r["fields"].reshape(-1, MOST_FIELDS, self.network.n_neurons))
        n = len(r["check_t"])
        fired = np.split(r["fired"].astype(np.int64), np.cumsum(r["n_fired"])[:-1]) if n else []
        for c, (t, k) in enumerate(zip(r["check_t"].tolist(), r["check_k"].tolist(), strict=True)):
            state = public_fields(self.setup, {name: values[c] for name, values in fields.items()})
            yield StepRecord(t, k, state["u"], state["v"], fired[c], state)


class TimedAnyCall(AnyCall, TimedCall):
    """The same for timed execution."""
