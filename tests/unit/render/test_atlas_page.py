# SPDX-License-Identifier: GPL-2.0-or-later
"""A recorded run as steps, and the step at which its pair is held."""

from __future__ import annotations

import pytest

from netlab.atlas import recorded
from netlab.render.atlas_page import PairChapter, steps

RECORDED = {each.cell.pair: each for each in recorded.read() if each.run}


@pytest.mark.parametrize("pair", RECORDED)
def test_steps_pass_through_the_pair_and_end_where_it_heals(pair: str) -> None:
    cell, run = RECORDED[pair].cell, RECORDED[pair].run
    assert run
    told = [*steps(run)]
    heals = run.healed is not None
    chapter = PairChapter(cell.client, cell.server, "●", "", steps=tuple(told), heals=heals)
    held = told[chapter.frozen]
    assert (held.client, held.server) == (chapter.client, chapter.server)
    if run.healed:
        assert f"{told[-1].client}/{told[-1].server}" == str(run.healed)


def test_what_becomes_of_packets_is_what_the_rules_counted() -> None:
    run = RECORDED["SYN_SENT/SYN_RECV"].run
    assert run
    lost = [step for step in steps(run) if step.fate == "lost"]
    assert {step.text.split(" ")[0] for step in lost} == {"SYN|ACK"}
    assert len(lost) == run.dropped


def test_each_arrow_of_a_step_begins_where_the_end_was() -> None:
    for pair, each in RECORDED.items():
        assert each.run
        now = {"client": "", "server": ""}
        for step in steps(each.run):
            for side, before, _ in step.moves:
                assert now[side] in ("", before), pair
            now = {"client": step.client, "server": step.server}
