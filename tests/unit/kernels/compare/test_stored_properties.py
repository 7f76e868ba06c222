# SPDX-License-Identifier: GPL-2.0-or-later
"""What is stored is read again as it was: baselines, and the runs that they are made of."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from netlab.kernels.compare import baseline
from netlab.kernels.compare.behaviour import KernelProfile, Play
from netlab.model import kernel_run
from netlab.model.evidence import Cell, Outcome
from netlab.model.kernel_run import KernelRun, Machine, PlayedRow, Timing
from netlab.model.vocabulary import Family
from tests.build import evidence

#: Whatever YAML might take for something else is among them: 1:30, no, 0x1f, 2026-01-01, ~.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12),
    st.sampled_from(
        ["1:30", "no", "0x1f", "2026-01-01", "~", "null", "1e3", "=", "<<", "- a", "#"]
    ),
)
WORDS = TEXTS.filter(bool)
NAMED = st.dictionaries(WORDS, TEXTS, max_size=3)
SECONDS = st.integers(0, 10**9).map(lambda ms: ms / 1000)
MACHINES = st.builds(Machine, TEXTS, TEXTS, TEXTS, TEXTS, st.integers(1, 1000), changed=NAMED)
TIMINGS = st.builds(
    Timing, TEXTS, TEXTS, st.none() | SECONDS, st.lists(SECONDS, max_size=3).map(tuple), TEXTS
)
PLAYS = st.dictionaries(
    WORDS, st.builds(Play, st.sampled_from(get_args(Outcome)), TEXTS, TEXTS, NAMED), max_size=3
)  # fmt: skip
PROFILES = st.builds(
    KernelProfile, MACHINES, PLAYS, PLAYS, st.dictionaries(WORDS, TIMINGS, max_size=2), PLAYS,
    NAMED, st.dictionaries(WORDS, st.sampled_from(baseline.STEPS), max_size=3), TEXTS,
)  # fmt: skip
ROWS = st.builds(
    PlayedRow, TEXTS, st.sampled_from(Family), TEXTS, st.sampled_from(get_args(Outcome)), TEXTS,
    st.lists(TEXTS, max_size=2).map(tuple), TEXTS, TEXTS, TEXTS, st.one_of(st.none(), SECONDS),
    st.booleans(), st.dictionaries(WORDS, st.integers(0, 9), max_size=2),
)  # fmt: skip
RUNS = st.builds(
    KernelRun, MACHINES, st.just((evidence(),)),
    st.lists(st.builds(Cell, TEXTS, TEXTS, st.booleans(), TEXTS), max_size=2).map(tuple),
    st.lists(TIMINGS, max_size=2).map(tuple), st.lists(ROWS, max_size=2).map(tuple), NAMED,
    st.lists(TEXTS, max_size=3).map(tuple),
    done=st.just(True), wall_s=SECONDS,
)  # fmt: skip


@given(PROFILES)
def test_a_baseline_survives_its_file(profile: KernelProfile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "base.yaml")
        path.write_text(baseline.text(profile), encoding="utf-8")
        assert baseline.read(path) == profile


@given(RUNS)
def test_a_run_survives_its_file(run: KernelRun) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.jsonl")
        run.write(path)
        assert kernel_run.read(path) == run
