# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab matrix: what goes wrong with one kernel is that kernel's error, and the others go on.

No kernel can be made to provoke a bug of netlab's, so what is called here is one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab.kernels import matrix, suite
from netlab.kernels.sources import fetch, spec
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.vm import boot, qemu
from netlab.model.errors import LabError
from netlab.model.kernel_run import KernelRun, Machine, line
from tests.build import evidence

PLAN = matrix.Plan(suite.Job(), qemu.Guest(), clock="virtual", jobs=2)
HOST, ONE, TWO = map(spec.parse, ("host", "debian:bookworm", "debian:sid"))
PLAYED = evidence()


class Silent:
    """A watcher that keeps what has ended."""

    def __init__(self) -> None:
        self.over: list[KernelRun] = []
        self.remarks: list[tuple[str, str]] = []

    def fetching(self, spec: str, what: str, done: int, total: int) -> None:
        """Nothing."""

    def remark(self, spec: str, text: str) -> None:
        """Keep it."""
        self.remarks.append((spec, text))

    def heard(self, spec: str, line: str) -> None:
        """Nothing."""

    def ended(self, run: KernelRun) -> None:
        """Keep it."""
        self.over.append(run)

    def meanwhile(self) -> None:
        """Nothing."""


def well(kernel: Kernel, *_: Any) -> KernelRun:
    """In the place of a guest's."""
    return KernelRun(Machine(kernel.spec, kernel.release, "", "x86_64", 250), (PLAYED,), done=True)


def got(wanted: spec.Spec, **_: Any) -> Kernel:
    """In the place of a mirror's."""
    return Kernel(wanted.text, f"6.1-{wanted.text}", Path("vmlinuz"), None)


@pytest.fixture(autouse=True)
def no_guest_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(qemu, "program", lambda: "qemu")
    monkeypatch.setattr(fetch, "obtain", got)
    monkeypatch.setattr(boot, "play", well)


def but(wrong: str, error: Exception, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but where it is about the kernel called so."""

    def raising(about: Any, *rest: Any, **more: Any) -> Any:
        if wrong in (getattr(about, "text", ""), getattr(about, "spec", "")):
            raise error
        return otherwise(about, *rest, **more)

    return raising


TROUBLE = [
    (KeyError("gone"), "this is a bug of netlab's: KeyError: 'gone' ("),
    (OSError(5, "Input/output error"), "this machine refuses what netlab needs: Input/output"),
    (MemoryError(), "there is not enough memory here: raise"),
    (LabError("no mirror answers"), "no mirror answers"),
]


@pytest.mark.parametrize("where", [(fetch, "obtain", got), (boot, "play", well)])
@pytest.mark.parametrize(("error", "said"), TROUBLE)
def test_an_exception_about_one_kernel_is_its_error(
    where: tuple[Any, str, Callable[..., Any]],
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, name, otherwise = where
    monkeypatch.setattr(module, name, but(ONE.text, error, otherwise))
    watcher = Silent()
    runs = matrix.play([ONE, TWO], PLAN, watcher)
    assert [run.machine.spec for run in runs] == [ONE.text, TWO.text]
    assert runs[0].error.startswith(said)
    assert (runs[0].done, runs[1].done, runs[1].error) == (False, True, "")
    assert sorted(run.machine.spec for run in watcher.over) == sorted([ONE.text, TWO.text])


@pytest.mark.parametrize(("error", "said"), TROUBLE)
def test_an_exception_on_the_host_is_its_error_and_guests_are_played(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(*_: Any) -> None:
        raise error

    monkeypatch.setattr(suite, "play", play)
    runs = matrix.play([HOST, ONE], PLAN, Silent())
    assert runs[0].error.startswith(said)
    assert runs[1].done
    with pytest.raises(type(error)):  # nobody else was asked: it is not one kernel's affair
        matrix.play([HOST], PLAN, Silent())


def test_what_the_host_has_played_before_an_exception_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play(job: suite.Job, about: Machine, emit: suite.Emit, meanwhile: object) -> None:
        emit(line("machine", about))
        emit(line("scenario", PLAYED))
        raise KeyError("gone")

    monkeypatch.setattr(suite, "play", play)
    for asked in ([HOST], [HOST, ONE]):
        run = matrix.play(asked, PLAN, Silent())[0]
        assert (run.done, run.scenarios) == (False, (PLAYED,))
        assert run.error.startswith("this is a bug of netlab's: KeyError: 'gone' (")


def test_a_reader_that_has_gone_is_no_kernels_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(suite, "play", play)
    with pytest.raises(BrokenPipeError):
        matrix.play([HOST, ONE], PLAN, Silent())


def test_a_job_is_cut_in_halves_where_there_is_something_for_both() -> None:
    soon, rest = suite.Job(table=True, timers=("syn",), ipv6=True).halves()
    assert (soon.plays, soon.table, soon.timers, soon.ipv6) == (True, False, (), True)
    assert (rest.plays, rest.table, rest.timers, rest.ipv6) == (False, True, ("syn",), True)
    for job in (suite.Job(), suite.Job(plays=False, table=True)):
        assert job.halves() == [job]


@pytest.mark.parametrize("names", [(), ("syn-dropped", "syn-dropped-to-the-end", "fin-dropped")])
def test_each_scenario_is_in_one_half(names: tuple[str, ...]) -> None:
    job = suite.Job(names=names, slow=True, table=True)
    halves = [{each.name for each in half.scenarios()} for half in job.halves()]
    assert len(halves) == 2
    assert all(halves)
    assert halves[0] | halves[1] == {each.name for each in job.scenarios()}
    assert not halves[0] & halves[1]
    assert "syn-dropped-to-the-end" in halves[1], "it has less to do: rows and time-outs are short"
    assert len(suite.Job(names=("syn-dropped-to-the-end",), table=True).halves()) == 1
