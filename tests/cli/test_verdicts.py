# SPDX-License-Identifier: GPL-2.0-or-later
"""--ktap and --junit: what a run, the atlas and a matrix tell a CI, as foreign readers take it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import junitparser
import kcidb_io
import pytest

from netlab.model.evidence import Failure
from netlab.model.kernel_run import KernelRun, Machine

from .. import kunit
from ..build import evidence
from .shell import NETLAB, Done, environment, netlab, scenario

CONNECT = "client: connect"


@pytest.fixture
def every_outcome(tmp_path: Path) -> list[Path]:
    """Scenarios that pass, fail, are skipped and cannot be played."""
    passes = scenario(tmp_path, CONNECT, pair="ESTABLISHED/ESTABLISHED", name="passes")
    fails = scenario(tmp_path, CONNECT, pair="SYN_SENT/LISTEN", within="300ms", name="fails")
    errs = scenario(tmp_path, "client: {sysctl: {tcp_banana: 1}}", name="errs")
    lacks = scenario(tmp_path, CONNECT, name="lacks")
    lacks.write_text(f"needs: tcp_banana\n{lacks.read_text()}")
    return [passes, fails, errs, lacks]


def test_the_kernels_own_reader_takes_a_run(every_outcome: list[Path], tmp_path: Path) -> None:
    done = netlab("run", "--ktap", *every_outcome)
    assert (done.code, done.err) == (3, "")
    assert done.out.splitlines()[:2] == ["KTAP version 1", "1..4"]
    path = tmp_path / "run.ktap"
    path.write_text(done.out)
    found = kunit.parsed(path)
    folder = tmp_path.name
    assert found.results == {
        f"{folder}.passes": "PASSED", f"{folder}.fails": "FAILED",
        f"{folder}.errs": "FAILED", f"{folder}.lacks": "SKIPPED",
    }  # fmt: skip
    assert (found.code, found.complaints) == (1, [])
    assert found.counts == "Ran 4 tests: passed: 1, failed: 2, skipped: 1"


def test_another_reader_takes_the_file_of_a_run(every_outcome: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.xml"
    done = netlab("run", "--junit", path, *every_outcome)
    assert done.code == 3
    assert "1 passed" in done.out  # the table is there as well
    whole = junitparser.JUnitXml.fromfile(str(path))
    assert (whole.tests, whole.failures, whole.errors, whole.skipped) == (4, 1, 1, 1)
    (suite,) = whole
    assert suite.name == f"netlab {os.uname().release}"
    why = {case.name: [each.message for each in case.result] for case in suite}
    assert why["passes"] == []
    assert "pair not reached" in why["fails"][0]
    assert "tcp_banana" in why["errs"][0]
    assert "tcp_banana" in why["lacks"][0]


def test_the_kernels_own_reader_takes_the_atlas(tmp_path: Path) -> None:
    done = netlab("atlas", "--ktap", "--junit", tmp_path / "atlas.xml")
    (tmp_path / "atlas.ktap").write_text(done.out)
    found = kunit.parsed(tmp_path / "atlas.ktap")
    whole = junitparser.JUnitXml.fromfile(str(tmp_path / "atlas.xml"))
    assert (done.code, found.code, found.complaints) == (0, 0, [])
    assert {"atlas.SYN_SENT/SYN_RECV", "atlas.model-and-kernel-agree"} <= found.results.keys()
    assert whole.tests == len(found.results)
    assert whole.failures == whole.errors == 0


def test_the_kernels_own_reader_takes_a_matrix(tmp_path: Path) -> None:
    done = netlab("matrix", "port-closed", "--kernel", "host", "--ktap", "--junit", tmp_path / "m")
    (tmp_path / "m.ktap").write_text(done.out)
    found = kunit.parsed(tmp_path / "m.ktap")
    assert (done.code, found.code, found.complaints) == (0, 0, [])
    assert found.results == {"probes.port-closed": "PASSED", "kernel.played-to-the-end": "PASSED"}
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "m"))
    assert suite.name == "netlab host"
    assert ("release", os.uname().release) in [(p.name, p.value) for p in suite.properties()]


@pytest.fixture
def another_kernel(tmp_path: Path) -> list[str]:
    """A check of a run with a baseline: as recorded, otherwise, without an answer, not there."""
    words = []
    for name, plays in {
        "old": [evidence(each) for each in ("same", "other", "broken", "absent")],
        "new": [
            evidence("same"), evidence("other", "SYN_SENT/LISTEN"),
            evidence("broken", outcome="error", reason="no lab"),
        ],
    }.items():  # fmt: skip
        machine = Machine("host", f"6.1-{name}", "#1 SMP", "x86_64", 250)
        run = KernelRun(machine, tuple(plays), sysctls={"net.ipv4.tcp_sack": "1"}, done=True)
        run.write(tmp_path / f"{name}.jsonl")
        words.append(str(tmp_path / f"{name}.jsonl"))
    path = tmp_path / "old.yaml"
    assert netlab("baseline", "record", "--run", words[0], "-o", path).code == 0
    return ["baseline", "check", str(path), "--run", words[1]]


def test_others_readers_take_a_check_of_a_baseline(
    another_kernel: list[str], tmp_path: Path
) -> None:
    done = netlab(*another_kernel, "--ktap", "--junit", tmp_path / "check.xml")
    (tmp_path / "check.ktap").write_text(done.out)
    found = kunit.parsed(tmp_path / "check.ktap")
    assert (done.code, found.code, found.complaints) == (1, 1, [])
    assert found.results == {
        "scenarios.same": "PASSED", "scenarios.other": "FAILED", "scenarios.broken": "FAILED",
        "scenarios.absent": "FAILED", "kernel.sysctls": "PASSED", "kernel.counters": "PASSED",
        "kernel.played-to-the-end": "PASSED",
    }  # fmt: skip
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "check.xml"))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 1, 2, 0)
    assert ("release", "6.1-new") in [(p.name, p.value) for p in suite.properties()]
    why = {case.name: [each.message for each in case.result] for case in suite}
    assert why["same"] == []
    assert "other: the pair is SYN_SENT/LISTEN on 6.1-new" in why["other"][0]
    assert "broken: cannot be played on 6.1-new (no lab)" in why["broken"][0]
    assert "1 of 4 scenarios of the baseline was not played: absent" in why["absent"][0]


def test_a_name_in_a_baseline_is_no_test_of_its_own(tmp_path: Path) -> None:
    """A file from somebody else says what is tested, and not what came of it."""
    name = "one\nok 99 scenarios.evil"
    for kernel, outcome in (("old", "pass"), ("new", "fail")):
        run = KernelRun(Machine("host", kernel, "#1", "x86_64", 250), done=True, scenarios=(
            evidence(name, outcome=outcome, failure=Failure(f"it fails\nok 98 {kernel}")),
        ))  # fmt: skip
        run.write(tmp_path / f"{kernel}.jsonl")
    path = tmp_path / "old.yaml"
    netlab("baseline", "record", "--run", tmp_path / "old.jsonl", "-o", path)
    done = netlab("baseline", "check", path, "--run", tmp_path / "new.jsonl", "--ktap")
    assert done.code == 1
    assert not [line for line in done.out.splitlines() if line.strip().startswith("ok 9")]
    assert "not ok 1 scenarios.one ok 99 scenarios.evil" in done.out


def test_what_need_not_be_there_is_skipped(another_kernel: list[str], tmp_path: Path) -> None:
    done = netlab(*another_kernel, "--ignore-missing", "--ktap")
    (tmp_path / "check.ktap").write_text(done.out)
    assert done.code == 1
    assert kunit.parsed(tmp_path / "check.ktap").results["scenarios.absent"] == "SKIPPED"


def test_a_program_takes_a_check_of_a_baseline_line_by_line(another_kernel: list[str]) -> None:
    done = netlab(*another_kernel, "--json")
    *lines, last = map(json.loads, done.out.splitlines())
    assert [(each["result"], [one["name"] for one in each["about"]]) for each in lines] == [
        ("different", ["other"]), ("not compared", ["broken"]), ("not compared", ["absent"]),
    ]  # fmt: skip
    assert (last["result"], last["differences"], last["not_compared"]) == ("different", 1, 2)


def test_what_a_known_change_explains_need_be_no_difference(tmp_path: Path) -> None:
    for name, sysctls in (("6.1", {}), ("6.6", {"net.ipv4.tcp_syn_linear_timeouts": "4"}),
                          ("6.7", {"net.ipv4.tcp_syn_linear_timeouts": "4",
                                   "net.ipv4.tcp_banana": "1"})):  # fmt: skip
        run = KernelRun(Machine("host", name, "#1 SMP", "x86_64", 250), (evidence(),), done=True,
                        sysctls={"net.ipv4.tcp_sack": "1", **sysctls})  # fmt: skip
        run.write(tmp_path / f"{name}.jsonl")
    path = tmp_path / "old.yaml"
    assert netlab("baseline", "record", "--run", tmp_path / "6.1.jsonl", "-o", path).code == 0

    def check(kernel: str, *words: str) -> Done:
        return netlab("baseline", "check", path, "--run", tmp_path / f"{kernel}.jsonl", *words)

    assert (check("6.6").code, check("6.7").code) == (1, 1)
    known = check("6.6", "--ignore-known")
    assert known.code == 0
    assert known.out.startswith("KNOWN sysctl net.ipv4.tcp_syn_linear_timeouts = 4 is new on 6.6")
    assert "as recorded, but for known changes (6.6, baseline 6.1)" in known.out
    both = check("6.7", "--ignore-known")
    assert both.code == 1
    assert both.out.startswith("DIFFERENT sysctl net.ipv4.tcp_banana = 1 is new on 6.7")
    assert "1 difference (6.7, baseline 6.1)" in both.out
    (tmp_path / "known.ktap").write_text(check("6.6", "--ignore-known", "--ktap").out)
    assert {*kunit.parsed(tmp_path / "known.ktap").results.values()} == {"PASSED"}


def test_a_matrix_names_ones_own_files_as_a_run_does(every_outcome: list[Path]) -> None:
    names = []
    for words in (["run"], ["matrix", "--kernel", "host"]):
        for paths in (every_outcome[:2], every_outcome[1::-1]):
            done = netlab(*words[:1], *paths, *words[1:], "--ktap")
            told = [line.split()[-1] for line in done.out.splitlines() if " ok " in f" {line} "]
            names.append(sorted(name for name in told if name.endswith((".passes", ".fails"))))
    assert [each == names[0] and len(each) == 2 for each in names] == [True] * 4


def test_what_was_stopped_has_not_passed(tmp_path: Path) -> None:
    path = tmp_path / "run.xml"
    words = ["run", "--ktap", "--junit", str(path), "--hold", "60s", "port-closed", "port-open"]
    process = subprocess.Popen([*NETLAB, *words], stdout=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    assert process.stdout.readline() == b"KTAP version 1\n"  # it plays
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    (suite,) = junitparser.JUnitXml.fromfile(str(path))
    (case,) = suite
    assert case.name == "played-to-the-end"
    assert case.result[0].message == "stopped: 2 of 2 had not ended"


@pytest.mark.parametrize("command", ["run", "matrix", "atlas", "conformance", "baseline check x"])
def test_standard_output_has_one_form(command: str) -> None:
    done = netlab(*command.split(), "--ktap", "--json")
    assert (done.code, done.out) == (2, "")
    assert "--json" in done.err


def test_a_file_that_cannot_be_written_is_said_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = netlab("run", "port-closed", "--junit", tmp_path / "file" / "run.xml")
    assert (done.code, done.out) == (2, "")
    assert "--junit" in done.err


def test_the_kernels_own_reader_takes_the_conformance_table(tmp_path: Path) -> None:
    done = netlab("conformance", "--ktap", "--junit", tmp_path / "table.xml")
    (tmp_path / "table.ktap").write_text(done.out)
    found = kunit.parsed(tmp_path / "table.ktap")
    whole = junitparser.JUnitXml.fromfile(str(tmp_path / "table.xml"))
    assert (done.code, found.code, found.complaints) == (0, 0, [])
    names = {"conformance.rst-exact/ESTABLISHED", "ipv6.conformance.rst-exact/ESTABLISHED"}
    assert names <= found.results.keys()
    assert whole.tests == len(found.results)
    assert whole.failures == whole.errors == 0


def test_kcidb_takes_a_matrix() -> None:
    done = netlab("matrix", "port-closed", "--kernel", "host", "--kcidb", "my_ci")
    assert done.code == 0
    report = json.loads(done.out)
    kcidb_io.schema.V5_3.validate_exactly(report)
    (build,) = report["builds"]
    assert build["comment"].startswith(os.uname().release)
    paths = {test["path"]: test["status"] for test in report["tests"]}
    assert paths["netlab.probes.port-closed"] == "PASS"


def test_a_name_that_kcidb_does_not_have_is_refused() -> None:
    done = netlab("matrix", "--kernel", "host", "--kcidb", "My CI")
    assert (done.code, done.out) == (2, "")
    assert "expected the name of a CI system, of a-z, 0-9 and _; found 'My CI'" in done.err
