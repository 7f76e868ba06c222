# SPDX-License-Identifier: GPL-2.0-or-later
"""The default run, many times, on a machine that is being disturbed. By hand: ``./scripts/soak``.

No load, no stop and no kill may turn a run into a wrong answer. PASS is right, and so is ERROR
where the machine was too busy to prove anything; a FAIL is a bug of netlab's, or of the kernel's,
and its evidence is kept. Runs change between IPv4 and IPv6, with and without ``--report``. A
pattern of load says how many run at once, beside how many processes that keep a core busy, and how
many of the runs are stopped for seconds (SIGSTOP), or killed.

Each run is one line of JSON in the log, so that a soak that ended can be told from what it left. An
interrupt ends the soak after the runs under way; a second one ends those, too.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

MARK = "NETLAB_SOAK"
OUTCOMES = ("pass", "fail", "error", "skip")
WORST = 3
STOPS, STOPPED_FOR = 6, (0.1, 6.0)  # how often at most, and seconds each
#: Seconds after which what a run has started must be gone, too.
GONE_WITHIN = 10.0


@dataclass(frozen=True)
class Pattern:
    """What disturbs the runs of one round."""

    at_once: int = 1
    busy: int = 0  # processes that each keep a core busy
    stopped: float = 0.0  # the part of the runs that are stopped now and then
    killed: float = 0.0  # the part that is killed at a random moment


PATTERNS = {
    "idle": (Pattern(),),
    "busy": (Pattern(busy=2),),
    "stops": (Pattern(at_once=4, stopped=1.0),),
    "kills": (Pattern(at_once=4, killed=1.0),),
    "crowd": (Pattern(at_once=20, busy=2),),
    "changing": (
        Pattern(),
        Pattern(busy=4),
        Pattern(at_once=2, stopped=0.5),
        Pattern(at_once=4, busy=1, killed=0.25),
        Pattern(at_once=2, busy=2, stopped=0.25, killed=0.1),
        Pattern(at_once=8),
    ),
}


@dataclass
class Run:
    """One run: what it was, and what came of it. A line of the log."""

    number: int
    load: str
    options: list[str]
    began: str
    stopped: list[float] = field(default_factory=list)  # seconds, each
    killed: bool = False
    seconds: float = 0.0
    exit_code: int | None = None
    outcomes: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)  # of each failure and error
    gaps: list[tuple[float, str]] = field(default_factory=list)  # the longest, and whose it is
    left: int = 0  # processes that were still there when it had ended
    said: str = ""  # on standard error

    @property
    def unplayed(self) -> bool:
        """True if it ended without an answer that anybody asked it to leave out."""
        return not self.killed and (self.exit_code not in (0, 1, 3) or not self.outcomes)


class Playing:
    """A run under way."""

    def __init__(self, run: Run, pattern: Pattern, netlab: Path, place: Path) -> None:
        self.run, self._place = run, place
        self._mark = uuid.uuid4().hex
        self._began = time.monotonic()
        place.mkdir()
        with open(place / "out.jsonl", "wb") as out, open(place / "err", "wb") as err:
            self.process = subprocess.Popen(
                [netlab, "run", "--json", *run.options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, MARK: self._mark}, start_new_session=True,
            )  # fmt: skip
        self._plan = sorted(_planned(pattern), key=lambda moment: moment[0])
        self._goes_on: float | None = None  # when, while it is stopped

    def ended(self) -> bool:
        """Do what is planned for it by now; True if it has ended."""
        if self.process.poll() is not None:
            return True
        at = time.monotonic() - self._began
        if self._goes_on is not None:
            if at < self._goes_on:
                return False
            self._goes_on = None
            self.process.send_signal(signal.SIGCONT)
        if self._plan and at >= self._plan[0][0]:
            _, stop = self._plan.pop(0)
            if stop is None:
                self.run.killed = True
                self.process.kill()
            else:
                self.run.stopped.append(round(stop, 2))
                self._goes_on = at + stop
                self.process.send_signal(signal.SIGSTOP)
        return False

    def interrupt(self) -> None:
        """End it as a person would, and let it say so."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()
        self.process.wait()
        self.run.killed = True

    def told(self, evidence: Path) -> Run:
        """The run with what came of it; the evidence of failures goes to that folder."""
        run = self.run
        run.exit_code = self.process.returncode
        run.seconds = round(time.monotonic() - self._began, 1)
        run.said = (self._place / "err").read_text(errors="replace")[-2000:]
        counts: Counter[str] = Counter()
        gaps: list[tuple[float, str]] = []
        for line in (self._place / "out.jsonl").read_text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:  # it was killed while it wrote this
                continue
            name, outcome = record["scenario"], record["outcome"]
            counts[outcome] += 1
            if record.get("samples"):
                gaps.append((record["gap_s"], name))
            if outcome == "error":
                run.reasons[name] = record["reason"]
            if outcome == "fail":
                run.reasons[name] = _failure(record)
                (evidence / f"{run.number}-{name}.json").write_text(line)
        run.outcomes = dict(counts)
        run.gaps = sorted(gaps, reverse=True)[:WORST]
        run.left = _left(self._mark)
        if run.unplayed:
            (evidence / f"{run.number}.err").write_text(run.said)
        shutil.rmtree(self._place)
        return run


def _failure(record: dict[str, object]) -> str:
    failure = record["failure"]
    assert isinstance(failure, dict)
    rows = (f"{row['side']} {row['sampled']} {row['how_long']}" for row in failure["rows"])
    return "; ".join((failure["summary"], *rows, f"{record['lost_s']:.2f} s lost"))


def _planned(pattern: Pattern) -> Iterator[tuple[float, float | None]]:
    """Moments in seconds, each with how long it is stopped then, or None to kill it."""
    if random.random() < pattern.stopped:
        at = 0.0
        for _ in range(random.randint(1, STOPS)):
            at += random.uniform(0.1, 5.0)
            length = random.uniform(*STOPPED_FOR)
            yield at, length
            at += length
    if random.random() < pattern.killed:
        yield random.uniform(0.1, 10.0), None


def _left(mark: str) -> int:
    """How many processes with this mark are still there, once all have had time to go."""
    deadline = time.monotonic() + GONE_WITHIN
    while True:
        count = 0
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                count += f"{MARK}={mark}".encode() in environ.read_bytes().split(b"\0")
        if not count or time.monotonic() > deadline:
            return count
        time.sleep(0.1)


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep that many cores busy in the body."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True)
             for _ in range(count)]  # fmt: skip
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class Soak:
    """The runs so far, and the table of them."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._netlab = Path(sys.executable).with_name("netlab")
        self._runs: list[Run] = []
        self._given = given
        self._began = time.monotonic()
        self.interrupted = 0
        given.evidence.mkdir(parents=True, exist_ok=True)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first interrupt begins no more runs; the second ends those under way."""
        self.interrupted += 1
        if self.interrupted == 1:
            print("\nthe runs under way come to their end (again: end them now)", file=sys.stderr)

    def go(self) -> None:
        """Play all rounds, one after the other, and write each run to the log as it ends."""
        patterns = itertools.cycle(PATTERNS[self._given.load])
        options = itertools.cycle(itertools.product(((), ("--ipv6",)), (False, True)))
        number = 0
        with tempfile.TemporaryDirectory(prefix="netlab-soak-") as folder:
            while number < self._given.runs and not self.interrupted:
                pattern = next(patterns)
                count = min(pattern.at_once, self._given.runs - number)
                with _busy(pattern.busy):
                    playing = []
                    for _ in range(count):
                        number += 1
                        family, report = next(options)
                        place = Path(folder, str(number))
                        more = [*family, *self._given.run]
                        more += ["--report", str(place / "report")] if report else []
                        run = Run(number, _words(pattern), more, time.strftime("%FT%T"))
                        playing.append(Playing(run, pattern, self._netlab, place))
                    self._see_through(playing)

    def _see_through(self, playing: list[Playing]) -> None:
        while playing:
            if self.interrupted > 1:
                for each in playing:
                    each.interrupt()
            ended = [each for each in playing if each.ended()]
            for each in ended:
                playing.remove(each)
                self._note(each.told(self._given.evidence))
            if not ended:
                time.sleep(0.02)

    def _note(self, run: Run) -> None:
        self._runs.append(run)
        with open(self._given.log, "a") as log:
            log.write(json.dumps(asdict(run)) + "\n")
        counts = " ".join(
            f"{run.outcomes[name]} {name}" for name in OUTCOMES if name in run.outcomes
        )
        worst = f"{run.gaps[0][0]:.2f} s {run.gaps[0][1]}" if run.gaps else ""
        how = f"{run.load}{', killed' if run.killed else ''}{_stops(run)}"
        print(f"{run.number:5}  {run.seconds:6.1f} s  {counts or 'nothing':32} {worst:34} {how}")
        for name, why in run.reasons.items():
            if run.outcomes.get("fail"):
                print(f"       {name}: {why}")
        if run.unplayed:
            print(f"       exit code {run.exit_code}: {run.said.strip()}")
        if run.left:
            print(f"       {run.left} processes stayed")
        sys.stdout.flush()

    def tell(self) -> bool:
        """Print the table; True if nothing failed, and nothing stayed."""
        print(f"\n{'load':44} {'runs':>5} {'killed':>6} " + "".join(f"{o:>7}" for o in OUTCOMES))
        for load in (*dict.fromkeys(run.load for run in self._runs), None):
            runs = [run for run in self._runs if load in (None, run.load)]
            total: Counter[str] = Counter()
            for run in runs:
                total.update(run.outcomes)
            killed = sum(run.killed for run in runs)
            print(f"{load or 'all':44} {len(runs):5} {killed:6} "
                  + "".join(f"{total[o]:7}" for o in OUTCOMES))  # fmt: skip
        print("longest gaps between two samples of a proven hold:")
        gaps = ((gap, name, run) for run in self._runs for gap, name in run.gaps)
        for gap, name, run in sorted(gaps, key=lambda each: each[0], reverse=True)[:WORST]:
            print(f"  {gap:.3f} s  {name}, run {run.number} ({run.load}{_stops(run)})")
        unplayed = [run.number for run in self._runs if run.unplayed]
        stayed = [run.number for run in self._runs if run.left]
        failed = [run.number for run in self._runs if run.outcomes.get("fail")]
        for what, numbers in (
            ("with a FAIL", failed),
            ("without an answer", unplayed),
            ("that left processes", stayed),
        ):
            print(f"runs {what}: {', '.join(map(str, numbers)) or 'none'}")
        if failed or unplayed:
            print(f"evidence: {self._given.evidence}")
        print(f"{len(self._runs)} runs in {(time.monotonic() - self._began) / 60:.1f} minutes")
        return not (failed or unplayed or stayed)


def _words(pattern: Pattern) -> str:
    words = [f"{pattern.at_once} at once"]
    words += [f"{pattern.busy} busy loops"] if pattern.busy else []
    words += [f"{pattern.stopped:.0%} stopped"] if pattern.stopped else []
    words += [f"{pattern.killed:.0%} killed"] if pattern.killed else []
    return ", ".join(words)


def _stops(run: Run) -> str:
    return f", stopped for {' '.join(f'{each:g}' for each in run.stopped)} s" if run.stopped else ""


def main(words: Sequence[str] | None = None) -> int:
    """Play, and print the table of what there was so far when it ends or is interrupted."""
    options = argparse.ArgumentParser(
        description="Play the default run many times on a disturbed machine, and count outcomes."
    )
    options.add_argument("--runs", type=int, default=100, metavar="N", help="full runs (100)")
    options.add_argument(
        "--load", choices=PATTERNS, default="changing", help="what disturbs them (changing)"
    )
    options.add_argument("--log", type=Path, default=Path("soak.jsonl"), help="(soak.jsonl)")
    options.add_argument(
        "--evidence", type=Path, default=Path("soak-evidence"), metavar="DIR",
        help="where the evidence of each FAIL is kept (soak-evidence)",
    )  # fmt: skip
    options.add_argument("--seed", type=int, help="of the moments at which runs are disturbed")
    options.add_argument("run", nargs="*", metavar="-- ARG", help="what goes to `netlab run`")
    given = options.parse_args(words)
    random.seed(given.seed)
    soak = Soak(given)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, soak.on_signal)
    soak.go()
    return 0 if soak.tell() else 1


if __name__ == "__main__":
    sys.exit(main())
