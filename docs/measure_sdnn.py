"""What asynchrony costs a sigma-delta network: error of its answer against operations, in docs/sdnn.csv.

    python docs/measure_sdnn.py FOLDER

FOLDER holds `network.net` and `input.npy` as lava-dl's tests of netx do (`gts/pilotnet_sdnn`). The recorded frame stays
for 14 time steps, or moves by one column per time step. The analog network is the same one with exact real numbers
and no thresholds, layer by layer.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import (
    DeltaParams,
    Fifo,
    Layered,
    MaxForwardSteps,
    Momentum,
    Network,
    Random,
    SigmaDeltaParams,
    Timed,
    netx,
)
from lava_async.schedules import ExecutionKind
from lava_async.simulation import Stepper

STEPS = 14
UNIT = 64  # integers of the file for 1.0
THRESHOLDS = (0, 8, 32, 128, 512, None)  # of the hidden layers, in units of their activations; None: as in the file
SCHEDULES: dict[str, ExecutionKind] = {
    "layered": Layered(),
    "fifo": Fifo(256),
    "momentum": Momentum(256),
    "random": Random(256),
    "timed": Timed(),
}
LIMIT = MaxForwardSteps(10_000_000, truncate=True)


def frames(frame: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return both recordings, (C, T), from a frame (W, H, channels, 1)."""
    first = frame[..., 0].transpose(2, 1, 0)
    moving = [np.roll(first, k, axis=2).ravel() for k in range(STEPS)]
    return {"still": np.stack([first.ravel()] * STEPS, 1), "moving": np.stack(moving, 1)}


def with_thresholds(network: Network, vth: int | None) -> Network:
    """Return the network with one threshold in all hidden layers; input and output keep theirs."""
    if vth is None:
        return network
    parts = [model for _, model in network.models]
    hidden: list[Any] = parts[1:-1]
    return replace(network, params=[parts[0], *(replace(p, vth=vth * UNIT) for p in hidden), parts[-1]])


def in_floats(network: Network) -> Network:
    """Return the same network in real numbers: no payload is rounded."""
    models, synapses = [], []
    for _, p in network.models:
        if "bias_mant" in p.names():
            bias = np.asarray(p.bias_mant, float) * 2.0 ** np.asarray(p.bias_exp) / UNIT
            models.append(SigmaDeltaParams(np.asarray(p.vth) / UNIT, bias, p.activation))
        else:
            models.append(DeltaParams(np.asarray(p.vth) / UNIT))
    for s in network.synapses:
        exponent = int(np.max(network.model_of(s.target).weight_exp))
        synapses.append(replace(s, weights=(np.asarray(s.weights) * 2.0**exponent / UNIT).astype(np.float32)))
    return replace(network, params=models, synapses=tuple(synapses))


def answers(network: Network, values: NDArray[Any], **how: Any) -> tuple[NDArray[np.float64], int, int, int]:
    """Return sigma of the output after each time step, messages, operations, and time steps cut off by the limit."""
    stepper = Stepper(network, until=LIMIT, **how)
    stepper.reset(0)
    sigma, messages, operations, cut = [], 0, 0, 0
    for frame in values.T:
        result = stepper.step(frame)
        sigma.append(float(stepper.state.fields["sigma"][network.outputs][0]))
        messages += int(result.counts.sum())
        operations += int(result.synaptic_operations)
        cut += bool(result.forward_steps.max() >= LIMIT.limit)
    return np.array(sigma), messages, operations, cut


def _settled(error: NDArray[np.float64]) -> int:
    """Return the number of time steps after which the error stays within 1 of its last value."""
    away = np.flatnonzero(np.abs(error - error[-1]) > 1)
    return int(away[-1]) + 2 if len(away) else 1


def rows(folder: Path) -> Iterator[dict[str, object]]:
    """Measure all combinations."""
    whole = netx.load(folder / "network.net")
    for name, values in frames(np.load(folder / "input.npy")).items():
        floats = in_floats(with_thresholds(whole, 0))
        analog = answers(floats, values, schedule=Layered())[0]
        for arithmetic, scale in (("integers", UNIT), ("floats", 1)) if name == "still" else (("integers", UNIT),):
            for vth in THRESHOLDS if name == "still" else (32, 512, None):
                network = with_thresholds(whole, vth)
                network = in_floats(network) if arithmetic == "floats" else network
                for refractory in (True, False):
                    for schedule, kind in SCHEDULES.items():
                        if not refractory and (not vth or schedule == "layered"):
                            continue  # with thresholds of 0 differences of 0 are sent for ever; layers run once
                        sigma, messages, operations, cut = answers(
                            network, values, schedule=kind, refractory=refractory
                        )
                        error = np.abs(sigma / scale - analog)
                        yield {
                            "frames": name,
                            "arithmetic": arithmetic,
                            "threshold": "file" if vth is None else vth,
                            "refractory": refractory,
                            "schedule": schedule,
                            "error_first": round(float(error[0]), 1),
                            "settled_after": _settled(error),
                            "error_last": round(float(error[-1]), 1),
                            "error_mean": round(float(error.mean()), 1),
                            "messages": messages // STEPS,
                            "operations": operations // STEPS,
                            "time_steps_cut": cut,
                        }


if __name__ == "__main__":
    with open(Path(__file__).with_name("sdnn.csv"), "w", newline="") as file:
        writer = None
        for row in rows(Path(sys.argv[1])):
            writer = writer or csv.DictWriter(file, row.keys(), lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)
            file.flush()
