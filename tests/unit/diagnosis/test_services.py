# SPDX-License-Identifier: GPL-2.0-or-later
"""Which end of a connection is the service, and how it is called."""

from __future__ import annotations

import pytest

from netlab.diagnosis import services
from netlab.diagnosis.observed import Listener, ObservedEnd, ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint, Socket

from .build import s

HERE, THERE = "10.0.0.1", "10.0.0.2"


def socket(local: int, remote: int, state: State = s.ESTABLISHED) -> Socket:
    return Socket(state, (HERE, local), (THERE, remote), 0, 0)


def host(*sockets: Socket, listens: tuple[int, ...] = (), ports: str = "") -> ObservedHost:
    sysctls = {"ip_local_port_range": ports} if ports else {}
    return ObservedHost(
        sockets=sockets, sysctls=sysctls, listeners={port: Listener() for port in listens}
    )


def is_here(own: Socket, at: ObservedHost, peer: ObservedEnd | None = None) -> bool:
    endpoint, here = services.of(ObservedEnd(own.state, at, own), peer)
    assert endpoint == ((ANY, own.local[1]) if here else own.remote)
    return here


@pytest.mark.parametrize(("state", "here"), [(s.SYN_SENT, False), (s.SYN_RECV, True)])
@pytest.mark.parametrize("ports", [(443, 40000), (40000, 443)])
def test_who_opens_is_the_client_whatever_its_port(
    state: State, here: bool, ports: tuple[int, int]
) -> None:
    """A client that binds a low port (rsh, NFS) is still no service."""
    assert is_here(socket(*ports, state), host()) is here


def test_a_listener_tells_before_anything_else() -> None:
    one = socket(900, 443, s.SYN_SENT)
    assert is_here(one, host(listens=(900,)))
    listens = ObservedEnd(s.LISTEN, host(listens=(443,)))
    assert not is_here(socket(80, 443), host(), listens)
    assert is_here(socket(80, 443), host(listens=(80,)), listens)
    assert is_here(socket(80, 900), host(), listens)
    assert is_here(Socket(s.LISTEN, (ANY, 80), (ANY, 0), 0, 0), host())


@pytest.mark.parametrize(
    ("others", "here"),
    [
        ([], False),  # the remote port is lower
        ([socket(50000, 41001)], True),  # one local port for two of them
        ([socket(50001, 41000)], False),  # one remote port
        ([socket(50000, 41001), socket(50001, 41000)], False),  # both: that tells nothing
    ],
)
def test_a_service_has_one_port_for_many(others: list[Socket], here: bool) -> None:
    one = socket(50000, 41000)
    assert is_here(one, host(one, *others)) is here
    turned = [socket(each.remote[1], each.local[1]) for each in (one, *others)]
    assert is_here(turned[0], host(*turned)) is not here


@pytest.mark.parametrize(
    ("local", "remote", "ports", "here"),
    [
        (443, 40000, "", True), (40000, 443, "", False),
        (50051, 40000, "32768 50000", True), (40000, 50051, "32768 50000", False),
        (32768, 60999, "", True), (60999, 32768, "", False), (32767, 61000, "", True),
        (61000, 60999, "", True), (60999, 61000, "", False), (32768, 32767, "", False),
        (32768, 61000, "", False),
        (443, 443, "", False), (80, 443, "", True), (443, 80, "", False),
    ],
)  # fmt: skip
def test_of_one_alone_the_port_that_was_chosen_or_else_the_lower_one(
    local: int, remote: int, ports: str, here: bool
) -> None:
    one = socket(local, remote)
    assert is_here(one, host(one, ports=ports)) is here


A, B = ("10.1.0.1", 443), ("10.1.0.2", 443)


@pytest.mark.parametrize(
    ("endpoints", "here", "name"),
    [
        ([(ANY, 443)], True, "port 443"),
        ([A], False, "10.1.0.1:443"),
        ([("fd00::1", 443)], False, "[fd00::1]:443"),
        ([A, B], False, "port 443 of 2 hosts"),
        ([(ANY, 443), (ANY, 80)], True, "2 ports"),
        ([A, ("10.1.0.1", 80)], False, "2 ports elsewhere"),
        ([(ANY, 443), A], True, "port 443"),
        ([(ANY, 443), A], False, "10.1.0.1:443"),
    ],
)
def test_how_a_service_is_called(endpoints: list[Endpoint], here: bool, name: str) -> None:
    assert services.name(endpoints, here) == name
