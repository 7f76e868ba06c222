# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab baseline check plays what the baseline holds, and nothing that could not be compared."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netlab import cli
from netlab.cli.commands.baseline import in_good_time, to_check, to_record
from netlab.conformance import rows
from netlab.kernels import matrix
from netlab.kernels.compare.behaviour import KernelProfile, Play
from netlab.kernels.suite import Job
from netlab.model.errors import ScenarioError
from netlab.model.kernel_run import KernelRun, Machine, Timing
from netlab.scenario import catalogue
from netlab.timers import measure
from tests.build import evidence

MACHINE = Machine("host", release="6.18.44", version="", architecture="x86_64", hz=250)
THREE = KernelProfile(
    MACHINE,
    scenarios={name: Play("pass") for name in ("syn-dropped", "synack-dropped", "fin-dropped")},
)
ALL_KINDS = replace(
    THREE,
    cells={"SYN_SENT/LISTEN": Play("pass")},
    timers={name: Timing(name, "") for name in ("syn", "of-another-netlab")},
)


def job(recorded: KernelProfile, *words: str) -> Job:
    """What is played when a person types these words."""
    options = cli.parser("baseline").parse_args(["baseline", "check", "b.yaml", *words])
    return to_check(recorded, options)


def names(what: Job) -> set[str]:
    return {each.name for each in what.scenarios()}


def test_of_three_scenarios_three_are_played() -> None:
    what = job(THREE)
    assert names(what) == {*THREE.scenarios}
    assert (what.atlas, what.timers) == (False, ())


def test_a_slow_one_that_was_recorded_is_played_without_being_asked_for() -> None:
    slow = "syn-dropped-to-the-end"
    assert names(job(replace(THREE, scenarios={slow: Play("pass")}))) == {slow}


def test_names_take_some_of_what_it_holds() -> None:
    assert names(job(THREE, "syn*")) == {"syn-dropped", "synack-dropped"}
    assert names(job(ALL_KINDS, "teardown")) == {"fin-dropped"}
    assert (job(ALL_KINDS, "syn*").atlas, job(ALL_KINDS, "syn*").timers) == (False, ())


def test_cells_and_timers_are_played_where_it_holds_some() -> None:
    what = job(ALL_KINDS)
    assert (what.plays, what.atlas, what.timers) == (True, True, ("syn",))
    assert not job(THREE, "--atlas", "--warp").atlas
    assert not job(THREE, "--atlas", "--warp").timers


def test_timers_alone_are_played_where_they_alone_are_asked_for() -> None:
    what = job(ALL_KINDS, "--timers")
    assert (what.scenarios(), what.atlas, what.timers) == ([], False, ("syn",))


def test_a_file_of_ones_own_is_played_where_it_was_recorded(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(catalogue.one("syn-dropped").path.read_text())
    with_mine = replace(THREE, scenarios={**THREE.scenarios, "mine": Play("pass")})
    assert names(job(with_mine, str(mine))) == {"mine"}
    with pytest.raises(ScenarioError, match="holds nothing of what was asked for"):
        job(THREE, str(mine))
    mine_alone = replace(THREE, scenarios={"mine": Play("pass")})
    with pytest.raises(ScenarioError, match="own, such as mine: name their files, too"):
        job(mine_alone)


def test_rows_are_played_by_name() -> None:
    rows = {"rst-exact/ESTABLISHED": Play("pass"), "rst-exact/CLOSED": Play("pass")}
    what = job(replace(THREE, rows=rows), "rst-exact/ESTABLISHED")
    assert [row.name for row in what.table_rows()] == ["rst-exact/ESTABLISHED"]
    assert what.scenarios() == []


def test_what_it_holds_is_played_also_where_there_are_scenarios_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "scenarios"
    own.mkdir()
    (own / "mine.yaml").write_text(catalogue.one("syn-dropped").path.read_text())
    monkeypatch.chdir(tmp_path)
    assert names(job(THREE)) == {*THREE.scenarios}
    with_mine = replace(THREE, scenarios={"fin-dropped": Play("pass"), "mine": Play("pass")})
    assert names(job(with_mine)) == {"fin-dropped", "mine"}


def test_what_was_recorded_over_another_family_is_not_played() -> None:
    ipv6 = replace(THREE, scenarios={"syn-dropped (IPv6)": Play("pass")})
    assert names(job(ipv6, "--ipv6")) == {"syn-dropped"}
    with pytest.raises(ScenarioError, match=r"^b.yaml: .* it was recorded with --ipv6$"):
        job(ipv6)
    with pytest.raises(ScenarioError, match="without --ipv6"):
        job(THREE, "--ipv6")


def test_rows_of_the_table_are_played_where_it_holds_them() -> None:
    name = rows.rows()[0].name
    some_rows = replace(THREE, rows={f"{name} (IPv6)": Play("pass")})
    what = job(some_rows)
    assert ([row.name for row in what.table_rows()], names(what)) == ([name], {*THREE.scenarios})
    assert not job(THREE).table_rows()
    assert not job(some_rows, "syn-dropped").table_rows()


# --- virtual time, and real time


def asked(*words: str) -> argparse.Namespace:
    return cli.parser("baseline").parse_args(["baseline", *words])


def test_of_a_kernel_that_is_booted_everything_is_recorded() -> None:
    everything = {each.name for each in catalogue.choose((), slow=True)}
    what = to_record(asked("record", "--kernel", "debian:sid"))
    assert (names(what), what.timers) == (everything, measure.NAMES)
    for words in (("--kernel", "host"), ("--kernel", "debian:sid", "--clock", "real")):
        what = to_record(asked("record", *words))
        assert names(what) < everything
        assert what.timers == measure.QUICK
    assert to_record(asked("record", "--warp")).timers == measure.NAMES
    assert to_record(asked("record", "syn-dropped")).timers == ()


def test_what_was_seen_in_virtual_time_is_waited_for_in_real_time_if_it_takes_no_minutes() -> None:
    both = ("syn-dropped", "syn-dropped-to-the-end")
    real = replace(
        THREE,
        scenarios={name: Play("pass") for name in both},
        timers={name: Timing(name, "") for name in ("rto-min", "keepalive")},
    )
    virtual = replace(real, machine=replace(MACHINE, clock="virtual"))
    quick = in_good_time(virtual, asked("check", "b.yaml"))
    assert ({*quick.scenarios}, {*quick.timers}) == ({"syn-dropped"}, {"rto-min"})
    assert in_good_time(real, asked("check", "b.yaml")) == real  # as it was recorded
    assert in_good_time(virtual, asked("check", "b.yaml", "--kernel", "debian:sid")) == virtual
    for word in ("--warp", "--slow"):
        patient = in_good_time(virtual, asked("check", "b.yaml", word))
        assert ({*patient.scenarios}, {*patient.timers}) == ({*both}, {"rto-min"}), "no hours"


def test_a_counter_that_moved_where_it_is_not_looked_need_not_move() -> None:
    both = {name: Play("pass") for name in ("syn-dropped", "syn-dropped-to-the-end")}
    moved = {"Often": 9, "TCPAbortOnTimeout": 2, "Never": 0}
    virtual = KernelProfile(replace(MACHINE, clock="virtual"), scenarios=both, counters=moved)
    quick = in_good_time(virtual, asked("check", "b.yaml"))
    assert quick.counters == {"Often": 7, "TCPAbortOnTimeout": 1, "Never": 0}


# --- what is said


RUN = KernelRun(replace(MACHINE, spec="debian:sid", clock="virtual"), (evidence(),), done=True)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[[KernelRun], None]:
    """Makes a run what is played, whatever is asked for."""
    return lambda run: monkeypatch.setattr(matrix, "play", lambda *_: [run])


def test_a_kernels_own_complaints_are_noted(
    plays: Callable[[KernelRun], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be as recorded in all else."""
    file = tmp_path / "b.yaml"
    plays(RUN)
    assert cli.main(["baseline", "record", "--kernel", "debian:sid", "-o", str(file)]) == 0
    plays(replace(RUN, console=("WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:3098",)))
    assert cli.main(["baseline", "check", str(file), "--kernel", "debian:sid"]) == 0
    out, err = capsys.readouterr()
    assert "as recorded (6.18.44, baseline 6.18.44)\n" in out
    assert "note the kernel said: WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:3098\n" in err


def test_what_could_not_be_recorded_is_said(
    plays: Callable[[KernelRun], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = evidence("fin-dropped", outcome="error", reason="no such rule")
    plays(replace(RUN, scenarios=(*RUN.scenarios, broken)))
    words = ["baseline", "record", "--kernel", "debian:sid", "-o", str(tmp_path / "b.yaml")]
    assert cli.main(words) == 0
    assert "could not be played, which a check will not count" in capsys.readouterr().err
