# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab matrix: what it asks for, what it keeps, and that one bad kernel stops no other.

Kernels in guests are in tests/kernel/test_kernels_boot.py.
"""

from __future__ import annotations

import functools
import http.server
import json
import platform
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.cli.commands.matrix import exit_code, skips
from netlab.kernels.compare.overview import overview
from netlab.linux.privileges import in_user_namespace
from netlab.model.kernel_run import KernelRun, Machine, read
from netlab.render.style import Style
from netlab.scenario import catalogue

from ..build import evidence
from .shell import Done, netlab

GUESTS = pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone")
SHORT = ("--hold", "10ms", "port-open")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def matrix(cache: Path, *arguments: str | Path, **more: str) -> Done:
    return netlab("matrix", *arguments, NETLAB_CACHE=str(cache), **more)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kernel", "./banana"], "there is no ./banana"),
        (["--kernel", "fedora:first"], "neither a distribution that netlab can fetch"),
        (["--kernel", "debian:bookworm", "--mirror", "debian"], "expected ARCHIVE=URL"),
        (["--kernel", "host", "--small"], "--small is a set of kernels"),
        (["--kernel", "host", "no-such-scenario"], "no scenario is called 'no-such-scenario'"),
        (["--kernel", "host", "--sysctl", "tcp_rmem"], "expected NAME=VALUE"),
        (
            ["port-open", "debian:bookworm"],
            "debian:bookworm is a kernel, and kernels go after --kernel",
        ),
        (["--kernel"], "expected at least one argument"),
    ],
)
def test_what_cannot_be_meant_is_bad_usage(cache: Path, arguments: list[str], said: str) -> None:
    done = matrix(cache, *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not list(cache.rglob("*.jsonl"))


def test_rows_of_the_conformance_table_are_played_by_name(cache: Path) -> None:
    done = matrix(cache, "rst-exact/ESTABLISHED", "rst-exact/CLOS*", "--kernel", "host")
    assert done.code == 0, done.err
    shown = [line.split()[0] for line in done.out.splitlines() if line.startswith("rst-exact/")]
    states = ("CLOSED", "ESTABLISHED", "CLOSE_WAIT", "CLOSING")
    assert {*shown} == {f"rst-exact/{state}" for state in states}
    assert "✓ does as the table says, ≠ otherwise" in done.out
    assert "8 of 8 rows do as the table says" in done.out
    (kept,) = cache.glob("runs/*.jsonl")
    assert not read(kept).scenarios


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("rst-exact", "rows of the conformance table go by event and state: 'rst-exact/*'"),
        ("listen-syn-*", "rows of the conformance table go by event and state: 'listen-syn-*/*'"),
        ("rst-exat/ESTABLISHED", "Did you mean rst-exact/ESTABLISHED?"),
        ("scenarios/syn-droped.yaml", "no such file: there is no folder scenarios"),
        ("fin-droped", "Did you mean fin-dropped"),
    ],
)
def test_a_row_that_is_called_otherwise_is_no_riddle(
    typed: str, says: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = matrix(cache, typed, "--kernel", "host")
    assert done.code == 2
    assert says in done.err


def test_a_row_that_was_asked_for_is_a_test_like_a_scenario(cache: Path, tmp_path: Path) -> None:
    xml = tmp_path / "rows.xml"
    words = ("rst-exact/TIME_WAIT", "rst-exact/CLOSED", "--kernel", "host", "--junit", xml)
    done = matrix(cache, *words, "--ktap")
    assert done.code == 0
    assert "  ok 2 conformance.rst-exact/TIME_WAIT\n" in done.out
    done = matrix(cache, *words, "--ktap", "--sysctl", "tcp_rfc1337=1")
    assert done.code == 1
    assert "  ok 1 conformance.rst-exact/CLOSED\n" in done.out
    assert "  not ok 2 conformance.rst-exact/TIME_WAIT\n" in done.out
    assert "# rst-exact/TIME_WAIT (IPv6): goes to TIME_WAIT, expected CLOSED\n" in done.out
    assert xml.read_text().count("<failure ") == 2


def test_names_may_also_come_after_the_kernels(cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(catalogue.one("port-closed").path.read_text())
    done = matrix(cache, "--kernel", "host", "rst-exact/CLOS*", str(own), "port-closed")
    assert (done.code, done.out.splitlines()[-1].partition(":")[2][:10]) == (0, " 2 passed,")
    assert "rst-exact/CLOSED" in done.out


def test_a_whole_table_is_not_printed_row_by_row_beside_a_scenario(cache: Path) -> None:
    done = matrix(cache, "port-open", "--table", "--kernel", "host", "--hold", "10ms")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) < 10, done.out


def test_what_a_kernel_does_otherwise_is_said_of_rows_that_were_asked_for(cache: Path) -> None:
    done = matrix(cache, "rst-exact/TIME_WAIT", "--kernel", "host", "--sysctl", "tcp_rfc1337=1")
    assert re.search(r"^rst-exact/TIME_WAIT +≠$", done.out, re.M), done.out
    told = r"^rst-exact/TIME_WAIT on \S+: goes to TIME_WAIT, expected CLOSED$"
    assert re.search(told, done.out, re.M), done.out


def test_the_running_kernel_needs_no_guest_and_its_run_is_kept(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    done = matrix(cache, "--kernel", "host", *SHORT, "--output", out, PATH="/nowhere")
    assert done.code == 0, done.err
    assert re.search(r"1 passed", done.err)
    (kept,), (written,) = cache.glob("runs/*.jsonl"), out.glob("*.jsonl")
    assert kept.name == written.name
    run = read(written)
    assert run.done
    assert not run.error
    assert (run.machine.spec, run.machine.clock) == ("host", "real")
    assert run.machine.hz in (100, 250, 300, 1000)
    assert [play.scenario for play in run.scenarios] == ["port-open"]
    assert run.sysctls["net.ipv4.tcp_fin_timeout"] == "60"
    assert "TCPTimeouts" in run.counters


def test_names_of_scenarios_may_stand_behind_the_kernels(cache: Path) -> None:
    done = matrix(cache, "--hold", "10ms", "--kernel", "host", "port-open", "--json")
    assert [json.loads(line)["scenario"] for line in done.out.splitlines()] == ["port-open"]


def test_a_kernel_that_cannot_be_got_stops_no_other(cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "linux-image-6.1.deb"
    broken.write_bytes(b"!<arch>\n and no more")
    done = matrix(cache, *SHORT, "--kernel", broken, "host")
    assert done.code == 3
    assert f"{broken}: cannot be unpacked, it may be" in done.out
    assert "1 passed" in done.err


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_an_error_is_told_once(json: tuple[str, ...], cache: Path, tmp_path: Path) -> None:
    """However many streams a terminal shows; with --json as well for a person as for a program."""
    broken = tmp_path / "linux-image-6.1.deb"
    broken.write_bytes(b"!<arch>\n and no more")
    done = matrix(cache, *SHORT, "--kernel", broken, *json)
    assert done.code == 3
    assert (done.out + done.err).count("cannot be unpacked") == 1 + len(json)
    assert f"{broken.name}): ERROR" in done.err or f"{broken}: ERROR" in done.err


def test_without_qemu_the_package_is_named_before_anything_is_fetched(
    cache: Path, tmp_path: Path
) -> None:
    image = tmp_path / "vmlinuz"
    image.write_bytes(b"\0" * 4096)
    done = matrix(cache, "--kernel", image, PATH="/nowhere")
    assert done.code == 3
    assert "install qemu-system-x86" in done.err


def test_a_scenario_that_fails_fails_the_matrix(cache: Path) -> None:
    lazy = ("--sysctl", "tcp_syn_retries=1", "client-gives-up", "syn-dropped")
    done = matrix(cache, "--hold", "4s", "--kernel", "host", *lazy)
    assert done.code == 1
    assert "1 failed" in done.err


def test_a_skip_has_its_reason(cache: Path) -> None:
    done = matrix(cache, "syn-rejected-with-no-route", "*-policy-fail", "--kernel", "host")
    assert (done.code, done.out.splitlines()[-1]) == (
        0, "skipped: syn-rejected-with-policy-fail: only IPv6 has this",
    )  # fmt: skip


def test_a_reason_is_told_once_with_its_kernels() -> None:
    about = Machine("here", "6.12.1", "#1 SMP", "x86_64", 250)
    plays = [evidence(name, outcome="skip", reason="it cannot") for name in ("one", "two")]
    lacking = KernelRun(about, (*plays, evidence("three")), done=True)
    newer = KernelRun(replace(about, release="7.3.4"), (plays[0],), done=True)
    whole = KernelRun(replace(about, release="7.4"), (evidence(),), done=True)
    style = Style(False)
    assert [*skips((lacking, newer, whole), style)] == [
        "skipped on 6.12.1, 7.3.4: one, two: it cannot"
    ]
    assert [*skips((newer,), style)] == ["skipped: one: it cannot"]
    assert [*skips((whole,), style)] == []


def test_what_an_older_kernel_passed_fails_the_matrix_where_it_is_skipped() -> None:
    about = Machine("here", "6.12.1", "#1 SMP", "x86_64", 250)
    passed = KernelRun(about, (evidence(),), done=True)
    skipped = KernelRun(
        replace(about, release="7.3.4"), (evidence(outcome="skip", reason="it cannot"),), done=True
    )
    for runs, code in (((passed, skipped), 1), ((passed, passed), 0), ((skipped, skipped), 0)):
        assert exit_code(runs, overview(runs).lost) == code


@pytest.mark.skipif(in_user_namespace(), reason="needs the machine's own network namespace")
@GUESTS
@pytest.mark.needs("apt-get", "qemu-system-x86_64")
def test_where_the_mirrors_have_none_of_the_kernels_nothing_has_passed(
    cache: Path, tmp_path: Path
) -> None:
    empty = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        mirrors = [f"--mirror={archive}={url}" for archive in ("debian", "debian-security")]
        done = matrix(cache, "--small", *mirrors, no_proxy="127.0.0.1")
        server.shutdown()
    assert (done.code, done.out) == (3, ""), done.err
    assert "left out, because no mirror has them: debian:" in done.err
