# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces without a name.

A namespace is a place where descriptors are opened: enter it, open sockets and files, leave, and
use them from outside. Only descriptors hold it, so the kernel removes it with its links, rules
and sockets when the process ends, however it ends; ``/run/netns`` is never written.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from functools import cache
from types import TracebackType

from netlab.linux import sysctl
from netlab.linux.privileges import prepare, refused
from netlab.linux.syscalls import CLONE_NEWNET, own_network, setns, unshare
from netlab.model.errors import Absent, LabError

#: Buckets of the connection table of each lab's namespace. A read of /proc/net/tcp walks them
#: all: 1.6 ms with the host's table, 15 us with this one.
TABLE_ENTRIES = 1024
CHILD_TABLES = "tcp_child_ehash_entries"
READ_ONLY = " (of a container: give it --cap-add SYS_ADMIN, or podman's --security-opt unmask=ALL)"


class Namespace:
    """One anonymous network namespace, held by a descriptor.

    As a context manager it moves this thread inside, and back on leaving; the two must happen
    without any waiting in between.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._home = -1

    @classmethod
    def create(cls) -> Namespace:
        """Create one with small tables, as a child of the throw-away parent.

        Raises `Forbidden` where the kernel refuses and `LabError` where something else is missing.
        """
        with cls.created() as namespace:
            return namespace

    @classmethod
    @contextlib.contextmanager
    def created(cls) -> Iterator[Namespace]:
        """Create one as `create` does, and run the body inside: this thread is there anyway."""
        prepare()
        parent = _parent()
        with _coming_home():
            setns(parent.fd)
            yield cls(_unshared())

    def __enter__(self) -> Namespace:
        try:
            self._home = own_network()
        except OSError as error:
            raise refused(error) from None
        try:
            setns(self.fd)
        except OSError:
            os.close(self._home)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        setns(self._home)
        os.close(self._home)

    @contextlib.contextmanager
    def visited(self) -> Iterator[None]:
        """Run the body inside, for as long as it likes: several threads may be here at once."""
        with _coming_home():
            setns(self.fd)
            yield

    def close(self) -> None:
        """Let go of the namespace; the kernel removes it when nothing else holds it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def sysctl(self, name: str, value: object | None = None) -> str:
        """Read a sysctl of this namespace, after writing `value` if given; a name without a dot is
        one of ``net.ipv4``.

        Raises `Absent` where this kernel does not have it, `LabError` where it refuses the value,
        and where it is not the namespace's own: nothing outside changes.
        """
        if value is None and not sysctl.NAME.fullmatch(name):
            raise LabError(f"{name!r} is not the name of a sysctl")
        refusal = sysctl.refusal(name) if value is not None else ""
        if refusal:
            raise LabError(refusal)
        name = sysctl.full_name(name)
        outside = _value(name) if value is not None else None
        try:
            with self:
                if value is not None:
                    sysctl.write(name, value)
                result = sysctl.read(name)
        except FileNotFoundError:
            raise Absent(f"this kernel has no sysctl {name}") from None
        except OSError as error:
            fix = READ_ONLY if error.errno == errno.EROFS else ""
            wanted = "" if value is None else f"={value}"
            raise LabError(f"sysctl {name}{wanted}: {error.strerror}{fix}") from None
        if outside is not None and _value(name) != outside:
            # Kernels before 5.13 let a namespace write some settings that all share.
            sysctl.write(name, outside)
            raise LabError(f"sysctl {name} belongs to the whole machine: it was set back")
        return result

    def has_small_tables(self) -> bool:
        """True if its connection table is its own, and not that of the host."""
        with self:
            return _value("tcp_ehash_entries") == str(TABLE_ENTRIES)


def _value(name: str) -> str | None:
    """A sysctl of the namespace that this thread is in, if it can be read."""
    try:
        return sysctl.read(name)
    except OSError:
        return None


@contextlib.contextmanager
def _coming_home() -> Iterator[None]:
    """Return this thread to its namespace afterwards, whichever ones the body enters."""
    try:
        home = own_network()
    except OSError as error:
        raise refused(error) from None
    try:
        yield
    finally:
        setns(home)
        os.close(home)


def _unshared() -> int:
    """Move this thread into a new network namespace, and return its descriptor."""
    try:
        unshare(CLONE_NEWNET)
        return own_network()
    except OSError as error:
        raise refused(error) from None


@cache
def _parent() -> Namespace:
    """The throw-away parent of every lab of this process.

    ``tcp_child_ehash_entries`` (Linux 6.1) is read from the namespace that creates the child, so
    it is set here and the host's stays untouched. Where it cannot be set (containers often have
    ``/proc/sys`` read-only) tables are large, and samples slower.
    """
    with _coming_home(), contextlib.suppress(OSError):
        parent = Namespace(_unshared())
        sysctl.write(CHILD_TABLES, TABLE_ENTRIES)
    return parent


os.register_at_fork(after_in_child=_parent.cache_clear)


@contextlib.contextmanager
def inside(*namespaces: Namespace) -> Iterator[None]:
    """Enter several in turn; the last one is where the body runs."""
    with contextlib.ExitStack() as stack:
        for namespace in namespaces:
            stack.enter_context(namespace)
        yield
