# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a scenario did not pass: where, what was expected, what was sampled, what the faults did.

::

    scenarios/teardown/ack-of-fin-dropped.yaml:14: pair not held (kernel 6.18.44)
              expected    sampled                    retransmits
      client  FIN_WAIT1   FIN_WAIT2  from +0.04 s    0
      server  CLOSE_WAIT  CLOSE_WAIT for 2.00 s      0
      fault drop-1 at client input: 0 packets  <- the rule never matched
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netlab.model.evidence import Evidence, Failure
from netlab.model.text import printable
from netlab.render.program import told
from netlab.render.style import Style


def failure(run: Evidence, style: Style) -> str:
    """All that a person needs to see of a run that failed, or of one that could not be built."""
    if run.failure is None:
        reason = style(f"{run.scenario}: ", "bold") + style(printable(run.reason), "yellow")
        return "\n".join([reason, *programs(run)])
    found = run.failure
    lines = [
        f"{style(_where(run), 'bold')} {style(printable(found.summary), 'red')}",
        *rows(found, style),
    ]
    if run.steps:
        last = run.steps[-1]
        lines.append(style(f"  last step done: line {last.line}, {printable(last.text)}", "dim"))
    lines += programs(run)
    return "\n".join(lines)


def rows(found: Failure, style: Style) -> Iterator[str]:
    """Each end's expected and sampled state, and what each fault did."""
    if found.rows:
        cells = [("", "expected", "sampled", "", "retransmits")]
        cells += [
            (
                str(row.side),
                " or ".join(map(str, row.expected)),
                row.found,
                row.how_long,
                str(row.retransmits),
            )
            for row in found.rows
        ]
        off = [False, *(row.sampled not in row.expected for row in found.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(5)]
        for line, is_off in zip(cells, off, strict=True):
            text = "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True))
            yield "  " + style(text.rstrip(), *(("red",) if is_off else ()))
    for note in found.notes:
        yield f"  {printable(note)}"


def programs(run: Evidence) -> Iterator[str]:
    """What each program that ran in the lab wrote last, and how it ended."""
    for program in run.programs:
        yield from told(program)


def _where(run: Evidence) -> str:
    near = Path(run.path).absolute()
    path = near.relative_to(Path.cwd()) if near.is_relative_to(Path.cwd()) else run.path
    line = run.failure.line if run.failure else None
    return printable(f"{path}:{line}:" if line else f"{path}:")
