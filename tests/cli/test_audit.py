# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit``: the table, one fault, records, files, the page, mistakes and exit codes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from junitparser import JUnitXml

from netlab import cli
from netlab.audit import run
from netlab.audit.plan import AuditPlan
from netlab.cli.commands.audit import planned
from tests.kernel.test_audit import ASKS, IN_TIME, PYTHON, SINGLE

from ..programs import need
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
    assert "held by no process" not in done.out  # the server has accepted it


def test_what_a_fault_takes_of_a_goodbye_is_said_to_be_no_finding() -> None:
    done = netlab("audit", *LINE, "--fault", "nat-forgot", "--", *PYTHON, ASKS)
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "not reached why it meets a second request on the connection of the first" in said
    assert "lost only a goodbye (FIN, RST)" in said
    assert "✗ drop-2" in done.out


def test_the_command_that_is_named_plays_it_again_with_the_same_verdict() -> None:
    done = netlab("audit", *LINE, "--fault", "half-then-*", "--json", "--", *PYTHON, ASKS)
    for record in map(json.loads, done.out.splitlines()):
        _, *again = shlex.split(record["command"])
        told = netlab(*again)
        assert f"verdict    {record['verdict']}" in told.out


@pytest.mark.parametrize(
    "words",
    [
        ["--talks", "redis", "--port", "7", "-6", "--", "a b", "--help"],
        ["--as-server", "--port", "8000", "--cap", "5s", "--", "a"],
        ["--server", "a {port}", "--port", "8", "--promise", "300ms", "--", "a"],
        ["--virtual", "--kernel", "debian:sid", "--with", "b", "c d", "--cap", "2min", "--", "a"],
    ],
)
def test_the_command_that_plays_it_again_asks_for_the_same(words: list[str]) -> None:
    def asked(*line: str) -> AuditPlan:
        return planned(cli.parser("audit").parse_args(line))

    plan = asked("audit", *words)
    _, *line = shlex.split(run.again(plan, "syn-lost"))
    assert asked(*line) == plan


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


def test_the_captures_of_each_fault_are_for_other_tools(tmp_path: Path) -> None:
    done = netlab("audit", *LINE, "--fault", "half-*", "--pcap", tmp_path, "--", *PYTHON, ASKS)
    assert f"captures: {tmp_path} (3 files)" in done.out
    written = sorted(tmp_path.iterdir())
    kinds = ("fin", "rst", "silence")
    assert [path.name for path in written] == [f"half-then-{kind}.pcapng" for kind in kinds]
    ends = dict(zip(kinds, ("Flags [F.]", "Flags [R.]", "Flags [P.]"), strict=True))
    for kind, path in zip(kinds, written, strict=True):
        read = subprocess.run(
            [need("tcpdump"), "-nr", str(path)], capture_output=True, text=True, check=True
        ).stdout
        sent = [
            line for line in read.splitlines() if ".2.7000 >" in line and "Flags [.]" not in line
        ]
        assert ends[kind] in sent[-1]


def test_a_server_is_told_with_the_packets_of_who_misbehaves(tmp_path: Path) -> None:
    words = ("--as-server", "--talks", "line", "--port", "7000", "--cap", "2s")
    done = netlab("audit", *words, "--fault", "client-vanishes", "--", *PYTHON, SINGLE)
    (port,) = re.findall(r"^it holds +ESTABLISHED with port (\d+)", done.out, re.MULTILINE)
    assert re.search(rf"client 10[.\d]+:{port} +10[.\d]+:7000 server", done.out)
    several = ("--fault", "client-resets", "--fault", "client-half-closes", "--report", tmp_path)
    netlab("audit", *words, *several, "--", *PYTHON, SINGLE)
    _, *articles = (tmp_path / "audit.html").read_text().split("<article ")
    assert ["├── SYN seq=0" in each for each in articles] == [True, True]


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
        (["--cap", "1s", "--promise", "2s", "--", "true"], "at most the cap (1 s); found 2 s"),
        (["--promise", "0s", "--", "true"], "a promise of more than 0 s"),
        (["--cap", "0s", "--", "true"], "expected a cap of more than 0 s; found 0 s"),
        (["--jobs", "0", "--", "true"], "expected a number from 1 on; found '0'"),
        (["--port", "0", "--", "true"], "expected a port from 1 to 65535; found '0'"),
        (["--", "true"], "it never connects to the server's port 80"),
        (["--", "false"], "fails already, with exit code 1; it wrote nothing"),
        (["--as-server", "--port", "1", "--fault", "syn-*", "--", "true"], "leave out --as-server"),
        (["--fault", "client-vanishes", "--", "true"], "is one of servers: --as-server"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], says: str) -> None:
    done = netlab("audit", *words)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_file_says_what_the_server_says(tmp_path: Path) -> None:
    file = tmp_path / "line.yaml"
    file.write_text('port: 4000\ntalk: [{expect: "hello\\n"}, {send: "you said: hello\\n"}]')
    words = ("--talks", file, "--cap", "5s", "--fault", "half-then-fin")
    done = netlab("audit", *words, "--", *PYTHON, ASKS)
    assert done.code == 0
    for said in (
        "verdict    error",
        "no answer: b'you said'",
        "connection 1: hello",
        ":4000 server",
    ):
        assert said in done.out
    file.write_text("talk: [{expect: 7}]")
    refused = netlab("audit", *words, "--", "true")
    assert (refused.code, refused.out) == (2, "")
    assert "step 1: expected a text, or {hex: 00 ff}; found 7" in refused.err
