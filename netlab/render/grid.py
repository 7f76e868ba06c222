# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas as a grid: a row for each state of the client, a column for each of the server."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.model.evidence import Cell
from netlab.model.tcp import SPELLINGS
from netlab.render.style import Style

SHORT = {str(state): spellings[-1] for state, spellings in SPELLINGS.items()}
WIDE = 160  # columns from which names are written out
BOTH, RECEIVER_ONLY, CROSSING, NOT_FROZEN, NEVER, QUIET = "●", "◐", "◆", "○", "·", "□"
COLOURS = {
    BOTH: "green",
    QUIET: "green",
    RECEIVER_ONLY: "cyan",
    CROSSING: "cyan",
    NOT_FROZEN: "red",
    NEVER: "dim",
}


def mark(cell: Cell) -> str:
    """The sign of one cell."""
    if not cell.reachable:
        return NEVER
    if not cell.frozen:
        return NOT_FROZEN
    if cell.crossing:
        return CROSSING
    if cell.frozen_at_sender is None:
        return QUIET
    return BOTH if cell.frozen_at_sender else RECEIVER_ONLY


def grid(cells: Sequence[Cell], width: int, style: Style) -> str:
    """The whole grid with its legend."""
    servers = list(dict.fromkeys(cell.server for cell in cells))
    wide = width >= WIDE
    column = 13 if wide else 6
    label = 13
    heads = "".join((name if wide else SHORT[name]).center(column) for name in servers)
    lines = [f"{style('client'.ljust(label), 'dim')}{style('server', 'dim')}"]
    lines.append(" " * label + style(heads, "bold").rstrip())
    for client in dict.fromkeys(cell.client for cell in cells):
        row = [cell for cell in cells if cell.client == client]
        signs = "".join(_painted(mark(cell), column, style) for cell in row)
        lines.append(style(client.ljust(label), "bold") + signs.rstrip())
    return "\n".join([*lines, "", *legend(cells, style)])


def _painted(sign: str, column: int, style: Style) -> str:
    return sign.center(column).replace(sign, style(sign, COLOURS[sign]))


MEANINGS = {
    BOTH: "frozen by loss at the receiver, and by a firewall at the sender",
    QUIET: "frozen, and nothing has to be lost",
    RECEIVER_ONLY: "frozen by loss at the receiver only: a sender that is told gives up",
    CROSSING: "frozen where packets cross, or arrive in a later life",
    NOT_FROZEN: "the model reaches it, and this kernel did not",
    NEVER: "cannot be: 'netlab atlas CLIENT/SERVER' says why",
}


def legend(cells: Sequence[Cell], style: Style) -> list[str]:
    """What each sign means, and how often it occurs."""
    signs = [mark(cell) for cell in cells]
    return [
        f"  {style(sign, COLOURS[sign])} {str(signs.count(sign)).rjust(3)}  {meaning}"
        for sign, meaning in MEANINGS.items()
        if sign in signs
    ]
