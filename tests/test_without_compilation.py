"""The kernels as plain Python: what a debugger and a coverage tool step through gives what the compiled ones give."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import sys
import numpy as np, torch
from lava_async import Random
from lava_async.training import UnlayeredNetwork, dense_blocks

net = UnlayeredNetwork(dense_blocks([30, 40, 40, 5], seed=1, gain=4), schedule=Random(4), threads=1)
counts = net(torch.from_numpy((np.random.default_rng(0).random((3, 30, 4)) < 0.4).astype(np.float32)))
(counts.sum(2) * torch.arange(5)).sum().backward()
gradients = [p.grad.numpy() for p in net.parameters() if p.grad is not None]
np.savez(sys.argv[1], counts.detach().numpy(), *gradients)
"""


@pytest.mark.timeout(300)
def test_the_gradient_is_that_of_the_compiled_kernels(tmp_path):
    found = []
    for switch in ("0", "1"):
        file = tmp_path / f"{switch}.npz"
        environment = {**os.environ, "NUMBA_DISABLE_JIT": switch}
        # numpy warns where hashes wrap around, which compiled code does in silence.
        subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM, file], check=True, env=environment, timeout=280)
        found.append(np.load(file))
    compiled, plain = found
    assert compiled["arr_0"].any()
    np.testing.assert_array_equal(plain["arr_0"], compiled["arr_0"])
    for name in compiled.files[1:]:
        scale = np.abs(compiled[name]).max()
        assert scale > 0
        np.testing.assert_allclose(plain[name], compiled[name], rtol=1e-4, atol=1e-5 * scale)
