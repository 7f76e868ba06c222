# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks through a scenario with a person: predict, act, look, explain.

The runner itself plays it. It calls the session before each step and while the pair is frozen;
the session only talks, asks and looks, so a person sees exactly what `netlab run` proves.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace

from netlab.linux.procnet import Row
from netlab.model.evidence import Evidence, Recording
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Family, Side
from netlab.scenario import sources
from netlab.scenario.explain import by_hand, listing
from netlab.scenario.model import AnyStep, Do, DropStep, Reach, Remove, Scenario
from netlab.scenario.steps import ACTIONS
from netlab.scenario.steps.fault import Command
from netlab.teaching import crossed, lesson, look, proof, words
from netlab.teaching.explanations import RulesInForce
from netlab.teaching.lesson import Lesson
from netlab.teaching.person import Conversation, wrapped
from netlab.teaching.predict import Prediction, Said
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook

SETTLING = 0.2  # seconds before a look, enough for the segments of a step to cross the wire
TRIES = 2
HINT = "A state or its beginning; ? shows them all; just Enter if you do not know; q leaves."


class PairEnded(Exception):
    """The pair ended while the person was still reading."""


class LessonSession:
    """One lesson with one person. Give `step` and `frozen` to the runner's options."""

    def __init__(
        self, person: Conversation, text: Lesson, scenario: Scenario, family: Family
    ) -> None:
        self._person = person
        self._text = text
        self._scenario = scenario
        self._expect = scenario.expect
        self._family = family
        everything = Remove(0, "", None)
        self._cure: tuple[AnyStep, ...] = self._expect.heal or (everything,)
        self._asking = lesson.questions(scenario, text)
        self._number = 0  # of the step in the file
        self._told = 0  # steps shown: those that only wait are not
        self._last: AnyStep | None = None
        self._said: Said | None = None
        self._seen: dict[Side, list[State]] = {}
        self._looked = 0.0  # time of the last look, on the lab's clock
        self._began = 0.0  # time of the last step shown, or of the cure, on the same clock
        self._since = "the beginning"  # the name of that step
        self._warned: set[State] = set()
        self._notebook: Notebook | None = None
        self._frozen = self._cured = False
        self._of = sum(not isinstance(each, Reach) for each in scenario.steps)
        #: True if sysctls may change how long Linux keeps a state.
        self._tuned = any(isinstance(s, Do) and s.action == "sysctl" for s in scenario.steps)

    def _begin(self) -> None:
        """The situation: who wants what, and who believes what."""
        person, scenario = self._person, self._scenario
        person.heading(f"{scenario.name}: {self._text.title}")
        person.say(self._text.situation)
        if scenario.source:
            person.say(f"Source: {scenario.source}", "dim")
        told = (scenario.source, scenario.differs, *self._text.told())
        for name, what in sources.named(told).items():
            person.beside(f"  {name}: ", what, 4 + len(name))
        person.line()
        person.say(
            "Two machines have just been built, for real, in this kernel: a client, a server, and "
            "a wire between them. Enter goes on; ? lists the keys; q leaves.",
            "dim",
        )

    # --- steps

    def step(self, lab: Lab, scenario: Scenario, step: AnyStep | None) -> None:
        """Before a step: show the effect of the last one, describe this one, and wait for Enter."""
        if self._cured:
            return  # the steps of the cure were shown with the question
        if self._notebook is None:
            self._begin()
            self._notebook = Notebook(lab)
            self._person.look_for = lambda line: lab.context.wait(line, float("inf"))
        if step is None:
            self._tell_story()
            return
        if not self._number and scenario.way:
            self._person.heading("On the way")
            for hop in scenario.way:
                self._person.say(words.telling(hop))
        self._look_back(lab)
        self._number += 1
        self._last = step
        if isinstance(step, Reach):
            if not step.claim.admits(lab.flow(step.of).pair):
                self._person.say(words.telling(step, scenario.steps), "dim")
            return
        where = f", at the {step.side}" if isinstance(step, (Do, DropStep)) else ""
        self._told += 1
        self._person.heading(f"Step {self._told} of {self._of}{where}")
        self._person.say(self._text.steps.get(self._number) or words.telling(step, scenario.steps))
        claim = self._asking.get(self._number)
        if step.comment and claim is None and self._number < self._text.predict[-1]:
            self._person.say(f"({step.comment})", "dim")
        self._show_commands(lab, step)
        if claim is not None:
            self._predict(claim)
        else:
            self._person.enter("does it")
        self._begins(lab, f"step {self._told}")
        if self._number == len(scenario.steps):
            self._announce_hold()

    def _begins(self, lab: Lab, what: str) -> None:
        """Count times from here on."""
        self._began, self._since = lab.elapsed(), what

    def _tell_story(self) -> None:
        """A story does its own steps: show them, and ask for the pair, beforehand."""
        person = self._person
        person.heading("What is done")
        for number, line in listing(self._scenario, until=self._expect.line - 1):
            person.line(person.style(f"{number:>4}  ", "dim") + line)
        self._predict(self._expect.claim)
        person.line()
        person.say(
            "Now it is played, up to the pair, which must hold. This takes seconds ...", "dim"
        )

    def _predict(self, claim: ExpectedPair) -> None:
        self._person.line()
        steps, last = self._scenario.steps, self._number == self._text.predict[-1]
        further = len(steps) > self._number and not isinstance(steps[self._number], Reach)
        when = "When this and what follows is done" if further else "When this is done"
        hint = f" {HINT}" if self._said is None else ""
        self._person.say(f"{when}: which state is each end in?{hint}", "bold")
        scene = RulesInForce(steps if last else steps[: self._number])
        question = Prediction(self._person, claim, scene, self._text if last else None)
        self._said = question.ask(TRIES)

    def _announce_hold(self) -> None:
        self._person.line()
        held = f"{self._expect.hold:g} s"
        self._person.say(f"Done. Now the pair must hold: sampling both ends for {held} ...", "dim")

    def _show_commands(self, lab: Lab, step: AnyStep) -> None:
        for command in self._by_hand(lab, step):
            name = self._person.style(str(command.side), look.COLOURS.get(command.side, "magenta"))
            # It must still be one command when it is copied, so lines are continued with a \.
            lines = wrapped(command.text, self._person.width - 14)
            for number, line in enumerate(lines):
                start = f"  {name}$ " if number == 0 else " " * 12
                self._person.line(start + line + (" \\" if number < len(lines) - 1 else ""))

    def _by_hand(self, lab: Lab, step: AnyStep) -> Iterator[Command]:
        """The commands of one step, with this lab's addresses."""
        whole = replace(self._scenario, steps=(*self._scenario.steps, *self._cure))
        for each, commands in by_hand(whole, self._family):
            for command in commands if each is step else ():
                text = command.text
                for side in Side:
                    text = text.replace(side.address(self._family), lab.host(side).address)
                yield Command(command.side, text)

    def _look_back(self, lab: Lab) -> None:
        """Show the effect of the step before, if it can have had one."""
        step, self._last = self._last, None
        if step is None or (isinstance(step, Do) and ACTIONS[step.action].silent):
            return
        self._tell_the_error(step)
        if not isinstance(step, (Do, Remove, Reach)):
            return
        lab.wait(lambda: None, SETTLING)
        seen = look.rows(lab)
        if look.states(seen) != self._seen:
            self._show(seen)
            self._warn(seen)
        elif not isinstance(step, Reach):
            self._person.say("Look: the same states as before.", "dim")
        self._show_packets(lab)
        if isinstance(step, Reach) and step.claim in (asked := [*self._asking.values()])[:-1]:
            self._compare(f"The pair is {step.claim}", self._said, asked[asked.index(step.claim)])

    def _show(self, seen: dict[Side, list[Row]]) -> None:
        self._seen = look.states(seen)
        self._person.line()
        for line in look.table(seen, self._person.width, self._person.style):
            self._person.line(line)

    def _show_packets(self, lab: Lab) -> None:
        """Show the packets that crossed the wire since the last look."""
        recording = lab.recorder.recording(lab.flow()) if lab.recorder else None
        self._list_packets(recording, crossed.OF_A_STEP)
        self._looked = lab.elapsed()

    def _list_packets(self, recording: Recording | None, most: tuple[int, int]) -> None:
        person = self._person
        for line in crossed.lines(
            recording, self._looked, self._began, self._since, most, person.width, person.style
        ):
            person.line(line)

    def _warn(self, seen: dict[Side, list[Row]]) -> None:
        """Warn once about each state that the kernel ends by itself."""
        for row in (row for of_side in seen.values() for row in of_side):
            orphan = row.inode == 0 or row.state in words.ALWAYS_ENDS
            life = words.lives(row.state, called=row.inode != 0).partition(" once ")[0]
            if life and orphan and not self._tuned and row.state not in self._warned:
                self._warned.add(row.state)
                self._person.say(f"(Linux keeps {row.state} for {life}, even while you read.)",
                                 "dim", indent=1)  # fmt: skip

    # --- the pair

    def frozen(self, lab: Lab, scenario: Scenario) -> None:
        """While the pair is held: look, why, the proof, and what the cure will do."""
        self._frozen = True
        self._tell_the_error(self._last)
        self._person.heading("Look")
        self._show(look.rows(lab))
        self._show_packets(lab)
        self._person.line()
        self._compare(f"The pair is {self._expect.claim}", self._said, self._expect.claim)
        if self._text.why:
            self._person.line()
            self._person.say(self._text.why)
        self._person.line()
        self._person.enter("shows the proof")
        self._still_there(lab)
        assert self._notebook is not None  # begun before the first step
        proof.tell(self._person, lab, self._scenario, self._notebook)
        if self._text.proof:
            self._person.line()
            self._person.say(self._text.proof)
        for sentence in proof.lives(self._scenario, self._tuned):
            self._person.line()
            self._person.say(sentence, "dim")
        self._ask_for_the_cure(lab)

    def _tell_the_error(self, step: AnyStep | None) -> None:
        """Show the error that a step was expected to meet; any other would have ended the play."""
        if isinstance(step, Do) and (name := step.fails.get(self._family)):
            text = os.strerror(getattr(errno, name))
            self._person.say(f"It fails, with {name}: {text}.", "bold")

    def _compare(self, sentence: str, said: Said | None, claim: ExpectedPair) -> None:
        style = self._person.style
        guesses = [said[side] for side in Side] if said else []
        if not any(guesses):
            self._person.line(style(f"{sentence}.", "bold"))
        elif all(guess in claim.states(side) for guess, side in zip(guesses, Side, strict=True)):
            self._person.line(style(f"{sentence}, as you said.", "bold", "green"))
        else:
            written = "/".join(str(guess or "?") for guess in guesses)
            self._person.line(style(f"{sentence}; you said {written}.", "bold"))

    def _still_there(self, lab: Lab) -> None:
        """Raise `PairEnded` if the pair did not last while the person was reading."""
        lab.sample()
        pair = lab.flow(self._expect.of).pair
        if not self._expect.claim.admits(pair):
            raise PairEnded(str(pair))

    # --- the cure

    def left(self) -> str:
        """The parts that a person who leaves now has not seen, or ''."""
        first = max(self._told, 1)
        steps = f"step {first}" if first == self._of else f"steps {first} to {self._of}"
        ahead = [] if self._frozen else [steps]
        ahead += [] if self._cured else ["the proof"]
        ahead += ["the cure"] if self._expect.healed else []
        return " and ".join(filter(None, (", ".join(ahead[:-1]), *ahead[-1:])))

    def _ask_for_the_cure(self, lab: Lab) -> None:
        self._cured = True
        person, healed = self._person, self._expect.healed
        self._said = None
        person.heading("The cure")
        if healed is None:
            person.say(self._text.cure or f"There is nothing to take away: {self._expect.cause}.")
            return
        if self._scenario.code is not None:
            for number, line in listing(self._scenario, since=self._expect.line + 1):
                person.line(person.style(f"{number:>4}  ", "dim") + line)
        for step in () if self._scenario.code is not None else self._cure:
            person.say(words.telling(step))
            self._show_commands(lab, step)
        person.line()
        person.say("Which state will each end be in then?", "bold")
        scene = RulesInForce((*self._scenario.steps, *self._cure))
        self._said = Prediction(person, healed.claim, scene).ask(1)
        self._still_there(lab)
        person.line()
        person.say("Done. Now the pair must heal, with what one end sends next ...", "dim")
        self._begins(lab, "the cure")

    def end(self, evidence: Evidence) -> None:
        """After the cure: show what the pair became, why, and where it is met."""
        person, text = self._person, self._text
        healed = self._expect.healed
        if healed is not None and evidence.healed:
            self._list_packets(evidence.recording, crossed.OF_A_CURE)
            person.line()
            for line in look.afterwards(evidence, person.width, person.style):
                person.line(line)
            person.line()
            self._compare(f"It healed into {evidence.healed}", self._said,
                          healed.claim)  # fmt: skip
            person.line()
            person.say(text.cure)
        if self._scenario.differs:
            person.line()
            person.say(f"Where Linux differs from the article: {self._scenario.differs}.")
        if text.wild:
            person.heading("Where you meet this")
            person.say(text.wild)
