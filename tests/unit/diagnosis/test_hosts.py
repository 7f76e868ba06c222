# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings about a whole host, or about one destination of it: entries of ``causes.yaml``."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from netlab.diagnosis import causes, observed
from netlab.diagnosis.observed import ObservedHost
from netlab.diagnosis.rank import diagnose
from netlab.diagnosis.rules import Rules, rules
from netlab.model.tcp import State, Timer
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import LISTENER, C, S, host, s


def test_ports_towards_one_destination_run_out() -> None:
    waiting = [
        Socket(s.TIME_WAIT, (C[0], port), S, 0, 0, Timer.TIME_WAIT, 30.0, 0, 0, 0)
        for port in range(40000, 40004)
    ]
    sample = Sample(tuple(waiting), sysctls={"ip_local_port_range": "40000 40003"})
    (found,) = diagnose([Snapshot((sample,))]).findings
    assert (found.cause, len(found.connections)) == ("ports-exhausted", 4)
    assert "4 of 4 ephemeral ports of 10.0.0.1 towards 10.0.0.2:443" in found.evidence_for[0]


def test_a_port_that_is_far_from_used_up_is_no_finding() -> None:
    waiting = [
        Socket(s.TIME_WAIT, (C[0], port), S, 0, 0, Timer.TIME_WAIT, 30.0, 0, 0, 0)
        for port in range(40000, 40004)
    ]
    sample = Sample(tuple(waiting), sysctls={"ip_local_port_range": "40000 40005"})
    assert diagnose([Snapshot((sample,))]).findings == ()


#: The next causes of a host and of a destination, as somebody would add them.
ENTRIES = """\
- id: resets
  title: connections are reset
  source: a test
  host:
    - {if: [own.TcpOutRsts rises], confidence: 0.4, because: "{own} sends RSTs"}
    - {if: [own.TcpEstabResets rises], confidence: 0.2, because: "{own} gets RSTs"}
  next: text
  confirm: text {port}
  fix: text
  scenario: rst-blocked
- id: one-server
  title: everything goes to one server
  source: a test
  destinations:
    - if: [destination.sockets >= 3, not destination.waiting >= 1]
      confidence: 0.5
      because: "{destination.sockets} of {destination.address} go to {destination.remote}"
  next: text
  confirm: look at {port}
  fix: text
  scenario: ports-exhausted
"""
RULES = Rules(causes.parse(ENTRIES))


def clients(number: int, state: State = s.ESTABLISHED) -> list[Socket]:
    return [Socket(state, (C[0], port), S, 0, 0) for port in range(40000, 40000 + number)]


def counted(first: int, last: int, *sockets: Socket) -> Snapshot:
    samples = (
        Sample(sockets, {"TcpOutRsts": count, "TcpEstabResets": 1}) for count in (first, last)
    )
    return Snapshot(tuple(samples), "web1")


def test_the_next_cause_of_a_host_is_an_entry() -> None:
    (finding,) = diagnose([counted(1, 2, LISTENER)], RULES).findings
    assert (finding.cause, finding.confidence) == ("resets", 0.4)
    assert (finding.evidence_for, finding.connections) == (("web1 sends RSTs",), ())
    assert diagnose([counted(1, 1, LISTENER)], RULES).findings == ()


@pytest.mark.parametrize(("confidence", "bad"), [(0.5, True), (0.49, False)])
def test_counters_alone_may_be_bad_news(confidence: float, bad: bool) -> None:
    entries = ENTRIES.replace("confidence: 0.4", f"confidence: {confidence}")
    answer = diagnose([counted(1, 2, LISTENER)], Rules(causes.parse(entries)))
    assert ([each.cause for each in answer.findings], answer.is_bad) == (["resets"], bad)


def test_a_host_whose_sockets_are_stuck_is_not_judged_by_its_counters() -> None:
    leaked = Socket(s.CLOSE_WAIT, S, C, 1, 0, inode=7)
    known = Rules([*RULES.causes.values(), *rules().causes.values()])
    assert "resets" in {each.cause for each in diagnose([counted(1, 2)], known).findings}
    found = {each.cause for each in diagnose([counted(1, 2, leaked)], known).findings}
    assert "not-closed" in found
    assert "resets" not in found


def test_the_next_cause_of_a_destination_is_an_entry() -> None:
    (finding,) = diagnose([host(*clients(3))], RULES).findings
    assert (finding.cause, finding.confidence, finding.service) == (
        "one-server", 0.5, "10.0.0.2:443",
    )  # fmt: skip
    assert finding.evidence_for == ("3 of 10.0.0.1 go to 10.0.0.2:443",)
    assert finding.confirm == "look at 443"
    assert [each.local[1] for each in finding.connections] == [40000, 40001, 40002]


def test_every_condition_of_a_destination_must_hold() -> None:
    assert diagnose([host(*clients(2))], RULES).findings == ()
    assert diagnose([host(*clients(2), *clients(3, s.TIME_WAIT)[2:])], RULES).findings == ()


@pytest.mark.parametrize("most", [3, 30, 1000])
def test_destinations_are_the_same_where_they_are_too_many_to_be_told_apart(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed, "SIEVE", most)
    random = Random(3)
    remotes = [(f"10.0.1.{number}", 443) for number in range(200)]
    sockets = [
        Socket(s.ESTABLISHED, ("10.0.0.1", 40_000 + n), random.choice(remotes), 0, 0)
        for n in range(300)
    ]
    numbers = Counter(socket.remote for socket in sockets)
    found = {
        each.remote: len(each.sockets) for each in ObservedHost.of(host(*sockets)).destinations()
    }
    assert found == {remote: number for remote, number in numbers.items() if number > 1}
    assert len(found) > 50
