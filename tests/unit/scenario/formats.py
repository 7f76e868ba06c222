# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario files in another format, and scenarios without what only a format says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from netlab.atlas import cells
from netlab.scenario import catalogue
from netlab.scenario.model import AnyStep, Scenario

#: Every file that comes with netlab, those of the atlas too.
FILES = sorted({scenario.path for scenario in (*catalogue.everything(), *cells.scenarios())})
ENDLESS = 1 << 20  # so that YAML breaks no line


def turned(text: str) -> str:
    """A file in block style, with the keys of each mapping the other way round: ``fails:`` comes
    before what fails, and ``expect:`` before the steps. Lists keep their order; comments go.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return str(yaml.serialize(_turned(node), Dumper=yaml.SafeDumper, width=ENDLESS))


def _turned(node: yaml.Node) -> yaml.Node:
    match node:
        case yaml.MappingNode():
            pairs = [(key, _turned(value)) for key, value in reversed(node.value)]
            return yaml.MappingNode(node.tag, pairs, flow_style=False)
        case yaml.SequenceNode():
            return yaml.SequenceNode(node.tag, [*map(_turned, node.value)], flow_style=False)
        case _:
            return node


def bare(scenario: Scenario, comments: bool = True) -> Scenario:
    """A scenario without the places of its parts in a file, and with or without its comments."""

    def steps(known: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
        return tuple(
            replace(step, line=0, comment=step.comment if comments else "") for step in known
        )

    expect = replace(scenario.expect, line=0, heal=steps(scenario.expect.heal))
    if expect.ends is not None:
        expect = replace(expect, ends=replace(expect.ends, line=0, then=steps(expect.ends.then)))
    if not comments:
        scenario, expect = replace(scenario, story=""), replace(expect, remarks={})
    way = tuple(replace(hop, line=0) for hop in scenario.way)
    return replace(scenario, path=Path(), steps=steps(scenario.steps), way=way, expect=expect)
