# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that a confined process has no use for, refused by libseccomp's filter.

What is refused here is out of reach by namespaces and capabilities, too; a filter keeps a hostile
program away from the kernel's code behind it.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from functools import cache

ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # seccomp.h of libseccomp
EQUAL, GREATER, MASKED_EQUAL = 4, 6, 7
CLONE_NEWUSER = 0x10000000
#: Nothing that a client or a server on a network calls.
REFUSED = [
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "unshare", "setns", "swapon", "swapoff", "reboot",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "acct",
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "ptrace", "process_vm_readv",
    "process_vm_writev", "kcmp", "quotactl", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "syslog", "vhangup",
    "open_by_handle_at", "name_to_handle_at", "memfd_create", "memfd_secret", "mknod",
    "mknodat", "lookup_dcookie", "fanotify_init",
]  # fmt: skip
#: The C library does without them where the kernel has none.
UNKNOWN = ["clone3"]
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
LAST_FAMILY = 46  # all beyond are refused as well


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def library() -> ctypes.CDLL | None:
    """libseccomp, which every distribution with systemd has; None where there is none."""
    try:
        found = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_init.argtypes = [ctypes.c_uint32]
    found.seccomp_load.argtypes = [ctypes.c_void_p]
    found.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    return found


class CallFilter:
    """The filter, made before a process forks, and put in force by the child."""

    def __init__(self) -> None:
        self._library = library()
        if self._library is None:
            return
        self._context = self._library.seccomp_init(ALLOW)
        for name in REFUSED:
            self._refuse(name, errno.EPERM)
        for name in UNKNOWN:
            self._refuse(name, errno.ENOSYS)
        self._refuse("clone", errno.EPERM, (0, MASKED_EQUAL, CLONE_NEWUSER, CLONE_NEWUSER))
        for family in set(range(LAST_FAMILY)) - set(FAMILIES):
            self._refuse("socket", errno.EAFNOSUPPORT, (0, EQUAL, family, 0))
        self._refuse("socket", errno.EAFNOSUPPORT, (0, GREATER, LAST_FAMILY - 1, 0))

    def enforce(self) -> None:
        """Let the kernel filter this process's calls from now on. Raises OSError."""
        if self._library is None:
            return
        code = self._library.seccomp_load(self._context)
        if code < 0:
            raise OSError(-code, "seccomp")

    def close(self) -> None:
        """Free it; it stays in force where it is."""
        if self._library is not None:
            self._library.seccomp_release(ctypes.c_void_p(self._context))

    def _refuse(self, name: str, number: int, *comparisons: tuple[int, int, int, int]) -> None:
        assert self._library is not None
        call = self._library.seccomp_syscall_resolve_name(name.encode())
        if call == -1:  # this libseccomp is older than the call, or the architecture has it not
            return
        compared = (_Comparison * len(comparisons))(*(_Comparison(*each) for each in comparisons))
        self._library.seccomp_rule_add_array(
            self._context, ERRNO | number, call, len(comparisons), compared
        )
