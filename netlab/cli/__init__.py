# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: `commands` has one file per command, `shared` what several of them use."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from netlab import __version__, extras
from netlab.cli.shared import folding, parsing
from netlab.model.errors import LabError, NetlabError, bug, is_machines
from netlab.model.text import printable
from netlab.render import letters
from netlab.render.style import Style

#: Tasks, and the modules of the commands for each, in the order of the help.
SECTIONS = {
    "play scenarios": ("run", "list_", "show"),
    "look, and try it yourself": ("freeze", "lab", "teach", "explain"),
    "test programs": ("exec_", "audit", "search", "warp"),
    "see all of TCP": ("atlas", "fsm", "conformance"),
    "find out what is stuck": ("snapshot", "collector", "diagnose", "watch", "repro"),
    "compare kernels": ("matrix", "compare", "baseline", "bisect", "kernel_config"),
    "look after netlab": ("doctor", "schema", "completion"),
}
#: Only the command asked for is imported: all of them take 65 ms, and 'netlab snapshot' must not
#: take longer than ss.
MODULES = tuple(module for modules in SECTIONS.values() for module in modules)
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
#: What a write to standard output fails with where the disk is full or the terminal is gone.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

DESCRIPTION = "Freeze real TCP connections in any state they can be in, and prove it."
EXAMPLES = """\
examples:
  netlab run                        play every scenario, side by side
  netlab run synack-dropped fin-*   some of them, by name or pattern
  netlab show fin-dropped           what it does, and how to do it by hand
  netlab explain FIN_WAIT2          what a word means: a state, a cause, a counter, a sysctl
  netlab freeze fin-dropped         hold the pair, and look at both ends yourself
  netlab lab                        make and break connections of your own
  ss -tanoei | netlab diagnose -    why connections of yours are stuck
  netlab doctor                     what this machine can and cannot do
"""
#: What people come for, what to type then, and what that does.
DOORS = (
    ("My connection is stuck", "ss -tanoei | netlab diagnose -", "why, and how to be sure"),
    (
        "Test my program",
        "netlab audit -- ./client {server} {port}",
        "what it does when the network dies",
    ),
    ("See TCP's states", "netlab teach", "predict, do it on this kernel, look, understand"),
    ("Check a kernel", "netlab conformance", "RFC 9293, played on this one"),
)
MORE = """\
'netlab explain WORD' says what a cause, a state, a counter or a sysctl means, 'netlab help' has a
line on each command, 'netlab help COMMAND' explains one."""
EPILOG = f"""\
{EXAMPLES}
'netlab help COMMAND' shows a command's options, examples and exit codes.

exit codes: 0 all passed, 1 a pair was not held, 2 bad usage or a bad scenario,
3 the lab could not be built, 130 stopped with Ctrl-C
"""


def __getattr__(name: str) -> tuple[ModuleType, ...]:
    if name != "COMMANDS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _commands(MODULES)


def _commands(modules: Sequence[str]) -> tuple[ModuleType, ...]:
    return tuple(importlib.import_module(f"{__name__}.commands.{module}") for module in modules)


def name_of(module: str) -> str:
    """The command of a module, whose name may not be a word of Python and has no hyphen."""
    return module.rstrip("_").replace("_", "-")


def _sections() -> list[parsing.Section]:
    return [(title, [*map(name_of, each_of)]) for title, each_of in SECTIONS.items()]


def overview() -> str:
    """What netlab is and where to begin, on one screen: printed when only its name is typed."""
    rows = [f"  {title}  {', '.join(names)}" for title, names in _sections()]
    text = "\n".join([DESCRIPTION, "", *_doors(), "", *rows, "", MORE])
    return "\n".join(folding.folded(text, folding.width()))


def _doors() -> Iterator[str]:
    for wish, command, answer in DOORS:
        yield f"{wish}:"
        yield f"  {command}  {answer}"


def parser(command: str = "") -> parsing.Parser:
    """The parser of all commands, or, where `command` is one of them, of that one alone."""
    root = parsing.Parser(
        prog="netlab",
        description=DESCRIPTION,
        epilog=EPILOG,
        whole=parser,
        sections=_sections(),
        guess=_guess,
    )
    root.add_argument("--version", action="version", version=f"netlab {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asked_for = [module for module in MODULES if name_of(module) == command]
    for module in _commands(asked_for or MODULES):
        module.add(commands)
    return root


def _guess(word: str) -> str:
    """Advice on a word that is not a command, or ''."""
    from netlab.scenario import catalogue

    path = word.endswith(".yaml")
    if path or word in {scenario.name for scenario in catalogue.everything()}:
        return f"It is a scenario: 'netlab run {word}' plays it, 'netlab show {word}' explains it."
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        return _for_git(words, _main(words))
    except SystemExit as ended:  # argparse's
        if isinstance(ended.code, int):
            ended.code = _for_git(words, ended.code)
        raise
    finally:
        _give_up_a_full_stderr()


def _for_git(words: Sequence[str], code: int) -> int:
    """The exit code, where ``git bisect run`` waits for it: a mistake is no bad commit."""
    if words[:1] != ["bisect"] or "--step" not in words:
        return code
    from netlab.cli.commands import bisect

    return bisect.for_git(code)


def _give_up_a_full_stderr() -> None:
    """Without this, Python would end with an exit code of its own (120)."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _main(words: list[str]) -> int:
    _open_standard_streams()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser())
    letters.fit(sys.stdout)
    letters.fit(sys.stderr)
    try:
        code = _obeyed(words)
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
    except KeyboardInterrupt as ended:
        with contextlib.suppress(OSError):  # after SIGHUP there is no terminal
            print("netlab: stopped; nothing is left behind", file=sys.stderr)
        return getattr(ended, "exit_code", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        _give_up_stdout()
        return 0
    except OSError as error:
        if error.errno not in UNWRITABLE or not _stdout_is_unwritable():
            return _complain(LabError(bug(error)))
        _give_up_stdout()
        return _complain(LabError(f"standard output cannot be written: {error.strerror}"))
    except (MemoryError, RuntimeError, SystemError, LookupError) as error:
        if not is_machines(error):
            raise
        return _complain(LabError(bug(error)))


def _open_standard_streams() -> None:
    """Where the shell closed one of them (``2>&-``), what netlab opens must not take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)  # to nowhere, as was asked for


def _stdout_is_unwritable() -> bool:
    """True if not even a line end can be written: the error was not about something else."""
    if sys.stdout is None:
        return False
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except OSError:
        return True
    return False


def _give_up_stdout() -> None:
    """What still waits to be written is of no use, and must not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: NetlabError) -> int:
    with contextlib.suppress(OSError):  # nothing is left to complain to
        text = f"{Style.of(sys.stderr)('netlab:', 'red', 'bold')} {printable(str(error))}"
        print(text, file=sys.stderr, flush=True)
    return error.exit_code


def _obeyed(words: list[str]) -> int:
    if not words:  # 0, as with docker, cargo and gh: nothing was asked for, so nothing failed
        print(overview())
        return 0
    try:
        options = parser(words[0]).parse_args(words)
    finally:  # help is printed by now, and its reader may have gone
        if sys.stdout is not None:
            sys.stdout.flush()
    if getattr(options, "json", False):
        letters.fit(sys.stdout, for_programs=True)
    code: int = options.main(options)
    return code
