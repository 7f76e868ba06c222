# SPDX-License-Identifier: GPL-2.0-or-later
"""The stories of stuck connections in production, each reproduced and read from ``ss`` alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.diagnosis import rank
from netlab.model.evidence import Evidence
from netlab.model.tcp import Timer
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, runner, telling
from netlab.scenario.model import Scenario
from netlab.snapshot import collect, parse, store
from netlab.testbed import forge
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from ..programs import need
from .tools import inside

REPEATS = 4  # of a SYN
PROBED = " backoff:4 "  # probes of a window, 3 s after it closed
APART = 1.5  # seconds between two looks
BOTH, CLIENT, SERVER = "both", "client", "server"


@dataclass(frozen=True, slots=True)
class Story:
    """A scenario of a story, and what its text must lead to: with both ends, and with one."""

    scenario: str
    causes: dict[str, str]  # ends -> the cause, or one of several; "" for nothing wrong
    evidence: str = "ss"  # the least that can tell: else with nstat, twice; or netlab's own
    connections: int = 0  # of the only finding there may be; 0: others may be there


#: Every story from production.
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
        Story(
            "last-acks-pile-up-behind-a-firewall",
            {BOTH: "rst-lost peer-gone data-lost fin-lost"},
            connections=2,
        ),
    ),
    "D4": (
        Story("fin-dropped", {BOTH: "fin-lost"}),
        Story("ack-of-fin-dropped", {BOTH: "fin-ack-lost"}),
        Story("fin-dropped-by-clients-firewall", {BOTH: "own-firewall", CLIENT: "own-firewall"}),
        Story("window-closed", {BOTH: "not-read", SERVER: "not-read"}),
    ),
    "D5": (Story("closed-with-window-closed", {BOTH: "orphans-wait", CLIENT: "orphans-wait"}),),
    "D6": (
        Story("servers-fin-dropped", {BOTH: "fin-lost"}),
        Story("firewall-forgets-and-drops-the-fin", {BOTH: "fin-lost"}, connections=1),
        Story("firewall-forgets-and-drops-the-fin", {SERVER: "fin-lost rst-lost"}),
    ),
    "D7": (
        Story("peer-does-not-close", {BOTH: "not-closed", CLIENT: ""}),  # an orphan: 60 s at most
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
    "D11": (
        # The addresses of the two ends differ: they are matched by their ports.
        Story("nat-forgets-an-idle-connection", {BOTH: "idle-timeout data-lost"}, connections=1),
        Story("nat-forgets-an-idle-connection", {CLIENT: "idle-timeout"}, connections=1),
        Story("nat-that-remembers", {BOTH: ""}),
    ),
    "D12": (
        Story(
            "router-resets-what-it-does-not-know",
            {BOTH: "middlebox-reset peer-gone"},
            "ss and nstat",
        ),
    ),
    "D13": (Story("resets-do-not-come-back", {BOTH: "rst-lost"}),),
    "D14": (  # it is a second old: one look at each end may have missed the other's
        Story("server-restarted-unnoticed", {BOTH: "", CLIENT: ""}),
        Story("server-restarted-unnoticed", {BOTH: "peer-gone"}, "ss and nstat"),
    ),
    "D15": (Story("client-reboots-and-comes-again", {BOTH: ""}),),
    "D16": (
        Story("large-segments-vanish", {BOTH: "path-mtu", SERVER: "path-mtu"}),
        Story("mtu-probing-finds-the-way", {BOTH: ""}),
        Story("narrow-link-says-so", {BOTH: ""}),
    ),
    "D17": (
        Story("keepalive-waits", {BOTH: "data-lost", CLIENT: "data-lost"}),
        Story("keepalive-finds-an-answer", {BOTH: "", CLIENT: "", SERVER: ""}),
    ),
    "D18": (Story("user-timeout", {BOTH: "data-lost", CLIENT: "data-lost"}),),
    "D19": (Story("socket-is-connected-with-itself", {CLIENT: "self-connect"}, connections=1),),
    "D22": (Story("unreachable-in-the-middle", {CLIENT: "icmp-error"}, "ss and nstat"),),
}
#: Every story of what is on the way, with its cures.
ON_THE_WAY = {
    "P1": (Story("nat-has-no-port-left", {BOTH: "syn-lost"}, "ss and conntrack"),),
    "P2": (
        Story("service-keeps-its-old-server", {BOTH: "peer-gone data-lost"}, "ss and conntrack"),
    ),
    "P3": (Story("service-with-a-dead-server", {BOTH: "syn-lost"}, "ss and conntrack"),),
    "P4": (Story("answers-take-another-way", {BOTH: "handshake-ack-lost"}),),
    "P5": (
        Story(
            "stray-segment-resets-a-service",
            {BOTH: "middlebox-reset peer-gone"},
            "all and conntrack",
        ),
        Story("stray-segment-is-dropped", {BOTH: ""}),
        Story("stray-segment-with-liberal-tracking", {BOTH: ""}),
    ),
    "P6": (Story("table-of-connections-is-full", {BOTH: "syn-lost"}),),
    "P7": (Story("firewall-is-replaced", {BOTH: "data-lost"}, connections=1),),
    "P8": (
        Story("hairpin-without-masquerade", {BOTH: "syn-lost syn-ack-lost"}, "ss and conntrack"),
        Story("hairpin-with-masquerade", {BOTH: ""}),
    ),
    "P10": (
        Story("half-open-behind-a-proxy", {BOTH: ""}),  # at the ends nothing shows: ask the proxy
        Story("half-open-behind-a-proxy", {BOTH: "peer-gone"}, "ss and nstat"),
        Story("proxy-gives-up", {BOTH: ""}),
    ),
    "P9": (Story("keepalive-keeps-the-nat-awake", {BOTH: ""}),),
}
TOLD = [f"D{number}" for number in (*range(1, 20), 22)]  # there is no D20 and no D21

Text = dict[str, dict[str, str]]
CASES = [
    pytest.param(story, ends, family, id=f"{number}-{story.scenario}-{ends}-{family}")
    for number, stories in (STORIES | ON_THE_WAY).items()
    for story in stories
    for ends in story.causes
    for family in Family
]


def test_every_story_is_told() -> None:
    assert set(TOLD) == set(STORIES)
    for told in STORIES.values():
        for story in told:
            assert catalogue.one(story.scenario)
    in_python = {each.name for each in catalogue.choose(["production"]) if each.code}
    assert in_python <= {story.scenario for told in STORIES.values() for story in told}
    assert len(in_python) == 1
    on_the_way = {each.name for each in catalogue.choose(["path"])}
    played = {story.scenario for told in (STORIES | ON_THE_WAY).values() for story in told}
    assert on_the_way <= played


STORY_FOLDERS = (catalogue.home() / "production", catalogue.home() / "path")
FILES = [path for folder in STORY_FOLDERS for path in folder.glob("*.yaml")]


@pytest.mark.parametrize("path", sorted(FILES), ids=str)
def test_a_story_fits_a_screen(path: Path) -> None:
    lines = path.read_text().splitlines()
    expect = lines.index("expect:")
    assert 1 <= sum(line.startswith("#") for line in lines[:expect]) <= 20
    assert len(lines) <= 30
    assert catalogue.one(path.stem).source


AGAIN, BUSY = 5, "this machine was too busy"


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, Family], Text]:
    """What is seen at both ends of each, while it is frozen.

    Stories are played by themselves: to look at both ends stops all others, and a scenario that
    has five seconds until its time-out cannot wait for as many.
    """
    told = (STORIES | ON_THE_WAY).values()
    wanted = sorted({story.scenario for stories in told for story in stories})
    scenarios = [catalogue.one(name) for name in wanted]
    forge.scapy()
    telling.load(scenarios)
    found: dict[tuple[str, Family], Text] = {}
    in_yaml = [[(each, family) for each in scenarios if not each.code] for family in Family]
    in_python = [(each, family) for family in Family for each in scenarios if each.code]
    for batch in (*in_yaml, in_python):
        plays = [functools.partial(_played, each, family, found) for each, family in batch]
        played = dict(scheduler.side_by_side(plays, runner.JOBS))
        for _ in range(AGAIN):  # those at which nobody looked for too long, each by itself
            for number in [number for number, run in played.items() if BUSY in run.reason]:
                ((_, played[number]),) = scheduler.side_by_side([plays[number]], 1)
        assert not [_why(run) for run in played.values() if run.outcome not in ("pass", "skip")]
    return found


def _played(scenario: Scenario, family: Family, found: dict[tuple[str, Family], Text]) -> Evidence:
    def frozen(lab: Lab, scenario: Scenario) -> None:
        rows = [row for host in lab.hosts for row in host.table.read()]
        if scenario.way and any(row.timer is Timer.RETRANSMIT for row in rows):
            # a few are lost on any way
            lab.wait(lambda: max(map(_repeats, lab.hosts)) >= REPEATS, 30)
        if any(row.timer is Timer.PROBE for row in rows):  # a reader may be late, too
            lab.wait(lambda: any(PROBED in _look(host)[0] for host in lab.hosts), 30)
        first = {host: (*_look(host), _own(host)) for host in lab.hosts}
        lab.wait(lambda: None, APART)
        listed = _tracked(lab)
        found[scenario.name, family] = {
            str(host.side): {
                "ss": text,
                "ss and conntrack": text,
                "all and conntrack": text + counters + "".join(_look(host)),
                "ss and nstat": text + counters + "".join(_look(host)),
                "netlab snapshot": own,
            }
            for host, (text, counters, own) in first.items()
        } | {
            name: {"ss and conntrack": text, "all and conntrack": text}
            for name, text in listed.items()
        }

    return runner.play(scenario, runner.Options(family=family, frozen=frozen))


def _repeats(host: Host) -> int:
    return max((row.retransmits for row in host.table.read()), default=0)


def _tracked(lab: Lab) -> dict[str, str]:
    """What each hop on the way lists of the connections that it tracks, by its name."""
    if lab.way is None:
        return {}
    command = "conntrack -L -p tcp 2>&1"
    return {
        hop.name: f"$ {command}\n" + inside(hop.box.namespace, "sh", "-c", command)
        for hop in lab.way.hops
        if hop.tracks
    }


def _look(host: Host) -> tuple[str, str]:
    return inside(host, "ss", "-tanoei"), inside(host, "nstat", "-azs")


def _own(host: Host) -> str:
    with host.namespace:
        return store.to_json(str(host.side), collect.collect())


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
    if "conntrack" in story.evidence:
        need("conntrack")
        hosts += [name for name in texts if name not in hosts]
    snapshots = [
        snapshot for host in hosts for snapshot in parse.read(texts[host][story.evidence], host)
    ]
    findings = rank.diagnose(snapshots).findings
    causes = {*story.causes[ends].split()}
    if not causes:
        assert not findings
        return
    first = findings[0]
    assert causes & {first.cause, *first.also}
    assert len(first.also) <= 2
    if story.connections:
        assert len(findings) == 1
        assert len(first.connections) == story.connections


@pytest.mark.parametrize(
    ("name", "ends", "cause"),
    [
        ("large-segments-vanish", [SERVER], "path-mtu"),
        ("large-segments-vanish", [CLIENT, SERVER], "path-mtu"),
        ("socket-is-connected-with-itself", [CLIENT], "self-connect"),
    ],
)
@pytest.mark.parametrize("family", Family)
def test_what_nothing_else_looks_like_is_said_first(
    name: str, ends: list[str], cause: str, family: Family, seen: dict[tuple[str, Family], Text]
) -> None:
    if (name, family) not in seen:
        pytest.skip(f"{name} was not played")
    texts = seen[name, family]
    found = rank.diagnose([s for end in ends for s in parse.read(texts[end]["ss"], end)]).findings
    assert found[0].cause == cause
    if cause == "self-connect":
        (connection,) = found[0].connections
        assert connection.local == connection.remote
        assert connection.local[1] == 40000


def test_what_was_connected_with_itself_and_is_closed_is_nothing_wrong(lab: Lab) -> None:
    lab.client.connect(40000, source_port=40000, to=lab.client)
    lab.client.close()
    found = parse.read(inside(lab.client, "ss", "-tanoei"), CLIENT)
    assert not rank.diagnose(found).findings
