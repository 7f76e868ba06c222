# SPDX-License-Identifier: GPL-2.0-or-later
"""A failure as a scenario file, which whoever has netlab can play."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlab.linux import confinement
from netlab.linux.confinement import SYSTEM
from netlab.model.vocabulary import OVER, Pair
from netlab.scenario import loader, writer
from netlab.scenario.kinds import FOLDER, NEVER, PYTHON
from netlab.search.cases import CUT, Case, named
from netlab.search.judge import CaseVerdict, Healthy, Judged
from netlab.search.trial import EXIT_CODE, FOLDER_NAME, OUTPUT_FILE, Setup
from netlab.testbed.program import filled_in, words

SOURCE = "netlab search"
LONGEST = 60  # characters of a name
HOLD = "200ms"


def name_of(case: Case) -> str:
    """A name for the file of a case: ``drop-seq-1-to-client``."""
    return re.sub(r"[^a-z0-9]+", "-", named(case).lower()).strip("-")[:LONGEST].rstrip("-")


class Writer:
    """Writes the failures of one search to a folder.

    Programs of scenario files see the system's folders and that of the file, and nobody's home: so
    what the commands name besides is copied there. Raises OSError where it cannot be.
    """

    def __init__(self, setup: Setup, healthy: Healthy, folder: Path) -> None:
        self._setup, self._healthy, self._folder = setup, healthy, folder
        values = {"port": str(setup.ready)}
        self._server = self._movable(words(filled_in(setup.server, values), {}))
        self._command = self._movable([filled_in(word, values) for word in setup.command])

    def text(self, judged: Judged) -> str:
        """The whole file, of at most 20 lines."""
        story = (
            f"What becomes of `{shlex.join(self._command)}`: {self._healthy.told(judged)}. All "
            f"that happens to its packets is this: {named(judged.case)}."
        )
        steps = [loader.step(text, Path(SOURCE)) for text in self._steps(judged)]
        return writer.file(story, SOURCE, steps, self._expect(judged))

    def _steps(self, judged: Judged) -> Iterator[str]:
        server = {"start": shlex.join(self._server), "ready": self._setup.ready}
        yield f"server: {writer.flow(server)}"
        names = [f"it-{number}" for number in range(1, len(judged.case) + 1)]
        for name, meeting in zip(names, judged.case, strict=True):
            yield meeting.step.replace("}", f", as: {name}}}")
        yield f"client: {writer.flow({'run': self._line(judged)})}"
        for name, meeting in zip(names, judged.case, strict=True):
            if meeting.word != CUT:
                yield f"remove: {name}"  # when it has met its packet

    def _line(self, judged: Judged) -> str:
        command = shlex.join(self._command)
        if judged.verdict is not CaseVerdict.FAILS:
            return command
        script = f"timeout {self._setup.cap:g} {command} >/tmp/{OUTPUT_FILE}; {EXIT_CODE}=$?"
        told = f"export {FOLDER_NAME}=/tmp {EXIT_CODE}"
        return shlex.join(["sh", "-c", f"{script}; {told}; {self._setup.fails_when}"])

    def _expect(self, judged: Judged) -> Mapping[str, Any]:
        trial = judged.trial
        program: dict[str, Any] = {"exits": NEVER if trial.code is None else _exit(trial.code)}
        if judged.verdict is CaseVerdict.FAILS:
            program = {"exits": 0}
        program |= {"within": f"{self._setup.cap:g}s", "at": "client"}
        strange = _strange(trial.output, self._healthy.trial.output)
        if judged.verdict is CaseVerdict.DIFFERS and strange:
            program["says"] = strange
        return {
            "pair": _ends(trial.pair),
            "hold": HOLD,
            "program": program,
            "cause": "the program cannot do without these packets",
        }

    def _movable(self, line: Sequence[str]) -> list[str]:
        """A command line as it is written in a file of this folder."""
        first, *rest = line
        own = shutil.which(first)
        if own is not None and os.path.realpath(own) == confinement.PYTHON:
            first = f"{{{PYTHON}}}"
        return [self._moved(first), *map(self._moved, rest)]

    def _moved(self, word: str) -> str:
        path = Path(word)
        if not path.is_file() or any(path.absolute().is_relative_to(each) for each in SYSTEM):
            return word
        copy = self._folder / path.name
        if not (copy.exists() and copy.samefile(path)):
            shutil.copy(path, copy)
        copy.chmod(copy.stat().st_mode | 0o444)  # it is nobody who reads it
        return f"{{{FOLDER}}}/{path.name}"


def _ends(pair: Pair) -> dict[str, str | list[str]]:
    """What becomes of both ends. Where the connection is over, whoever closed first has its
    TIME_WAIT, and that is not the same end each time.
    """
    if {pair.client, pair.server} <= OVER:
        return {"client": ["CLOSED", "TIME_WAIT"], "server": ["CLOSED", "LISTEN", "TIME_WAIT"]}
    return {"client": str(pair.client), "server": str(pair.server)}


def _exit(code: int) -> int | str:
    import signal

    return code if code >= 0 else signal.Signals(-code).name


def _strange(output: str, healthy: str) -> str:
    """The first line that a healthy network does not bring."""
    lines = (line.strip() for line in output.splitlines())
    return next((line for line in lines if line and line not in healthy), "")
