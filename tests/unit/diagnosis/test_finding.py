# SPDX-License-Identifier: GPL-2.0-or-later
"""How an answer is made of the causes that fit: what is judged, grouped, named, how sure it is.

The rules here are made up, so that it is known which causes fit, and how well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.diagnosis import causes
from netlab.diagnosis.rank import diagnose
from netlab.diagnosis.rules import Rules
from netlab.model.findings import Diagnosis, Finding
from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import LISTENER, C, S, again, at_client, at_server, host, s

CAUSE = """\
- id: {name}
  title: {name} it is
  source: a test
  seen:
    - {{own: [{states}], points: {points}, because: "{name} of {{own}}"}}
  signs: {signs}
  next: text
  confirm: look at {{port}}
  fix: text
  scenario: syn-dropped
"""
ALL = "SYN_SENT, ESTABLISHED, CLOSE_WAIT, TIME_WAIT"


def known(*points: float, states: str = "SYN_SENT", signs: str = "[]") -> Rules:
    """Causes that fit these states: the first is cause-0, and so on. The signs are the first's."""
    return Rules(
        causes.parse(
            "".join(
                CAUSE.format(name=f"cause-{number}", states=states, points=each,
                             signs="[]" if number else signs)
                for number, each in enumerate(points)
            )
        )
    )  # fmt: skip


def found(rules: Rules, *snapshots: Snapshot) -> Finding:
    (finding,) = diagnose(snapshots, rules).findings
    return finding


OTHER = (C[0], C[1] + 1)
ALONE = host(at_client(s.SYN_SENT, **again()))
BOTH = host(at_client(s.SYN_SENT, **again())), host(LISTENER)
AGES = {"rto": 0.2, "lastsnd": 9.0, "lastrcv": 9.0, "lastack": 9.0}
WITHOUT = host(Socket(s.SYN_SENT, C, S, 0, 0))  # neither timer nor inode, as of ss -tan


# --- how sure


@pytest.mark.parametrize(
    ("points", "snapshots", "sure"),
    [
        ((10,), (ALONE,), 0.95),
        ((10, 9), (ALONE,), 0.67),
        ((10, 10, 9), (ALONE,), 0.8),  # two that occur together
        ((10, 9, 9), BOTH, 0.95),
        ((10, 8), BOTH, 0.8),
        ((10, 9, 8), BOTH, 0.86),
        ((10, 8, 8), BOTH, 0.67),
        ((10,), (WITHOUT,), 0.69),
        ((10, 9), (WITHOUT,), 0.47),
        ((10,), (host(Socket(s.SYN_SENT, C, S, 0, 0, inode=7)),), 0.95),
        ((10,), (host(Socket(s.SYN_SENT, C, S, 0, 0, Timer.NONE)),), 0.95),
        ((10, *[9] * 60), (ALONE,), 0.05),
    ],
)
def test_confidence_is_the_share_of_what_cannot_be_told_apart(
    points: tuple[float, ...], snapshots: tuple[Snapshot, ...], sure: float
) -> None:
    rules = known(*points)
    assert found(rules, *snapshots).confidence == pytest.approx(sure, abs=0.011)
    assert len(str(found(rules, *snapshots).confidence)) <= 4


def counted(*samples: Sample) -> Snapshot:
    return Snapshot(samples, "host")


def test_only_both_ends_two_looks_and_counters_make_nearly_certain() -> None:
    stuck = at_client(s.SYN_SENT, **again())
    counters = {"TcpRetransSegs": 1}
    twice = counted(Sample((stuck,), counters, at=0.0), Sample((stuck,), counters, at=5.0))
    uncounted = counted(Sample((stuck,), at=0.0), Sample((stuck,), at=5.0))
    once, other = counted(Sample((stuck,), counters, at=5.0)), host(LISTENER)
    assert found(known(10), twice, other).confidence == 0.99
    assert found(known(10), other, twice).confidence == 0.99
    for less in ((twice,), (uncounted, other), (once, other)):
        assert found(known(10), *less).confidence == 0.95


def test_an_end_of_unknown_age_makes_both_less_sure() -> None:
    rules = known(10, states="CLOSE_WAIT")
    bare, timed = Socket(s.CLOSE_WAIT, S, C, 0, 0), at_client(s.ESTABLISHED)
    assert found(rules, host(bare), host(timed)).confidence == pytest.approx(0.7, abs=0.011)
    aged = Socket(s.CLOSE_WAIT, S, C, 0, 0, info=AGES)
    assert found(rules, host(aged), host(timed)).confidence == 0.95


@pytest.mark.parametrize(("times", "sure"), [(1, 0.85), (2, 0.85), (3, 0.95)])
def test_two_losses_in_a_row_may_explain_two_tries(times: int, sure: float) -> None:
    snapshot = host(at_client(s.SYN_SENT, **again(times)))
    assert found(known(10), snapshot).confidence == sure


# --- what else it may be


@pytest.mark.parametrize(
    ("points", "snapshots", "also"),
    [
        ((10, 6, 5.5), (ALONE,), 1), ((10, 9, 8, 7), (ALONE,), 2), ((10, 5.9), (ALONE,), 0),
        ((10, 9, 8.9), BOTH, 1), ((10, 9, 9, 9), BOTH, 2), ((10, 8.9), BOTH, 0),
    ],
)  # fmt: skip
def test_causes_as_good_are_named_too(
    points: tuple[float, ...], snapshots: tuple[Snapshot, ...], also: int
) -> None:
    finding = found(known(*points), *snapshots)
    names = [f"cause-{number}" for number in range(1, 1 + also)]
    assert finding.also == tuple(names)
    titles = tuple(each.title for each in finding.alternatives[: len(names)])
    assert titles == tuple(f"{name} it is" for name in names)


def test_connections_that_may_be_something_else_are_a_finding_of_their_own() -> None:
    """Of one end less is known, so a cause that fits less well is named sooner."""
    signs = "[{if: [own.retransmits >= 3], points: -2, because: it repeats}]"
    rules = known(10, 5, signs=signs)
    often, once = again(3), again(1)
    alone = host(
        at_client(s.SYN_SENT, **often), replace(at_client(s.SYN_SENT, **once), local=OTHER)
    )
    assert sorted(each.also for each in diagnose([alone], rules).findings) == [(), ("cause-1",)]
    both = diagnose([alone, host(LISTENER)], rules).findings
    assert [(each.also, len(each.connections)) for each in both] == [((), 2)]


def test_the_evidence_against_is_of_the_first_and_of_five_others() -> None:
    signs = "[{if: [own.retransmits >= 3], points: -2, because: it repeats}]"
    finding = found(known(12, 9.5, 9, 8, 7, 6, 5, signs=signs), ALONE)
    assert finding.cause == "cause-0"
    assert finding.evidence_for == ("cause-0 of this end",)
    assert finding.evidence_against == (
        "against cause-0: it repeats",
        "cause-1 fits as well: cause-1 of this end",
        "cause-2 fits as well: cause-2 of this end",
        "cause-3 fits less: cause-3 of this end",
        "cause-4 fits less: cause-4 of this end",
        "cause-5 fits less: cause-5 of this end",
    )


@pytest.mark.parametrize(
    ("points", "snapshots", "less"),
    [
        ((10, 9, 5, 4, 3, 3), (ALONE,), ("cause-2", "cause-3", "cause-4")),
        ((10, 9, 3, 2.9), (ALONE,), ("cause-2",)),
        ((10, 5), (ALONE,), ()),  # sure enough
        ((10, 9, 5), BOTH, ()),
    ],
)
def test_in_doubt_those_that_fit_less_are_named_apart(
    points: tuple[float, ...], snapshots: tuple[Snapshot, ...], less: tuple[str, ...]
) -> None:
    finding = found(known(*points), *snapshots)
    assert finding.less_likely == less
    assert not {*finding.also} & {*less}


def test_what_shows_more_is_named_where_a_doubtful_state_has_no_age() -> None:
    assert "ss -tanoei" in found(known(10, 9), WITHOUT).more
    assert found(known(10), WITHOUT).more == ""  # sure enough
    assert found(known(10, 10, 10, 10, 10), ALONE).more == ""  # its timers are shown


def test_what_speaks_against_another_is_said_instead_of_what_speaks_for_it() -> None:
    signs = "[{if: [own.retransmits >= 3], points: -2, because: it repeats}, " \
            "{if: [own.tx_queue >= 1], points: 0.5, because: it waits}]"  # fmt: skip
    assert found(known(10, 9.5, signs=signs), ALONE).evidence_against == (
        "cause-0 fits as well: it repeats",
    )
    assert found(known(8, 9.5), ALONE).evidence_against == (
        "cause-0 fits less: cause-0 of this end",
    )


def test_of_another_the_first_reason_is_enough() -> None:
    signs = "[{if: [own.retransmits >= 3], points: 0.5, because: it repeats}]"
    finding = found(known(8, 9.5, signs=signs), ALONE)
    assert finding.evidence_against == ("cause-0 fits as well: cause-0 of this end",)


# --- what is judged at all


def judged(*snapshots: Snapshot) -> tuple[int, int, int]:
    """Connections found stuck, healthy sockets, all sockets; every state has its cause."""
    answer = diagnose(snapshots, known(10, states=ALL))
    stuck = sum(len(finding.connections) for finding in answer.findings)
    return stuck, answer.healthy, answer.sockets


@pytest.mark.parametrize(
    ("more", "well"),
    [
        ({}, True), ({"inode": 7}, True), ({"inode": None}, True), ({"inode": 1}, True),
        ({"inode": 0}, False), ({"tx_queue": 1}, False), ({"rx_queue": 1}, False),
        ({"probes": 1}, False), ({"probes": None}, True),
    ],
)  # fmt: skip
def test_an_idle_connection_is_not_judged(more: dict[str, Any], well: bool) -> None:
    assert judged(host(at_client(s.ESTABLISHED, **more))) == (not well, well, 1)
    assert judged(host(at_client(s.ESTABLISHED)), host(at_server(s.ESTABLISHED, **more))) == (
        not well, 2 * well, 2,
    )  # fmt: skip


AGES = {"rto": 0.2, "lastsnd": 60.0, "lastrcv": 60.0, "lastack": 60.0}


def test_what_is_plainly_well() -> None:
    waits, other = at_client(s.TIME_WAIT), host(at_server(s.TIME_WAIT))
    assert judged(host(waits)) == (0, 1, 1)
    assert judged(host(waits), other) == (0, 2, 2)
    assert judged(host(waits), host(at_server(s.ESTABLISHED))) == (1, 0, 2)
    assert judged(host(waits), host(LISTENER)) == (0, 2, 2)  # the other end is gone
    idle, long_idle = at_client(s.ESTABLISHED), at_client(s.ESTABLISHED, info=AGES)
    assert judged(host(long_idle), host(LISTENER))[:2] == (1, 1)
    assert judged(host(idle), host(LISTENER))[:2] == (0, 2)  # it may be newer than that look
    assert judged(host(at_client(s.ESTABLISHED)), host(at_server(s.CLOSE_WAIT))) == (1, 0, 2)
    assert judged(host(Socket(s.ESTABLISHED, C, C, 0, 0, Timer.NONE, 0.0, 0, 0, 7)))[0] == 1
    assert judged(host(at_client(s.CLOSE_WAIT))) == (1, 0, 1)


def test_what_is_well_hides_nothing_that_comes_after_it() -> None:
    well, stuck = at_client(s.ESTABLISHED), Socket(s.CLOSE_WAIT, C, (S[0], 7), 0, 0, inode=7)
    assert judged(host(well, stuck)) == judged(host(stuck, well)) == (1, 1, 2)


# --- one finding of many connections


def many(number: int, state: State = s.CLOSE_WAIT) -> list[Socket]:
    return [
        Socket(state, S, ("10.1.0.1", 2000 + each), 0, 0, Timer.NONE, 0.0, 0, 0, 7, info=AGES)
        for each in range(number)
    ]


def ordered(answer: Diagnosis) -> list[tuple[str, int]]:
    return [(finding.cause, len(finding.connections)) for finding in answer.findings]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 9, ["cause-0", "cause-1"]),  # as many digits: by name
        (1, 10, ["cause-1", "cause-0"]),
        (10, 10, ["cause-0", "cause-1"]),
        (10, 99, ["cause-0", "cause-1"]),
        (9, 10, ["cause-1", "cause-0"]),
    ],
)
def test_what_concerns_more_comes_first(first: int, second: int, expected: list[str]) -> None:
    rules = Rules(
        [
            *causes.parse(CAUSE.format(name="cause-0", states="CLOSE_WAIT", points=9, signs="[]")),
            *causes.parse(CAUSE.format(name="cause-1", states="LAST_ACK", points=9, signs="[]")),
        ]
    )
    sockets = [*many(second, s.LAST_ACK), *many(first)]
    answer = diagnose([host(*sockets)], rules)
    assert [cause for cause, _ in ordered(answer)] == expected


LISTENS = Socket(s.LISTEN, (ANY, 900), (ANY, 0), 0, 128, Timer.NONE, 0.0, 0, 0, 5)


def test_a_listener_is_its_own_service() -> None:
    rules = known(10, states="LISTEN")
    assert found(rules, host(LISTENS)).service == "port 900"
    assert found(rules, host(LISTENS)).other_end == ()


def test_a_cause_of_the_second_end_is_told_from_there() -> None:
    finding = found(known(10, states="CLOSE_WAIT"), host(at_client(s.FIN_WAIT2)),
                    host(at_server(s.CLOSE_WAIT), LISTENER))  # fmt: skip
    (connection,) = finding.connections
    assert (connection.local, connection.remote) == (S, C)
    assert connection.states == (s.CLOSE_WAIT, s.FIN_WAIT2)
    finding = found(known(10, states="FIN_WAIT2"), host(at_client(s.FIN_WAIT2)),
                    host(at_server(s.CLOSE_WAIT), LISTENER))  # fmt: skip
    assert finding.connections[0].local == C
    both = Rules(
        [
            *causes.parse(CAUSE.format(name="cause-0", states="CLOSE_WAIT", points=9, signs="[]")),
            *causes.parse(CAUSE.format(name="cause-1", states="FIN_WAIT2", points=7, signs="[]")),
        ]
    )
    finding = found(both, host(at_client(s.FIN_WAIT2)), host(at_server(s.CLOSE_WAIT), LISTENER))
    assert (finding.cause, finding.connections[0].local) == ("cause-0", S)
    assert finding.evidence_for == ("cause-0 of the server",)
    assert finding.evidence_against == ("cause-1 fits less: cause-1 of the client",)


def test_a_cause_of_an_end_that_is_gone_is_told_of_the_other() -> None:
    finding = found(known(10, states="CLOSED"), host(at_client(s.FIN_WAIT2, info=AGES)),
                    host(Socket(s.ESTABLISHED, (S[0], 9), ("10.9.9.9", 9), 0, 0)))  # fmt: skip
    (connection,) = finding.connections
    assert (connection.local, connection.states) == (S, (s.CLOSED, s.FIN_WAIT2))


def test_the_notes_of_all_samples_are_told_once_with_their_hosts() -> None:
    samples = (Sample((), notes=("cut short",)), Sample((), notes=("cut short", "late")))
    answer = diagnose([Snapshot(samples, "a"), Snapshot(samples[:1], "b")], known(10))
    assert answer.notes == ("a: cut short", "a: late", "b: cut short")


@pytest.mark.parametrize(
    ("shown", "sure"),
    [
        ({"rx_queue": 9, "info": {"rto": 0.2, "lastrcv": 9.0, "lastack": 9.0}}, True),
        ({"rx_queue": 9}, False),
        ({"tx_queue": 9, "timer": Timer.RETRANSMIT, "retransmits": 9}, True),
        ({"tx_queue": 9, "timer": None, "inode": None}, False),
    ],
)
def test_of_what_has_no_age_no_answer_is_sure(shown: dict[str, Any], sure: bool) -> None:
    given = {"timer": Timer.NONE, "inode": 7, "rx_queue": 0, "tx_queue": 0, **shown}
    socket = Socket(s.ESTABLISHED, C, S, **given)
    (found,) = diagnose([host(socket)], known(9, states="ESTABLISHED")).findings
    assert found.confidence == (0.95 if sure else 0.7)
