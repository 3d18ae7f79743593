"""The gradient of timed runs once more, in plain torch, to hold the compiled engine against.

The reference engine records a run: which message each forward step processes and who fires. :func:`spike_counts` goes
along the record in float64 tensors, one message after another, and leaves the derivatives to autograd. A check has the
spike ``s = fired + slope * (x - constant(x))``, x = v - threshold, as in semantics.md, section 6.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from lava_async import LoihiParams

UNIT, LIMIT = 4096, 2048


def spike_counts(run, record, parameters, spikes, machine, *, weights, credit, peak, reset, slope):
    """Return the spike counts (N, T) of one recorded run, differentiable.

    `parameters` hold (N,) float64 tensors, `spikes` is (C, T), `weights` lists a number per synapse, source by source.
    """
    net = run.network
    C, N, T = net.n_inputs, net.n_neurons, spikes.shape[1]
    keep_u, keep_v, vth, bias = parameters
    fixed = isinstance(net.params, LoihiParams)
    fans = [net.fan_out(j) for j in range(-C, N)]
    pre = np.repeat(np.arange(C + N), [len(fan.target) for fan in fans])
    post, delay = (np.concatenate([fan[n] for fan in fans]).astype(int) for n in (0, 2))
    matrix = {
        d: torch.zeros(N, C + N, dtype=torch.float64).index_put(
            (torch.tensor(post[delay == d]), torch.tensor(pre[delay == d])), weights[delay == d], accumulate=True
        )
        for d in np.unique(np.append(delay, 0))
    }
    core_of, position = machine.core_of, {core: n for n, core in enumerate(machine.cores.tolist())}
    reached = {(j, core_of[i]) for j, i, d in zip(pre, post, delay, strict=True) if d == 0}
    touched_by = {
        (j, core): np.isin(np.arange(N), post[(pre == j) & (delay == 0)]) & (core_of == core) for j, core in reached
    }
    cells = {(c, layer): (core_of == c) & (net.layer_of == layer) for c in set(core_of) for layer in set(net.layer_of)}
    fired_at = {(c.t, c.k): np.isin(np.arange(N), c.fired) for c in record.trace}
    messages = {(t, k): (source + C, position[core]) for t, k, source, core, *_ in record.messages}
    spared = _spared(run, N)

    def decayed(x, keep):
        left = x * keep
        return left + ((left * UNIT).trunc() / UNIT - left).detach() if fixed else left

    def arrive(u, v, arriving, refractory, touched):
        free = torch.tensor(~refractory, dtype=torch.float64)
        u, v = u + arriving, v + arriving * free
        if fixed:
            touched = torch.tensor(touched)
            wrap = 2 * LIMIT * ((u <= -LIMIT).double() - (u > LIMIT).double()) * touched
            u, v = u + wrap.detach(), v + (wrap * free).detach()
            v = v + ((v.clamp(1 / UNIT - LIMIT, LIMIT - 1 / UNIT) - v) * touched).detach()
        return u, v

    u = v = torch.zeros(N, dtype=torch.float64)
    totals = []
    for t in range(T):
        u = decayed(u, keep_u)
        v = decayed(v, keep_v) + u + bias
        steps = sorted(k for tt, k in fired_at if tt == t)
        arriving, first = torch.zeros(N, dtype=torch.float64), ((keep_u > 0) | (bias != 0)).numpy().copy()
        due = [(d, totals[t - d]) for d in matrix if 0 < d <= t]
        under_way = defaultdict(list)
        if run.input_first:
            due.append((0, torch.cat([spikes[:, t], torch.zeros(N, dtype=torch.float64)])))
        else:
            for j in np.flatnonzero(spikes[:, t].detach().numpy()):
                for core in {core for source, core in reached if source == j}:
                    under_way[j, core].append(spikes[j, t])
        for d, emitted in due:
            arriving = arriving + matrix[d] @ emitted
            first |= np.isin(np.arange(N), post[(delay == d) & (emitted.detach().numpy()[pre] != 0)])
        touched = {k: touched_by[messages[t, k]] if k else first for k in steps}
        last = {cell: max((k for k in steps if (touched[k] & here).any()), default=0) for cell, here in cells.items()}
        # A pass without gradient, to find out at which check the voltage of a silent neuron is highest.
        voltage = {c.k: (c.voltage / UNIT if fixed else c.voltage).astype(np.float64) for c in record.trace if c.t == t}
        refractory, ever = np.zeros(N, bool), np.any([fired_at[t, k] for k in steps], axis=0)
        checked = {}
        for k in steps:
            checked[k] = touched[k] & ~refractory
            refractory = refractory | (fired_at[t, k] & ~spared(t, k)) if run.refractory else refractory
        highest = np.max([np.where(checked[k], voltage[k], -np.inf) for k in steps], axis=0)
        refractory, counts = np.zeros(N, bool), torch.zeros(N, dtype=torch.float64)
        zeros, carried = torch.zeros(N, dtype=torch.float64), torch.zeros(N, dtype=torch.float64)
        for k in steps:
            if k:
                j, core = messages[t, k]
                arriving = matrix[0][:, j] * under_way[j, core].pop(0) * torch.tensor(core_of == core)
                for cell, here in cells.items():
                    if credit == "last" and last[cell] == k:
                        arriving = arriving + matrix[0][:, C:] @ (zeros - zeros.detach()) * torch.tensor(here)
            u, v = arrive(u, v, arriving, refractory, touched[k] | (k == 0))
            fired = fired_at[t, k]
            counted = checked[k] & (fired | (~ever & (voltage[k] == highest)) | (not peak))
            x = v - vth
            slopes = torch.tensor(slope(x.detach().numpy()) * counted)
            s = torch.tensor(fired, dtype=torch.float64) + (x - x.detach()) * slopes
            v = v * (1 - (s.detach() if reset == "detached" else s))
            counts = counts + s
            spike = s + carried if credit == "delivered" else s
            for i in np.flatnonzero(fired):
                for core in {core for source, core in reached if source == C + i}:
                    under_way[C + i, core].append(spike[i])
            silent = torch.tensor(~fired)
            zeros, carried = zeros + s * silent, (carried + s) * silent
            refractory = refractory | (fired & ~spared(t, k)) if run.refractory else refractory
        totals.append(torch.cat([spikes[:, t], counts]))
    return torch.stack([total[C:] for total in totals], 1)


def _spared(run, n_neurons):
    """Return a function that tells which neurons refractory dropout lets fire again after a forward step."""
    from naive import key, unit

    q = run.dropout.get("refractory_dropout", 0.0)
    if not q:
        return lambda t, k: np.zeros(n_neurons, bool)
    return lambda t, k: np.array([unit(key(run.seed, 1, run.sample, t, k, i)) < q for i in range(n_neurons)])
