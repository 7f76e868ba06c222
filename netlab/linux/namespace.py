# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces without a name.

A namespace is a place where descriptors are opened: enter it, open sockets and files, leave, and
use them from outside. Only descriptors hold it, so the kernel removes it with its links, rules
and sockets when the process ends, however it ends; ``/run/netns`` is never written.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import getpass
import os
import resource
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

from netlab.model.errors import Forbidden, LabError

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21

#: Buckets of the connection table of each lab's namespace. A read of /proc/net/tcp walks them
#: all: 1.6 ms with the host's table, 15 us with this one.
TABLE_ENTRIES = 1024

_libc = ctypes.CDLL(None, use_errno=True)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:  # os.unshare came with Python 3.12
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Namespace:
    """One anonymous network namespace, held by a descriptor.

    As a context manager it moves this thread inside, and back on leaving; the two must happen
    with nothing awaited in between.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._home = -1

    @classmethod
    def create(cls) -> Namespace:
        """Make one whose tables are small, as a child of the throw-away parent.

        Raises `Forbidden` where the kernel refuses and `LabError` where something else is missing.
        """
        with cls.created() as namespace:
            return namespace

    @classmethod
    @contextlib.contextmanager
    def created(cls) -> Iterator[Namespace]:
        """Make one as `create` does, and run the body inside: this thread is there anyway."""
        prepare()
        parent = _parent()
        with _coming_home():
            _setns(parent.fd)
            yield cls(_unshared())

    def __enter__(self) -> Namespace:
        try:
            self._home = _open_own()
        except OSError as error:
            raise refused(error) from None
        _setns(self.fd)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _setns(self._home)
        os.close(self._home)

    def close(self) -> None:
        """Let go of the namespace; the kernel removes it when nothing else holds it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def sysctl(self, name: str, value: object | None = None) -> str:
        """Read a sysctl of this namespace (``net.ipv4.tcp_sack``), after writing `value` if given.

        Raises `LabError` where this kernel does not have it or refuses the value.
        """
        path = Path("/proc/sys") / name.replace(".", "/")
        with self:
            try:
                if value is not None:
                    path.write_text(f"{value}\n")
                return path.read_text().strip()
            except FileNotFoundError:
                raise LabError(f"this kernel has no sysctl {name}") from None
            except OSError as error:
                raise LabError(f"sysctl {name}={value}: {error.strerror}") from None


def _open_own() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def _coming_home() -> Iterator[None]:
    """Whichever namespaces the body enters, this thread is where it was afterwards."""
    try:
        home = _open_own()
    except OSError as error:
        raise refused(error) from None
    try:
        yield
    finally:
        _setns(home)
        os.close(home)


def _unshared() -> int:
    """Move this thread into a new network namespace, and return the descriptor of that."""
    try:
        _unshare(CLONE_NEWNET)
        return _open_own()
    except OSError as error:
        raise refused(error) from None


@cache
def _parent() -> Namespace:
    """The throw-away parent of every lab of this process.

    ``tcp_child_ehash_entries`` (Linux 6.1) is read from the namespace that creates the child, so
    it is set here and the host's stays untouched.
    """
    with _coming_home(), contextlib.suppress(FileNotFoundError):
        parent = Namespace(_unshared())
        Path("/proc/sys/net/ipv4/tcp_child_ehash_entries").write_text(f"{TABLE_ENTRIES}\n")
    return parent


os.register_at_fork(after_in_child=_parent.cache_clear)


@cache
def prepare() -> None:
    """Make this process able to build labs: capabilities, and descriptors for many of them.

    Without root it enters a user namespace of its own. Raises `Forbidden`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not privileged():
        enter_user_namespace()
    elif not _can_come_home():
        _unshare(CLONE_NEWNET)  # root of somebody's user namespace, in a network of its outside


def _can_come_home() -> bool:
    """Whether this process may enter the network namespace that it is in."""
    home = _open_own()
    try:
        _setns(home)
    except PermissionError:
        return False
    finally:
        os.close(home)
    return True


def privileged() -> bool:
    """Whether this process may create namespaces and rules as it is."""
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    held = int(effective.split()[1], 16)
    return all(held >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_SYS_ADMIN))


def in_user_namespace() -> bool:
    """Whether this process is root of a user namespace of its own only."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def enter_user_namespace() -> None:
    """Become root of a user namespace of one's own; nothing outside it is within reach.

    The host's network neither: who may not enter it could not come back to it from a lab, so the
    process moves to an empty one for good. Only a process with one thread may do this
    (user_namespaces(7)). Raises `Forbidden`.
    """
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        raise Forbidden(
            "without root, netlab must enter a user namespace before other threads start. "
            "Call netlab.prepare() first; for pytest, set 'netlab_userns = true' in its settings"
        )
    uid, gid = os.getuid(), os.getgid()
    with contextlib.suppress(KeyError, OSError):
        # Inside, the number is root's; who asks for the name is told the true one. (pytest does,
        # and would share a temporary folder with the real root.)
        os.environ.setdefault("LOGNAME", getpass.getuser())
    try:
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise refused(error) from None


#: Settings that forbid namespaces to ordinary users, and the value that does.
FORBIDDING = {
    "kernel.unprivileged_userns_clone": "0",  # Debian
    "kernel.apparmor_restrict_unprivileged_userns": "1",  # Ubuntu 23.10 and later
    "user.max_user_namespaces": "0",
    "user.max_net_namespaces": "0",
}


def forbidding_settings() -> list[str]:
    """The sysctls of this machine that keep an ordinary user from building labs."""
    found = []
    for name, value in FORBIDDING.items():
        with contextlib.suppress(OSError):
            if (Path("/proc/sys") / name.replace(".", "/")).read_text().strip() == value:
                found.append(f"{name}={value}")
    return found


def refused(error: OSError) -> LabError:
    """The error of a refused namespace or descriptor, as one sentence that says what to do."""
    if error.errno == errno.EMFILE:
        return LabError("too many open files: raise the limit (ulimit -n), or run with --jobs 50")
    settings = forbidding_settings()
    if settings:
        return Forbidden(
            f"this kernel forbids namespaces to ordinary users: {' and '.join(settings)}. "
            "Run as root (sudo), or have an administrator change that sysctl"
        )
    if error.errno in (errno.EPERM, errno.EACCES):
        return Forbidden(
            "creating a namespace was refused although no sysctl forbids it: a container or a "
            "security module does. Run as root on the machine itself, or give the container "
            "CAP_SYS_ADMIN and CAP_NET_ADMIN"
        )
    return LabError(f"building a lab failed: {error.strerror}")


@contextlib.contextmanager
def inside(*namespaces: Namespace) -> Iterator[None]:
    """Enter several in turn; the last one is where the body runs."""
    with contextlib.ExitStack() as stack:
        for namespace in namespaces:
            stack.enter_context(namespace)
        yield
