# SPDX-License-Identifier: GPL-2.0-or-later
"""JUnit: what another reader, junitparser, finds in the file is what was told."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from xml.etree import ElementTree

import junitparser
import pytest

from netlab.model.evidence import Outcome
from netlab.render.junit import JunitSuite, junit
from netlab.render.verdicts import Verdict

BEGAN = datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)
TOLD = [
    Verdict("probes", "port-open", "pass", seconds=0.25),
    Verdict("teardown", "fin-dropped", "fail", "pair not held", ("one", "  two"), 2.0),
    Verdict("probes", "cookies", "skip", "no sysctl"),
    Verdict("kernel", "played-to-the-end", "error", "no boot"),
]


def read(*suites: JunitSuite) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromfile(io.BytesIO(junit(suites, BEGAN)))


def test_another_reader_finds_each_outcome() -> None:
    whole = read(JunitSuite("netlab 6.18", TOLD, 2.5, (("release", "6.18"),)))
    (suite,) = whole
    cases = {case.name: case for case in suite}
    assert {case.classname for case in suite} == {"probes", "teardown", "kernel"}
    assert cases["port-open"].is_passed
    assert cases["port-open"].time == 0.25
    kinds = {name: [type(each) for each in case.result] for name, case in cases.items()}
    assert kinds == {
        "port-open": [],
        "fin-dropped": [junitparser.Failure],
        "cookies": [junitparser.Skipped],
        "played-to-the-end": [junitparser.Error],
    }
    (failed,) = cases["fin-dropped"].result
    assert (failed.message, failed.text) == ("pair not held", "one\n  two")
    assert [(each.name, each.value) for each in suite.properties()] == [("release", "6.18")]
    assert suite.timestamp == "2026-11-28T01:02:03"


def test_the_counts_are_those_that_another_one_counts() -> None:
    whole = read(JunitSuite("a", TOLD, 2.5), JunitSuite("b", TOLD[:2], 1.0))
    told = [(part.tests, part.failures, part.errors, part.skipped) for part in (whole, *whole)]
    whole.update_statistics()
    counted = [(part.tests, part.failures, part.errors, part.skipped) for part in (whole, *whole)]
    assert told == counted == [(6, 2, 1, 1), (4, 1, 1, 1), (2, 1, 0, 0)]


@pytest.mark.parametrize("outcome", ["fail", "error", "skip"])
def test_what_xml_cannot_have_is_replaced(outcome: Outcome) -> None:
    odd = "\x00\x1b[31m<&\"'>\ud800\ufffe é"
    data = junit([JunitSuite(odd, [Verdict(odd, odd, outcome, odd, (odd,))], 0.0)], BEGAN)
    case = ElementTree.fromstring(data).find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "??[31m<&\"'>?? é"
