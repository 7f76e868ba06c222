# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults: where they sit, what becomes of what they match, and how they are undone."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from netlab.model.errors import LabError
from netlab.model.tcp import ACK, ANY, FIN, SYN, Segment, State
from netlab.model.vocabulary import REJECTS, Family, Hook, Side
from netlab.testbed.context import PORT
from netlab.testbed.hops.base import Hop
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from . import tools

ELSEWHERE = PORT + 1
#: All hooks that a SYN from the client to the server passes, in its order.
ON_THE_WAY = (
    (Side.CLIENT, Hook.OUTPUT),
    (Side.CLIENT, Hook.POSTROUTING),
    (Side.SERVER, Hook.PREROUTING),
    (Side.SERVER, Hook.INPUT),
)
at_every_hook = pytest.mark.parametrize(
    ("side", "hook"), ON_THE_WAY, ids=[f"{side} {hook}" for side, hook in ON_THE_WAY]
)

#: What connect(2) says of each answer: `icmp_err_convert` in net/ipv4/icmp.c, `icmpv6_err_convert`
#: in net/ipv6/icmp.c. A RST is a refusal.
IPV4_SAYS = {
    "tcp-reset": errno.ECONNREFUSED,
    "no-route": errno.ENETUNREACH,
    "port-unreachable": errno.ECONNREFUSED,
    "host-unreachable": errno.EHOSTUNREACH,
    "admin-prohibited": errno.EHOSTUNREACH,
    "net-unreachable": errno.ENETUNREACH,
    "prot-unreachable": errno.ENOPROTOOPT,
    "net-prohibited": errno.ENETUNREACH,
    "host-prohibited": errno.EHOSTUNREACH,
}
IPV6_SAYS = {
    "tcp-reset": errno.ECONNREFUSED,
    "no-route": errno.ENETUNREACH,
    "port-unreachable": errno.ECONNREFUSED,
    "host-unreachable": errno.EHOSTUNREACH,
    "admin-prohibited": errno.EACCES,
    "policy-fail": errno.EACCES,
    "reject-route": errno.EACCES,
}
ANSWERS = [(Family.IPV4, *each) for each in IPV4_SAYS.items()] + [
    (Family.IPV6, *each) for each in IPV6_SAYS.items()
]


# --- where a fault sits, and what it counts


@at_every_hook
def test_a_fault_can_sit_at_every_hook_on_the_way(lab: Lab, side: Side, hook: Hook) -> None:
    lab.server.listen()
    with lab.drop(SYN, at=(lab.host(side), hook)) as fault:
        lab.client.connect(wait=False)
        lab.expect(State.SYN_SENT, State.LISTEN, dropped=lambda: fault.packets >= 2)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


@at_every_hook
def test_a_port_limits_a_fault_to_it(lab: Lab, side: Side, hook: Hook) -> None:
    lab.server.listen(PORT)
    lab.server.listen(ELSEWHERE)
    fault = lab.drop(SYN, at=(lab.host(side), hook), port=PORT)
    lab.client.connect(ELSEWHERE)
    assert fault.packets == 0
    lab.client.connect(PORT, wait=False)
    lab.expect(State.SYN_SENT, State.LISTEN, dropped=lambda: fault.packets >= 1)


def test_a_port_is_either_port_of_a_segment(lab: Lab) -> None:
    lab.server.listen(PORT)
    fault = lab.drop(SYN | ACK, to=lab.client, port=PORT)  # it comes from this port
    lab.client.connect(PORT, wait=False)
    lab.expect(State.SYN_SENT, State.SYN_RECV, dropped=lambda: fault.packets >= 1)


@at_every_hook
def test_only_the_first_segments_are_lost(lab: Lab, side: Side, hook: Hook) -> None:
    lab.server.listen()
    fault = lab.drop(SYN, at=(lab.host(side), hook), first=1)
    lab.client.connect()  # by its first retransmission
    assert fault.packets == 1
    assert lab.client.counters.read()["TcpRetransSegs"] == 1


@at_every_hook
def test_all_but_the_first_segments_are_lost(lab: Lab, side: Side, hook: Hook) -> None:
    lab.server.listen()
    fault = lab.drop(SYN, at=(lab.host(side), hook), after=1)
    lab.client.connect()
    assert fault.packets == 0
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.LISTEN, dropped=lambda: fault.packets >= 2)


def test_two_equal_faults_count_for_themselves(lab: Lab) -> None:
    lab.server.listen()
    faults = [lab.drop(SYN, to=lab.server, first=1) for _ in range(2)]
    lab.client.connect()  # by its second retransmission: each fault took one
    assert [fault.packets for fault in faults] == [1, 1]
    assert lab.dropped() == 2


def test_of_two_that_match_the_later_one_has_the_packet(lab: Lab) -> None:
    first, last = lab.drop(SYN, to="server"), lab.drop(ANY, to="server")
    lab.client.connect(wait=False)
    assert lab.wait(lambda: last.packets, 5)
    last.remove()
    assert lab.wait(lambda: first.packets, 5), "what was sent again"
    assert last.packets + first.packets == 2


@pytest.mark.parametrize("sent_before", [False, True], ids=["yet to be sent", "sent already"])
def test_covers_fin_drops_what_acknowledges_the_fin_and_nothing_else(
    established: Lab, sent_before: bool
) -> None:
    lab = established
    lab.client.send("hello")
    assert lab.server.read(5) == b"hello"
    if sent_before:
        with lab.drop(FIN, to=lab.server) as lost:
            lab.client.shutdown()
            lab.expect(State.FIN_WAIT1, State.ESTABLISHED, dropped=lambda: lost.packets >= 1)
            fault = lab.drop(ACK, to=lab.client, covers_fin=True)
    else:
        fault = lab.drop(ACK, to=lab.client, covers_fin=True)
        lab.server.send("hello yourself")  # comes with an acknowledgment of what the client sent
        assert lab.client.read(14) == b"hello yourself"
        assert fault.packets == 0
        lab.client.shutdown()
    lab.expect(State.FIN_WAIT1, State.CLOSE_WAIT, dropped=lambda: fault.packets >= 2)
    fault.remove()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)


def test_a_rule_in_nfts_own_language_drops_what_it_matches(lab: Lab) -> None:
    tools.program("nft")
    lab.server.listen()
    rule = f"tcp dport {PORT} tcp flags & (syn | ack) == syn"
    with lab.drop_matching(rule, to=lab.server) as fault:
        lab.client.connect(wait=False)
        lab.expect(State.SYN_SENT, State.LISTEN, dropped=lambda: fault.packets >= 1)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


# --- answers


def test_the_answers_that_are_tested_are_all_there_are() -> None:
    tested = {(family, name) for family, name, _ in ANSWERS}
    families = {name: [word.only] if word.only else list(Family) for name, word in REJECTS.items()}
    assert tested == {(family, name) for name in REJECTS for family in families[name]}


@pytest.mark.parametrize(
    ("netlab_family", "answer", "code"),
    ANSWERS,
    ids=[f"{family} {name}" for family, name, _ in ANSWERS],
    indirect=["netlab_family"],
)
def test_an_answer_ends_the_first_syn_with_its_errno(lab: Lab, answer: str, code: int) -> None:
    lab.server.listen()
    with lab.reject(SYN, with_=answer, to=lab.server) as fault:
        with pytest.raises(OSError, match=rf"\[Errno {code}\]"):
            lab.client.connect()
        # An ICMP error that comes before connect(2) has returned would be ignored, and a second
        # SYN would be sent: the wire is slower than that.
        assert fault.packets == 1
    lab.client.connect()


# --- packets that wait


def test_held_packets_come_after_the_release_and_in_order(lab: Lab) -> None:
    receiver = udp(lab.server, (lab.server.address, PORT))
    sender = udp(lab.client, (lab.client.address, PORT))
    received: list[int] = []

    def look() -> bool | None:
        while True:
            try:
                received.append(int(receiver.recv(16)))
            except BlockingIOError:
                return True if 99 in received else None

    with receiver, sender:
        with lab.plug(lab.client):
            for number in range(100):
                sender.sendto(str(number).encode(), (lab.server.address, PORT))
            # The other way is open: what comes through it was sent after all that is held.
            receiver.sendto(b"back", (lab.client.address, PORT))
            assert lab.wait(lambda: readable(sender), tools.PATIENCE) == b"back"
            look()
            assert received == []
        assert lab.wait(look, tools.PATIENCE)
    assert received == list(range(100))


def udp(host: Host, address: tuple[str, int]) -> socket.socket:
    with host.namespace:
        found = socket.socket(host.family, socket.SOCK_DGRAM)
    found.bind(address)
    found.setblocking(False)
    return found


def readable(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(16)
    except BlockingIOError:
        return None


# --- undone


@pytest.mark.parametrize("raw", [False, True], ids=["by netlab", "by nft"])
def test_leaving_a_fault_removes_its_table_and_keeps_its_counter(lab: Lab, raw: bool) -> None:
    assert tools.rules(lab.server) == ""
    fault = (
        lab.drop_matching("tcp flags syn", to=lab.server) if raw else lab.drop(SYN, to=lab.server)
    )
    with fault:
        assert list(tools.packets(tools.rules(lab.server))) == [fault.name]
        lab.client.connect(wait=False)
        tools.wait(lambda: fault.packets or None)
    counted = fault.packets
    assert tools.rules(lab.server) == ""
    assert counted >= 1
    lab.client.connect(ELSEWHERE, wait=False)  # nobody counts that any more
    fault.remove()  # harmless
    assert fault.packets == counted == lab.dropped(fault.name)


@at_every_hook
def test_what_is_sent_right_after_a_lift_arrives(lab: Lab, side: Side, hook: Hook) -> None:
    lab.server.listen()
    for _ in range(10):
        fault = lab.drop(SYN, at=(lab.host(side), hook))
        fault.remove()
        lab.client.connect()
        assert fault.packets == 0
    assert lab.client.counters.read()["TcpRetransSegs"] == 0
    assert tools.rules(lab.host(side)) == ""


@pytest.mark.parametrize("segments", [(SYN,), (ANY, SYN, ACK)], ids=["one rule", "three rules"])
def test_what_the_kernel_refuses_leaves_nothing_of_its_transaction(
    lab: Lab, segments: tuple[Segment, ...]
) -> None:
    with pytest.raises(LabError, match=r"the kernel refused the rule .* at postrouting"):
        lab.reject(*segments, at=(lab.client, Hook.POSTROUTING), with_="tcp-reset")
    assert tools.rules(lab.client) == ""
    assert lab.faults == ()
    with lab.drop(SYN, to=lab.client) as fault:  # and the next one is taken as if nothing were
        assert list(tools.packets(tools.rules(lab.client))) == [fault.name]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"port": 65536}, "port: expected a whole number, 1 to 65535; found 65536"),
        ({"port": 0}, "port: expected a whole number, 1 to 65535; found 0"),
        ({"port": "80"}, "port: expected a whole number, 1 to 65535; found '80'"),
        ({"first": -1}, "first: expected a whole number, 1 to 100000; found -1"),
        ({"first": 1.5}, "first: expected a whole number, 1 to 100000; found 1.5"),
        ({"after": 1 << 32}, "after: expected a whole number, 1 to 100000; found 4294967296"),
        ({"longer": -1}, "longer: expected a whole number, 1 to 65535; found -1"),
        ({"name": "a\nb"}, r"name: expected letters, digits and hyphens; found 'a\nb'"),
        ({"to": 5}, "no side is called 5. Known: client, server"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_words(
    lab: Lab, given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(LabError) as refused:
        lab.drop("SYN", **{"to": "server", **given})
    assert str(refused.value) == complaint
    assert lab.imposed == ()


@pytest.mark.parametrize("word", [5, ["SYN", "FIN"], "SYM"])
def test_what_is_no_segment_is_told_which_there_are(lab: Lab, word: Any) -> None:
    with pytest.raises(LabError, match=r"^no segment is called .* Known: SYN, SYN\|ACK, ACK, "):
        lab.drop(word, to="server")


def test_a_name_is_that_of_one_fault_at_a_time(lab: Lab) -> None:
    with lab.drop("SYN", to="server", name="x"):
        for begin in (lab.plug, lambda name: lab.drop("FIN", to="server", name=name)):
            with pytest.raises(LabError, match=r"^there is already a fault called 'x': remove it"):
                begin(name="x")
    lab.wire.delay("1ms", name="x")
    with pytest.raises(LabError, match=r"^there is already a fault called 'x'"):
        lab.wire.loss("1%", name="x")
    lab.remove("x")


def test_who_names_a_fault_that_never_was_is_told_which_there_were(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"^no fault is called 'drop-1'\. Known: none$"):
        lab.remove("drop-1")
    lab.drop("SYN", to="server").remove()
    lab.remove("drop-1")  # it is gone: that is no mistake
    for ask in (lab.remove, lab.dropped):
        with pytest.raises(
            LabError, match=r"called 'drop1'\. Did you mean drop-1\? Known: drop-1$"
        ):
            ask("drop1")
    lab.path(Hop("first"))
    lab.remove("first")  # only forwards, as it does anyway


def test_text_that_nft_refuses_leaves_nothing(lab: Lab) -> None:
    tools.program("nft")
    with pytest.raises(LabError, match="nft refused 'no such words'"):
        lab.drop_matching("tcp flags syn", "no such words", to=lab.server)
    assert tools.rules(lab.server) == ""
    assert lab.faults == ()


@pytest.mark.parametrize("places", [(), ("to", "at")], ids=["none", "two"])
def test_a_fault_needs_one_place(lab: Lab, places: tuple[str, ...]) -> None:
    everywhere = {"to": lab.client, "at": (lab.server, Hook.OUTPUT)}
    with pytest.raises(LabError, match="a fault needs one place"):
        lab.drop(SYN, **{place: everywhere[place] for place in places})  # type: ignore[arg-type]
