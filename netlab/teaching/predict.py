# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks for the pair before it is shown, and explains wrong answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netlab.model.tcp import State, why_unreachable
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.teaching import answers
from netlab.teaching.explanations import RulesInForce, reason
from netlab.teaching.lesson import Lesson
from netlab.teaching.look import COLOURS
from netlab.teaching.person import LEAVING, Conversation

Said = Mapping[Side, State | None]  # None: "I don't know"


class Prediction:
    """One question about a pair, with a given number of tries."""

    def __init__(
        self,
        person: Conversation,
        claim: ExpectedPair,
        scene: RulesInForce,
        lesson: Lesson | None = None,
    ) -> None:
        self._person = person
        self._claim = claim
        self._scene = scene
        self._lesson = lesson

    def ask(self, tries: int) -> Said:
        """Ask for both ends, at most `tries` times for each wrong one. Returns the last answers."""
        said: dict[Side, State | None] = {}
        asking: Sequence[Side] = tuple(Side)
        for left in reversed(range(tries)):
            for side in asking:
                said[side] = self._state(side)
            self._judge(said, asking)
            asking = [side for side in asking if said[side] and not self.right(side, said)]
            if not asking:
                return said
            self._person.say("Once more:" if left else "Let us see what the kernel does.")
        return said

    def right(self, side: Side, said: Said) -> bool:
        """True if the answer for one end is right."""
        return said[side] in self._claim.states(side)

    def _state(self, side: Side) -> State | None:
        while True:
            name = self._person.style(str(side), COLOURS[side])
            text = self._person.ask(f"  {name}? ", self._menu)
            if not text:
                return None
            try:
                return answers.state(text)
            except ValueError as problem:
                self._person.say(f"{problem}.", "dim", indent=2)

    def _menu(self) -> None:
        for state, meaning in answers.MEANINGS.items():
            first = f"  {state.value:>2} {state!s:<12} "
            self._person.beside(first, meaning, len(first))
        self._person.say(f"Just Enter: you do not know. {LEAVING}", "dim", indent=2)

    def _judge(self, said: Said, asked: Sequence[Side]) -> None:
        person = self._person
        right = [side for side in asked if self.right(side, said)]
        wrong = {side: state for side in asked if (state := said[side]) and side not in right}
        if len(right) == len(asked):
            person.say("Right." if len(asked) == 1 else "Right, both.", "green")
            return
        if right:
            good = " and ".join(f"the {side} is in {said[side]}" for side in right)
            person.say(f"Half right: {good}.", "green")
        for side, state in wrong.items():
            person.say(f"The {side} is not in {state}: {self._why_not(side, state)}.", "yellow")
        client, server = said[Side.CLIENT], said[Side.SERVER]
        impossible = client and server and why_unreachable(client, server)
        if wrong and impossible:
            person.say(f"And {client}/{server} cannot exist at all: {impossible}.", "yellow")
        if not right and not wrong:
            person.say("Then watch what the kernel does.")

    def _why_not(self, side: Side, state: State) -> str:
        own = self._lesson.reason(side, state) if self._lesson else ""
        return own or reason(side, state, self._claim.states(side)[0], self._scene)
