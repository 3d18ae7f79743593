"""The commands of ``lava-async``: a file per command.

A command ends its file with ``COMMAND = Command(...)``. To add one, write such a file and list it in `COMMANDS`.
Commands import what takes long (torch, lava, matplotlib) when they run, so that ``lava-async --help`` is quick, and
leave printing to :mod:`lava_async.cli`.
"""

from __future__ import annotations

from lava_async.commands.base import Command, Report, output, table, whole
from lava_async.commands.bench import COMMAND as BENCH
from lava_async.commands.calibrate import COMMAND as CALIBRATE
from lava_async.commands.data import COMMAND as DATA
from lava_async.commands.demo import COMMAND as DEMO
from lava_async.commands.doctor import COMMAND as DOCTOR
from lava_async.commands.evaluate import COMMAND as EVALUATE
from lava_async.commands.export import COMMAND as EXPORT
from lava_async.commands.inspect import COMMAND as INSPECT
from lava_async.commands.list_models import COMMAND as MODELS
from lava_async.commands.run import COMMAND as RUN
from lava_async.commands.study import COMMAND as STUDY
from lava_async.commands.train import COMMAND as TRAIN
from lava_async.commands.view import COMMAND as VIEW
from lava_async.registry import Registry

_WORK = DEMO, TRAIN, STUDY, EVALUATE, CALIBRATE, EXPORT, RUN
_LOOK = VIEW, INSPECT, MODELS, DATA, BENCH, DOCTOR

COMMANDS: Registry[Command] = Registry(
    "commands",
    {
        command.name: command
        for command in (
            DEMO,
            TRAIN,
            STUDY,
            EVALUATE,
            CALIBRATE,
            EXPORT,
            RUN,
            VIEW,
            INSPECT,
            MODELS,
            DATA,
            BENCH,
            DOCTOR,
        )
    },
)

__all__ = ["COMMANDS", "Command", "Report", "output", "table", "whole"]
