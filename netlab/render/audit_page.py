# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit as one page for the browser: the table, and each fault with its packets, both ends'
sockets, what the program wrote, and the command that plays it again.

Like a report, it needs no network, no other file and no script.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlab.model.auditing import NOT_PLAYED, NOT_REACHED, AuditCell
from netlab.model.evidence import Evidence
from netlab.render import pages
from netlab.render.audit import facts, lasted
from netlab.render.ladder import ladder
from netlab.render.style import Style

WIDTH = 96  # columns of a ladder


def page(
    cells: Sequence[AuditCell], program: str, version: str, kernel: str, cap: float, promise: float
) -> str:
    """The whole page. `program`: its command line; `cap` and `promise`: seconds."""
    environment = pages.environment()
    environment.filters |= {"facts": facts, "lasted": lasted, "kind": _kind, "ladder": _ladder}
    wrong = sum(not cell.sound for cell in cells)
    return environment.get_template("audit.html").render(
        cells=cells,
        program=program,
        version=version,
        kernel=kernel,
        wrong=wrong,
        cap=f"{cap:g}",
        promise=f"{promise:g}",
    )


def _kind(cell: AuditCell) -> str:
    """The class of a verdict's colour."""
    if cell.word == NOT_REACHED:
        return "skip"
    if cell.word == NOT_PLAYED:
        return "error"
    return "pass" if cell.sound else "fail"


def _ladder(run: Evidence) -> str:
    return ladder(run, WIDTH, Style(False))
