# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel must have: said in a scenario, looked for here, and numbers that depend on it."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from netlab.model.vocabulary import Side
from netlab.scenario import loader, needs
from netlab.scenario.model import ByKernel, Ending, Healing, Range
from tests.unit.scenario.wrong_documents import GOOD, NAME

#: There since Linux 2.x, and never.
THERE, NOWHERE = "tcp_fin_timeout", "tcp_banana"
ONE, TWO, THREE = (Range(number, number, str(number)) for number in (1, 2, 3))


@pytest.mark.parametrize(
    "need", [THERE, "net.ipv4.tcp_sack", "net.core.somaxconn", "counter:TCPTimeouts",
             "counter:TcpOutRsts", "program:sh", "python:pytest"]
)  # fmt: skip
def test_what_every_kernel_has_is_not_missing(need: str) -> None:
    assert needs.missing(need) == ""


@pytest.mark.parametrize(
    ("need", "why"),
    [
        (NOWHERE, "this kernel has no sysctl net.ipv4.tcp_banana"),
        ("net.core.banana", "this kernel has no sysctl net.core.banana"),
        ("counter:TCPBanana", "this kernel has no counter TCPBanana"),
        ("program:banana", "this machine has no banana, which it needs: install it"),
        ("python:banana", "this Python has no banana, which it needs: install it with pip"),
    ],
)
def test_what_no_kernel_has_is_missing_with_the_reason(need: str, why: str) -> None:
    assert needs.missing(need) == why


def test_a_scenario_says_what_it_needs() -> None:
    said = "needs: [tcp_rto_max_ms, counter:TCPTimeouts, behaviour:shutdown-waits-in-syn-recv]\n"
    scenario = loader.parse(f"{said}{GOOD}", Path(NAME))
    assert scenario.needs == (
        "tcp_rto_max_ms", "counter:TCPTimeouts", "behaviour:shutdown-waits-in-syn-recv",
    )  # fmt: skip


# --- numbers that depend on it

SAID = f"""  counters: {{client: {{TCPTimeouts: {{{THERE}: 1, otherwise: at least 3}}}}}}
  ends:
    client: CLOSED
    server: LISTEN
    after: {{{NOWHERE}: 1s, otherwise: between 2s and 3s}}
    counters: {{server: {{TcpOutRsts: {{{NOWHERE}: 1, {THERE}: 2, otherwise: 3}}, TCPTimeouts: 7}}}}
"""


def test_a_number_is_what_this_kernel_makes_it() -> None:
    expect = needs.settled(loader.parse(GOOD + SAID, Path(NAME)).expect)
    assert expect.counters == {Side.CLIENT: {"TCPTimeouts": ONE}}
    assert expect.ends is not None
    assert expect.ends.after == Range(2, 3, "between 2s and 3s")
    counted = {"TcpOutRsts": TWO, "TCPTimeouts": Range(7, 7, "7")}
    assert expect.ends.counters == {Side.SERVER: counted}


def test_before_it_is_known_it_is_all_that_it_can_be_and_says_so() -> None:
    number = ByKernel.of({"a": ONE, "b": Range(5, inf, "at least 5")}, THREE)
    assert (number.low, number.high) == (1, inf)
    assert str(number) == "1 with a, at least 5 with b, 3 otherwise"


def test_what_depends_on_nothing_stays_as_it_is() -> None:
    expect = loader.parse(GOOD, Path(NAME)).expect
    assert needs.settled(expect) == expect
    same = {Side.CLIENT: {"TCPTimeouts": ONE}}
    assert expect.healed is not None
    ends = Ending(9, expect.claim, TWO, same)
    whole = replace(expect, counters=same, healed=Healing(expect.claim, same), ends=ends)
    assert needs.settled(whole) == whole


def test_healing_depends_on_it_as_well() -> None:
    expect = loader.parse(GOOD, Path(NAME)).expect
    asked = {Side.SERVER: {"TcpOutRsts": ByKernel.of({NOWHERE: ONE}, TWO)}}
    whole = replace(expect, healed=Healing(expect.claim, asked))
    healed = needs.settled(whole).healed
    assert healed is not None
    assert healed.counters == {Side.SERVER: {"TcpOutRsts": TWO}}


# --- for people


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (THERE, "the sysctl tcp_fin_timeout"),
        ("counter:TCPTimeouts", "the counter TCPTimeouts"),
        ("program:nginx", "the program nginx"),
        ("python:redis", "the Python package redis"),
        (
            "behaviour:backlog-0-keeps-one-request",
            "a kernel where listen(0) has room for one connection that is being opened",
        ),
    ],
)
def test_a_need_is_told_in_words(need: str, words: str) -> None:
    assert needs.told(need) == words
