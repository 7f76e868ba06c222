# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits until a program is ready for its clients: it listens, has said so, or a condition holds."""

from __future__ import annotations

from collections.abc import Callable

from netlab.linux.procnet import TcpTable, ends
from netlab.model.errors import ActionFailed, LabError
from netlab.model.tcp import State
from netlab.render.program import ended
from netlab.testbed.context import LabContext
from netlab.testbed.program import Program

#: A TCP port that it listens on, a text that it has written, or a function that says so.
Ready = int | str | Callable[[], object]
PATIENCE = 10.0  # seconds


def check(ready: Ready) -> None:
    """Raise `LabError` for what no program can ever be."""
    is_port = isinstance(ready, int) and 1 <= ready <= 65535
    if is_port or (isinstance(ready, str) and ready) or callable(ready):
        return
    raise LabError(
        "ready: expected a port that it listens on (1 to 65535), a text that it writes, or a "
        f"function; found {ready!r}"
    )


def wait(
    context: LabContext, table: TcpTable, program: Program, ready: Ready, within: float
) -> None:
    """Return once a program is ready, whose host has this table.

    Raises `ActionFailed`, with the last of what it wrote, if it ends before, or is not ready
    `within` so many seconds; it is ended then.
    """

    def look() -> bool | None:
        has_ended = program.exit_code is not None  # asked first: its last words may be the text
        if _is(ready, table, program):
            return True
        return False if has_ended else None

    if context.wait(look, within):
        return
    code = program.exit_code
    program.kill()
    if code is None:
        why = f"was not {_told(ready)} within {within:g} s"
    else:
        why = f"has ended before it was {_told(ready)}: {ended(code)}"
        if code == 0:
            why += " (if it puts itself into the background, have it stay in front)"
    said = "\n    ".join([program.last_words(), *filter(None, [context.no_names])])
    error = ActionFailed(f"{program} {why}{said}")
    context.excuse(error)
    raise error


def _is(ready: Ready, table: TcpTable, program: Program) -> bool:
    if isinstance(ready, int):
        listening = (row for row in table.read() if row.state is State.LISTEN)
        return any(ends(row.local)[1] == ready for row in listening)
    return ready in program.said if isinstance(ready, str) else bool(ready())


def _told(ready: Ready) -> str:
    """What is waited for, as the end of a sentence about a program that was not."""
    if isinstance(ready, int):
        return f"listening on port {ready}"
    return f"done writing {ready!r}" if isinstance(ready, str) else "ready"
