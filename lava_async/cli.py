"""The command line: ``lava-async COMMAND ...``. Results go to stdout, progress and all else to stderr.

Exit codes: 0 done; 1 an error, or what was to be shown does not hold; 2 bad arguments; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any, NoReturn

import lava_async
from lava_async.commands import COMMANDS, Report
from lava_async.commands.base import COLUMNS
from lava_async.errors import DataWarning, nearest
from lava_async.extras import explain
from lava_async.files import as_csv, as_json
from lava_async.terminal import INTERRUPTED, Messages, discard, interruptible, open_standard_streams, printable

#: Errors of the surroundings, which say what is wrong by themselves, as all errors of this package do.
CLEAR = (OSError, MemoryError, FloatingPointError)
STDOUT = "stdout"
"""What errors call it."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that complains in one line."""

    @property
    def commands(self) -> dict[str, Parser]:
        """The parsers of its commands, by name."""
        return {name: found for a in self._actions if isinstance(a.choices, dict) for name, found in a.choices.items()}

    def error(self, message: str) -> NoReturn:  # noqa: D102
        if found := re.match(r"unrecognized arguments: (\S+)", message):
            given = found[1].partition("=")[0]
            message += nearest(given, [option for option in self._options() if option != given])
        elif found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)$", message):
            message += nearest(found[1], re.findall(r"[^\s,']+", found[2]))
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def _options(self) -> list[str]:
        """Return the options of this parser and of all its commands."""
        return [option for parser in (self, *self.commands.values()) for option in parser._option_string_actions]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of the process) and return its exit code."""
    open_standard_streams()
    with contextlib.redirect_stderr(Messages(sys.stderr)), interruptible() as interrupted:
        parser = build_parser()
        _complete(parser)
        try:
            args = _parse(parser, argv)
        except OSError as error:  # Help that nobody takes.
            print(f"{parser.prog}: {_sentence(error)}", file=sys.stderr)
            return 1
        logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
        try:
            # What libraries print is no result.
            with contextlib.redirect_stdout(sys.stderr), _warnings_as_sentences(args.command):
                report = COMMANDS[args.command].run(args)
            return _show(args, report)
        except KeyboardInterrupt:
            return _complain(args.command, _interrupted(args), INTERRUPTED)
        except Exception as error:
            if interrupted.is_set():
                return _complain(args.command, _interrupted(args), INTERRUPTED)
            missing = explain(error, "this command") if isinstance(error, ModuleNotFoundError) else None
            if missing is not None and not args.verbose:
                return _complain(args.command, str(missing), 1)
            if args.verbose or not (isinstance(error, CLEAR) or type(error).__module__.startswith("lava_async.")):
                raise  # Anything else is a bug.
            return _complain(args.command, _sentence(error), 1)


def _sentence(error: Exception) -> str:
    """Return what an error says; those of the operating system begin with the file, and without their number."""
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.filename is not None:
        # Whatever is written is renamed at the end: the second name is the one that was asked for.
        name = error.filename if error.filename2 is None else f"{error.filename2} cannot be written"
        return f"{name}: {'must be a folder' if isinstance(error, FileExistsError) else error.strerror}"
    return str(error) or type(error).__name__


def _show(args: argparse.Namespace, report: Report | None) -> int:
    """Print what a command found out and return its exit code."""
    if report is None:  # Another process reports.
        return 0
    try:
        for line in _lines(args, report):
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        discard(sys.stdout)
        return 1
    except OSError as error:
        discard(sys.stdout)
        raise OSError(error.errno, error.strerror, STDOUT) from None
    return 0 if report.ok else 1


def _lines(args: argparse.Namespace, report: Report) -> Iterator[str]:
    """Yield what a command prints, in the form that is wanted."""
    if getattr(args, "csv", False):
        yield from map(printable, as_csv(report.rows))
    else:
        yield as_json(report.data) if args.json else printable(report.text)


def _parse(parser: Parser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command line, after what it asks for itself was shown, such as help."""
    try:
        try:
            args, rest = parser.parse_known_args(argv)
            if rest:  # The command knows its options.
                parser.commands[args.command].error(f"unrecognized arguments: {' '.join(rest)}")
            return args
        finally:
            sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(1) from None
        raise OSError(error.errno, error.strerror, STDOUT) from None


def _interrupted(args: argparse.Namespace) -> str:
    goes_on = COMMANDS[args.command].goes_on
    return f"interrupted; {goes_on}" if goes_on else "interrupted"


def _complete(parser: Parser) -> None:
    """Answer a shell that asks how a command line may go on, and end; see docs/install.md."""
    if "_ARGCOMPLETE" in os.environ:
        with contextlib.suppress(ModuleNotFoundError):
            from argcomplete import autocomplete

            autocomplete(parser)


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="lava-async", description=lava_async.__doc__, epilog="lava-async COMMAND --help has the details."
    )
    parser.add_argument("--version", action="version", version=f"lava-async {lava_async.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=fill(command.description, COLUMNS),
            epilog=f"examples:\n{command.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(sub)
        form = sub.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print the results as JSON on stdout")
        if command.rows:
            form.add_argument("--csv", action="store_true", help=f"print them as CSV on stdout, {command.rows}")
        sub.add_argument("-v", "--verbose", action="store_true", help="show log messages, and errors with tracebacks")
    return parser


@contextlib.contextmanager
def _warnings_as_sentences(command: str) -> Iterator[None]:
    """Print the package's own warnings in a line each, without the place in its code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        show = warnings.showwarning

        def show_sentence(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category.__module__.startswith("lava_async."):
                print(f"lava-async {command}: warning: " + " ".join(str(message).split()), file=sys.stderr)
            else:
                show(message, category, *where, **more)

        warnings.showwarning = show_sentence
        yield


def _complain(command: str, message: str, code: int) -> int:
    """Say in one line what went wrong."""
    print(f"lava-async {command}: " + " ".join(message.split()), file=sys.stderr)
    return code
