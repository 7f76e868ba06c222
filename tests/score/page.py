# SPDX-License-Identifier: GPL-2.0-or-later
"""The score and its confusion table as text, for a terminal and for docs/score.md."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from .judge import NOTHING, Miss, Tally

#: What must hold: with both ends, with one end, and healthy ones accused in a thousand.
WANTED = {"both": 0.98, "one": 0.90}
INTRODUCTION = """\
# The blind score of `netlab diagnose`

Written by `./scripts/score --write`; nobody edits it.

A program breaks connections in ways that the author of the rules did not choose: every scenario
and every cell of the atlas, the drop at the receiver and at the sender, over both families, on
random ports, with and without data in flight, alone and several at once with healthy connections
between them. While they are stuck, for one to ten seconds by then, it looks at both hosts twice,
{apart:g} s apart, and asks. What is true is read from the injection, in words of TCP
(`tests/score/truth.py`), not from the rules.

- *both ends*: the first finding about the connection is the true class
- *one end*: one of the first two is, of those that this end can know of at all
- *accused*: of the questions about connections with which nothing is wrong (each is asked about
  with both ends and with each alone), those that were answered by a finding
- *invented*: of the questions to an end that can know of nothing, those that were answered by a
  finding that is not true

A class is a finding's cause and at most two others that it says cannot be told from it. In
brackets: right by the cause alone. Seeds 1, 77 and 2026 are what the rules were mended with; a
score that is worth keeping comes from another.
"""


def lines(tallies: Mapping[str, Tally]) -> list[str]:
    """The score, one line a form."""
    found = [f"{'evidence':26} {'both ends':>24} {'one end':>24} {'accused':>14} {'invented':>14}"]
    for form, tally in tallies.items():
        found.append(
            f"{form:26} {_share(tally, 'both'):>24} {_share(tally, 'one'):>24} "
            f"{f'{tally.accused} of {tally.healthy}':>14} "
            f"{f'{tally.invented} of {tally.blind}':>14}"
        )
    return found


def _share(tally: Tally, kind: str) -> str:
    asked = tally.asked[kind]
    if not asked:
        return "-"
    right, exactly = tally.right[kind], tally.exactly[kind]
    return f"{right / asked:.1%} of {asked} ({exactly / asked:.1%})"


def good_enough(tally: Tally) -> bool:
    """Whether a score is as high as it must be."""
    shares = all(tally.right[kind] >= wanted * tally.asked[kind] for kind, wanted in WANTED.items())
    return shares and not tally.accused


def confusion(tally: Tally) -> list[str]:
    """Truth by answer, with both ends, as a table in Markdown; zeros are left out."""
    rows = [*sorted({true for true, _ in tally.confusion} - {NOTHING}), NOTHING]
    found = ["| true | cases | answered |", "|---|---:|---|"]
    for true in rows:
        answers = Counter({s: n for (t, s), n in tally.confusion.items() if t == true})
        total = sum(answers.values())
        said = ", ".join(
            f"{'**' * (answer == true)}{answer} {count}{'**' * (answer == true)}"
            for answer, count in answers.most_common()
        )
        found.append(f"| {true} | {total} | {said} |")
    return found


def misses(found: Sequence[Miss]) -> list[str]:
    """Every wrong answer, those alike together."""

    def alike(miss: Miss) -> tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, str]]:
        return miss.form, miss.ends, miss.true, miss.answers, miss.pair

    text = []
    for key, group in groupby(sorted(found, key=alike), key=alike):
        some = list(group)
        form, ends, true, answers, pair = key
        names = sorted({miss.what for miss in some})
        text.append(
            f"{len(some):4} x {form}, {ends}, {'/'.join(pair) or 'healthy'}: true "
            f"{' or '.join(true)}; answered {', '.join(answers) or NOTHING}"
        )
        text.append(f"       {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}")
    return text


def page(tallies: Mapping[str, Tally], command: str, cases: int, lost: int, apart: float) -> str:
    """docs/score.md."""
    text = [
        INTRODUCTION.format(apart=apart),
        f"`{command}`, Linux {os.uname().release}: {cases} labs, {lost} could not be frozen.",
        "",
        "| evidence | both ends | one end | accused | invented |",
        "|---|---|---|---|---|",
    ]
    for form, tally in tallies.items():
        accused = f"{tally.accused} of {tally.healthy}"
        invented = f"{tally.invented} of {tally.blind}"
        shares = f"{_share(tally, 'both')} | {_share(tally, 'one')}"
        text.append(f"| {form} | {shares} | {accused} | {invented} |")
    for form, tally in tallies.items():
        text += ["", f"## {form}: what was true, and what was answered with both ends", ""]
        text += confusion(tally)
    return "\n".join(text) + "\n"
