# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels that `netlab matrix` plays on, the time-outs that it measures there, and the known
changes between them.
"""

from __future__ import annotations

from netlab.kernels.compare.changes import changes
from netlab.kernels.compare.changes_page import SEEN
from netlab.kernels.sources import distributions
from netlab.kernels.sources.spec import POSSIBLE
from netlab.timers.catalogue import TIMEOUTS
from reference.markdown import code, fenced, page, plain, table

HEAD = """\
`netlab matrix` plays the same scenarios on other kernels, each in a virtual machine and in virtual
time. [A kernel you have just built](../a-kernel-just-built.md) has the first steps."""
CHANGES = """\
What these kernels are known to do differently from each other. [Each has its own
chapter](../kernels.md), with its commit and what shows it."""
TIMERS = """\
`netlab matrix --timers` waits for each of these to its end, and times every retransmission."""


def pages() -> dict[str, str]:
    """One page."""
    return {
        "kernels.md": page(
            "# Kernels",
            HEAD,
            "## How a kernel is named",
            fenced(POSSIBLE),
            "## Those that are played by default",
            "Old to new, as far as a machine's mirrors have them; `--small` takes the bold ones.",
            table(("distribution", "kernels", "was seen here"), map(_distribution, _known())),
            "## Known changes",
            CHANGES,
            table(("change", "since", "what is otherwise"), _changes()),
            "## Time-outs",
            TIMERS,
            table(("name", "what is waited for", "whose", "its state"), _timers()),
        )
    }


def _known() -> list[distributions.Distribution]:
    return [*distributions.known().values()]


def _distribution(each: distributions.Distribution) -> tuple[str, str, str]:
    specs = (f"**{code(spec)}**" if spec in each.small else code(spec) for spec in each.matrix)
    return each.label, ", ".join(specs), ", ".join(SEEN[each.label])


def _changes() -> list[tuple[str, str, str]]:
    return [
        (f"[{each.id}](../kernels.md#{each.id})", each.since, plain(each.what))
        for each in changes()
    ]


def _timers() -> list[tuple[str, str, str, str]]:
    return [
        (code(name), plain(each.about), str(each.side), plain(str(each.state)))
        for name, each in TIMEOUTS.items()
    ]
