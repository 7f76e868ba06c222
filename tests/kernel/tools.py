# SPDX-License-Identifier: GPL-2.0-or-later
"""Independent judges (ss, nft, nstat, ip): where they are, and what they say of a namespace."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from netlab import scheduler
from netlab.linux.namespace import Namespace
from netlab.model.tcp import State
from netlab.testbed.host import Host

from ..programs import need

#: Seconds that anything may take on a machine whose cores are all busy with something else.
PATIENCE = 30.0

ALL_USERS = "4294967295"

T = TypeVar("T")

#: How ss writes the states.
WRITTEN = {
    "ESTAB": State.ESTABLISHED,
    "SYN-SENT": State.SYN_SENT,
    "SYN-RECV": State.SYN_RECV,
    "FIN-WAIT-1": State.FIN_WAIT1,
    "FIN-WAIT-2": State.FIN_WAIT2,
    "TIME-WAIT": State.TIME_WAIT,
    "UNCONN": State.CLOSED,
    "CLOSE-WAIT": State.CLOSE_WAIT,
    "LAST-ACK": State.LAST_ACK,
    "LISTEN": State.LISTEN,
    "CLOSING": State.CLOSING,
}


class Socket(NamedTuple):
    """One line of ``ss -tan``."""

    state: State
    rx_queue: int
    tx_queue: int
    local: tuple[str, int]
    remote: tuple[str, int]


def is_root() -> bool:
    """Whether this is root of the machine, and not of a user namespace that netlab entered."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split()[2] == ALL_USERS


def gently(play: Callable[[], T]) -> T:
    """What a function returns that is played in a thread of its own. That, and what it starts,
    gives way to tests that look at milliseconds: a guest has a clock of its own.
    """
    lower = partial(os.setpriority, os.PRIO_PROCESS, 0, 5)  # of the thread that calls it
    with ThreadPoolExecutor(1, initializer=lower) as pool:
        return pool.submit(play).result()


program = need


def inside(place: Host | Namespace, name: str, *arguments: str, given: str = "") -> str:
    """What a program prints that runs inside a host's namespace, or any other."""
    command = [program(name), *arguments]
    with place.namespace if isinstance(place, Host) else place:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def sockets(place: Host | Namespace) -> list[Socket]:
    """Every TCP socket of a namespace, as ss lists it."""
    lines = (line.split() for line in inside(place, "ss", "-tanH").splitlines())
    return [
        Socket(WRITTEN[word[0]], int(word[1]), int(word[2]), _end(word[3]), _end(word[4]))
        for word in lines
    ]


def _end(text: str) -> tuple[str, int]:
    """Address and port from ``10.0.0.1:5555``, ``[fd00::1]:5555``, ``*:*``."""
    address, _, port = text.rpartition(":")
    return address.strip("[]").replace("*", "::"), 0 if port == "*" else int(port)


def rules(place: Host | Namespace) -> str:
    """What nft lists in a namespace."""
    return inside(place, "nft", "list", "ruleset")


COUNTED = re.compile(r"counter packets (\d+) bytes \d+")


def uncounted(listing: str) -> str:
    """A listing of nft's with all its counters at nothing."""
    return COUNTED.sub("counter packets 0 bytes 0", listing)


def packets(listing: str) -> dict[str, int]:
    """How many packets the rules of each table have counted, from a listing of nft's."""
    tables = re.findall(r"^table inet (\S+) \{\n(.*?)^\}", listing, re.MULTILINE | re.DOTALL)
    return {name: sum(map(int, COUNTED.findall(body))) for name, body in tables}


def wait(condition: Callable[[], T | None]) -> T | None:
    """What a condition becomes; None where it does not within all the time there is."""
    return scheduler.wait(condition, scheduler.now() + PATIENCE)


def marked(mark: str) -> list[int]:
    """The processes that live and have `mark` in their environment, as all descendants have."""
    return [number for number in _numbers() if mark.encode() in _of(number, "environ")]


def left_over(mark: str) -> list[int]:
    """The processes with `mark` that still live after all the time there is: none, if all is
    well. They are ended then.
    """
    wait(lambda: None if marked(mark) else True)
    found = marked(mark)
    for process in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return found


def _numbers() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _of(process: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{file}").read_bytes()
    except OSError:  # it has ended meanwhile, or is somebody else's
        return b""


TRACEFS = Path("/sys/kernel/tracing")


def trace_instances() -> list[str]:
    """The instances of tracefs that there are, seen through a mount of one's own."""
    script = f"mount -t tracefs none {TRACEFS} && ls {TRACEFS}/instances"
    command = [program("unshare"), "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def abandoned_instances() -> list[str]:
    """Those that no living process of netlab's has: ``netlab-<namespace>-<process>-...``."""
    names = (name.split("-") for name in trace_instances())
    return ["-".join(name) for name in names if name[0] != "netlab" or not _lives(name[2])]


def _lives(process: str) -> bool:
    return Path(f"/proc/{process}").exists()
