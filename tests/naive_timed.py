"""Section 7 of semantics.md word by word, on top of `naive`: cores with in-trays, sharing no code with the engines."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import count
from typing import Any

from naive import Naive

from lava_async.errors import ForwardStepLimit
from lava_async.stopping import FirstOutput, MaxForwardSteps


class NaiveTimed(Naive):
    """One sample; `core_of` are numbers of cores, `times` picoseconds, `place_of(core)` column, row, tile."""

    def __init__(self, network: Any, spikes: Any, *, core_of: Any, times: dict[str, int], place_of: Any, **rules: Any):
        self.core_of, self.times, self.place_of = [int(c) for c in core_of], times, place_of
        self.cores = sorted(set(self.core_of))
        n_steps = len(spikes[0]) if len(spikes) else len(spikes.T)
        self.step_ps, self.first_output_ps = [0] * n_steps, [-1] * n_steps
        self.decided_ps = -1
        self.messages: list[list[int]] = []
        super().__init__(network, spikes, **rules)

    def way(self, a: int, b: int) -> int:
        (xa, ya, tile_a), (xb, yb, tile_b) = self.place_of(a), self.place_of(b)
        if tile_a == tile_b:
            return self.times["within_tile"]
        return abs(xa - xb) * self.times["east_west"] + abs(ya - yb) * self.times["north_south"]

    def targets(self, j: int) -> list[int]:
        """Return the cores that messages of a source go to, ascending."""
        return sorted({self.core_of[i] for i, _, d in self.synapses[j] if d == 0})

    def emit(self, t: int, k: int, core: int, busy_until: int) -> int:
        """7.2: let a core emit; return when it is free."""
        time = busy_until
        for i, _ in [pair for pair in self.fired if self.core_of[pair[0]] == core]:
            time += self.times["emission"]
            if i in self.outputs:
                self.seen.append(time)
            for to in self.targets(i):
                time += self.times["message"]
                self.tray[to].append((time + self.way(core, to), i, next(self.number), 1))
        return time

    def spike_by_spike(self, t: int) -> None:
        times, until = self.times, self.until
        self.tray: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
        self.number = count()
        received, walked, arrivals = set(), Counter(), []
        for j in self.sources:
            for i, w, d in self.synapses[j]:
                payload = self.emitted[t - d][j] if t >= d else 0
                if payload and (d > 0 or (j < 0 and self.input_first)):
                    arrivals.append((payload, i, w))
                    received.add((j, self.core_of[i], d))
                    walked[self.core_of[i]] += 1
        for j in self.inputs if not self.input_first else ():
            if self.emitted[t][j]:
                for to in self.targets(j):
                    self.tray[to].append((0, j, next(self.number), self.emitted[t][j]))
        self.neuron_updates += self.deliver(arrivals, self.neurons, everyone=True)
        touched = Counter(self.core_of[i] for i in {i for _, i, _ in arrivals})
        self.seen: list[int] = []
        self.fired = self.check(t, 0, self.neurons)
        free = {}
        for core in self.cores:
            busy = (
                times["inactive_update"] * self.core_of.count(core)
                + times["active_update"] * touched[core]
                + times["arrival"] * sum(c == core for _, c, _ in received)
                + times["synaptic_operation"] * walked[core]
            )
            free[core] = self.emit(t, 0, core, busy)
        first_ps = min(self.seen, default=-1)
        k = 0
        while not self.ends_sample([i for i, _ in self.fired]) and any(self.tray.values()):
            if isinstance(until, FirstOutput) and 0 < self.first_output[t] == k + 1 - until.extra_steps:
                break
            if isinstance(until, MaxForwardSteps) and k + 1 == until.limit:
                if not until.truncate:
                    raise ForwardStepLimit
                break
            tops = {core: min(tray) for core, tray in self.tray.items() if tray}
            start, core = min((max(top[0], free[core]), core) for core, top in tops.items())
            message = arrival, j, _, payload = tops[core]
            self.tray[core].remove(message)
            k += 1
            self.groups.append([t, k - 1, [j]])
            self.messages.append([t, k, j, core, arrival, start])
            arrivals = [(payload, i, w) for i, w, d in self.synapses[j] if d == 0 and self.core_of[i] == core]
            reached = self.deliver(arrivals, self.neurons, everyone=False)
            self.neuron_updates += reached
            self.seen = []
            self.fired = self.check(t, k, self.neurons)
            busy = times["arrival"] + times["synaptic_operation"] * len(arrivals) + times["active_update"] * reached
            free[core] = self.emit(t, k, core, start + busy)
            if self.first_output[t] == k + 1 and first_ps < 0:
                first_ps = min(self.seen)
        if self.ends_sample([i for i, _ in self.fired]):
            self.decided_ps = max(self.seen)
        self.forward_steps[t] = k + 1
        self.dropped += sum(message[3] for tray in self.tray.values() for message in tray)
        self.step_ps[t] = max(free.values()) + times["barrier"]
        self.first_output_ps[t] = first_ps
