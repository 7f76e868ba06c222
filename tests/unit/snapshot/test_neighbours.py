# SPDX-License-Identifier: GPL-2.0-or-later
"""The next hops of a host: from any tool, beside a listing, and in the collector's files."""

from __future__ import annotations

import pytest

from netlab.model.errors import ScenarioError
from netlab.snapshot.parse import collected, paste
from netlab.snapshot.records import Neighbourhood, Sample

LISTED = (
    "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 10.5.0.1:4 10.5.0.2:80\n"
)
#: As iproute2, BusyBox and net-tools print them.
SILENT = (
    "10.5.0.2 dev eth0 FAILED", "10.5.0.2 dev eth0  FAILED ", "10.5.0.2 dev eth0 INCOMPLETE ",
    "10.5.0.2 dev eth0  used 0/0/0 probes 6 FAILED", "? (10.5.0.2) at <incomplete>  on eth0",
    "10.5.0.2                 (incomplete)                              eth0",
)  # fmt: skip
WELL = (
    "10.5.0.2 dev eth0 lladdr 02:00:00:00:00:02 REACHABLE",
    "10.5.0.2 dev eth0 lladdr 02:00:00:00:00:02 router STALE ",
    "10.5.0.2 dev eth0 lladdr 02:00:00:00:00:02 ref 1 used 0/0/0 probes 4 DELAY",
    "? (10.5.0.2) at 02:00:00:00:00:02 [ether]  on eth0",
    "10.5.0.2                 ether   02:00:00:00:00:02   C                     eth0",
)


def sample(text: str) -> Sample:
    (snapshot,) = paste.read(text, "pasted")
    return snapshot.samples[-1]


@pytest.mark.parametrize("row", [*SILENT, *WELL])
@pytest.mark.parametrize("first", [True, False])
def test_a_neighbour_is_read_before_a_listing_and_after_it(row: str, first: bool) -> None:
    one = sample(f"$ ip neigh\n{row}\n$ ss -tan\n{LISTED}" if first else f"{LISTED}{row}\n")
    assert one.neighbourhood == Neighbourhood({"10.5.0.2": row in SILENT}, {})
    assert (len(one.sockets), one.notes) == (1, ())


def test_routers_go_by_the_network_behind_them() -> None:
    routes = (
        "default via 10.5.0.254 dev eth0 proto dhcp src 10.5.0.1 metric 100",
        "10.9.0.0/16 via 10.5.0.253 dev eth0", "10.7.0.7 via 10.5.0.252 dev eth0",
        "default via fe80::1 dev eth0 proto ra metric 1024 expires 1789sec pref medium",
    )  # fmt: skip
    one = sample(f"{LISTED}\n" + "\n".join(routes) + "\n")
    assert one.neighbourhood == Neighbourhood(
        {},
        {"0.0.0.0/0": "10.5.0.254", "10.9.0.0/16": "10.5.0.253", "10.7.0.7/32": "10.5.0.252",
         "::/0": "fe80::1"},
    )  # fmt: skip


@pytest.mark.parametrize("row", [*SILENT[:1], "default via 10.5.0.254 dev eth0"])
def test_alone_it_is_no_listing_of_sockets(row: str) -> None:
    with pytest.raises(ScenarioError, match="routes and neighbours are no sockets: add ss -tanoei"):
        paste.read(f"$ ip neigh\n{row}\n", "pasted")


@pytest.mark.parametrize("named", ["\nweb1:\n", "root@web1:~# ss -tan\n"])
def test_what_comes_before_its_host_is_named_is_of_that_host(named: str) -> None:
    (snapshot,) = paste.read(f"{SILENT[0]}\n{named}{LISTED}", "pasted")
    assert snapshot.name == "web1"
    assert snapshot.samples[-1].neighbourhood == Neighbourhood({"10.5.0.2": True}, {})


def test_of_two_hosts_each_has_its_own() -> None:
    other = LISTED.replace("10.5.", "10.6.")
    text = f"root@a:~# ss -tan\n{LISTED}root@b:~# ss -tan\n{other}{SILENT[0]}\n"
    first, second = paste.read(text, "pasted")
    assert first.samples[-1].neighbourhood is None
    assert second.samples[-1].neighbourhood == Neighbourhood({"10.5.0.2": True}, {})
    (only,) = paste.read(f"root@a:~# ss -tan\n{LISTED}root@b:~# ip neigh\n{SILENT[0]}\n", "p")
    assert only.samples[-1].neighbourhood is None, "it is not that of the other host"


def test_what_cannot_be_an_address_is_no_neighbour() -> None:
    one = sample(f"{LISTED}10.5.0.999 dev eth0 FAILED\ndefault via 1.2.3.4.5 dev eth0\n")
    assert one.neighbourhood is None


def test_the_collector_takes_it_along() -> None:
    text = (
        "# netlab collector 1: the TCP sockets of a host\n#: host a\n#: look 1 date=1.5\n"
        f"#: sockets\n$ ss -tan\n{LISTED}#: neighbours\n$ ip route\r\n"
        f"default via 10.5.0.2 dev eth0\r\n$ ip neigh\n{SILENT[0]}\r\n#: end\n"
    )
    (snapshot,) = collected.read(text.encode(), "a.txt")
    found = snapshot.samples[-1].neighbourhood
    assert found == Neighbourhood({"10.5.0.2": True}, {"0.0.0.0/0": "10.5.0.2"})
