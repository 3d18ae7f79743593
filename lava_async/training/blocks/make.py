"""Freshly initialised dense chains."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from lava_async import defaults
from lava_async.errors import InvalidType, InvalidValue, not_among, unknown_argument
from lava_async.neurons.cuba import RESETS
from lava_async.records import check_int, real_array
from lava_async.training.blocks.base import mark_drawn, parts_of, slayer
from lava_async.training.blocks.families import FAMILIES


def dense_blocks(
    sizes: Sequence[int],
    *,
    family: str = "cuba",
    threshold: float = defaults.THRESHOLD,
    current_decay: float | tuple[float, ...] | None = None,
    voltage_decay: float | tuple[float, ...] | None = None,
    gain: float | None = None,
    threshold_factors: Sequence[float] | bool = False,
    reset: str = "zero",
    seed: int = 0,
    **neuron: object,
) -> list[nn.Module]:
    """Return a chain of slayer's Dense blocks, initialized by a seed of its own.

    Parameters
    ----------
    sizes : list of int
        Input channels, then neurons per layer.
    family : {"cuba", "alif", "rf", "rf_iz", "sigma_delta"}
        Module of ``slayer.block``: current-based, adaptive, resonate and fire, or sigma-delta neurons.
    threshold, current_decay, voltage_decay : float, or (low, high) for decays that slayer draws
        As slayer's neuron; a decay of 1 keeps nothing from one time step to the next. Decays are 1 and 0.2 by default;
        resonators and sigma-delta neurons have none of these.
    gain : float, optional
        Weights are uniform in ``+- gain * threshold * sqrt(6 / (fan_in + fan_out))`` (Glorot, Bengio, AISTATS 2010); a
        threshold of 0 counts as 1. Without it they are drawn with gain 2, and ``fit``, which sees the data, scales them
        to a firing rate before the first step; in a loop of your own call :meth:`UnlayeredNetwork.scale_to`. Those of
        sigma-delta neurons are not multiplied by the threshold, have gain 1 by default, and are not scaled.
    threshold_factors : list of float, or bool
        Factors on the threshold of each layer. The first weights are those without factors, of gain 2 by default, and
        ``fit`` does not scale them, so that neurons wait for more input: for the timing of a chip. True: 1 for the
        first layer, 1.4 for those between, 3 for the output.
    reset : {"zero", "subtract"}
        What a spike does to the voltage of current-based neurons: it becomes 0, or loses the threshold.
    seed : int
        Seed of the weights; the global random state stays as it is.
    **neuron
        Further arguments of slayer's neuron, such as ``tau_grad``, or ``threshold_step``, ``threshold_decay`` and
        ``refractory_decay`` of adaptive neurons, ``period`` and ``decay`` of resonators.

    Raises
    ------
    InvalidType, InvalidValue
        If `sizes` are not at least two positive integers, there is no such family, or its neurons need or do not
        take an argument.

    Examples
    --------
    >>> from lava_async.training import dense_blocks
    >>> adaptation = {"threshold_step": 0.5, "threshold_decay": 0.25, "refractory_decay": 0.5}
    >>> [type(block).__module__ for block in dense_blocks([4, 2], family="alif", **adaptation)]
    ['lava.lib.dl.slayer.block.alif']
    """
    if len(sizes) < 2:
        raise InvalidValue("dense_blocks.sizes", sizes, "the input channels, then one number of neurons per layer")
    # Slayer knows Python's own numbers only.
    sizes = [check_int("dense_blocks.sizes", n, least=1) for n in sizes]
    seed = check_int("dense_blocks.seed", seed, most=2**63 - 1)
    threshold = _number("threshold", threshold)
    gain = None if gain is None else _number("gain", gain)
    factors = _factors(threshold_factors, len(sizes) - 1)
    if family not in FAMILIES:
        raise not_among("dense_blocks.family", family, FAMILIES)
    if reset not in RESETS or (family != "cuba" and reset != "zero"):
        allowed = " or ".join(map(repr, RESETS)) if family == "cuba" else f"left out: {family} neurons have their own"
        raise InvalidValue("dense_blocks.reset", reset, allowed)
    dense = getattr(slayer().block, family).Dense
    generator = torch.Generator().manual_seed(seed)
    decays: dict[str, float | tuple[float, ...] | None] = {}
    for name, decay in (("current_decay", current_decay), ("voltage_decay", voltage_decay)):
        decays[name] = decay if decay is None or isinstance(decay, tuple) else _number(name, decay)
    graded = FAMILIES[family].graded
    if graded:
        neuron = {"activation": torch.nn.functional.relu, **neuron}
    elif not FAMILIES[family].complex:
        usual = {"current_decay": defaults.CURRENT_DECAY, "voltage_decay": defaults.VOLTAGE_DECAY}
        decays = {name: usual[name] if decay is None else decay for name, decay in decays.items()}
    params = {"threshold": threshold, **{name: x for name, x in decays.items() if x is not None}, **neuron}
    _check_neuron(family, params)
    blocks = []
    with torch.random.fork_rng(devices=[]):
        for (n_in, n_out), factor in zip(pairwise(sizes), factors or [1.0] * len(sizes), strict=False):
            block = dense({**params, "threshold": threshold * factor}, n_in, n_out, delay_shift=False)
            if family == "cuba":
                block.neuron.reset = reset
            # What sigma-delta neurons send grows with the weights, whatever the threshold, so no rate is scaled to.
            first, unit = (1.0, 1.0) if graded else (defaults.GAIN, threshold or 1.0)
            bound = (first if gain is None else gain) * unit * math.sqrt(6 / (n_in + n_out))
            with torch.no_grad():
                for part, _ in parts_of(block.synapse):
                    part.weight.uniform_(-bound, bound, generator=generator)
            if gain is None and factors is None and not graded:
                mark_drawn(block)
            blocks.append(block)
    return blocks


def _check_neuron(family: str, given: dict[str, Any]) -> None:
    """Raise if slayer's neuron does not take an argument, or needs one more."""
    _, *taken = inspect.signature(getattr(slayer().neuron, family).Neuron.__init__).parameters.values()
    names = [parameter.name for parameter in taken]
    for name, value in given.items():
        if name not in names:
            raise unknown_argument("dense_blocks", name, value, names)
    for parameter in taken:
        if parameter.default is inspect.Parameter.empty and parameter.name not in given:
            raise InvalidType(f"dense_blocks.{parameter.name}", None, f"a number, which neurons of {family} need")


def _number(name: str, value: object) -> float:
    """Return a number of Python, NumPy or torch as one of Python's."""
    number = real_array(f"dense_blocks.{name}", value)
    if number.size != 1:
        raise InvalidValue(f"dense_blocks.{name}", value, "one number")
    return float(number.reshape(()))


def _factors(wanted: Sequence[float] | bool, n_layers: int) -> list[float] | None:
    """Return the factors on the thresholds of the layers; None: there are none."""
    if wanted is False:
        return None
    first, between, output = defaults.THRESHOLD_FACTORS
    factors = [first, *[between] * (n_layers - 2), output][-n_layers:] if wanted is True else list(wanted)
    if len(factors) != n_layers or not all(0 < factor < math.inf for factor in factors):
        raise InvalidValue("dense_blocks.threshold_factors", wanted, f"{n_layers} numbers > 0, one per layer")
    return factors
