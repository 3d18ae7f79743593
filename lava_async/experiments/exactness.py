"""Is what runs in Lava what was trained? The same samples at every station, compared spike for spike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.monitor.process import Monitor
from numpy.typing import NDArray

from lava_async import netx
from lava_async.network import Network
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import run
from lava_async.simulation import simulate_batch
from lava_async.training.gradient import STATE_SCALE
from lava_async.training.unlayered import UnlayeredNetwork


@dataclass(frozen=True)
class Station:
    """What one station made of the samples.

    Parameters
    ----------
    counts : (B, N, T)
        Spikes of all neurons.
    output : (B, n_out, T)
        What it sends out: the spikes of the output neurons.
    voltage : (B, N)
        Voltage at the end of each sample, in Loihi's integers.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.experiments.exactness import in_simulation
    >>> from lava_async.models import load
    >>> station = in_simulation(load("digits_robust"), np.zeros((2, 200, 10), int))
    >>> station.counts.shape, station.output.shape, station.voltage.shape, station.differs_from(station)
    ((2, 138, 10), (2, 10, 10), (2, 138), array([False, False]))
    """

    counts: NDArray[Any]
    output: NDArray[Any]
    voltage: NDArray[Any]

    def differs_from(self, other: Station) -> NDArray[np.bool_]:
        """Return in which of the B samples a spike or a final voltage is not the same."""
        spikes = [(getattr(self, x) != getattr(other, x)).any(axis=(1, 2)) for x in ("counts", "output")]
        return np.any([*spikes, (self.voltage != other.voltage).any(axis=1)], axis=0)


@dataclass(frozen=True)
class Exactness:
    """How many samples came out the same at all stations.

    Parameters
    ----------
    samples, equal, spikes : int
        Samples that were compared, those that are the same everywhere, and their spikes in training.
    differing : dict from str to int
        For each station after training: samples that differ from training.

    Examples
    --------
    >>> from lava_async.experiments.exactness import Exactness
    >>> found = Exactness(samples=3, equal=2, spikes=52, differing={"simulate": 0, "netx": 0, "lava": 1})
    >>> found.equal / found.samples, [name for name, n in found.differing.items() if n]
    (0.6666666666666666, ['lava'])
    """

    samples: int
    equal: int
    spikes: int
    differing: dict[str, int]


def compare(
    network: UnlayeredNetwork,
    file: Path,
    spikes: NDArray[Any],
    station: Callable[[str], object] = lambda _: None,
    *,
    timeout: float | None = None,
) -> Exactness:
    """Run samples at all stations, from the forward pass of training to a Process in Lava, and compare.

    Parameters
    ----------
    network : UnlayeredNetwork
        What was trained.
    file : path
        What it was exported to; what it notes is what runs.
    spikes : (B, C, T)
        Input; the samples are numbered 0 .. B - 1.
    station : function
        Called with the name of each station before it runs.
    timeout : float, optional
        Seconds that the run in Lava may take; default: that of :func:`lava_async.proc.runtime.run`.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import Random
    >>> from lava_async.experiments.exactness import compare
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([4, 3, 2]), schedule=Random(group_size=2))
    >>> net.export_hdf5("small.net")
    >>> compare(net, "small.net", np.ones((2, 4, 5), int)).equal
    2
    """
    stations: dict[str, Callable[[], Station]] = {
        "training": lambda: in_training(network, spikes),
        "simulate": lambda: in_simulation(network.to_network(), spikes),
        "netx": lambda: in_simulation(netx.load(file), spikes),
        "lava": lambda: in_lava(file, spikes, timeout=timeout),
    }
    done = {}
    for name, run_station in stations.items():
        station(name)
        done[name] = run_station()
    differing = {name: other.differs_from(done["training"]) for name, other in done.items() if name != "training"}
    anywhere = np.any(list(differing.values()), axis=0)
    return Exactness(
        samples=len(spikes),
        equal=int((~anywhere).sum()),
        spikes=int(done["training"].counts.sum()),
        differing={name: int(samples.sum()) for name, samples in differing.items()},
    )


def in_training(network: UnlayeredNetwork, spikes: NDArray[Any]) -> Station:
    """Run the forward pass of training, in eval mode.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import Random
    >>> from lava_async.experiments.exactness import in_simulation, in_training
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([4, 3, 2]), schedule=Random(group_size=2))
    >>> spikes = np.ones((2, 4, 5), int)
    >>> in_training(net, spikes).differs_from(in_simulation(net.to_network(), spikes)).any()
    np.False_
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        done = network.run(torch.from_numpy(np.asarray(spikes)))
    network.train(was_training)
    counts = done.counts.cpu().numpy()
    return Station(counts, counts[:, -network.n_outputs :], done.voltage.cpu().numpy().astype(np.float64) * STATE_SCALE)


def in_simulation(network: Network, spikes: NDArray[Any]) -> Station:
    """Run the compiled engine.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.experiments.exactness import in_simulation
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> in_simulation(network, np.ones((1, 1, 4), int)).output
    array([[[1, 1, 1, 1]]], dtype=int32)
    """
    done = simulate_batch(network, spikes)
    return Station(done.counts, done.output, done.voltage)


def in_lava(file: str | Path, spikes: NDArray[Any], *, timeout: float | None = None) -> Station:
    """Run an AsyncNetwork between a RingBuffer source and sink, sample after sample, watched by Monitors.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import LoihiParams, Network, netx
    >>> from lava_async.experiments.exactness import in_lava, in_simulation
    >>> network = Network.feedforward([[[80], [90]], [[60, 60]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> netx.save(network, "small.net")
    >>> spikes = np.ones((1, 1, 4), int)
    >>> in_lava("small.net", spikes).differs_from(in_simulation(netx.load("small.net"), spikes)).tolist()
    [False]
    """
    B, _, T = spikes.shape
    network = AsyncNetwork(net_config=str(file), reset_interval=T)
    source = Source(data=np.concatenate(list(spikes), axis=1).astype(np.int32))
    sink = Sink(shape=network.out.shape, buffer=B * T)
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    monitors = {name: Monitor() for name in ("counts", "v")}
    for name, monitor in monitors.items():
        monitor.probe(getattr(network, name), B * T)
    run(network, B * T, Loihi2SimCfg(select_tag="fixed_pt"), timeout=timeout)
    # Counts are since the sample began: (B T, N) -> (B, N, T), then differences.
    since, voltage = (
        m.get_data()[network.name][name].reshape(B, T, -1).transpose(0, 2, 1) for name, m in monitors.items()
    )
    counts = np.diff(since, axis=2, prepend=0)
    sent = sink.data.get().reshape(-1, B, T).transpose(1, 0, 2)
    return Station(counts, sent, voltage[:, :, -1])
