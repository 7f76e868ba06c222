# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while kernels are fetched, booted and played on: a bar for each."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.options import note, noted
from netlab.cli.shared.output import Output
from netlab.cli.shared.progress import background_console
from netlab.linux.threads import undisturbed
from netlab.model.errors import NetlabError
from netlab.render.style import Style

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from netlab.kernels.matrix import Watcher
    from netlab.model.kernel_run import KernelRun

SPEC_WIDTH, NAME_WIDTH = 30, 28
REDRAW_S = 0.1


@contextlib.contextmanager
def watching(
    specs: Sequence[str],
    scenarios: int,
    asked_to_end: Callable[[], bool] = lambda: False,
    whole: bool = False,
) -> Iterator[Watcher]:
    """Show a person bars on standard error, or write a log one line for each finished kernel.

    `scenarios`: the number that each kernel plays. `asked_to_end`: see `netlab.cli.shared.output`.
    `whole`: say why a kernel could not be played, which is not said anywhere else.
    """
    if not sys.stderr.isatty():
        yield LogLines(whole)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    output = Output(sys.stderr)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[doing]}"),
        console=background_console(output),
        auto_refresh=False,  # it would start a thread
        transient=True,
        redirect_stdout=False,
    )
    try:
        with undisturbed():
            progress.start()
        yield Bars(progress, output, specs, scenarios, whole)
    finally:
        with undisturbed():
            progress.stop()
        with contextlib.suppress(OSError, NetlabError):  # the terminal has gone
            output.finish(asked_to_end)


class LogLines:
    """One line for each finished kernel, for a log."""

    def __init__(self, whole: bool) -> None:
        self._whole = whole

    def fetching(self, spec: str, what: str, done: int, total: int) -> None:
        """Nothing: the line at the end is enough."""

    def remark(self, spec: str, text: str) -> None:
        """One line."""
        note(f"{spec}: {text}")

    def heard(self, spec: str, line: str) -> None:
        """Nothing."""

    def ended(self, run: KernelRun) -> None:
        """One line."""
        said = told(run, Style.of(sys.stderr), self._whole)
        print(f"netlab: {said}", file=sys.stderr, flush=True)

    def meanwhile(self) -> None:
        """Nothing."""


class Bars:
    """A bar for each kernel, for a person. Signals wait while it is drawn: see `progress._Bar`."""

    def __init__(
        self,
        progress: Progress,
        output: Output,
        specs: Sequence[str],
        scenarios: int,
        whole: bool,
    ) -> None:
        self._whole = whole
        self._progress = progress
        self._output = output
        self._scenarios = scenarios
        self._drawn = 0.0
        self._tasks: dict[str, TaskID] = {
            spec: progress.add_task(
                spec[-SPEC_WIDTH:].ljust(min(SPEC_WIDTH, max(map(len, specs)))),
                total=scenarios,
                start=False,
                doing="",
            )
            for spec in specs
        }

    @undisturbed()
    def fetching(self, spec: str, what: str, done: int, total: int) -> None:
        """Show what is fetched; `done` and `total` are bytes (0: unknown)."""
        self._start(spec)
        size = f" {done >> 20} of {total >> 20} MiB" if total else ""
        self._progress.update(self._tasks[spec], doing=f"{what}{size}")
        self.meanwhile()

    @undisturbed()
    def remark(self, spec: str, text: str) -> None:
        """A line above the bars."""
        self._print(noted(f"{spec}: {text}"))

    @undisturbed()
    def heard(self, spec: str, line: str) -> None:
        """One more scenario or time-out has ended."""
        self._start(spec)
        record = json.loads(line)
        doing = "booted"
        if record["record"] == "scenario":
            self._progress.advance(self._tasks[spec])
            doing = record["value"]["scenario"]
        elif record["record"] in ("timing", "cell"):
            doing = f"{record['record']} {record['value'].get('name', '')}"
        self._progress.update(self._tasks[spec], doing=doing[:NAME_WIDTH])

    @undisturbed()
    def ended(self, run: KernelRun) -> None:
        """The bar becomes a line."""
        self._progress.remove_task(self._tasks[run.machine.spec])
        self._print(told(run, Style.of(sys.stderr), self._whole))

    @undisturbed()
    def meanwhile(self) -> None:
        """Draw, but at most every `REDRAW_S` seconds."""
        self._output.start()
        if time.monotonic() - self._drawn > REDRAW_S and self._output.idle:
            self._drawn = time.monotonic()
            self._progress.refresh()

    def _print(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def _start(self, spec: str) -> None:
        self._progress.start_task(self._tasks[spec])


def told(run: KernelRun, style: Style, whole: bool = False) -> str:
    """One kernel in one line: ``6.1.0-56-cloud-amd64 (debian:bookworm): 69 passed in 31.0 s``.
    `whole`: with its error.
    """
    from netlab.render.table import counted

    machine = run.machine
    asked = Path(machine.spec).name or machine.spec  # . has no name
    name = machine.name if machine.name == machine.spec else f"{machine.name} ({asked})"
    counts = counted(run.scenarios, style)
    why = f"ERROR: {run.error}" if whole else "ERROR"
    parts = [style(why, "yellow")] if run.error else []
    parts += [counts] if counts else []
    if run.rows and not counts:
        as_said = sum(row.outcome == "pass" for row in run.rows)
        parts.append(f"{as_said} of {len(run.rows)} rows do as the table says")
    if run.cells:
        frozen = sum(cell.frozen for cell in run.cells)
        parts.append(f"{frozen} of {sum(cell.reachable for cell in run.cells)} pairs")
    if run.timings:
        measured = sum(not timing.problem for timing in run.timings)
        parts.append(f"{measured} of {len(run.timings)} time-outs")
    if machine.clock == "virtual":
        parts.append(style("virtual time", "dim"))
    return f"{style(name, 'bold')}: {', '.join(parts) or 'nothing was played'}, {run.wall_s:.0f} s"
