"""What a network for unlayered training is given: how it runs, and batches of spikes in any form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import Execution, Fields, chosen
from lava_async.schedules import ExecutionKind, no_single_queue
from lava_async.spikes import ENCODE, MAX_PAYLOAD, SpikeBatch, SpikeTrain
from lava_async.stopping import StopRule
from lava_async.training.gradient import check_real

InputSpikes: TypeAlias = Tensor | SpikeBatch | Sequence[SpikeTrain]
"""(B, C, T) or (B, C, H, W, T) counts, or a SpikeBatch, or B SpikeTrains of one shape."""


class Executed:
    """Has an execution whose fields can be set one by one."""

    execution: Execution

    @property
    def schedule(self) -> ExecutionKind:
        """Schedule of the execution; setting it changes the execution."""
        return self.execution.schedule

    @schedule.setter
    def schedule(self, schedule: ExecutionKind) -> None:
        self.execution = self.execution.but(schedule=schedule)

    @property
    def until(self) -> StopRule:
        """Stop rule of the execution; setting it changes the execution."""
        return self.execution.until

    @until.setter
    def until(self, until: StopRule) -> None:
        self.execution = self.execution.but(until=until)

    @property
    def seed(self) -> int:
        """Seed of the execution; setting it changes the execution."""
        return self.execution.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self.execution = self.execution.but(seed=seed)


def trained_execution(execution: Execution | None, fields: Fields) -> Execution:
    """Return how a network is trained, after checking that it can be."""
    if execution is None and fields["schedule"] is None:
        raise InvalidType("UnlayeredNetwork.schedule", None, "given, as Random(8), or an execution instead")
    try:
        found = chosen(execution, **fields)
    except (InvalidValue, InvalidType) as error:
        raise type(error)(f"UnlayeredNetwork.{error.where}", error.value, error.allowed) from None
    if not found.schedule.trainable:
        raise no_single_queue("UnlayeredNetwork.schedule", found.schedule)
    if getattr(found.schedule, "messages", None) is not None:
        raise InvalidValue("UnlayeredNetwork.schedule: messages", "given", "left out: a recorded run is not trained")
    if found.until.ends_samples:
        name = type(found.until).__name__
        raise InvalidType("UnlayeredNetwork.until", name, "a rule for time steps: training runs whole samples")
    return found


def batch_of(spikes: InputSpikes, input_shape: tuple[int, ...], n_inputs: int) -> tuple[Tensor | SpikeBatch, int]:
    """Return spikes as a dense tensor (B, C, T) or a SpikeBatch, and how many samples they are."""
    if isinstance(spikes, Tensor):
        check_real("spikes", spikes)
        spikes = spikes if spikes.layout == torch.strided else spikes.to_dense()
        if spikes.is_complex():
            raise InvalidType("spikes", str(spikes.dtype), "spike counts")
        if len(input_shape) == 3 and spikes.shape[1:-1] == input_shape:
            spikes = spikes.flatten(1, 3)
        shape = tuple(spikes.shape)
    else:
        spikes = SpikeBatch.of(spikes)
        shape = spikes.shape
    if len(shape) != 3 or shape[1] != n_inputs:
        raise InvalidValue("spikes.shape", shape, f"(B, {n_inputs}, T), the inputs of blocks[0]")
    return spikes, shape[0]


def whole_counts(spikes: Tensor) -> Tensor:
    """Return spike counts after checking them."""
    if not bool(((spikes >= 0) & (spikes <= MAX_PAYLOAD) & (spikes.frac() == 0)).all()):
        allowed = f"whole spike counts in 0 .. {MAX_PAYLOAD}: {ENCODE}"
        raise InvalidValue("spikes", "NaN, negative numbers or fractions", allowed)
    return spikes
