# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that stand as values in a scenario, and in what netlab and ss say: segments, errors,
options of sockets, columns, timers and figures.
"""

from __future__ import annotations

import errno
import functools
import os
import re
from collections.abc import Iterator

from netlab.glossary import causes
from netlab.glossary.entry import Fact, GlossaryEntry, entry, some
from netlab.glossary.language import scenarios
from netlab.scenario import writer
from netlab.scenario.model import Do

SEGMENTS = {
    "SYN": "asks for a connection",
    "SYN|ACK": "answers a SYN, and asks in turn",
    "ACK": "acknowledges, and carries no data",
    "DATA": "carries data",
    "FIN": "its sender has no more to send",
    "FIN|ACK": "a FIN that acknowledges, as each of Linux's does",
    "RST": "there is no such connection, or no longer one: whoever gets it has none either",
    "RST|ACK": "nobody listens: the answer to a SYN that is refused",
    "ANY": "every segment",
}
OPTIONS = {
    "SO_KEEPALIVE": "1: probes are sent while a connection is silent (tcp_keepalive_time)",
    "SO_RCVBUF": "bytes of the receive buffer (tcp_rmem)",
    "SO_REUSEADDR": "1: bind() may take a port whose connections are in TIME_WAIT",
    "SO_SNDBUF": "bytes of the send buffer (tcp_wmem)",
    "TCP_CORK": "1: only full segments are sent",
    "TCP_DEFER_ACCEPT": "seconds that a listener waits for the first data of a connection",
    "TCP_KEEPCNT": "probes without an answer that end a connection (tcp_keepalive_probes)",
    "TCP_KEEPIDLE": "seconds of silence before the first probe (tcp_keepalive_time)",
    "TCP_KEEPINTVL": "seconds from probe to probe (tcp_keepalive_intvl)",
    "TCP_LINGER2": "seconds that FIN_WAIT2 lasts once no program has it (tcp_fin_timeout)",
    "TCP_MAXSEG": "bytes of data that a segment may carry",
    "TCP_NODELAY": "1: a small segment does not wait for the ACK of the last one",
    "TCP_QUICKACK": "1: ACKs are not put off",
    "TCP_SYNCNT": "how often connect() repeats a SYN (tcp_syn_retries)",
    "TCP_USER_TIMEOUT": "milliseconds after which data that nobody acknowledges end a connection",
}
#: The columns and the timers that ss prints, and what a scenario calls those.
LISTED = {
    "Recv-Q": "bytes that the application has not read; of a listener, connections that wait for "
    "accept()",
    "Send-Q": "bytes that are not sent or not acknowledged; of a listener, its backlog",
    "on": "what was sent waits for its ACK, and is sent again when it fires",
    "retransmit": "what was sent waits for its ACK, and is sent again when it fires (ss: on)",
    "persist": "nothing is under way: the other end has no room, or this machine refused to send",
    "probe": "nothing is under way: the other end has no room, or this machine refused to send "
    "(ss: persist)",
    "keepalive": "the other end is asked whether it is there when this timer fires",
    "timewait": "the connection is forgotten when this timer fires",
}
#: Why Linux discards what has come, as ladders and tracepoints name it (enum skb_drop_reason).
DROPS = {
    "NETFILTER_DROP": "a rule of a firewall on this host",
    "NO_SOCKET": "nobody listens at the port, and there is no such connection",
    "SOCKET_BACKLOG": "its program had the socket for too long, and no room was left for what came",
    "SOCKET_RCVBUFF": "the receive buffer is full",
    "TCP_ABORT_ON_DATA": "data for a connection that is closed, which is reset",
    "TCP_ACK_UNSENT_DATA": "it acknowledges what was not sent yet",
    "TCP_CLOSE": "its connection is in CLOSED",
    "TCP_CSUM": "its checksum is wrong",
    "TCP_FLAGS": "its flags do not fit the state: data without ACK, or a SYN in a connection",
    "TCP_INVALID_ACK_SEQUENCE": "it acknowledges what was never sent",
    "TCP_INVALID_END_SEQUENCE": "it ends beyond the window",
    "TCP_INVALID_SEQUENCE": "it lies outside the window",
    "TCP_INVALID_SYN": "a SYN in a connection, which is challenged",
    "TCP_LISTEN_OVERFLOW": "the accept queue is full",
    "TCP_OFOMERGE": "it is there already, beyond a gap",
    "TCP_OLD_ACK": "it acknowledges what was acknowledged before",
    "TCP_OLD_DATA": "all of it came before: its ACK was lost, or is late",
    "TCP_OLD_SEQUENCE": "it lies before the window: it came before",
    "TCP_OVERWINDOW": "it lies beyond the window",
    "TCP_RESET": "a RST has ended the connection",
    "TCP_RFC7323_PAWS": "its timestamp is older than the last one's: it is of long ago",
    "TCP_RFC7323_PAWS_ACK": "an ACK whose timestamp is older than the last one's, which is normal",
    "TCP_RFC7323_TSECR": "it answers a timestamp that was never sent",
    "TCP_RFC7323_TW_PAWS": "a SYN for a port in TIME_WAIT, with an older timestamp",
    "TCP_TOO_OLD_ACK": "it acknowledges what was acknowledged long ago",
    "TCP_ZEROWINDOW": "the window is closed: there is no room for its data",
}
#: The figures of ``ss -i``, of each end by itself.
FIGURES = {
    "backoff": "how often the time-out has been doubled",
    "rto": "milliseconds after which what is not acknowledged is sent again",
    "ato": "milliseconds that an ACK may be put off",
    "mss": "bytes of data that a segment to the other end may carry",
    "rcvmss": "bytes of data that the segments from the other end carry, by their sizes so far",
    "unacked": "segments that are sent and not acknowledged",
    "sacked": "segments beyond a gap that are acknowledged one by one (SACK)",
    "lost": "segments that it takes for lost",
    "retrans": "segments sent again that are not acknowledged; after a slash, all that ever were",
    "lastsnd": "milliseconds since data were sent",
    "lastrcv": "milliseconds since data came",
    "lastack": "milliseconds since an ACK came",
    "pmtu": "bytes of the largest packet that the path carries, as far as it knows",
    "ssthresh": "segments up to which the congestion window grows fast",
    "cwnd": "segments that may be under way at the same time: the congestion window",
    "advmss": "bytes of data that this end has told the other that a segment may carry",
    "retrans_total": "segments that were ever sent again",
    "bytes_acked": "bytes that the other end has acknowledged; a SYN counts as one",
    "bytes_received": "bytes that came and were acknowledged",
    "segs_out": "segments sent",
    "segs_in": "segments that came",
    "notsent": "bytes that were never sent",
    "data_segs_in": "segments with data that came",
    "data_segs_out": "segments with data that were sent",
    "busy": "milliseconds in which it had something to send or under way",
    "rwnd_limited": "milliseconds in which it had to wait for room at the other end",
    "delivered": "segments that have arrived, by the ACKs of them",
    "bytes_sent": "bytes sent, those that were sent again included",
    "bytes_retrans": "bytes that were sent again",
    "dsack_dups": "segments of which the other end has said that they came twice",
    "snd_wnd": "bytes that the other end has room for",
    "rcv_wnd": "bytes that this end has offered room for",
    "ts": "1: segments have timestamps, as both ends agreed",
    "sack": "1: what lies beyond a gap is acknowledged one by one, as both ends agreed",
    "wscale": "1: windows may be larger than 64 KB, as both ends agreed",
    "ecn": "1: congestion may be told by marks, as both ends agreed",
    "snd_wscale": "what the other end's windows are multiplied by, as a power of two",
    "rcv_wscale": "what this end's windows are multiplied by, as a power of two",
    "reordering": "segments out of order before one is taken for lost",
}


def names() -> list[str]:
    """Those that netlab itself uses; any other error of errno(3) is explained, too."""
    return [*SEGMENTS, *OPTIONS, *LISTED, *FIGURES, *DROPS, *errors()]


def errors() -> list[str]:
    """The errors that scenarios expect, and those that causes speak of."""
    spoken = [name for name in errno.errorcode.values() if causes.that_mention(name)]
    return sorted({*_expected(), *spoken})


def of(text: str) -> Iterator[GlossaryEntry]:
    """What a value means; an error also by its words, as a program prints them."""
    low, letters = text.casefold(), re.sub(r"[^a-z]", "", text.casefold())
    for name, says in SEGMENTS.items():
        if letters == name.casefold().replace("|", ""):
            yield _value(name, says, "a segment, as drop, reject and forge name it",
                         *_shown("segment: ", name))  # fmt: skip
    if (name := text.upper()) in OPTIONS:
        spoken = some(causes.that_mention(name))
        yield _value(name, OPTIONS[name], "an option of a socket: the action option",
                     ("causes", spoken), *_shown("option: ", name))  # fmt: skip
    for name, says in LISTED.items():
        if low == name.casefold():
            column = name[0].isupper()
            yield _value(
                name, says, "a column of ss and netstat" if column else "a timer, in ss -o"
            )
    if (reason := text.upper()) in DROPS:
        yield _value(reason, DROPS[reason], "why a segment is discarded, as ladders have it")
    if low in FIGURES:
        yield _value(low, FIGURES[low], "a figure of ss -i; in a scenario, info below expect")
    if error := _errors().get(low):
        yield _value(error, os.strerror(getattr(errno, error)),
                     "an error of a call: fails, beside an action",
                     ("causes", some(causes.that_mention(error))),
                     ("scenarios", some(_expected().get(error, []))))  # fmt: skip


def _value(name: str, says: str, where: str, *facts: Fact) -> GlossaryEntry:
    return entry("word", name, says, ("where", where), *facts)


@functools.cache
def _errors() -> dict[str, str]:
    """Every error of errno(3) by its name and by its words, in small letters."""
    return {
        text.casefold(): name
        for number, name in errno.errorcode.items()
        for text in (name, os.strerror(number))
    }


@functools.cache
def _expected() -> dict[str, list[str]]:
    """The errors that calls of scenarios end with, and which scenarios those are."""
    found: dict[str, list[str]] = {}
    for scenario in scenarios():
        done = [step for step in scenario.steps if isinstance(step, Do)]
        for name in dict.fromkeys(name for step in done for name in step.fails.values()):
            found.setdefault(name, []).append(scenario.name)
    return found


def _shown(before: str, name: str) -> Iterator[tuple[str, str]]:
    """The shortest step that has it."""
    lines = [writer.line(step) for scenario in scenarios() for step in scenario.steps]
    fitting = [line for line in lines if f"{before}{name}" in line or f"{{{name}:" in line]
    if fitting:
        yield "example", min(fitting, key=len)
