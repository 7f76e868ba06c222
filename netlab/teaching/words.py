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
from netlab.scenario.model import AnyStep, Do, FaultStep, HopOrder, Reach, Remove
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
        unacknowledged = f"Send-Q {row.tx_queue}: not acknowledged yet"
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
                f"Timer: persist. Sending was refused inside this machine, so nothing is in "
                f"flight; in {left} Linux tries again ({row.probes} probes so far)."
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

#: States that end whether or not a program owns the socket.
ALWAYS_ENDS = frozenset({State.SYN_SENT, State.SYN_RECV, State.TIME_WAIT})

#: The meanings of the counters that scenarios use (nstat names).
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
}
