# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program of a lab wrote last, and how it ended, in words."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from netlab.model.evidence import ProgramRecord
from netlab.model.text import printable

LINES = 10  # of what a program wrote
#: Signals that end a program of a scenario file at a limit (`netlab.linux.confinement`).
LIMITED = {
    "SIGXFSZ": "its output or a file was larger than it may be",
    "SIGXCPU": "it used more time of the processor than it may",
    "SIGKILL": "by netlab or by itself, or for more memory than it may use",
}


def told(program: ProgramRecord) -> Iterator[str]:
    """How a program ended, and the last lines of what it wrote."""
    yield f"  {program.side} ran {printable(program.command)}: {ended(program.exit_code)}"
    yield from last_lines(program.output)


def last_lines(output: str) -> Iterator[str]:
    """The last of what a program wrote, indented."""
    for line in output.splitlines()[-LINES:]:
        yield f"    {printable(line)}"


def ended(code: int | None) -> str:
    """How a program has ended, by its exit code; None is one that had not."""
    if code is None:
        return "still running"
    if code >= 0:
        return f"exit code {code}"
    named = -code in set(signal.Signals)
    name = signal.Signals(-code).name if named else f"signal {-code}"
    return f"ended by {name}" + (f" ({LIMITED[name]})" if name in LIMITED else "")
