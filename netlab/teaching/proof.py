# SPDX-License-Identifier: GPL-2.0-or-later
"""The proof of a frozen pair in words: samples, rules, columns and counters."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model.vocabulary import Side
from netlab.scenario import loader
from netlab.scenario.model import Scenario
from netlab.teaching import look, words
from netlab.teaching.person import Conversation
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook

MARGIN = 10  # columns, for the name of an end


def tell(person: Conversation, lab: Lab, scenario: Scenario, notebook: Notebook) -> None:
    """Show everything that this kernel reports about the pair now."""
    expect = scenario.expect
    person.heading("Proof")
    if expect.hold:
        person.say(f"Every sample of {expect.hold:g} s showed the pair.", indent=2)
    for fault in lab.faults:
        if fault.counts:
            sentence = f"The rule {fault.name} at {fault.where} has stopped {fault.counted}."
            person.say(sentence, indent=2)
    for side in Side:
        name = person.style(str(side).ljust(MARGIN - 2), look.COLOURS[side])
        for number, sentence in enumerate(words.explained(lab.flow(expect.of).rows[side])):
            person.beside(f"  {name}" if number == 0 else "", sentence, MARGIN)
    for sentence in _counted(notebook, scenario):
        person.beside("", sentence, MARGIN)


def lives(scenario: Scenario, tuned: bool) -> Iterator[str]:
    """How many seconds the pair lasts if left alone; `tuned`: sysctls may change that."""
    ends = loader.load(scenario.path).expect.ends if scenario.code is None else None
    if ends is not None:
        after = f"{ends.after.low:g} to {ends.after.high:g} s"
        yield f"Left alone, it becomes {ends.claim} by itself, after {after}."
        return
    callers = words.callers(scenario)
    claim = scenario.expect.claim
    each = [(state, side in callers) for side in Side for state in claim.states(side)]
    for state, called in dict.fromkeys(each):
        if (said := words.lives(state, called)) and not tuned:
            yield f"Left alone, {state} lasts {said}."


def _counted(notebook: Notebook, scenario: Scenario) -> Iterator[str]:
    for side in Side:
        counted = notebook.counted(side)
        for name in scenario.expect.counters.get(side, {}):
            meaning = words.COUNTERS.get(name)
            explained = f" ({meaning})" if meaning else ""
            yield f"Counted at the {side}: {name} {counted.get(name, 0)}{explained}."
