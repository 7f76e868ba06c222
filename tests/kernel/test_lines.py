# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a kernel contradicts in a scenario is reported at its own line of the file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.model.evidence import Evidence
from netlab.render.failure import failure
from netlab.render.style import Style
from netlab.scenario import loader, runner

HEALS = """\
source: here
steps:
  - server: listen
  - drop: {segment: SYN|ACK, to: client, as: lost}
  - drop: {segment: RST, to: client, as: idle}
  - client: connect
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
      rx_queue: none
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
      TcpInErrs: none
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
"""
ENDS = """\
source: here
steps:
  - client: {sysctl: {tcp_fin_timeout: 2}}
  - server: listen
  - client: connect
  - server: accept
  - client: close
expect:
  pair: {client: FIN_WAIT2, server: CLOSE_WAIT}
  hold: 50ms
  cause: this is a test
  ends:
    client: CLOSED
    server: CLOSE_WAIT
    after: at most 4s
    counters:
      client:
        TcpOutRsts: none
      server:
        TcpInSegs: at least 1
    then:
      - server: {sysctl: {tcp_fin_timeout: 1}}
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
UNSAID = LOSES.replace("  dropped: none\n", "")


class Wrong(NamedTuple):
    """A line of a file, what stands there instead, and what the failure says of it."""

    text: str
    old: str
    new: str
    says: str


WRONG = (
    Wrong(HEALS, "pair:\n    client: SYN_SENT", "pair:\n    client: CLOSED", "pair not"),
    Wrong(HEALS, "    server: SYN_RECV\n  within", "    server: LISTEN\n  within", "pair not"),
    Wrong(HEALS, "lost: at least 1", "lost: at least 99", "expected at least 99 by lost; found "),
    Wrong(HEALS, "idle: none", "idle: 1", "expected 1 by idle; found 0"),
    Wrong(HEALS, "timer: retransmit", "timer: keepalive", "client: expected timer keepalive"),
    Wrong(HEALS, "rx_queue: none", "rx_queue: 7", "client: rx_queue: expected 7; found 0"),
    Wrong(HEALS, "tx_queue: none", "tx_queue: 7", "server: tx_queue: expected 7; found 0"),
    Wrong(HEALS, "SYN_SENT: 1", "SYN_SENT: 2", "client: sockets in SYN_SENT: expected 2; found 1"),
    Wrong(HEALS, "LISTEN: 1", "LISTEN: 2", "server: sockets in LISTEN: expected 2; found 1"),
    Wrong(HEALS, "TcpActiveOpens: 1", "TcpActiveOpens: 2", "TcpActiveOpens: expected 2; found 1"),
    Wrong(HEALS, "TcpOutRsts: none", "TcpOutRsts: 7", "client: TcpOutRsts: expected 7; found 0"),
    Wrong(HEALS, "TcpInErrs: none", "TcpInErrs: 7", "server: TcpInErrs: expected 7; found 0"),
    Wrong(HEALS, "TcpInErrs: none", "TcpBanana: 7", "this kernel has no counter TcpBanana"),
    Wrong(HEALS, "client: SYN_SENT\n    server: SYN_RECV\n  heal:",
          "client: LAST_ACK\n    server: SYN_RECV\n  heal:", "client: expected to see LAST_ACK"),
    Wrong(HEALS, "server: SYN_RECV\n  heal:", "server: LAST_ACK\n  heal:", "see LAST_ACK"),
    Wrong(HEALS, "- remove: all", "- client: {sysctl: {tcp_banana: 1}}", "no sysctl"),
    Wrong(HEALS, "client: ESTABLISHED", "client: FIN_WAIT1", "pair not reached"),
    Wrong(HEALS, "server: ESTABLISHED", "server: FIN_WAIT1", "pair not reached"),
    Wrong(HEALS, "TcpAttemptFails: none", "TcpAttemptFails: 7", "TcpAttemptFails: expected 7"),
    Wrong(HEALS, "otherwise: 1", "otherwise: 7", "server: TcpPassiveOpens: expected 7; found 1"),
    Wrong(ENDS, "client: CLOSED", "client: FIN_WAIT1", "pair not reached"),
    Wrong(ENDS, "server: CLOSE_WAIT\n    after", "server: FIN_WAIT1\n    after", "pair not"),
    Wrong(ENDS, "after: at most 4s", "after: at most 10ms", "expected at most 10ms"),
    Wrong(ENDS, "TcpOutRsts: none", "TcpOutRsts: 7", "client: TcpOutRsts: expected 7; found 0"),
    Wrong(ENDS, "TcpInSegs: at least 1", "TcpInSegs: at least 99", "server: TcpInSegs: expected"),
    Wrong(ENDS, "- server: {sysctl: {tcp_fin", "- server: {sysctl: {tcp_banana", "no sysctl"),
    Wrong(LOSES, "dropped: none", "dropped: at least 1", "expected at least 1; found 0"),
)  # fmt: skip


def _changed(wrong: Wrong) -> str:
    return wrong.text.replace(wrong.old, wrong.new)


@pytest.fixture(scope="module")
def runs() -> list[Evidence]:
    """All files as they are, and then each of the wrong ones; all side by side."""
    texts = [HEALS, ENDS, LOSES, UNSAID, *map(_changed, WRONG)]
    played = [loader.parse(text, Path("mine.yaml")).variants()[-1] for text in texts]
    by_number = dict(runner.play_all(played))
    return [by_number[number] for number in sorted(by_number)]


def test_as_they_stand_the_files_are_right(runs: list[Evidence]) -> None:
    assert [run.outcome for run in runs[:3]] == ["pass", "pass", "pass"], [
        run.failure for run in runs[:3]
    ]


def test_what_is_asked_for_without_being_said_is_reported_at_the_pair(
    runs: list[Evidence],
) -> None:
    said = "mine.yaml:8: pair held, but the wrong number of packets was dropped "
    shown = failure(runs[3], Style(False)).splitlines()[0]
    assert shown.startswith(said)
    assert shown.endswith(": expected at least 1; found 0")


@pytest.mark.parametrize("number", range(len(WRONG)), ids=str)
def test_what_is_wrong_is_reported_at_its_own_line(runs: list[Evidence], number: int) -> None:
    wrong, run = WRONG[number], runs[4 + number]
    assert wrong.text.count(wrong.old) == 1
    lines = zip(wrong.text.splitlines(), _changed(wrong).splitlines(), strict=True)
    [line] = [number for number, (old, new) in enumerate(lines, 1) if old != new]
    shown = failure(run, Style(False))
    where = f"mine.yaml:{line}: "
    assert where in shown.splitlines()[0], shown
    assert shown.startswith((where, "mine: " + where, "mine-to-the-end: " + where))
    assert wrong.says in shown
