# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios that come with netlab: every case of the articles, briefly, each with its proof."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, loader
from netlab.scenario.model import Do, Reach, Scenario
from tests.unit.scenario.wrong_documents import GOOD, NAME

PATHS = sorted(catalogue.home().rglob("*.yaml"))
SCENARIOS = {path.stem: loader.load(path) for path in PATHS}

#: The cases that netlab grew from: the scenarios of each, the pair it says, and where it drops.
CASES = {
    "P1-E1": [("client-closes-first", "TIME_WAIT/LISTEN", "")],
    "P1-E1i": [("server-closes-first", "CLOSED/TIME_WAIT", "")],
    "P1-E2a": [("syn-dropped-by-clients-firewall", "SYN_SENT/LISTEN", "client output")],
    "Blog-SYN": [("syn-dropped", "SYN_SENT/LISTEN", "server input")],
    "P1-E2g": [
        ("synack-dropped-by-servers-firewall", "SYN_SENT/SYN_RECV or LISTEN", "server output")
    ],
    "P1-E2g'": [("synack-dropped", "SYN_SENT/SYN_RECV", "client input")],
    "Blog-SR": [("client-gives-up", "CLOSED/SYN_RECV", "client input")],
    "P1-3rd": [
        ("third-ack-dropped", "ESTABLISHED/SYN_RECV", "server input"),
        ("third-ack-dropped-by-clients-firewall", "ESTABLISHED/SYN_RECV", "client output"),
        ("first-data-after-server-gave-up", "CLOSED/LISTEN", "server input"),
    ],
    "P1-hello": [("hello-both-ways", "ESTABLISHED/ESTABLISHED", "")],
    "P1-halfclose": [("half-close", "FIN_WAIT2/CLOSE_WAIT", "")],
    "P1-Fig 12": [
        ("port-is-taken", "TIME_WAIT/LISTEN", ""),
        ("port-is-reused", "ESTABLISHED/ESTABLISHED", ""),
        ("port-without-timestamps", "TIME_WAIT/LISTEN", ""),
    ],
    "P1-noTW": [("without-time-wait", "CLOSED/LAST_ACK", "server input, client input")],
    "P1-ports": [("ports-exhausted", "ESTABLISHED/ESTABLISHED", "")],
    "P1-simopen": [
        ("simultaneous-open", "ESTABLISHED/ESTABLISHED", ""),
        ("simultaneous-open-synacks-dropped", "SYN_RECV/SYN_RECV", "client input, server input"),
    ],
    "P2-FIN": [
        ("fin-dropped", "FIN_WAIT1/ESTABLISHED", "server input"),
        ("fin-dropped-by-clients-firewall", "FIN_WAIT1/ESTABLISHED", "client output"),
    ],
    "P2-Ex3": [
        ("ack-of-fin-dropped", "FIN_WAIT1/CLOSE_WAIT", "client input"),
        ("ack-of-fin-dropped-by-servers-firewall", "FIN_WAIT1/CLOSE_WAIT", "server output"),
        ("tcp-client-keeps-sending", "CLOSE_WAIT/FIN_WAIT1", "server input"),
    ],
    "P2-Ex4": [
        ("ack-and-fin-dropped", "FIN_WAIT1/LAST_ACK", "client input"),
        ("ack-and-fin-dropped-by-servers-firewall", "FIN_WAIT1/LAST_ACK", "server output"),
    ],
    "P2-rst-blocked": [
        ("rst-blocked", "CLOSED/LAST_ACK", "server input"),
        ("crash-unnoticed", "CLOSED/ESTABLISHED", "server input"),
    ],
    "P2-closewait-leak": [("close-wait-leak", "CLOSED/CLOSE_WAIT", "")],
    "FW2-orphan": [("peer-does-not-close", "FIN_WAIT2/CLOSE_WAIT", "")],
    "FW2-LA": [("servers-fin-dropped", "FIN_WAIT2/LAST_ACK", "client input")],
    "TW-LA": [("last-ack-dropped", "TIME_WAIT/LAST_ACK", "server input")],
    "SC-hold": [("fins-cross", "CLOSING/CLOSING", "client input, server input")],
    "SC-one": [("one-fin-arrives", "FIN_WAIT1/CLOSING", "client input")],
    "K-open": [("port-open", "CLOSED/LISTEN", "")],
    "K-closed": [("port-closed", "CLOSED/CLOSED", "")],
    "K-filtered": [("port-filtered", "CLOSED/LISTEN", "server input")],
    "K-udp": [("udp-port-closed", "CLOSED/CLOSED", "")],
    "K-flood": [
        ("syn-flood", "CLOSED/LISTEN", ""),
        ("syn-flood-without-cookies", "SYN_SENT/LISTEN", ""),
    ],
    "K-walk": [("every-state-in-order", "TIME_WAIT/LISTEN", "client input, server input")],
    "DEFER": [("deferred-accept", "ESTABLISHED/SYN_RECV", "")],
    "AQ-SYN": [("accept-queue-full", "SYN_SENT/LISTEN", "")],
    "AQ-ACK": [("third-ack-meets-full-queue", "ESTABLISHED/SYN_RECV", "")],
    "AQ-RST": [("third-ack-meets-full-queue-and-is-reset", "CLOSED/LISTEN", "")],
    "COOKIE": [("cookie-forgets-lost-ack", "ESTABLISHED/LISTEN", "server input")],
}
#: P1-reject: what connect(2) says of each answer over IPv4, and over IPv6 where that has it.
ANSWERS = {
    "tcp-reset": ("ECONNREFUSED", "ECONNREFUSED"),
    "port-unreachable": ("ECONNREFUSED", "ECONNREFUSED"),
    "host-unreachable": ("EHOSTUNREACH", "EHOSTUNREACH"),
    "admin-prohibited": ("EHOSTUNREACH", "EACCES"),
    "host-prohibited": ("EHOSTUNREACH", None),
    "no-route": ("ENETUNREACH", "ENETUNREACH"),
    "net-prohibited": ("ENETUNREACH", None),
    "prot-unreachable": ("ENOPROTOOPT", None),
}
EVERY = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)


# --- every case is there


@pytest.mark.parametrize(
    ("name", "pair", "places"),
    [pytest.param(*row, id=f"{case}: {row[0]}") for case, rows in CASES.items() for row in rows],
)
def test_a_case_of_the_articles_has_its_scenario(name: str, pair: str, places: str) -> None:
    scenario = SCENARIOS[name]
    on_the_way = [str(step.claim) for step in scenario.steps if isinstance(step, Reach)]
    assert pair in [str(scenario.expect.claim), *on_the_way]
    assert {f"{fault.side} {fault.hook}" for fault in scenario.drops} == {
        *filter(None, places.split(", "))
    }


@pytest.mark.parametrize(("answer", "errors"), ANSWERS.items())
def test_an_answer_instead_of_a_drop_has_its_scenario(
    answer: str, errors: tuple[str, str | None]
) -> None:
    scenario = SCENARIOS[f"syn-rejected-with-{answer}"]
    connect = next(s for s in scenario.steps if isinstance(s, Do) and s.action == "connect")
    assert [fault.reject for fault in scenario.drops] == [answer]
    assert str(scenario.expect.claim) == "CLOSED/LISTEN"
    assert connect.fails[Family.IPV4] == errors[0]
    assert (scenario.family is Family.IPV4) == (errors[1] is None)
    assert errors[1] is None or connect.fails[Family.IPV6] == errors[1]


# --- every file is good to read


@EVERY
def test_a_scenario_tells_its_story_and_its_source(scenario: Scenario) -> None:
    assert re.fullmatch(r"[A-Z].{40,}\.\)?", " ".join(scenario.story.split()))
    assert len(scenario.source) > 5


@EVERY
def test_a_scenario_is_called_by_words(scenario: Scenario) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", scenario.name)
    assert len(scenario.path.relative_to(catalogue.home()).parts) == 2, "one folder for each phase"


def yaml_lines(path: Path) -> int:
    """Lines that are neither empty nor a comment."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))


def test_scenarios_are_short() -> None:
    assert [path for path in PATHS if len(path.read_text().splitlines()) > 45] == []
    assert statistics.median(map(yaml_lines, PATHS)) <= 20


def test_no_two_scenarios_share_a_name() -> None:
    assert len(SCENARIOS) == len(PATHS) > 50


# --- every fault is proven


@EVERY
def test_whatever_is_dropped_shows_in_what_is_expected(scenario: Scenario) -> None:
    expect = scenario.expect
    shown = expect.dropped or expect.healed or (expect.counters and expect.path)
    assert shown or not scenario.drops


@EVERY
def test_a_scenario_heals_or_says_why_there_is_nothing_to_heal(scenario: Scenario) -> None:
    assert scenario.expect.healed or scenario.expect.cause
    assert len(scenario.expect.cause) > 20 or not scenario.expect.cause


# --- variants


@EVERY
def test_how_a_pair_ends_by_itself_is_a_slow_variant(scenario: Scenario) -> None:
    names = [variant.name for variant in scenario.variants()]
    more = [f"{scenario.name}-to-the-end"] if scenario.expect.ends else []
    assert names == [scenario.name, *more]


ENDS = GOOD + "  ends: {client: CLOSED, server: LISTEN, after: 1min}\n"


def test_one_variant_takes_the_cause_away_and_the_other_waits() -> None:
    whole = loader.parse(ENDS, Path(NAME))
    quick, waiting = whole.variants()
    assert quick == replace(whole, expect=replace(whole.expect, ends=None))
    assert waiting == replace(
        whole,
        name="synack-dropped-to-the-end",
        slow=True,
        expect=replace(whole.expect, healed=None, heal=()),
    )


def test_without_an_end_there_is_no_variant() -> None:
    whole = loader.parse(GOOD, Path(NAME))
    assert whole.variants() == (whole,)


def test_a_scenario_that_is_slow_altogether_only_waits() -> None:
    whole = loader.parse(f"slow: yes\n{ENDS}", Path(NAME))
    assert [variant.name for variant in whole.variants()] == ["synack-dropped-to-the-end"]
