"""The command line: ``lava-async COMMAND ...``. Results go to stdout, progress and all else to stderr.

Exit codes: 0 done; 1 an error, or what was to be shown does not hold; 2 bad arguments; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import lava_async
from lava_async.commands import COMMANDS
from lava_async.extras import explain
from lava_async.files import as_json

INTERRUPTED = 130
#: Errors of the surroundings, which say what is wrong by themselves, as all errors of this package do.
CLEAR = (OSError, MemoryError, FloatingPointError)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that complains in one line."""

    def error(self, message: str) -> NoReturn:  # noqa: D102
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of the process) and return its exit code."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # What libraries print is no result.
            report = COMMANDS[args.command].run(args)
        if report is None:  # Another process reports.
            return 0
        print(as_json(report.data) if args.json else report.text, flush=True)
    except KeyboardInterrupt:
        return _complain(args.command, "interrupted", INTERRUPTED)
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        missing = explain(error, "this command")
        if args.verbose or missing is None:
            raise
        return _complain(args.command, str(missing), 1)
    except Exception as error:
        if args.verbose or not (isinstance(error, CLEAR) or type(error).__module__.startswith("lava_async.")):
            raise  # Anything else is a bug.
        return _complain(args.command, str(error) or type(error).__name__, 1)
    return 0 if report.ok else 1


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="lava-async", description=lava_async.__doc__, epilog="lava-async COMMAND --help tells more about each."
    )
    parser.add_argument("--version", action="version", version=f"lava-async {lava_async.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        sub = commands.add_parser(
            command.name, help=command.summary, description=command.description,
            epilog=f"examples:\n{command.examples}", formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.arguments(sub)
        sub.add_argument("--json", action="store_true", help="print the results as JSON on stdout")
        sub.add_argument("-v", "--verbose", action="store_true", help="show log messages, and errors with their trace")
    return parser


def _complain(command: str, message: str, code: int) -> int:
    """Say in one line what went wrong."""
    print(f"lava-async {command}: " + " ".join(message.split()), file=sys.stderr)
    return code
