# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose a discarded packet is, where only the memory of its socket tells."""

from __future__ import annotations

from netlab.model.tcp import State
from netlab.observe.tracing import Traced
from netlab.observe.transitions import Visit
from netlab.testbed.recorder import of_open_sockets, visits_since

NOWHERE, HERE, PEER = ("", 0), ("10.0.0.1", 5555), ("10.0.0.254", 40000)


def change(at: float, after: str, local: tuple[str, int] = HERE) -> Traced:
    return Traced(at, "inet_sock_set_state", "a", local, NOWHERE, "TCP_FIN_WAIT2", after, "")


def discard(at: float, socket: str = "a") -> Traced:
    return Traced(at, "kfree_skb", socket, NOWHERE, NOWHERE, "", "", "TCP_OLD_DATA")


def test_what_comes_after_the_end_of_a_socket_is_another_ones() -> None:
    met, closing, others = discard(0.5), discard(1.0002), discard(1.5)
    of_b = discard(1.5, "b")
    records = [met, change(1.0, "TCP_CLOSE"), closing, others, of_b]
    assert [*of_open_sockets(records, [HERE[0]])] == [met, records[1], closing, of_b]


def test_a_new_socket_in_its_place_is_ours() -> None:
    records = [change(1.0, "TCP_CLOSE"), change(2.0, "TCP_ESTABLISHED"), discard(3.0)]
    assert [*of_open_sockets(records, [HERE[0]])] == records


def test_a_strangers_socket_in_its_place_is_none_of_ours() -> None:
    stranger = change(2.0, "TCP_ESTABLISHED", ("10.0.9.1", 80))
    records = [change(1.0, "TCP_CLOSE"), stranger, discard(3.0)]
    assert [*of_open_sockets(records, [HERE[0]])] == records[:2]


def test_a_stranger_stays_one_when_it_ends() -> None:
    there = ("10.0.9.1", 80)
    opened, closed = change(2.0, "TCP_ESTABLISHED", there), change(2.5, "TCP_CLOSE", there)
    ours = [change(1.0, "TCP_CLOSE"), opened, closed]
    assert [*of_open_sockets([*ours, discard(2.5005)], [HERE[0]])] == ours


def test_a_strangers_address_tells_even_where_the_end_was_not_seen() -> None:
    stranger = change(2.0, "TCP_SYN_RECV", ("10.0.9.1", 80))
    records = [discard(1.0), stranger, discard(2.0001)]
    assert [*of_open_sockets(records, [HERE[0]])] == records[:2]


def test_a_listener_at_no_address_may_be_ours() -> None:
    records = [change(1.0, "TCP_LISTEN", ("0.0.0.0", 80)), discard(1.5)]
    assert [*of_open_sockets(records, [HERE[0]])] == records


def at_the_server(at: float, before: str, after: str, remote: tuple[str, int] = PEER) -> Traced:
    return Traced(at, "inet_sock_set_state", "a", HERE, remote, before, after, "")


FIRST = [
    at_the_server(0.1, "TCP_CLOSE", "TCP_LISTEN", ("0.0.0.0", 0)),
    at_the_server(0.2, "TCP_LISTEN", "TCP_SYN_RECV"),
    at_the_server(0.3, "TCP_SYN_RECV", "TCP_ESTABLISHED"),
]
CLOSED = at_the_server(1.0, "TCP_ESTABLISHED", "TCP_CLOSE")
SECOND = at_the_server(2.0, "TCP_LISTEN", "TCP_SYN_RECV")


def test_what_had_its_ends_before_a_nat_gave_it_them_is_another_connection() -> None:
    assert visits_since(1.9, [*FIRST, CLOSED, SECOND]) == [
        Visit(State.LISTEN, 0.1), Visit(State.LISTEN, 1.9, traced=False), Visit(State.SYN_RECV, 2.0)
    ]  # fmt: skip


def test_whom_a_nat_gives_ends_that_are_in_use_meets_the_others_socket() -> None:
    assert visits_since(0.5, [*FIRST, CLOSED]) == [
        Visit(State.LISTEN, 0.1), Visit(State.ESTABLISHED, 0.5, traced=False),
        Visit(State.LISTEN, 1.0),
    ]  # fmt: skip
