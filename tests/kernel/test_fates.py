# SPDX-License-Identifier: GPL-2.0-or-later
"""One packet of an exchange is lost, doubled, overtaken, or the last that arrives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from netlab.model.errors import LabError
from netlab.model.vocabulary import Family
from netlab.scenario import writer
from netlab.scenario.explain import by_hand
from netlab.scenario.loader import parse
from netlab.scenario.runner import play
from netlab.testbed.faults.base import Fault
from netlab.testbed.lab import Lab

FATES = ("drop", "cut", "double", "overtake")


@pytest.fixture
def watched(lab: Lab) -> Lab:
    """A lab whose packets are noted."""
    lab.wire.watch()
    return lab


def talk(lab: Lab) -> None:
    """A handshake, and a hello; whoever waits for it, has it in the end."""
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("hello")
    lab.server.read(5)


def sent(lab: Lab) -> list[tuple[int, str, int]]:
    """What crossed or was lost: to which side, which packet, and how often it was sent before."""
    return [(each.way, str(each.address), each.again) for each in lab.wire.seen()]


def test_what_crosses_is_noted_once(watched: Lab) -> None:
    talk(watched)
    assert sent(watched)[:4] == [(0, "seq=0", 0), (1, "seq=0", 0), (0, "ack=1", 0), (0, "seq=1", 0)]
    assert sent(watched) == []


@pytest.mark.parametrize(
    ("packet", "to", "repeated"),
    [("seq=1", "server", (0, "seq=1", 1)), (3, "server", (0, "seq=1", 1)),
     ("SYN", "client", (1, "seq=0", 1))],
)  # fmt: skip
def test_exactly_one_packet_is_lost(
    watched: Lab, packet: int | str, to: str, repeated: tuple[int, str, int]
) -> None:
    with watched.wire.drop(packet, to) as fault:
        talk(watched)
    assert fault.packets == 1
    assert repeated in sent(watched)


def test_what_is_sent_again_is_lost_too_where_that_is_asked(watched: Lab) -> None:
    faults: list[Fault] = [watched.wire.drop("seq=1", "server", again=n) for n in range(2)]
    talk(watched)
    assert [fault.packets for fault in faults] == [1, 1]
    assert (0, "seq=1", 2) in sent(watched)


def test_from_a_cut_on_nothing_arrives_at_either_end_until_it_is_removed(lab: Lab) -> None:
    lab.server.listen()
    fault = lab.wire.cut("ack=1", "server")
    lab.client.connect()
    lab.expect("ESTABLISHED", "SYN_RECV", hold=1.5)  # the SYN-ACK is sent again, and lost
    assert fault.packets >= 2
    fault.remove()
    lab.expect("ESTABLISHED", "ESTABLISHED")


def test_what_comes_twice_is_counted_by_the_kernel(watched: Lab) -> None:
    fault = watched.wire.double("seq=1", "server")
    talk(watched)
    assert fault.packets == 1
    watched.wait(lambda: watched.server.counters.read().get("TCPDSACKOldSent"), 5)
    assert watched.server.counters.read()["TCPDSACKOldSent"] == 1


def test_the_next_packet_overtakes_or_else_it_waits_for_no_more_than_a_moment(
    watched: Lab,
) -> None:
    watched.wire.overtake("seq=1", "server")
    alone = watched.wire.overtake("SYN", "client")
    watched.server.listen()
    watched.client.connect()
    assert watched.elapsed() < 0.9  # and no SYN was sent again
    assert alone.packets == 1
    watched.server.accept()
    watched.client.connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    watched.client.send("hello")
    watched.client.send(" world")
    watched.server.read(11)
    counted = watched.server.counters.read()
    assert counted["TCPOFOQueue"] == 1


def test_a_packet_that_does_not_come_meets_nothing(lab: Lab) -> None:
    fault = lab.wire.drop("seq=77", "client")
    talk(lab)
    assert fault.packets == 0
    assert fault.counts  # so that it is no cause of anything


def test_what_is_no_packet_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="drop: expected a packet: its number"):
        lab.wire.drop("ACK", "client")


FILE = """\
# One packet.
source: a test
steps:
  - server: listen
  - {fault}
  - client: connect
  - server: accept
  - client: {{send: hello}}
  - server: {{read: hello}}
{then}expect:
  pair: {{client: ESTABLISHED, server: ESTABLISHED}}
  hold: 50ms
  cause: TCP has mended it
"""


@pytest.mark.parametrize("where", ["packet: 3", "packet: seq=1, connection: 1"])
@pytest.mark.parametrize("word", [word for word in FATES if word != "cut"])
def test_a_file_may_ask_for_it(word: str, where: str) -> None:
    text = FILE.format(fault=f"{word}: {{{where}, to: server}}", then="  - remove: all\n")
    scenario = parse(text, Path("one.yaml"))
    run = play(scenario)
    assert (run.outcome, run.reason, run.failure) == ("pass", "", None)
    assert [(each.kind, each.packets) for each in run.faults] == [(word, 1)]
    again = parse(writer.scenario(scenario), Path("one.yaml"))
    assert writer.scenario(again) == writer.scenario(scenario)
    told = [command.text for _, commands in by_hand(scenario, Family.IPV4) for command in commands]
    assert any("no tool does this" in each for each in told)
