# SPDX-License-Identifier: GPL-2.0-or-later
"""KCIDB: its own package, kcidb-io, takes every report."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import kcidb_io
import pytest

from netlab.model.kernel_run import Machine
from netlab.render.kcidb import ReportedBuild, kcidb
from netlab.render.verdicts import Verdict

BEGAN = datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)
MACHINE = Machine("./tree", "6.12.117+", "#3 SMP", "x86_64", 250, "virtual")
TOLD = [
    Verdict("probes", "port-open", "pass", seconds=0.25),
    Verdict("ipv6.teardown", "fin-dropped", "fail", "pair not held", ("one", "  two"), 2.0),
    Verdict("atlas", "SYN_SENT/SYN_RECV", "skip", "no sysctl"),
    Verdict("kernel", "played-to-the-end", "error", "no boot", ("x" * 20000,)),
]
BUILD = ReportedBuild(MACHINE, TOLD, "f" * 40)


def test_the_newest_schema_is_the_one_that_is_written() -> None:
    assert kcidb("myci", [], BEGAN)["version"] == {
        "major": kcidb_io.schema.V5_3.major, "minor": kcidb_io.schema.V5_3.minor,
    }  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [
        BUILD,
        replace(BUILD, commit=""),
        ReportedBuild(Machine("debian:x", "debian:x", "", "", 0), TOLD[3:]),
        ReportedBuild(replace(MACHINE, changed={"tcp_sack": "0"}), [Verdict("ü", "é#", "pass")]),
    ],
)
def test_kcidb_takes_it(build: ReportedBuild) -> None:
    report = kcidb("my_ci", [build], BEGAN)
    kcidb_io.schema.V5_3.validate_exactly(report)
    assert kcidb_io.schema.LATEST.is_compatible(report)


def test_each_test_is_of_its_build_and_has_its_status() -> None:
    other = replace(BUILD, machine=replace(MACHINE, version="#4 SMP"))
    report = kcidb("my_ci", [BUILD, other], BEGAN)
    first, second = report["builds"]
    (checkout,) = report["checkouts"]
    assert first["checkout_id"] == second["checkout_id"] == checkout["id"]
    assert first["id"] != second["id"]
    assert len({test["id"] for test in report["tests"]}) == 8
    tests = [test for test in report["tests"] if test["build_id"] == first["id"]]
    assert [(test["path"], test["status"]) for test in tests] == [
        ("netlab.probes.port-open", "PASS"),
        ("netlab.ipv6.teardown.fin-dropped", "FAIL"),
        ("netlab.atlas.SYN_SENT-SYN_RECV", "SKIP"),
        ("netlab.kernel.played-to-the-end", "ERROR"),
    ]
    assert (tests[1]["comment"], tests[1]["log_excerpt"]) == ("pair not held", "one\n  two")
    assert re.fullmatch(r"my_ci:netlab-[0-9a-f]{20}", tests[0]["id"])


def test_the_same_build_is_the_same_in_another_report() -> None:
    later = datetime(2026, 11, 29, tzinfo=UTC)
    one, other = (kcidb("my_ci", [BUILD], when) for when in (BEGAN, later))
    assert (one["builds"], one["checkouts"]) == (other["builds"], other["checkouts"])
    ids = {test["id"] for report in (one, other) for test in report["tests"]}
    assert len(ids) == 8
