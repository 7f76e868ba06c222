# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios that come with netlab: what each tells, and the pair that it proves."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

from netlab.atlas import cells
from netlab.scenario import catalogue, sources
from netlab.scenario.model import Scenario
from reference.markdown import code, heading, page, plain, sentence, table

HEAD = """\
`netlab run NAME` plays one, `netlab run NAME --ladder` draws its packets, `netlab show NAME` says
how to do it by hand, `netlab teach NAME` walks through it, and `netlab freeze NAME` holds it to be
looked at."""


#: Chapters whose folder does not say what is in them.
TITLES = {
    "constant": "Pairs of the atlas",
    "crossing": "Pairs of the atlas whose packets cross",
}


@functools.cache
def every() -> tuple[Scenario, ...]:
    """All of them that take no minutes, stories included, and the pairs of the atlas."""
    return (*catalogue.choose((catalogue.BUILT_IN,)), *cells.scenarios())


def named(name: str) -> Scenario:
    """The one with this name. Raises `KeyError`."""
    return {each.name: each for each in every()}[name]


def command(scenario: Scenario) -> str:
    """What plays it, and draws its packets."""
    return f"netlab run {scenario.name} --ladder"


def place(name: str) -> str:
    """A link to a scenario, from a page one folder below the reference."""
    return f"[{code(name)}](../scenarios.md#scenario-{name})"


def pages() -> dict[str, str]:
    """One page."""
    return {"scenarios.md": page("# Scenarios", HEAD, *_chapters(), _sources())}


def _chapters() -> Iterator[str]:
    for folder, told in itertools.groupby(every(), lambda each: each.path.parent.name):
        yield f"## {TITLES.get(folder, sentence(folder).rstrip('.'))}"
        yield from map(_told, told)


def _told(scenario: Scenario) -> str:
    facts = [("pair", plain(str(scenario.expect.claim))), ("source", plain(scenario.source))]
    if scenario.differs:
        facts.append(("but Linux", plain(scenario.differs)))
    if scenario.needs:
        facts.append(("needs", ", ".join(map(code, scenario.needs))))
    story = plain(" ".join(scenario.story.split()))
    return page(
        heading(scenario.name, f"scenario-{scenario.name}", 3),
        story,
        "\n".join(f"- {name}: {text}" for name, text in facts),
    )


def _sources() -> str:
    said = sources.named(text for each in every() for text in (each.source, each.differs))
    rows = [(plain(name), plain(what)) for name, what in said.items()]
    return page("## Sources", table(("name", "what it is"), rows))
