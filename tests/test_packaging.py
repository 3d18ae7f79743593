"""What is declared, what is pinned and what is shipped."""

import importlib.metadata
import re
import zipfile
from pathlib import Path

import pytest
import tomli
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lava_async

ROOT = Path(__file__).parents[1]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    Requirement(line.split("#")[0])
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
DECLARED = [*PROJECT["dependencies"], *(name for extra in PROJECT["optional-dependencies"].values() for name in extra)]


def test_the_version_stands_in_the_package_alone():
    assert lava_async.__version__ == importlib.metadata.version("lava-async")


def test_every_line_of_the_lock_pins_one_version():
    for pin in PINS:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
        assert pin.url is None


@pytest.mark.parametrize("declared", DECLARED)
def test_the_lock_pins_what_is_declared(declared):
    requirement = Requirement(declared)
    pin = next(pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name))
    assert requirement.specifier.contains(str(pin.specifier).removeprefix("=="))


def test_the_lock_names_no_index_and_no_path():
    assert not re.search(r"://|^-|(^| )/", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)


def test_the_wheel_holds_the_package_alone(tmp_path):
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    top_level = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert top_level == {"lava_async", f"lava_async-{lava_async.__version__}.dist-info"}
