# SPDX-License-Identifier: GPL-2.0-or-later
"""Who holds what is stuck, and for how long it has been."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.diagnosis.facts.timing import stuck_for
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State
from netlab.snapshot.records import Socket

from .build import LISTENER, at_client, at_server, host, s

AGES = {"rto": 0.2, "lastsnd": 60.0, "lastrcv": 50.0, "lastack": 40.0}


@pytest.mark.parametrize(
    ("state", "more", "seconds"),
    [
        (s.CLOSE_WAIT, {"info": AGES}, 40.0),
        (s.ESTABLISHED, {"info": {**AGES, "busy": 7.0}, "tx_queue": 1}, 7.0),
        (s.ESTABLISHED, {"info": {**AGES, "busy": 7.0}}, 40.0),
        (s.ESTABLISHED, {"info": {**AGES, "busy": 700.0}, "tx_queue": 1}, 40.0),
        (s.SYN_SENT, {"info": AGES}, None),  # since the machine was started
        (s.CLOSE_WAIT, {}, None),
    ],
)
def test_for_how_long(state: State, more: dict[str, Any], seconds: float | None) -> None:
    assert stuck_for(ObservedEnd(state, ObservedHost(), at_server(state, **more))) == seconds
    assert stuck_for(ObservedEnd(State.CLOSED, ObservedHost())) is None


def leaked(client: int, owner: str = "", heard: float = 40.0) -> Socket:
    info = {**AGES, "lastack": heard}
    return Socket(s.CLOSE_WAIT, ("10.0.0.2", 443), ("10.0.0.1", client), 0, 0, inode=client,
                  owner=owner, info=info)  # fmt: skip


def test_the_oldest_of_a_leak_says_since_when() -> None:
    (found,) = diagnose([host(LISTENER, leaked(1000), leaked(1001, heard=45.0))]).findings
    assert found.oldest == 45.0


def test_the_program_is_that_of_the_end_which_the_cause_is_about() -> None:
    def users(name: str) -> str:
        return f'users:(("{name}",pid=7,fd=3))'

    server = at_server(s.CLOSE_WAIT, owner=users("app"), info=AGES)
    client = at_client(s.FIN_WAIT2, owner=users("curl"), info=AGES)
    (found,) = diagnose([host(server, LISTENER), host(client)]).findings
    assert (found.cause, found.programs) == ("half-closed", ("curl",))
    assert {*found.owners} == {"app (pid 7)", "curl (pid 7)"}
    (found,) = diagnose([host(server, LISTENER)]).findings
    assert (found.cause, found.programs) == ("not-closed", ("app",))


def test_whoever_asks_may_say_who_holds_what_is_stuck_and_is_asked_for_nothing_else() -> None:
    asked = []

    def holders(socket: Socket) -> tuple[tuple[str, str], ...]:
        asked.append(socket.inode)
        return (("app", "812"),)

    idle = Socket(s.ESTABLISHED, ("10.0.0.2", 443), ("10.0.0.1", 7), 0, 0, inode=7)
    (found,) = diagnose([host(LISTENER, idle, leaked(1000))], holders=holders).findings
    assert (found.programs, found.owners, asked) == (("app",), ("app (pid 812)",), [1000])
