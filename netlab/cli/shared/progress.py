# SPDX-License-Identifier: GPL-2.0-or-later
"""The bar that a person sees while scenarios are played, and the lines that appear above it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, cast

from netlab.cli.shared.output import Output
from netlab.linux.threads import undisturbed
from netlab.model.errors import NetlabError
from netlab.render.fitting import cut

if TYPE_CHECKING:
    from rich.console import Console

    from netlab.cli.shared.stopping import Stop
    from netlab.model.evidence import Evidence

#: Columns of the bar's line without the name of the scenario that is waited for.
BESIDE_NAME = 44


class Shown:
    """What appears while scenarios are played: lines on standard output, and a bar below them.

    The bar is for a person who looks at standard error. Both are written in the background
    (`netlab.cli.shared.output`): a terminal that stands still must not fail a scenario.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._playing = dict.fromkeys(names)
        self.output = Output(sys.stdout)
        #: True if both are on one screen. They then share one queue, to keep their order.
        self.together = _same_terminal(sys.stdout, sys.stderr)
        self._beside = self.output if self.together else Output(sys.stderr)
        self._bar = _Bar(len(self._playing), self._beside) if _is_terminal(sys.stderr) else None

    def line(self, text: str) -> None:
        """Write a line on standard output, above the bar if both are on one terminal."""
        if self._bar is not None and self.together:
            self._bar.above(text)
        else:
            self.output.write(f"{text}\n")

    def beside(self, text: str) -> None:
        """Write a line on standard error, in its turn: after the end of a bar that was taken away,
        which may still be on its way.
        """
        self._beside.write(f"{text}\n")

    def more(self, names: Iterable[str]) -> None:
        """These will be played, too."""
        new = dict.fromkeys(names)
        self._playing |= new
        if self._bar is not None:
            self._bar.grow(len(new))

    def finished(self, evidence: Evidence) -> None:
        """One scenario has ended."""
        self.ended(evidence.scenario)

    def ended(self, name: str) -> None:
        """What has this name has ended."""
        self._playing.pop(name, None)
        if self._bar is not None:
            self._bar.advance()

    def meanwhile(self) -> None:
        """Draw the bar. To be called often, once labs can be built."""
        self.output.start()
        if self._bar is not None:
            self._beside.start()
            self._bar.draw(next(iter(self._playing), ""))

    def go_on(self, stop: Stop) -> None:
        """The same, where nothing but these lines comes of it all: raises what `Stop.check` does,
        and BrokenPipeError once nobody reads them, as with ``| head``.
        """
        stop.check()
        if self.output.gone:
            raise BrokenPipeError
        self.meanwhile()

    def take_away(self) -> None:
        """Remove the bar; what was written above it stays."""
        if self._bar is not None:
            self._bar.end()
            self._bar = None

    def finish(self, asked_to_end: Callable[[], bool] = lambda: False) -> None:
        """Return when all of it is written. Raises what `Output.finish` raises."""
        self.take_away()
        if not self.together:
            with contextlib.suppress(OSError, NetlabError):  # the terminal has gone
                self._beside.finish(asked_to_end)
        self.output.finish(asked_to_end)


@contextlib.contextmanager
def progress(
    names: Iterable[str],
) -> Iterator[tuple[Callable[[Evidence], None], Callable[[], None]]]:
    """A bar alone. Yields two functions: one to call with each scenario that has ended, one to call
    often.
    """
    shown = Shown(names)
    try:
        yield shown.finished, shown.meanwhile
    finally:
        shown.finish()


class Background:
    """A file for rich to write to, which writes in the background."""

    def __init__(self, stream: TextIO, output: Output) -> None:
        self._stream = stream
        self._output = output
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write the text later; return its length in characters."""
        if text:
            self._output.write(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is written is on its way."""

    def isatty(self) -> bool:
        """True if the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._stream.fileno()


def background_console(output: Output) -> Console:
    """A console of rich's for standard error, which writes in the background."""
    from rich.console import Console

    return Console(file=cast("TextIO", Background(sys.stderr, output)))


class _Bar:
    """Signals wait while it is drawn: what they raise within rich's console would have it keep
    all that comes after, the end of the bar too, in its buffer.
    """

    def __init__(self, total: int, output: Output) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._output = output
        console = background_console(output)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=min(20, console.width // 4)),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[name]}", markup=True),
            console=console,
            auto_refresh=False,  # it would start a thread
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("playing", total=total, name="")
        self._drawn = 0.0
        self._name_width = max(0, console.width - BESIDE_NAME)
        with undisturbed():
            self._progress.start()

    @undisturbed()
    def above(self, line: str) -> None:
        self._progress.console.out(line, highlight=False)

    @undisturbed()
    def grow(self, number: int) -> None:
        task = self._progress.tasks[self._task]
        self._progress.update(self._task, total=(task.total or 0) + number)

    @undisturbed()
    def advance(self) -> None:
        self._progress.advance(self._task)

    def draw(self, name: str) -> None:
        if time.monotonic() - self._drawn > 0.1 and self._output.idle:
            with undisturbed():
                self._drawn = time.monotonic()
                self._progress.update(self._task, name=cut(name, self._name_width))
                self._progress.refresh()

    @undisturbed()
    def end(self) -> None:
        self._progress.stop()


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _same_terminal(one: TextIO | None, other: TextIO | None) -> bool:
    """True if what is written to both appears on one screen."""
    if one is None or other is None or not (one.isatty() and other.isatty()):
        return False
    return os.fstat(one.fileno()).st_rdev == os.fstat(other.fileno()).st_rdev
