# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as files and as tests: one test a fault, all played at once."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from netlab.audit import document
from netlab.model.errors import ScenarioError

from .test_audit import ASKS, IN_TIME, PYTHON

pytest_plugins = "pytester"
SILENT = "[never-accepted, silent-server, refused, idle-then-cut]"


def audit(pytester: pytest.Pytester, program: str, more: str = "") -> Path:
    """An audit.yaml of a program in Python that talks in lines."""
    client = pytester.path / "client.py"
    client.write_text(program.replace('"{server}"', "sys.argv[1]").replace("{port}", "7000"))
    client.write_text("import sys\n" + client.read_text())
    file = pytester.path / "audit.yaml"
    file.write_text(
        f"program: {sys.executable} -IS {client} {{server}}\n"
        f"talks: line\ncap: 1s\nfaults: {SILENT}\n{more}"
    )
    return file


def test_each_fault_is_a_test(pytester: pytest.Pytester) -> None:
    audit(pytester, ASKS)
    began = time.monotonic()
    result = pytester.runpytest_subprocess("-v")
    assert time.monotonic() - began < 30
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    result.stdout.fnmatch_lines(
        ["*audit.yaml::refused PASSED*", "*never-accepted: *", "*verdict *hangs*",
         "*why *for ever*", "*again *netlab audit --fault never-accepted --talks line*"]
    )  # fmt: skip


def counted(starts: Path) -> str:
    """A program that writes a line there each time it is started, and then asks."""
    return f"open({str(starts)!r}, 'a').write('once\\n')\n{IN_TIME}"


def test_workers_play_each_fault_once(pytester: pytest.Pytester) -> None:
    starts = pytester.path / "starts"
    audit(pytester, counted(starts))
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=3, skipped=1)
    assert len(starts.read_text().splitlines()) == 1 + 4  # without a fault, and with each


def test_workers_play_what_is_asked_of_the_fixture_once(pytester: pytest.Pytester) -> None:
    starts = pytester.path / "starts"
    program = [*PYTHON, counted(starts)]
    pytester.makepyfile(
        f"""
        import netlab, pytest

        @pytest.mark.parametrize("fault", ["refused", "rst-without-reply", "half-then-rst"])
        def test_it(fault: str, audit: netlab.Auditor) -> None:
            assert audit({program!r}, fault, talks="line", cap=2.0).sound
        """
    )
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=3)
    assert len(starts.read_text().splitlines()) == 1 + 3


def test_what_is_meant_passes(pytester: pytest.Pytester) -> None:
    more = "allow: {never-accepted: hangs, silent-server: hangs, idle-then-cut: not reached}\n"
    audit(pytester, ASKS, more)
    pytester.runpytest_subprocess().assert_outcomes(passed=4)


def test_what_is_no_audit_is_one_test_that_fails(pytester: pytest.Pytester) -> None:
    audit(pytester, ASKS, "promises: 3s\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*audit.yaml: no key 'promises': did you mean promise?*"])


def test_a_program_that_does_not_work_is_an_error(pytester: pytest.Pytester) -> None:
    audit(pytester, "raise SystemExit('no such table')")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*without any fault it fails already*", "*no such table*"])
    result.stdout.no_fnmatch_line("During handling of the above exception*")


def test_the_fixture_plays_all_that_were_selected_at_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import netlab, pytest, time
        began = time.monotonic()

        @pytest.mark.parametrize("fault", ["half-then-rst", "rst-without-reply"])
        def test_rst(fault: str, audit: netlab.Auditor) -> None:
            cell = audit({[*PYTHON, IN_TIME]!r}, fault, talks="line", cap=2.0)
            assert cell.sound, cell.why
            assert {{name for _, name in audit._cells}} == {{"half-then-rst", "rst-without-reply"}}
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_fixture_skips_what_is_not_reached_unless_it_is_asked_for(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        f"""
        import netlab, pytest

        def of(fault: str, audit: netlab.Auditor, **given: bool):
            return audit({[*PYTHON, IN_TIME]!r}, fault, talks="line", cap=2.0, **given)

        @pytest.mark.parametrize("fault", ["nat-forgot", "refused"])
        def test_sound(fault: str, audit: netlab.Auditor) -> None:
            assert of(fault, audit).sound

        def test_asked_for(audit: netlab.Auditor) -> None:
            cell = of("nat-forgot", audit, skip=False)
            assert (cell.word, cell.sound) == ("not reached", True)
        """
    )
    result = pytester.runpytest_subprocess("-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * test_*.py:4: not reached: it meets a second request*"])


def test_what_does_not_work_without_a_fault_is_told_without_the_inside(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        def test_sound(audit):
            assert audit("false", "refused").sound
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*without any fault it fails already, with exit code 1*"])
    assert "auditor.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("talks: http", "expected 'program: COMMAND ...'"),
        ("program: 5", "program: expected a command, or a list of words; found 5"),
        ('program: "true \'x"', "program: no closing quotation"),
        ("program: 'true'\ntalks: gopher", "nobody here talks 'gopher'"),
        ("program: 'true'\ncap: soon", "cap: expected a duration such as 5s or 500ms"),
        ("program: 'true'\njobs: all", "jobs: expected a number of labs at the same time"),
        ("program: 'true'\nport: http", "port: expected a number from 1 to 65535"),
        ("program: 'true'\nallow: [1]", "allow: expected FAULT: VERDICT"),
        ("program: 'true'\nallow: {a: fine}", "allow: no fault is called 'a'"),
        ("program: 'true'\nallow: {refused: bad}", "allow: expected one of dies, spins"),
        ("program: 'true'\nfaults: [syn-los]", "did you mean syn-lost"),
        ("program: 'true'\nfaults: syn-lost", "faults: expected a list of names"),
        ("program: 'true'\nas-server: maybe", "as-server: expected yes or no"),
        ("program: [", ":1: this is no YAML|:2: this is no YAML"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=f"audit.yaml.*({says})"):
        document.load(file)
