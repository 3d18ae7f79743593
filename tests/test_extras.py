"""What is not installed is one sentence with the command that installs it, at the call that needs it."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lava_async import extras
from lava_async.experiments.toml import read_toml
from lava_async.extras import EXTRAS, LAVA, MissingExtra, missing, needs, require

ROOT = Path(__file__).parents[1]
PYPROJECT = read_toml(ROOT / "pyproject.toml")

#: What needs an extra: code, the extra, and the modules that are hidden from it.
NEEDS = {
    "the package training": ("import lava_async.training", "train", ["torch"]),
    "a loader of torch": ("import lava_async.data.loading", "train", ["torch"]),
    "the handwritten digits": ("from lava_async.data.digits import digits; digits('test')", "train", ["sklearn"]),
    "the package plots": ("import lava_async.plots", "plots", ["matplotlib"]),
    "pictures of data": ("import lava_async.data.pictures", "plots", ["matplotlib"]),
    "a study on a cluster": (
        "from lava_async.experiments.sweep import sweep; sweep([1], print, scheduler='tcp://localhost:1')",
        "study",
        ["distributed"],
    ),
    "a training from a config": ("from lava_async.experiments.train import train", "train", ["torch"]),
    "curves for TensorBoard": (
        "from lava_async.experiments.config import Config\n"
        "from lava_async.experiments.train import train\n"
        "text = '[network]\\nsizes=[200,10]\\n[data]\\nname=\"digits\"\\n[training]\\nepochs=1\\ntensorboard=true'\n"
        "train(Config.from_toml(text), FOLDER)",
        "tensorboard",
        ["tensorboard"],
    ),
    "fetching a data set": (
        "from lava_async.data.download import download; download('nmnist', FOLDER)",
        "datasets",
        ["tonic"],
    ),
    "writing a .nir file": (
        "from lava_async import CubaParams, Network, nir\n"
        "nir.write(Network.feedforward([[[1.0]]], CubaParams(1, 0.5, 1)), FOLDER + '/a.nir')",
        "nir",
        ["nir"],
    ),
    "Processes without Lava": ("import lava_async.proc", "lava", ["lava"]),
    "Processes without what Lava imports": ("import lava_async.proc", "lava", ["asteval"]),
}


def run(code, hidden):
    hide = f"""
from importlib.machinery import PathFinder
find, hidden = PathFinder.find_spec, {hidden!r}
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name in hidden else find(name, *rest))
"""
    return subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("case", NEEDS)
def test_a_missing_extra_is_one_sentence_with_the_command(case, tmp_path):
    code, extra, hidden = NEEDS[case]
    if extra == "tensorboard":
        pytest.importorskip("torch")
    done = run(f"FOLDER = {str(tmp_path)!r}\n{code}", hidden)
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"lava_async\.(extras\.MissingExtra|nir\.errors\.MissingNir): \w", last)
    assert f"which is not installed: {extras.command(extra, hidden[0].replace('lava', 'lava.magma'))}" in last


def test_every_extra_that_is_imported_has_a_case():
    """Notebooks are no part of the package."""
    assert {extra for _, extra, _ in NEEDS.values()} == set(EXTRAS) - {"notebook"}


def test_a_command_says_it_in_one_line_without_a_trace():
    code = "from lava_async.cli import main; raise SystemExit(main(['demo', '--fast']))"
    done = run(code, ["torch"])
    assert done.returncode == 1
    expected = 'lava-async demo: training needs torch, which is not installed: pip install "lava-async[train]"'
    assert done.stderr.splitlines()[-1] == expected
    assert "Traceback" not in done.stderr


def test_simulation_and_files_need_no_extra():
    hidden = sorted({module.partition(".")[0] for modules in EXTRAS.values() for module in modules})
    model = ROOT / "netx_models" / "digits_layered" / "network.net"
    done = run(
        f"""
import numpy as np
from lava_async import SpikeTrain, netx, simulate
network = netx.load({str(model)!r})
print(simulate(network, SpikeTrain.from_dense(np.zeros((network.n_inputs, 3), int))).counts.sum())
import lava_async.cli, lava_async.data, lava_async.hardware, lava_async.nir
""",
        hidden,
    )
    assert (done.stdout.strip(), done.stderr) == ("0", "")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 and later")
def test_lava_is_installed_without_what_it_declares_on_later_pythons():
    command = extras.command("lava", "lava.magma")
    assert command == "pip install --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0"


def test_versions_of_lava_are_those_that_are_declared():
    assert [f"{name}=={version}" for name, version in LAVA.items()] == PYPROJECT["dependency-groups"]["lava"]


def test_every_module_belongs_to_a_package_that_the_extra_declares():
    declared = PYPROJECT["project"]["optional-dependencies"]
    for extra, modules in EXTRAS.items():
        names = {re.split(r"[<>=;\[ ]", text)[0] for text in declared[extra]}
        for module in modules:
            assert extras.distribution(module) in names, (extra, module)


def test_an_import_that_fails_for_another_reason_stays_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needs("train", "this"):
        import no_such_module  # noqa: F401


def test_what_is_missing_is_found_without_importing_it(monkeypatch):
    monkeypatch.setitem(EXTRAS, "nothing", ("no_such_module", "no_such_package.module", "json"))
    assert missing("nothing") == ["no_such_module", "no_such_package.module"]
    with pytest.raises(MissingExtra, match="this needs no_such_module, which is not installed"):
        require("nothing", "this")


def test_the_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(MissingExtra("this", "train", "torch")))
    assert (error.what, error.extra, error.module, error.name) == ("this", "train", "torch", "torch")
