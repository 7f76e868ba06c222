# SPDX-License-Identifier: GPL-2.0-or-later
"""``causes.yaml``: mistakes are found, and every state that TCP can freeze in has a cause."""

from __future__ import annotations

import pytest

from netlab.atlas import store
from netlab.diagnosis import causes, rules
from netlab.diagnosis.conditions import BrokenRules
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.model.tcp import RETRANSMITTING, State, Timer
from netlab.snapshot.records import Socket

CAUSE = """\
- id: syn-lost
  title: the SYN does not arrive
  source: here
  seen:
    - {own: SYN_SENT, peer: [LISTEN, GONE], if: [own.retransmits >= 1], points: 9, because: text}
  signs:
    - {if: [own.TCPTimeouts rises, not own.held], points: -1.5, because: "{own.retransmits} tries"}
  host:
  - {if: [own.TcpOutRsts rises], confidence: 0.3, because: "{own} sends RSTs"}
  destinations:
  - {if: [destination.share >= 0.9], confidence: 1, because: "{destination.sockets} sockets"}
  next: text
  confirm: text
  fix: text
  scenario: syn-dropped
"""
NOWHERE = ObservedHost()
#: Pairs of states with which nothing is wrong, whatever their sockets show.
WELL = {
    "CLOSED/CLOSED", "CLOSED/LISTEN", "CLOSED/TIME_WAIT", "TIME_WAIT/CLOSED", "TIME_WAIT/LISTEN",
    "TIME_WAIT/TIME_WAIT", "ESTABLISHED/ESTABLISHED",
}  # fmt: skip


def test_a_good_cause_is_read() -> None:
    (cause,) = causes.parse(CAUSE)
    (case,) = cause.seen
    assert case.peer == {State.LISTEN, State.CLOSED}
    assert [condition.text for condition in case.when] == ["own.retransmits >= 1"]
    assert case.scenario == "syn-dropped"
    assert [sign.points for sign in cause.signs] == [-1.5]


def test_a_case_may_have_a_check_of_its_own() -> None:
    text = CAUSE.replace("points: 9,", "points: 9, confirm: look, ")
    own, peer = ObservedEnd(State.SYN_SENT, ObservedHost()), ObservedEnd(State.LISTEN, NOWHERE)
    own.socket = Socket(State.SYN_SENT, ("10.0.0.1", 1), ("10.0.0.2", 2), 0, 0, retransmits=1)
    for each, check in ((CAUSE, "text"), (text, "look")):
        (candidate,) = rules.Rules(causes.parse(each)).judge(own, peer)
        assert candidate.confirm == check


def test_advice_names_the_port_on_its_side() -> None:
    advice = "confirm: \"ss '{side} = :{port}'\""
    (cause,) = causes.parse(CAUSE.replace("confirm: text", advice))
    assert cause.advising(443).confirm == "ss 'sport = :443'"
    assert cause.advising(443, here=False).confirm == "ss 'dport = :443'"


@pytest.mark.parametrize(
    ("how", "counters", "risen", "holds"),
    [
        ("rises", {"TcpOutRsts": 2}, None, False),
        ("rises", {"TcpOutRsts": 2}, {"TcpOutRsts": 1}, True),
        ("rises", {"TcpOutRsts": 2}, {"TcpOutRsts": 0}, False),
        ("rises", {}, {}, False),
        ("is steady", {"TcpOutRsts": 2}, None, False),
        ("is steady", {"TcpOutRsts": 2}, {"TcpOutRsts": 0}, True),
        ("is steady", {"TcpOutRsts": 2}, {"TcpOutRsts": 1}, False),
        ("is steady", {}, {}, False),  # left out by who pasted it, which is not the same as 0
    ],
)
def test_a_counter_that_was_left_out_is_not_steady(
    how: str, counters: dict[str, int], risen: dict[str, int] | None, holds: bool
) -> None:
    (cause,) = causes.parse(CAUSE.replace("own.TcpOutRsts rises", f"own.TcpOutRsts {how}"))
    (condition,) = cause.host[0].when
    end = ObservedEnd(State.CLOSED, ObservedHost(counters=counters, risen=risen))
    assert bool(condition.holds(end, None)) is holds


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("  fix: text\n", "", "cause 1: fix is missing"),
        ("title:", "tittle:", "title is missing; tittle: unknown"),
        ("own: SYN_SENT", "own: SYN_SEND", "expected a state, GONE or UNKNOWN; found 'SYN_SEND'"),
        ("own: SYN_SENT", "own: UNKNOWN", "syn-lost: seen 1: own: expected states"),
        ("points: 9", "points: nine", "points: expected a number; found 'nine'"),
        ("own.retransmits >=", "own.retries >=", "nothing is called 'retries'"),
        ("own.retransmits >=", "his.retransmits >=", "expected a condition such as"),
        ("TCPTimeouts rises", "TCPTimeouts >= 1", "a counter rises, is steady or is counted"),
        ("{own.retransmits} tries", "{own.retries} tries", "nothing is called 'retries'"),
        ("{own.retransmits} tries", "{retries} tries", "sign 1: because: nothing is called"),
        ("fix: text", "fix: [text]", "fix: expected a text; found ['text']"),
        ("if: [own.TCP", "unless: [own.TCP", "sign 1: if is missing; unless: unknown"),
        ("- id: syn-lost", "- : syn-lost", "causes.yaml"),
        ("  fix: text\n", "  fix: text\n  stand_in: 1\n", "stand_in: expected true or false"),
        ("share >= 0.9", "hsare >= 0.9", "destination 1: nothing is called 'hsare'"),
        ("[destination.share", "[own.share", "a condition such as destination.share >= 0.9"),
        ("[destination.share", "destination.share", "while parsing"),
        ("[own.retransmits", "[destination.share", "a condition such as own.probes >= 1"),
        ("{destination.sockets}", "{own.retransmits}", "because: nothing is called 'retransmits'"),
        ("{destination.sockets}", "{destination.sokets}", "nothing is called 'sokets'"),
        ("{destination.sockets}", "{own}", "because: nothing is called 'own'"),
        ("confidence: 0.3", "points: 2", "host 1: confidence is missing; points: unknown"),
        ("confidence: 0.3", "confidence: 30", "expected more than 0, at most 1; found 30"),
        ("source: here", "source: 'here", "causes.yaml: while scanning"),
    ],
)
def test_a_mistake_is_named_with_its_place(good: str, bad: str, said: str) -> None:
    assert good in CAUSE
    with pytest.raises(BrokenRules) as caught:
        causes.parse(CAUSE.replace(good, bad, 1))
    assert said in str(caught.value)
    assert str(caught.value).startswith("causes.yaml: ")


def test_no_cause_has_two_entries() -> None:
    with pytest.raises(BrokenRules, match="twice: syn-lost"):
        causes.parse(CAUSE * 2)


def _stuck(state: State, own: str, peer: str) -> ObservedEnd:
    """An end as it looks after a while: what waits for an answer has repeated itself."""
    if state in (State.CLOSED, State.LISTEN):
        return ObservedEnd(state, ObservedHost())
    again = state in RETRANSMITTING
    timer = Timer.RETRANSMIT if again else Timer.NONE
    gone = state in (State.TIME_WAIT, State.SYN_RECV, State.LAST_ACK, State.CLOSING)
    socket = Socket(
        state, (own, 1), (peer, 2), 0, int(again), timer, 0.3, 2 * again, 0, 0 if gone else 7
    )
    return ObservedEnd(state, ObservedHost(sockets=(socket,)), socket)


@pytest.mark.parametrize("pair", sorted(store.reachable()))
def test_every_pair_that_can_be_has_a_cause_or_is_well(pair: str) -> None:
    own, peer = (State[name] for name in pair.split("/"))
    one, other = _stuck(own, "10.0.0.1", "10.0.0.2"), _stuck(peer, "10.0.0.2", "10.0.0.1")
    if one.socket is None:
        one, other = other, one
    found = rules.rules().judge(one, other)
    assert bool(found) is (pair not in WELL), [candidate.cause.id for candidate in found]
