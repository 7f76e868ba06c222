# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that is split into several packages: the others are found next to the given one.

Debian and Ubuntu name them linux-image-RELEASE_VERSION_ARCH.deb, linux-modules-RELEASE_... and
linux-binary-RELEASE_...; Fedora and its relatives kernel-core-VERSION.rpm,
kernel-modules-core-... and kernel-modules-....
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from netlab.kernels.sources.mirrors import Progress

DEB = re.compile(
    r"linux-(?P<part>image-unsigned|image|base|binary|modules)-(?P<release>\d[^_]*)(?P<rest>_.*)?\.deb"
)
RPM = re.compile(r"kernel(?P<flavour>-rt|-debug|-64k)?(?P<part>-core|-modules-core|-modules)?"
                 r"-(?P<rest>\d.*)\.rpm")  # fmt: skip


def completed(packages: Sequence[Path], progress: Progress) -> tuple[Path, ...]:
    """The packages, and if only one is given, those of the same kernel in its folder."""
    if len(packages) > 1:
        return tuple(packages)
    (package,) = packages
    others = [path for path in sorted(package.parent.iterdir()) if _same(package.name, path.name)]
    if others:
        names = " and ".join(path.name for path in others)
        progress(f"{package.name} with {names}, found beside it", 0, 0)
    return (package, *others)


def _same(one: str, other: str) -> bool:
    """Whether two files are different parts of one kernel."""
    for names in (DEB, RPM):
        first, second = names.fullmatch(one), names.fullmatch(other)
        if first and second and one != other:
            here, there = first.groupdict(), second.groupdict()
            parts = {str(here.pop("part")).split("-unsigned")[0],
                     str(there.pop("part")).split("-unsigned")[0]}  # fmt: skip
            # Signed and unsigned images of one kernel are the same thing twice.
            return here == there and len(parts) == 2
    return False
