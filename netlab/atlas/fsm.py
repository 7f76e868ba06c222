# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 9293's state diagram (Figure 5, section 3.3.2), and the arrows of it that runs have shown.

Two consecutive samples can skip a state. Hence an arrow counts as seen only if nothing else
explains the two: no other arrow between the same states, and no path of several arrows. Calls,
counters and timers (`moves.Move`) rule out the other explanations. Two samples that nothing
explains contradict the diagram, and are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from netlab.atlas.moves import Move, moves
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.scenario import steps

#: Scenarios for arrows that no other scenario shows.
HOME = Path(__file__).parent / "arrows"
S = State
Origin = Literal["RFC 9293", "Linux"]
#: Seconds. TCP_TIMEWAIT_LEN (include/net/tcp.h) is 60; the first sample may be a little late.
TIME_WAIT_LASTS = 59.0
#: Seconds after which no delayed acknowledgment can come; TCP_DELACK_MAX is 0.2.
NO_MORE_DELAYED_ACK = 0.3
#: Seconds: TCP_TIMEOUT_INIT.
FIRST_TIMEOUT = 1.0
HAS_NOT_TAKEN_FIN = (S.SYN_SENT, S.SYN_RECV, S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2)


def _always(_: Move) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow of the diagram."""

    source: State
    target: State
    event: str  # as Figure 5 writes it: what happens / what is sent
    origin: Origin = "RFC 9293"
    #: The condition that distinguishes it from other ways between the same states.
    when: Callable[[Move], bool] = _always
    #: The reason that no run of a few seconds shows it, or that Linux never does.
    reason: str = ""
    #: True if Linux does not have it; `reason` states what Linux does instead.
    absent: bool = False
    #: The only scenario that shows it; if a kernel cannot play it, that is the reason.
    only: str = ""

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


# --- conditions for an arrow


def _listens(move: Move) -> bool:
    return move.calls.since_ever("listen")


def _stops_listening(move: Move) -> bool:
    return move.calls.since_ever("unlisten")


def _connects(move: Move) -> bool:
    return bool(move.calls.between & steps.opening())


def _peer_connects(move: Move) -> bool:
    return move.peer_counters.get("TcpActiveOpens", 0) > 0


def _makes_requests(move: Move) -> bool:
    return move.sysctls.get("tcp_syncookies") != "2"  # 2: cookies always, never a request


def _sends_cookies(move: Move) -> bool:
    return move.counters.get("SyncookiesRecv", 0) > 0


def _syn_is_acknowledged(move: Move) -> bool:
    return move.counters.get("TCPDelivered", 0) > 0  # counts SYNs, and FINs, as data


def _closes(move: Move) -> bool:
    return move.calls.since_ever("close", "shutdown")


def _closes_now(move: Move) -> bool:
    return "close" in move.calls.between


def _does_not_close_now(move: Move) -> bool:
    return not _closes_now(move)


def _peer_closes(move: Move) -> bool:
    return move.peer_calls.since_ever("close", "shutdown")


def _fin_is_acknowledged(move: Move) -> bool:
    """True if a segment without FIN may have acknowledged the FIN."""
    if move.peer_stays(*HAS_NOT_TAKEN_FIN) and not move.reopened:
        return False
    peer = move.peer_before
    if peer is None or peer.state not in (S.CLOSE_WAIT, S.LAST_ACK):
        return True
    # It received the FIN before the first sample. An acknowledgment now is a delayed one, or comes
    # with data, or answers our retransmission.
    late = peer.state is S.CLOSE_WAIT and move.before.until - peer.since < NO_MORE_DELAYED_ACK
    return late or move.could_repeat or move.peer_calls.since_ever("send")


def _fins_cross(move: Move) -> bool:
    # A peer that has received our FIN acknowledges it in every segment, including its own FIN.
    return _peer_closes(move) and not move.peer_was(S.CLOSE_WAIT, S.LAST_ACK)


def _is_reset_as_a_request(move: Move) -> bool:
    return move.counters.get("EmbryonicRsts", 0) > 0  # tcp_check_req()


def _is_given_up_as_a_request(move: Move) -> bool:
    return not _is_reset_as_a_request(move)  # reqsk_timer_handler()


def _is_broken_off(move: Move) -> bool:
    gives_up = ("TCPAbortOnTimeout", "TCPAbortOnMemory", "TCPAbortOnData")
    return (
        bool(move.peer_counters.get("TcpOutRsts"))
        or bool(move.calls.between & {"abort", "vanish", "unlisten"})
        or any(move.counters.get(name) for name in gives_up)
    )


def _request_ends(move: Move) -> bool:
    # A request learns from its timer that its listener is gone.
    timer = move.source is S.SYN_RECV or move.gap >= FIRST_TIMEOUT
    aborts = move.calls.between & {"abort", "vanish"}
    return bool(timer or aborts or move.peer_counters.get("TcpOutRsts"))


def _is_not_broken_off(move: Move) -> bool:
    return not _is_broken_off(move)


def _time_waited(move: Move) -> float:
    return move.gap + (move.lasted if move.source is S.TIME_WAIT else 0.0)


def _is_waited_out(move: Move) -> bool:
    return _time_waited(move) >= TIME_WAIT_LASTS


def _is_cut_short(move: Move) -> bool:
    killed = move.peer_counters.get("TcpOutRsts") or move.counters.get("TCPTimeWaitOverflow")
    return bool(killed) and not _is_waited_out(move)


def _handshake_goes_on(move: Move) -> bool:
    return not move.peer_stays(
        S.SYN_SENT
    )  # it has received no SYN of ours, and cannot acknowledge one


A_MINUTE = "TIME_WAIT lasts 60 s (TCP_TIMEWAIT_LEN): netlab fsm --slow shows it"
NO_SEND = (
    "not in Linux: on a listener send(2) fails with EPIPE and connect(2) with EISCONN "
    "(__inet_stream_connect), and it stays LISTEN"
)
#: Arrows are what tables of sockets can show. Within one segment Linux passes through more states:
#: its tracepoint inet_sock_set_state shows FIN_WAIT2 for note 2, and SYN_RECV for a cookie.
RFC_ARROWS = (
    Arrow(S.CLOSED, S.LISTEN, "passive OPEN / create TCB", when=_listens),
    Arrow(S.CLOSED, S.SYN_SENT, "active OPEN / create TCB, snd SYN", when=_connects),
    Arrow(S.LISTEN, S.CLOSED, "CLOSE / delete TCB", when=_stops_listening),
    Arrow(S.LISTEN, S.SYN_SENT, "SEND / snd SYN", reason=NO_SEND, absent=True),
    Arrow(S.LISTEN, S.SYN_RECV, "rcv SYN / snd SYN,ACK", when=_makes_requests),
    Arrow(S.SYN_SENT, S.CLOSED, "CLOSE / delete TCB", when=_closes_now),
    Arrow(S.SYN_SENT, S.SYN_RECV, "rcv SYN / snd SYN,ACK", when=_peer_connects),
    Arrow(S.SYN_SENT, S.ESTABLISHED, "rcv SYN,ACK / snd ACK", when=_syn_is_acknowledged),
    Arrow(S.SYN_RECV, S.LISTEN, "rcv RST (note 1)", when=_is_reset_as_a_request),
    Arrow(S.SYN_RECV, S.ESTABLISHED, "rcv ACK of SYN", when=_handshake_goes_on),
    Arrow(S.SYN_RECV, S.FIN_WAIT1, "CLOSE / snd FIN", when=_closes),
    Arrow(S.ESTABLISHED, S.FIN_WAIT1, "CLOSE / snd FIN", when=_closes),
    Arrow(S.ESTABLISHED, S.CLOSE_WAIT, "rcv FIN / snd ACK", when=_peer_closes),
    Arrow(S.FIN_WAIT1, S.FIN_WAIT2, "rcv ACK of FIN", when=_fin_is_acknowledged),
    Arrow(S.FIN_WAIT1, S.CLOSING, "rcv FIN / snd ACK", when=_fins_cross),
    Arrow(S.FIN_WAIT1, S.TIME_WAIT, "rcv FIN,ACK of FIN / snd ACK (note 2)", when=_peer_closes),
    Arrow(S.FIN_WAIT2, S.TIME_WAIT, "rcv FIN / snd ACK", when=_peer_closes),
    Arrow(S.CLOSE_WAIT, S.LAST_ACK, "CLOSE / snd FIN", when=_closes),
    Arrow(S.CLOSING, S.TIME_WAIT, "rcv ACK of FIN"),
    Arrow(S.LAST_ACK, S.CLOSED, "rcv ACK of FIN / delete TCB", when=_is_not_broken_off),
    Arrow(S.TIME_WAIT, S.CLOSED, "timeout=2MSL / delete TCB", when=_is_waited_out, reason=A_MINUTE),
)


def _linux(
    source: State,
    target: State,
    event: str,
    when: Callable[[Move], bool] = _always,
    only: str = "",
) -> Arrow:
    return Arrow(source, target, event, "Linux", when, only=only)


#: Figure 5 leaves out resets, "for legibility" (its note 3). The rest is specific to Linux.
LINUX_ARROWS = (
    _linux(
        S.LISTEN, S.ESTABLISHED, "rcv ACK of a SYN cookie", _sends_cookies, "cookie-opens-at-once"
    ),
    _linux(S.SYN_SENT, S.CLOSED, "rcv RST, ICMP error or retries over", _does_not_close_now),
    _linux(S.SYN_RECV, S.LISTEN, "SYN,ACK retries over", _is_given_up_as_a_request),
    _linux(S.SYN_RECV, S.CLOSED, "rcv RST, ABORT or listener gone", _request_ends),
    _linux(S.ESTABLISHED, S.CLOSED, "rcv RST or ABORT / snd RST"),
    _linux(S.FIN_WAIT1, S.CLOSED, "rcv RST, ABORT or orphan's retries over"),
    _linux(S.FIN_WAIT2, S.CLOSED, "rcv RST, ABORT or orphan's tcp_fin_timeout"),
    _linux(S.CLOSE_WAIT, S.CLOSED, "rcv RST or ABORT / snd RST", _is_broken_off),
    _linux(S.CLOSING, S.CLOSED, "rcv RST, ABORT or orphan's retries over"),
    _linux(S.LAST_ACK, S.CLOSED, "rcv RST or orphan's retries over", _is_broken_off),
    _linux(S.TIME_WAIT, S.CLOSED, "rcv RST (tcp_rfc1337=0)", _is_cut_short),
    _linux(S.TIME_WAIT, S.SYN_RECV, "rcv new SYN / snd SYN,ACK", _listens),
    _linux(S.TIME_WAIT, S.SYN_SENT, "active OPEN (tcp_tw_reuse) / snd SYN", _connects),
)
ARROWS = RFC_ARROWS + LINUX_ARROWS


# --- evidence of runs


class Coverage(NamedTuple):
    """The scenarios that show each arrow, and the moves that nothing explains."""

    scenarios: dict[Arrow, tuple[str, ...]]
    unexplained: tuple[Move, ...]
    skipped: dict[str, str]  # scenarios that this kernel cannot play, and why

    def reason(self, arrow: Arrow) -> str:
        """The reason that an arrow was not seen; '' if it was, or if there is no reason."""
        if self.scenarios[arrow]:
            return ""
        return arrow.reason or self.skipped.get(arrow.only, "")

    @property
    def unaccounted(self) -> tuple[Arrow, ...]:
        """Arrows that were not seen, without a reason."""
        return tuple(a for a in ARROWS if not self.scenarios[a] and not self.reason(a))


def seen(runs: Iterable[Evidence]) -> Coverage:
    """Credit each arrow with the scenarios that show it, in the order of the runs."""
    scenarios: dict[Arrow, dict[str, None]] = {arrow: {} for arrow in ARROWS}
    unexplained = []
    skipped = {}
    for run in runs:
        if run.outcome == "skip":
            skipped[run.scenario] = run.reason
        if any(step.kind in steps.forging() for step in run.steps):
            continue  # an end that was told lies moves as no diagram of two ends has it
        for move in moves(run):
            ways = explanations(move)
            if not ways:
                unexplained.append(move)
            elif len(ways) == 1 and len(ways[0]) == 1:
                scenarios[ways[0][0]][run.scenario] = None
    shown = {arrow: tuple(names) for arrow, names in scenarios.items()}
    return Coverage(shown, tuple(unexplained), skipped)


def explanations(move: Move) -> list[tuple[Arrow, ...]]:
    """Every path that the end can have taken between the two samples."""
    possible = [arrow for arrow in ARROWS if not arrow.absent and arrow.when(move)]
    return list(_ways(move, possible, move.source, ()))


def _ways(
    move: Move, possible: list[Arrow], at: State, gone: tuple[Arrow, ...]
) -> Iterator[tuple[Arrow, ...]]:
    if gone and at is move.target:
        yield gone
        return
    been = {arrow.source for arrow in gone}
    for arrow in possible:
        follows = not gone or _begins_again(move, arrow)
        if arrow.source is at and arrow.target not in been and follows:
            yield from _ways(move, possible, arrow.target, (*gone, arrow))


def _begins_again(move: Move, arrow: Arrow) -> bool:
    """True if this can follow the end of a connection: one of the ends must open another."""
    if arrow.target is S.SYN_SENT:
        return _connects(move)
    if arrow.source in (S.LISTEN, S.TIME_WAIT) and arrow.target is not S.CLOSED:
        again = move.peer_was(S.SYN_SENT)  # which retransmits its SYN by itself
        return (
            again
            or bool(move.peer_calls.between & steps.opening())
            or "listen" in move.calls.between
        )
    if arrow.target is S.LISTEN:  # the listener may have been there all the time
        return move.target is not S.LISTEN or "listen" in move.calls.between
    return True
