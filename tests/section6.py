"""Section 6 of the semantics once more, check by check in plain Python, to hold the gradient engines against.

The reference engine records a run. :class:`Model` goes through it again with everything discrete held fixed (who
fires, who is delivered when, who is refractory), and with each threshold, each rounding and each constant reset
replaced by its tangent at the recorded point. Derivatives are finite differences with an imaginary step h, which loses
no digits: Im(f(w + i h d)) / h (Squire, Trapp, SIAM Review 1998); the real parts stay those of the recorded run.
"""

from __future__ import annotations

import math

import numpy as np
from naive import key, unit

from lava_async import Layered, LoihiParams

UNIT, LIMIT = 4096, 2048


class Model:
    """The gradient of one recorded run, a `strategies.Run` and its `Result` with trace.

    `slope(x)` is the surrogate derivative. Weights, thresholds and states of Loihi's integers are in slayer's units.
    """

    def __init__(self, run, record, *, credit, peak, reset, slope):
        self.run, self.credit, self.peak, self.reset, self.slope = run, credit, peak, reset, slope
        self.net = net = run.network
        self.C, self.N, self.T = net.n_inputs, net.n_neurons, run.spikes.shape[1]
        self.layers, self.layer_of = range(len(net.layers)), net.layer_of
        self.fixed = isinstance(net.params, LoihiParams)
        arrays = net.params.arrays(np.float64)
        self.keep_u, self.keep_v, self.vth, self.bias = [x / UNIT for x in arrays] if self.fixed else arrays
        self.layered = isinstance(run.schedule, Layered)
        self.synapses()
        self.counts = record.counts
        self.fired = {(c.t, c.k): set(c.fired.tolist()) for c in record.trace}
        self.group = {(t, k + 1): [i + self.C for i in picked] for t, k, picked in record.groups}
        self.spikes = run.spikes * ~np.array(
            [[self.dropped("input", 2, t, 0, c) for t in range(self.T)] for c in range(self.C)], bool
        ).reshape(run.spikes.shape)
        self.highest = {}
        self.total_along(np.zeros(len(self.weight)))

    def synapses(self):
        """List all synapses: source (C channels, then neurons), target, delay, weight, and the weight's place."""
        fans = [(j + self.C, self.net.fan_out(j)) for j in range(-self.C, self.N)]
        self.pre = np.concatenate([np.full(len(fan.target), j) for j, fan in fans])
        self.post, self.weight, self.delay = (np.concatenate([fan[n] for _, fan in fans]) for n in range(3))
        self.weight = self.weight / (UNIT if self.fixed else 1)
        if self.layered:
            source_layer = np.concatenate([np.full(self.C, -1), self.layer_of])
            self.delay = np.maximum(self.delay, source_layer[self.pre] >= self.layer_of[self.post])
        self.now = self.delay == 0
        with_now = np.bincount(self.pre[self.now], minlength=self.C + self.N)
        self.queued = (with_now > 0) | (np.bincount(self.pre, minlength=self.C + self.N) == 0)

    def dropped(self, kind, stream, t, k, i):
        q = self.run.dropout.get(f"{kind}_dropout", 0.0)
        return q > 0 and unit(key(self.run.seed, stream, self.run.sample, t, k, i)) < q

    def derivative(self, direction, cotangent, h=1e-30):
        """Return the derivative of ``sum(cotangent * counts)`` along a direction of the weights, one per synapse."""
        return float((cotangent * self.total_along(h * direction)[self.C :]).sum().imag / h)

    def total_along(self, step):
        """Return the spikes of all sources in all time steps, with tangents."""
        self.w, self.u, self.v = self.weight + 1j * step, np.zeros(self.N, complex), np.zeros(self.N, complex)
        self.total = np.vstack([self.spikes, np.zeros((self.N, self.T))]).astype(complex)
        for t in range(self.T):
            for i in range(self.N):
                self.u[i] = self.decay(self.u[i], self.keep_u[i])
                self.v[i] = self.decay(self.v[i], self.keep_v[i]) + self.u[i] + self.bias[i]
            self.layered_step(t) if self.layered else self.step(t)
        assert np.array_equal(self.total.real[self.C :], self.counts)
        return self.total

    def decay(self, x, keep):
        return complex(math.trunc(x.real * UNIT * keep) / UNIT if self.fixed else x.real * keep, keep * x.imag)

    def arrive(self, arriving, where, looked_at):
        """Add what arrived; Loihi's current wraps, taking the voltage along, and the voltage saturates."""
        self.u += arriving
        self.v += arriving * where
        if self.fixed:
            wrap = 2 * LIMIT * ((self.u.real <= -LIMIT) * 1.0 - (self.u.real > LIMIT)) * looked_at
            self.u += wrap
            self.v += wrap * where
            clipped = np.clip(self.v.real, 1 / UNIT - LIMIT, LIMIT - 1 / UNIT)
            self.v.real = np.where(looked_at, clipped, self.v.real)

    def through(self, synapses, j, value):
        """Return what source j brings through some of its synapses."""
        chosen = synapses & (self.pre == j)
        arriving = np.zeros(self.N, complex)
        # The product without h^2 in the real part.
        w, value = self.w[chosen], complex(value)
        np.add.at(arriving, self.post[chosen], w.real * value + 1j * w.imag * value.real)
        return arriving

    def check(self, i, t, k, counted):
        """Return the spike of a check, after the reset."""
        fired = float(i in self.fired[t, k])
        s = complex(fired, counted * self.slope(self.v[i].real - self.vth[i]) * self.v[i].imag)
        # v (1 - s), again without h^2.
        v, slope = self.v[i], self.v[i].imag * (1 - fired)
        if self.reset == "differentiated":
            slope -= v.real * s.imag
        elif self.layered:
            slope = v.imag
        self.v[i] = complex(v.real * (1 - fired), slope)
        self.total[self.C + i, t] += s
        return s

    def late(self, t):
        """Return what arrives from earlier time steps, and whom it touches."""
        arriving, touched = np.zeros(self.N, complex), np.zeros(self.N, bool)
        for d in (d for d in np.unique(self.delay) if 0 < d <= t):
            for j in np.unique(self.pre):
                arriving += self.through(self.delay == d, j, self.total[j, t - d])
                if self.total[j, t - d].real:
                    touched[self.post[(self.delay == d) & (self.pre == j)]] = True
        return arriving, touched

    def layered_step(self, t):
        for k, rows in enumerate(self.net.layer_slices):
            here = (self.post >= rows.start) & (self.post < rows.stop)
            arriving = self.late(t)[0] * (self.layer_of == k)
            for j in np.unique(self.pre):
                arriving += self.through(self.now & here, j, self.total[j, t])
            self.arrive(arriving, True, self.layer_of == k)
            for i in range(rows.start, rows.stop):
                self.check(i, t, k, counted=True)

    def step(self, t):
        steps = [k for tt, k in self.fired if tt == t]
        inputs = [j for j in range(self.C) if self.spikes[j, t]]
        group = {k: self.group.get((t, k), inputs if k == 0 and self.run.input_first else []) for k in steps}
        touched = {k: np.isin(np.arange(self.N), self.post[self.now & np.isin(self.pre, group[k])]) for k in steps}
        touched[0] |= self.late(t)[1] | (self.keep_u > 0) | (self.bias != 0)
        reaches = {k: [layer for layer in self.layers if touched[k][self.layer_of == layer].any()] for k in steps}
        last = {layer: max((k for k in steps if layer in reaches[k]), default=0) for layer in self.layers}
        spiking = {i for k in steps for i in self.fired[t, k]}
        pending = {} if self.run.input_first else {j: self.spikes[j, t] for j in inputs}
        uncredited, zeros, refractory = np.zeros(self.N, complex), [], set()
        for k in steps:
            arriving = self.late(t)[0] if k == 0 else np.zeros(self.N, complex)
            for j in group[k]:
                payload = pending.pop(j) if j in pending else self.spikes[j, t]
                if j >= self.C and self.credit == "delivered":
                    payload, uncredited[j - self.C] = payload + uncredited[j - self.C], 0
                arriving += self.through(self.now, j, payload)
            for j, born, s in zeros:
                for layer in reaches[k]:
                    following = min((m for m in steps if m > born and layer in reaches[m]), default=0)
                    due = {"all": born + 1, "keep": following, "last": last[layer]}
                    if k > born and k == due[self.credit]:
                        arriving += self.through(self.now & (self.layer_of[self.post] == layer), j, s)
            free = np.array([i not in refractory for i in range(self.N)])
            self.arrive(arriving, free, touched[k] | (k == 0))
            for i in np.flatnonzero(touched[k] & free):
                fired, v = i in self.fired[t, k], self.v[i].real
                self.highest[t, i] = max(v, self.highest.get((t, i), v))
                counted = fired or (i not in spiking and v == self.highest[t, i]) or not self.peak
                s = self.check(i, t, k, counted)
                j = self.C + i
                if j in pending or (fired and self.queued[j]):
                    pending[j] = pending.get(j, 0) + s
                elif self.credit == "delivered":
                    uncredited[i] += s
                else:
                    zeros.append((j, k, s))
            if self.run.refractory:
                refractory |= {i for i in self.fired[t, k] if not self.dropped("refractory", 1, t, k, i)}
