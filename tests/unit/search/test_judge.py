# SPDX-License-Identifier: GPL-2.0-or-later
"""What a trial says of a program, beside a healthy one."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.vocabulary import Side
from netlab.search.cases import Meeting
from netlab.search.judge import CaseVerdict, Healthy, Judged
from tests.unit.search.exchanges import trial

LOST = Meeting("drop", Side.CLIENT, 1, "seq=1", 0)
CUT = LOST._replace(word="cut")
HEALTHY = Healthy.of([trial(), trial()])


@pytest.mark.parametrize(
    ("differs", "verdict"),
    [
        ({}, CaseVerdict.FINE),
        ({"seconds": 1.2}, CaseVerdict.FINE),
        ({"errors": "slow"}, CaseVerdict.FINE),
        ({"code": 1}, CaseVerdict.ERROR),
        ({"code": None}, CaseVerdict.HANGS),
        ({"code": -11}, CaseVerdict.DIES),
        ({"output": "hel"}, CaseVerdict.SHORT),
        ({"output": ""}, CaseVerdict.SHORT),
        ({"output": "hello\nhello\n"}, CaseVerdict.DIFFERS),
        ({"output": "good"}, CaseVerdict.DIFFERS),
        ({"code": 1, "failed": False}, CaseVerdict.FINE),
        ({"code": None, "failed": False}, CaseVerdict.FINE),
        ({"failed": True}, CaseVerdict.FAILS),
        ({"code": 1, "met": (0,)}, CaseVerdict.UNMET),
        ({"code": 1, "met": (1, 0)}, CaseVerdict.ERROR),
        ({"met": (1, 0)}, CaseVerdict.UNMET),
    ],
)
def test_what_becomes_of_it_has_one_word(differs: dict[str, Any], verdict: CaseVerdict) -> None:
    judged = Judged(trial((LOST,), **differs), HEALTHY.verdict(trial((LOST,), **differs)))
    assert judged.verdict is verdict
    assert judged.verdict.is_failure == (verdict not in (CaseVerdict.FINE, CaseVerdict.UNMET))
    assert HEALTHY.told(judged)


@pytest.mark.parametrize(
    ("differs", "verdict"),
    [
        ({"code": 1}, CaseVerdict.FINE),  # nobody could have mended that
        ({"code": None}, CaseVerdict.HANGS),
        ({"code": -11}, CaseVerdict.DIES),
        ({"output": "hel"}, CaseVerdict.SHORT),
    ],
)
def test_after_a_cut_an_error_is_no_failure(differs: dict[str, Any], verdict: CaseVerdict) -> None:
    assert HEALTHY.verdict(trial((CUT,), **differs)) is verdict


def test_an_output_that_is_another_one_each_time_is_not_compared() -> None:
    healthy = Healthy.of([trial(output="at 10:01"), trial(output="at 10:02")])
    assert healthy.verdict(trial((LOST,), output="at 10:03")) is CaseVerdict.FINE
    assert healthy.verdict(trial((LOST,), output="", code=1)) is CaseVerdict.ERROR


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({"code": None, "seconds": 8.0}, "does not end within 8 s on a healthy network"),
        ({"code": 7, "errors": "no such file"}, "fails on a healthy network, too: exit code 7"),
        ({"failed": True}, "--fails-when says of a healthy network, too, that it fails"),
        ({"packets": ()}, "no TCP segment went between the client and the server"),
    ],
)
def test_what_is_not_healthy_is_no_measure(differs: dict[str, Any], why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        Healthy.of([trial(), trial(**differs)] if "packets" not in differs else [trial(**differs)])


def test_an_exit_code_counts_only_where_no_check_decides() -> None:
    assert Healthy.of([trial(code=7, failed=False)]).verdict(trial(code=7)) is CaseVerdict.FINE
