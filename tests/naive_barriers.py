"""Layered execution with a barrier per layer, spike by spike, from the words of section 7; shares no code."""

from __future__ import annotations

from collections import Counter
from typing import Any

from naive import synapses_of


def naive_layered_times(
    network: Any, spikes: Any, counts: Any, core_of: Any, times: dict[str, int], way: Any
) -> tuple[list[int], list[int]]:
    """Return step_ps and first_output_ps of one sample; `way(core, core)` in picoseconds."""
    synapses, n_steps = synapses_of(network), len(counts[0])
    layer = {i: int(network.layer_of[i]) for i in range(network.n_neurons)}
    layer |= {j: -1 for j in synapses if j < 0}
    rows = {j: spikes[j + network.n_inputs] if j < 0 else counts[j] for j in synapses}
    steps, firsts = [], []
    for t in range(n_steps):
        now, first = 0, -1
        for k in range(len(network.layers)):
            mine = [i for i in range(network.n_neurons) if layer[i] == k]
            messages, walked, touched = set(), Counter(), set()
            for j, out in synapses.items():
                for i, _, d in out:
                    then = t - max(d, 1 if layer[j] >= k else 0)
                    if layer[i] == k and then >= 0 and rows[j][then]:
                        messages.add((j, core_of[i], d))
                        walked[core_of[i]] += 1
                        touched.add(i)
            end = 0
            for core in {core_of[i] for i in mine}:
                time = times["inactive_update"] * sum(core_of[i] == core for i in mine)
                time += times["arrival"] * sum(c == core for _, c, _ in messages)
                time += times["synaptic_operation"] * walked[core]
                time += times["active_update"] * sum(core_of[i] == core for i in touched)
                for i in mine:
                    if core_of[i] != core or not counts[i][t]:
                        continue
                    time += times["emission"]
                    if i in network.outputs:
                        first = now + time if first < 0 else min(first, now + time)
                    for to in sorted({core_of[x] for x, _, _ in synapses[i]}):
                        time += times["message"]
                        end = max(end, time + way(core, to))
                end = max(end, time)
            now += end + times["barrier"]
        steps.append(now)
        firsts.append(first)
    return steps, firsts
