# SPDX-License-Identifier: GPL-2.0-or-later
"""Switches off what a network card would do for the kernel (ethtool; ``linux/ethtool.h``)."""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
#: Checksums, and segments larger than a packet, sent and received.
TX_CHECKSUM, TSO, GSO, GRO = 0x17, 0x1F, 0x24, 0x2C


def no_offloads(name: str) -> None:
    """Have this link of this thread's network carry whole packets, as a wire does, each with its
    checksum. What the link does not know cannot be switched off. Raises OSError.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for command in (TX_CHECKSUM, TSO, GSO, GRO):
            value = array.array("B", struct.pack("=II", command, 0))
            address, _ = value.buffer_info()
            request = struct.pack("16sP16x", name.encode(), address)
            with contextlib.suppress(OSError):  # EOPNOTSUPP
                fcntl.ioctl(asking, SIOCETHTOOL, request)
