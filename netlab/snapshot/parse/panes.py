# SPDX-License-Identifier: GPL-2.0-or-later
"""Two panes of a terminal, copied together: a listing in one of them, and anything in the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from netlab.snapshot.parse import prompt
from netlab.snapshot.parse.peel import ANCHOR, BEGUN, OTHER_ANCHOR, usual

BARS = re.compile("[\u2502\u2503]")
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


def divided(
    lines: Sequence[str], bare: Callable[[str], str], only_left: bool = False
) -> re.Pattern[str] | None:
    """The bar between two panes that are side by side; None where there is none. A mark of a mail,
    a colour or a prompt may shift it in some lines, and there may be others around them.

    `bare` takes off what stands before a row; `only_left`: what is to the right of a bar may stand
    behind such a thing, and tells nothing.
    """
    if not any(map(BARS.search, lines)):
        return None
    if _in_one_column(lines):
        left, right = zip(*(sides(BAR, line) for line in lines), strict=True)
        boxed = not any(side.strip() for side in right) and any(map(BOX.match, left))
        both = left if only_left else left + right
        return BAR if not boxed and any(_tells(side, bare) for side in both) else None
    loose = [at for at, line in enumerate(lines) if LOOSE_BAR.match(line)]
    if len(loose) < 2 or len(loose) < MOST_LINES * (loose[-1] - loose[0] + 1):
        return None
    return LOOSE_BAR if any(_tells(sides(LOOSE_BAR, lines[at])[0], bare) for at in loose) else None


def _in_one_column(lines: Sequence[str]) -> bool:
    """Whether the bars of many lines, one after the other, are in about the same column."""
    bars = {at: found.start("bar") for at, line in enumerate(lines) if (found := BAR.match(line))}
    middle = Counter(bars.values()).most_common(1)[0][0] if bars else 0
    near = [at for at, bar in bars.items() if abs(bar - middle) <= SHIFTED]
    return len(near) >= 2 and len(near) >= MANY_LINES * (near[-1] - near[0] + 1)


def _tells(side: str, bare: Callable[[str], str]) -> bool:
    """Whether a row, a count or a command is in a pane."""
    side = side.strip()
    texts = {side, bare(side).strip()} | ({usual(side)} if not side[:1].isalnum() else set())
    return any(
        (ANCHOR.match(text) or BEGUN.match(text) or OTHER_ANCHOR.search(text)) is not None
        or ((typed := prompt.command(text)) is not None and typed.tool != "")
        for text in texts
    )
