# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit code of what was played."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.model.errors import LabError, Unmet
from netlab.model.evidence import Evidence


def of_runs(runs: Sequence[Evidence]) -> int:
    """3 if a lab was not built, else 1 if a pair was not held, else 0."""
    outcomes = {run.outcome for run in runs}
    if "error" in outcomes:
        return LabError.exit_code
    return Unmet.exit_code if "fail" in outcomes else 0
