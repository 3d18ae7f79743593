"""Files of networks, .net and .nir, and models by name: one function that reads them all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from lava_async import models
from lava_async.errors import InvalidValue
from lava_async.execution import Fields
from lava_async.network import Network

if TYPE_CHECKING:
    from typing_extensions import Unpack

NIR_SUFFIX = ".nir"
BIAS_CHANNEL = "bias_channel"
"""Noted about a network whose last input channel must emit one spike in every time step."""


class NirOptions(TypedDict, total=False):
    """How a file of NIR is read, as of :func:`lava_async.nir.read`.

    Examples
    --------
    >>> from lava_async.model_files import NirOptions
    >>> NirOptions(dt=1e-4, reset="zero")
    {'dt': 0.0001, 'reset': 'zero'}
    """

    dt: float | None
    decay: str | None
    reset: str | None
    framework: str | None


class Model(NamedTuple):
    """A network and what is noted about it.

    Parameters
    ----------
    network : Network
        The network.
    noted : dict
        Metadata of a .net file. Of a .nir file, and of what was written from one: ``bias_channel`` if the last input
        channel must emit one spike in every time step; see :func:`lava_async.nir.add_bias_channel`.

    Examples
    --------
    >>> from lava_async.model_files import Model
    >>> from lava_async.models import load
    >>> model = Model(load("digits_robust"), {"bias_channel": False})
    >>> model.network.n_inputs, model.noted
    (200, {'bias_channel': False})
    """

    network: Network
    noted: dict[str, Any]


def is_nir(path: str | os.PathLike[str]) -> bool:
    """Return whether the name of a file is one of NIR.

    Examples
    --------
    >>> from lava_async.model_files import is_nir
    >>> is_nir("lif.nir"), is_nir("unlayered.net")
    (True, False)
    """
    return Path(path).suffix.lower() == NIR_SUFFIX


def load_model(
    path: str | os.PathLike[str],
    *,
    dt: float | None = None,
    decay: str | None = None,
    reset: str | None = None,
    framework: str | None = None,
    **fields: Unpack[Fields],
) -> Model:
    """Return the network in a file, which knows its execution, and what is noted about it.

    Parameters
    ----------
    path : path-like
        A .net file, or one of NIR if its name ends with .nir; or the name of a model, see :mod:`lava_async.models`.
    dt, decay, reset, framework
        How a file of NIR is read, as in :func:`lava_async.nir.read`; a .net file counts in time steps.
    **fields
        schedule, until, refractory, input_first, seed: each overrides what the file notes about it.

    Raises
    ------
    NetxError, NirError
        If the file cannot be read.
    InvalidValue
        If one of these is given for a .net file, or there is no model of a name.

    Examples
    --------
    >>> network, noted = load_model("digits_robust")
    >>> noted["schedule"]
    {'name': 'random', 'group_size': 8}
    >>> network, noted = load_model("theirs.nir", dt=1e-3)  # doctest: +SKIP
    """
    path = models.find(path)
    if not is_nir(path):
        for name, value in (("dt", dt), ("decay", decay), ("reset", reset), ("framework", framework)):
            if value is not None:
                raise InvalidValue(name, value, f"given for files of NIR (.nir) only, not for {os.fspath(path)}")
        from lava_async import netx

        return Model(netx.load(path, **fields), netx.metadata(path))
    from lava_async.nir.reading import open_file

    network, bias_channel = open_file(path, dt=dt, decay=decay, reset=reset, framework=framework, **fields)
    return Model(network, {BIAS_CHANNEL: True} if bias_channel else {})
