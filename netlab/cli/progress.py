# SPDX-License-Identifier: GPL-2.0-or-later
"""The bar that a person sees while scenarios are played."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.evidence import Evidence

#: Of the scenario that is waited for, so that the line fits 80 columns.
NAME_WIDTH = 36


@contextlib.contextmanager
def progress(
    names: Iterable[str],
) -> Iterator[tuple[Callable[[Evidence], None], Callable[[], None]]]:
    """A bar on standard error while a person looks; nothing in a pipe.

    Gives two functions: to be told of each scenario that has ended, and to be called now and then.
    """
    if not sys.stderr.isatty():
        yield (lambda evidence: None), (lambda: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    playing = dict.fromkeys(names)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[name]}", markup=True),
        console=Console(stderr=True),
        auto_refresh=False,  # it would start a thread
        transient=True,
    )
    task = bar.add_task("playing", total=len(playing), name="")
    drawn = 0.0

    def finished(evidence: Evidence) -> None:
        playing.pop(evidence.scenario, None)
        bar.advance(task)

    def meanwhile() -> None:
        nonlocal drawn
        if time.monotonic() - drawn > 0.1:
            drawn = time.monotonic()
            bar.update(task, name=next(iter(playing), "")[:NAME_WIDTH])
            bar.refresh()

    with bar:
        yield finished, meanwhile
