# SPDX-License-Identifier: GPL-2.0-or-later
"""One kernel that can be booted: the paths of its image and its modules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel on disk."""

    spec: str  # as it was requested: debian:bookworm
    release: str  # as uname -r will print it: 6.1.0-56-cloud-amd64
    image: Path  # vmlinuz (bzImage)
    modules: Path | None  # lib/modules/<release>, with kernel/**/*.ko[.xz|.zst|.gz]; None: built in
    remarks: tuple[str, ...] = ()  # what its configuration leaves out, in sentences
