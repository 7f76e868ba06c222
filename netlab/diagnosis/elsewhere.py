# SPDX-License-Identifier: GPL-2.0-or-later
"""What an unknown other end may show, and which causes that would mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netlab.diagnosis import wording
from netlab.diagnosis.observed import Listener, ObservedEnd, ObservedHost
from netlab.diagnosis.rules import Fitting, Rules
from netlab.model.findings import OtherEnd
from netlab.model.tcp import State, Timer, why_unreachable
from netlab.snapshot.records import Socket

#: Causes whose points differ by no more than this cannot be told apart with both ends, and how many
#: are named beside the first.
SAME, MOST_ALSO = 1.0, 2
#: How often an imagined request has sent its SYN-ACK again: one that has just come is no sign.
OFTEN = 3
FULL, ROOM = Listener(2, 1, full=True), Listener(0, 1)


def of(own: ObservedEnd, rules: Rules) -> tuple[OtherEnd, ...]:
    """What to find there, and what it would mean; nothing of a listener, which has no other end."""
    if own.state is State.LISTEN or own.socket is None:
        return ()
    shown: dict[tuple[str, ...], list[str]] = {}
    for words, end in _answers(own) if own.state is State.SYN_SENT else _states(own):
        if fitting := rules.judge(own, end):
            shown.setdefault(_alike(fitting, own), []).append(words)
    return tuple(
        OtherEnd(
            wording.alternatives(words), causes, tuple(rules.causes[name].title for name in causes)
        )
        for causes, words in shown.items()
    )


def _alike(fitting: Fitting, own: ObservedEnd) -> tuple[str, ...]:
    """The first cause; of a SYN, whose answers differ least, also those as likely."""
    most = 1 + MOST_ALSO if own.state is State.SYN_SENT else 1
    near = [each.cause.id for each in fitting if each.points >= fitting[0].points - SAME]
    return tuple(near[:most])


def _states(own: ObservedEnd) -> Iterator[tuple[str, ObservedEnd]]:
    for state in State:
        if why_unreachable(own.state, state) is None:
            yield str(state), _request(own) if state is State.SYN_RECV else _end(state)


def _answers(own: ObservedEnd) -> Iterator[tuple[str, ObservedEnd]]:
    """What may be where a SYN goes to. Its listener is a row of its own, full or not."""
    assert own.socket is not None
    port = own.socket.remote[1]
    yield "SYN_RECV", _request(own)
    full, room = (ObservedHost(listeners={port: listener}) for listener in (FULL, ROOM))
    yield "LISTEN with Recv-Q above Send-Q", _end(State.LISTEN, full)
    yield "only LISTEN, with room", _end(State.LISTEN, room)
    yield "not even LISTEN", _end(State.CLOSED)
    yield "an older connection", _end(State.ESTABLISHED)


def _end(state: State, host: ObservedHost | None = None) -> ObservedEnd:
    return ObservedEnd(state, host or ObservedHost())


def _request(own: ObservedEnd) -> ObservedEnd:
    """A request that has answered the SYN of this end again and again."""
    assert own.socket is not None
    socket = Socket(State.SYN_RECV, own.socket.remote, own.socket.local, 0, 0, Timer.RETRANSMIT)
    end = _end(State.SYN_RECV)
    end.socket = replace(socket, retransmits=OFTEN, inode=0)
    return end
