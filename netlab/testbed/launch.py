# SPDX-License-Identifier: GPL-2.0-or-later
"""Between fork and exec: what becomes of a process that is to be a lab's program."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import resource
import signal
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from netlab.linux.confinement import MEMORY, MIB, Confinement
from netlab.linux.names import Names
from netlab.linux.privileges import SCARCE, refused
from netlab.linux.syscalls import (
    CLONE_NEWPID,
    CLONE_NEWUSER,
    NoMount,
    NoNamespace,
    detached,
    die_with_parent,
    unshare,
)
from netlab.model.errors import LabError

#: A shell's ``nohup``, ``trap ''`` or ``&`` has them ignored, and a program would inherit that.
INHERITED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE)
DIED_BY_SIGNAL = 128  # added to the signal's number, as shells do
#: Bytes that a program may write before netlab ends it: all of it is kept in memory. While nobody
#: looks it may write some pages more, and the kernel refuses the rest.
MOST = 64 * MIB
ROOM = MOST + 4 * resource.getpagesize()
LOOKING = 0.1  # seconds between two looks at the memory of a confined program


@dataclass(frozen=True, slots=True)
class User:
    """Somebody that a program may be instead of netlab's own user."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str

    @classmethod
    def named(cls, name: str) -> User:
        """The user of that name. Raises `LabError` if this machine has none."""
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, TypeError):
            raise LabError(
                f"user: this machine has none called {name!r}; getent passwd lists them"
            ) from None
        groups = [entry.pw_gid, *(g.gr_gid for g in grp.getgrall() if name in g.gr_mem)]
        return cls(name, entry.pw_uid, entry.pw_gid, tuple(groups), entry.pw_dir)

    def environment(self) -> dict[str, str]:
        """What tells a program who it is."""
        return {"USER": self.name, "LOGNAME": self.name, "HOME": self.home}

    def become(self) -> None:
        """Be that user from now on. Raises OSError.

        In a user namespace that does not know of it, there is one more inside, in which netlab's
        own user has that number: a program that refuses root runs there. It can do no more than
        netlab's user, and everybody else's files are nobody's.
        """
        if self._is_known():
            with contextlib.suppress(PermissionError):  # a user namespace that has setgroups denied
                os.setgroups(self.groups)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
            return
        uid, gid = os.geteuid(), os.getegid()
        unshare(CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{self.uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{self.gid} {gid} 1")

    def _is_known(self) -> bool:
        return _is_mapped(self.uid, "uid_map") and _is_mapped(self.gid, "gid_map")


def _is_mapped(number: int, file: str) -> bool:
    spans = map(str.split, Path("/proc/self", file).read_text().splitlines())
    return any(int(first) <= number < int(first) + int(count) for first, _, count in spans)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a program is started, besides its command line."""

    confinement: Confinement | None = None
    names: Names | None = None
    user: User | None = None
    folder: Path | None = None
    foreground: bool = False  # it has netlab's own streams and terminal, whose keys are for it
    linger: float = 0.0  # seconds that what it has started may outlive it

    def prepare(self, telling: socket.socket) -> None:
        """Contain this process, or tell netlab why it cannot be, and raise OSError."""
        try:
            self._contain(telling)
        except OSError as error:
            telling.send(self._why_not(error).encode())
            raise

    def refusal(self, error: OSError) -> str:
        """Why a program could not even be executed, in words."""
        if error.errno in SCARCE:
            return str(refused(error))
        if self.confinement is None or error.errno != errno.ENOENT:
            return str(error.strerror)
        return (
            f"{error.strerror} (a scenario's program sees the system's folders, and that of the "
            "scenario's file)"
        )

    def _why_not(self, error: OSError) -> str:
        if isinstance(error, NoNamespace | NoMount) or error.errno in SCARCE:
            return str(refused(error))
        if self.confinement:
            return f"the kernel does not confine it: {error}"
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)

    def _contain(self, telling: socket.socket) -> None:
        """Run in a process namespace that ends with netlab.

        A program may start others, which would outlive it, and even a kill -9 of netlab. Hence
        three processes: the one that netlab knows, the first of a new process namespace, and the
        program. Each dies with the one before it, and everything in a namespace dies with its
        first process (pid_namespaces(7)). The program is not that first one: signals would not end
        it.
        """
        for number in INHERITED:
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        if self.names is not None:
            self.names.enter()
            if not (self.foreground or self.confinement):
                _write_in_limits(telling)
        unshare(CLONE_NEWPID)
        first = os.fork()
        if first:
            if self.foreground:
                _leave_keys_alone()
            _become(_exit_code_of(first))
        die_with_parent()
        if self.confinement is None:
            program = os.fork()
        else:
            self.confinement.enter()
            program = self.confinement.fork()
        if program:
            os._exit(_exit_code_of(program, self.confinement, self.linger))
        if self.user is not None:
            self.user.become()
        if self.folder is not None:
            os.chdir(self.folder)
        die_with_parent()  # a change of user forgets it (prctl(2))


def _write_in_limits(telling: socket.socket) -> None:
    """Write to files in memory that together have `ROOM` bytes, and hand them to netlab.

    It takes a mount namespace of one's own. Where the kernel refuses it, what is written goes where
    it did, without a limit but that of somebody who looks.
    """
    with contextlib.suppress(OSError):
        room = detached("tmpfs", size=ROOM)
        files = [os.open(".", os.O_TMPFILE | os.O_RDWR, dir_fd=room) for _ in range(2)]
        for file in files:
            os.fchmod(file, 0o666)  # another user may open /dev/stderr, too
        socket.send_fds(telling, [HANDED], files)
        for number, file in enumerate(files, 1):
            os.dup2(file, number)


HANDED = b"\0"  # comes with them, since a message has to have a byte


def handed_over(told: socket.socket) -> tuple[int, int] | None:
    """The files to which a program that was started writes output and errors, if it has not kept
    those that it was given.
    """
    pair = struct.Struct("=ii")
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC  # recv_fds() of Python 3.11 ignores them
    with contextlib.suppress(BlockingIOError):
        _, [(_, _, files)], _, _ = told.recvmsg(len(HANDED), socket.CMSG_LEN(pair.size), flags)
        output, errors = pair.unpack(files)
        return output, errors
    return None


def reason(told: socket.socket) -> str:
    """Why a process could not be contained, in words."""
    said = told.recv(1000)
    return (told.recv(1000) if said == HANDED else said).decode()


def _exit_code_of(child: int, confinement: Confinement | None = None, linger: float = 0.0) -> int:
    """Wait for it, with none of netlab's descriptors open; reap other orphans meanwhile, and for up
    to `linger` seconds after it.

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
            _outlive(linger)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else DIED_BY_SIGNAL - code
        if process == 0:
            signal.sigtimedwait({signal.SIGCHLD}, LOOKING)
            if confinement and confinement.memory_in_use() > MEMORY:
                return DIED_BY_SIGNAL + signal.SIGKILL


def _outlive(linger: float) -> None:
    """Wait until the last child has ended, but no longer than so many seconds."""
    until = time.monotonic() + linger
    with contextlib.suppress(ChildProcessError):
        while (left := until - time.monotonic()) > 0:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                signal.sigtimedwait({signal.SIGCHLD}, left)


def _leave_keys_alone() -> None:
    """What the terminal's keys send is for the program, which may do with it what it likes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)


def _become(code: int) -> None:
    """End as the program did: with its exit code, or by its signal."""
    if code > DIED_BY_SIGNAL:
        with contextlib.suppress(OSError):  # SIGKILL's cannot be set
            signal.signal(code - DIED_BY_SIGNAL, signal.SIG_DFL)
        os.kill(os.getpid(), code - DIED_BY_SIGNAL)
    os._exit(code)
