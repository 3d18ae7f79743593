"""A trained network of a study as a folder that can be given away.

::

    network.net       for netx and Lava
    config.toml       how it was trained, and will be again by `lava-async train config.toml`
    results.json      metrics under every execution of the study
    samples.npz       some samples with the spikes that the network answers, to check a run against
    card.md           all that in words
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from lava_async import netx
from lava_async.data.samples import LabelledSpikes
from lava_async.errors import InvalidValue
from lava_async.experiments import build
from lava_async.experiments.cells import FIRST_OUTPUT, QUIESCENCE, Cell, name_of, noted, readout_of
from lava_async.files import replacing, write_json
from lava_async.models import CARD, NETWORK, RESULTS
from lava_async.schedules import SCHEDULES, Layered, Random
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch

CONFIG, SAMPLES = "config.toml", "samples.npz"
#: How many samples are recorded, and under which schedules; draws are keyed by seed 0 and samples 0, 1, ...
RECORDED, ORDERS = 3, {"layered": Layered(), "random": Random(group_size=8)}
#: What the data sets are.
DATA_SETS = {
    "digits": "scikit-learn's 1,797 handwritten 8x8 digits as events of a simulated camera, 200 channels, 10 steps",
    "mnist": "MNIST as events of a simulated event camera that moves (saccades), 2312 channels, 10 time steps",
    "spoken_digits": "synthetic spoken digits in the format of SHD (English and German, 20 classes), 700 channels, "
    "53 time steps; not the Heidelberg recordings",
}


def write_model(cell: Cell, out: str | Path, folder: str | Path) -> None:
    """Write the folder of a cell's network.

    Parameters
    ----------
    cell : Cell
        One that is trained and evaluated.
    out : path
        Folder of the study.
    folder : path
        Where the files go; it is made if missing.

    Raises
    ------
    InvalidValue
        If the cell is not evaluated yet.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.cells import run_cell
    >>> from lava_async.experiments.model_card import write_model
    >>> from lava_async.experiments.study import StudyConfig
    >>> study = StudyConfig.from_toml('''
    ... base = { network = { sizes = [200, 8, 10] }, data = { name = "digits", limit = 32 }, training = { epochs = 1 } }
    ... trainings = [{ name = "random" }]
    ... executions = [{ schedule = "layered" }]
    ... seeds = [0]
    ... ''')
    >>> (cell,) = study.cells()
    >>> run_cell(cell, Path("small"))
    >>> write_model(cell, Path("small"), Path("digits_small"))
    >>> sorted(path.name for path in Path("digits_small").iterdir())
    ['card.md', 'config.toml', 'network.net', 'results.json', 'samples.npz']
    """
    folder = Path(folder)
    out = Path(out)
    found = cell.read(out)
    if found is None:
        raise InvalidValue("write_model.cell", cell.name, "one that is trained and evaluated")
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / NETWORK) as temporary:
        shutil.copyfile(cell.network(out), temporary)
    executions = [noted(each) for each in cell.executions]
    kept = [
        {name: each[name] for name in ("split", "execution", "machine", "samples", "numbers", "layers") if name in each}
        for each in found["evaluations"]
        if each["execution"] in executions and "calibration" not in each
    ]
    steps = record_samples(build.read_split(cell.config.data, cell.split), folder)
    card = _card(cell, found, kept, folder.name, steps)
    for name, text in ((CONFIG, cell.config.to_toml()), (CARD, card)):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_json(
        folder / RESULTS,
        {
            "network": {
                "data": cell.config.data.name,
                "sizes": cell.config.network.sizes,
                "schedule": cell.config.schedule.deployed.config(),
                "until": cell.config.until.rule().config(),
            },
            "study": [cell.setting, cell.training, cell.seed],
            "versions": found["versions"],
            "trained": found["trained"],
            "evaluations": kept,
        },
    )


def record_samples(data: LabelledSpikes, folder: str | Path) -> int:
    """Write some samples and what the network in a folder answers, and return their time steps.

    Examples
    --------
    >>> from pathlib import Path
    >>> from shutil import copy
    >>> from lava_async import models
    >>> from lava_async.data.digits import digits
    >>> from lava_async.experiments.model_card import record_samples
    >>> _ = copy(models.path("digits_robust"), "network.net")
    >>> record_samples(digits("test"), Path("."))
    10
    """
    folder = Path(folder)
    first = data.spikes[np.arange(min(RECORDED, len(data.spikes)))]
    events, network = SpikeBatch.of(first), netx.load(folder / NETWORK)
    counts: dict[str, Any] = {
        f"counts_{name}": simulate_batch(network, events, schedule=order).counts.astype(np.uint8)
        for name, order in ORDERS.items()
    }
    arrays: dict[str, Any] = {
        "channel": events.channel,
        "count": events.count,
        "start": events.start,
        "n_channels": np.array(events.n_channels),
        "labels": data.labels[:RECORDED],
    }
    with replacing(folder / SAMPLES) as temporary:
        np.savez_compressed(temporary, **arrays, **counts)
    return events.n_steps


def _card(cell: Cell, found: dict[str, Any], kept: list[dict[str, Any]], name: str, steps: int) -> str:
    config, trained = cell.config, found["trained"]
    samples = kept[0]["samples"] if kept else 0
    size = " - ".join(map(str, config.network.sizes or ()))
    rows = [
        "| executed | accuracy | at first output | spikes per sample | synaptic operations |",
        "|---|---|---|---|---|",
    ]
    by_place = {_place(cell, each): each["numbers"] for each in kept}
    for execution, numbers in ((e, n) for (e, readout), n in by_place.items() if readout == QUIESCENCE):
        first = by_place.get((execution, FIRST_OUTPUT))
        at_first = f"{first['accuracy']:.1%}" if first else "-"
        rows.append(
            f"| {execution} | {numbers['accuracy']:.1%} | {at_first} | {numbers['spikes']:.0f} | "
            f"{numbers['synaptic_operations']:,.0f} |"
        )
    names = config.schedule.name if isinstance(config.schedule.name, tuple) else (config.schedule.name,)
    sizes = config.schedule.group_size
    order = " or ".join(names)
    if any("group_size" in SCHEDULES[each].options() for each in names):
        drawn = " or ".join(map(str, sizes)) if isinstance(sizes, tuple) else sizes
        order += f", F = {drawn}" + (", drawn for each batch" if isinstance(sizes, tuple) else "")
    table = "\n".join(rows)
    return f"""# {name}

**Data.** {DATA_SETS.get(config.data.name, config.data.name)}.

**Network.** Dense layers {size}, CUBA neurons, fixed point; exported for netx.

**Training.** Schedule {order}; {config.training.epochs} epochs, batches of {config.training.batch_size}, seed
{config.training.seed}; voltage decay {config.network.voltage_decay}, penalty on spikes {config.loss.penalty}, reset
{config.gradient.reset}. The weights are those of epoch {trained["kept_epoch"]}, the best on the validation samples
({trained["validation"]:.1%}). Trained on {_machine(trained)}. All settings: `config.toml`; again: `lava-async train
config.toml`.

**Results**, {samples} {cell.split} samples, one network; read out at quiescence unless said otherwise. More numbers:
`results.json`.

{table}

**Limits.** One seed. Run on CPUs only, in the integers of Loihi, on no chip. Stock netx runs the file layer by layer.

**In Lava**, without layer synchronization:

```python
from lava.magma.core.run_configs import Loihi2SimCfg
from lava_async import Random
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import run
net = AsyncNetwork(net_config="{name}/{NETWORK}", schedule=Random(group_size=8))
run(net, {steps}, Loihi2SimCfg(select_tag="fixed_pt"))  # spikes go into net.inp and come out of net.out
```

`{SAMPLES}` holds {RECORDED} samples and the spikes of all neurons that they make.
"""


def _machine(trained: dict[str, Any]) -> str:
    """Return on which processor a network was trained: sums of floats depend on it."""
    return ", ".join(trained.get("machine", {}).values()) or "a machine that was not noted"


def _place(cell: Cell, evaluation: dict[str, Any]) -> tuple[str, str]:
    """Return execution and read-out of an evaluation, as reports call them."""
    found = next(each for each in cell.executions if noted(each) == evaluation["execution"])
    return name_of(found), readout_of(found)
