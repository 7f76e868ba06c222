# SPDX-License-Identifier: GPL-2.0-or-later
"""KTAP: every outcome is one line that the kernel's own reader takes for what it is."""

from __future__ import annotations

from netlab.model.evidence import Failure
from netlab.model.kernel_run import KernelRun, Machine, PlayedRow, Timing
from netlab.model.vocabulary import Family
from netlab.render import ktap
from netlab.render.verdicts import Verdict, of_kernel, of_row, of_scenario
from tests.build import evidence

FAILED = evidence("fin-dropped", path="/x/teardown/fin-dropped.yaml", outcome="fail",
                  failure=Failure("pair not held", line=9))  # fmt: skip
MACHINE = Machine("host", "6.18", "#1", "x86_64", 250)


def lines(*verdicts: Verdict) -> list[str]:
    return [line for number, each in enumerate(verdicts, 1) for line in ktap.point(number, each)]


def test_each_outcome_has_its_line() -> None:
    runs = [
        evidence("port-open", path="/x/probes/port-open.yaml"),
        FAILED,
        evidence("a", path="/x/y/a.yaml", outcome="skip", reason="no sysctl"),
        evidence("b", path="/x/y/b.yaml", outcome="error", reason="no veth"),
    ]
    assert lines(*map(of_scenario, runs)) == [
        "ok 1 probes.port-open",
        "# /x/teardown/fin-dropped.yaml:9: pair not held",
        "not ok 2 teardown.fin-dropped",
        "ok 3 y.a # SKIP no sysctl",
        "# b: no veth",
        "not ok 4 y.b # ERROR no veth",
    ]


def test_a_name_over_ipv6_is_another_one() -> None:
    run = evidence("port-open", path="/x/probes/port-open.yaml", family=Family.IPV6)
    assert lines(of_scenario(run)) == ["ok 1 ipv6.probes.port-open"]


def test_no_name_and_no_reason_begins_a_line_or_a_directive() -> None:
    run = evidence("a # SKIP\nok 2 b", path="/x/y/a.yaml", outcome="skip", reason="one\ntwo\x1b[0m")
    assert lines(of_scenario(run)) == ["ok 1 y.a _ SKIP ok 2 b # SKIP one two\\x1b[0m"]


def test_a_kernel_is_a_test_with_tests_of_its_own() -> None:
    waited = Timing("rto-max", "", problem="no sysctl")
    run = KernelRun(MACHINE, (evidence(path="/x/probes/port-open.yaml"),), timings=(waited,))
    dead = KernelRun(MACHINE, error="no boot", console=("panic",))
    named = {"host": of_kernel(run, Family.IPV4), "./bzImage": of_kernel(dead, Family.IPV4)}
    assert (
        "\n".join(ktap.nested(named))
        == """\
KTAP version 1
1..2
  KTAP version 1
  # Subtest: host
  1..3
  ok 1 probes.port-open
  ok 2 timers.rto-max # SKIP no sysctl
  ok 3 kernel.played-to-the-end
ok 1 host
  KTAP version 1
  # Subtest: ./bzImage
  1..1
  # panic
  not ok 1 kernel.played-to-the-end # ERROR no boot
not ok 2 ./bzImage
# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:1"""
    )


def test_a_kernel_that_nobody_has_is_skipped() -> None:
    absent = [Verdict("kernel", "played-to-the-end", "skip", "no mirror has it")]
    assert "ok 1 debian:x # SKIP nothing was played" in [*ktap.nested({"debian:x": absent})]


def test_a_row_that_is_otherwise_is_told_with_its_answers() -> None:
    row = PlayedRow("rst-exact/LISTEN", Family.IPV6, outcome="fail", problem="answers ACK",
                    answers=("ACK ack=next",), then="LISTEN")  # fmt: skip
    assert lines(of_row(row)) == [
        "# rst-exact/LISTEN (IPv6): answers ACK",
        "#   answers: ACK ack=next",
        "#   then: LISTEN",
        "not ok 1 ipv6.conformance.rst-exact/LISTEN",
    ]
