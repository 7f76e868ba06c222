# SPDX-License-Identifier: GPL-2.0-or-later
"""What the runner makes of what a lab answers: the record, the waits, the lines that it names. The
lab is made up, so that every answer can be had, and each number of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netlab.linux.procnet import Row
from netlab.model.errors import ActionFailed, Forbidden, LabError, NetlabError, NotHeld, TooBusy
from netlab.model.evidence import End, Evidence, Failure, FailureRow, FaultRecord, Recording
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Family, Side
from netlab.scenario import acting, caused, checks, loader, runner
from netlab.scenario.model import LAST, Scenario
from netlab.testbed.expect import Held
from netlab.testbed.flows import LATEST, Which
from netlab.testbed.host import PATIENCE
from tests.build import scenario, states

LOST, OPEN = "SYN_SENT/SYN_RECV", "ESTABLISHED/ESTABLISHED"
HEAL = ("heal:", "  - client: close", "  - server: unlisten")
HEALED = ("healed: {client: ESTABLISHED, server: ESTABLISHED}",)
STEPS = ("server: listen", "drop: {segment: SYN|ACK, to: client, as: lost}", "client: connect")


def held(
    pair: str = LOST, before: float = 1.0, since: float = 1.1, long: float = 1.2345678
) -> Held:
    return Held(states(pair), before, since, since, since + long, 62, 0.12345678)


def refused(*off: Side) -> NotHeld:
    """A pair that was not reached, because these ends were not as expected."""
    rows = tuple(
        FailureRow(side, (State.LISTEN,), State.CLOSED if side in off else State.LISTEN, "1 s", 0)
        for side in Side
    )
    return NotHeld(Failure("pair not reached", rows=rows))


class _Notes:
    """Of a lab in which nothing was counted and no fault was installed."""

    def __init__(self, lab: _Lab) -> None:
        pass

    def ask(self, of: str, errors: bool) -> None:
        pass

    def faults(self) -> tuple[FaultRecord, ...]:
        return ()

    def end(self, side: Side, flow: object) -> End:
        return End()

    def programs(self) -> tuple[()]:
        return ()

    def counted(self, side: Side) -> dict[str, int]:
        return {}


@dataclass
class _Lab:
    """Answers as a test says, and keeps what it was asked for."""

    pairs: list[Held | NetlabError]  # what comes of each pair that is expected
    waits: bool = True  # whether what is waited for comes
    rows: dict[Side, Row | None] = field(default_factory=dict)
    busy: bool = False
    sysctl: Callable[[str, str], None] = lambda name, value: None
    recorder: Any = None

    programs: tuple[()] = ()
    asked: list[tuple[str, float, float | None, str]] = field(default_factory=list)
    patience: list[float] = field(default_factory=list)
    removed: list[str | None] = field(default_factory=list)
    of: list[str] = field(default_factory=list)
    enough: list[bool] = field(default_factory=list)  # what it heard of the faults

    def __enter__(self) -> _Lab:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def hosts(self) -> tuple[SimpleNamespace, SimpleNamespace]:
        return SimpleNamespace(sysctl=self.sysctl), SimpleNamespace(sysctl=self.sysctl)

    @property
    def context(self) -> SimpleNamespace:
        return SimpleNamespace(lost=lambda: 0.0123456, excuse=self._excuse)

    def elapsed(self) -> float:
        return 2.3456789

    def flow(self, name: str) -> SimpleNamespace:
        self.of.append(name)
        return SimpleNamespace(pair=states("CLOSED/LISTEN"), rows=self.rows, tracked={})

    def expect_pair(
        self,
        claim: ExpectedPair,
        hold: float = 0.0,
        within: float | None = None,
        dropped: Callable[[], bool] | None = None,
        which: Which = LATEST,
    ) -> Held:
        self.asked.append((str(claim), hold, within, which.name))
        self.enough.append(dropped is None or dropped())
        found = self.pairs.pop(0)
        if isinstance(found, NetlabError):
            raise found
        return found

    def wait(self, condition: object, patience: float) -> bool:
        self.patience.append(patience)
        return self.waits

    def dropped(self, name: str) -> bool:
        return self.waits

    def remove(self, name: str | None = None) -> None:
        self.removed.append(name)

    def _excuse(self, error: NetlabError) -> None:
        if self.busy:
            raise TooBusy("nobody looked")


@dataclass
class Stage:
    """What plays scenarios on a made-up lab."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def load(self, *steps: str, pair: str = LOST, **more: Any) -> Scenario:
        """These steps, or those that lose the answer to a SYN; `more` as for `scenario`."""
        path = self.folder / "mine.yaml"
        path.write_text(scenario(*(steps or STEPS), pair=pair, **more))
        return loader.load(path)

    def play(self, lab: _Lab, mine: Scenario | None = None, **options: Any) -> Evidence:
        """What comes of it on this lab."""
        self.monkeypatch.setattr(runner, "Lab", lambda *given: lab)
        return runner.play(mine or self.load(), runner.Options(**options))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """Every step is done, every fault is a cause, and every look at the frozen pair finds what it
    is to find.
    """
    monkeypatch.setattr(runner, "Notebook", _Notes)
    monkeypatch.setattr(runner, "transitions", lambda *given: ())
    monkeypatch.setattr(
        acting, "kind_of", lambda step: SimpleNamespace(install=lambda *given: None)
    )
    monkeypatch.setattr(acting, "act", lambda *given: "")
    monkeypatch.setattr(caused, "lacking", lambda *given: None)
    monkeypatch.setattr(checks, "frozen", lambda *given: None)
    return Stage(monkeypatch, tmp_path)


# --- the record


def test_times_are_noted_as_finely_as_they_are_known(stage: Stage) -> None:
    run = stage.play(_Lab([held()]))
    assert (run.outcome, run.observed) == ("pass", states(LOST))
    assert (run.held_s, run.samples, run.gap_s) == (1.235, 62, 0.123457)
    assert (run.elapsed_s, run.lost_s) == (2.346, 0.012)
    assert run.recording is None


def test_what_was_never_held_was_held_for_no_time_and_is_of_the_last_connection(
    stage: Stage,
) -> None:
    lab = _Lab([refused(Side.CLIENT)])
    run = stage.play(lab)
    assert (run.outcome, run.observed) == ("fail", states("CLOSED/LISTEN"))
    assert (run.held_s, run.samples, run.gap_s) == (0.0, 0, 0.0)
    assert lab.of == [LAST]


def test_what_was_recorded_is_kept(stage: Stage) -> None:
    packets = Recording(0, ("10.0.0.1", 40000), ("10.0.0.2", 5555))
    recorder = SimpleNamespace(recording=lambda flow: packets)
    assert stage.play(_Lab([held()], recorder=recorder)).recording is packets


# --- what an error comes to


def test_a_lab_that_cannot_be_built_is_the_error_of_its_scenario(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unbuilt(*given: object) -> None:
        raise LabError("no room")

    mine = stage.load()
    monkeypatch.setattr(runner, "Lab", unbuilt)
    run = runner.play(mine)
    assert (run.outcome, run.reason) == ("error", "no room")


def test_what_netlab_raises_on_purpose_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    def forbidden(*given: object) -> None:
        raise Forbidden("no namespaces")

    monkeypatch.setattr(runner, "_played", forbidden)
    with pytest.raises(Forbidden, match="no namespaces"):
        runner.play(stage.load())


def test_what_nobody_expected_is_a_bug_and_what_a_caller_raises_is_the_callers(
    stage: Stage,
) -> None:
    def mistake(*given: object) -> None:
        raise ZeroDivisionError("a mistake")

    run = stage.play(_Lab([held()], sysctl=mistake), sysctls={"tcp_sack": "0"})
    assert run.outcome == "error"
    assert run.reason.startswith("this is a bug of netlab's: ZeroDivisionError: a mistake")
    with pytest.raises(ZeroDivisionError):
        stage.play(_Lab([held()]), frozen=mistake)
    with pytest.raises(ZeroDivisionError):
        stage.play(_Lab([held()]), step=mistake)


def test_what_a_caller_raises_of_netlabs_is_the_outcome(stage: Stage) -> None:
    def ends(*given: object) -> None:
        raise ActionFailed("it is not as it should be")

    mine = stage.load()
    run = stage.play(_Lab([held()]), mine, frozen=ends)
    assert run.outcome == "fail"
    assert run.failure == Failure("it is not as it should be", mine.expect.line)


def test_sysctls_are_set_at_both_hosts_or_it_is_an_error(stage: Stage) -> None:
    done: list[tuple[str, str]] = []
    wanted = {"tcp_sack": "0", "tcp_ecn": "1"}
    lab = _Lab([held()], sysctl=lambda *given: done.append(given))
    assert stage.play(lab, sysctls=wanted).outcome == "pass"
    assert done == [*wanted.items()] * 2

    def missing(name: str, value: str) -> None:
        raise LabError(f"no sysctl {name}")

    run = stage.play(_Lab([held()], sysctl=missing), sysctls=wanted)
    assert (run.outcome, run.reason) == ("error", "no sysctl tcp_sack")


@pytest.mark.parametrize(
    ("error", "busy", "outcome", "says"),
    [
        (ActionFailed("it is wrong"), False, "fail", "it is wrong"),
        (ActionFailed("it is wrong"), True, "error", "mine.yaml:7: this machine was too busy"),
        (LabError("no room"), False, "error", "mine.yaml:7: no room"),
        (LabError("no room"), True, "error", "mine.yaml:7: no room"),  # whatever else it was
    ],
)
def test_only_what_the_kernel_did_is_excused_by_a_busy_machine(
    stage: Stage, error: NetlabError, busy: bool, outcome: str, says: str
) -> None:
    run = stage.play(_Lab([error], busy=busy))
    assert run.outcome == outcome
    assert says in (run.failure.summary if run.failure else run.reason)


def test_what_only_the_other_family_has_is_skipped(stage: Stage) -> None:
    mine = stage.load(top=("family: ipv6",))
    run = stage.play(_Lab([held()]), mine)
    assert (run.outcome, run.reason) == ("skip", "only IPv6 has this")
    assert stage.play(_Lab([held()]), mine, family=Family.IPV6).outcome == "pass"


# --- the lines that it names


CLIENT, SERVER = "    client: SYN_SENT\n", "    server: SYN_RECV\n"


@pytest.mark.parametrize(
    ("ends", "off", "line"),
    [
        (CLIENT + SERVER, [Side.SERVER], 9),
        (SERVER + CLIENT, [Side.CLIENT], 9),
        (CLIENT + SERVER, [Side.CLIENT, Side.SERVER], 8),
        (CLIENT + SERVER, [], 8),
    ],
)
def test_the_end_that_alone_is_wrong_is_named_by_its_line(
    stage: Stage, ends: str, off: list[Side], line: int
) -> None:
    """The pair as a whole is where its first end stands."""
    mine = stage.load()
    text = mine.path.read_text()
    [pair] = [row for row in text.splitlines(keepends=True) if row.startswith("  pair:")]
    mine.path.write_text(text.replace(pair, f"  pair:\n{ends}"))
    run = stage.play(_Lab([refused(*off)]), loader.load(mine.path))
    assert run.failure is not None
    assert run.failure.line == line


@pytest.mark.parametrize(("expect", "line"), [("dropped: {lost: 9}", 8), ("hold: 9s", 7)])
def test_what_the_faults_lack_is_named_by_the_line_that_asks_for_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, expect: str, line: int
) -> None:
    lack = caused.Lack("expected 9 by lost; found 1", ("dropped", "lost"))
    monkeypatch.setattr(caused, "lacking", lambda *given: lack)
    lab = _Lab([NotHeld(Failure("pair held, but"), held=True)])
    run = stage.play(lab, stage.load(expect=(expect, *HEALED)))
    assert run.failure == Failure("pair held, but: expected 9 by lost; found 1", line)
    assert lab.enough == [False]


def test_where_a_fault_is_left_out_the_others_need_have_done_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack = caused.Lack("expected 9 by other; found 1", ("pair",))
    monkeypatch.setattr(caused, "lacking", lambda *given: lack)
    lab = _Lab([held()])
    assert stage.play(lab, without="lost").outcome == "pass"
    assert lab.enough == [True]


# --- what comes after the hold


INTO_ITSELF = (
    "rows: {client: {timer: retransmit}}",
    "healed: {client: SYN_SENT, server: SYN_RECV}",
)


def test_every_fault_is_removed_and_the_pair_is_to_heal_without_being_held(stage: Stage) -> None:
    lab = _Lab([held(), held(OPEN)])
    run = stage.play(lab, stage.load(expect=HEALED), hold=2.5)
    assert run.outcome == "pass"
    assert lab.removed == [None]
    assert lab.asked == [(LOST, 2.5, None, LAST), (OPEN, 0.0, None, LAST)]
    assert lab.patience == []  # it is another pair: nothing else has to show that it healed


def test_what_is_done_to_heal_it_is_done_instead_of_removing_all(stage: Stage) -> None:
    lab = _Lab([held(), held(OPEN)])
    run = stage.play(lab, stage.load(expect=(*HEAL, *HEALED)))
    assert lab.removed == []
    assert [step.text for step in run.steps][-2:] == ["client: close", "server: unlisten"]


@pytest.mark.parametrize(("remaining", "patience"), [(None, PATIENCE), (3.5, PATIENCE + 3.5)])
def test_what_heals_into_itself_is_given_the_time_of_its_timers(
    stage: Stage, remaining: float | None, patience: float
) -> None:
    row = None
    if remaining is not None:
        row = Row("", "", State.SYN_SENT, 0, 0, Timer.RETRANSMIT, remaining, 1, 0, 7)
    rows = {Side.CLIENT: row, Side.SERVER: None}
    mine = stage.load(expect=INTO_ITSELF)
    lab = _Lab([held(), held()], rows=rows)
    assert stage.play(lab, mine).outcome == "pass"
    assert lab.patience == [patience]
    run = stage.play(_Lab([held(), held()], rows=rows, waits=False), mine)
    assert run.failure is not None
    assert run.failure.summary == "healed: expected SYN_SENT/SYN_RECV; found CLOSED/LISTEN"


def test_rows_that_show_no_waiting_need_not_change(stage: Stage) -> None:
    shown = ("rows: {client: {inode: at least 1}}", "heal: [remove: all, server: {read: hello}]")
    mine = stage.load(expect=(*shown, INTO_ITSELF[1]))
    lab = _Lab([held(), held()], waits=False)
    assert stage.play(lab, mine).outcome == "pass"
    assert lab.patience == []


@pytest.mark.parametrize(
    ("after", "latest"), [("between 1.85s and 2.15s", 2.15), ("at least 1.5s", 3.0)]
)
def test_an_end_is_waited_for_until_it_is_overdue(stage: Stage, after: str, latest: float) -> None:
    """It was reached at 1.1 s, and 2.3456789 s is now: the rest of its time, and patience."""
    ends = ("cause: this is a test", f"ends: {{client: CLOSED, server: CLOSED, after: {after}}}")
    mine = stage.load(expect=ends).variants()[-1]
    lab = _Lab([held(), held("CLOSED/CLOSED", before=3.0, since=3.1)])
    run = stage.play(lab, mine)
    assert run.outcome == "pass", run
    (_, _, within, _) = lab.asked[-1]
    assert within == pytest.approx(1.1 + latest - 2.3456789 + PATIENCE)


@pytest.mark.parametrize(
    ("after", "says"),
    [("at least 2.2s", "ended after 2.1 s"), ("at most 1.8s", "ended after 2.1 s")],
)
def test_how_long_it_lasted_is_between_its_samples(stage: Stage, after: str, says: str) -> None:
    ends = ("cause: this is a test", f"ends: {{client: CLOSED, server: CLOSED, after: {after}}}")
    mine = stage.load(expect=ends).variants()[-1]
    run = stage.play(_Lab([held(), held("CLOSED/CLOSED", before=3.0, since=3.1)]), mine)
    assert run.failure is not None
    assert says in run.failure.summary


# --- a fault that is removed, or left out


@pytest.mark.parametrize("acts", [True, False])
def test_a_fault_is_removed_once_it_has_acted(stage: Stage, acts: bool) -> None:
    mine = stage.load(*STEPS, "remove: lost")
    lab = _Lab([held()], waits=acts)
    run = stage.play(lab, mine)
    assert lab.patience == [PATIENCE]
    assert lab.removed == (["lost"] if acts else [])
    if not acts:
        assert run.failure == Failure("remove: lost: expected at least 1 by lost; found 0", 6)


def test_without_a_fault_nothing_is_waited_for_and_nothing_looked_at(stage: Stage) -> None:
    lab = _Lab([held()], waits=False)
    mine = stage.load(*STEPS, "remove: lost", expect=(*HEAL, *HEALED))
    assert stage.play(lab, mine, without="lost").outcome == "pass"
    assert (lab.patience, len(lab.asked)) == ([], 1)


def test_the_fault_that_is_left_out_is_the_only_one_that_is_not_installed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    kind = SimpleNamespace(install=lambda where, step: installed.append(step.name))
    monkeypatch.setattr(acting, "kind_of", lambda step: kind)
    mine = stage.load(*STEPS, "drop: {segment: RST, to: client, as: other}")
    stage.play(_Lab([held()]), mine, without="lost")
    stage.play(_Lab([held()]), mine)
    assert installed == ["other", "lost", "other"]
