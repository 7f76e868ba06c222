# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a pair lasted is known as well as one looked."""

from __future__ import annotations

import pytest

from netlab.model.errors import ActionFailed, TooBusy
from netlab.scenario import checks
from netlab.scenario.model import Range
from netlab.testbed.expect import TOLERATED

ASKED = Range(4.0, 7.0, "between 4 s and 7 s")


@pytest.mark.parametrize(
    ("least", "most", "outcome"),
    [
        (5.0, 5.1, None),
        (4.1, 6.9, None),  # nobody looked for long, and it makes no difference
        (6.95, 7.05, None),  # one of the times between two samples that follow each other
        (3.95, 4.05, None),
        (7.05, 7.1, ActionFailed),
        (3.8, 3.9, ActionFailed),
        (7.1, 30.0, ActionFailed),  # the pair was still seen too late
        (0.0, 3.9, ActionFailed),
        (6.0, 6.0 + TOLERATED + 0.1, TooBusy),
        (3.9, 3.9 + TOLERATED + 0.1, TooBusy),
        (0.0, 30.0, TooBusy),
    ],
)
def test_a_look_that_comes_late_refutes_nothing(
    least: float, most: float, outcome: type[Exception] | None
) -> None:
    if outcome is None:
        checks.lasted(least, most, ASKED)
        return
    with pytest.raises(outcome, match="expected between 4 s and 7 s"):
        checks.lasted(least, most, ASKED)
