"""Batches of events for torch, and what the page about data shows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from lava_async import Random
from lava_async.data import SpikeDataset, registry
from lava_async.data.encoders import ENCODERS
from lava_async.data.loading import TorchSpikes, collate, data_loader
from lava_async.data.paths import SOURCES
from lava_async.spikes import SpikeBatch
from lava_async.training import UnlayeredNetwork, dense_blocks

PAGE = Path(__file__).parents[1] / "docs" / "data.md"
DENSE = np.random.default_rng(3).integers(0, 2, (7, 6, 4), dtype=np.uint8)
DATA = SpikeDataset(DENSE, np.arange(7), (1, 2, 3), "toy")


def test_a_loader_gives_batches_of_events_in_order():
    batches = list(data_loader(DATA, 3))
    assert [type(events) for events, _ in batches] == [SpikeBatch] * 3
    np.testing.assert_array_equal(np.concatenate([events.to_dense() for events, _ in batches]), DENSE)
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(7))
    assert len(list(data_loader(DATA, 3, drop_last=True))) == 2


def test_shuffling_follows_the_seed_and_no_global_state():
    def orders(seed):
        loader = data_loader(DATA, 2, shuffle=True, seed=seed)
        return [[int(i) for _, labels in loader for i in labels] for _ in range(2)]

    before = torch.get_rng_state()
    first = orders(1)
    assert first == orders(1)
    assert first != orders(2)
    assert first[0] != first[1]
    assert all(sorted(order) == list(range(7)) for order in first)
    torch.testing.assert_close(torch.get_rng_state(), before)


def test_single_samples_make_the_same_batch():
    samples = TorchSpikes(DATA)
    one_by_one, together = collate([samples[i] for i in (5, 2)]), collate(samples.__getitems__([5, 2]))
    assert SpikeBatch.concatenate([one_by_one[0]]) == together[0]
    assert one_by_one[1].tolist() == together[1].tolist() == [5, 2]


def test_a_network_runs_a_batch_as_it_runs_the_array():
    network = UnlayeredNetwork(dense_blocks([6, 4, 2], seed=0), schedule=Random(2)).eval()
    ((events, _),) = data_loader(DATA, 7)
    torch.testing.assert_close(network(events), network(torch.from_numpy(DENSE)))


def test_the_examples_of_the_page_about_data_run_one_after_another(capsys):
    names: dict = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(code, PAGE.name, "exec"), names)
    shown = capsys.readouterr().out
    assert "digits validation (357, 200, 10) (2, 10, 10) 10" in shown
    assert "(4, 64, 20) (4, 64, 20) (4, 200, 10)" in shown


def test_the_page_names_every_data_set_its_files_and_every_encoder():
    text = PAGE.read_text()
    for name in (*registry.DATA, *ENCODERS):
        assert f"`{name}" in text
    for name, source in SOURCES.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        for file in source.files:
            assert file.split("|")[0].removesuffix(".gz") in row
