"""Networks in .net files, the format of lava-dl's netx and slayer (HDF5).

::

    netx.save(network, "digits.net", execution=Execution(Random(8), seed=1), accuracy=0.97)
    network = netx.load("digits.net")
    simulate(network, spikes)                   # runs as the file notes: network.execution
    netx.load_execution("digits.net")           # Execution(schedule=Random(group_size=8), ..., seed=1)
    netx.metadata("digits.net")["accuracy"]     # 0.97

=========================== ================================== ===================================================
neurons in a file           parameters                         layers, and what runs them
=========================== ================================== ===================================================
CUBA, LOIHI                 `LoihiParams`                      all; stock netx input, conv, dense, dense_rec
SDNN                        `LoihiSigmaDeltaParams`            conv, dense: stock netx
SDNN of an input            `LoihiDeltaParams`                 input: stock netx
SDNN with `sigma_output`    `LoihiSigmaDeltaParams`, unit,     conv, dense: stock netx (Lava's Sigma)
                            a threshold that nothing reaches
RF_PHASE, RF_IZHIKEVICH, RF `LoihiResonateParams`              dense: stock netx
ALIF                        `LoihiAlifParams`                  conv, dense: slayer writes it, stock netx has none
=========================== ================================== ===================================================

``/layer`` is the format of lava-dl and nothing else: stock `lava.lib.dl.netx.hdf5.Network` and slayer's
`SequentialNetwork` read it. A network that it can express - a chain of layers in Loihi's integers - is written there.
``/async`` is ours: metadata, and the network word for word, so that what is loaded equals what was saved. A network
that ``/layer`` cannot express (skip connections, arbitrary graphs, floats) is in ``/async`` alone; the file then has no
``/layer``, stock netx refuses it, and ``metadata(path)["stock_reason"]`` tells why.

:func:`load` gives what stock netx on Lava runs. In the rare cases where Lava would run something else than the file
says, it gives what the file says and warns (:class:`NetxWarning`).
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from lava_async import hdf5
from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import FIELDS, Execution, Fields, chosen, noted_execution
from lava_async.metrics import silent_outputs
from lava_async.network import Network
from lava_async.netx import graph
from lava_async.netx.convert import NotExportable, read_layers, to_layers, to_network
from lava_async.netx.h5 import NetxError, NetxWarning, atomic_file, write_dataset
from lava_async.netx.meta import GROUP, check_version, execution, execution_in, read_metadata, write_metadata
from lava_async.netx.pipeline import pipelined
from lava_async.thresholds import out_of_reach

if TYPE_CHECKING:
    from typing_extensions import Unpack

LAYER = "layer"
log = logging.getLogger(__name__)
#: From which likeness on the name of a note is taken for a misspelled part of an execution.
_ALIKE = 0.8


def load(path: str | os.PathLike[str], *, execution: Execution | None = None, **fields: Unpack[Fields]) -> Network:
    """Return the network in a .net file; it runs as the file notes (``network.execution``).

    Parameters
    ----------
    path : path-like
        A file that slayer, stock netx tools or :func:`save` wrote.
    execution : Execution, optional
        How the network is to run, in place of what the file notes.
    **fields
        schedule, until, refractory, input_first, seed: each overrides what the file notes about it.

    Raises
    ------
    NetxError
        If there is no such file or it cannot be read as a network of spiking neurons, naming file, group and field; if
        a part of the execution that it notes cannot be run and is not overridden. A corrupted file ends here too, and
        neither crashes nor hangs.

    Warns
    -----
    NetxWarning
        If stock netx or slayer would run the file differently from what it contains, or delays are clipped to 62.

    Notes
    -----
    Neurons are CUBA, SDNN, ALIF and RF. Stock netx hands over from layer to layer one time step later; so does
    :func:`pipelined` of what is loaded. Sigma-delta networks whose last layer is an output (``sigma_output``) never
    send there: their answer is its sigma, ``result.state["sigma"][network.outputs]``. A network with
    ``/async/network`` comes from there, unless its ``/layer`` was changed since it was saved: ``/layer`` decides.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, Random, netx
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> netx.save(network, "one.net", schedule=Random(group_size=8))
    >>> netx.load("one.net").execution.schedule, netx.load("one.net", seed=3).execution.seed
    (Random(group_size=8), 3)
    """
    root = hdf5.read(path, (LAYER, GROUP), error=NetxError)
    network = _read(root, path)
    how = execution_in(read_metadata(root), os.fspath(path), execution, **fields)
    network = network if how is None else replace(network, execution=how)
    silent = silent_outputs(network)
    if len(silent):
        log.warning(
            "%s: %d of %d outputs can never fire: the answer is their voltage", path, len(silent), len(network.outputs)
        )
    answers = network.outputs[silent]
    for i in out_of_reach(network):
        if not np.isin(np.arange(network.n_neurons)[network.layer_slices[i]], answers).all():
            log.warning(
                "%s: no neuron of layer %d (%s) can reach its threshold, whatever comes: look at its "
                "weights and its threshold",
                path,
                i,
                network.layers[i].name,
            )
    return network


def _read(root: hdf5.H5Group, path: str | os.PathLike[str]) -> Network:
    ours = None
    if GROUP in root:
        check_version(root.group(GROUP))
        if "network" in root.group(GROUP):
            ours = graph.read(root.group(GROUP).group("network"))
    if ours is not None and LAYER not in root:
        return ours
    group = root.group(LAYER)
    layers = read_layers(group)
    if ours is not None:
        try:
            if to_layers(ours) == layers:
                return ours
        except NotExportable:
            pass
        log.warning("%s: /layer was changed after the file was saved; it is loaded, /async/network is not", path)
    return to_network(layers, group)


def save(network: Network, path: str | os.PathLike[str], **metadata: object) -> None:
    """Write a network into a .net file, all or nothing: a file that was there stays until the new one is complete.

    Parameters
    ----------
    network : Network
        Any network; ``load(path)`` returns its equal.
    path : path-like
        Where to write; an existing file is replaced.
    **metadata
        Notes about the network; see :func:`write_metadata`. `execution`, or one of schedule, until,
        refractory, input_first and seed, is how it runs when it is loaded; default: ``network.execution``, if known.

    Raises
    ------
    NetxError
        If the file cannot be written, JSON cannot represent the metadata, or no execution follows from them.
    InvalidType
        If a note has nearly the name of a part of an execution, as "schedul" has.

    Notes
    -----
    If stock netx could not run the network exactly, the file has no ``/layer`` and a warning is logged that says why.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, netx
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> netx.save(network, "one.net", trained_on="digits")
    >>> netx.load("one.net") == network
    True
    """
    if not isinstance(network, Network):
        raise InvalidType("netx.save network", network, "a Network")
    for name in metadata:
        if name not in FIELDS and (meant := get_close_matches(name, FIELDS, 1, _ALIKE)):
            raise InvalidType(f"netx.save {name}", metadata[name], f"{meant[0]}, or a note of a name less like it")
    try:
        layers, reason = to_layers(network), None
    except NotExportable as cannot:
        layers, reason = [], str(cannot)
        log.warning("%s: only lava-async will be able to read this file, stock netx will not: %s", path, reason)
    metadata = _with_execution(network, os.fspath(path), metadata)
    with atomic_file(path) as file:
        for i, layer in enumerate(layers):
            layer.write(file.create_group(f"{LAYER}/{i}"))
        write_metadata(file, metadata)
        group = file[GROUP]
        if reason is not None:
            write_dataset(group, "stock_reason", reason)
        graph.write(group.create_group("network"), network, file.get(LAYER))


def _with_execution(network: Network, path: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with the execution of a network, after checking that a reader can make it again."""
    metadata = {
        name: value.item() if name in FIELDS and getattr(value, "ndim", None) == 0 else value  # Of NumPy or torch.
        for name, value in metadata.items()
    }
    given = metadata.get("execution")
    if given is not None or network.execution is not None:
        fields = chosen(given, network.execution).config()
        metadata = fields | {name: value for name, value in metadata.items() if name != "execution"}
    objects = {name: value for name, value in metadata.items() if callable(getattr(value, "config", None))}
    try:
        noted_execution({name: value for name, value in metadata.items() if name not in objects})
    except (InvalidValue, InvalidType) as error:
        raise NetxError(f"{path}: metadata {error}") from None
    for name, value in objects.items():
        try:
            noted_execution({name: value.config()})
        except (InvalidValue, InvalidType):  # What was trained with a schedule of one's own is not lost by that.
            log.warning(
                "%s: netx.load cannot make the %s %s again unless its class is registered; "
                "netx.load(path, %s=...) says another",
                path,
                name,
                type(value).__name__,
                name,
            )
    return metadata


def load_execution(path: str | os.PathLike[str]) -> Execution | None:
    """Return how the network in a .net file runs, None if the file does not say.

    Parameters
    ----------
    path : path-like
        A .net file. What it does not say of an execution is as by default.

    Raises
    ------
    NetxError
        If the file cannot be read, or a part of what it notes cannot be run.

    Examples
    --------
    >>> from lava_async import Execution, LoihiParams, Network, Random, netx
    >>> net = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> netx.save(net, "one.net", execution=Execution(Random(8), seed=1))  # doctest: +SKIP
    >>> netx.load_execution("one.net").schedule  # doctest: +SKIP
    Random(group_size=8)
    """
    return execution_in(metadata(path), os.fspath(path))


def metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what :func:`save` or :func:`write_metadata` noted about a network, as plain data.

    Beside what was given: ``versions`` of the packages, ``schema_version`` of the group ``/async``, ``stock_readable``
    and ``stock_reason``; ``average``, the number of groups, if the file ends with a layer that averages groups of
    outputs. A file from elsewhere has nothing else: an empty dict.

    Raises
    ------
    NetxError
        If the file cannot be read, or a newer lava-async wrote it.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, netx
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> netx.save(network, "one.net", trained_on="digits")
    >>> noted = netx.metadata("one.net")
    >>> noted["trained_on"], noted["stock_readable"]
    ('digits', True)
    """
    return read_metadata(hdf5.read(path, (LAYER, GROUP), largest=2**20, error=NetxError))


__all__ = [
    "NetxError",
    "NetxWarning",
    "execution",
    "load",
    "load_execution",
    "metadata",
    "pipelined",
    "save",
    "write_metadata",
]
