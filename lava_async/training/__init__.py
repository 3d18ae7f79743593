"""Training without layer synchronization: slayer's blocks, run by the schedule that they will meet once deployed."""

from lava_async.extras import needs

with needs("train", "lava_async.training"):
    from lava_async.training.blocks import dense_blocks
    from lava_async.training.finetune import blocks_of
    from lava_async.training.gradient import Gradient, Run
    from lava_async.training.history import Batch, Epoch
    from lava_async.training.loop import Evaluation, evaluate, fit
    from lava_async.training.losses import CrossEntropy, MultiLabel, Regression, SpikeMax, SpikeRate
    from lava_async.training.surrogates import ATan, Exponential, Surrogate
    from lava_async.training.trainer import Trainer
    from lava_async.training.unlayered import UnlayeredNetwork

__all__ = [
    "ATan",
    "Batch",
    "CrossEntropy",
    "Epoch",
    "Evaluation",
    "Exponential",
    "Gradient",
    "MultiLabel",
    "Regression",
    "Run",
    "SpikeMax",
    "SpikeRate",
    "Surrogate",
    "Trainer",
    "UnlayeredNetwork",
    "blocks_of",
    "dense_blocks",
    "evaluate",
    "fit",
]
