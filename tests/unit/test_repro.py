# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab repro``: every scenario that ``causes.yaml`` names can be written for a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.cli import repro
from netlab.diagnosis import rules
from netlab.model.findings import Finding, StuckConnection
from netlab.scenario import loader
from netlab.tcp import State

SCENARIOS = sorted(
    {case.scenario for cause in rules.rules().causes.values() for case in cause.seen}
    | {cause.scenario for cause in rules.rules().causes.values()}
)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_that_is_named_can_be_written_with_another_port(name: str) -> None:
    connection = StuckConnection(("10.0.0.1", 4711), ("10.0.0.2", 8443), (State.ESTABLISHED,))
    finding = Finding(
        "a-cause", "t", 1.0, name, "", "", "", service="port 8443", connections=(connection,)
    )
    written = loader.parse(repro.scenario(finding), Path(f"{name}.yaml"))
    assert written.story.startswith("a-cause: t.")
    assert written.steps
