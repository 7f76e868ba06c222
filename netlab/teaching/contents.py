# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of lessons: what a lesson is, which are done, and which is next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netlab.render.style import Style
from netlab.scenario import sources
from netlab.teaching import lesson
from netlab.teaching.person import wrapped

TICK = "✓"
WHAT = (
    "A lesson is one thing that can happen to a TCP connection, done for real in this kernel: see "
    "each step, predict the states of both ends, look at them, and learn why. Enter goes on, q "
    "leaves. They build on each other, in this order."
)


def following(done: Mapping[str, str], left: str = "") -> lesson.Entry | None:
    """The lesson that was left before its end, or the next one after those that are done, which
    are in the order in which they were done.
    """
    begun = [entry for entry in lesson.entries() if entry.name == left]
    return begun[0] if begun else lesson.following(next(reversed([*done]), ""), done)


def lessons(done: Mapping[str, str], width: int, style: Style, left: str = "") -> Iterator[str]:
    """The list, in its parts; a tick marks lessons that are done, and > the next one."""
    after = following(done, left)
    longest = max(len(entry.name) for entry in lesson.entries())
    known: set[str] = set()
    for part in lesson.parts():
        yield from (style(line, "bold") for line in wrapped(part.title, width))
        for name, what in sources.named([part.title]).items():
            if name not in known:
                known.add(name)
                yield from (style(line, "dim") for line in wrapped(f"({what})", width))
        for entry in part.entries:
            mark = ">" if entry == after else TICK if entry.name in done else " "
            colours = {TICK: ("green",), ">": ("bold", "cyan")}.get(mark, ("cyan",))
            first = f"{mark} {entry.name}"
            if 2 + longest + 2 + len(entry.title) <= width:
                yield f"{style(first.ljust(2 + longest), *colours)}  {entry.title}"
            else:
                yield style(first, *colours)
                yield from (f"      {line}" for line in wrapped(entry.title, width - 6))
        yield ""


def ending(done: Mapping[str, str], width: int, style: Style, left: str = "") -> Iterator[str]:
    """The lesson to go on with, or to begin with."""
    names = [entry.name for entry in lesson.entries()]
    count, after = sum(name in done for name in names), following(done, left)
    if after is None:
        yield from wrapped(
            f"All {len(names)} lessons are done. 'netlab teach NAME' plays one again, "
            "'netlab teach --forget' begins anew.", width
        )  # fmt: skip
        return
    if count:
        said = f"{count} of {len(names)} lessons done ({TICK}). Go on with"
    else:
        said = f"{len(names)} lessons, and none is done yet. Begin with"
    yield from wrapped(said, width)
    yield f"  {style('netlab teach', 'bold', 'cyan')}"
    yield from (f"      {line}" for line in wrapped(f"{after.name}: {after.title}", width - 6))
    yield from wrapped("or with any of them: 'netlab teach NAME'.", width)
