# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks about the pastes in other clothes: ``python -m tests.field.answers [--each N] [--seed S]``.

Each text of the corpus is asked about in N variants: one of `variants.SINGLE`, two of them, or one
with its addresses masked or its rows broken. A good answer is turned if it is wrong then, or silent
without a word about rows that could not be read, or a refusal that does not help. Exit 1 where one
is wrong or silent.
"""

from __future__ import annotations

import argparse
import quopri
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from . import variants
from .score import OPEN, asked, corpus, judged

GOOD = {"right", "refused-well"}
BAD = {"wrong", "silent", "refused-badly"}
UNREAD = "and cannot be read, such as"  # in a note: it is said what was not seen
#: Where less is to be seen, and an answer or a refusal may say so, and what to run.
CUT = {"cut by less -S", "cut off"}
RUN = re.compile(r"ss -tano|netstat -tno|LC_ALL=C netstat")
#: What else is done to a text, and to one in four of them.
RESHAPED: dict[str, variants.Variant] = {
    "masked": lambda text, random: variants.masked(text, random)[0],
    "broken by a terminal": variants.hard_wrapped,
    "broken by a small terminal": variants.narrowly_wrapped,
    "broken by a mail": variants.soft_wrapped,
    "cut by less -S": variants.cut_by_less,
    "cut off": variants.cut_off,
}
#: Whatever is done after these is done to half of a line.
LAST = {"CR", "a mail's encoding"}


@dataclass(frozen=True, slots=True)
class Turned:
    """A variant whose answer is worse than that of the text as it is."""

    file: str
    names: tuple[str, ...]
    verdict: str
    reasons: tuple[str, ...]
    text: str


def text_of(entry: dict[str, Any]) -> str:
    """A text of the corpus, as it was before a mail encoded it."""
    data = (OPEN / entry["file"]).read_bytes()
    return (quopri.decodestring(data) if b"=3D" in data else data).decode()


def varied(text: str, random: Random) -> tuple[tuple[str, ...], str]:
    """The text in one or two other clothes, and their names."""
    names = []
    if random.randrange(4) == 0:
        names.append(random.choice([*RESHAPED]))
        text = RESHAPED[names[0]](text, random)
    elif random.randrange(2):
        names.append(random.choice([name for name in variants.SINGLE if name not in LAST]))
        text = variants.SINGLE[names[0]](text, random)
    last = random.choice([*variants.SINGLE])
    return (*names, last), variants.SINGLE[last](text, random)


def turned(entry: dict[str, Any], each: int, seed: int) -> Iterator[Turned | None]:
    """For each variant of a text with a good answer, how it was turned; None if it was not."""
    text = text_of(entry)
    if judged(entry, asked(text.encode())).verdict not in GOOD:
        return
    random = Random(f"{seed} {entry['file']}")
    for _ in range(each):
        names, other = varied(text, random)
        said = asked(other.encode())
        found = judged(entry, said)
        told = found.verdict == "silent" and any(UNREAD in note for note in said.notes)
        if CUT & {*names} and found.verdict != "wrong":
            told = any(RUN.search(note) for note in (*said.notes, said.message))
        if found.verdict in BAD and not told:
            yield Turned(entry["file"], names, found.verdict, tuple(found.reasons), other)
        else:
            yield None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each answer that was turned, and their number."""
    options = argparse.ArgumentParser(prog="python -m tests.field.answers", description=__doc__)
    options.add_argument("--each", type=int, default=500, help="variants of each text (500)")
    options.add_argument("--seed", type=int, default=1, help="other variants")
    options.add_argument("--show", action="store_true", help="the texts, too")
    given = options.parse_args(arguments)
    asked_of, worse = 0, list[Turned]()
    for entry in corpus():
        for one in turned(entry, given.each, given.seed):
            asked_of += 1
            if one is not None:
                worse.append(one)
                print(f"{one.file:40} {one.verdict:14} {' + '.join(one.names)}: {one.reasons[:1]}")
                if given.show:
                    print(one.text)
    by = Counter(one.verdict for one in worse)
    print(f"{asked_of} variants of good answers, {len(worse)} turned: {dict(by)}")
    return int(by["wrong"] + by["silent"] > 0)


if __name__ == "__main__":
    sys.exit(main())
