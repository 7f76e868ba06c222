# SPDX-License-Identifier: GPL-2.0-or-later
"""``docs/kernels.md`` from ``changes.yaml``.

``python -m netlab.kernels.compare.changes_page`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from netlab.kernels.compare.changes import KNOWN, Change, changes

PAGE = Path(__file__).parents[3] / "docs" / "kernels.md"
HEAD = """\
# What changed between kernels

Does my kernel do what another one does? Each change in Linux's TCP that netlab knows has a chapter
here: what is otherwise, since when, and on which kernels it was seen. [All of them](#all-of-them)
are in a table.

## How to read it

{seen},
in virtual machines and in virtual time.

Each is one build of its series, and others of it may have more or less. {later} The 6.17 is of both
distributions; that of [tick-rate](#tick-rate) is Ubuntu's. What only rows show was asked of
Debian's kernels alone, and the places of Ubuntu's are empty there.

"Since" is the mainline kernel that had a change first. "Since 7.2 or before" means that 7.2 is the
first series that it was seen on where no distribution had carried it back. Commits are cited by
their subject.

The default scenarios freeze the same pairs on all of these kernels, heal into the same pairs, and
their calls end with the same errors. One build is an exception, an early one of Ubuntu's 5.4
({lacking}), which skips two scenarios: those of
{except_}.
What else differs is below.

## How to see it on a kernel of your choice

A change explains sysctls, counters, time-outs, scenarios or rows. A *row* is one line of the
[conformance table](reference/conformance.md): an event in a state, such as
`rst-in-window/ESTABLISHED` (a RST in the window, but not at the next number), with what the RFC
says and what Linux answers. `*` stands for anything. Names come from `netlab conformance --list`
and from `netlab list`.

```sh
netlab conformance rst-in-window/ESTABLISHED   # a row on this kernel, with its packets
netlab matrix 'rst-in-window/*' --kernel host debian:bullseye   # rows, on others side by side
netlab warp --lab --kernel debian:bullseye -- netlab conformance rst-in-window/ESTABLISHED
netlab run half-close-before-established       # a scenario
netlab matrix half-close-before-established --kernel debian:bullseye
netlab matrix --timers --kernel host debian:bullseye   # how long each time-out is
netlab compare 5.10 6.18                       # afterwards: what differs, also sysctls and counters
```

Where a kernel does otherwise than the table says, `matrix` marks the row and says what differs; the
exit code of `conformance` is 1. [Kernels are named](reference/kernels.md) by a distribution's
suite, a package, or a file that you have built; other ones than this take QEMU and the extra
`kernels` ([install](install.md)). `netlab bisect --row NAME` finds the commit in a kernel's tree
([how](a-kernel-just-built.md)).

## All of them

{with_it} the kernel has it, {without} it does not; what was not asked stays empty. {whose}

"""
#: For those who keep the page.
MADE = """
## How the page is made

It is written from `netlab/kernels/compare/changes.yaml` by
`python -m netlab.kernels.compare.changes_page`; a test keeps the two in step. What the {recorded}
of Debian did is in `tests/unit/kernels/compare/recorded`, and a test finds nothing between them
that is unexplained.

No change is looked up by a version when kernels are compared. Distributions backport changes to
older kernels, so a kernel is judged by what it has: the presence of a sysctl or a counter, a value,
the tick rate, or what it does. Only which of two kernels is newer comes from their releases: what
an older one has and a newer one lacks is not explained.
"""
WITH, WITHOUT = "✓", "–"
#: The series of kernels that were played on, by distribution. 6.17 is of both.
SEEN = {
    "Ubuntu": ("5.4", "5.15", "6.8", "6.17", "7.0"),
    "Debian": ("5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "7.2", "7.3"),
}
#: The only build on which scenarios of the default run are skipped.
LACKING = "5.4.0-26"
LATER = "Debian's 6.18, for one, is 6.18.15."
RECORDED = ("5.10", "6.1", "6.12", "7.2", "7.3")


def page() -> str:
    """The page's text."""
    seen = " and ".join(f"{name}'s {_and(labels)}" for name, labels in SEEN.items())
    head = HEAD.format(
        seen=f"Seen on {seen}",
        later=LATER,
        lacking=LACKING,
        except_=_and([f"[{each.id}](#{each.id})" for each in changes() if LACKING in each.without]),
        with_it=WITH,
        without=WITHOUT,
        whose=_whose(),
    )
    chapters = "".join(_chapter(change) for change in changes())
    return head + _grid() + chapters + MADE.format(recorded=_and(RECORDED))


def _whose() -> str:
    """Which distribution's kernel stands in which column."""
    both = sorted(set.intersection(*map(set, SEEN.values())))
    told = [
        f"{_and([each for each in labels if each not in both])} are {name}'s"
        for name, labels in SEEN.items()
    ]
    return f"{_and(told)}; {', '.join(both)} is of both."


def _grid() -> str:
    """Every change by every kernel, oldest first."""
    labels = sorted({*chain(*SEEN.values())}, key=lambda label: [*map(int, label.split("."))])
    lines = [_cells(["change", "since", *labels]), _cells(["---"] * (2 + len(labels)))]
    for change in changes():
        signs = (
            WITH if label in change.with_ else WITHOUT if label in change.without else ""
            for label in labels
        )
        lines.append(_cells([f"[{change.id}](#{change.id})", change.since, *signs]))
    return "\n".join(lines) + "\n"


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _chapter(change: Change) -> str:
    lines = [
        f"\n## {change.id}\n",
        f"{change.what}\n",
        f"- since {change.since}: {change.source}",
        f"- recognized by {_told_by(change)}",
        f"- explains {_explains(change)}",
    ]
    if change.with_ or change.without:
        lines.append(f"- with it: {_list(change.with_)}; without: {_list(change.without)}")
    if change.known != "seen":
        lines.append(f"- {KNOWN[change.known]}")
    if change.note:
        lines.append(f"- {change.note}")
    return "\n".join(lines) + "\n"


def _told_by(change: Change) -> str:
    if change.feature is None:
        return "its behaviour alone"
    match change.feature.kind:
        case "hz":
            return "the tick rate"
        case "value":
            return f"the value of `{change.feature.name}`"
        case kind:
            return f"the {kind} `{change.feature.name}`"


def _explains(change: Change) -> str:
    said = []
    for effect in change.effects:
        aspect = "" if effect.aspect in ("*", "there", "value") else f" ({effect.aspect})"
        said.append(f"{effect.topic} `{effect.subject}`{aspect}")
    return ", ".join(said)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none seen"


if __name__ == "__main__":
    PAGE.write_text(page())
