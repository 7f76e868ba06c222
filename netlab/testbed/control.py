# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab that is told what to do by a program in it, in any language: a Unix socket on which
`netlab.testbed.orders` come.

It has an abstract name (unix(7)), which belongs to the network of the client's host, and for
languages that know none (Java, Node) a file in a file system that is mounted nowhere: nothing is
left of either, whatever ends netlab.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
from collections.abc import Callable

from netlab.linux.syscalls import detached
from netlab.testbed.net import Net

NAME = "netlab"  # of the socket: @netlab
ROOM = "64k"  # of the file system that it is a file of
PEER = struct.Struct("iII")  # struct ucred: process, user, group


class Control:
    """Answers requests about one `Net`, whenever its owner has time. Close it before that.

    Whoever is answered can start programs as netlab's user. So `trusts` says of the number of the
    process that asks whether it is answered: a stranger's program in the same lab must not be.
    """

    def __init__(self, net: Net, trusts: Callable[[int], bool]) -> None:
        self._net, self._trusts = net, trusts
        self._waiting = select.poll()
        self._closing = contextlib.ExitStack()
        self._listeners: list[socket.socket] = []
        #: The path of the file; '' where the kernel cannot do that.
        self.file = ""
        with net.lab.client.namespace:
            named = socket.socket(socket.AF_UNIX)
        self._listen(named, f"\0{NAME}")
        names = net.lab.context.names()  # there, no rights of the machine are needed for it
        with contextlib.suppress(OSError):
            with names.inside() if names is not None else contextlib.nullcontext():
                room = detached("tmpfs", size=ROOM)
            self._closing.callback(os.close, room)
            self._listen(socket.socket(socket.AF_UNIX), f"/proc/self/fd/{room}/{NAME}")
            self.file = f"/proc/{os.getpid()}/fd/{room}/{NAME}"

    def _listen(self, listener: socket.socket, at: str) -> None:
        self._closing.callback(listener.close)
        listener.bind(at)
        listener.listen()
        listener.setblocking(False)
        self._waiting.register(listener, select.POLLIN)
        self._listeners.append(listener)

    def close(self) -> None:
        """Answer nothing any more."""
        self._closing.close()

    @property
    def asked(self) -> bool:
        """Whether somebody waits to be answered."""
        return bool(self._waiting.poll(0))

    def answer(self) -> None:
        """Answer who waits, if anybody does. An order may wait for something in turn: whoever
        waits for `asked` answers after that, so as not to be late for what it waits for.
        """
        for listener in self._listeners:
            with contextlib.suppress(BlockingIOError):
                connection, _ = listener.accept()
                self._obey(connection)

    def _obey(self, connection: socket.socket) -> None:
        with connection:
            if self._trusts(_process(connection)):
                from netlab.testbed import orders  # 15 ms, of which most labs have no need

                orders.obey(self._net, connection)


def _process(connection: socket.socket) -> int:
    """The number of the process that has connected, by the kernel (SO_PEERCRED, unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    process: int = PEER.unpack(credentials)[0]
    return process
