"""What a training is: a TOML file, or the same as frozen dataclasses.

::

    [network]
    sizes = [200, 64, 64, 10]

    [data]
    name = "digits"

    [schedule]
    name = "random"
    group_size = 8

    config = Config.load("digits.toml")
    config.with_values({"training.seed": 1, "schedule.group_size": 2}).to_toml()

Keys that are left out have their defaults. ``docs/training.md`` lists all.
"""

# ruff: noqa: RUF009 (key() makes a dataclass field)
from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lava_async.errors import InvalidValue
from lava_async.execution import Execution
from lava_async.experiments.sections import (
    AugmentationConfig,
    DataConfig,
    ExecutionConfig,
    GradientConfig,
    LossConfig,
    NetworkConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
    UntilConfig,
)
from lava_async.experiments.tables import Table, key, parse


@dataclass(frozen=True)
class Config(Table):
    r"""A training.

    Raises
    ------
    InvalidType, InvalidValue
        If a value cannot be used, naming table, key, value and what is allowed.

    Examples
    --------
    >>> from lava_async.experiments.config import Config
    >>> config = Config.from_toml('[network]\nsizes = [200, 64, 10]\n\n[data]\nname = "digits"')
    >>> config.schedule.name, config.schedule.group_size, config.training.epochs
    ('random', 8, 20)
    >>> config.with_values({"training.epochs": 3, "training.seed": 1}).training.epochs
    3
    >>> config.with_values({"training.epochs": -1})
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: config: training.epochs = -1: must be an integer in 0 .. 1000000
    """

    network: NetworkConfig = key("What is trained.")
    data: DataConfig = key("What is learned from.")
    augmentation: AugmentationConfig | None = key("How training samples are varied; left out: not at all.", None)
    schedule: ScheduleConfig = key("Which pending neurons are delivered next.", ScheduleConfig())
    until: UntilConfig = key("When a time step ends.", UntilConfig())
    execution: ExecutionConfig | None = key("What else says how the network runs; left out: as by default.", None)
    gradient: GradientConfig = key("How a run is differentiated.", GradientConfig())
    loss: LossConfig = key("Loss function of spike counts.", LossConfig())
    optimizer: OptimizerConfig = key("Optimizer.", OptimizerConfig())
    training: TrainingConfig = key("How long, in which order.", TrainingConfig())

    @property
    def deployed(self) -> Execution:
        """How the network runs in validation, and once it is deployed."""
        how = self.execution or ExecutionConfig()
        return Execution(self.schedule.deployed, self.until.rule(), how.refractory, how.input_first, self.training.seed)

    def with_values(self, values: Mapping[str, object]) -> Config:
        """Return a config with other values.

        Parameters
        ----------
        values : mapping
            By dotted names as in ``{"schedule.group_size": 2}``, values as in TOML; None takes a key out.
        """
        data = copy.deepcopy(self.plain())
        for name, value in values.items():
            *tables, last = name.split(".")
            table = data
            for each in tables:
                table = table.setdefault(each, {})
                if not isinstance(table, dict):
                    raise InvalidValue(name, value, f"no value in {each}, which is no table")
            if value is None:
                table.pop(last, None)
            else:
                table[last] = value
        return parse(type(self), data, "config: ")


def shipped() -> dict[str, Path]:
    """Return the configs that come with the package, by name.

    Examples
    --------
    >>> from lava_async.experiments.config import Config, shipped
    >>> Config.load(shipped()["digits"]).data.name
    'digits'
    """
    folder = Path(__file__).with_name("configs")
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
