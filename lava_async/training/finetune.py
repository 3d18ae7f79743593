"""slayer blocks from an existing network, for fine-tuning."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.neurons import LoihiParams, unknown
from lava_async.synapses import INPUT, Dense
from lava_async.training.blocks import slayer
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE

#: Slayer's weights and biases have 8 bits: even numbers of 1/64.
_STEP, _LEAST, _MOST = 2, -256, 254


def blocks_of(network: Network, *, learn_decays: bool = False) -> list[nn.Module]:
    """Return blocks of slayer that are deployed as this very network.

    Parameters
    ----------
    network : Network
        A chain of dense layers in Loihi's integers, such as ``netx.load`` returns for what slayer exports.
    learn_decays : bool
        Whether training changes the decays too.

    Returns
    -------
    list of slayer.block.cuba.Dense

    Raises
    ------
    InvalidType, InvalidValue
        If no such blocks are this network, naming the layer and what it has.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, Random
    >>> from lava_async.training import UnlayeredNetwork, blocks_of
    >>> network = Network.feedforward([[[80, 2], [90, 4]]], LoihiParams(du=1024, dv=128, vth=70))
    >>> net = UnlayeredNetwork(blocks_of(network), schedule=Random(group_size=8))
    >>> net.to_network() == network
    True
    """
    if name := unknown(network.params, LoihiParams):
        raise InvalidType("network.params", name, "LoihiParams, integers")
    last = np.arange(network.n_neurons)[network.layer_slices[-1]]
    if not np.array_equal(network.outputs, last):
        raise InvalidValue("network.outputs", network.outputs, "the neurons of the last layer")
    return [_block(network, i, learn_decays) for i in range(len(network.layers))]


def _block(network: Network, i: int, learn_decays: bool) -> Any:
    where, p, rows = f"layer {i}", network.params, network.layer_slices[i]
    assert isinstance(p, LoihiParams)
    incoming = [s for s in network.synapses if s.target == i]
    source = i - 1 if i else INPUT
    if (
        len(incoming) != 1
        or not isinstance(incoming[0], Dense)
        or incoming[0].source != source
        or incoming[0].max_delay
    ):
        found = ", ".join(f"{type(s).__name__} from {s.source}" for s in incoming) or "none"
        raise InvalidValue(
            f"{where}: synapses",
            found,
            f"Dense from {source}, without delays: fine-tuning takes chains of dense layers",
        )
    du, dv, vth, mant, exp, weight_exp = (
        np.broadcast_to(np.asarray(x), (network.n_neurons,))[rows].astype(np.int64)
        for x in (p.du, p.dv, p.vth, p.bias_mant, p.bias_exp, p.weight_exp)
    )
    weights = _on_grid(f"{where}: weights", incoming[0].weights.astype(np.int64) << weight_exp[:, None])
    bias = np.where(exp < 0, mant >> np.maximum(-exp, 0), mant << np.maximum(exp, 0))
    per_weight = STATE_SCALE // WEIGHT_SCALE
    if (bias % per_weight).any():
        raise InvalidValue(f"{where}: bias", int(bias[bias % per_weight != 0][0]), f"multiples of {per_weight}")
    if (vth != vth[0]).any():
        raise InvalidValue(f"{where}: vth", np.unique(vth).tolist(), "one for the layer")
    norm = partial(slayer().neuron.norm.MeanOnlyBatchNorm, num_features=len(vth)) if bias.any() else None
    decays = torch.from_numpy(np.stack([du + 1, dv])).float()
    shared = bool((decays == decays[:, :1]).all())
    current, voltage = (decays[:, 0] / STATE_SCALE).tolist()
    neuron: dict[str, Any] = {
        "threshold": int(vth[0]) / WEIGHT_SCALE,
        "norm": norm,
        "shared_param": shared,
        "requires_grad": learn_decays,
        "current_decay": current if shared else [current] * 2,
        "voltage_decay": voltage if shared else [voltage] * 2,
    }
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        block = slayer().block.cuba.Dense(neuron, weights.shape[1], weights.shape[0], delay_shift=False)
        if norm is not None:
            block.neuron.norm.running_mean.copy_(_scaled(_on_grid(f"{where}: bias", -bias // per_weight)))
        block.synapse.weight.copy_(_scaled(weights).reshape(block.synapse.weight.shape))
        if not shared:
            block.neuron.eval().dynamics(torch.zeros(1, len(vth), 1))  # Gives the neuron its shape.
            block.neuron.train()
            block.neuron.current_decay.data, block.neuron.voltage_decay.data = decays
    block.learned = True  # The default learning rate is smaller then.
    return block


def _on_grid(where: str, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return integers after checking that slayer's quantization keeps them."""
    bad = (x % _STEP != 0) | (x < _LEAST) | (x > _MOST)
    if bad.any():
        raise InvalidValue(where, int(x[bad][0]), f"even, in {_LEAST} .. {_MOST}, as slayer quantizes")
    return x


def _scaled(x: NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(x / WEIGHT_SCALE).float()
