# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit``: the table, one fault, records, files, the page, mistakes and exit codes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from junitparser import JUnitXml

from netlab import cli
from tests.kernel.test_audit import ASKS, IN_TIME, PYTHON

from .browser import look
from .shell import netlab

LINE = ("--talks", "line", "--cap", "2s")
FITS = "(page, view) => page.documentElement.scrollWidth - view.innerWidth"


def test_all_faults_are_one_screen_of_80_columns() -> None:
    done = netlab("audit", *LINE, "--", *PYTHON, ASKS, COLUMNS="80")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].split() == ["fault", "verdict", "after", "why"]
    assert lines[2].startswith("syn-lost              hangs")
    assert re.search(r"\d+ fine, \d+ error, \d+ not reached, .*\d+ hangs.* in [\d.]+ s", lines[-1])
    assert len(lines) < 40


def test_the_table_fits_a_terminal() -> None:
    from netlab.model.auditing import AuditCell, AuditPlay, Judgement
    from netlab.render.audit import AuditTable
    from netlab.render.style import Style

    table = AuditTable(["one-byte-a-second"], Style(False), 80)
    play = AuditPlay("one-byte-a-second", 41.0, reached_at=0.5)
    cell = AuditCell(play.fault, "", play, (Judgement("sent twice", "why " * 50),))
    lines = [*table.head(), table.row(cell)]
    assert max(map(len, lines)) == 80
    assert lines[-1].startswith("one-byte-a-second  sent twice")


def test_one_fault_is_told_with_all_that_was_seen() -> None:
    done = netlab("audit", *LINE, "--fault", "silent-server", "--", *PYTHON, ASKS)
    assert done.code == 1
    for said in (
        "silent-server: the request is read, and nothing is answered",
        "verdict    hangs",
        "why        for ever: ESTABLISHED, and no timer runs, in recvfrom()",
        "connection 1: hello; its reply did not arrive whole",
        "again      netlab audit --fault silent-server --talks line --cap 2s",
        "├── SYN seq=0",
    ):
        assert said in done.out


def test_the_command_that_is_named_plays_it_again_with_the_same_verdict() -> None:
    done = netlab("audit", *LINE, "--fault", "half-then-*", "--json", "--", *PYTHON, ASKS)
    for record in map(json.loads, done.out.splitlines()):
        _, *again = shlex.split(record["command"])
        told = netlab(*again)
        assert f"verdict    {record['verdict']}" in told.out


def test_records_are_objects_a_line() -> None:
    done = netlab("audit", *LINE, "--fault", "half-*", "--json", "--", *PYTHON, ASKS)
    records = {record["fault"]: record for record in map(json.loads, done.out.splitlines())}
    assert {*records} == {"half-then-silence", "half-then-fin", "half-then-rst"}
    silent = records["half-then-silence"]
    assert (silent["verdict"], silent["sound"]) == ("hangs", False)
    assert silent["play"]["sockets"][0]["state"] == "ESTABLISHED"
    assert silent["play"]["until"]["seconds"] is None


def test_nothing_wrong_ends_with_0_and_a_file_for_a_ci(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    done = netlab(
        "audit", *LINE, "--fault", "half-*", "--fault", "nat-*", "--junit", file, "--", *PYTHON,
        IN_TIME,
    )  # fmt: skip
    assert done.code == 0
    (suite,) = JUnitXml.fromfile(str(file))
    assert (suite.tests, suite.failures, suite.skipped) == (4, 0, 1)
    assert {case.classname for case in suite} == {"audit"}


def test_the_page_has_each_fault_with_its_packets(tmp_path: Path) -> None:
    done = netlab("audit", *LINE, "--fault", "half-*", "--report", tmp_path, "--", *PYTHON, ASKS)
    assert f"report: {tmp_path / 'audit.html'}" in done.out
    page = (tmp_path / "audit.html").read_text()
    assert '<article id="half-then-silence">' in page
    assert "├── SYN seq=0" in page
    assert "netlab audit --fault half-then-fin" in page
    for width, dark in ((1280, False), (380, True)):
        seen = look(tmp_path / "audit.html", FITS, tmp_path, width, dark=dark)
        assert seen.complaints == []
        assert seen.answer <= 0


def test_the_list_plays_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "--list"]) == 0
    listed = capsys.readouterr().out
    for said in ("for clients\n  syn-lost ", "for servers (--as-server)\n  client-vanishes ",
                 "--talks\n  http ", "port 6379: keeps keys"):  # fmt: skip
        assert said in listed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--fault", "syn-lots", "--", "true"], "did you mean syn-lost"),
        ([], "no program to audit: netlab audit [OPTIONS] -- PROGRAM ..."),
        (["--", "./not-there"], "there is no program './not-there' that could be run"),
        (["--talks", "gopher", "--", "true"], "nobody here talks 'gopher'"),
        (["--server", "true", "--", "true"], "--server needs --port"),
        (["--as-server", "--", "true"], "--as-server needs --port"),
        (["--as-server", "--port", "1", "--talks", "mysql", "--", "true"], "over mysql"),
        (["--as-server", "--port", "1", "--server", "true", "--", "true"], "not both"),
        (["--cap", "1s", "--promise", "2s", "--", "true"], "a promise of at most the cap"),
        (["--port", "0", "--", "true"], "expected a port from 1 to 65535; found '0'"),
        (["--", "true"], "it never connects to the server's port 80"),
        (["--", "false"], "without any fault it fails already, with exit code 1"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], says: str) -> None:
    done = netlab("audit", *words)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
