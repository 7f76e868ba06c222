# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a parcel on a kernel: boots it, passes on what its command writes, and says how it ended."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from netlab.kernels import cache
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.vm import boot, image, qemu
from netlab.kernels.vm.modules import OF_LABS, WantedModules
from netlab.kernels.vm.qemu import Guest
from netlab.kernels.vm.transcript import Transcript
from netlab.kernels.warp import order
from netlab.kernels.warp.order import WarpEnd
from netlab.kernels.warp.parcel import Parcel
from netlab.model.errors import LabError, ScenarioError
from netlab.model.outside import MIB

#: While a guest unpacks its files it has them twice, and no more than half of what is left beside
#: the archive may hold files (tmpfs(5)), which take whole pages.
TIMES = 3.2
LEAST, FOR_THE_KERNEL, FOR_PROGRAMS = 512, 96, 256  # MiB
LARGEST = 1900  # MiB: QEMU puts an archive below 2 GiB
PORTS = WantedModules(
    ("virtio_pci", "virtio_console"),
    ("af_packet", "inet_diag", "tcp_diag", "udp_diag", "unix_diag", "tun"),
    "what a program writes could not be passed on without",
)
#: Watchdogs that would wake a guest twice a second, for what cannot happen there.
CALM = "tsc=reliable nowatchdog transparent_hugepage=never"
KILLED = "Out of memory: Killed process"


@dataclass(frozen=True, slots=True)
class Warped:
    """What became of a command."""

    name: str  # of its program
    end: WarpEnd
    release: str  # of the kernel
    wall_s: float
    memory: int  # MiB that the guest had
    out_of_memory: bool  # the kernel ended something for want of memory


def play(
    kernel: Kernel,
    parcel: Parcel,
    guest: Guest,
    memory: int | None,
    streams: Mapping[str, Callable[[bytes], object]],
    modules: Sequence[str] = (),
) -> Warped:
    """Boot a kernel, run the command, and return how it ended.

    `memory` is the guest's in MiB (None: as much as the parcel needs), `streams` get what is
    written to `order.OUTPUT` and `order.ERRORS`, `modules` are loaded besides. Raises
    `ScenarioError` where the parcel is too large, and `LabError` where the guest could not be
    started, or ended before the command did.
    """
    began = time.monotonic()
    boot.check(kernel.image)
    labs = parcel.told.lab is not None or parcel.told.audit is not None
    kept = cache.folder("guests")
    usual = OF_LABS if labs else PORTS
    wanted = replace(usual, optional=(*usual.optional, *modules))
    own: list[bytes | Path] = [
        image.userland(kept, labs),
        image.kernel(kernel, wanted),
        image.netlab() if labs else image.beginning(),
    ]
    has = _room(parcel, sum(map(_size, own)), memory)
    disk = [*own, _archive(parcel)]
    guest = boot.completed(
        replace(guest, memory=has, options=f"{CALM} {guest.options}"), kernel, order.START
    )
    told = qemu.follow(boot.started(kernel, guest, kept), disk, guest, streams=streams)
    return Warped(
        os.path.basename(parcel.told.client.line[0]),
        _end(told),
        kernel.release,
        round(time.monotonic() - began, 3),
        has,
        any(KILLED in line for line in told.lines()),
    )


def _archive(parcel: Parcel) -> bytes:
    with io.BytesIO() as file:
        parcel.write(file)
        return file.getvalue()


def _size(archive: bytes | Path) -> int:
    return archive.stat().st_size if isinstance(archive, Path) else len(archive)


def _room(parcel: Parcel, beside: int, memory: int | None) -> int:
    """The memory for a guest with a parcel and as many bytes of netlab's own, in MiB.

    Raises `ScenarioError` where they are too large for the memory that was asked for, for QEMU, or
    for this machine.
    """
    packed = (parcel.packing.size + beside) // MIB + 1
    parts = f"{packed} MiB are packed (most of it: {parcel.packing.largest()})"
    if packed > LARGEST:
        raise ScenarioError(f"{parts}, and a guest takes {LARGEST} MiB at most: pack less")
    least = int(TIMES * packed) + FOR_THE_KERNEL
    if memory is not None and memory < least:
        raise ScenarioError(f"{parts}, too much for --memory {memory}: give {least} or more")
    needed = memory or max(LEAST, least + FOR_PROGRAMS)
    free = _free()
    if needed + packed > free:
        raise ScenarioError(
            f"{parts}: the guest needs {needed + packed} MiB of memory, and this machine has "
            f"{free} free"
        )
    return needed


def _free() -> int:
    """The memory that programs can still have here, in MiB (proc_meminfo(5))."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB


def _end(told: Transcript) -> WarpEnd:
    error = told.error()
    if error:
        lines = "".join(f"\n  {line}" for line in told.last_lines()) if told.died else ""
        raise LabError(f"{error}{lines}")
    return WarpEnd(**json.loads(told.records[-1])["value"])
