# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab that is told what to do by a program in it, in any language: a Unix socket of the client's
host, on which `netlab.testbed.orders` come.

The socket has an abstract name (unix(7)), which belongs to that host's network: no file is left,
whatever ends netlab.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from netlab.testbed.net import Net

NAME = "netlab"  # of the socket: @netlab
PEER = struct.Struct("iII")  # struct ucred: process, user, group


class Control:
    """Answers requests about one `Net`, whenever its owner has time. Close it before that.

    Whoever is answered can start programs as netlab's user. So `trusts` says of the number of the
    process that asks whether it is answered: a stranger's program in the same lab must not be.
    """

    def __init__(self, net: Net, trusts: Callable[[int], bool]) -> None:
        self._net, self._trusts = net, trusts
        with net.lab.client.namespace:
            self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"\0{NAME}")
        self._listener.listen()
        self._listener.setblocking(False)

    def close(self) -> None:
        """Answer nothing any more."""
        self._listener.close()

    def answer(self) -> None:
        """Answer who waits, if anybody does."""
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        with connection:
            if self._trusts(_process(connection)):
                from netlab.testbed import orders  # 15 ms, of which most labs have no need

                orders.obey(self._net, connection)


def _process(connection: socket.socket) -> int:
    """The number of the process that has connected, by the kernel (SO_PEERCRED, unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    process: int = PEER.unpack(credentials)[0]
    return process
