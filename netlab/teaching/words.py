# SPDX-License-Identifier: GPL-2.0-or-later
"""What a step does, what a row says and what a counter counts, in words for a person.

What a file says may have braces and percent signs: it is put into sentences, and is never itself
a template.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from typing import Any

from netlab.model.tcp import ACK, ANY, DATA, State, Timer
from netlab.model.vocabulary import Hook
from netlab.observe.proc import Row
from netlab.scenario.model import Do, Drop, Hold, Lift, Reach, Step
from netlab.testbed.watch import PORT

Given = dict[str, Any]  # what a file says about an action

NAMES = {ACK: "ACK without data", DATA: "segment with data", ANY: "segment"}


def telling(step: Step) -> str:
    """What a step does, before it is done."""
    match step:
        case Do(action=action) if action in ACTS:
            return f"The {step.side}{_on(step)} {ACTS[action](dict(step.arguments))}"
        case Drop():
            return _drop(step)
        case Hold(sides=sides):
            who = " and ".join(f"the {side}" for side in sides)
            send = "sends" if len(sides) == 1 else "send"
            return f"What {who} {send} from now on waits on its side of the wire. It is not lost."
        case Lift(holds=True, name=None):
            return "What has waited on the wire is let go, all at once."
        case Lift(holds=True, name=name):
            return f"What the hold {name} keeps on the wire is let go, all at once."
        case Lift(name=None):
            return "Every rule is taken away."
        case Lift(name=name):
            return f"The rule {name} is taken away: what it dropped may pass from now on."
        case Reach(claim=claim, hold=hold):
            stay = f", and stay there for {hold:g} s" if hold else ""
            return f"netlab waits until both ends are there{stay}: {claim}."
    return f"This is done as the file says it: {step.text}."


def _on(step: Do) -> str:
    """Which connection it is about, where a file gives names to several."""
    return f", on its connection {step.of!r}," if step.of else ""


def _listen(given: Given) -> str:
    backlog = f", with a backlog of {given['backlog']}" if "backlog" in given else ""
    defer = ", and waits for data (TCP_DEFER_ACCEPT)" if given.get("defer") else ""
    reuse = ", with SO_REUSEADDR" if given.get("reuse") else ""
    port = given.get("port", PORT)
    return f"listens on port {port}{backlog}{defer}{reuse}: anybody may connect."


def _connect(given: Given) -> str:
    source = f" from its own port {given['source_port']}" if "source_port" in given else ""
    source += " from its second address" if given.get("added") else ""
    reuse = ", with SO_REUSEADDR" if given.get("reuse") else ""
    patience = f", and gives up after {given['timeout']:g} s" if given.get("timeout") else ""
    port = given.get("port", PORT)
    return f"calls connect() to port {port}{source}{reuse}{patience}{_called(given)}."


def _accept(given: Given) -> str:
    return f"takes a connection out of its listener's queue{_called(given)}: accept()."


def _called(given: Given) -> str:
    return f", a connection called {given['name']!r}" if given.get("name") else ""


def _data(given: Given) -> str:
    return repr(given["text"]) if "text" in given else f"{given['count']} bytes"


def _set(given: Given) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _signal(given: Given) -> str:
    number = given["number"]
    return f"sends its program the signal {signal.Signals(number).name} (kill -{number})."


def _udp(given: Given) -> str:
    text = f" with the text {given['text']!r}" if "text" in given else ""
    return f"sends a datagram{text} by UDP to port {given['port']}, and waits for an answer."


def _probe(given: Given) -> str:
    return f"forges one SYN to port {given.get('port', PORT)}, as nmap does: no socket sent it."


def _flood(given: Given) -> str:
    port = given.get("port", PORT)
    return f"forges {given['count']} SYNs to port {port}, from addresses where nobody is."


#: What follows "The client" or "The server", for every action of the language.
ACTS: dict[str, Callable[[Given], str]] = {
    "listen": _listen,
    "unlisten": lambda _: "closes its listener: nobody new can connect.",
    "connect": _connect,
    "accept": _accept,
    "send": lambda given: f"sends {_data(given)}.",
    "read": lambda given: f"reads what has come: {_data(given)}.",
    "drain": lambda _: "reads everything that comes, up to the other end's FIN.",
    "shutdown": lambda _: "shuts its sending half: its FIN goes out, but it can still receive.",
    "close": lambda _: "calls close(): its application is done with the connection.",
    "abort": lambda _: "aborts, as when its application dies: it sends a RST, and no FIN.",
    "vanish": lambda _: "loses its power: it is gone without a packet.",
    "option": lambda given: f"sets options of its socket: {_set(given)}.",
    "sysctl": lambda given: f"has this sysctl set: {_set(given)}.",
    "sysctl_if_there": lambda given: (
        f"has this sysctl set, where the kernel knows it: {_set(given)}."
    ),
    "run": lambda given: f"starts a program: {shlex.join(given['command'])}",
    "signal": _signal,
    "add_address": lambda _: "gets a second internet address.",
    "udp": _udp,
    "probe": _probe,
    "flood": _flood,
}


def _drop(step: Drop) -> str:
    what = " and every ".join(NAMES.get(each, str(each)) for each in step.segments)
    what = what or f"packet that matches {' or '.join(map(repr, step.nft))}"
    what += f" from or to port {step.port}" if step.port else ""
    only = ""
    if step.first:
        passes = "the next passes" if step.first == 1 else "the others pass"
        only = f" Only the first{f' {step.first}' if step.first > 1 else ''}, though: {passes}."
    if step.reject:
        return (
            f"A firewall rule at the {step.side}'s {step.hook} refuses every {what} and answers "
            f"with {step.reject}. It is not silent as a drop is.{only}"
        )
    if step.covers_fin:
        receiver = step.side if step.hook in (Hook.INPUT, Hook.PREROUTING) else step.side.peer
        what += f" that acknowledges the {receiver}'s FIN"
    which = f" after the first {step.after}" if step.after else ""
    if step.hook in (Hook.INPUT, Hook.PREROUTING):
        how = "as if the wire had lost it. Nobody is told"
    else:
        how = "before it leaves the machine. The sender's own stack is told"
    place = f"dropped at the {step.side}'s {step.hook}"
    return f"From now on every {what}{which} is {place}, {how}.{only}"


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
