# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: one file a command. Each has `add` (its options) and `main` (what it does)."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from netlab import __version__, extras
from netlab.errors import NetlabError
from netlab.render.style import Style

#: The module of each, in the order of the help. One that is asked for is imported alone: all
#: together take 65 ms, and 'netlab snapshot' has as much time as ss.
MODULES = (
    "run", "list_", "show", "freeze", "lab", "teach", "atlas", "fsm", "snapshot", "diagnose",
    "repro", "matrix", "compare", "baseline", "doctor", "schema", "completion",
)  # fmt: skip
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

DESCRIPTION = "Freeze real TCP connections in any state they can be in, and prove it."
EPILOG = """\
examples:
  netlab run                        play every scenario, side by side
  netlab run synack-dropped fin-*   some of them, by name or pattern
  netlab show fin-dropped           what a scenario does, and how to do it by hand
  netlab freeze fin-dropped         hold the pair, and look at both ends yourself
  netlab lab                        make and break connections of your own
  ss -tanoei | netlab diagnose -    why connections of yours are stuck
  netlab doctor                     what this machine can and cannot do

exit codes: 0 all passed, 1 a pair was not held, 2 bad usage or a bad scenario,
            3 the lab could not be built
"""


def __getattr__(name: str) -> tuple[ModuleType, ...]:
    if name != "COMMANDS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _commands(MODULES)


def _commands(modules: Sequence[str]) -> tuple[ModuleType, ...]:
    return tuple(importlib.import_module(f"{__name__}.{module}") for module in modules)


def parser(command: str = "") -> argparse.ArgumentParser:
    """The whole command line, or, where the command is known, as much of it as that needs."""
    root = argparse.ArgumentParser(
        prog="netlab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"netlab {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asked_for = [module for module in MODULES if module.rstrip("_") == command]
    for module in _commands(asked_for or MODULES):
        module.add(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser())
    options = parser(words[0] if words else "").parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a letter of a scenario's
            stream.reconfigure(errors="replace")
    try:
        code: int = options.main(options)
        if sys.stdout is not None:  # it is None where the shell closed it (>&-)
            sys.stdout.flush()
        return code
    except NetlabError as error:
        return _complain(error)
    except ModuleNotFoundError as error:
        missing = extras.lacking(error)
        if missing is None:
            raise
        return _complain(missing)
    except KeyboardInterrupt:
        print("netlab: stopped; nothing is left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(error: NetlabError) -> int:
    print(f"{Style.of(sys.stderr)('netlab:', 'red', 'bold')} {error}", file=sys.stderr)
    return error.exit_code
