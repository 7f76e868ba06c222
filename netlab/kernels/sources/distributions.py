# SPDX-License-Identifier: GPL-2.0-or-later
"""The distributions whose kernels netlab can fetch, read from ``distributions.yaml``."""

from __future__ import annotations

import fnmatch
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netlab.model.errors import LabError

DATA = Path(__file__).with_name("distributions.yaml")
#: Debian's names for what uname -m prints.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one distribution's archive is laid out, and what it calls its kernels."""

    name: str
    example: str  # a suite
    label: str  # Origin of its Release files
    keyrings: tuple[str, ...]  # names of files in /usr/share/keyrings, without their ending
    keyring_package: str  # which holds them
    keyring_from: tuple[str, ...]  # suites of other distributions that have that package
    beside: Mapping[str, str]  # suites that its users have as well: suffix of the name to archive
    alone: tuple[str, ...]  # patterns of suites that have no such others
    flavours: tuple[str, ...]  # of kernels, the best first; {arch} for the architecture
    metapackages: tuple[str, ...]  # that depend on the current kernel, the best first
    matrix: tuple[str, ...]  # the kernels of a matrix by default
    small: tuple[str, ...]  # and of a quick one: the oldest, one between, the newest

    def is_alone(self, suite: str) -> bool:
        """True if a suite has no separate suites of updates and security updates."""
        return any(fnmatch.fnmatchcase(suite, pattern) for pattern in self.alone)


@functools.cache
def known() -> dict[str, Distribution]:
    """All known distributions by name."""
    import yaml

    arch = architecture(complain=False)
    return {
        name: Distribution(
            name=name,
            example=about["example"],
            label=about["label"],
            keyrings=tuple(about["keyrings"]),
            keyring_package=about["keyring-package"],
            keyring_from=tuple(about["keyring-from"]),
            beside=about["beside"],
            alone=tuple(about["alone"]),
            flavours=tuple(word.format(arch=arch) for word in about["flavours"]),
            metapackages=tuple(word.format(arch=arch) for word in about["metapackages"]),
            matrix=tuple(about["matrix"]),
            small=tuple(about["small"]),
        )
        for name, about in yaml.safe_load(DATA.read_text()).items()
    }


def architecture(complain: bool = True) -> str:
    """Debian's name for this machine's architecture.

    Raises `LabError` for one that netlab cannot fetch kernels for, if it is to `complain`. Only
    amd64 was tried; arm64 follows the names of its packages.
    """
    machine = os.uname().machine
    if complain and machine not in ARCHITECTURES:
        raise LabError(
            f"netlab can fetch kernels for {' and '.join(ARCHITECTURES)}, and this machine is "
            f"{machine}: give a folder or an image of a kernel that runs on it"
        )
    return ARCHITECTURES.get(machine, machine)
