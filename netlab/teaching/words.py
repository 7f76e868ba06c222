# SPDX-License-Identifier: GPL-2.0-or-later
"""What a step does, what a row says and what a counter counts, in words for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlab.observe.proc import Row
from netlab.scenario.model import Do, Drop, Hold, Lift, Reach, Step
from netlab.tcp import ACK, ANY, DATA, State, Timer
from netlab.testbed.watch import PORT
from netlab.testbed.words import Hook

DONE = {
    "accept": "The {side}'s application takes the connection out of the queue: accept().",
    "read": "The {side}'s application reads what has come.",
    "drain": "The {side}'s application reads everything, up to the FIN.",
    "shutdown": "The {side} shuts its sending half: its FIN goes out, but it can still receive.",
    "close": "The {side}'s application calls close().",
    "abort": "The {side}'s application dies and its connection is aborted: a RST, and no FIN.",
    "vanish": "The {side} loses its power: it is gone without a packet.",
    "unlisten": "The {side} closes its listener.",
    "add_address": "The {side} gets a second internet address.",
}


NAMES = {ACK: "ACK without data", DATA: "segment with data", ANY: "segment"}


def telling(step: Step) -> str:
    """What a step does, before it is done."""
    match step:
        case Do():
            return _act(step)
        case Drop():
            return _drop(step)
        case Hold(sides=sides):
            who = " and ".join(f"the {side}" for side in sides)
            send = "sends" if len(sides) == 1 else "send"
            return f"What {who} {send} from now on waits on its side of the wire. It is not lost."
        case Lift(holds=True):
            return "What has waited on the wire is let go, all at once."
        case Lift(name=None):
            return "Every rule is taken away."
        case Lift(name=name):
            return f"The rule {name} is taken away: what it dropped may pass from now on."
        case Reach(claim=claim):
            return f"netlab waits until both ends are there: {claim}."
    raise AssertionError(f"{step.text} has no words")


def _act(step: Do) -> str:
    given: dict[str, Any] = dict(step.arguments)
    side, port = step.side, given.get("port", PORT)
    match step.action:
        case "listen":
            return f"The {side} listens on port {port}{_listening(given)}: anybody may connect."
        case "connect":
            source = f" from its own port {given['source_port']}" if "source_port" in given else ""
            source += " from its second address" if given.get("added") else ""
            name = f", a connection called {given['name']!r}" if given.get("name") else ""
            reuse = ", with SO_REUSEADDR" if given.get("reuse") else ""
            return f"The {side} calls connect() to port {port}{source}{reuse}{name}."
        case "send":
            what = repr(given["text"]) if "text" in given else f"{given['count']} bytes"
            return f"The {side} sends {what}."
        case "sysctl" | "sysctl_if_there" | "option":
            values = ", ".join(f"{name} = {value}" for name, value in given.items())
            return f"On the {side} this is set: {values}."
        case "run":
            return f"On the {side} a program starts: {' '.join(given['command'])}."
        case "udp":
            return f"The {side} sends a datagram by UDP to port {port}."
        case "probe":
            return f"The {side} forges one SYN to port {port}, as nmap does: no socket sent it."
        case "flood":
            return (
                f"The {side} forges {given['count']} SYNs to port {port}, from addresses where "
                "nobody is."
            )
    return DONE.get(step.action, f"At the {side}: {step.text}.").format(side=side)


def _listening(given: dict[str, Any]) -> str:
    backlog = f", with a backlog of {given['backlog']}" if "backlog" in given else ""
    defer = ", and waits for data (TCP_DEFER_ACCEPT)" if given.get("defer") else ""
    return backlog + defer + (", with SO_REUSEADDR" if given.get("reuse") else "")


def _drop(step: Drop) -> str:
    what = " and every ".join(NAMES.get(each, str(each)) for each in step.segments)
    what = what or "packet that its rule matches"
    if step.reject:
        return (
            f"A firewall rule at the {step.side}'s {step.hook} refuses every {what} and answers "
            f"with {step.reject}. It is not silent as a drop is."
        )
    if step.covers_fin:
        receiver = step.side if step.hook in (Hook.INPUT, Hook.PREROUTING) else step.side.peer
        what += f" that acknowledges the {receiver}'s FIN"
    which = f" after the first {step.after}" if step.after else ""
    if step.hook in (Hook.INPUT, Hook.PREROUTING):
        how = "as if the wire had lost it. Nobody is told"
    else:
        how = "before it leaves the machine. The sender's own stack is told"
    return f"From now on every {what}{which} is dropped at the {step.side}'s {step.hook}, {how}."


# --- a row


def explained(row: Row | None) -> Iterator[str]:
    """What the columns of one end's row say."""
    if row is None:
        yield "It is not listed: there is no connection at this end."
        return
    if row.state is State.LISTEN:
        yield "There is only the listener. It has no timer: it waits for ever."
        if row.rx_queue:
            yield f"Recv-Q {row.rx_queue}: connections that nobody has accepted yet."
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
        return "Inode 0: no program owns it: nobody has accepted it yet."
    return "Inode 0: no program owns it. The application has closed, the kernel finishes alone."


#: Seconds that Linux keeps a state in which nothing comes any more.
LIVES = {
    State.SYN_SENT: "about 131 s (127 s on kernels before 6.5)",
    State.SYN_RECV: "about 63 s after the client's last SYN",
    State.FIN_WAIT1: "about 107 s once its program is gone",
    State.LAST_ACK: "about 107 s once its program is gone",
    State.CLOSING: "about 107 s once its program is gone",
    State.FIN_WAIT2: "60 s once its program is gone",
    State.TIME_WAIT: "60 s",
}

#: Those that end whether a program owns the socket or not.
ALWAYS_ENDS = frozenset({State.SYN_SENT, State.SYN_RECV, State.TIME_WAIT})

#: What the counters that scenarios ask for count (nstat names).
COUNTERS = {
    "TCPSynRetrans": "SYNs and SYN-ACKs sent again",
    "TCPTimeouts": "times the retransmission timer fired",
    "TCPRetransFail": "retransmissions that its own machine refused to send",
    "TCPLostRetransmit": "retransmissions that were lost in turn",
    "TCPSYNChallenge": "repeated SYN-ACKs that it answered with another ACK",
    "TCPDSACKOldSent": "times it said: I have this already",
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
