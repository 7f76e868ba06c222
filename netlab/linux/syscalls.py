# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that Python has no function for: those of libc, and some by their number.

Importing this costs 5 ms (ctypes), so programs that must start fast import it only where needed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
MS_NOSUID = 0x2
RB_AUTOBOOT = 0x01234567
#: The same on every architecture.
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432
SYS_FINIT_MODULE = {"x86_64": 313, "aarch64": 273}
CLOEXEC, FSCONFIG_CMD_CREATE = 1, 6

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones (``os.unshare`` came with Python 3.12).

    Raises OSError.
    """
    _checked(_libc.unshare(flags))


def setns(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """Move this thread into a namespace. Raises OSError."""
    _checked(_libc.setns(descriptor, kind))


def own_network() -> int:
    """A descriptor of the network namespace that this thread is in. Raises OSError."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def set_option(descriptor: int, level: int, option: int, value: bytes) -> None:
    """``setsockopt`` that lets other threads run while the kernel waits. Raises OSError."""
    _checked(_libc.setsockopt(descriptor, level, option, value, len(value)))


def mount(kind: str, path: str) -> None:
    """Mount a file system that needs no device. Raises OSError."""
    _checked(_libc.mount(kind.encode(), path.encode(), kind.encode(), MS_NOSUID, None))


def detached(kind: str) -> int:
    """A descriptor of the root of a file system that is mounted nowhere. Raises OSError."""
    context = _checked(_libc.syscall(SYS_FSOPEN, kind.encode(), CLOEXEC))
    try:
        _checked(_libc.syscall(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0))
        return _checked(_libc.syscall(SYS_FSMOUNT, context, CLOEXEC, 0))
    finally:
        os.close(context)


def load_module(descriptor: int) -> None:
    """Load the kernel module of an open file. Raises OSError."""
    _checked(_libc.syscall(SYS_FINIT_MODULE[os.uname().machine], descriptor, b"", 0))


def restart() -> None:
    """Restart the machine."""
    _libc.reboot(RB_AUTOBOOT)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, int(number))


#: Between fork and exec: die with the thread that waits, even if it is already gone. A separate
#: program, because a process with threads must not run Python in a fork of itself.
_BOUND = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]))
if os.getppid() == int(sys.argv[2]):
    os.execvp(sys.argv[3], sys.argv[3:])
"""


def bound(command: Sequence[str], number: int = signal.SIGKILL) -> list[str]:
    """A command that does the same, and gets a signal when the thread that started it ends.

    If it cannot be executed, it ends with code 1 and Python's error: look for the program first.
    """
    return [sys.executable, "-ISc", _BOUND, str(int(number)), str(os.getpid()), *command]
