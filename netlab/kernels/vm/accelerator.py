# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds out whether KVM can be used. That its device opens proves nothing: nested in another
hypervisor, KVM may run firmware but no kernel. So a small guest has to boot under it first.
"""

from __future__ import annotations

import io
import os
import struct
import threading
from pathlib import Path

from netlab.kernels.vm import qemu
from netlab.kernels.vm.archive import Archive

DEVICE = "/dev/kvm"
WORD = b"netlab was here\n"
#: Seconds. With an early console, a kernel that runs at all writes within a tenth of a second.
SILENCE_S, LIMIT_S = 2.5, 10.0
MEMORY = 256  # MiB

_lock = threading.Lock()
_found: dict[str, qemu.Accelerator] = {}


def best(image: Path) -> qemu.Accelerator:
    """KVM if this kernel really boots under it, otherwise QEMU's own emulation.

    The test takes a second, or three where KVM is present but does not work; the answer is kept
    for this process. Raises `LabError` where QEMU is not installed.
    """
    with _lock:
        if "kvm" not in _found:
            _found["kvm"] = (
                "kvm" if os.access(DEVICE, os.R_OK | os.W_OK) and boots(image) else "tcg"
            )
        return _found["kvm"]


def boots(
    image: Path,
    under: qemu.Accelerator = "kvm",
    silence: float = SILENCE_S,
    limit: float = LIMIT_S,
) -> bool:
    """Whether a kernel gets as far as running a program.

    `silence` and `limit` are the seconds without output and in all after which it counts as hung.
    Raises `LabError` where QEMU is not installed.
    """
    guest = qemu.Guest("real", under, MEMORY, limit, silence, "earlyprintk=serial,ttyS0")
    told = qemu.follow(image, [_disk()], guest)
    return WORD in told.console.replace(b"\r", b"")


def _disk() -> bytes:
    with io.BytesIO() as file:
        archive = Archive(file)
        archive.device("dev/console", 5, 1)
        archive.file("init", tiny_program(), 0o755)
        archive.close()
        return file.getvalue()


def tiny_program() -> bytes:
    """A complete x86-64 program that writes `WORD` and restarts the machine (elf(5))."""
    code = b"".join((
        b"\xb8" + struct.pack("<I", 1),  # mov eax, SYS_write
        b"\xbf" + struct.pack("<I", 1),  # mov edi, standard output
        b"\x48\x8d\x35" + struct.pack("<i", 31),  # lea rsi, WORD, at this distance
        b"\xba" + struct.pack("<I", len(WORD)),  # mov edx, its length
        b"\x0f\x05",  # syscall
        b"\xb8" + struct.pack("<I", 169),  # mov eax, SYS_reboot
        b"\xbf" + struct.pack("<I", 0xFEE1DEAD),  # mov edi, LINUX_REBOOT_MAGIC1
        b"\xbe" + struct.pack("<I", 0x28121969),  # mov esi, LINUX_REBOOT_MAGIC2
        b"\xba" + struct.pack("<I", 0x01234567),  # mov edx, RB_AUTOBOOT
        b"\x0f\x05",
        b"\xeb\xfe",  # jmp here
        WORD,
    ))  # fmt: skip
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 2, 62, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return head + segment + code
