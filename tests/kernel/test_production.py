# SPDX-License-Identifier: GPL-2.0-or-later
"""The stories of stuck connections in production, each reproduced and read from ``ss`` alone.

Those with a third host are tests beside the scenarios: scenarios/production/test_*.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from netlab.diagnosis import parse, rank, store, take
from netlab.evidence import Evidence
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Scenario
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from netlab.testbed.words import Family

from .tools import inside

APART = 1.5  # seconds between two looks
BOTH, CLIENT, SERVER = "both", "client", "server"


@dataclass(frozen=True, slots=True)
class Story:
    """A scenario of a story, and what its text must lead to: with both ends, and with one."""

    scenario: str
    causes: dict[str, str]  # ends -> the cause; "" for nothing wrong
    evidence: str = "ss"  # the least that can tell: else with nstat, twice; or netlab's own


#: Every story from production that needs two hosts.
STORIES = {
    "D1": (
        Story("forgotten-close", {BOTH: "not-closed", SERVER: "not-closed"}),
        Story("close-wait-leak", {SERVER: "not-read"}),
        Story("never-accepted", {BOTH: "not-accepted", SERVER: "not-accepted"}),
    ),
    "D2": (Story("leaked-close-wait-blocks-port", {BOTH: "rst-lost"}),),
    "D3": (
        Story("last-ack-dropped", {BOTH: "last-ack-lost"}),
        Story("servers-fin-dropped", {BOTH: "fin-lost"}),
        Story("rst-blocked", {BOTH: "rst-lost"}),
    ),
    "D4": (
        Story("fin-dropped", {BOTH: "fin-lost"}),
        Story("ack-of-fin-dropped", {BOTH: "fin-ack-lost"}),
        Story("fin-dropped-by-clients-firewall", {BOTH: "own-firewall", CLIENT: "own-firewall"}),
        Story("window-closed", {BOTH: "not-read", SERVER: "not-read"}),
    ),
    "D5": (Story("closed-with-window-closed", {BOTH: "orphans-wait", CLIENT: "orphans-wait"}),),
    "D6": (Story("servers-fin-dropped", {BOTH: "fin-lost"}),),
    "D7": (
        Story("peer-does-not-close", {BOTH: "not-closed", CLIENT: "not-closed"}),
        Story("half-close", {BOTH: "half-closed"}),
    ),
    "D8": (
        Story("accept-queue-full", {BOTH: "accept-queue-full", SERVER: "accept-queue-full"}),
        Story("syn-flood-without-cookies", {SERVER: "syn-flood"}),
        Story("syn-flood", {SERVER: "syn-flood"}),
    ),
    "D9": (
        Story("third-ack-meets-full-queue", {BOTH: "accept-queue-full"}),
        Story("deferred-accept", {BOTH: "deferred-accept"}),
        Story("third-ack-dropped", {BOTH: "handshake-ack-lost"}),
    ),
    "D10": (Story("ports-exhausted", {CLIENT: "ports-exhausted"}, "netlab snapshot"),),
    "D13": (Story("resets-do-not-come-back", {BOTH: "rst-lost"}),),
    "D14": (Story("server-restarted-unnoticed", {BOTH: "peer-gone", CLIENT: ""}),),
    "D15": (Story("client-reboots-and-comes-again", {BOTH: ""}),),
    "D17": (
        Story("keepalive-waits", {BOTH: "data-lost", CLIENT: "data-lost"}),
        Story("keepalive-finds-an-answer", {BOTH: "", CLIENT: "", SERVER: ""}),
    ),
    "D18": (Story("user-timeout", {BOTH: "data-lost", CLIENT: "data-lost"}),),
    "D22": (Story("unreachable-in-the-middle", {CLIENT: "icmp-error"}, "ss and nstat"),),
}
#: And those that need three, or a program: the functions that tell them.
THREE_HOSTS = {
    "D3": "test_last_acks_pile_up_behind_a_firewall_that_forgot",
    "D6": "test_firewall_forgets_and_drops_the_fin_as_invalid",
    "D11": "test_nat_forgets_an_idle_connection",
    "D12": "test_kube_proxy_resets_what_it_does_not_know",
    "D16": "test_large_segments_vanish",
    "D19": "test_a_socket_is_connected_with_itself",
}
TOLD = [f"D{number}" for number in (*range(1, 20), 22)]  # there is no D20 and no D21

Text = dict[str, dict[str, str]]
CASES = [
    pytest.param(story, ends, family, id=f"{number}-{story.scenario}-{ends}-{family}")
    for number, stories in STORIES.items()
    for story in stories
    for ends in story.causes
    for family in Family
]


def test_every_story_is_told() -> None:
    assert set(TOLD) == set(STORIES) | set(THREE_HOSTS)
    text = "".join(path.read_text() for path in (catalogue.home() / "production").glob("test_*.py"))
    for name in THREE_HOSTS.values():
        assert f"def {name}(" in text
    for stories in STORIES.values():
        for story in stories:
            assert catalogue.one(story.scenario)


@pytest.mark.parametrize("path", sorted((catalogue.home() / "production").glob("*.yaml")), ids=str)
def test_a_story_fits_a_screen(path: Path) -> None:
    lines = path.read_text().splitlines()
    expect = lines.index("expect:")
    assert 1 <= sum(line.startswith("#") for line in lines[:expect]) <= 20
    assert len(lines) <= 30
    assert catalogue.one(path.stem).source


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, Family], Text]:
    """What is seen at both ends of each, while it is frozen."""
    wanted = sorted({story.scenario for stories in STORIES.values() for story in stories})
    found: dict[tuple[str, Family], Text] = {}
    for family in Family:

        def frozen(lab: Lab, scenario: Scenario, family: Family = family) -> None:
            first = {host: (*_look(host), _own(host)) for host in lab.hosts}
            lab.wait(lambda: None, APART)
            found[scenario.name, family] = {
                str(host.side): {
                    "ss": text,
                    "ss and nstat": text + counters + "".join(_look(host)),
                    "netlab snapshot": own,
                }
                for host, (text, counters, own) in first.items()
            }

        options = runner.Options(family=family, frozen=frozen)
        scenarios = [catalogue.one(name) for name in wanted]
        played = [run for _, run in runner.play_all(scenarios, options)]
        assert not [_why(run) for run in played if run.outcome not in ("pass", "skip")]
    return found


def _look(host: Host) -> tuple[str, str]:
    return inside(host, "ss", "-tanoei"), inside(host, "nstat", "-azs")


def _own(host: Host) -> str:
    with host.namespace:
        return store.to_json(str(host.side), take.take())


def _why(run: Evidence) -> str:
    return f"{run.scenario}: {run.failure.summary if run.failure else run.reason}"


@pytest.mark.parametrize(("story", "ends", "family"), CASES)
def test_the_text_leads_to_the_cause(
    story: Story, ends: str, family: Family, seen: dict[tuple[str, Family], Text]
) -> None:
    if (story.scenario, family) not in seen:
        pytest.skip(f"{family} has no {story.scenario}")
    texts = seen[story.scenario, family]
    hosts = [CLIENT, SERVER] if ends == BOTH else [ends]
    snapshots = [
        snapshot for host in hosts for snapshot in parse.read(texts[host][story.evidence], host)
    ]
    findings = rank.diagnose(snapshots).findings
    cause = story.causes[ends]
    if not cause:
        assert not findings
        return
    first = findings[0]
    assert cause in (first.cause, *first.also)
    assert len(first.also) <= 2
