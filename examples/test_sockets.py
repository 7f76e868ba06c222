# SPDX-License-Identifier: GPL-2.0-or-later
"""A client runs out of ports, or closes one half of a connection."""

import socket
import threading

import pytest
import requests

from netlab import Lab, Net

KEEPS_ALIVE = "python3 -m http.server --protocol HTTP/1.1 --bind :: 8000"
FOUR_PORTS = "40000 40003"


def test_a_client_without_a_pool_runs_out_of_ports(lab: Lab) -> None:
    lab.server.start(KEEPS_ALIVE, ready=8000)
    lab.client.sysctl("ip_local_port_range", FOUR_PORTS)
    with lab.client, pytest.raises(requests.ConnectionError, match="Cannot assign requested"):
        [requests.get("http://server:8000/") for _ in range(5)]
    lab.expect_no_sockets(at=lab.client)  # but for those that wait for a minute: TIME_WAIT
    assert len(lab.client.sockets(port=8000)) == 4


def test_a_pool_cures_it_and_needs_one_port(lab: Lab) -> None:
    lab.server.start(KEEPS_ALIVE, ready=8000)
    lab.client.sysctl("ip_local_port_range", FOUR_PORTS)
    with lab.client, requests.Session() as pool:
        assert {pool.get("http://server:8000/").status_code for _ in range(9)} == {200}
        assert len(lab.client.sockets(port=8000)) == 1


def test_what_comes_after_a_half_close_is_read_to_the_end(net: Net) -> None:
    seen = threading.Event()

    def count(connection: socket.socket) -> None:
        received = connection.makefile("rb").read()  # to the client's FIN
        connection.sendall(b"%d bytes" % len(received) if seen.wait(5) else b"")

    with socket.create_connection(net.serve(count)) as client:
        client.sendall(b"x" * 1000)
        client.shutdown(socket.SHUT_WR)
        net.lab.expect(client="FIN_WAIT2", server="CLOSE_WAIT", hold=0.2)
        seen.set()
        assert client.makefile("rb").read() == b"1000 bytes"
