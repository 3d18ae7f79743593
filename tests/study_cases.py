"""A study that takes seconds, done once per file of tests."""

from __future__ import annotations

from functools import partial

import pytest

from lava_async.experiments.cells import run_cell
from lava_async.experiments.study import StudyConfig
from lava_async.experiments.sweep import sweep

TINY = """
seeds = [0, 1]
split = "validation"

[base.network]
sizes = [200, 12, 10]
gain = 2.0

[base.data]
name = "digits"
limit = 100

[base.optimizer]
learning_rate = 0.02

[base.training]
epochs = 1

[[trainings]]
name = "layered"
values = { "schedule.name" = "layered" }

[[trainings]]
name = "random"

[[executions]]
schedule = "layered"

[[executions]]
schedule = "random"
group_size = [2]
extra_steps = [0]
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study that is finished, and its folder."""
    study, out = StudyConfig.from_toml(TINY), tmp_path_factory.mktemp("study")
    assert sweep(study.cells(), partial(run_cell, out=out)) == []
    return study, out


def row(training: str, accuracy: float, spikes: float, *, execution: str = "random F=8", seeds: int = 2):
    names = ("accuracy", "spikes", "forward_steps_to_decision", "synaptic_operations_to_decision")
    numbers = dict(zip(names, (accuracy, spikes, 7.25, 1000 * spikes), strict=True))
    spread = {f"{name}_sd": 0.01 if seeds > 1 else float("nan") for name in names}
    place = {"setting": "no memory", "training": training, "execution": execution, "readout": "quiescence"}
    return {**place, "seeds": list(range(seeds)), **numbers, **spread}
