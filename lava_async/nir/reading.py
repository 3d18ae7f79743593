"""A graph of NIR as a network: neurons become layers, what lies between two of them becomes synapses."""

from __future__ import annotations

import json
import logging
import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.execution import Execution, Fields, chosen, noted_execution
from lava_async.metrics import silent_outputs
from lava_async.network import Layer, Network
from lava_async.neurons import CubaParams, combine
from lava_async.nir import files
from lava_async.nir.bias import with_bias_channel
from lava_async.nir.equations import DT, INTEGRATORS, Floats, Time, check_decay, check_dt, later_reset, to_steps
from lava_async.nir.errors import NirError, NirWarning, package
from lava_async.nir.frameworks import framework_of
from lava_async.nir.graph import Graph, as_text, brief, from_package
from lava_async.nir.paths import Budget, Path
from lava_async.nir.topology import ENDS, lead_around, only, order_of, predecessors, ways_to
from lava_async.synapses import INPUT, Synapses
from lava_async.thresholds import STEPS, out_of_reach

if TYPE_CHECKING:
    from typing_extensions import Unpack

MOST_SHARING = 2**19
"""Neurons whose parameters are given once for a whole layer."""
RESETS = ("zero", "subtract", "subtract_delayed")

UNKNOWN_RESET = (
    "%s does not say how its neurons reset: v becomes 0 after a spike, as NIR defines it; reset='zero' says that "
    "this is right. Networks of sinabs that subtract the threshold are read with reset='subtract', those of snnTorch "
    "with its default reset with reset='subtract_delayed'; framework='rockpool', 'norse' and 'spyx' know their own"
)

SILENT = (
    "%s: layer %s: no neuron can reach its threshold within %d time steps, even if all that leads to it emits a spike "
    "in each: was the graph made with another dt?"
)

log = logging.getLogger(__name__)


class How(NamedTuple):
    """How a graph is to be read, as of :func:`convert`."""

    dt: float | None
    decay: str | None
    reset: str | None
    framework: str | None


class Reading(NamedTuple):
    """A network and whether its last input channel is a bias channel; see :func:`~lava_async.nir.add_bias_channel`."""

    network: Network
    bias_channel: bool


def convert(
    graph: object,
    *,
    dt: float | None = None,
    decay: str | None = None,
    reset: str | None = None,
    framework: str | None = None,
    execution: Execution | None = None,
    **fields: Unpack[Fields],
) -> Network:
    """Return the network that a graph describes, in floating point.

    Parameters
    ----------
    graph : nir.NIRGraph
        One input, one output, neurons (CubaLIF, LIF, IF) and between them Linear, Affine, Conv2d, SumPool2d, AvgPool2d,
        Flatten, Delay and Identity; any skip and recurrent edges; nested graphs of these.
    dt : float, optional
        Length of a time step in seconds; default: what the metadata of the graph say, else 1e-4. Without either, IF
        with r = 1 counts in time steps: a spike adds its weight.
    decay : {"euler", "exponential"}, optional
        Whether decays per time step are ``dt / tau``, as in snnTorch, norse and spikingjelly, or
        ``1 - exp(-dt / tau)``, as in sinabs and rockpool; default: as `framework` says, else "euler".
    reset : {"zero", "subtract", "subtract_delayed"}, optional
        What neurons do after a spike; default: what the metadata say, or `framework`, else "zero", and a sentence about
        it is logged.
        NIR defines that v becomes v_reset, which must be 0; but a file does not show whether its framework subtracts
        the threshold instead: with the spike ("subtract": sinabs, rockpool; neurons that may emit several spikes in a
        time step need a run with ``refractory=False``), or one time step later, after the decay ("subtract_delayed":
        snnTorch's default).
    framework : {"norse", "rockpool", "sinabs", "snntorch", "spikingjelly", "spyx"}, optional
        That wrote the graph, which is read by its equations (:mod:`lava_async.nir.frameworks`), where they are not
        NIR's own. The arguments above override what it implies.
    execution : Execution, optional
        How the network is to run, in place of what the graph notes, if :func:`export` wrote it.
    **fields
        schedule, until, refractory, input_first, seed: each overrides what the graph notes about it.

    Returns
    -------
    Network
        Layers in topological order, feedback left aside. If Affine or Conv2d with a bias lead to CubaLIF, the input has
        one more channel, the last, which must emit one spike in every time step; see
        :func:`~lava_async.nir.add_bias_channel`.

    Raises
    ------
    NirError
        If something cannot be expressed here, naming node, field and value.
    InvalidType, InvalidValue
        If an argument is not one of those above.
    MissingNir
        If the package `nir` is not installed.

    Notes
    -----
    If no neuron of a layer can reach its threshold, as with a wrong dt, a warning is logged; :func:`read` warns.

    NIR does not say in which order events are handled; the schedule of a run does. With ``layered``, feedback reaches
    its layer one time step later.

    Examples
    --------
    >>> network = nir.convert(snntorch.export_nir.export_to_nir(model, sample))  # doctest: +SKIP
    """
    nir = package()
    if not isinstance(graph, nir.NIRGraph):
        raise InvalidType("nir.convert graph", type(graph).__name__, "a nir.NIRGraph")
    how = How(dt, decay, reset, framework)
    return _reading(lambda: from_package(graph), "the graph", how, log.warning, execution, fields).network


def read(
    path: str | os.PathLike[str],
    *,
    dt: float | None = None,
    decay: str | None = None,
    reset: str | None = None,
    framework: str | None = None,
    execution: Execution | None = None,
    **fields: Unpack[Fields],
) -> Network:
    """Return the network in a file of NIR; other arguments and errors as of :func:`convert`.

    The package `nir` is not needed. The file is read in a process of its own, under limits: one that is corrupted, or
    refers to other files, is an error that names it.

    Warns
    -----
    NirWarning
        If no neuron of a layer can reach its threshold, as with a wrong dt.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, nir
    >>> network = Network.feedforward([[[0.5, 2.0]]], CubaParams(du=1, dv=0.25, vth=1))
    >>> nir.write(network, "lif.nir", dt=1e-3)
    >>> again = nir.read("lif.nir")
    >>> again.n_inputs, again.params.vth, again.params.dv
    (2, array([1.]), array([0.25]))
    """
    return open_file(path, dt=dt, decay=decay, reset=reset, framework=framework, execution=execution, **fields).network


def open_file(
    path: str | os.PathLike[str],
    *,
    dt: float | None = None,
    decay: str | None = None,
    reset: str | None = None,
    framework: str | None = None,
    execution: Execution | None = None,
    **fields: Unpack[Fields],
) -> Reading:
    """Return the network in a file of NIR and whether it has a bias channel; everything else as :func:`read`."""

    def warn(text: str) -> None:
        warnings.warn(text, NirWarning, stacklevel=5)

    how = How(dt, decay, reset, framework)
    return _reading(lambda: files.load(path), os.fspath(path), how, warn, execution, fields)


def _reading(
    load: Callable[[], Graph],
    where: str,
    asked: How,
    tell: Callable[[str], None],
    execution: Execution | None,
    fields: Fields,
) -> Reading:
    """Return what `load` gives as a network; `where` comes first in errors and in what is told about the network."""
    framework, reset = framework_of(asked.framework), asked.reset
    exponential = check_decay(asked.decay or framework.decay) == "exponential"
    if reset not in (None, *RESETS):
        raise not_among("nir reset", reset, RESETS)
    given = None if asked.dt is None else check_dt(asked.dt)
    chosen(execution, **fields)  # What is wrong with arguments is no fault of the file.
    if framework.several and execution is None and "refractory" not in fields:
        fields = {**fields, "refractory": False}
    try:
        graph = load()
        noted = _noted_dt(graph)
        known = reset or as_text(graph.metadata.get("reset"))
        time = Time(given or noted or framework.dt or DT, bool(given or noted), exponential, framework)
        network, bias_channel = _network(graph, time, known if known in RESETS else None)
        how = _noted_execution(graph, execution, fields)
    except NirError as error:
        raise NirError(f"{where}: {error}") from error.__cause__
    if known not in RESETS and not framework.resets:
        log.warning(UNKNOWN_RESET, where)
    answers = network.outputs[silent_outputs(network)]
    for i in out_of_reach(network):
        if np.isin(np.arange(network.n_neurons)[network.layer_slices[i]], answers).all():
            continue
        tell(SILENT % (where, NirError(brief(network.layers[i].name or str(i))), STEPS))
    return Reading(network if how is None else replace(network, execution=how), bias_channel)


def _noted_execution(graph: Graph, execution: Execution | None, fields: Fields) -> Execution | None:
    """Return the execution that is noted with a graph, overridden by what is given."""
    text, noted = as_text(graph.metadata.get("execution")), dict[str, Any]()
    if text is not None:
        try:
            noted = json.loads(text)
        except (ValueError, RecursionError):
            noted = text  # type: ignore[assignment]  # Refused below.
        if not isinstance(noted, dict):
            raise NirError(f"metadata: execution = {brief(text)}: must be a JSON object")
    try:
        return noted_execution(noted, execution, **fields)
    except (InvalidValue, InvalidType) as error:
        name = error.where.split(":")[0].split(".")[0]
        raise NirError(f"metadata: execution: {error}; to run the network in another way, give {name}") from None


def _noted_dt(graph: Graph) -> float | None:
    """Return the length of a time step that is noted with a graph."""
    noted = graph.metadata.get("dt")
    if noted is None:
        return None
    try:
        return check_dt(noted.item() if isinstance(noted, np.ndarray) and noted.size == 1 else noted)
    except (InvalidValue, InvalidType) as error:
        raise NirError(f"metadata: {error}") from None


def _network(graph: Graph, time: Time, known: str | None) -> Reading:
    before = predecessors(graph)
    if time.framework.around:
        lead_around(graph, before)
    source, sink = (only(graph, kind) for kind in ENDS)
    order, shapes = order_of(graph, source, before, time.dt)
    index = {name: i for i, name in enumerate(order)} | {source: INPUT}
    ways = ways_to(graph, before, {name: Path(name, shapes[name], shapes[name]) for name in index}, time.dt)
    budget = Budget.of(sum(node.size("weight") for node in graph.nodes.values()))
    sharing, layers, params, synapses = 0, list[Layer](), list[CubaParams](), list[Synapses]()
    bias_weights, late = dict[int, Floats](), time.framework.late
    for i, name in enumerate(order):
        arriving = ways[name]
        if any(each.shape != shapes[name] for each in arriving):
            found = " and ".join(map(str, sorted({each.shape for each in arriving})))
            raise NirError(f"node {brief(name)}: inputs of shapes {found}: must be of one shape")
        node = graph.nodes[name]
        sharing += math.prod(shapes[name]) if node.size("v_threshold") == 1 else 0
        if sharing > MOST_SHARING:
            raise node.error(
                f"one v_threshold for shape {shapes[name]}: must be given for each neuron, where layers "
                f"have more than {MOST_SHARING:,} together"
            )
        reset = known or time.framework.resets.get(node.kind, "zero")
        neurons = to_steps(node, shapes[name], time, "zero" if reset == "zero" else "subtract")
        constant = neurons.gain * np.sum([each.bias for each in arriving], axis=0)
        filtered = (np.asarray(neurons.params.du) != 1) | (late > 0)
        bias = np.asarray(neurons.params.bias) + np.where(filtered, 0.0, constant)
        try:
            params.append(replace(neurons.params, bias=bias))
        except InvalidValue as error:
            raise node.error(str(error)) from error
        if constant[filtered].any():
            bias_weights[i] = np.where(filtered, constant, 0.0)
        layers.append(Layer(_noted_shape(node.metadata, shapes[name]), as_text(node.metadata.get("name")) or name))
        synapses += [each.later(late).synapses(index[each.start], i, neurons.gain, budget) for each in arriving]
        if reset == "subtract_delayed" and node.kind not in INTEGRATORS:
            synapses += later_reset(neurons.params, i)
    ends = np.cumsum([0, *(layer.size for layer in layers)])
    outputs = [np.arange(ends[i], ends[i + 1]) for i in _outputs(graph, sink, before, ways, index)]
    shape = shapes[source]
    if bias_weights:
        synapses = with_bias_channel(synapses, bias_weights, late, math.prod(shape), budget)
        shape = (math.prod(shape) + 1,)
    together = combine([p.expanded(layer.size) for p, layer in zip(params, layers, strict=True)])
    network = Network(shape, tuple(layers), tuple(synapses), together, np.concatenate(outputs))
    return Reading(network, bool(bias_weights))


def _outputs(
    graph: Graph, sink: str, before: dict[str, list[str]], ways: dict[str, list[Path]], index: dict[str, int]
) -> list[int]:
    """Return the layers whose neurons are the outputs."""
    for path in ways[sink]:
        if path.parts or path.delay is not None:
            raise NirError(f"node {brief(sink)}: must follow neurons (it follows {brief(path.nodes[-1])})")
        if index[path.start] == INPUT:
            raise NirError(f"node {brief(sink)}: must follow neurons, not the input")
    return sorted({index[path.start] for path in ways[sink]})


def _noted_shape(noted: Mapping[str, object], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that :func:`export` noted, if it is one of as many neurons."""
    try:
        wanted = tuple(int(n) for n in np.ravel(np.asarray(noted.get("shape", shape))))
    except (TypeError, ValueError, OverflowError):
        return shape
    return wanted if all(n > 0 for n in wanted) and math.prod(wanted) == math.prod(shape) else shape
