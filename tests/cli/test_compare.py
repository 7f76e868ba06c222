# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab compare and netlab baseline, as a person calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.kernels.compare.baseline import text
from netlab.kernels.compare.behaviour import behaviour
from netlab.kernels.compare.stored import runs
from netlab.kernels.matrix import file_name, store
from netlab.model import kernel_run
from netlab.model.evidence import Evidence
from netlab.model.kernel_run import KernelRun, Machine, Timing

from ..build import evidence
from .browser import look
from .shell import netlab, scenario

MACHINE = Machine("debian:bookworm", "6.1.0-56-amd64", "#1 SMP", "x86_64", 250, "virtual")
OLD_SYN = Timing("syn", "no answer", 129.2, (0, 1.01, 3.03, 7.1, 15.2, 31.5, 64.6), "ETIMEDOUT")
NEW_SYN = Timing("syn", "no answer", 134.9, (0, 1, 2, 3, 4, 5, 7.1, 11.2, 19.4, 35.5, 69.3))
LINEAR = {"net.ipv4.tcp_syn_linear_timeouts": "4"}


def play(name: str = "syn-dropped", pair: str = "SYN_SENT/LISTEN") -> Evidence:
    """A scenario that passed."""
    return evidence(name, pair, kernel="6.1")


OLD = KernelRun(
    MACHINE,
    (play(), play("fin-dropped")),
    timings=(OLD_SYN,),
    sysctls={"net.ipv4.tcp_sack": "1"},
    done=True,
)
NEW = replace(
    OLD,
    machine=Machine("debian:trixie", "6.12.1-amd64", "#1", "x86_64", 250, "virtual"),
    timings=(NEW_SYN,),
    sysctls={"net.ipv4.tcp_sack": "1", **LINEAR},
)
HOLDS = "(2 scenarios, 1 time-out)"
#: Does something that nothing explains.
ODD = replace(
    NEW,
    machine=replace(MACHINE, spec="./vmlinuz", release="6.99.0-mine"),
    scenarios=(play(pair="CLOSED/LISTEN"), play("fin-dropped")),
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache in which these runs are stored."""
    folder = tmp_path / "cache" / "runs"
    folder.mkdir(parents=True)
    for run in (OLD, NEW, ODD):
        run.write(folder / f"{run.machine.release}.jsonl")
    return tmp_path / "cache"


EMPTY = KernelRun(replace(MACHINE, release="6.2.0"), done=True)


# --- compare


def test_what_has_nothing_to_compare_is_not_without_differences(
    cache: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    OLD.write(one)
    EMPTY.write(other)
    done = netlab("compare", one, other)
    assert (done.code, done.out) == (2, "")
    assert "there is nothing to compare" in done.err


def test_a_check_of_nothing_is_no_check(tmp_path: Path) -> None:
    baseline, empty = tmp_path / "it.yaml", tmp_path / "empty.jsonl"
    baseline.write_text(text(behaviour(OLD)))
    EMPTY.write(empty)
    for words in ((), ("--ignore-missing",)):
        done = netlab("baseline", "check", baseline, "--run", empty, *words)
        assert done.code == 3, done
        assert "as recorded" not in done.out
    assert "nothing of the baseline was played, so nothing was compared" in done.err


def test_what_is_explained_is_no_failure(cache: Path) -> None:
    done = netlab("compare", "6.1", "debian:trixie", NETLAB_CACHE=str(cache))
    assert (done.code, done.err) == (0, "")
    assert "6.1 → 6.12: 2 differences" in done.out
    assert "  syn-linear-timeouts (since 6.5): " in done.out
    assert done.out.endswith("2 differences between 2 runs: all explained\n")


def test_what_is_unexplained_is(cache: Path) -> None:
    done = netlab("compare", "6.12", "6.99", NETLAB_CACHE=str(cache))
    assert (done.code, done.err) == (1, "")
    assert (
        "  UNEXPLAINED syn-dropped: the pair is CLOSED/LISTEN on 6.99, SYN_SENT/LISTEN on\n"
        "    6.12\n" in done.out
    )


def test_a_kernel_does_not_differ_from_itself(cache: Path) -> None:
    file = cache / "runs" / f"{OLD.machine.release}.jsonl"
    done = netlab("compare", file, file, "--table")
    assert done.code == 0
    assert "no differences between 2 runs" in done.out


def test_a_folder_of_many_machines_is_one_table(cache: Path, tmp_path: Path) -> None:
    for name, run in (("a", ODD), ("b", OLD), ("c", NEW)):
        (tmp_path / "results" / name / "data").mkdir(parents=True)
        run.write(tmp_path / "results" / name / "data" / "run.jsonl")
    done = netlab("compare", tmp_path / "results", "--table")
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()[:3]] == ["6.1", "6.12", "6.99"]
    assert "syn-dropped    ✓     ✓    ✓b" in done.out


def test_json_is_the_whole_answer(cache: Path) -> None:
    done = netlab("compare", "6.1", "6.12", "6.99", "--json", NETLAB_CACHE=str(cache))
    answer = json.loads(done.out)
    assert [kernel["label"] for kernel in answer["kernels"]] == ["6.1", "6.12", "6.99"]
    first, second = answer["comparisons"]
    assert {one["change"]["id"] for one in first["differences"]} == {"syn-linear-timeouts"}
    (odd,) = second["differences"]
    assert (odd["explained"], odd["change"]) == (False, None)
    assert odd["facts"] == [
        {
            "topic": "scenario",
            "subject": "syn-dropped",
            "aspect": "pair",
            "before": "SYN_SENT/LISTEN",
            "after": "CLOSED/LISTEN",
        }
    ]


def test_half_a_run_is_an_error_and_the_rest_is_compared(cache: Path, tmp_path: Path) -> None:
    whole = cache / "runs" / f"{NEW.machine.release}.jsonl"
    half = tmp_path / "half.jsonl"
    half.write_text("\n".join(whole.read_text().splitlines()[:-1]))
    done = netlab("compare", whole, half)
    assert done.code == 3
    assert "ERROR 6.12.1-amd64 (2): the run was cut short" in done.out
    assert "no differences between 2 runs" in done.out


def test_runs_that_are_not_there_are_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    for words, said in (
        (["6.1"], "6.1 is one run: name another one to compare it with"),
        (["5.10", "6.1"], "'5.10' is no file, no folder, and no kernel of a stored run (stored: "),
        (["6", "6.1"], "6 is more than one stored run: 6.1.0-56-amd64, 6.12.1-amd64, 6.99.0-mine"),
        ([str(tmp_path / "nowhere"), "6.1"], "nowhere: no such file or folder"),
        ([str(tmp_path / "empty"), "6.1"], "there is no stored run (*.jsonl) in this folder"),
        ([str(tmp_path / "text"), "6.1"], "text: line 1 is no record of a run"),
    ):
        done = netlab("compare", *words, NETLAB_CACHE=str(cache))
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_a_page_that_cannot_be_written_is_refused(cache: Path) -> None:
    nowhere = "/proc/netlab.html"
    done = netlab("compare", "6.1", "6.12", "--page", nowhere, NETLAB_CACHE=str(cache))
    assert done.code == 2
    assert f"--page: {nowhere} cannot be written" in done.err


# --- the page, in a browser

OVERFLOW = """(page, view) => [page.documentElement.scrollWidth - view.innerWidth,
  ...[...page.querySelectorAll("body *")].filter(one => !one.closest("svg, .scroll, pre"))
    .filter(one => one.getBoundingClientRect().right > view.innerWidth + 1
      && getComputedStyle(one).position !== "absolute")
    .map(one => one.outerHTML.slice(0, 90))]"""
SHADES = """(page, view) => ["backgroundColor", "color"].map(what =>
  view.getComputedStyle(page.body)[what].match(/\\d+/g).reduce((sum, n) => sum + +n, 0))"""
NEWS = """(page, view) => [...page.querySelectorAll(".news")].map(cell =>
  [cell, page.body].map(one => view.getComputedStyle(one).backgroundColor))"""


@pytest.fixture
def html(cache: Path, tmp_path: Path) -> Path:
    file = tmp_path / "kernels.html"
    done = netlab("compare", "6.1", "6.12", "6.99", "--page", file, NETLAB_CACHE=str(cache))
    assert done.out.endswith(f"page: {file}\n")
    return file


def test_the_page_in_a_browser(html: Path, tmp_path: Path) -> None:
    for width in (1000, 360):
        seen = look(html, OVERFLOW, tmp_path, width)
        assert (seen.answer[0] <= 0, seen.answer[1:], seen.complaints) == (True, [], [])
    news = look(html, NEWS, tmp_path).answer
    assert len(news) == 3
    assert all(cell != paper for cell, paper in news)
    paper, ink = look(html, SHADES, tmp_path).answer
    assert (paper > 700, ink < 200) == (True, True)
    paper, ink = look(html, SHADES, tmp_path, dark=True).answer
    assert (paper < 200, ink > 600) == (True, True)


# --- baseline


def test_a_baseline_of_a_run_and_another_run(cache: Path, tmp_path: Path) -> None:
    runs, file = cache / "runs", tmp_path / "b.yaml"
    done = netlab("baseline", "record", "--run", runs / "6.12.1-amd64.jsonl", "-o", file)
    assert (done.code, done.out) == (0, f"baseline of 6.12.1-amd64: {file} {HOLDS}\n")
    done = netlab("baseline", "check", file, "--run", runs / "6.12.1-amd64.jsonl")
    assert (done.code, done.out) == (0, "as recorded (6.12.1-amd64, baseline 6.12.1-amd64)\n")
    done = netlab("baseline", "check", file, "--run", runs / "6.99.0-mine.jsonl")
    assert done.code == 1
    assert done.out.splitlines()[0] == (
        "DIFFERENT syn-dropped: the pair is CLOSED/LISTEN on 6.99.0-mine, "
        "SYN_SENT/LISTEN in the baseline"
    )


def test_a_kernel_that_is_made_to_misbehave_is_caught(tmp_path: Path) -> None:
    """Its SYN is lost; with one retransmission it has given up before the pair is looked for."""
    patient = scenario(
        tmp_path,
        "drop: {segment: SYN, to: server}",
        "client: connect",
        "reach: {client: SYN_SENT, server: LISTEN, hold: 4s}",
        pair="SYN_SENT/LISTEN",
        name="still-asks",
    )
    file = tmp_path / "b.yaml"
    record = netlab("baseline", "record", patient, "-o", file)
    assert record.code == 0
    again = netlab("baseline", "check", file, patient)
    assert (again.code, again.out.split(" (")[0]) == (0, "as recorded")
    setting = ("--sysctl", "tcp_syn_retries=1", "--sysctl", "tcp_syn_linear_timeouts=0")
    done = netlab("baseline", "check", file, patient, *setting)
    assert done.code == 1
    assert done.out.startswith("DIFFERENT still-asks: fails on ")
    assert done.out.splitlines()[0].endswith("; passes in the baseline")
    assert "was played with tcp_syn_retries=1, tcp_syn_linear_timeouts=0" in done.err


def test_a_check_plays_what_was_recorded_and_nothing_else(tmp_path: Path) -> None:
    file, quick = tmp_path / "b.yaml", ("--hold", "10ms")
    assert netlab("baseline", "record", "port-open", "port-closed", *quick, "-o", file).code == 0
    done = netlab("baseline", "check", file, *quick)
    assert done.code == 0
    assert done.err.startswith("netlab: ")
    assert ": 2 passed, " in done.err


def test_two_builds_of_one_release_are_told_apart(tmp_path: Path) -> None:
    """They are kept side by side, and a release alone means the one that was played last."""
    cache, baseline = tmp_path / "cache", tmp_path / "b.yaml"
    (cache / "runs").mkdir(parents=True)
    for number, pair in ((7, "SYN_SENT/LISTEN"), (8, "CLOSED/LISTEN")):
        version = f"#{number} SMP PREEMPT_DYNAMIC Sat Nov 28 01:0{number} UTC 2026"
        about = replace(MACHINE, spec=".", release="6.12.1-mine", version=version)
        run = replace(OLD, machine=about, scenarios=(play(pair=pair),))
        run.write(cache / "runs" / file_name(run))
    seven, eight = sorted((cache / "runs").iterdir())
    assert [path.name for path in (seven, eight)] == [
        f"6.12.1-mine-{number}-Sat-Nov-28-01-0{number}-UTC-2026.jsonl" for number in (7, 8)
    ]
    assert netlab("baseline", "record", "--run", seven, "-o", baseline).code == 0
    done = netlab("baseline", "check", baseline, "--run", eight)
    assert done.out.endswith(
        "1 difference (6.12.1-mine #8 Sat Nov 28 01:08 UTC 2026, "
        "baseline 6.12.1-mine #7 Sat Nov 28 01:07 UTC 2026)\n"
    )
    done = netlab("compare", "6.12.1-mine#7", "6.12.1-mine", NETLAB_CACHE=str(cache))
    assert (done.code, done.err) == (1, "")
    assert "6.12.1-mine #7 → 6.12.1-mine #8: 1 difference" in done.out


def test_a_run_is_called_what_its_user_calls_it(tmp_path: Path) -> None:
    """By baseline and matrix; --output has the run, too."""
    file, quick, out = tmp_path / "b.yaml", ("port-open", "--hold", "10ms"), tmp_path / "out"
    assert netlab("baseline", "record", *quick, "-o", file).code == 0
    called = (*quick, "--name", "fix-2", "--output", out)
    done = netlab("baseline", "check", file, *called)
    assert done.code == 0
    assert done.out.startswith("as recorded (fix-2, baseline ")
    assert [path.name for path in out.iterdir()] == ["fix-2.jsonl"]
    for words, said in (
        (("matrix", "--kernel", "host", "debian:sid", "--name", "x"), "give one kernel"),
        (("matrix", "--kernel", "host", "--append", "quiet"), "host is the one that runs already"),
        (("baseline", "check", file, "--append", "quiet"), "host is the one that runs already"),
        (("matrix", "--kernel", "host", "--name", "a/b"), "expected letters, digits, and any of"),
    ):
        done = netlab(*words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


@pytest.mark.parametrize(("died", "code"), [(True, 1), (False, 3)])
def test_a_kernel_that_dies_differs_and_one_that_cannot_be_played_does_not(
    died: bool, code: int, tmp_path: Path
) -> None:
    """The first is what the kernel does, the second may be anything."""
    baseline, now = tmp_path / "it.yaml", tmp_path / "now.jsonl"
    baseline.write_text(text(behaviour(OLD)))
    replace(OLD, done=False, error="the guest hangs", died=died).write(now)
    done = netlab("baseline", "check", baseline, "--run", now)
    assert done.code == code
    mark = "DIFFERENT" if died else "NOT COMPARED"
    assert done.out.startswith(f"{mark} 6.1.0-56-amd64: the guest hangs")


def test_half_a_run_is_no_baseline(cache: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.jsonl"
    whole = (cache / "runs" / "6.12.1-amd64.jsonl").read_text()
    half.write_text("\n".join(whole.splitlines()[:-1]))
    done = netlab("baseline", "record", "--run", half)
    assert (done.code, done.out) == (3, "")
    assert "an incomplete run is not recorded" in done.err


def test_what_is_no_baseline_is_refused(tmp_path: Path) -> None:
    done = netlab("baseline", "check", tmp_path / "none.yaml")
    assert (done.code, done.out) == (2, "")
    assert "none.yaml: cannot be read: No such file or directory" in done.err


def test_a_run_of_a_few_scenarios_is_no_loss_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each netlab matrix and baseline stores what it has played, under the name of the build."""
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path))
    whole = replace(OLD, scenarios=(play("one"), play("two")))
    few = replace(OLD, scenarios=(play("two", pair="CLOSED/LISTEN"),))
    changed = replace(few, machine=replace(MACHINE, changed={"tcp_syn_retries": "2"}))
    (path,) = {store(whole), store(few)}
    seen = {run.scenario: str(run.observed) for run in kernel_run.read(path).scenarios}
    assert seen == {"one": str(play().observed), "two": "CLOSED/LISTEN"}
    beside = store(changed)
    assert beside.name.endswith("-tcp_syn_retries-2.jsonl")
    assert [run.scenario for run in kernel_run.read(beside).scenarios] == ["two"]
    (found,) = runs([MACHINE.release])  # and not the last one, which was not played as usual
    assert [run.scenario for run in found.scenarios] == ["one", "two"]
