# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that only those know who are inside: ``/etc/hosts`` in a mount namespace of its own.

The machine's file is not touched. Like a network namespace, this one has no name and is held by
descriptors: it is gone with the process. (mount_namespaces(7), hosts(5).)
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from netlab.linux import syscalls, threads
from netlab.linux.syscalls import CLONE_FS, CLONE_NEWNS, MS_NODEV, MS_NOEXEC, MS_NOSUID

HOSTS = Path("/etc/hosts")
#: Where the name service cache daemon is asked before any file is read (glibc's ``nscd``).
CACHES = ("/run/nscd", "/var/run/nscd")
#: A folder that there is everywhere: the file is made on a file system mounted there for a moment.
SCENE = ("/tmp", "/mnt", "/usr")


class Names:
    """A mount namespace whose ``/etc/hosts`` begins with names of one's own.

    `names`: those of each address. Raises OSError where the kernel or the machine does not allow
    it, or has no such file.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._machines = HOSTS.read_text(errors="replace").splitlines()
        self._names = {address: [*own] for address, own in names.items()}
        self._failed: OSError | None = None
        self._file = self._namespace = self._root = -1
        maker = threading.Thread(target=self._make)  # who makes it stays inside
        try:
            threads.start(maker)
            maker.join()
        except RuntimeError:  # no more threads are allowed here
            self._failed = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if self._failed is not None:
            self.close()
            raise self._failed
        self._write()

    def close(self) -> None:
        """Let go of it: the kernel removes it with the last who is inside."""
        for descriptor in (self._file, self._namespace, self._root):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._namespace = self._root = -1

    def add(self, address: str, name: str) -> None:
        """Have an address known by one more name, from now on. Raises OSError."""
        self._names.setdefault(address, []).append(name)
        self._write()

    def enter(self) -> None:
        """Move this thread inside, to the same folder as before. Raises OSError."""
        folder = _working_folder()
        _join(self._namespace, self._root)
        with contextlib.suppress(OSError):  # it is hidden from this user, or gone
            os.chdir(folder)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Run the body inside; this thread, and those that it begins there, find the names.

        The body's folder and umask are this thread's own from then on, and no other thread's:
        a thread has to part with them to change its mount namespace (setns(2)).
        """
        with contextlib.ExitStack() as opened:
            home = _Home(opened)
            self.enter()
            try:
                yield
            finally:
                home.back()

    def _make(self) -> None:
        try:
            syscalls.own_mounts()
            scene = next(path for path in SCENE if os.path.isdir(path))
            syscalls.mount("tmpfs", scene, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755")
            file = Path(scene, "hosts")
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            syscalls.bind(str(file), str(HOSTS))
            for path in filter(os.path.isdir, CACHES):
                syscalls.bind(_empty(Path(scene)), path)
            syscalls.unmount(scene)
            self._namespace = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
            self._root = os.open("/", os.O_PATH | os.O_CLOEXEC)
            _join(self._namespace, self._root)  # it takes CAP_SYS_CHROOT, and making it does not
        except OSError as error:
            self._failed = error

    def _write(self) -> None:
        """Write the file anew: a name that is one's own is nobody else's."""
        taken = {name for own in self._names.values() for name in own}
        lines = [f"{address}\t{' '.join(own)}" for address, own in self._names.items()]
        lines += [line for line in self._machines if not taken.intersection(line.split()[1:])]
        text = "".join(f"{line}\n" for line in lines).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))


OWN = "/proc/thread-self/ns/mnt"


class _Home:
    """Where this thread is, to come back to: its mount namespace, root and folder.

    Root of a user namespace may not enter one from outside it, not even its own: then the thread
    moves to a copy for good.
    """

    def __init__(self, opened: contextlib.ExitStack) -> None:
        self._opened = opened
        self._look()
        try:
            self.back()
        except PermissionError:
            syscalls.own_mounts()
            self._look()

    def back(self) -> None:
        """Come back. Raises OSError."""
        _join(self._namespace, self._root)
        os.fchdir(self._folder)

    def _look(self) -> None:
        self._namespace = self._open(OWN, os.O_RDONLY)
        self._root, self._folder = (self._open(path, os.O_PATH) for path in ("/", "."))

    def _open(self, path: str, how: int) -> int:
        descriptor = os.open(path, how | os.O_CLOEXEC)
        self._opened.callback(os.close, descriptor)
        return descriptor


def _working_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it has been removed
        return "/"


def _join(namespace: int, root: int) -> None:
    """Move this thread into a mount namespace, with that folder for its root."""
    syscalls.unshare(CLONE_FS)  # others that share its folders would have to come along
    syscalls.setns(namespace, CLONE_NEWNS)
    os.fchdir(root)
    os.chroot(".")


def _empty(scene: Path) -> str:
    folder = scene / "empty"
    folder.mkdir(exist_ok=True)
    return str(folder)
