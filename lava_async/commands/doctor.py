"""``lava-async doctor``: what is installed, which processor and data are here, and what to do about what is missing."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import sysconfig
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lava_async
from lava_async import extras
from lava_async.commands.base import Command, Report, table
from lava_async.data.paths import DATA_VARIABLE, SOURCES, find_files
from lava_async.engine.config import instruction_set, processor
from lava_async.errors import InvalidValue

#: Packages whose versions matter in a report of a problem.
#: Beside the package where it is installed: makes programs run that import Lava first.
STARTUP = "_lava_async_startup"
PACKAGES = ("numpy", "h5py", "lava-nc", "lava-dl", "torch", "scipy", "nir", "matplotlib", "distributed")


def _arguments(parser: ArgumentParser) -> None:
    del parser  # it has no options of its own


def _run(args: Namespace) -> Report:
    del args
    versions = {"lava-async": lava_async.__version__, "Python": platform.python_version()}
    versions |= {name: found for name in PACKAGES if (found := _version(name))}
    here = {
        "processor": processor(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": _cores(),
        "instruction set": instruction_set(),
    }
    missing = {extra: extras.missing(extra) for extra in extras.EXTRAS}
    folders = {name: _folder(name) for name in SOURCES}
    wrong = [name for name, wanted in extras.LAVA.items() if versions.get(name, wanted) != wanted]
    to_do = list(_advice(missing, folders, wrong))
    sections = [
        table([["package", "version"], *map(list, versions.items())]),
        table([["processor", ""], *([key, str(value)] for key, value in here.items())]),
        table([["extra", "installed"], *([extra, _state(modules)] for extra, modules in missing.items())]),
        table([["data set", "folder"], *([name, folder or "not found"] for name, folder in folders.items())]),
        "\n".join(["to do", "-----", *to_do]) if to_do else "Nothing is missing.",
    ]
    data = {
        "versions": versions,
        "processor": here,
        "data": folders,
        "to_do": to_do,
        "extras": {extra: {"missing": [*map(extras.distribution, modules)]} for extra, modules in missing.items()},
    }
    parts: dict[str, Mapping[str, object]] = {
        "package": versions,
        "processor": here,
        "extra": {extra: _state(modules) for extra, modules in missing.items()},
        "data set": folders,
    }
    rows = [
        {"kind": kind, "name": name, "value": value} for kind, part in parts.items() for name, value in part.items()
    ]
    return Report("\n\n".join(sections), data, rows, ok=not wrong)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _folder(name: str) -> str | None:
    """Return the folder in which all files of a data set were found."""
    try:
        return str(find_files(name, SOURCES[name].files)[0].parent)
    except InvalidValue:
        return None


def _state(missing: list[str]) -> str:
    return f"without {', '.join(map(extras.distribution, missing))}" if missing else "yes"


def _advice(missing: Mapping[str, list[str]], folders: Mapping[str, str | None], wrong: list[str]) -> Iterator[str]:
    """Yield what to do, a line each."""
    for name in wrong:
        yield f"lava_async is written for {name} {extras.LAVA[name]}: {extras.command('lava', 'lava.magma')}"
    if sys.version_info >= (3, 11) and "lava.magma" not in missing["lava"] and STARTUP not in sys.modules:
        yield "Import lava_async before lava: on this Python, Lava fails without it."
        site = shlex.quote(str(Path(sysconfig.get_path("purelib")) / "lava_async.pth"))
        yield f"Where a program imports Lava first: echo 'import lava_async.compat' > {site}"
    commands = {extras.command(extra, module): extra for extra, modules in missing.items() for module in modules}
    for command, extra in commands.items():
        yield f"for {extra}: {command}"
    if not all(folders.values()):
        if not os.environ.get(DATA_VARIABLE):
            yield f"Set {DATA_VARIABLE} to the folder that contains your data sets."
        yield "lava-async data list says which files each data set needs."


COMMAND = Command(
    name="doctor",
    summary="what is installed and found here, and what to do about the rest",
    description="Prints versions, extras, processor and data folders. Paste its output into bug reports.",
    examples="  lava-async doctor          for people\n  lava-async doctor --json   the same for programs",
    arguments=_arguments,
    run=_run,
    rows="a row per package, extra and data set",
)
