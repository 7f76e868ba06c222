# SPDX-License-Identifier: GPL-2.0-or-later
"""A separate network for every lab: no two labs that are traced share an address.

Namespaces would allow that. The kernel's tracepoints do not: they see all namespaces at once and
identify a connection by its addresses, so these must tell which lab it belongs to.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import socket

from netlab.linux.privileges import in_user_namespace
from netlab.model.errors import LabError

#: Networks are claimed by the block. 10.0.0.0/24 is the first; processes without root, whose labs
#: are not traced, have the upper half.
BLOCK, BLOCKS = 16, 2048
UNSEEN = BLOCK * BLOCKS

_claims: list[socket.socket] = []
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
    """Claim a block of networks for this process, for as long as it lives.

    A name in the abstract namespace of AF_UNIX (unix(7)) is taken by one socket at a time, is no
    file, and is free again when the process ends, however it ends.
    """
    for block in range(BLOCKS):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0netlab-network-{block}")
        except OSError as error:
            claim.close()
            if error.errno != errno.EADDRINUSE:
                raise LabError(f"no network for a lab: {error.strerror}") from None
            continue
        _claims.append(claim)
        return block * BLOCK + (UNSEEN if in_user_namespace() else 0)
    raise LabError(f"all {BLOCK * BLOCKS} networks for labs are taken by other netlab processes")


def _forget() -> None:
    """Drop the claims in a forked child: they are the parent's, and its own labs need others."""
    _free.clear()
    while _claims:
        with contextlib.suppress(OSError):
            _claims.pop().close()


os.register_at_fork(after_in_child=_forget)
