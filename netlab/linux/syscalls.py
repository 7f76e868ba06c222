# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that Python has no function for: those of libc, and some by their number.

Importing this costs 5 ms (ctypes), so programs that must start fast import it only where needed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Sequence

CLONE_FS = 0x200  # no namespace: a thread's own folder, root and umask
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
MNT_DETACH = 0x2
CAPABILITIES_V3 = 0x20080522
RB_AUTOBOOT = 0x01234567
#: The same on every architecture.
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432
SYS_PIDFD_GETFD = 438
SYS_FINIT_MODULE = {"x86_64": 313, "aarch64": 273}
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
CLOEXEC, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 1, 1, 6

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


#: Namespaces, as the settings that limit their number name them (``user.max_net_namespaces``).
KINDS = {
    CLONE_NEWUSER: "user", CLONE_NEWNET: "net", CLONE_NEWPID: "pid", CLONE_NEWNS: "mnt",
    CLONE_NEWIPC: "ipc", CLONE_NEWUTS: "uts", CLONE_NEWCGROUP: "cgroup",
}  # fmt: skip


class NoNamespace(OSError):
    """Namespaces were refused: those of `kinds`."""

    kinds: tuple[str, ...] = ()


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones (``os.unshare`` came with Python 3.12).

    Raises NoNamespace.
    """
    try:
        _checked(_libc.unshare(flags))
    except OSError as error:
        refusal = NoNamespace(*error.args)
        refusal.kinds = tuple(kind for flag, kind in KINDS.items() if flags & flag)
        raise refusal from None


class NoMount(OSError):
    """A mount was refused."""


def setns(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """Move this thread into a namespace. Raises OSError."""
    _checked(_libc.setns(descriptor, kind))


def own_network() -> int:
    """A descriptor of the network namespace that this thread is in. Raises OSError."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def set_option(descriptor: int, level: int, option: int, value: bytes) -> None:
    """``setsockopt`` that lets other threads run while the kernel waits. Raises OSError."""
    _checked(_libc.setsockopt(descriptor, level, option, value, len(value)))


def mount(kind: str, path: str, flags: int = MS_NOSUID, data: str = "") -> None:
    """Mount a file system that needs no device. Raises OSError."""
    _mount(kind, path, kind, flags, data)


def bind(source: str, path: str) -> None:
    """Show a file or folder at another path, too, with all that is mounted below.

    Raises OSError.
    """
    _mount(source, path, None, MS_BIND | MS_REC)


def remount(path: str, flags: int) -> None:
    """Change the flags of one mount, not of the file system that it shows. Raises OSError."""
    _mount(None, path, None, MS_REMOUNT | MS_BIND | flags)


def unmount(path: str) -> None:
    """Take a mount away, as soon as nothing uses it. Raises OSError."""
    _checked(_libc.umount2(path.encode(), MNT_DETACH))


def own_mounts() -> None:
    """A mount namespace for this process, whose mounts are seen nowhere else. Raises OSError."""
    unshare(CLONE_NEWNS)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)


def change_root(path: str) -> None:
    """Make a mount the root of this process's mount namespace, and let go of the old one.

    Raises OSError.
    """
    os.chdir(path)
    if _libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b".") == 0:
        unmount(".")
    else:  # on a RAM disk, which nothing can take the place of: cover it (switch_root(8))
        _mount(".", "/", None, MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def _mount(
    source: str | None, path: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    words = [word.encode() if word else None for word in (source, path, kind, data)]
    try:
        _checked(_libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]))
    except OSError as error:
        raise NoMount(*error.args) from None


def no_new_privileges() -> None:
    """Have no program that this process executes gain any (``PR_SET_NO_NEW_PRIVS``).

    Raises OSError.
    """
    _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def drop_capabilities() -> None:
    """Give up every capability, for whatever this process executes, too. Raises OSError."""
    number = 0
    while _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1  # up to the last that this kernel knows
    header = struct.pack("=Ii", CAPABILITIES_V3, 0)
    _checked(_libc.syscall(SYS_CAPSET[os.uname().machine], header, bytes(24)))


def detached(kind: str, **settings: object) -> int:
    """A descriptor of the root of a file system that is mounted nowhere, with mount options.

    Raises OSError.
    """
    context = _checked(_libc.syscall(SYS_FSOPEN, kind.encode(), CLOEXEC))
    try:
        for name, value in settings.items():
            words = name.encode(), str(value).encode()
            _checked(_libc.syscall(SYS_FSCONFIG, context, FSCONFIG_SET_STRING, *words, 0))
        _checked(_libc.syscall(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0))
        return _checked(_libc.syscall(SYS_FSMOUNT, context, CLOEXEC, 0))
    finally:
        os.close(context)


def taken(process: int, number: int) -> int:
    """One's own copy of a descriptor of another process, as if that had sent it.

    Raises OSError: the process has ended, it has no such descriptor, this user may not look into
    it, or the kernel is older than Linux 5.6.
    """
    handle = os.pidfd_open(process)
    try:
        return _checked(_libc.syscall(SYS_PIDFD_GETFD, handle, number, 0))
    finally:
        os.close(handle)


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
