# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest as its kernel leaves it to the first program: where its files are, and what that program
does before anything else. It imports little, because each import is slow in an emulator.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence

from netlab.linux import syscalls
from netlab.model.errors import LabError

#: Paths in a guest: all of netlab's own is below one folder. The kernel passes Python's to it:
#: `ENVIRONMENT` is on the command line.
ROOT = "/netlab"
PYTHON = f"{ROOT}/bin/python3"
LOADER = f"{ROOT}/ld.so"
LIBRARY = f"{ROOT}/{sys.platlibdir}/python{sys.version_info[0]}.{sys.version_info[1]}"
PACKAGES = f"{ROOT}/packages"
SHARED = f"{ROOT}/shared"
SCENARIOS = f"{PACKAGES}/netlab/scenarios"
MODULES = f"{ROOT}/modules"
JOB = f"{ROOT}/job.json"
INIT = f"{ROOT}/init"
ENVIRONMENT = {
    "PYTHONHOME": ROOT,
    "PYTHONPATH": PACKAGES,
    "LD_LIBRARY_PATH": SHARED,
    "PYTHONHASHSEED": "0",  # otherwise Python needs random numbers before a guest has any
}
#: Where netlab in a guest finds programs, its own first.
SEARCHED = f"{ROOT}/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NEEDED = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"))
MOUNTS = (("tmpfs", "/tmp"), ("tmpfs", "/run"), ("tracefs", "/sys/kernel/tracing"))
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
WARNINGS = "5"  # the console shows what is worse than a notice: a lab's links log a lot of those
SIGNATURE = ".signature"  # of the file beside a module
REQUIRED = " required"  # behind a module in the list of them
PORTS = "/sys/class/virtio-ports"
PORT_S = 10.0  # seconds: a port appears within milliseconds, or never


def mount(others: Sequence[tuple[str, str]] = MOUNTS) -> None:
    """Mount what every system has, and others (kind and path) where there is such a folder.

    Raises `LabError` where the kernel lacks what is needed.
    """
    for kind, path in NEEDED:
        try:
            syscalls.mount(kind, path)
        except OSError as error:
            raise LabError(f"this kernel has no {kind}: {error.strerror}") from None
    for kind, path in others:
        if os.path.isdir(path):
            with contextlib.suppress(OSError):
                syscalls.mount(kind, path)


def load() -> str:
    """Load the modules in order; return the error of a required one, or ""."""
    for name, required in _modules():
        try:
            _load(name)
        except FileExistsError:
            continue
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, str(error.errno))
            problem = f"the kernel refused its module {name}: {error.strerror} ({code})"
            print(f"netlab: {problem}", flush=True)
            if required:
                return problem
    return ""


def _load(name: str) -> None:
    """Load a module, with its signature only where the kernel wants that: to check it takes time.
    Raises OSError.
    """
    file, signature = f"{MODULES}/{name}.ko", f"{MODULES}/{name}{SIGNATURE}"
    try:
        _load_file(file)
    except FileExistsError:
        raise
    except OSError:
        if not os.path.exists(signature):
            raise
        with open(signature, "rb") as behind, open(file, "ab") as module:
            module.write(behind.read())
        _load_file(file)


def _load_file(path: str) -> None:
    with open(path, "rb") as file:
        syscalls.load_module(file.fileno())


def _modules() -> Iterator[tuple[str, bool]]:
    with open(f"{MODULES}/order") as file:
        for line in file.read().splitlines():
            yield line.removesuffix(REQUIRED), line.endswith(REQUIRED)


def quieten() -> None:
    """Keep what is no warning off the console."""
    with open("/proc/sys/kernel/printk", "w") as file:
        file.write(WARNINGS)


def port(name: str) -> str:
    """The device of a port, by the name that the host gave to it. Raises `LabError` where there is
    none.
    """
    end = time.monotonic() + PORT_S
    while time.monotonic() < end:  # busy: in virtual time, whoever sleeps leaps ahead
        for each in os.listdir(PORTS) if os.path.isdir(PORTS) else ():
            with open(f"{PORTS}/{each}/name") as file:
                if file.read().strip() == name:
                    return f"/dev/{each}"
    raise LabError("the port for the records is not there: no virtio_console in this kernel?")


def loopback() -> None:
    """Bring up the loopback interface."""
    with socket.socket() as any_socket:
        request = struct.pack("16sH14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
