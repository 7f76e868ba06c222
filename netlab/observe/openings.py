# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections that are opened on a host, however short: the SYNs that leave it.

The kernel's other sources tell less. Destroyed sockets (``SKNLGRP_INET_TCP_DESTROY``) come in the
order of their ends and some time after them, without their peer where the program itself reset the
connection or ``connect`` failed; and tracepoints are root's.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from netlab.linux import closing
from netlab.observe import capture

End = tuple[str, int]

#: Bytes that are read of a SYN: its headers, without options.
MOST = 60
#: Outgoing segments with SYN and without ACK, of either family, that a socket of TCP's sends: those
#: have a hash of their connection (``skb_set_hash_from_sk``), and a scanner's do not. Of everything
#: else the kernel keeps nothing.
FILTER = capture.program(
    (0x28, 0, 0, 0xFFFFF004),  # ldh [type]: SKF_AD_PKTTYPE
    (0x15, 0, 17, capture.PACKET_OUTGOING),  # jeq
    (0x20, 0, 0, 0xFFFFF020),  # ld [rxhash]: SKF_AD_RXHASH
    (0x15, 15, 0, 0),  # jeq #0
    (0x30, 0, 0, 0),  # ldb [0]
    (0x54, 0, 0, 0xF0),  # and #0xf0
    (0x15, 0, 4, 0x60),  # jeq #0x60: IPv6
    (0x30, 0, 0, 6),  # ldb [6]: its next header
    (0x15, 0, 10, socket.IPPROTO_TCP),  # jeq
    (0x30, 0, 0, 53),  # ldb [53]: the control bits
    (0x05, 0, 0, 5),  # ja: to the test of them
    (0x15, 0, 7, 0x40),  # jeq #0x40: IPv4
    (0x30, 0, 0, 9),  # ldb [9]: its protocol
    (0x15, 0, 5, socket.IPPROTO_TCP),  # jeq
    (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf): the length of its header
    (0x50, 0, 0, 13),  # ldb [x + 13]
    (0x54, 0, 0, 0x12),  # and #0x12: SYN and ACK
    (0x15, 0, 1, 0x02),  # jeq #0x02: SYN alone
    (0x06, 0, 0, 0xFFFF),  # ret
    (0x06, 0, 0, 0),
)


class Opening(NamedTuple):
    """One SYN. A connection's has one sequence number, however often it is sent."""

    local: End
    remote: End
    sequence: int


class Openings:
    """The SYNs that leave over one interface. Open it inside the namespace; read it from anywhere.

    They wait in memory of the kernel's until they are read: on most machines 500 for an ordinary
    user, and 40,000 for root. Raises OSError where packet sockets are refused.
    """

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._socket.setblocking(False)
            capture.enlarge(self._socket)
            capture.attach(self._socket, FILTER)
            self._socket.bind((interface, capture.ETH_P_ALL))
        except OSError:
            self._socket.close()
            raise
        self.missed = 0  # SYNs that did not fit into that memory
        self._waiting = 0

    def read(self) -> Iterator[Opening]:
        """The SYNs that have left since the last call, in order: what leaves from now on waits for
        the next one, as a program can open connections faster than anybody reads of them.
        """
        came, missed = capture.counted(self._socket)
        self._waiting += came
        self.missed += missed
        while self._waiting:
            try:
                data = self._socket.recv(MOST)
            except BlockingIOError:  # whatever was counted, there is no more
                self._waiting = 0
                return
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # told once, when the interface goes
                    raise
                continue
            self._waiting -= 1
            yield _opening(data)

    def close(self) -> None:
        """Stop observing: the kernel waits for a grace period, and nobody else does."""
        closing.beside(self._socket.close)


_PORTS = struct.Struct("!HHI")


def _opening(data: bytes) -> Opening:
    if data[0] >> 4 == 6:
        family, addresses, size, start = socket.AF_INET6, 8, 16, 40
    else:
        family, addresses, size, start = socket.AF_INET, 12, 4, (data[0] & 0x0F) * 4
    source, target = (
        socket.inet_ntop(family, data[at : at + size]) for at in (addresses, addresses + size)
    )
    source_port, target_port, sequence = _PORTS.unpack_from(data, start)
    return Opening((source, source_port), (target, target_port), sequence)
