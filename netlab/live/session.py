# SPDX-License-Identifier: GPL-2.0-or-later
"""Records the keys and their results: enough to be written as a scenario and played.

A person waits and watches before the next key; a player does not. So wherever the pair changed
between two keys, the file has `reach:`, with some time for a fault to take effect; and of a fault
that has dropped nothing since then, nothing is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netlab.model.errors import ScenarioError
from netlab.model.tcp import RETRANSMITTING
from netlab.model.vocabulary import ExpectedPair, Family, Pair
from netlab.scenario import loader, spelling, writer
from netlab.scenario.model import AnyStep, Do, FaultStep, Reach, Remove, Scenario, in_force
from netlab.scenario.steps import kind_of

HOLD = 1.0  # seconds that a pair must have lasted, and the `hold:` of the file
PROMPT = 3.0  # seconds; anything that takes longer gets its own `within:`
#: Seconds that a player waits for the error of a connect (netlab.testbed.host.PATIENCE).
SOON = 4.0
NOWHERE = (0, "")  # line and comment of a step that is in no file


@dataclass(frozen=True, slots=True)
class KeyAction:
    """One key that did something."""

    at: float  # seconds on the lab's clock
    step: AnyStep
    of: str = ""  # the connection on view


class Session:
    """The keys that acted, and the pairs that were seen meanwhile.

    Times are in seconds on the lab's clock.
    """

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.scenario = scenario
        self.deeds: list[KeyAction] = []
        self._pairs: list[tuple[float, Pair]] = []
        self._dropped: dict[float, Mapping[str, int]] = {}  # by the time of a pair
        #: Steps that came before the first key.
        self._given: tuple[AnyStep, ...] = scenario.steps if scenario else ()
        self._way = scenario.way if scenario else ()

    # --- what happens

    def saw(
        self, at: float, pair: Pair, dropped: Callable[[], Mapping[str, int]] = lambda: {}
    ) -> None:
        """Record a sample. `dropped` returns what each fault has dropped; called for a new pair."""
        if not self._pairs or self._pairs[-1][1] != pair:
            self._pairs.append((at, pair))
            self._dropped[at] = dropped()

    def did(self, at: float, step: AnyStep, of: str = "") -> None:
        """Record the step of a key."""
        self.deeds.append(KeyAction(at, step, of))

    def failed(self, at: float, error: str) -> None:
        """Record that the last step ended with this error, at once or soon after."""
        deed = self.deeds[-1]
        if isinstance(deed.step, Do) and at - deed.at < SOON:
            fails = dict.fromkeys(Family, error)
            self.deeds[-1] = replace(deed, step=replace(deed.step, fails=fails))

    def amend(self, arguments: Mapping[str, object]) -> None:
        """Replace the arguments of the last step, which did less than it was asked to."""
        deed = self.deeds[-1]
        if isinstance(deed.step, Do):
            self.deeds[-1] = replace(deed, step=replace(deed.step, arguments=arguments))

    # --- what has happened

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """The hops, and everything that was done, by the scenario and at the keys."""
        return (*self._way, *self._given, *(deed.step for deed in self.deeds))

    @property
    def in_force(self) -> dict[str, FaultStep]:
        """The faults that are in force, by their names."""
        return in_force(self.steps)

    def free_name(self, wanted: str) -> str:
        """A fault's name that is not taken: ``drop-fin``, ``drop-fin-2``."""
        taken = {step.name for step in self.steps if isinstance(step, FaultStep)}
        names = [wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 2))]
        return next(name for name in names if name not in taken)

    def pair_at(self, at: float) -> tuple[float, Pair]:
        """The time since when the pair at time `at` was seen, and that pair."""
        return next((seen for seen in reversed(self._pairs) if seen[0] <= at), self._pairs[0])

    # --- as a scenario

    def written(self, story: str, now: float, dropped: Mapping[str, int], name: str) -> str:
        """The text of a scenario file of this name that does the same and expects the present pair.

        `dropped`: the packets that each fault dropped. Raises `ScenarioError` if there is nothing
        to write, or if the steps do not make a scenario.
        """
        if not self.deeds:
            raise ScenarioError("nothing to write yet: no key has done anything")
        if self.scenario is not None and self.scenario.code is not None:
            raise ScenarioError(
                "what a story in Python did cannot be written as steps: begin with 'netlab lab'"
            )
        since, pair = self._pairs[-1]
        if now - since < HOLD:
            raise ScenarioError(
                f"the pair changed {now - since:.1f} s ago: let it hold for a second first"
            )
        deeds, healing = self._apart(pair)
        healed = pair if healing else None
        if len(deeds) < len(self.deeds):
            since, pair = self.pair_at(self.deeds[len(deeds)].at)
        steps = self._player_steps(deeds)
        expect: dict[str, Any] = {"pair": writer.pair(_claim(pair))}
        of = (deeds or self.deeds)[-1].of
        if of:
            expect["of"] = of
        expect["hold"] = spelling.seconds(HOLD)
        if deeds and since - deeds[-1].at > PROMPT:
            expect["within"] = spelling.seconds(_generous(since - deeds[-1].at))
        if idle := _idle(steps, pair, dropped, self._dropped[since]):
            expect["dropped"] = dict.fromkeys(idle, "at least 0")
        if healed:
            expect["healed"] = writer.pair(_claim(healed))
        else:
            expect["cause"] = _cause(in_force(steps))
        source = f"netlab freeze {self.scenario.name}" if self.scenario else "netlab lab"
        text = writer.file(story, source, steps, expect, self._way)
        loader.parse(text, Path(f"{name}.yaml"))  # raises for anything impossible
        return text

    def _apart(self, pair: Pair) -> tuple[list[KeyAction], bool]:
        """The steps that made the pair, and whether the steps after them healed it.

        If the last steps removed faults, they healed the pair before them, if it had held by then.
        If the removal has had no effect yet, that pair is written, with its faults in force.
        """
        tail = len(self.deeds)
        while tail and isinstance(self.deeds[tail - 1].step, Remove):
            tail -= 1
        if tail == len(self.deeds) or self.in_force:
            return self.deeds, False
        removed = self.deeds[tail].at
        since, before = self.pair_at(removed)
        if before == pair:
            return (self.deeds[:tail], False) if tail or self.scenario else (self.deeds, False)
        return (self.deeds[:tail], True) if removed - since >= HOLD else (self.deeds, False)

    def _player_steps(self, deeds: Sequence[KeyAction]) -> list[AnyStep]:
        steps = list(self._given)
        if self.scenario and deeds:
            expect = self.scenario.expect
            steps.append(Reach(*NOWHERE, claim=expect.claim, hold=expect.hold, of=expect.of))
            since, pair = self.pair_at(deeds[0].at)
            if not expect.claim.admits(pair):  # it changed by itself before the first key
                within = _generous(since - self._pairs[0][0])
                steps.append(Reach(*NOWHERE, _claim(pair), within, of=expect.of))
        for before, deed in zip([None, *deeds], deeds, strict=False):
            if before is not None and (reach := self._between(before, deed)):
                held = min(HOLD, round(deed.at - self.pair_at(deed.at)[0], 1))
                steps.append(replace(reach, hold=held) if in_force(steps) else reach)
            steps.append(deed.step)
        return steps

    def _between(self, before: KeyAction, deed: KeyAction) -> Reach | None:
        """The pair that a player has to wait for between two steps, if any."""
        since, pair = self.pair_at(deed.at)
        waits_itself = _is(deed.step, "accept")
        at_once = _is(before.step, "listen", "unlisten")
        if since < before.at or waits_itself or at_once:
            return None
        took = since - before.at
        within = _generous(took) if took > PROMPT else None
        return Reach(*NOWHERE, claim=_claim(pair), within=within, of=before.of)


def _is(step: AnyStep, *actions: str) -> bool:
    return isinstance(step, Do) and step.action in actions


def _claim(pair: Pair) -> ExpectedPair:
    return ExpectedPair((pair.client,), (pair.server,))


def _generous(took: float) -> float:
    return math.ceil(1.5 * took) + 5


def _idle(
    steps: Sequence[AnyStep], pair: Pair, dropped: Mapping[str, int], before: Mapping[str, int]
) -> list[str]:
    """The faults that a player must not ask for what a scenario must show of its causes
    (netlab.scenario.caused): they have dropped nothing, or nothing since the pair came although an
    end sends again and again.
    """
    found = []
    for step in steps:
        if isinstance(step, FaultStep) and kind_of(step).counts(step):
            number = dropped.get(step.name, 0)
            stays = step.name in in_force(steps) and {pair.client, pair.server} & RETRANSMITTING
            if number <= (before.get(step.name, 0) if stays else 0):
                found.append(step.name)
    return found


def _cause(faults: Mapping[str, FaultStep]) -> str:
    if not faults:
        return "no fault is in force; the applications did this"
    told = ", ".join(kind_of(step).described(step) for step in faults.values())
    return f"still in force: {told}; how it heals was not tried"
