# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at the processes of a program from outside: what they use, hold, and wait in.

All of it is in ``/proc`` (proc(5)), and needs no right but to be their user.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netlab import scheduler
from netlab.testbed.sockets import held

#: Seconds between two looks at what processes use.
EVERY = 0.2
NANOSECONDS = 1e9
PAGE = resource.getpagesize()
#: A thread that wants the processor for more than this share of the time does not rest.
RESTLESS = 0.8
#: Seconds that are no rest yet: the kernel tells how long one has waited when that is over.
NAP = 0.3
#: Of several threads, waiting for a processor counts up to so many times what each of them ran: who
#: wakes up for a moment waits for longer than it runs where the machine is busy.
CROWDED = 8
#: System calls in which a program waits, by their numbers: those of include/uapi/asm-generic are
#: the numbers of arm64, and of most others but x86.
CALLS = {
    "x86_64": {
        0: "read", 1: "write", 3: "close", 7: "poll", 19: "readv", 20: "writev", 23: "select",
        34: "pause", 35: "nanosleep", 40: "sendfile", 42: "connect", 43: "accept", 44: "sendto",
        45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 61: "wait4", 72: "fcntl", 73: "flock",
        128: "rt_sigtimedwait", 130: "rt_sigsuspend", 202: "futex", 230: "clock_nanosleep",
        232: "epoll_wait", 247: "waitid", 270: "pselect6", 271: "ppoll", 275: "splice",
        281: "epoll_pwait", 288: "accept4", 426: "io_uring_enter", 441: "epoll_pwait2",
    },
    "aarch64": {
        22: "epoll_pwait", 25: "fcntl", 32: "flock", 57: "close", 63: "read", 64: "write",
        65: "readv", 66: "writev", 71: "sendfile", 72: "pselect6", 73: "ppoll", 76: "splice",
        95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 133: "rt_sigsuspend",
        137: "rt_sigtimedwait", 202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom",
        211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4", 426: "io_uring_enter",
        441: "epoll_pwait2",
    },
}  # fmt: skip
CLOSE = "close"
#: Those whose first argument is the descriptor that they are about.
ABOUT = {"read", "write", "readv", "writev", "connect", "accept", "accept4", "sendto", "recvfrom",
         "sendmsg", "recvmsg", "sendfile"}  # fmt: skip
#: The argument that is a time-out: in milliseconds, or where it is written in memory, and the part
#: of a second that its second number counts.
MILLISECONDS = {"poll": 2, "epoll_wait": 3, "epoll_pwait": 3}
WRITTEN = {"select": (4, 1e6), "pselect6": (4, 1e9), "ppoll": (2, 1e9), "epoll_pwait2": (3, 1e9),
           "nanosleep": (0, 1e9), "clock_nanosleep": (2, 1e9), "futex": (3, 1e9)}  # fmt: skip
MOST = 4096  # descriptors of one poll or select that are looked at
#: Seconds by which one may wake up too late.
LATE = 0.05
Bounds = tuple[float, float]  # of a rest between two looks: seconds, at least and at most
#: What a program in Go begins its account of itself with (debug/buildinfo).
GO = b"\xff Go buildinf:"
#: Where a time-out is a moment and no length of time.
TIMER_ABSTIME = 1
FUTEX_COMMAND, FUTEX_WAIT_BITSET, FUTEX_CLOCK_REALTIME = 0x7F, 9, 256


@dataclass(frozen=True, slots=True)
class Waiting:
    """A thread, and the system call that it is in."""

    process: int
    thread: int
    name: str
    call: str
    where: str
    descriptor: int | None
    inodes: tuple[int, ...]  # of the sockets that it waits for, with that or with others
    time_out: float | None  # seconds from the call's beginning, or `moment`: from now
    moment: bool


@dataclass(slots=True)
class Streak:
    """How long a processor was wanted without a rest, by one thread or all together."""

    seconds: float = 0.0
    cpu: float = 0.0
    idle: float = 0.0  # seconds that are not made up for

    def go_on(self, passed: float, cpu: float, wanted: float) -> tuple[float, float]:
        """So many seconds have passed, in which it ran and wanted to run so long. Returns for how
        long this goes on, and how long it ran in that time.
        """
        self.idle = max(0.0, self.idle + RESTLESS * passed - wanted)
        self.seconds += passed
        self.cpu += cpu
        if self.idle > NAP:
            self.seconds = self.cpu = self.idle = 0.0
        return self.seconds, self.cpu


@dataclass(frozen=True, slots=True)
class _Rest:
    """A thread that does not run: it began to rest after one look, and did by the next one."""

    times: int  # that it had been given a processor by then
    after: float
    since: float


@dataclass(slots=True)
class Use:
    """What processes have used, by looks at them."""

    cpu: float = 0.0  # seconds, of all threads that were seen
    memory: int = 0  # bytes at the last look
    waited: float = 0.0  # seconds that one of them wanted a processor and had none, at most
    spun: tuple[float, float] = (0.0, 0.0)  # the longest streak: seconds, and those of the CPU
    busy: tuple[float, float] = (0.0, 0.0)  # the same of all of them together
    _together: Streak = field(default_factory=Streak)
    _before: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    _streaks: dict[tuple[int, int], Streak] = field(default_factory=dict)
    _rests: dict[tuple[int, int], _Rest] = field(default_factory=dict)
    _slept: dict[tuple[int, int], list[Bounds]] = field(default_factory=dict)
    _at: float = field(default_factory=scheduler.now)

    def look(self, processes: Iterable[int], counts: bool) -> None:
        """Note what they have used since the last look; streaks grow only while that `counts`."""
        now = scheduler.now()
        after: dict[tuple[int, int], tuple[int, int]] = {}
        self.memory = 0
        for process in processes:
            self.memory += _memory(process)
            for number, ran, waited, times in _threads(process):
                after[process, number] = ran, waited
                self.waited = max(self.waited, waited / NANOSECONDS)
                self._note_rest((process, number), times, now)
        passed, self._at = now - self._at, now
        ran_in_all = wanted_in_all = 0.0
        for thread, (ran, waited) in after.items():
            ran_before, waited_before = self._before.get(thread, (0, 0))
            cpu = (ran - ran_before) / NANOSECONDS
            self.cpu += cpu
            lacked = (waited - waited_before) / NANOSECONDS
            ran_in_all += cpu
            wanted_in_all += cpu + min(lacked, CROWDED * cpu)
            if counts and thread in self._before:
                streak = self._streaks.setdefault(thread, Streak())
                self.spun = max(self.spun, streak.go_on(passed, cpu, cpu + lacked))
        if counts and self._before:
            self.busy = max(self.busy, self._together.go_on(passed, ran_in_all, wanted_in_all))
        self._before = after

    def rested(self, process: int, thread: int) -> float:
        """Seconds for which a thread has not been seen to run, at the last look."""
        rest = self._rests.get((process, thread))
        return self._at - rest.since if rest else 0.0

    def has_slept(self, process: int, thread: int, seconds: float) -> bool:
        """True if a thread has rested for so many seconds before, and gone on."""
        slept = self._slept.get((process, thread), ())
        return any(least - LATE <= seconds <= most for least, most in slept)

    def begin_anew(self) -> None:
        """Forget who has slept: what comes is another attempt."""
        self._slept.clear()

    def _note_rest(self, thread: tuple[int, int], times: int, now: float) -> None:
        rest = self._rests.get(thread)
        if rest is not None and rest.times == times:
            return
        if rest is not None and rest.since < self._at:  # it was seen to rest
            bounds = self._at - rest.since, now - rest.after
            self._slept.setdefault(thread, []).append(bounds)
        self._rests[thread] = _Rest(times, self._at, now)


def _threads(process: int) -> Iterator[tuple[int, int, int, int]]:
    """Each thread, the nanoseconds that it has run and has waited for a processor, and how often it
    was given one.
    """
    for task in _tasks(process):
        with contextlib.suppress(OSError, ValueError):
            ran, waited, times = (task / "schedstat").read_text().split()
            yield int(task.name), int(ran), int(waited), int(times)


def _tasks(process: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{process}/task").iterdir())
    except OSError:  # it has ended
        return []


def _memory(process: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE
    return 0


def named(process: int) -> str:
    """What a process calls itself, and its number; '' if it has ended, or is a zombie."""
    try:
        about = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    name, _, rest = about.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] in "ZX" else f"{name} (pid {process})"


def sockets_of(processes: Iterable[int]) -> set[int]:
    """The numbers of the sockets that they hold, of whatever kind."""
    return {inode for process in processes for inode in held(process)}


def descriptors_of(process: int) -> Iterator[tuple[int, int]]:
    """The sockets that a process holds: the number of the descriptor, and of the socket."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{process}/fd"):
            inode = _inode(process, int(number))
            if inode:
                yield int(number), inode


def _inode(process: int, descriptor: int) -> int:
    with contextlib.suppress(OSError):
        link = os.readlink(f"/proc/{process}/fd/{descriptor}")
        if link.startswith("socket:["):
            return int(link[8:-1])
    return 0


def waiting(processes: Iterable[int]) -> Iterator[Waiting]:
    """Each thread of theirs that is in a system call."""
    for process in processes:
        for task in _tasks(process):
            with contextlib.suppress(OSError, ValueError, IndexError):
                found = _waiting(process, task)
                if found is not None:
                    yield found


def _waiting(process: int, task: Path) -> Waiting | None:
    number, *arguments = (task / "syscall").read_text().split()
    if number == "running" or int(number) < 0:
        return None
    call = CALLS.get(os.uname().machine, {}).get(int(number), f"system call {number}")
    values = [int(each, 16) for each in arguments]
    descriptor = values[0] if call in ABOUT else None
    return Waiting(
        process,
        int(task.name),
        (task / "comm").read_text().strip(),
        call,
        (task / "wchan").read_text().strip(" 0"),
        descriptor,
        tuple(filter(None, (_inode(process, each) for each in _awaited(process, call, values)))),
        _time_out(process, call, values),
        _counts_from(call, values) > 0,
    )


def _awaited(process: int, call: str, values: list[int]) -> Iterator[int]:
    """The descriptors that a call waits for."""
    with contextlib.suppress(OSError, struct.error):
        match call:
            case "epoll_wait" | "epoll_pwait" | "epoll_pwait2":
                about = Path(f"/proc/{process}/fdinfo/{values[0]}").read_text()
                yield from (int(line.split()[1]) for line in about.splitlines() if "tfd:" in line)
            case "poll" | "ppoll":
                asked = _read(process, values[0], 8 * min(values[1], MOST))
                yield from (number for number, _ in struct.iter_unpack("ii", asked) if number >= 0)
            case "select" | "pselect6":
                for place in filter(None, values[1:4]):
                    bits = int.from_bytes(
                        _read(process, place, min(values[0], MOST) // 8 + 1), "little"
                    )
                    yield from (each for each in range(values[0]) if bits >> each & 1)
            case _ if call in ABOUT:
                yield values[0]


def forgets_late(process: int) -> bool:
    """True for a program in Go, whose runtime leaves a timer that was stopped among the others
    until it is due: that its poller has a time-out does not say that anybody still waits for it.
    """
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"/proc/{process}/exe", "rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as program,
    ):
        return program.find(GO) >= 0
    return False


def _read(process: int, place: int, size: int) -> bytes:
    """What is in the memory of a process. Raises OSError."""
    with open(f"/proc/{process}/mem", "rb") as memory:
        memory.seek(place)
        return memory.read(size)


def _time_out(process: int, call: str, values: list[int]) -> float | None:
    if call in MILLISECONDS:
        low = values[MILLISECONDS[call]] & 0xFFFFFFFF
        return None if low >> 31 else low / 1000
    if call not in WRITTEN or not values[WRITTEN[call][0]]:
        return None
    place, part = WRITTEN[call]
    with contextlib.suppress(OSError, struct.error):
        whole, rest = struct.unpack("qq", _read(process, values[place], 16))
        left: float = whole + rest / part - _counts_from(call, values)
        return left
    return None


def _counts_from(call: str, values: list[int]) -> float:
    """What a time-out counts from: nothing, or where it is a moment, the clock's own beginning."""
    if call == "clock_nanosleep" and values[1] & TIMER_ABSTIME:
        return time.clock_gettime(values[0])
    if call == "futex" and values[1] & FUTEX_COMMAND == FUTEX_WAIT_BITSET:
        real = values[1] & FUTEX_CLOCK_REALTIME
        return time.clock_gettime(time.CLOCK_REALTIME if real else time.CLOCK_MONOTONIC)
    return 0.0
