# SPDX-License-Identifier: GPL-2.0-or-later
"""States as people type them: in any case, with any dashes, abbreviated, or by Linux's number."""

from __future__ import annotations

import re

from netlab.model.tcp import State

#: Names that other systems, books and people use.
ALIASES = {
    "SYNRCVD": State.SYN_RECV,
    "SYNRECEIVED": State.SYN_RECV,
    "LISTENING": State.LISTEN,
    "NONE": State.CLOSED,
    "GONE": State.CLOSED,
}

#: In the order of a connection's life.
MEANINGS = {
    State.CLOSED: "there is no connection, or no longer one",
    State.LISTEN: "only a listener: it waits for a SYN from any client",
    State.SYN_SENT: "has sent a SYN and waits for the other end's",
    State.SYN_RECV: "has the other end's SYN, and waits for the ACK of its own",
    State.ESTABLISHED: "the handshake is done, as this end sees it",
    State.FIN_WAIT1: "has closed first, and waits for the ACK of its FIN",
    State.FIN_WAIT2: "has closed, its FIN is acknowledged; waits for the other FIN",
    State.CLOSE_WAIT: "the other end has closed, the application here has not",
    State.LAST_ACK: "closed second, and waits for the ACK of its FIN",
    State.CLOSING: "both FINs have crossed, and its own is not acknowledged",
    State.TIME_WAIT: "all is done; stays for a time, in case the last ACK is lost",
}


def state(text: str) -> State:
    """The state that a person means. Raises ValueError, with suggestions, if it is not clear."""
    word = _bare(text)
    if text.strip().isdecimal():
        if int(text) in (numbers := [*map(int, State)]):
            return State(int(text))
        raise ValueError(f"{text.strip()} is not a state: Linux numbers them 1 to {max(numbers)}")
    names = {_bare(member.name): member for member in State} | ALIASES
    if word in names:
        return names[word]
    found = sorted({member for name, member in names.items() if word and name.startswith(word)})
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{text.strip()} could be {' or '.join(map(str, found))}")
    raise ValueError(f"{text.strip()} is not a state that I know; ? shows them all, q leaves")


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text).upper()
