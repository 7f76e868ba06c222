# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of its own for every lab: no two labs that live on a machine share an address.

Namespaces would not mind if they did. The kernel's tracepoints do: they see all namespaces at
once and name a connection by its addresses, so these must tell which lab it is of.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import socket

from netlab.linux.privileges import in_user_namespace
from netlab.model.errors import LabError

#: Networks are claimed by the block. 10.0.0.0/24 is the first; those without root, whom no
#: tracepoint sees, have the upper half.
BLOCK, BLOCKS = 16, 2048
UNSEEN = BLOCK * BLOCKS

_claims: list[socket.socket] = []
_free: list[int] = []


def take() -> int:
    """The lowest number that no lab of this machine has. Raises `LabError` if there is none."""
    if not _free:
        _free.extend(range(first := _claim(), first + BLOCK))
    return heapq.heappop(_free)


def give_back(number: int) -> None:
    """The lab of that number is closed."""
    heapq.heappush(_free, number)


def _claim() -> int:
    """Make a block of networks this process's own, for as long as it lives.

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
    """A forked child has the parent's labs, and claims anew for its own."""
    _free.clear()
    while _claims:
        with contextlib.suppress(OSError):
            _claims.pop().close()


os.register_at_fork(after_in_child=_forget)
