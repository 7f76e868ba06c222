# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers: which process is the first of one, as its runtime says, or the kernel.

The kernel knows no containers. Runtimes are asked by their own command lines, whichever are here;
and nearly all put a container into a control group that has its ID in its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from netlab.model.errors import ScenarioError
from netlab.model.text import printable

#: Seconds that a runtime may take to answer: docker's waits for a daemon that may be stuck, too.
PATIENCE = 10.0
#: What docker, podman and Kubernetes allow as a name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
SHORT = 12  # characters of an ID, as docker prints it
#: How programs written in Go log what is wrong, runc among them.
LOGGED = re.compile(r'\bmsg="((?:[^"\\]|\\.)*)"')
#: Fewer characters of an ID would be a coincidence.
LEAST = 6


class Unanswered(Exception):
    """A runtime does not name a process: the message says why."""


def first_process(name: str) -> int:
    """The ID of the first process of a container that runs; `name` may be its ID, or how that
    begins.

    Raises `ScenarioError` where there is none, where it does not run, or where two are called so.
    """
    if not NAME.fullmatch(name):
        raise ScenarioError(f"{printable(name)!r} cannot be the name or the ID of a container")
    found: dict[int, str] = {}  # which runtime named a process first
    looked, lacking = [], []
    for program, ask in RUNTIMES.items():
        if shutil.which(program) is None:
            lacking.append(program)
            continue
        try:
            found.setdefault(ask(program, name), program)
        except Unanswered as why:
            looked.append(f"{program}: {why}")
    if not found:
        found = dict.fromkeys(_by_group(name), "a control group")
        looked.append("/proc/*/cgroup: no ID begins so")
    if len(found) == 1:
        return found.popitem()[0]
    if found:
        several = " or ".join(f"--pid {number} ({where})" for number, where in found.items())
        raise ScenarioError(f"several containers are called {name!r}: say {several}")
    raise ScenarioError("\n  ".join(_nowhere(name, looked, lacking)))


def _nowhere(name: str, looked: list[str], lacking: list[str]) -> Iterator[str]:
    yield f"no container is found that is called {name!r} and runs"
    yield from looked
    if lacking:
        yield f"not installed here: {', '.join(lacking)}"
    yield (
        "Runtimes show a user's own containers only: run this as that user, or, where that is "
        "root, with sudo. --pid takes any process of it"
    )


def names() -> dict[int, str]:
    """The containers that run, by their first process, of the runtimes that list them."""
    found: dict[int, str] = {}
    for program in LISTING:
        if shutil.which(program) is None:
            continue
        with contextlib.suppress(Unanswered):
            identities = _asked(program, "ps", "--quiet").split()
            if identities:
                shown = _asked(program, *_inspect("{{.State.Pid}} {{.Name}}"), *identities)
                for line in shown.splitlines():
                    number, _, name = line.partition(" ")
                    if number.isdecimal():
                        found.setdefault(int(number), printable(name.strip().lstrip("/")))
    return found


def short_id(number: int) -> str:
    """The ID of the container that a process is in, as far as runtimes print it; "" for none."""
    with contextlib.suppress(OSError):
        if match := ID.search(Path(f"/proc/{number}/cgroup").read_text(errors="replace")):
            return f"container {match[1][:SHORT]}"
    return ""


def _by_group(name: str) -> Iterator[int]:
    """The first process of each container whose ID begins so."""
    if len(name) < LEAST or name.strip("0123456789abcdef"):
        return
    seen = set()
    for number in sorted(int(each) for each in os.listdir("/proc") if each.isdecimal()):
        with contextlib.suppress(OSError):
            for whole in ID.findall(Path(f"/proc/{number}/cgroup").read_text(errors="replace")):
                if whole.startswith(name) and whole not in seen:
                    seen.add(whole)
                    yield number


# --- the runtimes


def _asked(program: str, *words: str) -> str:
    """What a runtime prints. Raises `Unanswered` with its last words where it fails."""
    try:
        done = subprocess.run(
            [program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unanswered(f"no answer within {PATIENCE:g} s") from None
    except OSError as error:
        raise Unanswered(f"cannot be run: {error.strerror}") from None
    if done.returncode:
        *_, last = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        message = LOGGED.search(last)
        raise Unanswered(printable(message[1] if message else last.strip())[:120])
    return done.stdout


def _inspect(template: str) -> tuple[str, ...]:
    return ("inspect", "--format", template)


def _docker(program: str, name: str) -> int:
    return _running(_asked(program, *_inspect("{{.State.Pid}}"), name))


def _crictl(program: str, name: str) -> int:
    """It inspects IDs only, and finds names by an expression."""
    identities = _asked(program, "ps", "--quiet", "--name", f"^{re.escape(name)}$").split()
    if len(identities) > 1:
        raise Unanswered(f"{len(identities)} are called so: give one's ID, {', '.join(identities)}")
    shape = ("--output", "go-template", "--template", "{{.info.pid}}")
    return _running(_asked(program, "inspect", *shape, *identities or [name]))


def _ctr(program: str, name: str) -> int:
    """Containerd's own command line. It has namespaces, and lists what runs in each; where its
    daemon is not there, it would try for longer than others take.
    """
    quickly = ("--connect-timeout", "2s")
    found = {}
    for space in _asked(program, *quickly, "namespaces", "ls", "--quiet").split():
        listed = _asked(program, *quickly, "--namespace", space, "tasks", "ls")
        for task, number, status in (line.split() for line in listed.splitlines()[1:]):
            if task == name or (len(name) >= LEAST and task.startswith(name)):
                found[task] = number if status == "RUNNING" else "0"
    if len(found) > 1:
        raise Unanswered(f"{len(found)} are called so: {', '.join(found)}")
    if not found:
        raise Unanswered("it has no such task")
    return _running(found.popitem()[1])


def _oci(program: str, name: str) -> int:
    """``state`` of the OCI runtime specification."""
    try:
        state = json.loads(_asked(program, "state", name))
        return _running(str(state.get("pid", 0)))
    except (ValueError, AttributeError):
        raise Unanswered("its answer is no state of a container") from None


def _running(text: str) -> int:
    words = text.split()
    if len(words) != 1 or not words[0].isdecimal():
        raise Unanswered("its answer is no process")
    if not int(words[0]):
        raise Unanswered("it is there, and does not run")
    return int(words[0])


RUNTIMES: dict[str, Callable[[str, str], int]] = {
    "docker": _docker,
    "podman": _docker,
    "nerdctl": _docker,
    "crictl": _crictl,
    "ctr": _ctr,
    "runc": _oci,
    "crun": _oci,
}
LISTING = ("docker", "podman", "nerdctl")
