# SPDX-License-Identifier: GPL-2.0-or-later
"""``docs/kernels.md`` from ``changes.yaml``.

``python -m netlab.kernels.compare.changes_page`` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netlab.kernels.compare.changes import KNOWN, Change, changes

PAGE = Path(__file__).parents[3] / "docs" / "kernels.md"
HEAD = """\
# What changed between kernels

The changes in Linux's TCP that `netlab compare` knows, each with the kernels that netlab played on
to see it. Written from `netlab/kernels/compare/changes.yaml` by
`python -m netlab.kernels.compare.changes_page`; a test keeps the two in step.

No change is looked up by a version. Distributions backport changes to older kernels, so a kernel is
judged by what it has: the presence of a sysctl or a counter, a value, the tick rate, or what it
does. Only which of two kernels is newer comes from their releases: what an older one has and a
newer one lacks is not explained. "Since" is the mainline kernel that had a change first. Commits
are cited by their subject.

{seen},
in virtual machines and in virtual time.

The default scenarios freeze the same pairs on all of these kernels, heal into the same pairs, and
their calls end with the same errors. The differences are below. What {recorded} of Debian
did is in `tests/unit/kernels/compare/recorded`, and a test finds nothing between them that is
unexplained.
"""
#: The series of kernels that were played on, by distribution. 6.17 is of both.
SEEN = {
    "Ubuntu": ("5.4", "5.15", "6.8", "6.17", "7.0"),
    "Debian": ("5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "7.2", "7.3"),
}
RECORDED = ("5.10", "6.1", "6.12", "7.2", "7.3")


def page() -> str:
    """The page's text."""
    seen = " and ".join(f"{name}'s {_and(labels)}" for name, labels in SEEN.items())
    head = HEAD.format(seen=f"Seen on {seen}", recorded=f"the {_and(RECORDED)}")
    return head + "".join(_chapter(change) for change in changes())


def _and(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


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
