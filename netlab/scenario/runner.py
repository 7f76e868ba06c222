# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays scenarios and returns evidence: builds a lab, does the steps, proves the pair, removes the
cause and watches the pair heal. Many scenarios are played at the same time.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from netlab import scheduler
from netlab.linux import privileges
from netlab.model import evidence
from netlab.model.errors import ActionFailed, LabError, NetlabError, NotHeld, TooBusy, Unmet, bug
from netlab.model.evidence import Evidence, Failure, FaultRecord
from netlab.model.vocabulary import ExpectedPair, Family, Pair, Side
from netlab.scenario import acting, caused, checks, needs, telling, writer
from netlab.scenario.model import (
    LAST,
    AnyStep,
    Code,
    Do,
    FaultStep,
    Remove,
    Scenario,
    in_force,
)
from netlab.scenario.steps import ACTIONS, hops, numbered
from netlab.scenario.steps.action import Stage
from netlab.testbed import forge
from netlab.testbed.expect import Held
from netlab.testbed.flows import Which
from netlab.testbed.host import PATIENCE
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook, transitions

#: Maximum number of labs open at the same time; each needs 20 descriptors.
JOBS = 200
#: Seconds that may be lost before a failure must show again. In a handshake that took 0.2 s, TCP
#: measures a round trip of 0.2 s, and its time-outs are three times as long as usual.
UNDISTURBED = 0.1
PLAYS = 3  # and no more


def _nothing(*_: object) -> None:
    """What a caller does who has nothing to do with a lab."""


@dataclass(frozen=True, slots=True)
class Options:
    """How scenarios are played."""

    family: Family = Family.IPV4
    hold: float = 0.0  # seconds; the minimum for every scenario
    jobs: int = JOBS
    record: bool = False  # every packet, and the kernel's tracepoints
    tape: bool = False  # the last packets, for `frozen` to look at
    #: Set at both hosts before the first step, so that a kernel can be made to behave differently.
    sysctls: Mapping[str, str] = field(default_factory=dict)
    #: The fault that is left out, to see what comes without it: then the scenario is over when the
    #: pair has been held, and the other faults need not have dropped anything.
    without: str = ""
    #: Called while a pair is frozen, with the lab and the scenario, once the hold is proven.
    frozen: Callable[[Lab, Scenario], None] = _nothing
    #: Called before each step, with the lab and the scenario; for a story, called once with None,
    #: since a story does its own steps.
    step: Callable[[Lab, Scenario, AnyStep | None], None] = _nothing


def play_all(
    scenarios: Sequence[Scenario],
    options: Options = Options(),
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Evidence]]:
    """Play all side by side; yield each one's index and evidence as it ends.

    Raises `Forbidden` where labs cannot be built at all; a failure of one scenario is recorded in
    its evidence.
    """
    privileges.prepare()
    needs.try_out(need for scenario in scenarios for need in scenario.needs)
    if any(map(forges, scenarios)):
        forge.scapy()
    telling.load(scenarios)
    plays = [partial(play, scenario, options) for scenario in scenarios]
    together = at_once(options, scenarios)
    if _watched(options):
        return scheduler.side_by_side(plays, together, meanwhile)
    return side_by_side(plays, together, meanwhile)


def side_by_side(
    plays: Sequence[Callable[[], Evidence]], together: int, meanwhile: Callable[[], None]
) -> Iterator[tuple[int, Evidence]]:
    """Run plays, so many at a time; yield each one's index and evidence as it ends.

    What could not be judged, though it was played again, in labs that were disturbed each time, is
    played at the end, each by itself: the others may be what this machine was too busy with.
    """
    upset: dict[int, Evidence] = {}
    for number, run in scheduler.side_by_side(plays, together, meanwhile):
        if run.outcome != "error" or _sure(run) or min(len(plays), together) == 1:
            yield number, run
        else:
            upset[number] = run
    for number, run in upset.items():
        ((_, alone),) = scheduler.side_by_side([plays[number]], 1, meanwhile)
        yield number, replace(alone, disturbed=(*run.disturbed, _upset(run), *alone.disturbed))


def at_once(options: Options, scenarios: Sequence[Scenario]) -> int:
    """The number of their labs that may be open at the same time."""
    hops = (sum(hop.hosted for hop in scenario.way) for scenario in scenarios)
    most = max(hops, default=0)
    return min(options.jobs, privileges.labs_at_once(most))


def forges(scenario: Scenario) -> bool:
    """True if it sends segments that no socket has sent."""
    return any(isinstance(s, Do) and ACTIONS[s.action].forges for s in scenario.steps)


def play(scenario: Scenario, options: Options = Options()) -> Evidence:
    """Play one scenario from beginning to end.

    Whatever fails is this scenario's outcome; a bug of netlab's is its error, with the place. What
    does not pass in a lab that was disturbed must show again in another one, unless the caller has
    looked on (`frozen`, `step`).
    """
    disturbed: list[str] = []
    while True:
        run = replace(_once(scenario, options), disturbed=tuple(disturbed))
        if _sure(run) or _watched(options) or len(disturbed) + 1 == PLAYS:
            return run
        disturbed.append(_upset(run))


def _watched(options: Options) -> bool:
    """True if the caller looks on: what was seen is not shown again."""
    return options.frozen is not _nothing or options.step is not _nothing


def _sure(run: Evidence) -> bool:
    return run.outcome in ("pass", "skip") or run.lost_s <= UNDISTURBED


def _upset(run: Evidence) -> str:
    """What came of a play in a disturbed lab, and how much it was disturbed."""
    why = run.failure.summary if run.failure else run.reason
    return f"{why} (nobody looked for {run.lost_s:.2f} s)"


def _once(scenario: Scenario, options: Options) -> Evidence:
    try:
        return _played(scenario, options)
    except _CallersError as passing:
        raise passing.error from None
    except NetlabError:
        raise
    except Exception as error:
        return _blank(scenario, options, "error", bug(error))


class _CallersError(BaseException):
    """Carries what a function of `Options` raised to whoever gave it: it is no outcome."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _ask(function: Callable[..., None], *given: object) -> None:
    """Call a function of `Options`. An error of netlab's is an outcome of the scenario."""
    try:
        function(*given)
    except NetlabError:
        raise
    except Exception as error:
        raise _CallersError(error) from None


def _played(scenario: Scenario, options: Options) -> Evidence:
    try:
        reason = _why_not(scenario, options.family)
        if reason:
            return _blank(scenario, options, "skip", reason)
        scenario = replace(scenario, expect=needs.settled(scenario.expect))
        kind = Lab if scenario.code is None else telling.StoryLab
        forging = numbered([*scenario.steps, *scenario.expect.heal])
        lab = kind(options.family, options.record, options.tape, forging)
    except LabError as error:
        return _blank(scenario, options, "error", str(error))
    with lab:
        try:
            for host, name in itertools.product(lab.hosts, options.sysctls):
                host.sysctl(name, options.sysctls[name])
        except LabError as error:
            return _blank(scenario, options, "error", str(error))
        return _Play(scenario, options, lab).evidence()


def _why_not(scenario: Scenario, family: Family) -> str:
    """The reason to skip a scenario here, or ''. Probes features, never checks versions."""
    if scenario.family not in (None, family):
        return f"only {scenario.family} has this"
    return next(filter(None, map(needs.missing, scenario.needs)), "")


def _blank(
    scenario: Scenario, options: Options, outcome: evidence.Outcome, reason: str = ""
) -> Evidence:
    return Evidence(
        scenario=scenario.name,
        outcome=outcome,
        source=scenario.source,
        path=str(scenario.path),
        family=options.family,
        kernel=os.uname().release,
        expected=scenario.expect.claim,
        reason=reason,
    )


class _Over(BaseException):
    """Nothing more is asked of a story: its pair was held without one of its faults."""


class _Play:
    """One scenario on one lab."""

    def __init__(self, scenario: Scenario, options: Options, lab: Lab) -> None:
        self._scenario = scenario
        self._expect = scenario.expect
        self._options = options
        self._lab = lab
        self._notebook = Notebook(lab)
        self._stage = Stage(lab, scenario.path.parent)
        self._steps: list[evidence.PlayedStep] = []
        self._held: Held | None = None
        self._healed: Pair | None = None
        self._lacks: caused.Lack | None = None
        self._line = scenario.expect.line

    def evidence(self) -> Evidence:
        """Play it and return the record, whatever the outcome."""
        blank = _blank(self._scenario, self._options, "pass")
        try:
            self._prove()
        except NetlabError as error:
            return self._record(self._failed(blank, error))
        return self._record(blank)

    def _failed(self, blank: Evidence, error: NetlabError) -> Evidence:
        """What an error makes of the record. It is no failure if it may be this machine's."""
        if isinstance(error, Unmet):
            try:
                self._lab.context.excuse(error)
            except TooBusy as excuse:
                error = excuse
        if isinstance(error, LabError):
            return replace(blank, outcome="error", reason=self._at_line(error))
        failure = error.failure if isinstance(error, NotHeld) else Failure(str(error))
        return replace(blank, outcome="fail", failure=replace(failure, line=self._line))

    def _at_line(self, error: Exception) -> str:
        return f"{self._scenario.path}:{self._line}: {error}"

    def _record(self, blank: Evidence) -> Evidence:
        lab, held = self._lab, self._held
        faults: tuple[FaultRecord, ...] = ()
        try:
            faults = self._notebook.faults()
        except LabError as error:
            blank = replace(blank, outcome="error", reason=blank.reason or str(error))
        flow = lab.flow(self._expect.of if held else LAST)
        pair = held.pair if held else flow.pair
        ends = dict.fromkeys(Side, evidence.End())
        try:
            for side in Side:
                ends[side] = self._notebook.end(side, flow)
                ends[side] = replace(ends[side], transitions=transitions(lab, flow, side))
        except LabError as error:
            if blank.outcome == "pass":
                blank = replace(blank, outcome="error", reason=str(error))
        return replace(
            blank,
            observed=pair,
            held_s=round(held.seconds, 3) if held else 0.0,
            samples=held.samples if held else 0,
            gap_s=round(held.gap, 6) if held else 0.0,
            elapsed_s=round(lab.elapsed(), 3),
            lost_s=round(lab.context.lost(), 3),
            dropped=sum(fault.packets for fault in faults),
            healed=self._healed,
            steps=tuple(self._steps),
            faults=faults,
            client=ends[Side.CLIENT],
            server=ends[Side.SERVER],
            programs=self._lab.programs,
            tracked={name: tuple(changes) for name, changes in flow.tracked.items()},
            recording=lab.recorder.recording(flow) if lab.recorder else None,
        )

    # --- the proof

    def _prove(self) -> None:
        expect, lab = self._expect, self._lab
        if self._scenario.code is not None:
            self._tell(self._scenario.code)
            return
        way = self._scenario.way
        if way:
            self._line, at = way[0].line, lab.elapsed()
            hops.lay(lab, way, self._options.without)
            family = self._options.family
            self._steps += [writer.played(hop, family, at, "") for hop in way]
        for number, step in enumerate(self._scenario.steps):
            if isinstance(step, Remove):
                self._see_it_act(step, in_force((*way, *self._scenario.steps[:number])))
            self._do_step(step)
        self._line = expect.line
        hold = max(expect.hold, self._options.hold)
        self._held = self._reach("pair", expect.claim, expect.within, hold, self._enough)
        checks.frozen(lab, expect, self._held.start, self._at)
        checks.reads(self._notebook, expect, self._at)
        self._notebook.ask(expect.of, errors=not expect.goes_on)
        if self._options.without:
            return
        self._line = expect.line
        _ask(self._options.frozen, lab, self._scenario)
        checks.counters(self._notebook, expect.counters, self._at)
        if expect.program is not None:
            checks.ended(lab, expect.program, self._at)
        if expect.ends is not None:
            self._wait_for_the_end()
        elif expect.healed is not None:
            self._at("healed")
            if not expect.heal:
                lab.remove()
            for step in expect.heal:
                self._do_step(step)
            self._at("healed")
            self._reach("healed", expect.healed.claim)
            self._see_it_undone()
            checks.counters(self._notebook, expect.healed.counters, partial(self._at, "healed"))
            if expect.healed.program is not None:
                checks.ended(lab, expect.healed.program, partial(self._at, "healed"))
            self._healed = lab.flow(expect.of).pair

    def _tell(self, code: Code) -> None:
        """Play a story, which does its own steps and expects its own pairs."""
        scenario, lab = self._scenario, self._lab
        assert isinstance(lab, telling.StoryLab)
        lab.longer, lab.without = self._options.hold, self._options.without
        lab.enough = self._enough  # type: ignore[method-assign]
        _ask(self._options.step, lab, scenario, None)
        told = telling.Telling(scenario, code, lab, self._story_is_held)
        try:
            told.tell()
        except _Over:
            pass
        except NotHeld as error:
            raise self._not_by_its_faults(error) if error.held else error from None
        finally:
            self._steps, self._line = told.steps, told.line
            self._held, self._healed = told.held, told.healed

    def _story_is_held(self) -> None:
        if self._options.without:
            raise _Over
        _ask(self._options.frozen, self._lab, self._scenario)

    def _at(self, *words: object) -> None:
        """The next check is the one that the file states there, below `expect:`."""
        self._line = self._expect.line_of(*map(str, words))

    def _reach(
        self,
        word: str,
        claim: ExpectedPair,
        within: float | None = None,
        hold: float = 0.0,
        enough: Callable[[], bool] | None = None,
    ) -> Held:
        """Expect the pair that the file claims below this word; on failure, set its line."""
        of = self._expect.of
        try:
            return self._lab.expect_pair(claim, hold, within, enough, Which(of))
        except NotHeld as error:
            if error.held:
                raise self._not_by_its_faults(error) from None
            rows = error.failure.rows
            match [row.side for row in rows if row.sampled not in row.expected]:
                case [side] if (word, str(side)) in self._expect.lines:
                    self._at(word, side)
            raise

    def _see_it_undone(self) -> None:
        """Where the pair heals into itself, what its rows showed to wait must not wait any more."""
        lab, expect = self._lab, self._expect
        if not expect.heals_into_itself or not any(r.waiting for r in expect.rows.values()):
            return
        rows = filter(None, lab.flow(expect.of).rows.values())
        patience = max((row.remaining for row in rows), default=0.0) + PATIENCE
        if not lab.wait(lambda: checks.undone(lab, expect), patience):
            assert expect.healed is not None
            now = lab.flow(expect.of).pair
            if not expect.healed.claim.admits(now):
                raise ActionFailed(f"healed: expected {expect.healed.claim}; found {now}")
            raise ActionFailed(
                f"healed: nothing has healed within {patience:.1f} s: the pair is the one that was "
                "held, and its rows still show what waits"
            )

    def _not_by_its_faults(self, error: NotHeld) -> NotHeld:
        """The same error with what is missing, at the line that asks for it."""
        if self._lacks is None:  # a story's own condition
            return error
        self._at(*(self._lacks.asked if self._expect.dropped else ["pair"]))
        failure = replace(error.failure, summary=f"{error.failure.summary}: {self._lacks.says}")
        return NotHeld(failure)

    def _wait_for_the_end(self) -> None:
        ends, held = self._expect.ends, self._held
        assert ends is not None
        assert held is not None
        self._line = ends.line
        patience = held.since + ends.latest - self._lab.elapsed() + PATIENCE
        end = self._reach("ends", ends.claim, patience)
        self._at("ends", "after")
        checks.lasted(end.before - held.since, end.since - held.before, ends.after)
        checks.counters(self._notebook, ends.counters, partial(self._at, "ends"))
        for step in ends.then:
            self._do_step(step)

    def _enough(self) -> bool:
        """True if the faults have done what makes them the cause of the pair."""
        self._lacks = None if self._options.without else caused.lacking(self._lab, self._expect)
        return self._lacks is None

    def _see_it_act(self, step: Remove, faults: Mapping[str, FaultStep]) -> None:
        """Wait until a fault that is to be removed has dropped something: or it is no cause."""
        if self._options.without:
            return
        for name in caused.due(step, faults, self._expect):
            if not self._lab.wait(partial(self._lab.dropped, name), PATIENCE):
                self._line = step.line
                raise ActionFailed(f"{writer.line(step)}: expected at least 1 by {name}; found 0")

    # --- steps

    def _do_step(self, step: AnyStep) -> None:
        self._line = step.line
        _ask(self._options.step, self._lab, self._scenario, step)
        at = self._lab.elapsed()
        result = ""
        # Neither is a fault that is left out installed, nor can it be removed.
        if not (isinstance(step, FaultStep | Remove) and step.name == self._options.without):
            result = acting.perform(self._stage, step, self._options.family)
        self._steps.append(writer.played(step, self._options.family, at, result))
