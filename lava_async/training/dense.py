"""The dense gradient engine: semantics.md sections 3, 6 and 8 on (B, N) tensors, in plain torch on any device.

An asynchronous time step runs twice. The first pass decides, without gradient, which neurons fire and when each is
delivered. All of this is constant for the gradient, so the second pass follows it and only adds what torch
differentiates: what a check sends is a number s whose value is a spike (or a payload) and whose derivative is that of
section 6 (:mod:`~lava_async.training.dense_models`). What autograd then does to s:

- in the reset, as the model has it;
- in what the neuron sends in its time step, the sum of s over all checks, fired or silent, whatever the credit rule, so
  a penalty on the counts of a neuron reaches all its checks (that `peak` lets through). Synapses with a delay, and
  layered feedback, deliver these sums;
- in the delivery of a pending spike: the payload is the sum of s over the checks that belong to it;
- for a silent check with nothing pending: in a zero-valued spike, delivered as the credit rule says (:class:`_Silent`).
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.draws import INPUT_DROPOUT, REFRACTORY_DROPOUT, dropped
from lava_async.engine import Setup
from lava_async.engine.queue import NEVER, PendingQueue
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.spikes import SpikeBatch
from lava_async.stopping import not_ended
from lava_async.training.dense_models import Cells, Check
from lava_async.training.dense_neurons import Arriving, NeuronGroups
from lava_async.training.gradient import Gradient, ModelParameters, Parameters, Run, check_models, check_trainable
from lava_async.training.wiring import Wiring


class DenseEngine:
    """The :class:`~lava_async.training.gradient.GradientEngine` in plain torch; slow, and the one to compare with."""

    def __init__(self, network: Network, threads: int | None = None) -> None:  # torch has threads of its own
        check_trainable(network)
        self.network = network
        self._wiring: dict[bool, Wiring] = {}

    def run(
        self,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        spikes: Tensor | SpikeBatch,
        samples: NDArray[np.int64],
        neurons: slice = slice(None),
        premature: bool = False,
        factors: NDArray[np.float64] | None = None,
    ) -> Run:
        """Run a batch; see :class:`~lava_async.training.gradient.GradientEngine`."""
        if isinstance(parameters, ModelParameters):
            check_models(setup, premature, factors is not None)
        if setup.execution.schedule.timed:
            raise InvalidValue("engine", "dense", "'compiled' for the schedule timed")
        layered = setup.execution.schedule.layered
        if layered not in self._wiring:
            self._wiring[layered] = Wiring(self.network, layered=layered)
        parameters = parameters.unified()
        if isinstance(spikes, SpikeBatch):
            spikes = torch.from_numpy(np.stack([spikes[b].to_dense() for b in range(len(spikes))]))
        # Sums in half precision, as autocast takes them, would be other sums.
        with torch.autocast(parameters.weights[0].device.type if parameters.weights else "cpu", enabled=False):
            run = _Batch(self._wiring[layered], setup, gradient, parameters, spikes, samples, factors).run()
        found = run.premature[:, neurons] if premature and run.premature is not None else None
        return run._replace(counts=run.counts[:, neurons], premature=found)


class _Step(NamedTuple):
    """What was decided in one forward step; booleans of shape (B, N) unless said otherwise."""

    group: Tensor
    """(B, S') which sources are delivered through the queue; empty in forward step 0."""
    touched: Tensor
    refractory: Tensor
    checked: Tensor
    pending: Tensor
    fired: Tensor
    momentum: Tensor
    """(B, N) numbers, at the check."""


class _Batch:
    """B samples on their way through T time steps."""

    def __init__(
        self,
        wiring: Wiring,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        spikes: Tensor,
        samples: NDArray[np.int64],
        factors: NDArray[np.float64] | None,
    ) -> None:
        net = setup.network
        self.wiring, self.setup, self.gradient, self.samples = wiring, setup, gradient, samples
        self.C, self.layers = net.n_inputs, net.layer_slices
        self.B, _, self.T = spikes.shape
        self.neurons = neurons = NeuronGroups(setup, gradient, parameters, factors)
        self.plain = isinstance(parameters, Parameters)
        like = next(iter(neurons.groups[0][1].p.values())).detach()
        self.matrix = wiring.matrices([w.real if w.is_complex() else w for w in parameters.weights], like)
        self.imaginary = (
            wiring.matrices([w.imag if w.is_complex() else torch.zeros_like(w) for w in parameters.weights], like)
            if neurons.complex
            else {}
        )
        tensors = [*parameters.weights, *(p for _, m in neurons.groups for p in m.p.values()), spikes]
        self.differentiable = torch.is_grad_enabled() and any(p.requires_grad for p in tensors)
        self.input = self.drop_input(spikes.to(like))
        self.cells = neurons.start(like, self.B)
        self.zeros = like.new_zeros(self.B, net.n_neurons)
        self.nothing = torch.zeros_like(self.zeros, dtype=torch.bool)
        self.held = torch.zeros_like(self.nothing, dtype=torch.int64)
        self.refractory_steps, self.sync_threshold = (
            torch.from_numpy(
                np.concatenate([np.atleast_1d(getattr(net.params_of(k), name)) for k in range(len(net.layers))])
            ).to(like.device)
            for name in ("refractory_steps", "sync_threshold")
        )
        self.emitted: list[Tensor] = []
        self.messages: list[Tensor] = []
        """Of each time step: what sources sent (B, S), and whether they sent anything."""
        self.forward_steps = np.zeros((self.B, self.T), np.int32)
        # What the queue delivers, and through which synapses.
        self.queues_input = not setup.execution.input_first
        self.first = 0 if self.queues_input else self.C
        queues = slice(self.first, None)
        self.queue = PendingQueue(
            setup.execution,
            self.samples,
            np.arange(-self.C, net.n_neurons)[queues],
            np.concatenate([np.full(self.C, -1), net.layer_of])[queues],
            wiring.queued[queues],
            np.float64,
        )
        self.touch = wiring.touch[0] if self.queues_input else wiring.touch_by_neurons

    def drop_input(self, spikes: Tensor) -> Tensor:
        """Apply input dropout: in each time step, all spikes of a channel or none."""
        q = self.setup.input_dropout
        if q == 0:
            return spikes
        samples, channels, times = self.samples[:, None, None], np.arange(self.C)[:, None], np.arange(self.T)
        lost = dropped(q, self.setup.execution.seed, INPUT_DROPOUT, samples, times, 0, channels)
        return spikes * torch.from_numpy(~lost).to(spikes)

    def run(self) -> Run:
        """Run all time steps."""
        sent, premature = [], list[Tensor]()
        for t in range(self.T):
            before = self.cells
            waits = (self.held > 0) & self.setup.execution.refractory
            self.held = (self.held - 1).clamp(min=0)
            if self.setup.execution.schedule.layered:
                self.cells, payloads, fired = self.layered(t, waits)
            else:
                steps, after = self.decide(t, waits)
                fired = torch.stack([step.fired for step in steps]).any(0)
                self.cells, payloads = self.differentiate(t, waits, steps) if self.differentiable else after
            self.held = torch.where(fired, self.refractory_steps, self.held)
            if self.plain:
                premature.append(fired & ~self.reached(before))
            sent.append(payloads)
            self.emitted.append(torch.cat([self.input[:, :, t], payloads], 1))
            self.messages.append(torch.cat([self.input[:, :, t] != 0, fired], 1).to(self.zeros))
        u, v = (self.neurons.field(self.cells, name) for name in "uv")
        found = torch.stack(premature, 2) if premature else None
        return Run(torch.stack(sent, 2), u, v, self.forward_steps, found)

    @torch.no_grad()
    def reached(self, before: list[Cells]) -> Tensor:
        """Return which current-based neurons all that arrived in a time step would lift above their thresholds."""
        opened = self.neurons.open(before, self.nothing)
        parts = zip(self.neurons.groups, opened, self.cells, strict=True)
        # All that arrived is in the current; had they not been reset, it would be in the voltage too.
        return torch.cat([s["v"] + (after["u"] - s["u"]) > m.p["vth"] for (_, m), s, after in parts], 1)

    def through(self, sent: Tensor, rows: slice = slice(None), first: int = 0, delay: int = 0) -> Arriving:
        """Return what payloads (B, n) of the sources from `first` on bring to some neurons, (B, n) each."""
        columns = slice(first, first + sent.shape[1])
        real = sent @ self.matrix[delay][rows, columns].T
        return real, sent @ self.imaginary[delay][rows, columns].T if self.imaginary else torch.zeros_like(real)

    def layered(self, t: int, waits: Tensor) -> tuple[list[Cells], Tensor, Tensor]:
        """Semantics 4, `layered`: all spikes of the time step into a layer, then one check of its neurons."""
        cells: list[Cells] = []
        sent = [self.input[:, :, t]]
        messages = [(sent[0] != 0).to(self.zeros)]
        # slayer's backward pass knows no reset: it is a constant that is taken from the state.
        reset = "passes" if self.gradient.reset == "detached" else "differentiated"
        for rows, model, before in ((r, m, s) for (r, m), s in zip(self.neurons.groups, self.cells, strict=True)):
            now, then = torch.cat(sent, 1), self.delayed(t, rows)
            arriving = _sum(self.through(now, rows), then)
            received = torch.cat(messages, 1) @ self.wiring.synapses[0][rows, : now.shape[1]].T.to(now)
            received = received + self.received_late(t, rows)
            here, held = self.nothing[:, rows], waits[:, rows]
            s = model.integrate(model.open(before, held), self.neurons.arrived(model, arriving), held, ~here)
            checked = ~held & (received >= self.sync_threshold[rows])
            fired = checked & model.fires(s)
            after, payload = model.fire(s, Check(fired, checked, reset))
            payload = self.neurons.sent(payload, rows)
            cells, sent, messages = [*cells, after], [*sent, payload], [*messages, fired.to(self.zeros)]
        self.forward_steps[:, t] = len(self.layers)
        return cells, torch.cat(sent[1:], 1), torch.cat(messages[1:], 1) > 0

    def delayed(self, t: int, rows: slice = slice(None)) -> Arriving:
        """Return what arrives late, from earlier time steps."""
        zeros = self.zeros[:, rows]
        late: Arriving = zeros, zeros
        for d in self.matrix:
            if 0 < d <= t:
                late = _sum(late, self.through(self.emitted[t - d], rows, delay=d))
        return late

    def received_late(self, t: int, rows: slice = slice(None)) -> Tensor:
        """Return how many synaptic operations reach neurons late."""
        found = self.zeros[:, rows]
        for d, synapses in self.wiring.synapses.items():
            if 0 < d <= t:
                found = found + self.messages[t - d] @ synapses[rows].T.to(found)
        return found

    def opening(self, t: int) -> tuple[Arriving, Tensor, Tensor]:
        """Return what arrives in forward step 0, which neurons it reaches (or may fire), how many operations."""
        arriving, touched, received = self.delayed(t), self.neurons.alone | self.nothing, self.received_late(t)
        for d in self.matrix:
            if 0 < d <= t:
                touched = touched | self.wiring.touch[d](self.messages[t - d])
        if not self.queues_input:
            spikes = torch.nn.functional.pad(self.input[:, :, t], (0, self.zeros.shape[1]))
            touched = touched | self.wiring.touch[0](spikes)
            arriving = _sum(arriving, self.through(self.input[:, :, t]))
            received = received + (spikes != 0).to(self.zeros) @ self.wiring.synapses[0].T.to(self.zeros)
        return arriving, touched, received

    @torch.no_grad()
    def decide(self, t: int, waits: Tensor) -> tuple[list[_Step], tuple[list[Cells], Tensor]]:
        """Run a time step of any other schedule: semantics 3. Return what happened, and states and payloads after."""
        stop, outputs, neurons = self.setup.execution.until.lower(), self.setup.network.outputs, self.neurons
        cells = neurons.open(self.cells, waits)
        arriving, touched, received = self.opening(t)
        group = self.nothing[:, :0]
        queue, first = self.queue, self.C if self.queues_input else 0  # of the neurons among what queues
        queue.clear()
        if self.queues_input:
            given = self.input[:, :, t].detach().cpu().numpy().astype(np.float64)
            b, c = np.nonzero(given)
            queue.push(b, c, NEVER, np.inf, 1, given[b, c])
        refractory, sent, steps = waits, self.zeros, list[_Step]()
        running, last = np.ones(self.B, bool), np.full(self.B, NEVER)
        for k in count():
            cells = neurons.integrate(cells, arriving, refractory, touched if k else ~self.nothing)
            over, momentum = neurons.over(cells)
            checked = touched & ~refractory & (received >= self.sync_threshold)
            fired = checked & over
            pending = torch.from_numpy(queue.waiting[:, first:] > 0).to(fired.device)
            steps.append(_Step(group, touched, refractory, checked, pending, fired, momentum))
            cells, payload = neurons.fire(cells, fired, self.nothing, "detached")
            who = fired.cpu().numpy()
            b, i = np.nonzero(who)
            ranked = momentum.cpu().numpy()[b, i].astype(np.float64) * neurons.state_scale[i]
            queue.push(b, first + i, k, ranked, 1, payload.cpu().numpy()[b, i].astype(np.float64))
            sent = sent + payload
            if self.setup.execution.refractory:
                refractory = refractory | torch.from_numpy(who & ~self.spared(who, t, k)).to(fired.device)
            self.forward_steps[running, t] = k + 1
            if stop.extra_steps >= 0:
                last[who[:, outputs].any(1) & (last == NEVER)] = k + stop.extra_steps
            running &= queue.waiting.any(1) & (last != k) & (not self.setup.execution.schedule.ends(t, k))
            if k + 1 >= stop.limit and running.any():
                if not stop.truncate:
                    raise not_ended(t, int(self.samples[running][0]), stop.limit)
                running[:] = False
            queue.clear(~running)
            if not running.any():
                return steps, (cells, sent)
            group, payloads = (torch.from_numpy(x).to(fired.device) for x in self.picked(t, k))
            picked = group.to(self.zeros)
            arriving, touched = self.through(payloads.to(self.zeros), first=self.first), self.touch(picked)
            synapses = self.wiring.synapses[0][:, self.first :]
            received = received + picked @ synapses.T.to(picked)
        raise AssertionError("unreachable: the loop ends when no sample is running")

    def picked(self, t: int, k: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return the group that is delivered next, (B, S'), and its payloads, 0 for all others."""
        b, j, payload = self.queue.pop(t, k)
        group, payloads = np.zeros(self.queue.payload.shape, bool), np.zeros(self.queue.payload.shape)
        group[b, j], payloads[b, j] = True, payload
        return group, payloads

    def spared(self, fired: NDArray[np.bool_], t: int, k: int) -> NDArray[np.bool_]:
        """Return which spikes refractory dropout leaves without refractoriness."""
        q = self.setup.refractory_dropout
        if q == 0:
            return np.zeros_like(fired)
        samples, neurons = self.samples[:, None], np.arange(fired.shape[1])
        return dropped(q, self.setup.execution.seed, REFRACTORY_DROPOUT, samples, t, k, neurons)

    def differentiate(self, t: int, waits: Tensor, steps: list[_Step]) -> tuple[list[Cells], Tensor]:
        """Go along a decided time step with gradient: semantics 6. Return states, and what was sent."""
        credit = self.gradient.credit
        cells = self.neurons.open(self.cells, waits)
        arriving, _, _ = self.opening(t)
        grad_payload = sent = torch.zeros_like(self.zeros)
        silent = _Silent(self, steps)
        for k, (step, counted) in enumerate(zip(steps, _counted(steps, self.gradient.peak), strict=True)):
            if k:
                picked = step.group[:, -grad_payload.shape[1] :]
                delivered = grad_payload * picked
                if self.queues_input:
                    delivered = torch.cat([self.input[:, :, t] * step.group[:, : self.C], delivered], 1)
                grad_payload = grad_payload * ~picked
                arriving = _sum(self.through(delivered, first=self.first), silent.arriving(k))
            looked_at = step.touched if k else ~self.nothing
            cells = self.neurons.integrate(cells, arriving, step.refractory, looked_at)
            cells, s = self.neurons.fire(cells, step.fired, counted, self.gradient.reset)
            sent = sent + s
            belongs = step.fired | step.pending | (credit == "delivered")
            grad_payload = grad_payload + s * belongs
            silent.wait(s * ~belongs)
        return cells, sent


def _sum(a: Arriving, b: Arriving) -> Arriving:
    return a[0] + b[0], a[1] + b[1]


def _counted(steps: list[_Step], peak: bool) -> list[Tensor]:
    """Return for each forward step the checks whose slope counts, (B, N)."""
    if not peak:
        return [step.checked for step in steps]
    at_check = [torch.where(step.checked, step.momentum, -torch.inf) for step in steps]
    highest = torch.stack(at_check).amax(0)
    ever = torch.stack([step.fired for step in steps]).any(0)
    return [step.fired | (step.checked & ~ever & (m == highest)) for step, m in zip(steps, at_check, strict=True)]


class _Silent:
    """Zero-valued spikes of silent checks on their way: credit `all`, `keep` and `last` of semantics.md section 6."""

    def __init__(self, batch: _Batch, steps: list[_Step]) -> None:
        self.batch, self.layers, self.credit = batch, batch.layers, batch.gradient.credit
        self.fed = [self.credit != "delivered" and fed for fed in batch.wiring.fed]
        touched = torch.stack([torch.stack([s.touched[:, rows].any(1) for rows in self.layers], 1) for s in steps])
        if self.credit == "last":
            # Of the forward steps that touch a layer, the one after which none does.
            later = touched.flip(0).to(torch.int32).cumsum(0).flip(0)
            touched &= later == 1
        #: (K, B, L): whether what waits for a layer is delivered in a forward step.
        self.gates = touched
        self.waiting: list[Tensor] = [torch.zeros_like(batch.zeros) for _ in self.layers]

    def arriving(self, k: int) -> Arriving:
        """Return what zero spikes bring in forward step k, (B, N): nothing but gradient."""
        real, imaginary = [], []
        for layer, rows in enumerate(self.layers):
            gate = self.gates[k, :, layer, None]
            zeros = self.batch.zeros[:, rows]
            found: Arriving = zeros, zeros
            if self.fed[layer] and gate.any():
                found = self.batch.through(self.waiting[layer] * gate, rows, self.batch.C)
            real.append(found[0])
            imaginary.append(found[1])
            if self.credit == "keep":
                self.waiting[layer] = self.waiting[layer] * ~gate
            elif self.credit == "all":
                self.waiting[layer] = torch.zeros_like(self.waiting[layer])
        return torch.cat(real, 1), torch.cat(imaginary, 1)

    def wait(self, zeros: Tensor) -> None:
        """Let the zero spikes of a check wait, (B, N)."""
        self.waiting = [w + zeros if fed else w for w, fed in zip(self.waiting, self.fed, strict=True)]
