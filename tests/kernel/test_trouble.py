# SPDX-License-Identifier: GPL-2.0-or-later
"""The trouble of one scenario is its own: the others are played, and nothing is hidden."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

import pytest

from netlab import cli, scheduler
from netlab.model.errors import ActionFailed, LabError
from netlab.model.evidence import Evidence
from netlab.render.ladder import ladder
from netlab.render.style import Style
from netlab.scenario import catalogue, checks, loader, runner, steps
from netlab.scenario.model import AnyStep, Do, Scenario
from netlab.scenario.steps.action import Stage
from netlab.testbed.lab import Lab
from tests.build import scenario

NOTEBOOK = "netlab.testbed.notebook.Notebook"


def broken(stage: Stage, step: Do) -> None:
    raise ZeroDivisionError("a mistake")


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    """One whose only step has a bug, and one that is well."""
    monkeypatch.setitem(steps.ACTIONS, "listen", replace(steps.ACTIONS["listen"], play=broken))
    mine = tmp_path / "mine.yaml"
    mine.write_text(scenario("server: listen"))
    return [loader.load(mine), catalogue.one("port-closed")]


def test_a_bug_is_the_error_of_one_scenario_with_its_place(two: list[Scenario]) -> None:
    runs = dict(runner.play_all(two))
    assert [runs[number].outcome for number in (0, 1)] == ["error", "pass"]
    reason = runs[0].reason
    assert reason.startswith("this is a bug of netlab's: ZeroDivisionError: a mistake (")
    assert f"{__file__}:{broken.__code__.co_firstlineno + 1})" in reason


def test_what_the_caller_raises_is_the_callers() -> None:
    class Mine(Exception):
        pass

    def frozen(lab: Lab, scenario: Scenario) -> None:
        raise Mine

    for name in ("port-closed", "port-filtered"):
        with pytest.raises(Mine):
            [*runner.play_all([catalogue.one(name)], runner.Options(frozen=frozen))]
        with pytest.raises(Mine):
            runner.play(
                catalogue.one(name),
                runner.Options(step=lambda lab, which, step: frozen(lab, which)),
            )


def test_a_connection_that_was_never_seen_can_be_recorded_and_drawn(tmp_path: Path) -> None:
    """Its first step fails before anything is sampled."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(scenario("client: {run: /nonexistent}", "server: listen"))
    run: Evidence = runner.play(loader.load(mine), runner.Options(record=True))
    assert run.outcome in ("error", "fail")
    assert "/nonexistent" in f"{run.reason}{run.failure}"
    assert "client" in ladder(run, 80, Style(False))


@pytest.mark.parametrize(("times", "outcome"), [(1, "pass"), (5, "error")])
def test_a_hold_that_nobody_looked_at_proves_nothing(times: int, outcome: str) -> None:
    """Something else has the thread, as a busy machine has the processor: once, and the hold begins
    anew; again and again, and it is an error.
    """
    scenario = catalogue.one("syn-dropped")
    begun: list[float] = []
    ended: list[float] = []
    last = scenario.steps[-1]

    def step(lab: Lab, scenario: Scenario, step: AnyStep | None) -> None:
        if step is last:
            begun.append(scheduler.now())

    def busy() -> None:
        scheduler.wait(lambda: scheduler.now() > begun[0] + 0.2 or None if begun else None, inf)
        for _ in range(times):
            if not ended:
                time.sleep(1.5)
                scheduler.wait(lambda: None, scheduler.now() + 0.2)

    def play() -> Evidence:
        run = runner.play(scenario, runner.Options(step=step))
        ended.append(run.elapsed_s)
        return run

    run = dict(scheduler.side_by_side([play, busy], jobs=2))[0]
    assert run is not None
    assert run.outcome == outcome
    if outcome == "pass":
        assert run.held_s >= 1.2
        assert run.gap_s < 1.0
        assert run.elapsed_s > 2.9  # the hold that was seen began after the one that was not
        [fault] = run.faults
        assert fault.while_held is not None
        assert 1 <= fault.while_held <= fault.packets - 2  # SYNs of before the second one
        return
    assert re.search(
        r"this machine was too busy: 1\.\d+ s between two samples \(20 ms are wanted, 1 s "
        r"tolerated\), and so 3 times; play fewer at once \(netlab: --jobs 20; pytest: ",
        run.reason,
    )


HEALING = (
    "hold: 100ms",
    "rows: {client: {timer: retransmit, tx_queue: 5}}",
    "dropped: {data: at least 1, syn: none}",
    "healed: {client: ESTABLISHED, server: ESTABLISHED}",
)


@pytest.mark.parametrize(
    ("healing", "outcome"),
    [
        ("remove: data", "pass"),
        ("remove: syn", "fail"),
        ("client: {send: more}", "fail"),  # its queue is another one, and grows
        ("client: {option: {TCP_USER_TIMEOUT: 500}}", "fail"),  # nothing waits: it is dead
    ],
)
def test_a_pair_that_heals_into_itself_must_show_it(
    tmp_path: Path, healing: str, outcome: str
) -> None:
    steps = (
        "server: listen",
        "client: connect",
        "server: accept",
        "drop: {segment: DATA, to: server, as: data}",
        "drop: {segment: SYN, to: server, as: syn}",
        "client: {send: hello}",
    )
    mine = tmp_path / "mine.yaml"
    expect = (*HEALING, f"heal: [{healing}]")
    mine.write_text(scenario(*steps, pair="ESTABLISHED/ESTABLISHED", expect=expect))
    run = runner.play(loader.load(mine))
    assert run.outcome == outcome
    if run.failure is not None:
        stays = "nothing has healed within .* its rows still show what waits"
        assert re.match(f"healed: ({stays}|expected .*; found )", run.failure.summary)
        assert run.failure.line == 14


def test_the_evidence_says_how_often_and_how_regularly_it_was_looked() -> None:
    run = runner.play(catalogue.one("syn-dropped"))
    assert run.outcome == "pass"
    assert 0.015 < run.gap_s < run.held_s
    assert run.samples >= run.held_s / run.gap_s


@pytest.mark.parametrize(("busy_s", "outcome"), [(0.0, "fail"), (1.5, "error")])
def test_a_failure_after_nobody_looked_says_nothing(
    tmp_path: Path, busy_s: float, outcome: str
) -> None:
    """What is wrong with it may be the work of a timer that fired meanwhile."""
    mine = tmp_path / "mine.yaml"
    steps = (
        "server: listen",
        "client: connect",
        "server: accept",
        "drop: {segment: DATA, to: server}",
        "client: {send: hello}",
    )
    expect = ("hold: 100ms", "cause: a test", "rows: {client: {tx_queue: 4}}")
    mine.write_text(scenario(*steps, pair="ESTABLISHED/ESTABLISHED", expect=expect))

    def step(lab: Lab, scenario: Scenario, step: AnyStep | None) -> None:
        if step is scenario.steps[-1]:
            time.sleep(busy_s)

    def play() -> Evidence:
        return runner.play(loader.load(mine), runner.Options(step=step))

    run = dict(scheduler.side_by_side([play], jobs=1))[0]
    assert run.outcome == outcome
    if outcome == "error":
        assert run.lost_s >= 1.5
        assert re.search(
            r"mine.yaml:\d+: this machine was too busy: nobody looked for 1\.\d+ s in all \(1 s "
            r"tolerated\), so that this says nothing: client: tx_queue: expected 4; found 5; play "
            r"fewer at once \(netlab: --jobs 20; pytest: a smaller -n\)$",
            run.reason,
        )


@pytest.mark.parametrize(
    ("busy_s", "failures", "outcome", "plays"),
    [
        (0.2, 1, "pass", 2),  # it was the machine
        (0.2, 9, "fail", 3),  # it is wrong, however often
        (0.0, 9, "fail", 1),  # nothing disturbed it
    ],
)
def test_a_failure_in_a_disturbed_lab_must_show_again(
    monkeypatch: pytest.MonkeyPatch, busy_s: float, failures: int, outcome: str, plays: int
) -> None:
    found: list[str] = []

    def frozen(*given: object) -> None:
        if len(found) < failures:
            found.append("wrong")
            time.sleep(busy_s)
            raise ActionFailed(found[-1])

    monkeypatch.setattr(checks, "frozen", frozen)
    if not busy_s:  # something else may disturb this machine
        monkeypatch.setattr(runner, "UNDISTURBED", inf)
    played = [partial(runner.play, catalogue.one("syn-rejected-with-tcp-reset"))]
    run = dict(scheduler.side_by_side(played, jobs=1))[0]
    assert run.outcome == outcome
    assert len(run.disturbed) + 1 == plays


def test_a_failure_that_the_caller_has_looked_at_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shows labs to a person does not show two for one."""
    shown: list[Lab] = []

    def frozen(*given: object) -> None:
        time.sleep(0.2)
        raise ActionFailed("wrong")

    monkeypatch.setattr(checks, "frozen", frozen)
    options = runner.Options(step=lambda lab, _, step: None if lab in shown else shown.append(lab))
    played = [partial(runner.play, catalogue.one("syn-rejected-with-tcp-reset"), options)]
    run = dict(scheduler.side_by_side(played, jobs=1))[0]
    assert (run.outcome, run.disturbed, len(shown)) == ("fail", (), 1)


# --- what cannot be noted


def _refuse(*given: object) -> None:
    raise LabError("the kernel does not say")


def _wrong(*given: object) -> None:
    raise ActionFailed("it is wrong")


@pytest.mark.parametrize("note", ["netlab.scenario.runner.transitions", "faults"])
@pytest.mark.parametrize("fails", [False, True], ids=["that passes", "that fails"])
def test_what_cannot_be_noted_is_an_error_unless_worse_is_known(
    monkeypatch: pytest.MonkeyPatch, note: str, fails: bool
) -> None:
    """Without the numbers of its faults nothing is proven; a failure needs no transitions."""
    monkeypatch.setattr(runner, "PLAYS", 1)
    monkeypatch.setattr(note if "." in note else f"{NOTEBOOK}.{note}", _refuse)
    if fails:
        monkeypatch.setattr(checks, "frozen", _wrong)
    run = runner.play(catalogue.one("port-closed"))
    if fails and "transitions" in note:
        assert (run.outcome, run.reason) == ("fail", "")
    else:
        assert (run.outcome, run.reason) == ("error", "the kernel does not say")


def test_what_cannot_be_noted_does_not_hide_the_first_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_room(*given: object) -> None:
        raise LabError("no room")

    monkeypatch.setattr(f"{NOTEBOOK}.faults", _refuse)
    monkeypatch.setattr(checks, "frozen", without_room)
    run = runner.play(catalogue.one("port-closed"))
    assert run.outcome == "error"
    assert run.reason.endswith(": no room")


@pytest.mark.parametrize("held", [True, False])
def test_the_record_is_of_which_connection_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, held: bool
) -> None:
    """Where the pair was never held, it is of the last one, on which the steps failed."""
    steps = (
        "server: listen",
        "client: {connect: {as: first}}",
        "server: accept",
        "client: {connect: {as: second}}",
        "{client: close, of: second}",
        *(() if held else ("{client: {connect: {port: 9}}, fails: ETIMEDOUT}",)),
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        scenario(*steps, pair="ESTABLISHED/ESTABLISHED", expect=("of: first", "cause: a test"))
    )
    run = runner.play(loader.load(mine))
    assert run.outcome == ("pass" if held else "fail")
    assert (str(run.observed) == "ESTABLISHED/ESTABLISHED") is held


# --- pictures


def _cannot(run: Evidence, *given: object) -> str:
    if run.scenario == "port-closed":
        raise ZeroDivisionError("a mistake")
    return "a picture"


@pytest.mark.parametrize(
    ("drawing", "option"),
    [
        ("netlab.render.ladder.ladder", "--ladder"),
        ("netlab.render.ladder_svg.svg", "--report"),
        ("netlab.render.states_svg.svg", "--report"),
        ("netlab.render.pcapng.pcapng", "--pcap"),
        ("netlab.model.evidence.Evidence.to_json", "--json"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_the_trouble_of_its_scenario(
    drawing: str,
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    name = drawing.rpartition(".")[2]
    if name == "svg":  # a filter of the page's template, which has it already
        from netlab.render.report import _environment

        given = "ladder" if "ladder" in drawing else "states"
        monkeypatch.setitem(_environment().filters, given, _cannot)
    else:
        monkeypatch.setattr(drawing, _drawn_as_bytes if name == "pcapng" else _cannot)
    folder = [str(tmp_path)] if option in ("--report", "--pcap") else []
    code = cli.main(["run", "--hold", "10ms", "port-closed", "port-filtered", option, *folder])
    said = capfd.readouterr()
    assert code == 3
    assert re.search(
        r"port-closed (is left out|cannot be shown): this is a bug of netlab's: ZeroDivisionError: "
        rf"a mistake \({re.escape(__file__)}:\d+\)",
        said.err,
    )
    assert "Traceback" not in said.err
    if option != "--json":
        assert "2 passed" in said.out
    kept = {path.name for path in tmp_path.iterdir()}
    if option == "--report":
        assert {"index.html", "port-closed.json", "port-filtered.json"} <= kept
        page = (tmp_path / "index.html").read_text()
        assert 'id="port-filtered"' in page
        assert 'id="port-closed"' not in page
    if option == "--pcap":
        assert kept == {"port-filtered.pcapng"}


def _drawn_as_bytes(run: Evidence, *given: object) -> bytes:
    return _cannot(run).encode()
