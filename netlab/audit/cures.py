# SPDX-License-Identifier: GPL-2.0-or-later
"""What would have helped: the same play with one thing set otherwise, from outside, so that the
program need not be changed for the experiment.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

from netlab.testbed.host import Host

SECONDS = 5  # after which each of them gives up


@dataclass(frozen=True, slots=True)
class Cure:
    """Sysctls of the client's host, options of each socket that the program opens, and for how many
    seconds a connection may be silent: after that it is ended with an error.
    """

    name: str
    sysctls: dict[str, int] = field(default_factory=dict)
    options: tuple[tuple[int, int, int | bytes], ...] = ()
    silence: float | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def prepare(self, client: Host) -> None:
        """Set what is the host's. Raises `LabError` where the kernel refuses it."""
        for name, value in self.sysctls.items():
            client.sysctl(name, value)

    def treat(self, sock: socket.socket) -> None:
        """Set what is the socket's. Raises OSError for what is no TCP socket."""
        if sock.type is socket.SOCK_STREAM and sock.family in (socket.AF_INET, socket.AF_INET6):
            for option in self.options:
                sock.setsockopt(*option)


USER_TIMEOUT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SECONDS * 1000)
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
#: Who waits in recv(2) has this from the kernel, which says EAGAIN then. Who waits in poll(2) or
#: epoll(7) for a socket does not: for those, and for who was in recv(2) already, the connection is
#: ended with an error, which they would have to do themselves.
RECEIVE_TIME_OUT = (socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SECONDS, 0))
GRACE = 0.5  # seconds in which a program may act on the kernel's word
CURES = (
    Cure("tcp_syn_retries=2", {"tcp_syn_retries": 2, "tcp_syn_linear_timeouts": 0}),
    Cure(f"TCP_USER_TIMEOUT={SECONDS}s", options=(USER_TIMEOUT,)),
    Cure("keepalive", options=KEEPALIVE),
    Cure(f"read time-out={SECONDS}s", options=(RECEIVE_TIME_OUT,), silence=SECONDS + GRACE),
)
