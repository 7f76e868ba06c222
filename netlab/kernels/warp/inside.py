# SPDX-License-Identifier: GPL-2.0-or-later
"""The first program of a guest that runs a command: it passes on what the command writes, and says
how it ended. It imports little, because each import is slow in an emulator.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import asdict

from netlab.kernels.vm import bare
from netlab.kernels.warp import order
from netlab.kernels.warp.order import GuestCommand, WarpEnd, WarpOrder
from netlab.linux import syscalls
from netlab.model.errors import LabError

#: Not /tmp and /run: they hold what was packed for them.
MOUNTS = (
    *(("devpts", "/dev/pts"), ("tmpfs", "/dev/shm"), ("mqueue", "/dev/mqueue")),
    *(("tracefs", "/sys/kernel/tracing"), ("debugfs", "/sys/kernel/debug")),
    *(("cgroup2", "/sys/fs/cgroup"), ("bpf", "/sys/fs/bpf")),
)
#: Work that the kernel does now and then for nothing but itself, put off for a week: each time
#: wakes a guest whose program sleeps.
CALM = {
    "vm/stat_interval": "604800",
    "vm/compaction_proactiveness": "0",
    "vm/dirty_writeback_centisecs": "0",
}
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
#: Open files that a process may have, and may ask for, as distributions set it.
FILES = (1024, 524288)
PIECE = 1 << 16  # bytes
PIPE = 1 << 20  # bytes that a program may be ahead of who reads
#: The command's own group of processes, and how many it may have at a time, threads among them: no
#: program needs as many on one processor, and more of them would take all memory.
GROUP, CROWD = "/sys/fs/cgroup/command", 1000
UNSTARTABLE = 127  # as shells say that a program could not be executed


def main() -> None:
    """Run the command, and restart: a machine that may not restart (-no-reboot) ends then."""
    try:
        records = _set_up()
    except (LabError, OSError) as error:
        print(f"netlab: {error}", flush=True)
    else:
        try:
            _tell(records, "done", asdict(_run(_order())))
        except (LabError, OSError) as error:
            _tell(records, "error", {"error": str(error)})
    syscalls.restart()


def into() -> None:
    """Become one of the commands of the order, in the lab that this process is in."""
    told = _order()
    _, end, *words = sys.argv
    if end == "server":
        which, words = told.servers[int(words[0])], []
    else:
        which = told.client
    its_own = {*bare.ENVIRONMENT, "PATH", "HOME"}  # of the lab's Python
    of_lab = {name: value for name, value in os.environ.items() if name not in its_own}
    line = [which.line[0], *(words or which.line[1:])]
    os.execve(which.program, line, {**told.environment, **of_lab})


def _order() -> WarpOrder:
    with open(order.ORDER) as file:
        return WarpOrder.of(file.read())


def _tell(records: int, kind: str, value: object) -> None:
    _write(records, f"{json.dumps({'record': kind, 'value': value})}\n".encode())


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it. A port that is full is tried again and again: whoever sleeps until the host
    has read it lets time jump.
    """
    while data:
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(descriptor, data) :]


def _opened(port: str) -> int:
    return os.open(bare.port(port), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)


# --- the system


def _set_up() -> int:
    """Make a system of the bare guest. Returns the port for the records."""
    bare.mount(())
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"/dev/{name}")
    for name, target in LINKS.items():
        os.symlink(target, f"/dev/{name}")
    for kind, path in MOUNTS:
        with contextlib.suppress(OSError):
            syscalls.mount(kind, path)
    for name, value in CALM.items():
        with contextlib.suppress(OSError), open(f"/proc/sys/{name}", "w") as file:
            file.write(value)
    refused = bare.load()
    bare.quieten()
    if refused:
        raise LabError(refused)
    bare.loopback()
    resource.setrlimit(resource.RLIMIT_NOFILE, FILES)
    records = _opened("netlab")
    about = os.uname()
    _tell(records, "machine", {"release": about.release, "version": about.version})
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")  # this process is the last to be ended for want of memory
    return records


# --- the command


def _run(told: WarpOrder) -> WarpEnd:
    socket.sethostname(told.hostname)
    streams = _streams(told)
    crowd = _limited()
    command, environment = _command(told)
    began = time.monotonic()
    process = _started(told, command, environment, [theirs for _, theirs, _ in streams])
    for _, theirs, _ in streams:
        os.close(theirs)
    pumps = {ours: port for ours, _, port in streams}
    until = began + told.until if told.until is not None else None
    status = _followed(process, pumps, until, crowd)
    ended = time.monotonic()
    late, crowded = "", crowd is not None and _refused(crowd)
    if status is None:
        late = "" if crowded else _at(process)
        _dispersed()
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
    for ours, port in pumps.items():
        os.set_blocking(ours, False)
        while _pumped(ours, port):
            pass
    code = os.waitstatus_to_exitcode(status)
    most = CROWD if crowded else 0
    return WarpEnd(code, round(ended - began, 6), late, tuple(_others()), most)


def _command(told: WarpOrder) -> tuple[GuestCommand, dict[str, str]]:
    """What is executed, and its environment: the command, or netlab with it in a lab."""
    if told.audit is not None:
        words = [bare.PYTHON, "-SBm", "netlab.kernels.warp.audition"]
    elif told.lab is not None:
        words = [bare.PYTHON, "-SBm", "netlab", "exec", *told.lab, "--", order.INTO, "client"]
    else:
        return told.client, dict(told.environment)
    own = {**bare.ENVIRONMENT, "PATH": bare.SEARCHED, "HOME": "/root"}
    return GuestCommand(bare.PYTHON, words), own


def _limited() -> int | None:
    """Make the command's group of processes; returns what tells that it had no room for another one
    (pids.events). None where this kernel cannot limit them.
    """
    try:
        _put("/sys/fs/cgroup/cgroup.subtree_control", "+pids")
        os.mkdir(GROUP)
        _put(f"{GROUP}/pids.max", str(CROWD))
        return os.open(f"{GROUP}/pids.events", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _refused(crowd: int) -> bool:
    return os.pread(crowd, PIECE, 0).split()[1:2] > [b"0"]


def _dispersed() -> None:
    """End all of the command's processes, none of which can start another one any more."""
    with contextlib.suppress(OSError):
        _put(f"{GROUP}/pids.max", "0")
        for each in _read(f"{GROUP}/cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each), signal.SIGKILL)


def _put(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _streams(told: WarpOrder) -> list[tuple[int, int, int]]:
    """For each stream of the command: the end to read here, the end that it gets, and the port."""
    output = _opened(order.OUTPUT)
    if told.terminal is not None:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *told.terminal, 0, 0))
        return [(ours, theirs, output)]
    pairs = [(*_pipe(), output)]
    if not told.joined:
        errors = _opened(order.ERRORS)
        pairs.append((*_pipe(), errors))
    return pairs


def _pipe() -> tuple[int, int]:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, PIPE)
    return ours, theirs


def _started(
    told: WarpOrder, command: GuestCommand, environment: dict[str, str], theirs: list[int]
) -> int:
    """Start the command. Raises `LabError` where it cannot be executed."""
    hears, says = os.pipe()
    process = os.fork()
    if not process:
        try:
            _become(told, command, environment, theirs)
        except OSError as error:
            _write(says, str(error.strerror).encode())
        os._exit(UNSTARTABLE)
    os.close(says)
    refusal = os.read(hears, PIECE).decode()
    os.close(hears)
    if refusal:
        os.waitpid(process, 0)
        raise LabError(f"{command.program} cannot be executed: {refusal}")
    return process


def _become(
    told: WarpOrder, command: GuestCommand, environment: dict[str, str], theirs: list[int]
) -> None:
    """Become the command, in a session of its own. Raises OSError."""
    os.setsid()
    with contextlib.suppress(OSError):
        _put(f"{GROUP}/cgroup.procs", "0")
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")
    if told.terminal is not None:
        fcntl.ioctl(theirs[0], termios.TIOCSCTTY, 0)
    given = theirs[0] if told.terminal is not None else os.open(order.INPUT, os.O_RDONLY)
    for number, descriptor in enumerate((given, theirs[0], theirs[-1])):
        os.dup2(descriptor, number)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)  # Python ignores the first two
    os.chdir(told.folder)
    if told.user is not None:
        number, group, groups = told.user
        for own in {told.environment.get("HOME", told.folder), told.folder}:
            os.chown(own, number, group)
        os.setgroups([*groups])
        os.setgid(group)
        os.setuid(number)
    os.execve(command.program, [*command.line], environment)


def _followed(
    process: int, pumps: dict[int, int], until: float | None, crowd: int | None
) -> int | None:
    """Pass on what the command writes until it ends. Returns how, as wait(2) does; None where its
    time was up before, or it was too large a `crowd`.
    """
    poll, rings = select.poll(), _bell()
    for each in (rings, *pumps):
        poll.register(each, select.POLLIN)
    if crowd is not None:
        _refused(crowd)  # from now on, what changes is told
        poll.register(crowd, select.POLLPRI)
    while True:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            return None
        for descriptor, _ in poll.poll(None if left is None else left * 1000 + 1):
            if descriptor == crowd:
                if _refused(crowd):
                    return None
            elif descriptor == rings:
                os.read(rings, PIECE)
                status = _reaped(process)
                if status is not None:
                    return status
            elif not _pumped(descriptor, pumps[descriptor]):
                poll.unregister(descriptor)


def _bell() -> int:
    """What can be read from it whenever a process has ended."""
    rings, pulls = os.pipe()
    os.set_blocking(pulls, False)
    signal.set_wakeup_fd(pulls, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    os.kill(os.getpid(), signal.SIGCHLD)  # for one that has ended already
    return rings


def _reaped(wanted: int) -> int | None:
    """Wait for all that has ended, orphans too, without waiting; the status of the wanted one."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            found = status if process == wanted else found
    return found


def _pumped(source: int, port: int) -> bool:
    """Pass on a piece; False where there is none, and none will come."""
    try:
        data = os.read(source, PIECE)
    except OSError:  # nothing now, or the last of a terminal's ends is closed
        return False
    _write(port, data)
    return bool(data)


# --- what is told of processes


def _others() -> Iterator[str]:
    """The programs that run, besides this one. The kernel's own processes have no file."""
    for each in filter(str.isdigit, os.listdir("/proc")):
        if int(each) != os.getpid():
            with contextlib.suppress(OSError):
                os.readlink(f"/proc/{each}/exe")
                yield _read(f"/proc/{each}/comm").strip()


def _at(process: int) -> str:
    """What a process and its children were at, in words."""
    waits = [f"{name} ({where})" for each in _family(process)
             if (name := _read(f"/proc/{each}/comm").strip())
             and (where := _where(each))]  # fmt: skip
    return ", ".join(waits)


def _where(process: int) -> str:
    state = _read(f"/proc/{process}/stat").rpartition(")")[2].split()[:1]
    if state == ["R"]:
        return "runs"
    waits = _read(f"/proc/{process}/wchan").strip()
    return f"waits in {waits}" if waits not in ("", "0") else "waits"


def _family(process: int) -> Iterator[int]:
    yield process
    for child in _read(f"/proc/{process}/task/{process}/children").split():
        yield from _family(int(child))


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""
