# SPDX-License-Identifier: GPL-2.0-or-later
"""Two panes of a terminal, copied together: a listing in one of them, and anything in the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from netlab.snapshot.parse import prompt
from netlab.snapshot.parse.peel import ANCHOR, BEGUN, OTHER_ANCHOR, usual

#: The bar between them. A box may be around the left one.
BAR = re.compile(
    r"[\u2502\u2503]?[^\u2502\u2503]{20,}(?:[\u2502\u2503]\s*)?(?P<bar>[\u2502\u2503])[^\u2502\u2503]*$"
)
BOX = re.compile(r"\s*[\u2502\u2503]")
#: The same where several blanks became one, and it is in no column any more.
LOOSE_BAR = re.compile(r"[^\u2502\u2503]*\s(?P<bar>[\u2502\u2503])[^\u2502\u2503]*$")
SHIFTED = 4  # columns
MANY_LINES, MOST_LINES = 0.5, 0.8  # of a text


def sides(bar: re.Pattern[str], line: str) -> tuple[str, str]:
    """What is to the left and to the right of the bar."""
    found = bar.match(line)
    if found is None:
        return line, ""
    return line[: found.start("bar")].rstrip("\u2502\u2503 \t"), line[found.end("bar") :]


def divided(lines: Sequence[str], bare: Callable[[str], str]) -> re.Pattern[str] | None:
    """The bar between two panes that are side by side; None where there is none. A mark of a mail,
    a colour or a prompt may shift it in some lines, and there may be others around them.

    `bare` takes off what stands before a row.
    """
    if not any("\u2502" in line or "\u2503" in line for line in lines):
        return None
    found = {at: found.start("bar") for at, line in enumerate(lines) if (found := BAR.match(line))}
    middle = Counter(found.values()).most_common(1)[0][0] if found else 0
    near = [at for at, bar in found.items() if abs(bar - middle) <= SHIFTED]
    if len(near) >= 2 and len(near) >= MANY_LINES * (near[-1] - near[0] + 1):
        left, right = zip(*(sides(BAR, line) for line in lines), strict=True)
        if not any(side.strip() for side in right) and any(map(BOX.match, left)):
            return None
        return BAR if any(_tells(side, bare) for side in (*left, *right)) else None
    loose = [sides(LOOSE_BAR, line)[0] for line in lines if LOOSE_BAR.match(line)]
    if len(loose) < max(2, MOST_LINES * len(lines)):
        return None
    return LOOSE_BAR if any(_tells(left, bare) for left in loose) else None


def _tells(side: str, bare: Callable[[str], str]) -> bool:
    """Whether a row, a count or a command is in a pane."""
    side = side.strip()
    texts = {side, bare(side)} if side[:1].isalnum() else {side, bare(side), usual(side)}
    return any(
        (ANCHOR.match(text) or BEGUN.match(text) or OTHER_ANCHOR.search(text)) is not None
        or ((typed := prompt.command(text)) is not None and typed.tool != "")
        for text in texts
    )
