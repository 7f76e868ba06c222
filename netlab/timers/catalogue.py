# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP's timers, each with a situation in which it runs and nothing else ends the wait.

Every function builds one situation on a fresh lab and returns when the timer runs, or is about to.
Faults are installed before what they drop is sent: a lab may wait for its turn between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from netlab.model.errors import ActionFailed
from netlab.model.tcp import ACK, ANY, FIN, SYN, State, Timer
from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet
from netlab.testbed.host import PATIENCE
from netlab.testbed.lab import Lab

MORE_THAN_A_WINDOW = 300_000  # bytes
PROBES = frozenset({"keepalive", "window probe"})  # as netlab.packets.sightings calls them


def _syns(packet: Packet) -> bool:
    return SYN in packet.segment and ACK not in packet.segment


def _syn_acks(packet: Packet) -> bool:
    return SYN | ACK in packet.segment


def _data_again(packet: Packet) -> bool:
    return packet.length > 0


def _fins(packet: Packet) -> bool:
    return FIN in packet.segment


def _bare_ack(packet: Packet) -> bool:
    return packet.segment == ACK


def _probe(packet: Packet) -> bool:
    return packet.text in PROBES


@dataclass(frozen=True, slots=True)
class Timeout:
    """One timer: how to make it run, and what to look at."""

    about: str
    begin: Callable[[Lab], None]
    side: Side = Side.CLIENT  # whose timer it is
    state: State = State.ESTABLISHED  # that side's, while it runs
    sent: Callable[[Packet], bool] | None = None  # what it sends repeatedly
    #: Its time counts from the last packet before the first of `sent`, and not from that one.
    idle: bool = False
    #: What it sends once, as its end.
    last: Callable[[Packet], bool] | None = None
    #: Seconds after which waiting stops, where it has no end.
    watched: float | None = None
    sysctls: Mapping[str, int] = field(default_factory=dict)  # at both hosts


# --- opening


def _syn(lab: Lab) -> None:
    lab.server.listen()
    lab.drop(SYN, to=lab.server)
    lab.client.connect(wait=False)


def _syn_ack(lab: Lab) -> None:
    """Send one SYN and no other: the client gives up before an answer can come."""
    lab.server.listen()
    lab.drop(SYN | ACK, to=lab.client)
    lab.client.connect(wait=False)
    lab.client.close()


def _deferred_accept(lab: Lab) -> None:
    lab.server.listen(defer=10)
    lab.client.connect()


# --- established


def _established(lab: Lab) -> None:
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()


def _data(lab: Lab) -> None:
    _established(lab)
    lab.drop(ANY, to=lab.server)
    lab.client.send("GET /")


def _user_timeout(lab: Lab) -> None:
    _established(lab)
    lab.drop(ANY, to=lab.server)
    lab.client.set_option("TCP_USER_TIMEOUT", 10_000)
    lab.client.send("GET /")


def _keepalive(lab: Lab) -> None:
    _established(lab)
    lab.drop(ANY, to=lab.server)
    lab.client.set_option("SO_KEEPALIVE", 1)


def _window_closed(lab: Lab) -> None:
    _established(lab)
    lab.client.send(bytes(MORE_THAN_A_WINDOW))
    _until_it_probes(lab)


def _window_closed_and_silent(lab: Lab) -> None:
    """The only bare ACKs of this client are probes: the server sends nothing."""
    _established(lab)
    lab.drop(ACK, to=lab.server)
    lab.client.send(bytes(MORE_THAN_A_WINDOW))
    _until_it_probes(lab)


def _until_it_probes(lab: Lab) -> None:
    flow = lab.flow()

    def probing() -> bool | None:
        row = flow.rows[Side.CLIENT]
        return True if row is not None and row.timer is Timer.PROBE else None

    if not lab.wait(probing, PATIENCE):
        raise ActionFailed(f"the server's window was still open after {PATIENCE:g} s")


def _delayed_ack(lab: Lab) -> None:
    _established(lab)
    lab.server.set_option("TCP_QUICKACK", 0)
    lab.client.send("GET /")


# --- closing


def _fin_wait1(lab: Lab) -> None:
    _established(lab)
    lab.drop(FIN, to=lab.server)
    lab.client.close()


def _fin_wait2(lab: Lab) -> None:
    _established(lab)
    lab.client.close()


def _fin_wait2_open(lab: Lab) -> None:
    _established(lab)
    lab.client.shutdown()


def _closing(lab: Lab) -> None:
    _established(lab)
    for host in lab.hosts:
        lab.drop(ACK, FIN, to=host, covers_fin=True)  # a repeated FIN acknowledges too
    with lab.plug():
        lab.client.close()
        lab.server.close()


def _last_ack(lab: Lab) -> None:
    _established(lab)
    lab.server.shutdown()
    lab.expect(State.CLOSE_WAIT, State.FIN_WAIT2)
    lab.drop(FIN, to=lab.server)
    lab.client.close()


def _time_wait(lab: Lab) -> None:
    _established(lab)
    lab.client.close()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    lab.server.close()


#: By name, in the order of a connection's life.
TIMEOUTS = {
    "syn": Timeout("connect(2), and no answer to any SYN", _syn, state=State.SYN_SENT, sent=_syns),
    "syn-ack": Timeout(
        "a request of one SYN, and no answer to any SYN-ACK",
        _syn_ack,
        Side.SERVER,
        State.SYN_RECV,
        _syn_acks,
    ),
    "defer-accept": Timeout(
        "TCP_DEFER_ACCEPT of 10 s, and a client that sends nothing",
        _deferred_accept,
        Side.SERVER,
        State.SYN_RECV,
        _syn_acks,
    ),
    "delayed-ack": Timeout(
        "data, until its ACK comes without TCP_QUICKACK",
        _delayed_ack,
        Side.SERVER,
        idle=True,
        last=_bare_ack,
    ),
    "data": Timeout("data that is never acknowledged", _data, sent=_data_again),
    "rto-min": Timeout(
        "data that is never acknowledged, with tcp_rto_min_us=20000 and TCP_USER_TIMEOUT of 10 s",
        _user_timeout,
        sent=_data_again,
        sysctls={"tcp_rto_min_us": 20_000},
    ),
    "rto-max": Timeout(
        "data that is never acknowledged, with tcp_rto_max_ms=5000",
        _data,
        sent=_data_again,
        sysctls={"tcp_rto_max_ms": 5_000},
    ),
    "user-timeout": Timeout(
        "data that is never acknowledged, with TCP_USER_TIMEOUT of 10 s",
        _user_timeout,
        sent=_data_again,
    ),
    "window-probe": Timeout(
        "a closed window, and no answer to any probe",
        _window_closed_and_silent,
        sent=_probe,
        idle=True,
    ),
    "window-probe-answered": Timeout(
        "a closed window, and an answer to every probe",
        _window_closed,
        sent=_probe,
        idle=True,
        watched=900.0,
    ),
    "keepalive": Timeout(
        "SO_KEEPALIVE, and no answer to any probe", _keepalive, sent=_probe, idle=True
    ),
    "orphan-fin-wait1": Timeout(
        "close(2), and no answer to any FIN", _fin_wait1, state=State.FIN_WAIT1, sent=_fins
    ),
    "orphan-retries": Timeout(
        "close(2), and no answer to any FIN, with tcp_orphan_retries=3",
        _fin_wait1,
        state=State.FIN_WAIT1,
        sent=_fins,
        sysctls={"tcp_orphan_retries": 3},
    ),
    "orphan-closing": Timeout(
        "close(2) at both ends at once, and no answer to any FIN",
        _closing,
        state=State.CLOSING,
        sent=_fins,
    ),
    "orphan-last-ack": Timeout(
        "close(2) after the peer's, and no answer to any FIN",
        _last_ack,
        state=State.LAST_ACK,
        sent=_fins,
    ),
    "fin-wait2": Timeout(
        "close(2), and a peer that does not close", _fin_wait2, state=State.FIN_WAIT2, idle=True
    ),
    "fin-wait2-open": Timeout(
        "shutdown(2), and a peer that does not close: no timer",
        _fin_wait2_open,
        state=State.FIN_WAIT2,
        idle=True,
    ),
    "time-wait": Timeout(
        "after both FINs, at the end that closed first",
        _time_wait,
        state=State.TIME_WAIT,
        idle=True,
    ),
}
