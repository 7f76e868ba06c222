# SPDX-License-Identifier: GPL-2.0-or-later
"""A separate network for every lab: no two labs that are traced share an address.

Namespaces would allow that. The kernel's tracepoints do not: they see all namespaces at once and
identify a connection by its addresses, so these must tell which lab it belongs to.
"""

from __future__ import annotations

import contextlib
import heapq
import os

from netlab.linux.privileges import in_user_namespace
from netlab.linux.tracefs import Claims
from netlab.model.errors import LabError

#: Networks are claimed by the block, wherever tracepoints see them (`netlab.linux.tracefs`).
#: 10.0.0.0/24 is the first; processes that cannot trace have the upper half, where nobody looks.
BLOCK, BLOCKS = 16, 2048
UNSEEN = BLOCK * BLOCKS

_claims: list[Claims] = []
_blocks: set[int] = set()
_free: list[int] = []


def take() -> int:
    """The lowest network number that this process has free. Raises `LabError` if there is none."""
    if not _free:
        _free.extend(range(first := _claim(), first + BLOCK))
    return heapq.heappop(_free)


def give_back(number: int) -> None:
    """Free the network of a lab that was closed."""
    heapq.heappush(_free, number)


def _claim() -> int:
    """Claim a block of networks for this process, for as long as it lives."""
    if not _claims and not in_user_namespace():
        with contextlib.suppress(OSError):
            _claims.append(Claims())
    try:
        for block in range(BLOCKS):
            if block not in _blocks and all(each.take(block) for each in _claims):
                _blocks.add(block)
                return block * BLOCK + (0 if _claims else UNSEEN)
    except OSError as error:
        raise LabError(f"no network for a lab: {error.strerror}") from None
    raise LabError(f"all {BLOCK * BLOCKS} networks for labs are taken by other netlab processes")


def _forget() -> None:
    """Drop the claims in a forked child: they are the parent's, and its own labs need others."""
    _free.clear()
    _blocks.clear()
    while _claims:
        with contextlib.suppress(OSError):
            _claims.pop().close()


os.register_at_fork(after_in_child=_forget)
