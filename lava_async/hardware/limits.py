"""Which limits of a chip a network keeps, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.chips.targets import Limit, Range, Target
from lava_async.display import Brief
from lava_async.hardware.mapping import Mapping
from lava_async.hardware.placing import place
from lava_async.network import Network
from lava_async.neurons import LoihiParams, unknown

PER_CORE = {
    "neurons": "neurons per core",
    "synaptic_bits": "synaptic memory per core, bits",
    "axons_in": "axons into a core",
    "axons_out": "axons out of a core",
}
ADVICE = {
    "neurons": "put fewer neurons into a core",
    "cores": "use smaller layers, or count on several chips",
    "synaptic_bits": "fewer or narrower weights per neuron",
    "axons_in": "fewer sources per neuron: a smaller kernel, pruned weights, a layer in between",
    "axons_out": "fewer target neurons per neuron",
    "arithmetic": "quantize it: train with slayer's 8-bit weights, export and load the .net file",
    "weight": "scale the weights of the layer down and its threshold with them",
    "weight_exp": "multiply the exponent out of the weights and the threshold",
    "vth": "scale weights, biases and threshold of the layer down together",
    "decay": "choose a slower or faster decay",
    "bias_mant": "move factors of 2 into bias_exp",
    "bias_exp": "choose bias_exp = 0 .. 7; below 0, round the bias",
    "delay": "shorten the delays, or send the spike on through a chain of neurons",
    "payload": "send single spikes: an encoder that gives 0 or 1",
}


@dataclass(frozen=True)
class Check:
    """One limit, what the network needs of it and whether that is enough.

    Parameters
    ----------
    name, title : str
        Field of the target; for people.
    needed : str
        What the network needs.
    allowed : str
        What the target has, or "not published".
    ok : bool or None
        None: cannot be told, since nothing is published.
    layers : tuple of int
        Layers that break the limit; empty if all or none in particular.
    advice : str
        What to change; empty unless broken.
    source : str
        Where the limit was published.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import check
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> first = check(network).checks[0]
    >>> first.name, first.needed, first.allowed, first.ok
    ('cores', '1', '128', True)
    """

    name: str
    title: str
    needed: str
    allowed: str
    ok: bool | None
    layers: tuple[int, ...]
    advice: str
    source: str


@dataclass(frozen=True, eq=False)
class Fit(Brief):
    """Whether a network fits a target: the mapping and all limits.

    Parameters
    ----------
    mapping : Mapping
        Where its neurons lie.
    checks : tuple of Check
        One per limit.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import check
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=200_000))
    >>> fit = check(network)
    >>> fit.ok, [each.name for each in fit.broken]
    (False, ['vth'])
    """

    mapping: Mapping
    checks: tuple[Check, ...]

    def facts(self) -> dict[str, str]:
        """Return what is shown of the fit."""
        return {"verdict": self.verdict}

    @property
    def ok(self) -> bool:
        """Whether no limit is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Check, ...]:
        """Limits that are broken."""
        return tuple(check for check in self.checks if check.ok is False)

    @property
    def verdict(self) -> str:
        """One sentence."""
        m = self.mapping
        title, unknown = m.target.title, sum(check.ok is None for check in self.checks)
        of_one, of_more = f"{m.n_cores} of {m.target.cores.value} cores", f"{m.n_cores} cores, {m.n_chips} chips"
        where = of_one if m.n_chips == 1 else of_more
        if self.ok:
            beside = f"; {unknown} limits are not published and were not checked" if unknown else ""
            return f"fits {title}: {where}{beside}"
        return f"does not fit {title} ({where}): " + "; ".join(f"{c.title}: {c.advice}" for c in self.broken)


def check(
    network: Network, target: Target | str = "loihi1", *, largest_input: int = 1, mapping: Mapping | None = None
) -> Fit:
    """Place a network and check every limit of a target.

    Parameters
    ----------
    network : Network
        Any network.
    target : Target or {"loihi1", "loihi2"}
        The chip.
    largest_input : int
        Largest count of an input spike, its payload.
    mapping : Mapping, optional
        Where the neurons lie (:func:`lava_async.hardware.place`), whose target counts; default: as placed here.

    Raises
    ------
    InvalidValue
        If there is no such target.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import check
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> check(network, "loihi1").ok, check(network, "loihi2", largest_input=3).verdict
    (True, 'fits Loihi 2: 1 of 128 cores; 2 limits are not published and were not checked')
    """
    mapping = place(network, target) if mapping is None else mapping
    found = [*_resources(mapping), *_numbers(network, mapping.target), _payload(mapping.target, largest_input)]
    return Fit(mapping, tuple(found))


def _resources(mapping: Mapping) -> Iterator[Check]:
    chip = mapping.target
    yield _below("cores", "cores of one chip", mapping.n_cores, chip.cores, ())
    for name, title in PER_CORE.items():
        excess = [(need, layer) for layer, limit, need in mapping.too_large if limit == name]
        layers = tuple(sorted({layer for _, layer in excess}))
        yield _below(name, title, max([mapping.most(name), *(need for need, _ in excess)]), getattr(chip, name), layers)


def _below(name: str, title: str, need: int, limit: Limit, layers: tuple[int, ...]) -> Check:
    if limit.value is None:
        return Check(name, title, f"{need:,}", "not published", None, (), "", limit.source)
    ok = need <= limit.value
    return Check(
        name, title, f"{need:,}", f"{limit.value:,}", ok, () if ok else layers, "" if ok else ADVICE[name], limit.source
    )


def _numbers(network: Network, chip: Target) -> Iterator[Check]:
    params, layer_of = network.params, network.layer_of
    longest = [(s.max_delay, s.target) for s in network.synapses] or [(0, 0)]
    delays, ends = (np.array(column) for column in zip(*longest, strict=True))
    if not isinstance(params, LoihiParams) or unknown(params, LoihiParams):
        given = "floating point" if params.tag == "floating_pt" else params.describe()
        yield Check("arithmetic", "integers", given, "integers", False, (), ADVICE["arithmetic"], chip.weight.source)
    else:
        yield Check("arithmetic", "integers", "integers", "integers", True, (), "", chip.weight.source)
        least = [(getattr(s, "weights"), s.target) for s in network.synapses]  # noqa: B009 (each type has them)
        ranges = [(int(edge(w, initial=0)), end) for w, end in least for edge in (np.min, np.max)] or [(0, 0)]
        weights, targets = (np.array(column) for column in zip(*ranges, strict=True))
        yield _inside("weight", "weights", weights, chip.weight, targets)
        yield _inside("weight_exp", "exponent of weights", np.asarray(params.weight_exp), chip.weight_exp, layer_of)
        yield _inside("vth", "threshold", np.asarray(params.vth), chip.vth, layer_of)
        decays = np.append(np.asarray(params.du) + 1, np.asarray(params.dv))
        yield _inside("decay", "decay of 4096 (du + 1, dv)", decays, chip.decay, np.tile(layer_of, 2))
        mant, exp = np.asarray(params.bias_mant), np.where(params.bias_mant, params.bias_exp, 0)
        yield _inside("bias_mant", "bias mantissa", mant, chip.bias_mant, layer_of)
        yield _inside("bias_exp", "bias exponent", exp, chip.bias_exp, layer_of)
    yield _inside("delay", "delay, time steps", delays, chip.delay, ends)


def _inside(name: str, title: str, values: NDArray[Any], limit: Range, layers: NDArray[Any]) -> Check:
    outside = (values < limit.low) | (values > limit.high)
    low, high = int(values.min()), int(values.max())
    needed = f"{low:,}" if low == high else f"{low:,} .. {high:,}"
    broken = tuple(np.unique(layers[outside]).tolist())
    return Check(
        name,
        title,
        needed,
        f"{limit.low:,} .. {limit.high:,}",
        not broken,
        broken,
        ADVICE[name] if broken else "",
        limit.source,
    )


def _payload(chip: Target, largest_input: int) -> Check:
    bits = 0 if largest_input <= 1 else int(largest_input).bit_length()
    return _below("payload", "payload of a spike, bits", bits, chip.payload_bits, ())
