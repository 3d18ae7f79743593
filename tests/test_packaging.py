"""What is declared, what is pinned and what is shipped."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lava_async
from lava_async import models
from lava_async.experiments.toml import read_toml

# Under load, or on another Python than the one that built the core, a wheel compiles the binding for minutes.
pytestmark = pytest.mark.timeout(1000)
ROOT = Path(__file__).parents[1]
PYPROJECT = read_toml(ROOT / "pyproject.toml")
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: The lock file of each Python, and the extras that it leaves out.
LOCKS = {
    "3.10": ("requirements-3.10.lock", set()),
    "3.11": ("requirements.lock", {"datasets"}),
    "3.12": ("requirements.lock", {"datasets"}),
    "3.13": ("requirements.lock", {"datasets"}),
    "3.14": ("requirements.lock", {"datasets"}),
}
PYTHONS = pytest.mark.parametrize("python", LOCKS)


def environment(python):
    """Markers of a requirement as they are on Linux on x86-64 with that version of Python."""
    return {"python_version": python, "python_full_version": f"{python}.1", "extra": "", "sys_platform": "linux"}


def pins(python):
    """What is installed on a version of Python: name -> requirement."""
    lines = (ROOT / LOCKS[python][0]).read_text().splitlines()
    found = [Requirement(line.split("#")[0]) for line in lines if line.strip() and not line.startswith("#")]
    valid = [pin for pin in found if pin.marker is None or pin.marker.evaluate(environment(python))]
    names = [canonicalize_name(pin.name) for pin in valid]
    assert len(set(names)) == len(names)
    return dict(zip(names, valid, strict=True))


def declared(python):
    """Every requirement that this project declares for a version of Python, but those of itself."""
    groups = PYPROJECT["dependency-groups"]
    texts = [*PROJECT["dependencies"], *groups["docs"], *(text for text in groups["dev"] if isinstance(text, str))]
    for name, extra in EXTRAS.items():
        texts += extra if name not in LOCKS[python][1] else []
    requirements = map(Requirement, texts)
    return [
        r for r in requirements if r.name != "lava-async" and (not r.marker or r.marker.evaluate(environment(python)))
    ]


def test_the_version_stands_in_the_package_alone():
    assert lava_async.__version__ == importlib.metadata.version("lava-async")


@PYTHONS
def test_every_line_of_a_lock_pins_one_version(python):
    for pin in pins(python).values():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
        assert pin.url is None


@PYTHONS
def test_a_lock_pins_what_is_declared(python):
    pinned = pins(python)
    for requirement in declared(python):
        version = str(pinned[canonicalize_name(requirement.name)].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), (requirement, version)


@pytest.mark.parametrize("lock", sorted({name for name, _ in LOCKS.values()}))
def test_a_lock_names_no_index_and_no_path(lock):
    assert not re.search(r"://|^-|(^| )/", (ROOT / lock).read_text(), flags=re.MULTILINE)


def test_lava_is_declared_on_python_310_alone():
    # Later ones could not install the package: lava-nc and lava-dl declare Python 3.10.
    for python in LOCKS:
        names = {requirement.name for requirement in declared(python)}
        assert ({"lava-nc", "lava-dl"} <= names) == (python == "3.10")


def test_lava_has_the_same_versions_on_every_python():
    on_310 = {
        text.split(";")[0] for extra in EXTRAS.values() for text in extra if text.startswith(("lava-nc", "lava-dl"))
    }
    assert on_310 == set(PYPROJECT["dependency-groups"]["lava"])


def test_all_holds_every_extra_but_datasets():
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.extras == set(EXTRAS) - {"all", "datasets"}


# --- What is shipped -------------------------------------------------------------------------------------------------


def build(tmp_path, *options, **environment):
    """Build a wheel of this folder into tmp_path, with the packages of this environment."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", *options]
    bin_folder = Path(sys.executable).parent
    path = {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(ROOT)],
        env=os.environ | path | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel for this Python, from the object files that `make core` left."""
    folder = tmp_path_factory.mktemp("wheel")
    done = build(folder, "--config-settings=build-dir=build/core/release")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_its_module_and_what_lava_first_needs(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    startup = {"_lava_async_startup.py", "lava_async_startup.pth"}
    package = {"lava_async", f"lava_async-{lava_async.__version__}.dist-info"}
    assert {name.split("/")[0] for name in names} == package | startup
    assert sum(name.startswith("lava_async/_core.") and not name.endswith(".pyi") for name in names) == 1
    assert not [name for name in names if name.endswith((".cpp", ".hpp", ".txt")) and "dist-info" not in name]
    assert not [name for name in names if name.startswith("lava_async/bench/")]
    assert {Path(name).parts[2] for name in names if name.startswith("lava_async/netx_models/")} == set(models.names())


def test_one_wheel_serves_python_312_and_all_later_ones(wheel):
    tag = "cp312-abi3" if sys.version_info >= (3, 12) else f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}"
    assert f"-{tag}-" in wheel.name


def test_an_installed_wheel_simulates_with_numpy_and_h5py_alone(wheel, tmp_path):
    here = Path(importlib.metadata.distribution("numpy").locate_file(""))
    venv.create(tmp_path / "fresh", symlinks=True)
    (site,) = (tmp_path / "fresh").glob("lib/python*/site-packages")
    for package in ("numpy", "h5py", *(["tomli"] if sys.version_info < (3, 11) else [])):
        for path in here.glob(f"{package}*"):  # the package, its libraries and its metadata
            (site / path.name).symlink_to(path)
    python = tmp_path / "fresh" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    code = """
import numpy as np
import lava_async as la
from lava_async import models
network = models.load("digits_robust")
spikes = np.random.default_rng(0).random((4, network.n_inputs, 10)) < 0.1
print(la.simulate_batch(network, spikes, schedule=la.Random(8)).counts.sum() > 0, la.__file__)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([str(python), "-c", code], **run)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["True", str(site / "lava_async" / "__init__.py")]
    finders = (
        "import sys; print(*(getattr(finder, '__name__', '') for finder in sys.meta_path), 'numpy' in sys.modules)"
    )
    started = subprocess.run([str(python), "-c", finders], **run).stdout.split()
    assert (started[0] == "LavaFinder", started[-1]) == (sys.version_info >= (3, 11), "False")
    version = subprocess.run([str(python.parent / "lava-async"), "--version"], **run)
    assert version.stdout == f"lava-async {lava_async.__version__}\n"


def test_where_there_is_no_compiler_the_last_line_says_what_is_missing(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "cat", "env", "sh", "uname"):
        (tools / tool).symlink_to(shutil.which(tool))
    for tool in ("cmake", "ninja"):
        (tools / tool).symlink_to(Path(sys.executable).parent / tool)
    done = build(
        tmp_path / "wheel", f"--config-settings=build-dir={tmp_path / 'build'}", PATH=str(tools), CXX="", CC=""
    )
    assert done.returncode != 0
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    (line,) = [line for line in said if line.startswith("lava-async was not built")]
    assert said[said.index(line) + 1] == "[end of output]"
    for words in ("C++20 compiler", "apt install g++", "xcode-select --install", "--only-binary lava-async"):
        assert words in line


def test_the_sdist_holds_sources_and_tests_and_nothing_that_was_built(tmp_path):
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "lava_async" / "core").rglob("*") if path.is_file()}
    trained = {str(path.relative_to(ROOT)) for path in map(models.path, models.names())}
    assert sources | trained | {"tests/conftest.py", "docs/index.md", "LICENSE", "PKG-INFO"} <= names
    assert not {name.split("/")[0] for name in names} & {".venv", ".cache", "build", "dist"}
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
