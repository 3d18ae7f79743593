"""Every extension point, followed as `docs/extending.md` describes it, by modules outside the package."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lava_async
from lava_async import Deep, Layered, LoihiParams, Network, netx
from lava_async.errors import InvalidType, InvalidValue
from lava_async.registry import Registry
from lava_async.schedules import SCHEDULES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
RECIPES = {
    title: code
    for title, text in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    for code in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
}
TABLE = re.findall(r"^\| (?:\[)?([^\]|]+?)(?:\]\(#[\w-]+\))? \| `([\w.]+)`, `([\w.]+)` \|", PAGE, re.MULTILINE)
SCREEN = 50
"""Lines."""


def registry(path: str) -> Registry[object]:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Give a folder from which modules are imported, and forget afterwards what they registered."""
    for _, path, _ in TABLE:
        monkeypatch.setattr(registry(path), "_members", dict(registry(path)._members))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("recipe_"):
            del sys.modules[name]


def write_recipe(folder: Path, title: str) -> str:
    name = "recipe_" + re.sub(r"\W+", "_", title.lower())
    (folder / f"{name}.py").write_text(RECIPES[title])
    return name


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_fits_on_a_screen_and_runs_outside_the_package(title, outside):
    assert RECIPES[title].count("\n") <= SCREEN
    assert "assert " in RECIPES[title] or title == "Command"  # which is run as a command below
    importlib.import_module(write_recipe(outside, title))


def test_the_table_lists_every_registry_of_the_package_and_every_recipe():
    sources = "\n".join(path.read_text() for path in Path(lava_async.__file__).parent.rglob("*.py"))
    kinds = set(re.findall(r"^\w+: Registry\[.*\] = Registry\(\s*\"(\w+)\"", sources, re.MULTILINE))
    assert {registry(path).kind for _, path, _ in TABLE} == kinds
    assert all(group == f"lava_async.{registry(path).kind}" for _, path, group in TABLE)
    assert set(re.findall(r"^\| \[([^\]]+)\]\(#", PAGE, re.MULTILINE)) == set(RECIPES)


def test_an_installed_package_adds_schedules_data_sets_and_commands_by_its_entry_points(outside):
    """As pip installs it: a module, and a folder of metadata with entry_points.txt."""
    modules = {title: write_recipe(outside, title) for title in ("Schedule", "Data set", "Command")}
    info = outside / "recipes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recipes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[lava_async.schedules]\npatient = {modules['Schedule']}:Patient\n"
        f"[lava_async.data_sets]\nstripes = {modules['Data set']}:stripes\n"
        f"[lava_async.commands]\ncount = {modules['Command']}:COUNT\n"
        f"[lava_async.presets]\nbroken = {modules['Schedule']}:nothing\n"
    )
    network = Network.feedforward([np.full((2, 16), 30)], LoihiParams(du=4095, dv=0, vth=60))
    netx.save(network, "model.net")

    def run(*words: str) -> dict[str, object]:
        paths = f"sys.path[:0] = [{str(ROOT)!r}, {str(outside)!r}]"
        code = f"import sys; {paths}; from lava_async.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert run("count", "model.net") == {"synapses": 32}
    found = run("run", "model.net", "--data", "stripes", "--schedule", "patient", "--group-size", "1")
    assert found["schedule"] == {"name": "patient", "group_size": 1}


def test_a_name_that_is_taken_is_refused_and_the_same_member_may_come_again():
    kinds: Registry[type] = Registry("schedules", {"layered": Layered})
    assert kinds.register("mine", Deep) is Deep
    assert kinds.register("mine", Deep) is Deep
    with pytest.raises(
        InvalidValue, match="name of one of the schedules = 'mine': must be different from layered, mine"
    ):
        kinds.register("mine", Layered)
    with pytest.raises(InvalidType, match="must be a text that is not empty"):
        kinds.register("", Deep)
    assert next(iter(SCHEDULES)) == "layered"


def test_an_entry_point_that_cannot_be_imported_names_its_package(outside):
    info = outside / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lava_async.toys]\nball = no_such_module:Ball\n")
    toys: Registry[type] = Registry("toys", {"train": "collections:OrderedDict"})
    assert sorted(toys) == ["ball", "train"]
    assert toys["train"].__name__ == "OrderedDict"
    message = "'ball', one of the toys of the installed package broken, cannot be imported from no_such_module:Ball"
    with pytest.raises(ImportError, match=message):
        toys["ball"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_header_of_a_neuron_model_gives_what_its_python_gives(tmp_path):
    """The core is built again, for one instruction set, in a copy of the package."""
    package = shutil.copytree(
        ROOT / "lava_async", tmp_path / "lava_async", ignore=shutil.ignore_patterns("_core*", "__pycache__")
    )
    neurons = package / "core" / "neurons"
    (header,) = re.findall(r"^```cpp\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (neurons / "quadratic.hpp").write_text(header)
    models = (neurons / "models.hpp").read_text()
    models = models.replace('#include "alif.hpp"\n', '#include "alif.hpp"\n#include "quadratic.hpp"\n')
    models = models.replace("Resonate<T, true>>;", "Resonate<T, true>, Quadratic<T>>;")
    (neurons / "models.hpp").write_text(models)
    build = tmp_path / "build"
    options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DLAVA_ASYNC_ISAS=baseline"]
    options += [f"-DPython_EXECUTABLE={sys.executable}"]
    bin_ = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    for command in (
        ["cmake", "-S", str(package / "core"), "-B", str(build), *options],
        ["cmake", "--build", str(build)],
        ["cmake", "--install", str(build), "--prefix", str(tmp_path)],
    ):
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=1500)
    code = RECIPES["Neuron"].replace(
        '    state: ClassVar[tuple[str, ...]] = ("v",)',
        '    state: ClassVar[tuple[str, ...]] = ("v",)\n    core: ClassVar[str] = "quadratic"',
    )
    code += """
rng = np.random.default_rng(0)
network = Network.feedforward([rng.normal(0, 0.6, (20, 12)), rng.normal(0.1, 0.6, (9, 20))], Quadratic(0.7, 0.02))
counts = rng.integers(0, 2, (12, 15))
runs = [simulate(network, counts, schedule=Random(3), engine=engine) for engine in ("reference", "compiled")]
assert runs[0].counts.sum() > 100 and (runs[0].counts == runs[1].counts).all()
assert (runs[0].voltage == runs[1].voltage).all()
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path, timeout=120)
