# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine in QEMU, followed to its end.

Records come over a port of their own, the console is a log beside it, and QEMU's exit code proves
nothing. All three are pipes, and the disk is memory: nothing of a guest is a file, so nothing is
left to clear away, and QEMU is killed by the kernel when netlab ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from netlab.kernels.guests.told import Cut, Told
from netlab.kernels.record import Clock
from netlab.linux import syscalls
from netlab.model.errors import LabError

Accelerator = Literal["kvm", "tcg"]

PROGRAMS = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm")
ARCHITECTURE = "x86_64"
#: How often it is looked whether a guest's time is over, in seconds.
LOOK_S = 0.25
#: A panic and an oops end a guest at once: it was started without the right to reboot.
OPTIONS = "console=ttyS0 loglevel=7 panic=-1 oops=panic random.trust_cpu=on"


@dataclass(frozen=True, slots=True)
class Setup:
    """A machine that can be started."""

    image: Path
    disk: tuple[bytes | Path, ...]  # archives, one after the other
    options: str  # of the kernel's command line, after `OPTIONS`
    clock: Clock
    accelerator: Accelerator
    memory: int  # MiB
    limit: float  # seconds it may take in all
    silence: float  # seconds it may say nothing at all
    stop: threading.Event = field(default_factory=threading.Event)  # set: end it now


def follow(setup: Setup, heard: Callable[[str], None] = lambda record: None) -> Told:
    """Run it until its last record, its exit or the end of its time, and then end it.

    `heard` gets each record as it arrives. Raises `LabError` where QEMU is not there.
    """
    told = Told(setup.memory)
    with _started(setup) as pipes, selectors.DefaultSelector() as ready:
        for name, descriptor in pipes.items():
            ready.register(descriptor, selectors.EVENT_READ, name)
        began = last = time.monotonic()
        while ready.get_map() and not told.over:
            for key, _ in ready.select(LOOK_S):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    ready.unregister(key.fd)
                for record in told.take(key.data, data):
                    heard(record)
                last = time.monotonic()
            now = time.monotonic()
            if setup.stop.is_set():
                told.cut = Cut.STOPPED, now - began
            elif now - began > setup.limit:
                told.cut = Cut.LIMIT, setup.limit
            elif now - last > setup.silence:
                told.cut = Cut.SILENCE, setup.silence
    return told


@contextlib.contextmanager
def _started(setup: Setup) -> Iterator[dict[str, int]]:
    """QEMU at work; what it writes, by the way it comes. It is killed in the end."""
    with contextlib.ExitStack() as stack:
        disk = os.memfd_create("netlab-guest", os.MFD_CLOEXEC)
        stack.callback(os.close, disk)
        with open(disk, "wb", closefd=False) as file:
            for archive in setup.disk:
                if isinstance(archive, Path):
                    with archive.open("rb") as kept:
                        shutil.copyfileobj(kept, file)
                else:
                    file.write(archive)
        reading: dict[str, int] = {}
        with contextlib.ExitStack() as ours:
            writing: dict[str, int] = {}
            for way in ("records", "console", "complaints"):
                reading[way], writing[way] = os.pipe()
                stack.callback(os.close, reading[way])
                ours.callback(os.close, writing[way])
            command = _command(setup, disk, writing)
            process = subprocess.Popen(
                syscalls.bound(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writing["complaints"],
                pass_fds=[disk, writing["records"], writing["console"]],
                start_new_session=True,  # Ctrl-C is for netlab alone
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield reading


def _command(setup: Setup, disk: int, pipes: dict[str, int]) -> list[str]:
    return [
        program(),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-m", str(setup.memory), "-smp", "1"),
        *_processor(setup),
        *("-kernel", str(setup.image), "-initrd", f"/proc/self/fd/{disk}"),
        *("-append", f"{OPTIONS} {setup.options}"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"file,id=records,path=/proc/self/fd/{pipes['records']}"),
        *("-device", "virtserialport,chardev=records,name=netlab"),
        *("-serial", f"file:/proc/self/fd/{pipes['console']}"),
    ]


def _processor(setup: Setup) -> tuple[str, ...]:
    if setup.accelerator == "kvm" and setup.clock == "real":
        return ("-accel", "kvm", "-M", "q35", "-cpu", "host")
    emulated = ("-accel", "tcg", "-M", "q35,hpet=off", "-cpu", "max")
    if setup.clock == "real":
        return emulated
    # Time is counted in instructions, and jumps to the next timer while all wait. The HPET would
    # make it stop at every tick.
    return (*emulated, "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm")


def program() -> str:
    """QEMU. Raises `LabError` where it is not installed, with what to install."""
    if os.uname().machine != ARCHITECTURE:
        raise LabError(
            f"other kernels are booted on {ARCHITECTURE} alone: a guest runs this machine's own "
            f"Python, and this is {os.uname().machine}"
        )
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    raise LabError(
        "other kernels are booted in QEMU, which is not installed: install qemu-system-x86 "
        "(Debian, Ubuntu), qemu-system-x86-core (Fedora) or qemu-kvm (RHEL and its kin)"
    )
