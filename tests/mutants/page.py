# SPDX-License-Identifier: GPL-2.0-or-later
"""The score of the mutants, as a table in docs/mutants.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from netlab.model.files import write

from .data import Mutant
from .judge import BY_DEFAULT, MODES, Answer, Judge, caught_by

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
MARK = "<!-- Below, everything is written by scripts/mutants --page. -->\n"
LONGEST = 160  # characters of a sentence
NOT_MEASURED = "not measured"


def renew(mutants: Sequence[Mutant], judge: Judge) -> None:
    """Write the table into the page, below what is written by hand."""
    by_hand = PAGE.read_text().partition(MARK)[0]
    write(PAGE, by_hand + MARK + "\n" + "\n".join(lines(mutants, judge)) + "\n")


def lines(mutants: Sequence[Mutant], judge: Judge) -> Iterator[str]:
    """The score, and the table: what caught each mutant, how fast, and what was said of it."""
    yield from _score(mutants, judge)
    yield ""
    yield "| mutant | what the kernel does | caught by | s | it says |"
    yield "|---|---|---|---|---|"
    for mutant in mutants:
        yield row(mutant, judge.answers(mutant))


def row(mutant: Mutant, answers: Mapping[str, Answer]) -> str:
    """One mutant's row."""
    meaning = mutant.meaning + (f' (reverts "{mutant.reverts}")' if mutant.reverts else "")
    return f"| {mutant.name} | {_cell(meaning)} | {' | '.join(_result(mutant, answers))} |"


def _score(mutants: Sequence[Mutant], judge: Judge) -> Iterator[str]:
    measured = [*filter(None, map(judge.answers, mutants))]
    caught = [*map(caught_by, measured)]
    reverts = sum(bool(each.reverts) for each in mutants)
    default = sum(mode in BY_DEFAULT for mode in caught)
    yield (
        f"{len(mutants)} mutants, {reverts} of them reverts of real commits; {len(measured)} were "
        f"measured: {default} were caught by what the default has, "
        f"{sum(map(bool, caught))} by something."
    )


def _result(mutant: Mutant, answers: Mapping[str, Answer]) -> tuple[str, str, str]:
    """What caught a mutant, in how many seconds, and the sentence."""
    mode = caught_by(answers)
    if mode:
        said = answers[mode].differences
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        return mode, f"{answers[mode].seconds:.0f}", _cell(_short(said[0]) + more) if said else ""
    if not answers:
        return NOT_MEASURED, "", ""
    trouble = next((answer.trouble for answer in answers.values() if answer.trouble), "")
    seconds = f"{sum(answer.seconds for answer in answers.values()):.0f}"
    left = [name for name in MODES[mutant.family] if name not in answers]
    result = "**not**" + (f", {', '.join(left)} {NOT_MEASURED}" if left else "")
    return result, seconds, _cell(_short(trouble))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " ..."


def _cell(text: str) -> str:
    """A text in a table, where a bar and an angle bracket would be something else."""
    return text.replace("|", "\\|").replace("<", "&lt;")
