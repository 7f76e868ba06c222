# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario's source calls by a short name can be looked up."""

from __future__ import annotations

import re

import pytest

from netlab.cli.shared.explanation import explanation
from netlab.model.vocabulary import Family
from netlab.render.style import Style
from netlab.scenario import catalogue, sources
from netlab.scenario.model import Scenario
from netlab.teaching import lesson

SCENARIOS = catalogue.everything()
#: Sources that say themselves where they are: code, manual pages, projects' trackers.
PLAIN = re.compile(r"Linux |\w+, net/|inet_csk_\w+|tcp\(7\)|\w+ #\d+")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_every_source_has_its_title(scenario: Scenario) -> None:
    for said in scenario.source.split("; "):
        found = sources.named([said])
        begins = any(said.startswith(name) for name in found)
        assert begins or PLAIN.match(said), f"netlab/scenario/sources.py: what is {said!r}?"


def test_every_short_name_stands_for_something_that_is_used() -> None:
    told = [each.source for each in SCENARIOS]
    assert [*sources.named(told)] == [*sources.SOURCES]


def test_a_short_name_is_a_word_of_its_own() -> None:
    assert [*sources.named(["Part 1, Figure 3; Kurose's"])] == ["Part 1", "Kurose"]
    assert not sources.named(["Part 12, a weblog, RFC 92930", "Counterpart 1"])


def test_titles_are_told_where_a_source_is_shown() -> None:
    scenario = next(each for each in SCENARIOS if each.name == "syn-flood")
    text = " ".join(" ".join(explanation(scenario, Family.IPV4, Style(False))).split())
    assert 'Kurose: J. F. Kurose and K. W. Ross, "Computer Networking' in text
    assert 'Part 1: R. P. Rustagi and V. Kumar, "Experiential Learning' in text
    assert "Blog" not in text


def test_the_parts_of_the_lessons_are_those_of_known_sources() -> None:
    for part in lesson.parts():
        name = part.title.partition(":")[0]
        assert name in sources.SOURCES or name == "Linux"
