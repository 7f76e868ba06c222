# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that runs in a lab's namespace, and dies with netlab."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from netlab.linux.confinement import FILE, MEMORY, Confinement
from netlab.linux.namespace import Namespace
from netlab.linux.privileges import SCARCE, refused
from netlab.linux.syscalls import CLONE_NEWPID, NoMount, NoNamespace, die_with_parent, unshare
from netlab.model.errors import LabError
from netlab.programs import tcp_client

#: A shell's ``nohup``, ``trap ''`` or ``&`` has them ignored, and a program would inherit that.
INHERITED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE)
DIED_BY_SIGNAL = 128  # added to the signal's number, as shells do
#: Programs that come with netlab, by their names in scenarios.
OWN = {"tcp_client": [os.path.realpath(sys.executable), "-s", tcp_client.__file__]}
LOOKING = 0.1  # seconds between two looks at the memory of a confined program


def _prepare(telling: int, confinement: Confinement | None) -> None:
    """Between fork and exec: contain this process, or tell netlab why it cannot be."""
    try:
        _contain(confinement)
    except OSError as error:
        os.write(telling, _why_not(error, confinement).encode())
        raise


def _why_not(error: OSError, confinement: Confinement | None) -> str:
    if isinstance(error, NoNamespace | NoMount) or error.errno in SCARCE:
        return str(refused(error))
    return f"the kernel does not confine it: {error}" if confinement else str(error.strerror)


def _not_started(error: OSError, confinement: Confinement | None) -> str:
    if error.errno in SCARCE:
        return str(refused(error))
    if confinement is None or error.errno != errno.ENOENT:
        return str(error.strerror)
    return (
        f"{error.strerror} (a scenario's program sees the system's folders, and that of the "
        "scenario's file)"
    )


def _contain(confinement: Confinement | None) -> None:
    """Between fork and exec: run in a process namespace that ends with netlab.

    A program may start others, which would outlive it, and even a kill -9 of netlab. Hence three
    processes: the one that netlab knows, the first of a new process namespace, and the program.
    Each dies with the one before it, and everything in a namespace dies with its first process
    (pid_namespaces(7)). The program is not that first one: signals would not end it.
    """
    for number in INHERITED:
        signal.signal(number, signal.SIG_DFL)
    die_with_parent()
    unshare(CLONE_NEWPID)
    first = os.fork()
    if first:
        _become(_exit_code_of(first))
    die_with_parent()
    if confinement is None:
        program = os.fork()
    else:
        confinement.enter()
        program = confinement.fork()
    if program:
        os._exit(_exit_code_of(program, confinement))
    die_with_parent()


def _exit_code_of(child: int, confinement: Confinement | None = None) -> int:
    """Wait for it, with none of netlab's descriptors open; reap other orphans meanwhile.

    All in a process namespace end with its first process: with this one, where they are confined
    and take more memory than they may.
    """
    kept = confinement.proc if confinement else 2
    os.closerange(3, kept)
    os.closerange(kept + 1, 1 << 20)
    if confinement:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        process, status = os.waitpid(-1, os.WNOHANG if confinement else 0)
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else DIED_BY_SIGNAL - code
        if process == 0:
            signal.sigtimedwait({signal.SIGCHLD}, LOOKING)
            if confinement and confinement.memory_in_use() > MEMORY:
                return DIED_BY_SIGNAL + signal.SIGKILL


def _become(code: int) -> None:
    """End as the program did: with its exit code, or by its signal."""
    if code > DIED_BY_SIGNAL:
        with contextlib.suppress(OSError):  # SIGKILL's cannot be set
            signal.signal(code - DIED_BY_SIGNAL, signal.SIG_DFL)
        os.kill(os.getpid(), code - DIED_BY_SIGNAL)
    os._exit(code)


def _only_child(process: int) -> int | None:
    """The one child of a process, or None while there is none."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else None


class Program:
    """One process inside a namespace. Its output is kept in memory, never in a file."""

    def __init__(
        self,
        namespace: Namespace,
        command: Sequence[str],
        confinement: Confinement | None = None,
    ) -> None:
        self.command = tuple(command)
        started = [*OWN.get(command[0], [command[0]]), *command[1:]]
        self._output = os.memfd_create("netlab-output", os.MFD_CLOEXEC)
        told, telling = os.pipe()
        try:
            with namespace:
                self._process = subprocess.Popen(
                    started,
                    stdin=subprocess.PIPE,  # it ends at once: there may be no /dev/null
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    env=confinement.environment() if confinement else None,
                    start_new_session=confinement is not None,  # away from the terminal
                    preexec_fn=partial(_prepare, telling, confinement),  # noqa: PLW1509 (it takes
                    # no lock of other threads)
                )
        except OSError as error:
            os.close(self._output)
            raise LabError(
                f"cannot run {command[0]!r}: {_not_started(error, confinement)}"
            ) from None
        except subprocess.SubprocessError:  # between fork and exec
            os.close(self._output)
            os.close(telling)
            telling = -1
            why = os.read(told, 1000).decode()
            raise LabError(f"cannot run {command[0]!r}: {why}") from None
        finally:
            os.close(told)
            if telling >= 0:
                os.close(telling)
        if self._process.stdin:
            self._process.stdin.close()

    @property
    def output(self) -> str:
        """Everything it has written so far, to standard output and error."""
        return os.pread(self._output, FILE, 0).decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """The exit code: None while it runs, negative for the signal that ended it."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send it a signal; harmless if it has already ended."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            first = _only_child(self._process.pid)
            program = _only_child(first) if first else None
            if program:
                os.kill(program, number)

    def close(self) -> None:
        """Kill it if it still runs, and forget its output."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._output)


def filled_in(word: str, addresses: dict[str, str]) -> str:
    """A word of a command line with addresses filled in, and all other braces kept."""
    for side, address in addresses.items():
        word = word.replace(f"{{{side}}}", address)
    return word
