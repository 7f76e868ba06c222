# SPDX-License-Identifier: GPL-2.0-or-later
"""The system calls that may fail, the errors they fail with, and those that a command makes.

strace counts the calls of one name in each thread, and lets the n-th one fail. The command has
been watched once before, so what is known of the n-th call is what it was then.
"""

from __future__ import annotations

import errno
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: Kinds of failures: the calls that they befall, and the errors.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "open": (("openat",), ("EMFILE", "EACCES", "EIO")),
    "read": (("read", "pread64"), ("EIO",)),
    "write": (("write", "pwrite64"), ("ENOSPC", "EDQUOT", "EIO")),
    "close": (("close",), ("EIO",)),
    "folder": (("mkdir", "mkdirat", "rename", "renameat"), ("ENOSPC", "EROFS", "EDQUOT")),
    "look": (("getdents64", "newfstatat", "readlink"), ("EIO",)),
    "descriptors": (("pipe2", "epoll_create1", "eventfd2", "socketpair", "dup"), ("EMFILE",)),
    "unshare": (("unshare",), ("EPERM", "ENOSPC", "ENOMEM")),
    "setns": (("setns",), ("EPERM", "ENOMEM")),
    "mount": (("mount", "fsopen", "fsconfig", "fsmount"), ("EPERM", "ENOMEM")),
    "fork": (("clone", "clone3", "fork", "vfork", "execve"), ("EAGAIN", "ENOMEM")),
    "socket": (("socket",), ("EMFILE", "ENOBUFS", "EAFNOSUPPORT")),
    "bind": (("bind", "listen", "setsockopt"), ("ENOMEM", "ENOBUFS")),
    "connect": (("connect", "accept4"), ("ENOMEM", "ENOBUFS")),
    "send": (("sendto", "sendmsg"), ("ENOBUFS", "ENOMEM")),
    "receive": (("recvfrom", "recvmsg"), ("ENOBUFS", "ENOMEM")),
    "answer": (("recvfrom", "recvmsg"), ("EPERM", "EBUSY", "ENOMEM", "EOPNOTSUPP")),
    "memory": (("mmap", "mremap"), ("ENOMEM",)),  # brk(2) has no errors
    "interrupt": (
        ("openat", "read", "write", "sendto", "recvfrom", "connect", "accept4", "poll", "select"),
        ("EINTR",),
    ),
}
WATCHED = sorted({call for calls, _ in KINDS.values() for call in calls})
#: An answer of the kernel's by netlink, in the first bytes of what was received.
NLMSG_ERROR = 2
#: A file that is opened once netlab's own code runs: what comes before is Python's.
BEGINS = "netlab/cli/"
#: What Python does to import a module. Each is like any other.
IMPORTING = re.compile(r"\.py\b|\.pyc\b|\.so\b|__pycache__|site-packages|/lib/python3|\.pth\b")


class Failure(NamedTuple):
    """The `number`-th call of this name fails with this error."""

    kind: str
    call: str
    error: str
    number: int
    #: The call as it was when all was well, with the names of its files.
    seen: str

    @property
    def injection(self) -> str:
        """What strace takes for it."""
        if self.kind == "answer":
            answer = struct.pack("=IHHIIi", 36, NLMSG_ERROR, 0, 0, 0, -getattr(errno, self.error))
            how = f"poke_exit=@arg2={answer.hex()}"
        else:
            how = f"error={self.error}"
        return f"{self.call}:{how}:when={self.number}"


class Call(NamedTuple):
    """One system call of a command's first thread."""

    name: str
    number: int  # among its calls of this name
    seen: str

    @property
    def imports(self) -> bool:
        """True if Python does it to import something."""
        return bool(IMPORTING.search(self.seen))

    @property
    def shape(self) -> str:
        """What it has in common with others of one loop."""
        path = re.sub(r"(/scenarios|/cells|/lessons)/[^\"]*?(?=\.yaml|\"|>)", r"\1", self.seen)
        return re.sub(r"\d+|0x[0-9a-f]+", "#", path)[:120]


#: Files that are on no disk: of procfs, and of a tracefs that is mounted nowhere. (A call that
#: is to fail is not made at all: their locks would stay, which no failing close(2) does.)
OF_THE_KERNEL = re.compile(r"</(>|(proc|instances|events)\b)")

_LINE = re.compile(r"(\d+) +(\w+)\((.*)")


def calls(trace: Path, begins: str = BEGINS) -> list[Call]:
    """The calls of netlab's own code that strace has written down, in order."""
    found: list[Call] = []
    counts: dict[str, int] = {}
    first, begun = "", False
    for line in trace.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, name, seen = match.groups()
        first = first or process
        if process != first:
            continue
        counts[name] = counts.get(name, 0) + 1
        begun = begun or begins in seen
        if begun:
            found.append(Call(name, counts[name], seen))
    return found


def _can(kind: str, call: Call) -> bool:
    """False for what no kernel does: an answer by netlink elsewhere, an interrupted folder, a
    socket that cannot be closed.
    """
    if kind == "answer":
        return "NETLINK" in call.seen
    if kind == "close":  # only what is on a disk may come to light that late
        return "</" in call.seen and not OF_THE_KERNEL.search(call.seen)
    return kind != "interrupt" or "O_DIRECTORY" not in call.seen


def failures(
    made: Iterable[Call], kinds: Iterable[str], imports: int, alike: int, most: int = 0
) -> Iterator[Failure]:
    """Every failure of these kinds. Of what Python does to import modules, each `imports`-th call
    (0: none); of calls that are alike, as those of a loop are, the last and the first `alike` - 1
    of them; of what remains of a kind, `most` failures, spread evenly (0: all).
    """
    made = list(made)
    for kind in kinds:
        names, errors = KINDS[kind]
        can = [call for call in made if call.name in names and _can(kind, call)]
        imported = [call for call in can if call.imports]
        own = _unlike([call for call in can if not call.imports], alike)
        found = [(call, error) for call in own for error in errors]
        if imports:
            found += [(call, errors[0]) for call in imported[imports - 1 :: imports]]
        found.sort(key=lambda each: each[0].number)  # of two names of calls side by side
        for call, error in spread(found, most):
            yield Failure(kind, call.name, error, call.number, call.seen)


def _unlike(made: list[Call], alike: int) -> list[Call]:
    """Of the calls of each loop the last, and the first `alike` - 1."""
    loops: dict[str, list[Call]] = {}
    for call in made:
        loops.setdefault(f"{call.name} {call.shape}", []).append(call)
    return [
        call
        for calls in loops.values()
        for call in (calls if len(calls) <= alike else [*calls[: alike - 1], calls[-1]])
    ]


def spread(every: Sequence[T], most: int) -> list[T]:
    """So many of them (0: all), the first and the last among them, and the others evenly."""
    if not 0 < most < len(every):
        return list(every)
    if most == 1:
        return [every[0]]
    return [every[round(place * (len(every) - 1) / (most - 1))] for place in range(most)]
