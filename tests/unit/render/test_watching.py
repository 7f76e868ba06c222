# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines of a watch."""

from __future__ import annotations

import time

import pytest

from netlab.render import watching
from netlab.render.style import Style
from netlab.watch.changes import Changes
from tests.unit.watch.build import finding, watched

PLAIN = Style(False)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)


def test_one_line_for_each_turn() -> None:
    happened = watched([finding(5, oldest=30.0)], [finding(1200)], [], [])
    assert [watching.change(each, PLAIN) for each in happened] == [
        "1970-01-01 00:01:40  began  not-closed  5 connections, port 80, of app, "
        "since 00:01:10. Fix: close it",
        "1970-01-01 00:01:50  grew   not-closed  to 1,200 connections, port 80, of app, "
        "since 00:01:10",
        "1970-01-01 00:02:00  ended  not-closed  after 50 s; at most 1,200 connections, port 80, "
        "of app",
    ]


def test_what_is_not_known_is_not_said() -> None:
    (began,) = watched([finding(1, process="")])
    assert watching.change(began, PLAIN).endswith("1 connection, port 80. Fix: close it")
    (long,) = watched([finding(1, oldest=1e5)])
    assert ", since 1969-12-30 20:15:00. Fix" in watching.change(long, PLAIN)  # another day


def test_colours_are_for_terminals() -> None:
    (began,) = watched([finding()])
    assert "\033[31" in watching.change(began, Style(True))
    assert "\033" not in watching.change(began, PLAIN)


def test_the_first_and_the_last_words() -> None:
    assert watching.heading("web1", 1204, 10.0, PLAIN).startswith(
        "watching web1: 1,204 sockets, a look every 10 s. "
    )
    changes = Changes()
    watched([finding(5)], [finding(7)], changes=changes)
    assert watching.summary(3725.0, 373, (1, 0), changes.standing, PLAIN) == (
        "watched for 1 h 2 min, 373 looks: 1 began, 0 ended, 1 still there\n"
        "  not-closed  7 connections, port 80, of app, since 1970-01-01 00:01:40"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "0.5 s"), (59.94, "59.9 s"), (60, "1 min"), (125, "2 min 5 s"), (7200, "2 h"),
        (90061, "1 d 1 h"), (3601, "1 h 1 s"),
    ],
)  # fmt: skip
def test_durations_have_their_two_largest_units(seconds: float, said: str) -> None:
    assert watching.lasting(seconds) == said
