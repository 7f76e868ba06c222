# SPDX-License-Identifier: GPL-2.0-or-later
"""Many hosts around one router: namespaces that only descriptors hold, each with its own link."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netlab.linux import nftables, rtnetlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_ROUTE, NLM_F_ACK
from netlab.linux.transport import Transport
from netlab.model.vocabulary import Family
from netlab.testbed import wire

NETWORK, GATEWAY = "10.67.0.0", "10.67.255.254"
LOOPBACK = 1
SETTINGS = {
    # Small tables have room for few: see ip-sysctl.rst.
    "tcp_max_tw_buckets": 16384,
    # What is stuck does not give up, however long a busy machine takes to look at it.
    "tcp_fin_timeout": 3600,
    "tcp_syn_retries": 20,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One host."""

    name: str
    address: str
    namespace: Namespace

    def listen(self, port: int, backlog: int = 128) -> socket.socket:
        """A listener of this process's at the host."""
        with self.namespace:
            return socket.create_server((self.address, port), backlog=backlog)

    def connect(self, to: Machine, port: int) -> socket.socket:
        """A connection from here to another host; it may not be complete yet."""
        with self.namespace:
            sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((to.address, port))
        return sock


class Fleet:
    """The hosts by their names, and the router between them."""

    def __init__(self, router: Namespace, machines: Mapping[str, Machine]) -> None:
        self._router = router
        self._machines = machines
        self._tables = 0

    def __getitem__(self, name: str) -> Machine:
        return self._machines[name]

    def __iter__(self) -> Iterator[Machine]:
        return iter(self._machines.values())

    @contextlib.contextmanager
    def dropping(self, rule: str) -> Iterator[None]:
        """The router drops what a rule of nft matches, and forwards everything else."""
        self._tables += 1
        table = f"inet drops-{self._tables}"
        chain = f"type filter hook forward priority 0; policy accept;\n{rule} counter drop"
        self._nft(f"table {table} {{\nchain forward {{\n{chain}\n}}\n}}\n")
        try:
            yield
        finally:
            self._nft(f"delete table {table}\n")

    def _nft(self, text: str) -> None:
        with self._router:
            complaint = nftables.execute(text)
        assert not complaint, complaint


@contextlib.contextmanager
def fleet(names: list[str]) -> Iterator[Fleet]:
    """So many hosts, each of which reaches all others."""
    with contextlib.ExitStack() as opened:
        router = Namespace.create()
        opened.callback(router.close)
        router.sysctl("net.ipv4.ip_forward", 1)
        with router:
            route = opened.enter_context(contextlib.closing(Transport(NETLINK_ROUTE)))
        machines = {}
        for number, name in enumerate(names, start=1):
            host = Namespace.create()
            opened.callback(host.close)
            for setting, value in SETTINGS.items():
                host.sysctl(setting, value)
            machines[name] = Machine(name, f"10.67.0.{number}", host)
            _join(machines[name], router, route, wire.VETH + number)
        yield Fleet(router, machines)


def _join(machine: Machine, router: Namespace, route: Transport, link: int) -> None:
    """Lay a cable between a host and the router, and the ways over it."""
    number = link - wire.VETH
    near = rtnetlink.VethEnd(wire.VETH, wire.NAME, f"02:00:00:67:00:{number:02x}")
    far = rtnetlink.VethEnd(link, machine.name, f"02:00:00:67:01:{number:02x}")
    host, bits = Family.IPV4, rtnetlink.bits(Family.IPV4)
    with machine.namespace, contextlib.closing(Transport(NETLINK_ROUTE)) as own:
        own.send([rtnetlink.cable(near, far, router.fd, "a veth pair", NLM_F_ACK)])
        route.send(
            [
                rtnetlink.address(host, GATEWAY, link, bits),
                rtnetlink.up(link),
                rtnetlink.route(host, machine.address, bits, link),
            ]
        )
        own.send(
            [
                rtnetlink.up(LOOPBACK),
                rtnetlink.address(host, machine.address, wire.VETH, bits),
                rtnetlink.up(wire.VETH),
                rtnetlink.route(host, GATEWAY, bits, wire.VETH),
                rtnetlink.route(host, NETWORK, 16, wire.VETH, GATEWAY),
            ]
        )
        wire.wait_until_it_carries(own, wire.VETH)
        wire.wait_until_it_carries(route, link)
