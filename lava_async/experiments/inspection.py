"""What is in a network file: as rows of tables, for terminals and browsers, and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_async.hardware.limits import Fit, check
from lava_async.hardware.summary import Histogram, LayerSummary, histogram, summarize
from lava_async.model_files import NirOptions, load_model
from lava_async.network import Network

if TYPE_CHECKING:
    from typing_extensions import Unpack

Rows = list[list[str]]


@dataclass(frozen=True)
class Inspection:
    """What was found in a network.

    Parameters
    ----------
    name : str
        Of the network, for titles.
    network : Network
        What is inspected.
    layers : tuple of LayerSummary
        What is in each layer.
    weights : Histogram
        Of the stored weights.
    fits : tuple of Fit
        What :func:`lava_async.hardware.check` said about each chip.
    metadata : dict
        What is noted in its file.

    Examples
    --------
    >>> from lava_async.experiments.inspection import Inspection
    >>> from lava_async.models import load
    >>> found = Inspection.of(load("digits_robust"), ["loihi1"])
    >>> found.n_synapses, [layer.neurons for layer in found.layers], [fit.ok for fit in found.fits]
    (17536, [64, 64, 10], [True])
    """

    name: str
    network: Network
    layers: tuple[LayerSummary, ...]
    weights: Histogram
    fits: tuple[Fit, ...]
    metadata: dict[str, Any]

    @classmethod
    def of(
        cls,
        network: Network,
        targets: Sequence[str],
        *,
        name: str = "network",
        metadata: Mapping[str, object] | None = None,
        largest_input: int = 1,
    ) -> Inspection:
        """Inspect a network.

        Parameters
        ----------
        network : Network
            What is inspected.
        targets : list of str
            Chips, names of `lava_async.chips.targets.TARGETS`.
        name : str
            For titles.
        metadata : dict, optional
            What is noted in its file.
        largest_input : int
            Largest count of an input spike, its payload.
        """
        fits = tuple(check(network, target, largest_input=largest_input) for target in targets)
        return cls(name, network, summarize(network), histogram(network), fits, dict(metadata or {}))

    @classmethod
    def load(
        cls,
        path: Path,
        targets: Sequence[str],
        *,
        largest_input: int = 1,
        **how: Unpack[NirOptions],
    ) -> Inspection:
        """Inspect a file; other parameters as of :meth:`of` and :func:`lava_async.model_files.load_model`."""
        network, noted = load_model(path, **how)
        return cls.of(network, targets, name=str(path), metadata=noted, largest_input=largest_input)

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return sum(c.synapses for layer in self.layers for c in layer.incoming)

    @property
    def headline(self) -> str:
        """Sizes in one line."""
        network = self.network
        return (
            f"{network.n_neurons:,} neurons, {self.n_synapses:,} synapses, input {_shape(network.input_shape)}, "
            f"{len(network.outputs):,} outputs, {network.params.tag}"
        )

    def layer_rows(self) -> Rows:
        """Return a row for what leads into a layer from each of its sources."""
        rows = [
            [
                "layer",
                "shape",
                "neurons",
                "receives from",
                "type",
                "synapses",
                "weights",
                "least",
                "largest",
                "bits",
                "longest delay",
            ]
        ]
        for layer in self.layers:
            first = [layer.name, _shape(layer.shape), f"{layer.neurons:,}"]
            for c in layer.incoming:
                numbers = [f"{c.synapses:,}", f"{c.weights:,}", f"{c.low:g}", f"{c.high:g}"]
                bits = "-" if c.bits is None else str(c.bits)
                rows.append([*first, c.source, c.kind, *numbers, bits, str(c.longest_delay)])
            if not layer.incoming:
                rows.append([*first, "nothing", "-", "0", "0", "-", "-", "-", "-"])
        return rows

    def neuron_rows(self) -> Rows:
        """Return a row per layer with least and largest value of each parameter."""
        rows = [["layer", *self.layers[0].parameters]]
        for layer in self.layers:
            ranges = layer.parameters.values()
            rows.append([layer.name, *(f"{a:g}" if a == b else f"{a:g} .. {b:g}" for a, b in ranges)])
        return rows

    def note_rows(self) -> Rows:
        """Return a row for each note in the file, of nested ones under names like ``config.data.name``."""
        return [["name", "value"], *([name, str(value)] for name, value in _flat(self.metadata))]

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "model": self.name,
            "arithmetic": self.network.params.tag,
            "input_shape": self.network.input_shape,
            "neurons": self.network.n_neurons,
            "synapses": self.n_synapses,
            "outputs": len(self.network.outputs),
            "layers": [asdict(layer) for layer in self.layers],
            "weights": {"edges": self.weights.edges.tolist(), "counts": self.weights.counts.tolist()},
            "metadata": self.metadata,
            "execution": None if self.network.execution is None else self.network.execution.config(),
            "targets": [_plain(fit) for fit in self.fits],
        }


def limit_rows(fit: Fit, *, brief: bool = False) -> Rows:
    """Return a row per limit of a chip; columns in which nothing stands are left out.

    Parameters
    ----------
    fit : Fit
        What :func:`lava_async.hardware.check` said.
    brief : bool
        Leave out what the verdict says, what to do, and where the limit was published.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.experiments.inspection import limit_rows
    >>> from lava_async.hardware import check
    >>> fit = check(Network.feedforward([[[1]]], LoihiParams(du=4095, dv=0, vth=1)))
    >>> limit_rows(fit, brief=True)[:2]
    [['limit', 'needed', 'allowed', 'verdict'], ['cores of one chip', '1', '128', 'ok']]
    """
    words = {True: "ok", False: "NO", None: "not published"}
    rows = [["limit", "needed", "allowed", "verdict", "layers", "what to do", "source"]]
    for c in fit.checks:
        rows.append([c.title, c.needed, c.allowed, words[c.ok], ", ".join(map(str, c.layers)), c.advice, c.source])
    columns = zip(*rows, strict=True)
    used = [any(column[1:]) and not (brief and column[0] in ("what to do", "source")) for column in columns]
    return [[cell for cell, kept in zip(row, used, strict=True) if kept] for row in rows]


def verdict(fit: Fit) -> str:
    """Return in a sentence whether the network fits a chip.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.experiments.inspection import verdict
    >>> from lava_async.hardware import check
    >>> verdict(check(Network.feedforward([[[1]]], LoihiParams(du=4095, dv=0, vth=1))))
    'Fits Loihi 1: 1 of 128 cores.'
    """
    return f"{fit.verdict[0].upper()}{fit.verdict[1:]}."


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _flat(notes: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in notes.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _plain(fit: Fit) -> dict[str, Any]:
    mapping = fit.mapping
    return {
        "target": mapping.target.name,
        "fits": fit.ok,
        "verdict": fit.verdict,
        "cores": mapping.n_cores,
        "chips": mapping.n_chips,
        "checks": [asdict(c) for c in fit.checks],
        "loads": [asdict(load) for load in mapping.loads],
    }
