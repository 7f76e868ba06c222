# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one command in which one call fails, and looks at everything that it leaves."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from netlab import scheduler
from tests.failing.calls import WATCHED, Call, Failure, calls
from tests.failing.commands import Command
from tests.kernel.tools import left_over, trace_instances

STRACE = ("strace", "--follow-forks", "--seccomp-bpf", "-qq", "--decode-fds=path,socket")
PATIENCE = 60.0  # seconds that what was left may take to go
#: Exit codes: a pair was not held, what was asked for is wrong, the machine is at fault.
FAILED, USAGE, MACHINE = 1, 2, 3
#: What stands before the message of the program that a scenario runs. The n-th call fails in every
#: process: where it is the program's, that has not done its part.
PROGRAM = "tcp_client: "
INJECTED = "(INJECTED"  # or (INJECTED: args)


class Verdict(NamedTuple):
    """What became of one failure: whether it came about, and what was wrong then."""

    befell: bool
    code: int
    wrong: tuple[str, ...]
    said: str = ""


class Place:
    """Folders for one run at a time: what it is given, what it may write to, and what it may not.

    `bytecode`: where Python finds its modules compiled, so that every run reads the same files.
    """

    def __init__(self, folder: Path, given: Path, bytecode: Path) -> None:
        self._given, self._bytecode = given, bytecode
        self.results, self.trace = folder / "results", folder / "trace"
        self._folder = folder
        self._mine = [folder / name for name in ("home", "tmp", "cwd")]
        self._all = [self.results, folder / "cache", *self._mine]

    def clear(self) -> None:
        """Begin with empty folders."""
        for path in self._all:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)

    def words(self, command: Command) -> list[str]:
        """The command line."""
        line = command.line.format(results=self.results, given=self._given)
        return [sys.executable, "-m", "netlab", *line.split()]

    def environment(self, mark: str) -> dict[str, str]:
        """Only what a command needs, so that whatever it writes is in these folders."""
        home, temporary, _ = self._mine
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "NETLAB_CACHE": str(self._folder / "cache"),
            "NETLAB_TEST_MARK": mark,
            "PYTHONPYCACHEPREFIX": str(self._bytecode),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "LC_ALL": "C.UTF-8",
        }

    def left(self) -> Iterator[str]:
        """Files where nobody asked for any, and files that are not whole."""
        for path in (found for folder in self._mine for found in folder.rglob("*")):
            if path.is_file() and path.parts[-2:] != ("netlab", "lessons"):
                yield f"left {path.relative_to(self._folder)}"
        for path in self.results.rglob("*"):
            if path.is_file() and not is_whole(path):
                yield f"half a file: {path.relative_to(self._folder)}"
        for path in (self._folder / "cache").rglob("*"):
            if path.is_file() and not (path.suffix == ".lock" or is_whole(path)):
                yield f"half a file: {path.relative_to(self._folder)}"

    def run(
        self, command: Command, mark: str, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run it under strace."""
        self.clear()
        return subprocess.run(
            [*STRACE, "-o", str(self.trace), *options, "--", *self.words(command)],
            input=command.stdin,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self._mine[2],
            env={**self.environment(mark), "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=command.patience,
            check=False,
        )

    def warm_up(self, command: Command) -> str:
        """Run it once as it is, so that everything it imports is compiled; what it prints."""
        self.clear()
        done = subprocess.run(
            self.words(command),
            input=command.stdin,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self._mine[2],
            env=self.environment(""),
            check=False,
        )
        return self._anywhere(done.stdout)

    def watch(self, command: Command) -> tuple[Command, list[Call]]:
        """The calls that it makes, when nothing fails; and the command, with what it prints, if
        that is the same twice. Raises AssertionError if something fails.
        """
        once = self.warm_up(command)
        done = self.run(command, "", ["--trace=" + ",".join(WATCHED)])
        text = done.stdout + done.stderr
        assert done.returncode == command.code, f"exit code {done.returncode}: {text}"
        assert command.says in text, f"nothing of {command.says!r}: {text}"
        wrong = [*self.left()]
        assert not wrong, wrong
        same = once == self._anywhere(done.stdout)
        return command._replace(prints=once if same else None), calls(self.trace)

    def _anywhere(self, text: str) -> str:
        """A text as it would be in another place, whatever was counted and measured, and however
        long nothing happened.
        """
        text = re.sub(r"^.*\u2506 .*\u2506.*\n", "", text, flags=re.MULTILINE)  # of a ladder
        return re.sub(r"[\d. ]+", " ", text.replace(str(self._folder), ""))

    def _changed(self, usual: str, said: str) -> Iterator[str]:
        """The lines that are not the usual ones, or are missing."""
        now = self._anywhere(said)
        lines = difflib.unified_diff(usual.splitlines(), now.splitlines(), lineterm="", n=0)
        yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))
        yield "the same lines, in another order or number"

    def fail(self, command: Command, failure: Failure) -> Verdict:
        """Run it with that failure, and judge."""
        mark = uuid.uuid4().hex
        options = [f"--trace={failure.call}", f"--inject={failure.injection}"]
        try:
            done = self.run(command, mark, options)
        except subprocess.TimeoutExpired:
            left_over(mark)
            return Verdict(True, -1, (f"it did not end within {command.patience:g} s",))
        wrong = [*self._wrong(command, failure, done)]
        if processes := left_over(mark):
            wrong.append(f"processes left: {processes}")
        if instances := self._instances():
            wrong.append(f"instances of tracefs left: {instances}")
        trace = self.trace.read_text(errors="replace")
        return Verdict(INJECTED in trace, done.returncode, tuple(wrong), done.stdout + done.stderr)

    def _instances(self) -> list[str]:
        """Instances of tracefs that the command has left."""
        process = self.trace.read_text(errors="replace").partition(" ")[0]

        def found() -> list[str]:
            return [name for name in trace_instances() if name.split("-")[2:3] == [process]]

        scheduler.wait(lambda: None if found() else True, scheduler.now() + PATIENCE)
        return found()

    def _writing_failed(self) -> bool:
        """Whether the call that failed was about a file of results. On a busy machine, another call
        may have its number than when nothing failed.
        """
        lines = self.trace.read_text(errors="replace").splitlines()
        failed = [line for line in lines if INJECTED in line]
        return any(f"{self.results}/" in line and "/.netlab." not in line for line in failed)

    def _wrong(
        self, command: Command, failure: Failure, done: subprocess.CompletedProcess[str]
    ) -> Iterator[str]:
        """What was not as it should be in what the command said, and in its files."""
        text, code = done.stdout + done.stderr, done.returncode
        if failure.kind == "memory" and code == -signal.SIGSEGV:
            return  # Python itself, which reads what it could not allocate; the table has a column
        if "Traceback" in text or "Exception ignored" in text:
            yield "a traceback"
        fine = {command.code} if failure.kind == "interrupt" else {command.code, MACHINE}
        if failure.error == "EACCES":  # the rights to a file are its owner's affair
            fine |= {USAGE}
        if PROGRAM in text:
            fine |= {FAILED}
        if code not in fine:
            yield f"exit code {code}, not one of {sorted(fine)}"
        elif code == command.code and command.says not in text:
            yield f"it says nothing of {command.says!r}"
        elif code != command.code and not explains(done.stderr, done.stdout):
            yield "it does not say why"
        elif (
            code == command.code
            and command.prints not in (None, self._anywhere(done.stdout))
            and not explains(done.stderr, done.stdout)
        ):
            line = next(self._changed(command.prints or "", done.stdout))
            yield f"it prints something else, and does not say why: {line}"
        if (
            self._writing_failed()
            and "1 passed" in command.says
            and command.says not in done.stdout
        ):
            yield "results are lost"
        yield from self.left()


#: What a sentence of netlab's on standard output has in it: those of the table, of doctor, of a
#: record, and of the lesson on port-closed.
SENTENCES = (
    "came faster than they could be recorded",
    "netlab snapshot, /proc/net/tcp",  # where it has asked instead
    "not built",
    "played again: ",
    '"disturbed": ["',
    "ERROR",
    "MISSING",
    "missing",
    "absent",
    '"error"',
    "port-closed: ",
)


def explains(err: str, out: str) -> bool:
    """True if there is a sentence of netlab's, or of a lab's program, about what went wrong."""
    return "netlab: " in err or PROGRAM in err or any(word in out for word in SENTENCES)


def is_whole(path: Path) -> bool:
    """True if nothing is missing at the end of a file of this kind, and its name is a final one."""
    if path.name.startswith(".") or path.suffix == ".part":
        return False
    data = path.read_bytes()
    try:
        match path.suffix:
            case ".html":
                return data.rstrip().endswith(b"</html>")
            case ".svg":
                return data.rstrip().endswith(b"</svg>")
            case ".json":
                json.loads(data)
            case ".jsonl":
                return data.endswith(b"\n") and all(map(json.loads, data.splitlines()))
            case ".yaml":
                return data.endswith(b"\n")
            case ".pcapng":
                return int.from_bytes(data[-4:], "little") <= len(data) > 28
            case ".prom":
                return False  # it is gone with who looks
            case _:
                return bool(data)
    except ValueError:
        return False
    return True


@contextmanager
def places(given: Path, number: int) -> Iterator[list[Place]]:
    """Folders for so many runs at a time, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="netlab-failing-") as name:
        folder = Path(name)
        yield [Place(folder / str(each), given, folder / "bytecode") for each in range(number)]


def given(folder: Path) -> Path:
    """What the commands read: two stored runs of one kernel, its baseline, a paste of ss; and a
    server.
    """
    netlab = [sys.executable, "-m", "netlab"]
    cache = {**os.environ, "NETLAB_CACHE": str(folder / "cache")}
    for name in ("a", "b"):
        command = ["matrix", "--kernel", "host", "--hold", "10ms", "port-closed", "--output"]
        subprocess.run(
            [*netlab, *command, str(folder / name)],
            env=cache,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (run,) = (folder / name).iterdir()
        run.rename(folder / f"{name}.jsonl")
    record = ["baseline", "record", "--run", str(folder / "a.jsonl"), "-o", str(folder / "a.yaml")]
    subprocess.run([*netlab, *record], check=True, stdout=subprocess.DEVNULL)
    (folder / "stuck.txt").write_text(STUCK)
    (folder / "serve").write_text(
        f"#!/bin/sh\nexec {sys.executable} -m http.server --bind :: 8000\n"
    )
    (folder / "serve").chmod(0o755)
    return folder


STUCK = """\
$ ss -tanoei
State    Recv-Q Send-Q Local Address:Port Peer Address:Port
SYN-SENT 0      1      10.0.0.1:40000     10.0.0.2:5555 timer:(on,7sec,3) ino:1 sk:1 <->
"""
