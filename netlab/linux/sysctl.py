# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings below ``/proc/sys``, by name; those of the network are of the caller's namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/proc/sys")
LONGEST = 1 << 16  # bytes of a value
NAME = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)


def full_name(name: str) -> str:
    """The whole name: without a dot it is one of ``net.ipv4``."""
    return name if "." in name else f"net.ipv4.{name}"


def path(name: str) -> Path:
    """The path of its file."""
    return ROOT / full_name(name).replace(".", "/")


def refusal(name: str) -> str:
    """Why a lab cannot set it, or ''. A network namespace has its own settings below ``net``; all
    others are the machine's.
    """
    if not NAME.fullmatch(name):
        return f"{name!r} is not the name of a sysctl"
    if not full_name(name).startswith("net."):
        return f"sysctl {name} belongs to the whole machine: a lab has only net.* for itself"
    return ""


def exists(name: str) -> bool:
    """True if this kernel has it."""
    return path(name).exists()


def read(name: str) -> str:
    """Its value, words separated by one space, as sysctl(8) writes them. Raises OSError."""
    fd = os.open(f"{ROOT}/{full_name(name).replace('.', '/')}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return " ".join(os.read(fd, LONGEST).decode("ascii").split())
    finally:
        os.close(fd)


def write(name: str, value: object) -> None:
    """Set it. Raises OSError."""
    path(name).write_text(f"{value}\n", encoding="ascii")


def matching(patterns: Iterable[str]) -> dict[str, str]:
    """All sysctls that match one of the patterns of paths below ``/proc/sys``, by full name and
    sorted; those that this user may not read are left out.
    """
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    names = (
        str(path.relative_to(ROOT)).replace("/", ".") for path in paths if os.access(path, os.R_OK)
    )
    return {name: read(name) for name in names}
