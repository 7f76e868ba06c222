# SPDX-License-Identifier: GPL-2.0-or-later
"""What an expectation refuses: for each key that a scenario may expect, a file that the kernel
contradicts there fails with a sentence of its own, at its own line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.model.evidence import Evidence
from netlab.render.failure import failure
from netlab.render.style import Style
from netlab.scenario import loader, runner
from netlab.scenario.language import EXPECT
from netlab.scenario.model import Scenario
from netlab.scenario.shapes import Either, MapOf, Struct, Takes

#: On a busy machine each failure is played up to three times.
pytestmark = pytest.mark.timeout(600)

HEALS = """\
source: here
steps:
  - server: listen
  - drop: {segment: SYN|ACK, to: client, as: lost}
  - drop: {segment: RST, to: client, as: idle}
  - client: connect
  - client: {run: sh -c 'echo said it; exit 3'}
  - server: {run: sleep 1000}
expect:
  pair:
    client: SYN_SENT
    server: SYN_RECV
  within: 1s
  hold: 50ms
  dropped:
    lost: at least 1
    idle: none
  rows:
    client:
      timer: retransmit
      remaining: at most 1s
      retransmits: at most 9
      probes: none
      rx_queue: none
      inode: at least 1
    server:
      tx_queue: none
  sockets:
    client:
      SYN_SENT: 1
    server:
      LISTEN: 1
  counters:
    client:
      TcpActiveOpens: 1
      TcpOutRsts: none
    server:
      TcpInErrs: {tcp_nobody_has_this: 9, otherwise: none}
  path:
    client: SYN_SENT
    server: SYN_RECV
  heal:
    - remove: all
  healed:
    client: ESTABLISHED
    server: ESTABLISHED
    counters:
      client:
        TcpAttemptFails: none
      server:
        TcpPassiveOpens: {tcp_nobody_has_this: 9, otherwise: 1}
    program:
      exits: 3
      at: client
      takes: at most 10s
      within: 10s
      says: said it
"""
ENDS = """\
source: here
steps:
  - client: {sysctl: {tcp_fin_timeout: 2}}
  - server: listen
  - client: connect
  - server: accept
  - reach: {client: ESTABLISHED, server: ESTABLISHED, hold: 1500ms} # the clock is of the pair alone
  - client: {send: hello}
  - client: close
expect:
  pair: {client: FIN_WAIT2, server: CLOSE_WAIT}
  hold: 50ms
  cause: this is a test
  ends:
    client: CLOSED
    server: CLOSE_WAIT
    after: between 1s and 4s
    counters:
      client:
        TcpOutRsts: none
      server:
        TcpInSegs: {tcp_nobody_has_this: none, otherwise: at least 1}
    then:
      - server: {read: hello}
"""
LOSES = """\
source: here
steps:
  - server: listen
  - drop: {segment: RST, to: client}
  - client: connect
expect:
  cause: this is a test
  dropped: none
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  hold: 50ms
"""
#: One connection is stuck behind one lost SYN-ACK, and comes a second later; the other is well.
PASSES = """\
source: here
steps:
  - server: listen
  - client: {connect: {as: well}}
  - drop: {segment: SYN|ACK, to: client, first: 1, as: once}
  - client: {connect: {as: late}}
  - reach: {client: SYN_SENT, server: SYN_RECV, of: late}
  - remove: once
  - client: {connect: {port: 7777, as: nobody}}
    fails: ECONNREFUSED
  - server: accept
  - client: {send: hello}
    of: well
  - server: {read: hello}
expect:
  of: late
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  hold: 50ms
  dropped: 1
  path:
    client: [SYN_SENT, ESTABLISHED]
  cause: this is a test
"""
PATH = """\
source: here
path:
  - firewall
steps:
  - server: listen
  - client: connect
  - server: accept
  - reach: {client: ESTABLISHED, server: ESTABLISHED, within: 1s, tracked: {firewall: ESTABLISHED}}
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  hold: 50ms
  dropped: none
  info:
    client: {sack: 1}
    server: {cwnd: at least 1}
  reads:
    client: nothing
    server: nothing
  tracked:
    firewall: ESTABLISHED
  cause: this is a test
"""
RUNS = """\
source: here
steps:
  - server: listen
  - client: connect
  - server: accept
  - client: vanish
  - client: {run: sh -c 'echo said it; exit 3'}
  - server: {run: sleep 1000}
expect:
  pair: {client: CLOSED, server: ESTABLISHED}
  hold: 50ms
  sockets:
    client: none
  program:
    exits: 3
    at: client
    takes: at most 10s
    within: 10s
    says: said it
  cause: this is a test
"""


#: A pair of which one end retransmits is stuck once that was lost, too; and what drops nothing is
#: no cause: asked for where nothing is said.
UNSAID = {
    LOSES.replace("  dropped: none\n", ""): (
        "8: pair held, but the wrong number of packets was dropped (",
        ": expected at least 1 by drop-1; found 0",
    ),
    """\
source: here
steps:
  - server: listen
  - drop: {segment: SYN|ACK, to: client, first: 1}
  - client: connect
expect:
  cause: this is a test
  hold: 50ms
  pair: {client: SYN_SENT, server: SYN_RECV}
""": ("9: pair not held, left after ", ")"),
}


class Wrong(NamedTuple):
    """A line of a file, what stands there instead, and what the failure says of it."""

    text: str
    old: str
    new: str
    says: str
    at: str = ""  # the line that is named instead: of the pair, for what concerns its two ends


NOT_REACHED, NOT_HELD = "pair not reached", "pair not held, left after"
WRONG = (
    Wrong(HEALS, "pair:\n    client: SYN_SENT", "pair:\n    client: CLOSED", NOT_REACHED),
    Wrong(HEALS, "    server: SYN_RECV\n  within", "    server: LISTEN\n  within", NOT_REACHED),
    Wrong(HEALS, "pair:\n    client: SYN_SENT", "pair:\n    client: [SYN_SENT, ESTABLISHED]",
          "never seen alternating as SYN_SENT or ESTABLISHED/SYN_RECV"),
    Wrong(HEALS, "lost: at least 1", "lost: at least 99", "expected at least 99 by lost; found "),
    Wrong(HEALS, "lost: at least 1", "lost: none", "expected none by lost; found "),
    Wrong(HEALS, "idle: none", "idle: 1", "expected 1 by idle; found 0"),
    Wrong(HEALS, "timer: retransmit", "timer: keepalive",
          "client: expected timer keepalive; found retransmit"),
    Wrong(HEALS, "remaining: at most 1s", "remaining: at least 99s",
          "client: remaining: expected at least 99s; found "),
    Wrong(HEALS, "retransmits: at most 9", "retransmits: 7",
          "client: retransmits: expected 7; found "),
    Wrong(HEALS, "probes: none", "probes: 7", "client: probes: expected 7; found 0"),
    Wrong(HEALS, "rx_queue: none", "rx_queue: 7", "client: rx_queue: expected 7; found 0"),
    Wrong(HEALS, "inode: at least 1", "inode: none", "client: inode: expected none; found "),
    Wrong(HEALS, "tx_queue: none", "tx_queue: 7", "server: tx_queue: expected 7; found 0"),
    Wrong(HEALS, "SYN_SENT: 1", "SYN_SENT: 2", "client: sockets in SYN_SENT: expected 2; found 1"),
    Wrong(HEALS, "SYN_SENT: 1", "LAST_ACK: 1", "client: sockets in LAST_ACK: expected 1; found 0"),
    Wrong(HEALS, "LISTEN: 1", "LISTEN: 2", "server: sockets in LISTEN: expected 2; found 1"),
    Wrong(HEALS, "TcpActiveOpens: 1", "TcpActiveOpens: 2", "TcpActiveOpens: expected 2; found 1"),
    Wrong(HEALS, "TcpOutRsts: none", "TcpOutRsts: 7", "client: TcpOutRsts: expected 7; found 0"),
    Wrong(HEALS, "otherwise: none", "otherwise: 7", "server: TcpInErrs: expected 7; found 0"),
    Wrong(HEALS, "TcpOutRsts: none", "TcpBanana: 7", "this kernel has no counter TcpBanana"),
    Wrong(HEALS, "client: SYN_SENT\n    server: SYN_RECV\n  heal:",
          "client: LAST_ACK\n    server: SYN_RECV\n  heal:",
          "client: expected to see LAST_ACK, in order; saw SYN_SENT"),
    Wrong(HEALS, "server: SYN_RECV\n  heal:", "server: LAST_ACK\n  heal:",
          "server: expected to see LAST_ACK, in order; saw "),
    Wrong(HEALS, "- remove: all", "- client: {sysctl: {tcp_banana: 1}}", "no sysctl"),
    Wrong(HEALS, "- remove: all", "- remove: idle", NOT_REACHED, at="  healed:"),
    Wrong(HEALS, "client: ESTABLISHED", "client: FIN_WAIT1", NOT_REACHED),
    Wrong(HEALS, "server: ESTABLISHED", "server: FIN_WAIT1", NOT_REACHED),
    Wrong(HEALS, "TcpAttemptFails: none", "TcpAttemptFails: 7",
          "client: TcpAttemptFails: expected 7; found 0"),
    Wrong(HEALS, "otherwise: 1", "otherwise: 7", "server: TcpPassiveOpens: expected 7; found 1"),
    Wrong(ENDS, "hold: 50ms", "hold: 6s", NOT_HELD, at="  pair: {"),
    Wrong(ENDS, "client: CLOSED", "client: FIN_WAIT1", NOT_REACHED),
    Wrong(ENDS, "server: CLOSE_WAIT\n    after", "server: FIN_WAIT1\n    after", NOT_REACHED),
    Wrong(ENDS, "after: between 1s and 4s", "after: at most 10ms", "s; expected at most 10ms"),
    Wrong(ENDS, "after: between 1s and 4s", "after: at least 9s", "s; expected at least 9s"),
    Wrong(ENDS, "after: between 1s and 4s", "after: {tcp_nobody_has_this: 2s, otherwise: 9s}",
          "s; expected 9s"),
    Wrong(ENDS, "TcpOutRsts: none", "TcpOutRsts: 7", "client: TcpOutRsts: expected 7; found 0"),
    Wrong(ENDS, "otherwise: at least 1", "otherwise: at least 99",
          "server: TcpInSegs: expected at least 99; found "),
    Wrong(ENDS, "read: hello", "read: other", "expected to read b'other'; found b'hello'"),
    Wrong(LOSES, "dropped: none", "dropped: at least 1", "expected at least 1; found 0"),
    Wrong(PASSES, "of: late\n  pair", "of: well\n  pair",
          "client: expected to see SYN_SENT, ESTABLISHED, in order; saw ", at="    client: [SYN"),
    Wrong(PASSES, "hold: 50ms", "within: 100ms", NOT_REACHED, at="  pair: {"),
    Wrong(PASSES, "[SYN_SENT, ESTABLISHED]", "[ESTABLISHED, SYN_SENT]",
          "client: expected to see ESTABLISHED, SYN_SENT, in order; saw SYN_SENT, ESTABLISHED"),
    Wrong(HEALS, "exits: 3", "exits: 4",
          "the program's end: expected exit code 4; found exit code 3"),
    Wrong(HEALS, "at: client\n      takes", "at: server\n      takes",
          "the program has not ended within 10 s", at="      within:"),
    Wrong(HEALS, "takes: at most 10s", "takes: at least 99s", " s; expected at least 99s"),
    Wrong(HEALS, "within: 10s", "within: 1ms", "the program has not ended within 0.001 s"),
    Wrong(HEALS, "says: said it", "says: nothing", "the program did not say 'nothing'"),
    Wrong(RUNS, "client: none", "server: none",
          "server: sockets in ESTABLISHED: expected none; found 1"),
    Wrong(RUNS, "exits: 3", "exits: never", "(exit code 3); expected that it does not"),
    Wrong(RUNS, "exits: 3", "exits: 4",
          "the program's end: expected exit code 4; found exit code 3"),
    Wrong(RUNS, "at: client", "at: server", "the program has not ended within 10 s",
          at="    within:"),
    Wrong(RUNS, "takes: at most 10s", "takes: at least 99s", " s; expected at least 99s"),
    Wrong(RUNS, "within: 10s", "within: 1ms", "the program has not ended within 0.001 s"),
    Wrong(RUNS, "says: said it", "says: nothing", "the program did not say 'nothing'"),
    Wrong(PATH, "    firewall: ESTABLISHED", "    firewall: TIME_WAIT",
          "firewall: expected TIME_WAIT in its table; found ESTABLISHED"),
    Wrong(PATH, "sack: 1", "sack: none", "client: sack: expected none; found 1"),
    Wrong(PATH, "cwnd: at least 1", "cwnd: none", "server: cwnd: expected none; found "),
    Wrong(PATH, "client: nothing", "client: EOF",
          "the client's application: expected to read EOF; found nothing"),
    Wrong(PATH, "server: nothing", "server: [5 bytes, EOF]",
          "the server's application: expected to read 5 bytes, EOF; found nothing"),
    # and what steps refuse
    Wrong(PATH, "tracked: {firewall: ESTABLISHED}", "tracked: {firewall: nothing}",
          "firewall: expected nothing in its table; found ESTABLISHED"),
    Wrong(PASSES, "reach: {client: SYN_SENT, server: SYN_RECV", "reach: {within: 100ms, "
          "client: CLOSED, server: SYN_RECV", NOT_REACHED),
    Wrong(PASSES, "fails: ECONNREFUSED", "fails: ETIMEDOUT",
          "expected ETIMEDOUT; found ECONNREFUSED", at="  - client: {connect: {port"),
    Wrong(PASSES, "read: hello", "read: other", "expected to read b'other'; found b'hello'"),
)  # fmt: skip
RIGHT = (HEALS, ENDS, LOSES, PASSES, PATH, RUNS)
#: Keys that claim nothing that a kernel could contradict.
NO_CLAIMS = {"cause"}


def _changed(wrong: Wrong) -> str:
    return wrong.text.replace(wrong.old, wrong.new)


def _line(wrong: Wrong) -> int:
    """The number of the line that is wrong."""
    lines = zip(wrong.text.splitlines(), _changed(wrong).splitlines(), strict=True)
    [line] = [number for number, (old, new) in enumerate(lines, 1) if old != new]
    return line


def _named(wrong: Wrong) -> int:
    """The number of the line that the failure names."""
    if not wrong.at:
        return _line(wrong)
    lines = enumerate(_changed(wrong).splitlines(), 1)
    [line] = [number for number, text in lines if text.startswith(wrong.at)]
    return line


# --- is the table whole?


def _keys(takes: Takes, around: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that claims something, however deep; * for names, ends for client and server."""
    match takes:
        case Struct():
            for word, field in takes.fields.items():
                yield from _keys(field.takes, (*around, _general(word)))
        case MapOf():
            yield from _keys(takes.value, (*around, "*"))
        case Either():
            yield from _keys(takes.scalar, around)
            yield from _keys(takes.mapping, around)
        case _:
            yield around


def _general(word: str) -> str:
    return "an end" if word in ("client", "server") else word


def _place(wrong: Wrong) -> tuple[str, ...]:
    """The key whose value stands in the wrong line, in the words of `_keys`."""
    lines = loader.parse(_changed(wrong), Path("mine.yaml")).expect.lines
    before = [(line, len(words), words) for words, line in lines.items() if line <= _line(wrong)]
    place: list[str] = []
    takes: Takes = EXPECT
    for word in max(before)[2] if before else ():
        while isinstance(takes, Either):
            takes = takes.mapping
        if isinstance(takes, Struct):
            place.append(_general(word))
            takes = takes.fields[word].takes
        elif isinstance(takes, MapOf):
            place.append("*")
            takes = takes.value
    return tuple(place)


def test_every_key_of_the_language_is_refused_somewhere() -> None:
    refused = {_place(wrong) for wrong in WRONG}
    keys = {key for key in _keys(EXPECT) if key[0] not in NO_CLAIMS}
    assert keys <= refused, f"these are in no line of WRONG: {sorted(keys - refused)}"


# --- all of it, played


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> dict[str, Evidence]:
    """What came of the files as they are, and of the wrong ones that a test asks for, by their
    texts; all are played side by side.
    """
    asked = {
        wrong
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        if isinstance(wrong := item.callspec.params.get("wrong"), Wrong)
    }
    texts = [*RIGHT, *UNSAID, *(_changed(wrong) for wrong in WRONG if wrong in asked)]
    played = [loader.parse(text, Path("mine.yaml")).variants()[-1] for text in texts]
    return {texts[number]: run for number, run in runner.play_all(played)}


def answered(scenario: Scenario) -> Evidence:
    """What came of it; played anew where this machine was too busy for an answer."""
    for _ in range(3):
        run = runner.play(scenario)
        if "this machine was too busy" not in run.reason:
            break
    return run


def test_as_they_stand_the_files_are_right(runs: dict[str, Evidence]) -> None:
    assert [runs[text].failure for text in RIGHT] == [None] * len(RIGHT)
    assert {runs[text].outcome for text in RIGHT} == {"pass"}


@pytest.mark.parametrize("text", UNSAID, ids=["no drop", "no second drop"])
def test_what_is_asked_for_without_being_said_is_reported_at_the_pair(
    runs: dict[str, Evidence], text: str
) -> None:
    begins, ends = UNSAID[text]
    shown = failure(runs[text], Style(False)).splitlines()[0]
    assert shown.startswith(f"mine.yaml:{begins}")
    assert shown.endswith(ends)


def _id(wrong: Wrong) -> str:
    return re.sub(r"\W+", "-", wrong.new.splitlines()[0]).strip("-")


@pytest.mark.parametrize("wrong", WRONG, ids=_id)
def test_what_is_wrong_is_reported_at_its_own_line(runs: dict[str, Evidence], wrong: Wrong) -> None:
    assert wrong.text.count(wrong.old) == 1
    shown = failure(runs[_changed(wrong)], Style(False))
    where = f"mine.yaml:{_named(wrong)}: "
    assert where in shown.splitlines()[0], shown
    assert shown.startswith((where, "mine: " + where, "mine-to-the-end: " + where))
    assert wrong.says in shown
