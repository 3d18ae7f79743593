"""Trainings of several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from training_cases import SMALL, start, weights

from lava_async.experiments.build import build_network
from lava_async.experiments.train import train
from lava_async.training.distributed import Ranks

# --------------------------------------------------------------------------------------------- several processes

JOINT = SMALL.with_values(
    {
        "data.limit": 13,
        "training.batch_size": 13,
        "training.epochs": 1,
        "optimizer": {"name": "sgd", "learning_rate": 1.0},
    }
)


def check_joint_step(one, two):
    before = build_network(JOINT, (200,), 10).state_dict()
    for name, first in before.items():
        step = one["network"][name] - first
        assert step.any() or "synapse" not in name
        torch.testing.assert_close(two["network"][name] - first, step, rtol=1e-4, atol=1e-6, msg=name)
    for a, b in zip(one["history"], two["history"], strict=True):
        assert {**a, "seconds": 0, "loss": 0} == {**b, "seconds": 0, "loss": 0}
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


@pytest.mark.timeout(1200)
def test_two_processes_take_the_step_of_one_on_their_joint_batch(tmp_path):
    """Shares of 7 and 6 samples; only sums of floats have another order."""
    train(JOINT, tmp_path / "one")
    meet = torch.distributed.TCPStore("127.0.0.1", 0, 2, is_master=True, wait_for_workers=False)
    where = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(meet.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": "2",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    both = [start(JOINT, tmp_path / "two", RANK=str(rank), **where) for rank in (0, 1)]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert json.loads((tmp_path / "two" / "results.json").read_text())["processes"] == 2
    check_joint_step(weights(tmp_path / "one"), weights(tmp_path / "two"))


@pytest.mark.slow
def test_torchrun_runs_the_command_and_one_process_reports(tmp_path):
    (tmp_path / "config.toml").write_text(JOINT.to_toml())
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lava_async", "train"]
    command = [sys.executable, "-m", *launch, str(tmp_path / "config.toml"), "--out", str(tmp_path / "two"), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    assert printed["processes"] == 2
    assert printed == json.loads((tmp_path / "two" / "results.json").read_text())
    train(JOINT, tmp_path / "one")
    check_joint_step(weights(tmp_path / "one"), weights(tmp_path / "two"))


AGAIN = """
import faulthandler, os, sys
import torch.distributed as dist
from lava_async.training import distributed

faulthandler.dump_traceback_later(100, exit=True)
join = dist.init_process_group
for i in range(int(sys.argv[2])):
    dist.init_process_group = lambda backend: join(
        backend, init_method=f"file://{sys.argv[1]}{i}", rank=int(os.environ["RANK"]), world_size=2)
    with distributed.ranks() as group:
        assert group.from_first({"rank": group.rank}) == {"rank": 0}
        assert group.sum([1.0])[0] == 2
"""


@pytest.mark.parametrize("times", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_leaving_a_group_of_processes_never_stands_still(tmp_path, times):
    """As it did after some hundred times when gloo's thread freed the last tensor."""
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "meet"), str(times)]
    both = [
        subprocess.Popen(command, env={**os.environ, "WORLD_SIZE": "2", "RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors


OWN_LOOP = """
import os, sys
import numpy as np, torch
from lava_async import Random
from lava_async.training import UnlayeredNetwork, dense_blocks

rank = int(os.environ["RANK"])
x = torch.from_numpy((np.random.default_rng(0).random((8, 30, 4)) < 0.4).astype(np.float32))
net = UnlayeredNetwork(dense_blocks([30, 40, 5], seed=1, gain=4), schedule=Random(4), threads=1)
torch.distributed.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(net)
mine = np.arange(4 * rank, 4 * rank + 4)
torch.nn.functional.cross_entropy(model(x[mine], mine).sum(2), torch.arange(8)[mine] % 5).backward()
shared = [p.grad.clone() for p in net.parameters() if p.grad is not None]
net.zero_grad()
torch.nn.functional.cross_entropy(net(x, np.arange(8)).sum(2), torch.arange(8) % 5).backward()
for a, b in zip(shared, [p.grad for p in net.parameters() if p.grad is not None], strict=True):
    assert b.any()
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_a_network_trains_in_torchs_own_data_parallel(tmp_path):
    (tmp_path / "loop.py").write_text(OWN_LOOP)
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "loop.py")]
    run = subprocess.run(
        [sys.executable, "-m", *launch],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr


def test_shares_are_all_of_a_batch_and_no_more():
    for n in (0, 1, 7):
        parts = [Ranks(rank, 3).share(np.arange(n)) for rank in range(3)]
        np.testing.assert_array_equal(np.concatenate(parts), np.arange(n))
