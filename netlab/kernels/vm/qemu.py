# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine in QEMU, followed to its end.

Records come over a separate port, the console is a log beside it, and QEMU's exit code proves
nothing. All output comes through pipes, and the disk is memory: no part of a guest is a file, so
nothing is left to clean up, and the kernel kills QEMU when netlab ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from netlab.kernels.vm.transcript import Cutoff, Transcript
from netlab.linux import syscalls
from netlab.model.errors import LabError
from netlab.model.kernel_run import Clock

Accelerator = Literal["kvm", "tcg"]

PROGRAMS = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm")
ARCHITECTURE = "x86_64"
#: Seconds between checks whether a guest's time is over.
LOOK_S = 0.25
#: A panic or an oops ends a guest at once: the kernel reboots, which QEMU does not allow.
OPTIONS = "console=ttyS0 loglevel=7 panic=-1 oops=panic random.trust_cpu=on"
#: Of a virtual clock: what costs an emulated processor most while a kernel boots. The speed of a
#: local APIC is found out in a loop of 100 ms that QEMU leaves at each turn, so the HPET does;
#: that of the TSC is known; and cryptography that a lab never uses need not be tested.
QUICK = (
    "nolapic tsc_early_khz=1000000 cryptomgr.notests=1 "
    "initcall_blacklist=jent_mod_init,crypto_kdf108_init"
)
#: Of an emulated processor: CMPXCHG16B leaves flags behind that no processor has (QEMU 7.2 computes
#: them from an operation before), so an interrupt right after it ends in a panic, once in hundreds
#: of guests. The kernel, whose allocator is who uses it, is told to do without: X86_FEATURE_CX16.
EMULATED = "clearcpuid=141"

NO_STREAMS: Mapping[str, Callable[[bytes], object]] = {}


@dataclass(frozen=True, slots=True)
class Guest:
    """How guests are run, whatever they boot."""

    clock: Clock = "virtual"
    accelerator: Accelerator | None = None  # None: the best available
    memory: int = 512  # MiB
    limit: float = 600.0  # seconds that a guest may take in all
    silence: float = 180.0  # seconds without a record or console output: it hangs
    options: str = ""  # more for the kernel's command line, after `OPTIONS`
    stop: threading.Event = field(default_factory=threading.Event)  # set: end the guest now
    date: str = "2026-01-01"  # of a virtual clock when the guest begins, in UTC


def follow(
    image: Path,
    disk: Sequence[bytes | Path],
    guest: Guest,
    heard: Callable[[str], None] = lambda record: None,
    streams: Mapping[str, Callable[[bytes], object]] = NO_STREAMS,
) -> Transcript:
    """Boot an image, follow it to its last record, its exit or the end of its time, then kill it.

    `disk` is a sequence of archives; `heard` gets each record as it arrives, and each of `streams`
    the bytes that are written to the guest's port of that name. Raises `LabError` where QEMU is not
    installed.
    """
    told = Transcript(guest.memory)
    with _started(image, disk, guest, streams) as pipes, selectors.DefaultSelector() as ready:
        for name, descriptor in pipes.items():
            ready.register(descriptor, selectors.EVENT_READ, name)
        began = last = time.monotonic()
        while ready.get_map() and not told.over:
            for key, _ in ready.select(LOOK_S):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    ready.unregister(key.fd)
                if key.data in streams:
                    streams[key.data](data)
                    continue
                for record in told.take(key.data, data):
                    heard(record)
                last = time.monotonic()
            now = time.monotonic()
            if guest.stop.is_set():
                told.cut = Cutoff.STOPPED, now - began
            elif now - began > guest.limit:
                told.cut = Cutoff.LIMIT, guest.limit
            elif now - last > guest.silence:
                told.cut = Cutoff.SILENCE, guest.silence
        for name, pass_on in streams.items():  # what came before the last record
            for data in _rest(pipes[name]):
                pass_on(data)
    return told


def _rest(descriptor: int) -> Iterator[bytes]:
    """What is in a pipe already."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(descriptor, 1 << 16):
            yield data


@contextlib.contextmanager
def _started(
    image: Path, disk: Sequence[bytes | Path], guest: Guest, streams: Iterable[str]
) -> Iterator[dict[str, int]]:
    """A running QEMU: the descriptors to read from, by channel. It is killed in the end."""
    with contextlib.ExitStack() as stack:
        memory = os.memfd_create("netlab-guest", os.MFD_CLOEXEC)
        stack.callback(os.close, memory)
        with open(memory, "wb", closefd=False) as file:
            for archive in disk:
                if isinstance(archive, Path):
                    with archive.open("rb") as kept:
                        shutil.copyfileobj(kept, file)
                else:
                    file.write(archive)
        reading: dict[str, int] = {}
        with contextlib.ExitStack() as ours:
            writing: dict[str, int] = {}
            for way in ("records", "console", "complaints", *streams):
                reading[way], writing[way] = os.pipe()
                stack.callback(os.close, reading[way])
                ours.callback(os.close, writing[way])
            command = _command(image, memory, guest, writing)
            process = subprocess.Popen(
                syscalls.bound(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writing["complaints"],
                pass_fds=[memory, *writing.values()],
                start_new_session=True,  # Ctrl-C is for netlab alone
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield reading


def _command(image: Path, disk: int, guest: Guest, pipes: dict[str, int]) -> list[str]:
    ports = pipes.keys() - {"console", "complaints"}
    return [
        program(),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-m", str(guest.memory), "-smp", "1"),
        *_processor(guest),
        *("-kernel", str(image), "-initrd", f"/proc/self/fd/{disk}"),
        *("-append", f"{OPTIONS} {_quirks(guest)}{guest.options}"),
        *("-device", "virtio-serial-pci"),
        *(word for way, pipe in pipes.items() if way in ports for word in _port(way, pipe)),
        *("-serial", f"file:/proc/self/fd/{pipes['console']}"),
    ]


def _port(way: str, pipe: int) -> tuple[str, ...]:
    name = "netlab" if way == "records" else way
    return (
        *("-chardev", f"file,id={way},path=/proc/self/fd/{pipe}"),
        *("-device", f"virtserialport,chardev={way},name={name}"),
    )


def _quirks(guest: Guest) -> str:
    emulated = f"{EMULATED} " if guest.accelerator != "kvm" else ""
    return f"{emulated}{QUICK} " if guest.clock == "virtual" else emulated


def _processor(guest: Guest) -> tuple[str, ...]:
    if guest.accelerator == "kvm" and guest.clock == "real":
        return ("-accel", "kvm", "-M", "q35", "-cpu", "host")
    if guest.clock == "real":
        return ("-accel", "tcg", "-M", "q35,hpet=off", "-cpu", "max")
    # Time is counted in instructions, and jumps to the next timer while everything waits. Repeated
    # string instructions, which real processors do fast, are one instruction a byte here.
    emulated = ("-accel", "tcg", "-M", "q35,hpet=on", "-cpu", "max,-erms,-fsrm")
    return (*emulated, "-icount", "shift=0,sleep=off", "-rtc", f"base={guest.date},clock=vm")


def program() -> str:
    """The path of QEMU. Raises `LabError`, with what to install, where it is not installed."""
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
        "(Debian, Ubuntu), qemu-system-x86-core (Fedora) or qemu-kvm (RHEL and its relatives)"
    )
