# SPDX-License-Identifier: GPL-2.0-or-later
"""Confines a program whose author nobody here knows, as root too.

It finds a file system of its own: the system's programs, read-only, and an empty folder that ends
with it. It has no capability and can gain none, its user exists nowhere else, and its processes,
memory and files have limits. The network is left to the caller: it is the one that the process is
in. (user_namespaces(7), mount_namespaces(7), and what bubblewrap and Firecracker's jailer do.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import resource
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from netlab.linux import syscalls
from netlab.linux.seccomp import CallFilter
from netlab.linux.syscalls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    unshare,
)

#: What a confined program may read, where it is there. (``/etc`` as the nobody that it is.)
SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/etc", "/opt", "/nix/store", "/gnu/store")))
DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))
#: Folders of its own, which are empty and end with it.
OWN = ("/tmp", "/run", "/var/tmp", "/dev/shm")
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: How this Python finds its parts, where it is not at home: in a guest.
OF_PYTHON = ("PYTHONHOME", "LD_LIBRARY_PATH")
#: This Python itself, which a confined program may be.
PYTHON = os.path.realpath(sys.executable)
#: Its user, as it sees it; outside, each program has another, from SPARE on.
USER = 1000
SPARE = 0x60000000
NO_USER = (
    "root without CAP_SETUID and CAP_SETGID has no user to give to it (a container: give it "
    "--cap-add SETUID --cap-add SETGID, or --user 1000)"
)

MIB = 1 << 20
FILES = 64 * MIB  # of its own, all together
FILE = 16 * MIB  # one, and what it writes to standard output and error
MEMORY = 1024 * MIB  # of all its processes
PROCESSES = 64
LIMITS = {
    resource.RLIMIT_FSIZE: FILE,
    resource.RLIMIT_DATA: MEMORY // 2,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MEMLOCK: 64 << 10,
    resource.RLIMIT_CPU: 600,
}
SHARED_MEMORY = FILES // resource.getpagesize()  # pages (kernel.shmall)

#: Flags that a mount namespace of less privilege must keep, by their names in mountinfo.
KEPT = {"noexec": MS_NOEXEC, "noatime": 0x400, "nodiratime": 0x800, "relatime": 0x200000}


class Confinement:
    """A confinement for one program. `readable` is a further folder that it may read, and in which
    it starts; `host` the name of its machine.

    It is made before a process forks, entered by one that is to see to the program, and left to by
    the program itself.
    """

    def __init__(self, readable: Path | None, host: str) -> None:
        self._folder = readable.resolve() if readable and not _is_private(readable) else None
        self._host = host
        self._filter = CallFilter()
        self._shown = [*_system(), *_python(), *filter(None, [self._folder])]
        self.proc = -1  # the /proc of outside, once entered

    @staticmethod
    def environment(command: Sequence[str]) -> dict[str, str]:
        """The environment of a confined program: nothing of netlab's own that could be a secret.
        This Python finds its packages; another one, for which they were not made, does not.
        """
        kept = {name: os.environ[name] for name in OF_PYTHON if name in os.environ}
        if any(PYTHON in word for word in command):
            kept["PYTHONPATH"] = os.pathsep.join(map(str, packages()))
        return {"PATH": SEARCHED, "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", **kept}

    def close(self) -> None:
        """Give back what was made before the fork."""
        self._filter.close()

    # --- after a fork, in the first process of a process namespace

    def enter(self) -> None:
        """Give this process namespaces and a file system of its own. Raises OSError."""
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        Path("/proc/self/oom_score_adj").write_text("1000")  # before anybody else's
        for kind in (CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP):
            unshare(kind)
        with contextlib.suppress(PermissionError):  # podman's profile: then it has the container's
            socket.sethostname(self._host)
        with contextlib.suppress(OSError):  # of a user namespace before Linux 5.19
            Path("/proc/sys/kernel/shmall").write_text(str(SHARED_MEMORY))
        syscalls.own_mounts()
        base = _lay_out(self._shown)
        syscalls.change_root(base)
        os.chdir(self._folder or "/tmp")

    def fork(self) -> int:
        """Fork; the child is a nobody with limits, a filter, and no way back. Raises OSError."""
        ready, told = os.pipe()
        go, tell = os.pipe()
        child = os.fork()
        if child:
            with open(ready) as asked, open(tell, "w") as answer:
                os.close(told)
                os.close(go)
                number = asked.readline().strip()
                if number:
                    self._map_user(number)
                    answer.write("go")
            syscalls.drop_capabilities()
            return child
        os.close(ready)
        os.close(tell)
        number = os.readlink("self", dir_fd=self.proc)
        unshare(CLONE_NEWUSER)
        os.write(told, f"{number}\n".encode())
        if os.read(go, 2) != b"go":
            os._exit(1)
        self._become_nobody()
        return 0

    def memory_in_use(self) -> int:
        """Bytes that the processes of this process namespace have in memory, besides this one.

        Where there is no ``/proc`` inside, the one outside still has an entry for each.
        """
        pages = 0
        for path in self._of_others("statm"):
            with contextlib.suppress(OSError):  # it has ended
                pages += int(_read(path, self.proc).split()[1])
        return pages * resource.getpagesize()

    def _of_others(self, name: str) -> Iterator[str]:
        if os.path.exists("/proc/self"):
            numbers = (each for each in os.listdir("/proc") if each.isdecimal())
            return (f"/proc/{each}/{name}" for each in numbers if int(each) != os.getpid())
        own = os.readlink("self", dir_fd=self.proc)
        return (f"{each}/{name}" for each in _descendants(own, self.proc))

    def _map_user(self, number: str) -> None:
        """Give the process of that number a user and a group that nobody else is.

        A process without CAP_SETUID or CAP_SETGID can give but its own, and no way to change
        groups; root not even that.
        """
        spare = _spare_user(int(number), _read("self/uid_map", self.proc))
        for name, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
            try:
                self._tell(f"{number}/{name}", f"{USER} {spare} 1")
            except PermissionError:
                if os.geteuid() == 0:
                    raise PermissionError(NO_USER) from None
                self._tell(f"{number}/setgroups", "deny")
                self._tell(f"{number}/{name}", f"{USER} {own} 1")

    def _tell(self, path: str, text: str) -> None:
        with open(os.open(path, os.O_WRONLY, dir_fd=self.proc), "w") as file:
            file.write(text)

    def _become_nobody(self) -> None:
        with contextlib.suppress(PermissionError):  # in a user namespace they cannot be changed
            os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        syscalls.drop_capabilities()
        syscalls.no_new_privileges()
        for limit, most in LIMITS.items():
            _lower(limit, most)
        _lower(resource.RLIMIT_NPROC, PROCESSES)
        self._filter.enforce()


def _descendants(number: str, proc: int) -> Iterator[str]:
    """The children of a process of that number, and theirs, by an open ``/proc``."""
    with contextlib.suppress(OSError):  # it has ended
        for child in _read(f"{number}/task/{number}/children", proc).split():
            yield child
            yield from _descendants(child, proc)


def _read(path: str, folder: int) -> str:
    with open(os.open(path, os.O_RDONLY, dir_fd=folder)) as file:
        return file.read()


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (value, value))


def _is_private(folder: Path) -> bool:
    """True for somebody's home, whoever plays the scenario, and for a folder with homes below."""
    folder = folder.resolve()
    homes = {Path("/root"), Path("/home"), Path.home()}
    homes |= {Path(entry.pw_dir) for entry in pwd.getpwall()}
    return folder.parent == Path("/home") or any(
        home.resolve().is_relative_to(folder) for home in homes
    )


def _system() -> Iterator[Path]:
    yield from (path for path in SYSTEM if path.exists())
    yield from sorted(Path("/").glob("lib*"))


def packages() -> list[Path]:
    """The folders in which packages are installed for this Python."""
    named = (Path(each) for each in sys.path if each.endswith(("site-packages", "dist-packages")))
    return [each.resolve() for each in named if each.is_dir()]


def _python() -> Iterator[Path]:
    """Where this Python is, and its packages; and the programs that come with netlab."""
    yield Path(sys.base_prefix).resolve()
    yield from packages()
    yield Path(__file__).resolve().parent.parent / "programs"


def _spare_user(number: int, mapped: str) -> int:
    """A user that nobody else is, for the process of that number, in a user namespace that has the
    users of `mapped` (its ``uid_map``).

    Where they are too few it is one of the last; where there is but one, that one.
    """
    spans = [(int(first), int(count)) for first, _, count in map(str.split, mapped.splitlines())]
    if any(first <= SPARE + number < first + count for first, count in spans):
        return SPARE + number
    first, count = max(spans)
    return max(first, first + count - 2)


# --- the file system


def _lay_out(shown: Sequence[Path]) -> str:
    """Mount a root that has what is shown, read-only, and empty folders; returns where it is."""
    sources = {path: os.open(path, os.O_PATH) for path in _outermost(shown)}
    sources |= {path: os.open(path, os.O_PATH) for path in DEVICES if path.exists()}
    links = {path: os.readlink(path) for path in shown if path.is_symlink()}
    base = next(path for path in ("/tmp", "/mnt", "/usr") if os.path.isdir(path))
    syscalls.mount("tmpfs", base, MS_NOSUID | MS_NODEV, "mode=755")
    own = Path(base, ".own")
    own.mkdir()
    syscalls.mount("tmpfs", str(own), MS_NOSUID | MS_NODEV, f"mode=755,size={FILES}")
    for number, name in enumerate(OWN):
        folder = own / str(number)
        folder.mkdir()
        folder.chmod(0o1777)
        _show(folder, Path(base + name))
    syscalls.unmount(str(own))
    own.rmdir()
    for path, source in sources.items():
        _show(Path(f"/proc/self/fd/{source}"), Path(f"{base}{path}"))
        os.close(source)
    for path, target in links.items():
        Path(f"{base}{path}").symlink_to(target)
    _make_read_only(base, {base + name for name in OWN}, {f"{base}{path}" for path in DEVICES})
    _mount_proc(Path(base, "proc"))
    syscalls.remount(base, MS_RDONLY | MS_NOSUID | MS_NODEV)
    return base


def _outermost(shown: Sequence[Path]) -> list[Path]:
    """Those that are no links and not below another."""
    real = {path for path in shown if not path.is_symlink()}
    return sorted(path for path in real if not real & {*path.parents})


def _show(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    syscalls.bind(str(source), str(target))


def _make_read_only(base: str, own: set[str], devices: set[str]) -> None:
    """Have nothing below be written or gain privileges, but for folders of its own."""
    for path, words in _mounts_on(base):
        flags = MS_NOSUID
        for word in words:
            flags |= KEPT.get(word, 0)
        if path not in own:
            flags |= MS_RDONLY
        if path not in devices or "nodev" in words:
            flags |= MS_NODEV
        syscalls.remount(path, flags)


def _mounts_on(base: str) -> Iterator[tuple[str, list[str]]]:
    """The mounts on that of `base`, and on those, with their flags; not what `base` covers."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    # A blank is \040 there. Of the mounts at one path, the last covers the others.
    at = {number: path.encode().decode("unicode_escape") for number, _, _, _, path, *_ in lines}
    covering = [number for number, path in at.items() if path == base][-1]
    found = {covering}
    for number, parent, _, _, _, words, *_ in lines:
        if parent in found:
            found.add(number)
            yield at[number], words.split(",")


def _mount_proc(path: Path) -> None:
    """Show the processes of this process namespace, where the kernel allows it.

    In a container that hides parts of ``/proc`` it does not: then there is none.
    """
    path.mkdir()
    try:
        syscalls.mount("proc", str(path), MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except syscalls.NoMount as error:
        if error.errno != errno.EPERM:
            raise
