# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: one file a command. Each has `add` (its options) and `main` (what it does)."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from netlab import __version__
from netlab.cli import atlas, completion, doctor, freeze, fsm, lab, list_, run, schema, show, teach
from netlab.errors import NetlabError
from netlab.render.style import Style

COMMANDS = (run, list_, show, freeze, lab, teach, atlas, fsm, doctor, schema, completion)
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

DESCRIPTION = "Freeze real TCP connections in any state they can be in, and prove it."
EPILOG = """\
examples:
  netlab run                        play every scenario, side by side
  netlab run synack-dropped fin-*   some of them, by name or pattern
  netlab show fin-dropped           what a scenario does, and how to do it by hand
  netlab freeze fin-dropped         hold the pair, and look at both ends yourself
  netlab lab                        make and break connections of your own
  netlab doctor                     what this machine can and cannot do

exit codes: 0 all passed, 1 a pair was not held, 2 bad usage or a bad scenario,
            3 the lab could not be built
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="netlab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"netlab {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    whole = parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(whole)
    options = whole.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a letter of a scenario's
            stream.reconfigure(errors="replace")
    try:
        code: int = options.main(options)
        if sys.stdout is not None:  # it is None where the shell closed it (>&-)
            sys.stdout.flush()
        return code
    except NetlabError as error:
        print(f"{Style.of(sys.stderr)('netlab:', 'red', 'bold')} {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("netlab: stopped; nothing is left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
