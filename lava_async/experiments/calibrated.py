"""Calibrated networks that can be given away: the folder of a trained network once more, with other thresholds.

The files are those of :mod:`lava_async.experiments.model_card`; ``config.toml`` is that of the training, and the card
says how the thresholds were chosen and the metrics of the network under the timing of a chip.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lava_async import netx
from lava_async.calibration import Calibration, calibrate
from lava_async.execution import Execution, Fields
from lava_async.experiments import build
from lava_async.experiments.cells import name_of, noted
from lava_async.experiments.config import Config
from lava_async.experiments.measure import measure
from lava_async.experiments.model_card import CONFIG, DATA_SETS, SAMPLES, record_samples
from lava_async.files import replacing, write_json
from lava_async.models import CARD, NETWORK, RESULTS
from lava_async.network import Network
from lava_async.schedules import ExecutionKind, Layered, Random, Timed
from lava_async.stopping import FirstOutput, Margin, Quiescence

PER_CORE = 16
CHOSEN_FOR = Timed(neurons_per_core=PER_CORE)
#: What a card shows the accuracy of, besides the read-outs.
ORDERS: tuple[ExecutionKind, ...] = (
    Layered(chip=CHOSEN_FOR),
    Random(group_size=1),
    Random(group_size=8),
    Timed(),
    CHOSEN_FOR,
)
READOUTS = (Quiescence(), FirstOutput(), Margin(2))


def write_calibrated(
    source: str | Path, folder: str | Path, *, search: str = "quick", threads: int | None = None
) -> Calibration:
    """Calibrate the network in a folder and write a folder of the result.

    Parameters
    ----------
    source : path
        Folder of a trained network, with its config.
    folder : path
        Where the files go; it is made if missing.
    search : {"quick", "layers"}
        As in :func:`lava_async.calibration.calibrate`.
    threads : int, optional
        As in :func:`lava_async.simulate_batch`.

    Returns
    -------
    Calibration
    """
    folder = Path(folder)
    source = Path(source)
    config = Config.load(source / CONFIG)
    network, notes = netx.load(source / NETWORK), netx.metadata(source / NETWORK)
    found = calibrate(
        network,
        build.read_split(config.data, "validation"),
        Execution(CHOSEN_FOR),
        search=search,
        threads=threads,
        progress=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in notes.items() if name not in Fields.__annotations__}
    netx.save(found.network, folder / NETWORK, **{**kept, "calibration": found.notes()})
    shutil.copyfile(source / CONFIG, folder / CONFIG)
    test = build.read_split(config.data, "test")
    steps = record_samples(test, folder)
    kinds = {"as trained": network, "calibrated": found.network}
    results = {kind: _evaluations(net, test, threads) for kind, net in kinds.items()}
    sizes = [network.n_inputs, *(layer.size for layer in network.layers)]
    runs = noted(Execution(CHOSEN_FOR))
    of_network: dict[str, object] = {"data": config.data.name, "sizes": sizes, **runs}
    write_json(
        folder / RESULTS,
        {
            "network": of_network,
            "trained": source.name,
            "calibration": found.notes(),
            "evaluations": results["calibrated"],
            "before": results["as trained"],
        },
    )
    with replacing(folder / CARD) as temporary:
        temporary.write_text(_card(source.name, folder.name, config, found, results, steps), encoding="utf-8")
    return found


def _evaluations(network: Network, data: Any, threads: int | None) -> list[dict[str, Any]]:
    rows = []
    for order in ORDERS:
        for rule in READOUTS:
            if order.layered and rule == FirstOutput():
                continue
            execution = Execution(order, rule)
            found = measure(network, data, execution=execution, threads=threads or 1)
            kept = {name: found[name] for name in ("samples", "numbers")}
            rows.append({"split": "test", "execution": noted(execution), "name": name_of(execution), **kept})
    return rows


def _card(
    trained: str,
    name: str,
    config: Config,
    found: Calibration,
    results: dict[str, list[dict[str, Any]]],
    steps: int,
) -> str:
    layers = json.dumps([round(factor, 3) for factor in found.factors])
    samples = results["calibrated"][0]["samples"]
    lines = [
        "| thresholds | executed | accuracy | at first output | Margin(2) | spikes | operations to decision | us |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, rows in results.items():
        for order in dict.fromkeys(row["name"] for row in rows):
            mine = {row["execution"]["until"]["name"]: row["numbers"] for row in rows if row["name"] == order}
            whole, first, margin = (mine.get(rule) for rule in ("Quiescence", "FirstOutput", "Margin"))
            assert whole is not None
            times = whole.get("nanoseconds_to_decision")
            lines.append(
                f"| {kind} | {order} | {whole['accuracy']:.1%} | {_percent(first)} | {_percent(margin)} "
                f"| {whole['spikes']:.0f} | {whole['synaptic_operations_to_decision']:,.0f} "
                f"| {'-' if times is None else f'{times / 1000:.1f}'} |"
            )
    table = "\n".join(lines)
    return f"""# {name}

**Data.** {DATA_SETS.get(config.data.name, config.data.name)}.

**Network.** `{trained}` with thresholds times {layers}, layer by layer;
all else as it was. Fixed point; exported for netx, which reads it as every other network.

**Training.** None: the factors were chosen by `lava-async calibrate` on {found.samples} validation samples, for
`{found.execution.schedule.title}`, in {len(found.tried)} points. The training before that: `config.toml` and
the card of `{trained}`.

**Results**, {samples} test samples, one network; read out at quiescence unless said otherwise. Operations and
microseconds: until the decision, of samples that end up correct. More numbers: `results.json`.

{table}

**Limits.** One seed. Run on CPUs only, in the integers of Loihi, on no chip; times are those that SANA-FE publishes for
Loihi 1.

**In Lava**, at the times that it was calibrated for, as the file notes them:

```python
from lava.magma.core.run_configs import Loihi2SimCfg
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import run
net = AsyncNetwork(net_config="{name}/{NETWORK}")
run(net, {steps}, Loihi2SimCfg(select_tag="fixed_pt"))  # spikes go into net.inp and come out of net.out
```

`{SAMPLES}` holds some samples and the spikes of all neurons that they make.
"""


def _percent(numbers: dict[str, Any] | None) -> str:
    return "-" if numbers is None else f"{numbers['accuracy']:.1%}"
