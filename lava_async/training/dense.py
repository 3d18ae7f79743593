"""The dense gradient engine: semantics.md sections 3 and 6 on (B, N) tensors, in plain torch on any device.

An asynchronous time step runs twice. The first pass decides, without gradient, which neurons fire and when each is
delivered. All of this is constant for the gradient, so the second pass follows it and only adds what torch
differentiates: a check has the spike ``s = fired + slope * (x - constant(x))``, x = v - threshold, whose value is 0 or
1 and whose derivative is the surrogate's slope. What autograd then does to s:

- in the reset: v (1 - s), with s constant unless ``reset="differentiated"``;
- in the spike count of its time step, the sum of s over all checks, fired or silent, whatever the credit rule, so a
  penalty on the counts of a neuron reaches all its checks (that `peak` lets through). Synapses with a delay, and
  layered feedback, deliver these counts;
- in the delivery of a pending spike: the payload is the sum of s over the checks that belong to it;
- for a silent check with nothing pending: in a zero-valued spike, delivered as the credit rule says (:class:`_Silent`).
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.draws import INPUT_DROPOUT, REFRACTORY_DROPOUT, dropped
from lava_async.engine import Setup
from lava_async.engine.queue import NEVER, PendingQueue
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.neurons import LoihiParams
from lava_async.neurons.loihi import LIMIT
from lava_async.spikes import SpikeBatch
from lava_async.stopping import not_ended
from lava_async.training.gradient import STATE_SCALE, Gradient, Parameters, Run, check_trainable, decayed
from lava_async.training.surrogates import Surrogate
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
        parameters: Parameters,
        spikes: Tensor | SpikeBatch,
        samples: NDArray[np.int64],
        neurons: slice = slice(None),
        premature: bool = False,
    ) -> Run:
        """Run a batch; see :class:`~lava_async.training.gradient.GradientEngine`."""
        if setup.execution.schedule.timed:
            raise InvalidValue("engine", "dense", "'compiled' for the schedule timed")
        layered = setup.execution.schedule.layered
        if layered not in self._wiring:
            self._wiring[layered] = Wiring(self.network, layered=layered)
        parameters = parameters.unified()
        if isinstance(spikes, SpikeBatch):
            spikes = torch.from_numpy(np.stack([spikes[b].to_dense() for b in range(len(spikes))]))
        # Sums in half precision, as autocast takes them, would be other sums.
        with torch.autocast(parameters.vth.device.type, enabled=False):
            run = _Batch(self._wiring[layered], setup, gradient, parameters, spikes, samples).run()
        found = run.premature[:, neurons] if premature and run.premature is not None else None
        return run._replace(counts=run.counts[:, neurons], premature=found)


class _Neurons(NamedTuple):
    """Current u and voltage v of neurons: semantics.md sections 2 and 3, differentiable."""

    keep_u: Tensor
    keep_v: Tensor
    vth: Tensor
    bias: Tensor
    surrogate: Surrogate
    grid: bool
    """Fixed point: slayer's grid, states in multiples of 1/4096."""

    def part(self, rows: slice) -> _Neurons:
        """Return some of the neurons."""
        return _Neurons(
            self.keep_u[rows], self.keep_v[rows], self.vth[rows], self.bias[rows], self.surrogate.part(rows), self.grid
        )

    def open(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Leak, once per time step."""
        u = self._decay(u, self.keep_u)
        return u, self._decay(v, self.keep_v) + u + self.bias

    def _decay(self, x: Tensor, keep: Tensor) -> Tensor:
        return decayed(x, keep) if self.grid else x * keep

    def integrate(
        self, u: Tensor, v: Tensor, arriving: Tensor, refractory: Tensor, looked_at: Tensor | bool = True
    ) -> tuple[Tensor, Tensor]:
        """Add what a group brought, (B, N).

        On the grid u then wraps and v saturates, where neurons are looked at; these are constants for the gradient.
        """
        u, v = u + arriving, v + torch.where(refractory, 0, arriving)
        limit, most = LIMIT / STATE_SCALE, (LIMIT - 1) / STATE_SCALE
        if not self.grid or max(u.detach().abs().max(), v.detach().abs().max()) < most:
            return u, v
        wrap = 2 * limit * ((u <= -limit).to(u) - (u > limit).to(u)) * looked_at
        v = v + torch.where(refractory, 0, wrap)
        return u + wrap, v + (v.clamp(-most, most) - v).detach() * looked_at

    def spike(self, v: Tensor, fired: Tensor, counted: Tensor) -> Tensor:
        """Return the differentiable spikes of checks; the slope counts where `counted`."""
        x = v - self.vth
        constant = x.detach()
        return fired.to(v) + (x - constant) * self.surrogate.derivative(constant) * counted


class _Step(NamedTuple):
    """What was decided in one forward step; booleans of shape (B, N) unless said otherwise."""

    group: Tensor
    """(B, S') payloads delivered through the queue; empty in forward step 0."""
    touched: Tensor
    refractory: Tensor
    pending: Tensor
    fired: Tensor
    voltage: Tensor
    """(B, N) numbers, at the check."""

    @property
    def checked(self) -> Tensor:
        return self.touched & ~self.refractory


class _Batch:
    """B samples on their way through T time steps."""

    def __init__(
        self,
        wiring: Wiring,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters,
        spikes: Tensor,
        samples: NDArray[np.int64],
    ) -> None:
        net = setup.network
        self.wiring, self.setup, self.gradient, self.samples = wiring, setup, gradient, samples
        self.C, self.layers = net.n_inputs, net.layer_slices
        self.B, _, self.T = spikes.shape
        self.neurons = _Neurons(*parameters[1:], gradient.surrogate, isinstance(net.params, LoihiParams))
        self.matrix = wiring.matrices(parameters.weights, parameters.vth)
        tensors = [*parameters.weights, *parameters[1:], spikes]
        self.differentiable = torch.is_grad_enabled() and any(p.requires_grad for p in tensors)
        self.input = self.drop_input(spikes.to(self.matrix[0]))
        self.u = self.v = self.matrix[0].new_zeros(self.B, net.n_neurons)
        self.nothing = torch.zeros_like(self.u, dtype=torch.bool)
        self.emitted: list[Tensor] = []
        self.forward_steps = np.zeros((self.B, self.T), np.int32)
        # What the queue delivers, and through which synapses.
        self.queues_input = not setup.execution.input_first
        queues = slice(0 if self.queues_input else self.C, None)
        self.queue = PendingQueue(
            setup.execution,
            self.samples,
            np.arange(-self.C, net.n_neurons)[queues],
            np.concatenate([np.full(self.C, -1), net.layer_of])[queues],
            wiring.queued[queues],
        )
        self.through = self.matrix[0] if self.queues_input else self.matrix[0][:, self.C :]
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
        counts, premature = [], []
        for t in range(self.T):
            u, v = self.neurons.open(self.u.detach(), self.v.detach())
            if self.setup.execution.schedule.layered:
                self.u, self.v, spikes = self.layered(t)
            else:
                steps, after = self.decide(t)
                self.u, self.v, spikes = self.differentiate(t, steps) if self.differentiable else after
            counts.append(spikes)
            # All that arrived is in the current; had they not been reset, it would be in the voltage too.
            premature.append((spikes.detach() > 0) & ~(v + (self.u.detach() - u) > self.neurons.vth))
            self.emitted.append(torch.cat([self.input[:, :, t], spikes], 1))
        u, v = self.u.detach(), self.v.detach()
        return Run(torch.stack(counts, 2), u, v, self.forward_steps, torch.stack(premature, 2))

    def layered(self, t: int) -> tuple[Tensor, Tensor, Tensor]:
        """Semantics 4, `layered`: all spikes of the time step into a layer, then one check of its neurons."""
        us: list[Tensor] = []
        vs: list[Tensor] = []
        spikes = [self.input[:, :, t]]
        for rows in self.layers:
            neurons = self.neurons.part(rows)
            now = torch.cat(spikes, 1)
            arriving = now @ self.matrix[0][rows, : now.shape[1]].T + self.delayed(t, rows)
            u, v = neurons.integrate(*neurons.open(self.u[:, rows], self.v[:, rows]), arriving, self.nothing[:, rows])
            s = neurons.spike(v, v.detach() > neurons.vth, ~self.nothing[:, rows])
            # slayer's backward pass knows no reset: it is a constant that is taken from v.
            v = v - (v * s).detach() if self.gradient.reset == "detached" else v * (1 - s)
            us, vs, spikes = [*us, u], [*vs, v], [*spikes, s]
        self.forward_steps[:, t] = len(self.layers)
        return torch.cat(us, 1), torch.cat(vs, 1), torch.cat(spikes[1:], 1)

    def delayed(self, t: int, rows: slice = slice(None)) -> Tensor:
        """Return what arrives late, from the spikes of earlier time steps."""
        late = [self.emitted[t - d] @ matrix[rows].T for d, matrix in self.matrix.items() if 0 < d <= t]
        return sum(late, self.u.new_zeros(()))

    def opening(self, t: int) -> tuple[Tensor, Tensor]:
        """Return what arrives in forward step 0, and which neurons it reaches, or which may fire without."""
        arriving = self.delayed(t) + torch.zeros_like(self.u)
        touched = (self.neurons.keep_u > 0) | (self.neurons.bias != 0) | self.nothing
        for d in self.matrix:
            if 0 < d <= t:
                touched = touched | self.wiring.touch[d](self.emitted[t - d])
        if not self.queues_input:
            spikes = torch.nn.functional.pad(self.input[:, :, t], (0, self.u.shape[1]))
            touched = touched | self.wiring.touch[0](spikes)
            arriving = arriving + self.input[:, :, t] @ self.matrix[0][:, : self.C].T
        return arriving, touched

    @torch.no_grad()
    def decide(self, t: int) -> tuple[list[_Step], tuple[Tensor, Tensor, Tensor]]:
        """Run a time step of any other schedule: semantics 3. Return what happened, and u, v, counts after it."""
        stop, outputs = self.setup.execution.until.lower(), self.setup.network.outputs
        u, v = self.neurons.open(self.u, self.v)
        arriving, touched = self.opening(t)
        group = self.u.new_zeros(self.B, 0)
        queue, first = self.queue, self.C if self.queues_input else 0  # of the neurons among what queues
        queue.clear()
        if self.queues_input:
            given = self.input[:, :, t].cpu().numpy().astype(np.int64)
            b, c = np.nonzero(given)
            queue.push(b, c, NEVER, np.inf, given[b, c], given[b, c])
        refractory, counts, steps = self.nothing, torch.zeros_like(u), []
        running, last = np.ones(self.B, bool), np.full(self.B, NEVER)
        for k in count():
            u, v = self.neurons.integrate(u, v, arriving, refractory, touched if k else True)
            fired = touched & ~refractory & (v > self.neurons.vth)
            pending = torch.from_numpy(queue.waiting[:, first:] > 0).to(u.device)
            steps.append(_Step(group, touched, refractory, pending, fired, v))
            who = fired.cpu().numpy()
            b, i = np.nonzero(who)
            momentum = v.cpu().numpy()[b, i].astype(np.float64) * (STATE_SCALE if self.neurons.grid else 1)
            queue.push(b, first + i, k, momentum, 1, 1)
            v, counts = torch.where(fired, 0, v), counts + fired
            if self.setup.execution.refractory:
                refractory = refractory | torch.from_numpy(who & ~self.spared(who, t, k)).to(u.device)
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
                return steps, (u, v, counts)
            group = torch.from_numpy(self.picked(t, k)).to(u)
            arriving, touched = group @ self.through.T, self.touch(group)
        raise AssertionError("unreachable: the loop ends when no sample is running")

    def picked(self, t: int, k: int) -> NDArray[np.int64]:
        """Return the payloads of the group that is delivered next, (B, S'), 0 for all others."""
        b, j, payload = self.queue.pop(t, k)
        group = np.zeros_like(self.queue.payload)
        group[b, j] = payload
        return group

    def spared(self, fired: NDArray[np.bool_], t: int, k: int) -> NDArray[np.bool_]:
        """Return which spikes refractory dropout leaves without refractoriness."""
        q = self.setup.refractory_dropout
        if q == 0:
            return np.zeros_like(fired)
        samples, neurons = self.samples[:, None], np.arange(fired.shape[1])
        return dropped(q, self.setup.execution.seed, REFRACTORY_DROPOUT, samples, t, k, neurons)

    def differentiate(self, t: int, steps: list[_Step]) -> tuple[Tensor, Tensor, Tensor]:
        """Go along a decided time step with gradient: semantics 6. Return u, v and the spike counts."""
        credit = self.gradient.credit
        u, v = self.neurons.open(self.u, self.v)
        arriving, _ = self.opening(t)
        grad_payload = counts = torch.zeros_like(u)
        silent = _Silent(credit, self.matrix[0][:, self.C :], self.layers, self.wiring.fed, steps)
        for k, (step, counted) in enumerate(zip(steps, _counted(steps, self.gradient.peak), strict=True)):
            if k:
                picked = step.group[:, -grad_payload.shape[1] :] > 0
                sent = grad_payload * picked
                if self.queues_input:
                    sent = torch.cat([self.input[:, :, t] * (step.group[:, : self.C] > 0), sent], 1)
                grad_payload = grad_payload * ~picked
                arriving = sent @ self.through.T + silent.arriving(k)
            u, v = self.neurons.integrate(u, v, arriving, step.refractory, step.touched if k else True)
            s = self.neurons.spike(v, step.fired, counted)
            v = v * (1 - (s.detach() if self.gradient.reset == "detached" else s))
            counts = counts + s
            belongs = step.fired | step.pending | (credit == "delivered")
            grad_payload = grad_payload + s * belongs
            silent.wait(s * ~belongs)
        return u, v, counts


def _counted(steps: list[_Step], peak: bool) -> list[Tensor]:
    """Return for each forward step the checks whose slope counts, (B, N)."""
    if not peak:
        return [step.checked for step in steps]
    at_check = [torch.where(step.checked, step.voltage, -torch.inf) for step in steps]
    highest = torch.stack(at_check).amax(0)
    # Where a neuron fires, its highest voltage is at a check that fires.
    return [step.fired | (step.checked & (v == highest)) for step, v in zip(steps, at_check, strict=True)]


class _Silent:
    """Zero-valued spikes of silent checks on their way: credit `all`, `keep` and `last` of semantics.md section 6."""

    def __init__(
        self, credit: str, weights: Tensor, layers: tuple[slice, ...], fed: list[bool], steps: list[_Step]
    ) -> None:
        self.credit, self.weights, self.layers = credit, weights, layers
        self.fed = [credit != "delivered" and f for f in fed]
        touched = torch.stack([torch.stack([s.touched[:, rows].any(1) for rows in layers], 1) for s in steps])
        if credit == "last":
            # Of the forward steps that touch a layer, the one after which none does.
            later = touched.flip(0).to(torch.int32).cumsum(0).flip(0)
            touched &= later == 1
        #: (K, B, L): whether what waits for a layer is delivered in a forward step.
        self.gates = touched
        self.waiting: list[Any] = [0.0] * len(layers)

    def arriving(self, k: int) -> Tensor:
        """Return what zero spikes bring in forward step k, (B, N): nothing but gradient."""
        parts = []
        for layer, rows in enumerate(self.layers):
            weights, gate = self.weights[rows], self.gates[k, :, layer, None]
            if self.fed[layer] and gate.any():
                parts.append((self.waiting[layer] * gate) @ weights.T)
            else:
                parts.append(weights.new_zeros(len(gate), len(weights)))
            if self.credit == "keep":
                self.waiting[layer] = self.waiting[layer] * ~gate
            elif self.credit == "all":
                self.waiting[layer] = 0.0
        return torch.cat(parts, 1)

    def wait(self, zeros: Tensor) -> None:
        """Let the zero spikes of a check wait, (B, N)."""
        self.waiting = [waiting + zeros if fed else 0.0 for waiting, fed in zip(self.waiting, self.fed, strict=True)]
