# SPDX-License-Identifier: GPL-2.0-or-later
"""tokio #3405, ktor #2237. A client retries a local port where nobody listens, and one day
the kernel picks that very port for it: its SYN meets itself, and it is connected with itself.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from netlab import Lab
from netlab.diagnosis.rank import Finding

Diagnosed = Callable[..., tuple[Finding, ...]]
PORT = 40000


def test_a_socket_is_connected_with_itself(lab: Lab, diagnosed: Diagnosed) -> None:
    """A simultaneous open with oneself: nothing is lost, and no server is there."""
    with lab.client.namespace:
        sock = socket.socket(lab.family, socket.SOCK_STREAM)
    with sock:
        sock.bind((lab.client.address, PORT))
        sock.connect((lab.client.address, PORT))  # no one listens, and it succeeds
        sock.sendall(b"is anybody there?")
        assert sock.recv(100) == b"is anybody there?"
        (finding,) = diagnosed(lab.client)
        assert finding.cause == "self-connect"
        (connection,) = finding.connections
        assert connection.local == connection.remote == (lab.client.address, PORT)
    assert not diagnosed(lab.client)
