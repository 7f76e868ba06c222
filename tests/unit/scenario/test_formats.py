# SPDX-License-Identifier: GPL-2.0-or-later
"""How a file is formatted changes nothing: in block style, and with the keys of each mapping the
other way round, it is the same scenario to all who speak of its steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model import evidence
from netlab.model.vocabulary import Family
from netlab.scenario import explain, loader, writer
from netlab.scenario.model import AnyStep, Scenario
from netlab.scenario.steps.fault import Command
from netlab.teaching import words
from tests.unit.scenario.formats import FILES, bare, turned

#: What no file that comes with netlab says.
MINE = """\
# Two connections.
source: here
steps:
  - server: listen
  - client: {connect: {from: 7001, as: one}}
  - client: {connect: {from: 7002, as: two}}
  - client: {sysctl: {tcp_sack: 0, tcp_ecn: 1}}
  - client: {option: {TCP_NODELAY: 1, SO_SNDBUF: 4096}}
    of: one
  - client: {send: hello}
    fails: {ipv6: EACCES, ipv4: EPERM}
    of: one
  - drop: {segment: [FIN, ACK], at: server output, port: 7001, first: 2, as: mine}
  - drop: {nft: [tcp flags fin, tcp dport 1], to: server}
  - plug: {sides: [server, client], as: wire}
  - reach: {client: [SYN_SENT, CLOSED], server: LISTEN, hold: 1s, within: 2min, of: one}
  - remove: mine
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  of: two
  dropped: {mine: at most 2}
  cause: this is a test
"""
TEXTS = {Path("mine.yaml"): MINE} | {path: path.read_text() for path in FILES}
EVERY_FILE = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)


def both(path: Path) -> tuple[Scenario, Scenario]:
    """What a file says, and what it says in the other format."""
    return loader.parse(TEXTS[path], path), loader.parse(turned(TEXTS[path]), path)


def all_steps(scenario: Scenario) -> tuple[AnyStep, ...]:
    """Those that heal it and those after its end, too."""
    ends = scenario.expect.ends
    return (*scenario.steps, *scenario.expect.heal, *(ends.then if ends else ()))


def lines(scenario: Scenario) -> list[str]:
    return [writer.line(step) for step in all_steps(scenario)]


def told(scenario: Scenario) -> list[str]:
    steps = all_steps(scenario)
    return [words.telling(step, steps[:number]) for number, step in enumerate(steps)]


def records(scenario: Scenario, family: Family) -> list[evidence.PlayedStep]:
    """What a run keeps of each step, but for its line in the file."""
    played = [writer.played(step, family, 0.0, "") for step in all_steps(scenario)]
    return [replace(step, line=0) for step in played]


def by_hand(scenario: Scenario, family: Family) -> Iterator[list[Command]]:
    for _, commands in explain.by_hand(scenario, family):
        yield commands


def test_the_other_format_is_another_one() -> None:
    text = (
        "# A story.\nsource: here\nsteps:\n"
        "  - client: {connect: {from: 5556, as: 'c'}} # a comment\n    fails: EPERM\n"
        "  - drop: {segment: [SYN, ACK], to: server}\n"
        "expect: {pair: {client: CLOSED, server: LISTEN}, dropped: none}\n"
    )
    assert turned(text) == (
        "expect:\n  dropped: none\n  pair:\n    server: LISTEN\n    client: CLOSED\n"
        "steps:\n"
        "- fails: EPERM\n  client:\n    connect:\n      as: 'c'\n      from: 5556\n"
        "- drop:\n    to: server\n    segment:\n    - SYN\n    - ACK\n"
        "source: here\n"
    )
    assert turned(turned(text)) != turned(text)


@EVERY_FILE
def test_every_step_is_the_same_to_all_who_speak_of_it(path: Path) -> None:
    original, other = both(path)
    assert [step.line for step in other.steps] != [step.line for step in original.steps]
    assert lines(other) == lines(original)
    assert told(other) == told(original)
    for family in Family:
        assert records(other, family) == records(original, family)
        assert [*by_hand(other, family)] == [*by_hand(original, family)]


@EVERY_FILE
def test_the_whole_scenario_is_the_same_and_so_is_what_is_written_of_it(path: Path) -> None:
    original, other = both(path)
    assert bare(other, comments=False) == bare(original, comments=False)
    again, other_again = (loader.parse(writer.scenario(each), path) for each in (original, other))
    assert bare(other_again, comments=False) == bare(again, comments=False)


def test_what_stands_beside_a_step_comes_before_it_then() -> None:
    said = [*map(turned, TEXTS.values())]
    assert any("- fails: " in text for text in said)
    assert any("- of: " in text for text in said)
