# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes with netlab of the atlas is about the scenarios that come with it."""

from __future__ import annotations

import gzip
import json

import pytest

from netlab.atlas import recorded
from netlab.atlas.recorded import RecordedCell

AGAIN = "record it anew: python -m netlab.atlas.recorded, as root"


@pytest.fixture(scope="module")
def cells() -> list[RecordedCell]:
    return recorded.read()


def test_every_pair_that_can_be_is_recorded_as_its_scenario_is_now(
    cells: list[RecordedCell],
) -> None:
    missing = [each.cell.pair for each in cells if each.cell.reachable and each.run is None]
    assert missing == [], AGAIN
    assert (len(cells), sum(each.run is not None for each in cells)) == (110, 79)


def test_each_run_held_its_pair_and_has_its_packets(cells: list[RecordedCell]) -> None:
    for each in cells:
        if each.run:
            assert (each.run.outcome, str(each.run.observed)) == ("pass", each.cell.pair)
            assert each.run.recording
            assert {*each.listings} == {"client", "server"}


def test_nothing_of_the_machine_that_recorded_is_kept(cells: list[RecordedCell]) -> None:
    text = gzip.decompress(recorded.HOME.read_bytes()).decode()
    assert "/" not in {each.run.path[0] for each in cells if each.run}
    assert "/home" not in text
    assert all(each.run.programs == () for each in cells if each.run)


def test_it_is_written_as_it_is_read(cells: list[RecordedCell]) -> None:
    stored = json.loads(gzip.decompress(recorded.HOME.read_bytes()))
    assert json.loads(gzip.decompress(recorded.written(cells))) == stored


def test_what_belongs_to_a_scenario_that_has_changed_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = recorded.checksum
    changed = "syn-sent-and-listen"
    monkeypatch.setattr(
        recorded, "checksum", lambda each: "changed" if each.name == changed else before(each)
    )
    lost = [each.cell.pair for each in recorded.read() if each.cell.reachable and not each.run]
    assert lost == ["SYN_SENT/LISTEN"]
