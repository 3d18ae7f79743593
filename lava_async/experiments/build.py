"""What a config describes: data, network, trainer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from lava_async.data import SpikeDataset, registry
from lava_async.data.augmentation import Augmentation
from lava_async.errors import InvalidValue, nearest
from lava_async.execution import Execution
from lava_async.extras import needs

with needs("train", "training"):
    import torch

from lava_async.data.samples import LabelledSpikes
from lava_async.experiments.block_config import check_weights, layer_blocks, neuron_settings, sigma_delta_network
from lava_async.experiments.config import Config
from lava_async.experiments.sections import DataConfig, NetworkConfig, OptimizerConfig
from lava_async.experiments.tables import keys, toml_name
from lava_async.model_files import load_model
from lava_async.training import UnlayeredNetwork, dense_blocks
from lava_async.training.distributed import Ranks
from lava_async.training.finetune import blocks_of
from lava_async.training.gradient import STATE_SCALE
from lava_async.training.losses import LOSSES
from lava_async.training.optimization import default_learning_rate, make_optimizer, optimizer_options
from lava_async.training.surrogates import SURROGATES
from lava_async.training.trainer import Trainer

log = logging.getLogger(__name__)
Progress = Callable[[int, int], Any]
"""Called with the samples that are read, and all of them, where reading takes long."""


def read_split(config: DataConfig, split: str, progress: Progress | None = None) -> SpikeDataset:
    """Return a split of a data set, as much of it as is wanted."""
    data = registry.load(config.name, split, progress=progress, **config.options)
    return data if config.limit is None else data.subset(np.arange(min(config.limit, len(data.labels))))


def read_data(config: DataConfig, progress: Progress | None = None) -> tuple[SpikeDataset, SpikeDataset | None]:
    """Return the training samples and the validation samples, None for none.

    A fraction of the training samples is the same one whatever the seed of the training.
    """
    train = read_split(config, config.train, progress)
    if isinstance(config.validation, str):
        return train, read_split(config, config.validation, progress)
    order = np.random.default_rng(0).permutation(len(train.labels))
    if not config.validation:
        return train, None
    kept_back = max(1, round(config.validation * len(order)))
    if kept_back >= len(order):
        raise InvalidValue("data: training samples", len(order), "at least 2: one for training, one for validation")
    return train.subset(np.sort(order[kept_back:])), train.subset(np.sort(order[:kept_back]))


def build_network(config: Config, shape: tuple[int, ...], n_classes: int) -> UnlayeredNetwork:
    """Return the untrained network, or the one to go on with.

    Parameters
    ----------
    config : Config
        Its tables network, schedule, until, gradient and training.
    shape : tuple of int
        Of what the data send: (polarity, height, width), or (channels,).
    n_classes : int
        Of the data.

    Raises
    ------
    InvalidValue
        If network and data do not fit together.
    """
    seed, threads = config.training.seed, config.training.threads
    _check_float32(config)
    blocks = _blocks(config.network, config.deployed, shape, seed)
    if config.network.learn_decays == "voltage":
        for name, parameter in (named for block in blocks for named in block.named_parameters()):
            parameter.requires_grad_(parameter.requires_grad and not name.endswith("current_decay"))
    network = UnlayeredNetwork(
        blocks,
        execution=config.deployed,
        surrogate=SURROGATES[config.gradient.surrogate](**config.gradient.options),
        threads=threads,
        input_shape=shape if config.network.layers is not None else config.network.sizes and config.network.sizes[:1],
        **{
            name: getattr(config.gradient, name)
            for name in ("credit", "peak", "reset", "refractory_dropout", "input_dropout", "neuron_dropout")
        },
    )
    inputs = network.to_network().n_inputs
    if inputs != math.prod(shape):
        raise InvalidValue("network: input channels", inputs, f"{math.prod(shape)}, those of the data")
    if network.n_outputs < n_classes:
        raise InvalidValue(
            "network: output neurons", network.n_outputs, f"at least {n_classes}, the classes of the data"
        )
    return network


def build_trainer(
    config: Config,
    network: UnlayeredNetwork,
    train: LabelledSpikes,
    validation: LabelledSpikes | None,
    ranks: Ranks,
) -> Trainer:
    """Return the training of a network."""
    seed, training = config.training.seed, config.training
    return Trainer(
        network,
        train,
        validation,
        epochs=training.epochs,
        batch_size=training.batch_size,
        seed=seed,
        optimizer=_optimizer(config, network),
        cosine=config.optimizer.cosine,
        scheduler=config.optimizer.scheduler,
        scheduler_options=config.optimizer.scheduler_options or None,
        loss=LOSSES[config.loss.name](**config.loss.options),
        class_weights=config.loss.class_weights,
        penalty=config.loss.penalty,
        premature_penalty=config.loss.premature_penalty,
        max_grad_norm=config.optimizer.max_grad_norm,
        patience=training.patience,
        rate=config.network.rate,
        schedule_at=lambda step, steps: config.schedule.at(seed, step, steps),
        threads=training.threads,
        augment=_augmentation(config, train),
        keep_best=training.keep == "best",
        ranks=ranks,
    )


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch use one thread, so that its sums have one order whatever the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _blocks(config: NetworkConfig, how: Execution, shape: tuple[int, ...], seed: int) -> list[Any]:
    if config.from_ is not None:
        network = load_model(config.from_).network
        if network.execution is not None and network.execution != how:
            log.warning(
                "%s was made to run as %s; this training runs it as %s: [schedule], [until], [execution] and "
                "training.seed say so",
                config.from_,
                network.execution.title,
                how.title,
            )
        return blocks_of(network, learn_decays=bool(config.learn_decays))
    if config.sizes is not None:
        check_weights("network.sizes", sum(a * b for a, b in pairwise(config.sizes)))
        made = dense_blocks(
            config.sizes,
            family=config.neuron,
            gain=config.gain,
            seed=seed,
            threshold_factors=config.threshold_factors,
            **neuron_settings(config),
        )
    else:
        made = layer_blocks(config, shape, seed)
    return sigma_delta_network(made) if config.neuron == "sigma_delta" else made


def _check_float32(config: Config) -> None:
    """Raise InvalidValue if a number that torch is given is beyond float32."""
    largest = float(np.finfo(np.float32).max)

    def look(where: str, value: Any) -> None:
        if isinstance(value, float) and abs(value) > largest:
            raise InvalidValue(where, value, f"at most {largest:.4g}, the largest float32")
        if isinstance(value, dict):
            for name, each in value.items():
                look(f"{where}.{name}", each)
        elif isinstance(value, list):
            for i, each in enumerate(value):
                look(f"{where}[{i}]", each)

    for name in ("network", "gradient", "loss", "optimizer"):
        look(name, getattr(config, name).plain())


def _augmentation(config: Config, train: Any) -> Callable[[Any, Any], Any] | None:
    """Return what makes variants of training samples, None if nothing is to change."""
    if config.augmentation is None:
        return None
    vary = Augmentation(**config.augmentation.plain())
    return partial(vary, shape=train.shape, seed=config.training.seed) if vary else None


def _optimizer(config: Config, network: UnlayeredNetwork) -> torch.optim.Optimizer:
    """Return the optimizer; slayer keeps decays as multiples of 1/4096, so that their steps are in that unit."""
    o = config.optimizer
    rate = default_learning_rate(network) if o.learning_rate is None else o.learning_rate
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    decays = [p for name, p in named if name.endswith("_decay")]
    weights = [p for name, p in named if not name.endswith("_decay")]
    # The steps of Adam do not shrink with the gradient.
    unit = STATE_SCALE**2 if o.name.lower() == "sgd" else STATE_SCALE
    groups: list[dict[str, Any]] = [{"params": weights}]
    if decays:
        groups.append({"params": decays, "weight_decay": 0.0, "lr": o.decay_learning_rate * unit})
    return make_optimizer("optimizer", o.name, groups, rate, _optimizer_options(config))


def _optimizer_options(config: Config) -> dict[str, Any]:
    """Return the arguments of the optimizer, after checking that it takes them."""
    o = config.optimizer
    takes = optimizer_options("optimizer", o.name)
    # Rprop, for one, has no weight decay.
    decay = {"weight_decay": o.weight_decay} if o.weight_decay or "weight_decay" in takes else {}
    options = {**decay, **o.options}
    for name, value in options.items():
        if name not in takes:
            meant = nearest(name, [toml_name(each) for each in keys(OptimizerConfig)] + takes)
            raise InvalidValue(f"optimizer.{name}", value, f"left out: {o.name} takes {', '.join(takes)}{meant}")
    return options


def check_options(config: Config) -> None:
    """Raise an error if the optimizer takes no such options, which torch knows and a config does not.

    Raises
    ------
    InvalidValue
        Naming the option.
    """
    _optimizer_options(config)
