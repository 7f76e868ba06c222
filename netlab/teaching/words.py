# SPDX-License-Identifier: GPL-2.0-or-later
"""Explains steps, rows and counters in words for a person.

Text from a file may have braces and percent signs: it is put into sentences, and is never itself
a template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from netlab.linux.procnet import Row
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.scenario.model import AnyStep, Do, FaultStep, HopOrder, Reach, Remove, Scenario
from netlab.scenario.steps import ACTIONS, kind_of
from netlab.scenario.steps.hops import ORDERS


def telling(step: AnyStep, before: Sequence[AnyStep] = ()) -> str:
    """Describe a step before it is done; `before`: the steps done by then."""
    match step:
        case Do():
            return f"The {step.side}{_on(step)} {ACTIONS[step.action].told(step.arguments)}"
        case FaultStep():
            return kind_of(step).told(step)
        case Remove(name=None):
            return "Everything that is done to packets ends."
        case Remove(name=name):
            gone = [past for past in before if isinstance(past, FaultStep) and past.name == name]
            if not gone:
                return f"The fault {name} is taken away."
            return kind_of(gone[-1]).told_removed(gone[-1])
        case HopOrder():
            return ORDERS[step.word].told(step)
        case Reach(claim=claim, hold=hold):
            stay = f", and stay there for {hold:g} s" if hold else ""
            tables = " and ".join(f"{hop} has {entry}" for hop, entry in step.tracked.items())
            also = f", and {tables} in its table" if tables else ""
            return f"netlab waits until both ends are there{stay}: {claim}{also}."
        case _:
            assert_never(step)


def _on(step: Do) -> str:
    """The connection that it is about, if the file names several."""
    return f", on its connection {step.of!r}," if step.of else ""


# --- a row


def explained(row: Row | None) -> Iterator[str]:
    """Explain the columns of one end's row."""
    if row is None:
        yield "It is not listed: there is no connection at this end."
        return
    if row.state is State.LISTEN:
        yield "There is only the listener. It has no timer: it waits for ever."
        if row.rx_queue:
            yield f"Recv-Q {row.rx_queue}: connections that no program has accepted yet."
        return
    yield _timer(row)
    if row.tx_queue and row.state is not State.TIME_WAIT:
        unacknowledged = f"Send-Q {row.tx_queue}: not sent or not acknowledged yet"
        yield f"{unacknowledged}; a SYN or a FIN counts as one byte."
    if row.rx_queue:
        yield f"Recv-Q {row.rx_queue}: the application has not read it; a FIN counts as one."
    if row.inode == 0:
        yield _no_owner(row.state)


def _timer(row: Row) -> str:
    left = f"{row.remaining:.1f} s"
    match row.timer:
        case Timer.RETRANSMIT:
            fired = {0: "not fired yet", 1: "fired once"}.get(
                row.retransmits, f"fired {row.retransmits} times"
            )
            return f"Timer: on. It has {fired}; in {left} its segment is sent again."
        case Timer.TIME_WAIT:
            return f"Timer: timewait. In {left} the kernel forgets this connection."
        case Timer.PROBE:
            return (
                "Timer: persist. Nothing is in flight: the other end has no room, or this machine "
                f"refused to send; in {left} Linux tries again ({row.probes} probes so far)."
            )
        case Timer.KEEPALIVE:
            return f"Timer: keepalive. In {left} Linux asks whether the other end is there."
    return "Timer: none. This end waits for nothing, and can stay like this for ever."


def _no_owner(state: State) -> str:
    if state is State.SYN_RECV:
        return "Inode 0: a request only. No program knows of it yet; /proc shows it all the same."
    if state is State.TIME_WAIT:
        return "Inode 0: no program owns it. The kernel keeps a small note of it, not a socket."
    if state in (State.ESTABLISHED, State.CLOSE_WAIT):
        return "Inode 0: no program owns it: it has not been accepted yet."
    return "Inode 0: no program owns it. The application has closed, the kernel finishes alone."


#: How long Linux keeps a state in which nothing arrives any more.
LIVES = {
    State.SYN_SENT: "about 131 s (127 s on kernels before 6.5)",
    State.SYN_RECV: "about 63 s after the client's last SYN",
    State.FIN_WAIT1: "about 107 s once its program is gone",
    State.LAST_ACK: "about 107 s once its program is gone",
    State.CLOSING: "about 107 s once its program is gone",
    State.FIN_WAIT2: "60 s once its program is gone",
    State.TIME_WAIT: "60 s",
}

#: The same of a SYN_RECV whose end has called connect(): no listener's request, but a socket.
CROSSED = "about 127 s after its own SYN, which crossed the other's"

#: States that end whether or not a program owns the socket.
ALWAYS_ENDS = frozenset({State.SYN_SENT, State.SYN_RECV, State.TIME_WAIT})


def callers(scenario: Scenario) -> frozenset[Side]:
    """The ends that call connect() in a scenario."""
    done = [step for step in scenario.steps if isinstance(step, Do)]
    return frozenset(step.side for step in done if step.action == "connect")


def lives(state: State, called: bool = False) -> str:
    """How long Linux keeps a state in which nothing arrives any more, of an end that has `called`
    connect() or not; '' where no timer ends it.
    """
    return CROSSED if called and state is State.SYN_RECV else LIVES.get(state, "")


#: The meanings of the counters that scenarios, causes and the conformance table name (nstat names).
COUNTERS = {
    "TCPSynRetrans": "SYNs and SYN-ACKs sent again",
    "TCPTimeouts": "times the retransmission timer fired",
    "TCPRetransFail": "retransmissions that its own machine refused to send",
    "TCPLostRetransmit": "retransmissions that were lost in turn",
    "TCPSYNChallenge": "repeated SYN-ACKs that it answered with another ACK",
    "TCPDSACKOldSent": "times it reported: I have this already",
    "TCPLossProbes": "early repetitions, before the timer fired",
    "TCPDeferAcceptDrop": "ACKs dropped on purpose, as they brought no data",
    "TcpOutRsts": "RSTs sent",
    "TcpInSegs": "segments that reached its TCP",
    "TcpActiveOpens": "connections begun with connect()",
    "TcpPassiveOpens": "connections that came to a listener",
    "EmbryonicRsts": "requests that a RST ended",
    "ListenOverflows": "times the accept queue was full",
    "ListenDrops": "segments that a listener dropped",
    "SyncookiesSent": "SYN-ACKs that were cookies",
    "TCPReqQFullDoCookies": "SYNs that met a full queue, and got a cookie",
    "TCPTimeWaitOverflow": "times there was no room for a TIME_WAIT",
    "SyncookiesRecv": "ACKs that brought a cookie back, and opened a connection by it",
    "SyncookiesFailed": "ACKs to a listener that were no cookie of its own",
    "TCPReqQFullDrop": "SYNs dropped as the queue of requests was full, without cookies",
    "TCPChallengeACK": "ACKs sent because a segment looked forged or stale (RFC 5961)",
    "TCPWinProbe": "probes of a window that the other end has closed",
    "TCPRcvQDrop": "segments dropped as the receive buffer was full",
    "PruneCalled": "times a receive buffer was so full that queued segments were merged",
    "BeyondWindow": "segments dropped because they reach beyond the window",
    "TCPSpuriousRtxHostQueues": "repetitions not sent: the first copy has not left this machine",
    "TCPAbortOnClose": "connections reset by close() with data that nobody had read",
    "TCPAbortOnData": "connections reset as data came after close()",
    "TCPAbortOnTimeout": "connections given up after too many repetitions",
    "TCPAbortOnMemory": "orphans reset, as there were too many or no memory for them",
    "TCPAbortOnLinger": "connections reset by close() with SO_LINGER of 0",
    "TCPAbortFailed": "RSTs that could not be sent, for want of memory",
    "TCPDSACKOfoSent": "times it reported: I have this already, beyond a gap",
    "TCPFastRetrans": "segments sent again before a timer fired, as later ones were acknowledged",
    "TCPFastOpenCookieReqd": "SYNs that asked for a cookie of TCP Fast Open",
    "TCPOFOQueue": "segments that came ahead of a gap, and wait for it to be filled",
    "TCPRenoRecovery": "times a loss was told from duplicate ACKs, without SACK",
    "TCPSackRecovery": "times a loss was told from SACK",
    "PAWSEstab": "segments dropped for an old timestamp, of a connection that is open",
    "PAWSTimewait": "segments dropped for an old timestamp, of a connection in TIME_WAIT",
    "PAWSActive": "SYN-ACKs dropped for an old timestamp",
    "TW": "connections that have ended their TIME_WAIT",
    "TWRecycled": "TIME_WAITs that a new connection took the place of (tcp_tw_reuse)",
    "TcpRetransSegs": "segments sent again",
    "TcpEstabResets": "connections reset while they were open, or in CLOSE_WAIT",
    "TcpAttemptFails": "connections that ended before they were open",
    "TcpInCsumErrors": "segments dropped for a wrong checksum",
    "TcpOutSegs": "segments sent, without those sent again",
    "TcpCurrEstab": "connections that are open now, or in CLOSE_WAIT: not a sum",
    "TCPBacklogDrop": "segments dropped as too many waited for a socket that was in use",
    "TCPZeroWindowDrop": "segments dropped as the window of this end was closed",
    "TCPToZeroWindowAdv": "times this end told that its window is closed",
    "TCPFromZeroWindowAdv": "times this end told that its window is open again",
    "TCPWantZeroWindowAdv": "times it had no room, and could not take back what it had offered",
    "TCPMemoryPressures": "times all of TCP had more memory than the second of tcp_mem",
    "TCPOFODrop": "segments ahead of a gap dropped for want of receive buffer",
    "TCPRcvCollapsed": "segments merged in a receive buffer, to save memory",
    "RcvPruned": "times nothing helped a full receive buffer, and a segment was dropped",
    "OfoPruned": "times segments ahead of a gap were thrown away, to free a receive buffer",
    "TCPKeepAlive": "keepalive probes sent",
    "TCPSpuriousRTOs": "time-outs after which nothing turned out to be lost",
    "TCPSlowStartRetrans": "segments sent again after a time-out, while the rate begins anew",
    "TCPSACKReneging": "times the other end took back what it had acknowledged one by one",
    "TCPDSACKRecv": "times the other end reported: I have this already",
    "DelayedACKs": "ACKs that were put off, and sent by their timer",
    "DelayedACKLost": "segments that came again, as if the ACK of them had been lost",
    "TcpInErrs": "segments dropped for a wrong checksum or a wrong header",
    "TCPFastOpenPassive": "connections that a SYN with a cookie of TCP Fast Open has opened",
    "TCPFastOpenPassiveFail": "SYNs whose cookie of TCP Fast Open was none of this host's",
}

#: What the sysctls decide that netlab reads or sets (net.ipv4, where nothing else is said), and
#: their value in a kernel that nobody has told anything.
SYSCTLS = {
    "tcp_syn_retries": "how often connect() repeats a SYN before ETIMEDOUT (6)",
    "tcp_syn_linear_timeouts": "how many of the first repetitions of a SYN come a second apart (4)",
    "tcp_synack_retries": "how often a SYN-ACK is repeated before the request is forgotten (5)",
    "tcp_retries1": "after how many repetitions of data the route is doubted (3)",
    "tcp_retries2": "repetitions of data that the time until ETIMEDOUT has room for (15: 15 min)",
    "tcp_orphan_retries": "the same for a connection that no program has (0, which means 8)",
    "tcp_fin_timeout": "seconds that FIN_WAIT2 lasts once no program has it (60)",
    "tcp_max_orphans": "connections without a program; more of them are reset (by memory)",
    "tcp_max_tw_buckets": "connections in TIME_WAIT; more of them end at once (by memory)",
    "tcp_tw_reuse": "whether connect() may take a port in TIME_WAIT (2: to this machine itself)",
    "tcp_tw_reuse_delay": "milliseconds that such a TIME_WAIT must be old (1000)",
    "tcp_rfc1337": "whether a RST leaves TIME_WAIT alone (0: it ends it)",
    "tcp_max_syn_backlog": "requests in SYN_RECV that a listener may have (by memory)",
    "tcp_syncookies": "whether a full queue of requests is answered with cookies (1; 2: always)",
    "tcp_abort_on_overflow": "whether a full accept queue is answered with a RST (0: with silence)",
    "net.core.somaxconn": "connections to be accepted that listen() may ask for at most (4096)",
    "ip_local_port_range": "the ports that connect() chooses from (32768 60999)",
    "tcp_keepalive_time": "seconds of silence before SO_KEEPALIVE sends its first probe (7200)",
    "tcp_keepalive_intvl": "seconds from probe to probe (75)",
    "tcp_keepalive_probes": "probes without an answer after which a connection is given up (9)",
    "tcp_rto_min_us": "the shortest retransmission time-out in microseconds (200000)",
    "tcp_rto_max_ms": "the longest retransmission time-out in milliseconds (120000)",
    "tcp_timestamps": "whether segments carry timestamps, by which old ones are known (1)",
    "tcp_sack": "whether ranges that have come are acknowledged one by one (1)",
    "tcp_dsack": "whether it is told which segments have come twice (1)",
    "tcp_comp_sack_nr": "SACKs that may be put off together (44)",
    "tcp_ecn": "whether congestion is told by marks instead of loss (2: if the other end asks)",
    "tcp_stdurg": "whether the urgent pointer is read as RFC 793 has it (0)",
    "tcp_window_scaling": "whether windows may be larger than 64 KB (1)",
    "tcp_mtu_probing": "whether TCP finds by itself what size of segments gets through (0)",
    "tcp_early_retrans": "whether a lost last segment is repeated early: tail loss probe (3)",
    "tcp_fastopen": "whether SYNs may carry data: TCP Fast Open (1: as a client)",
    "tcp_mem": "pages that all of TCP may take: little, pressure, most (by memory)",
    "tcp_rmem": "bytes of a receive buffer: least, default, most (4096 131072 by memory)",
    "tcp_wmem": "bytes of a send buffer: least, default, most (4096 16384 by memory)",
    "tcp_shrink_window": "whether a window that was offered may be taken back (0)",
    "tcp_challenge_ack_limit": "challenge ACKs that may be sent in a second (no limit to speak of)",
    "tcp_congestion_control": "how the rate is chosen (cubic)",
    "tcp_invalid_ratelimit": "milliseconds between two answers to segments that do not fit (500)",
    "net.netfilter.nf_conntrack_tcp_be_liberal": "only RSTs out of the window are INVALID (0)",
    "net.netfilter.nf_conntrack_max": "connections that tracking has room for (by memory)",
    "net.netfilter.nf_conntrack_tcp_timeout_established": "seconds of silence after which tracking "
    "forgets an open connection (432000: 5 days)",
    "net.netfilter.nf_conntrack_tcp_loose": "whether tracking takes up connections that it has "
    "not seen open (1)",
    "ip_local_reserved_ports": "ports that connect() does not choose by itself (none)",
    "tcp_slow_start_after_idle": "whether the rate begins anew after a silence (1)",
    "tcp_moderate_rcvbuf": "whether receive buffers grow as they are needed (1)",
    "tcp_notsent_lowat": "bytes not sent yet with which a socket is not writable (no limit)",
    "tcp_reordering": "segments out of order before a loss is believed, to begin with (3)",
    "tcp_frto": "whether it is found out that a time-out was needless (2)",
    "net.core.rmem_max": "bytes that SO_RCVBUF may ask for at most (by kernel)",
    "net.core.wmem_max": "bytes that SO_SNDBUF may ask for at most (by kernel)",
    "net.core.netdev_max_backlog": "packets that may wait for one core (1000)",
}
