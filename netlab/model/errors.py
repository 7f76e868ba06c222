# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything netlab raises on purpose.

NetlabError
├── ScenarioError     what was asked for is wrong (a file, an option)       exit 2
├── LabError          the lab could not be built or a fault not installed   exit 3
│   ├── Absent        this kernel or machine does not have something        exit 3
│   ├── Forbidden     the kernel does not let this user build labs          exit 3
│   └── TooBusy       nobody looked for too long to say anything            exit 3
├── MissingExtra      a package that one feature needs is not installed     exit 3
└── Unmet             the lab works, the kernel did something else          exit 1
    ├── NotHeld       a pair of states was not reached, or not held
    └── ActionFailed  an application's call did not end as it should

ERROR is not FAIL: a lab that could not be built, or that nobody looked at, never reports a wrong
pair.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.model.evidence import Failure


class NetlabError(Exception):
    """The base class: catching it catches every error that netlab raises on purpose."""

    exit_code = 3


class ScenarioError(NetlabError):
    """A scenario or an option is wrong.

    The message reads ``path:line: what is wrong`` and ends with what to do.
    """

    exit_code = 2

    def __init__(self, problem: str, path: Path | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + problem)
        self.problem = problem
        self.path = path
        self.line = line


class LabError(NetlabError):
    """The testbed could not be built, a fault was not installed, or the machine is in the way."""


class Absent(LabError):
    """Something is not there on this kernel or machine: whoever can do without it, does."""


class Forbidden(LabError):
    """The kernel refuses namespaces to this user; the message names the setting."""


class TooBusy(LabError):
    """The machine was too busy, or was stopped: what nobody saw neither passes nor fails."""

    def __init__(self, why: str) -> None:
        fewer = "play fewer at once (netlab: --jobs 20; pytest: a smaller -n)"
        super().__init__(f"this machine was too busy: {why}; {fewer}")


class MissingExtra(NetlabError):
    """A feature needs a package that is not a base dependency; the message has the fix."""

    def __init__(self, what: str, module: str, fix: str) -> None:
        super().__init__(f"{what} needs {module}, which is not installed. Install it: {fix}")
        self.module = module


class Unmet(NetlabError):
    """The lab is sound, but the kernel did not do what was expected."""

    exit_code = 1


class NotHeld(Unmet):
    """A pair was not reached in time, or was left during the hold.

    `held`: the pair itself was held, but what had to be dropped to prove it was not.
    """

    def __init__(self, failure: Failure, held: bool = False) -> None:
        super().__init__(failure.summary)
        self.failure = failure
        self.held = held


class ActionFailed(Unmet):
    """An application's call did not end as the scenario says."""


#: Errors of a machine that is out of something, or broken: nothing that it has not, or forbids.
OUT_OF_SOMETHING = frozenset(
    {
        errno.EAFNOSUPPORT,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
    }
)


#: What ld.so says where a program's library cannot be opened or mapped.
NO_LIBRARY = "error while loading shared libraries"


def is_out_of_something(said: str) -> bool:
    """True if a program's complaint is about one of these errors, in the C library's words, or it
    could not even be loaded (ld.so).
    """
    words = [NO_LIBRARY, *map(os.strerror, OUT_OF_SOMETHING)]
    return any(each in said for each in words)


#: What is wrong with the name of a file, or with the rights to it: another one is well.
OF_THE_NAME = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,
        errno.EPERM,
    }
)


#: What there is too little of here, and which limit to raise.
NO_MEMORY = "there is not enough memory here: raise ulimit -v and -d, or a container's --memory"
NO_PROCESS = "no more processes are allowed here: raise ulimit -u, or a container's --pids-limit"
#: What Python says where the kernel refuses it a thread.
NO_THREAD = "can't start new thread"
#: What Python says where an extension in C got no memory.
NO_REASON = "error return without exception set"
#: What Python says where it cannot read the module of an encoding.
NO_ENCODING = "unknown encoding: "


def of_file(error: OSError, said: str, path: Path | None = None) -> NetlabError:
    """The error for a file that somebody named: about its name, or about this machine."""
    about = ScenarioError(said, path)
    return about if error.errno in OF_THE_NAME else LabError(str(about))


def is_machines(error: Exception) -> bool:
    """True if an exception tells of this machine: a call that failed, no memory, no thread."""
    said = str(error)
    machines = isinstance(error, OSError | MemoryError)
    return machines or said in (NO_THREAD, NO_REASON) or said.startswith(NO_ENCODING)


def bug(error: Exception) -> str:
    """One sentence about an exception that nobody expected, with where it came from.

    What the machine refused (a file, memory) is said as that; anything else is a bug of netlab's.
    """
    import traceback  # nobody needs it, most of the time

    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    return f"{_said(error)} ({place})"


def _said(error: Exception) -> str:
    match error:
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return NO_MEMORY
        case SystemError() if str(error) == NO_REASON:
            return NO_MEMORY
        case OSError(strerror=str(why)):
            where = f": {error.filename!r}" if isinstance(error.filename, str) else ""
            return f"this machine refuses what netlab needs: {why}{where}"
        case RuntimeError() if str(error) == NO_THREAD:
            return f"no thread can start: {NO_PROCESS}; or {NO_MEMORY}"
        case LookupError() if str(error).startswith(NO_ENCODING):
            return f"Python's own files cannot be read here: {error}"
        case _:
            said = f": {error}" if str(error) else ""
            return f"this is a bug of netlab's: {type(error).__name__}{said}"
