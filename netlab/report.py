# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs as files: a page for the browser, captures for Wireshark, and the records as JSON.

Folders are checked before anything is played, and written to afterwards. Every file is written
beside its place and moved there, so a reader sees either the old one or the new one.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import extras
from netlab._version import __version__
from netlab.model.errors import ScenarioError

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.render.report import Chapter, ReportHead
    from netlab.scenario.model import Scenario

PAGE = "index.html"
LONGEST = 200  # bytes of a name; a file's has at most 255, with suffixes
PROGRAM = f"netlab {__version__}"


def prepare(folder: Path, option: str) -> None:
    """Make a folder if it is missing. Raises `ScenarioError` where nothing can be written, and
    `MissingExtra` if a report is wanted without jinja2.
    """
    import tempfile

    if option == "--report":
        extras.require("report", option)
    with _refused(option, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # leaves nothing, and asks the kernel itself
            pass
    if (folder / PAGE).is_dir():
        raise ScenarioError(f"{option}: {folder / PAGE} is a folder: name another place")


def file_names(scenarios: Sequence[Scenario]) -> list[str]:
    """A name for each one's files, distinct even if two scenarios have the same name."""
    taken: set[str] = set()
    names = []
    for scenario in scenarios:
        plain = re.sub(r"[^\w.-]+", "-", scenario.name).strip(".-") or "scenario"
        plain = plain.encode()[:LONGEST].decode(errors="ignore")
        name, number = plain, 2
        while name.casefold() in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def about_run(began: datetime, seconds: float, left: int = 0) -> ReportHead:
    """The page's summary of the whole run, which took `seconds`.

    `left`: how many scenarios were not played to the end.
    """
    from netlab.render.report import ReportHead

    return ReportHead(__version__, f"{began:%Y-%m-%d %H:%M} {began.tzname()}", seconds, left)


def write_report(
    folder: Path | str,
    scenarios: Sequence[Scenario],
    runs: Sequence[Evidence],
    about: ReportHead | None = None,
) -> Path:
    """Write the page, a capture file for each recording, and each run's record as JSON.

    `runs` are those of `scenarios`, in the same order; play them with ``Options(record=True)``
    to include their packets. The folder is made if it is missing. Returns the page. Raises
    `MissingExtra` without jinja2, `ScenarioError` where something cannot be written.
    """
    from netlab.render.report import report

    folder = Path(folder)
    prepare(folder, "--report")
    chapters = []
    for scenario, run, name in zip(scenarios, runs, file_names(scenarios), strict=True):
        captured = _write_capture(folder, run, name, "--report")
        _write(folder / f"{name}.json", f"{run.to_json()}\n".encode(errors="replace"), "--report")
        files = ([f"{name}.pcapng"] if captured else []) + [f"{name}.json"]
        chapters.append(_chapter(scenario, run, name, tuple(files)))
    about = about or about_run(datetime.now().astimezone(), sum(run.elapsed_s for run in runs))
    _write(folder / PAGE, report(chapters, about).encode(errors="replace"), "--report")
    return folder / PAGE


def write_captures(
    folder: Path | str, scenarios: Sequence[Scenario], runs: Sequence[Evidence]
) -> int:
    """Write the capture files alone (pcapng); returns how many there are.

    Only a run that was played with ``Options(record=True)`` has one. Raises `ScenarioError` where
    one cannot be written.
    """
    folder = Path(folder)
    prepare(folder, "--pcap")
    names = file_names(scenarios)
    written = [
        _write_capture(folder, run, name, "--pcap") for run, name in zip(runs, names, strict=True)
    ]
    return sum(written)


def _write_capture(folder: Path, run: Evidence, name: str, option: str) -> bool:
    from netlab.render.pcapng import pcapng

    if run.recording is None:
        return False
    _write(folder / f"{name}.pcapng", pcapng(run, PROGRAM), option)
    return True


def _chapter(scenario: Scenario, run: Evidence, name: str, files: tuple[str, ...]) -> Chapter:
    from netlab.render.report import Chapter, ToldStep
    from netlab.scenario import writer
    from netlab.scenario.explain import by_hand

    steps = tuple(
        ToldStep(
            writer.line(step),
            step.comment,
            tuple((str(command.side), command.text) for command in commands),
        )
        for step, commands in by_hand(scenario, run.family)
    )
    story = " ".join(scenario.story.split())
    return Chapter(run, name, story, scenario.differs, scenario.expect.cause, steps, files)


def _write(path: Path, data: bytes, option: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with _refused(option, path):
        try:
            draft.write_bytes(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextlib.contextmanager
def _refused(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"{option}: {path} cannot be written: {error.strerror}"
        raise ScenarioError(problem) from None
