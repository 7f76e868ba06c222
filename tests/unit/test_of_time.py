# SPDX-License-Identifier: GPL-2.0-or-later
"""What may differ from play to play of a transcript, and what may not."""

from __future__ import annotations

import pytest

from .. import of_time

LADDER = """\
PASS     syn-dropped  SYN_SENT     LISTEN         1.2 s        2

              CLOSED │                                          │ CLOSED
0.119 959            │                                   listen╶┤ LISTEN
0.256 199            ├╴connect                                  │
0.260 909   SYN_SENT ├── SYN seq=0 ────────────────────✗ drop-1 │
1.276 560            ├── SYN seq=0 ─ again 1 ──────────────────▶│ SYN_RECV
1.304 607 ESTABLISHED│◀────────────────── SYN|ACK seq=0 ack=1 ──┤
1.304 627            ├── ACK seq=1 ack=1 ──────────────────────▶│ ESTABLISHED
""".replace("ESTABLISHED│", "ESTABLISHED │")
PACKETS = """\
  to      no.  packet                dropped
  server    3  DATA seq=1:6 ack=1    differs
  client    4  FIN|ACK seq=11 ack=6  fine
  server    5  FIN|ACK seq=6 ack=12  fine

3 trials: 2 fine, 1 failed in 4.5 s
"""


def only(wanted: str, got: str) -> bool:
    return of_time.only(wanted.splitlines(), got.splitlines(), str.__eq__)


@pytest.mark.parametrize(
    ("text", "said", "other"),
    [
        (LADDER, "1.276 560", "0.900 000   ├── SYN seq=0 ─ again 1 ─────✗ drop-1 │\n1.276 560"),
        (LADDER, "again 1", "again 2"),
        (LADDER, "1.304 627", "1.304 620   │◀───────── ACK seq=1 ack=1 ──┤\n1.304 627"),
        (LADDER, "SYN_SENT     LISTEN", "too busy"),
        (PACKETS, "3 trials: 2 fine, 1 failed", "4 trials: 2 fine, 1 failed, 1 not met"),
        (PACKETS, "ack=12  fine\n", "ack=11  fine\n  server    6  ACK ack=12            not met\n"),
    ],
)
def test_a_clock_decides(text: str, said: str, other: str) -> None:
    assert said in text
    assert only(text, text.replace(said, other, 1))


def test_a_clock_decides_beside_which_packet_a_state_is_seen() -> None:
    later = LADDER.replace("   SYN_SENT ├── SYN", "            ├── SYN")
    assert not only(LADDER, later)
    assert only(LADDER, later.replace("0.256 199            ├╴", "0.256 199   SYN_SENT ├╴"))


@pytest.mark.parametrize(
    ("text", "said", "other"),
    [
        (LADDER, "PASS", "FAIL"),
        (LADDER, "SYN_RECV", "CLOSED"),
        (LADDER, "▶│ ESTABLISHED", "▶│"),
        (LADDER, "✗ drop-1 │", "▶│"),
        (LADDER, "connect", "close"),
        (LADDER, "        2", "        3"),
        (LADDER, "SYN|ACK", "RST|ACK"),
        (PACKETS, "differs", "fine"),
        (PACKETS, "1 failed", "2 failed"),
        (PACKETS, "DATA seq", "DATA|FIN seq"),
    ],
)
def test_a_clock_does_not_decide(text: str, said: str, other: str) -> None:
    assert said in text
    assert not only(text, text.replace(said, other, 1))


def test_rows_that_dots_leave_out_may_be_there() -> None:
    rows = LADDER.splitlines(keepends=True)
    wanted = "".join([*rows[:3], "...\n", rows[-2]])
    assert only(wanted, "".join([*rows[:3], "...\n", *rows[3:]]))
    assert not only(wanted, "".join([*rows[:3], "...\n"]))
