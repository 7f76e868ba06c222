# SPDX-License-Identifier: GPL-2.0-or-later
"""Verdicts as KCIDB has them, the database of the kernel's CI systems (its I/O schema 5.3)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from netlab.model.evidence import Outcome
from netlab.model.kernel_run import Machine
from netlab.render.verdicts import Verdict

VERSION = {"major": 5, "minor": 3}
#: What a CI system may call itself.
ORIGIN = re.compile(r"[a-z0-9_]+")
STATUS: dict[Outcome, str] = {"pass": "PASS", "fail": "FAIL", "error": "ERROR", "skip": "SKIP"}
LONGEST = 16384  # characters of an excerpt from a log
#: What no part of a test's path has.
FOREIGN = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ReportedBuild:
    """A kernel, and what became of each test on it."""

    machine: Machine
    verdicts: Sequence[Verdict]
    commit: str = ""  # 40 hexadecimal digits, where it was built in a tree of git's


def kcidb(origin: str, builds: Sequence[ReportedBuild], began: datetime) -> dict[str, Any]:
    """A report of what was tested from `began` on, by the system `origin`.

    The same build has the same id in every report, and each report its own tests.
    """
    checkouts = {_checkout_id(origin, build): _checkout(origin, build) for build in builds}
    return {
        "version": VERSION,
        "checkouts": [*checkouts.values()],
        "builds": [_build(origin, build) for build in builds],
        "tests": [
            _test(origin, build, verdict, began) for build in builds for verdict in build.verdicts
        ],
    }


def _checkout(origin: str, build: ReportedBuild) -> dict[str, Any]:
    commit = {"git_commit_hash": build.commit, "patchset_hash": ""} if build.commit else {}
    return {
        "id": _checkout_id(origin, build),
        "origin": origin,
        "comment": f"Linux {build.machine.release}",
        "valid": True,
        **commit,
    }


def _build(origin: str, build: ReportedBuild) -> dict[str, Any]:
    machine = build.machine
    return {
        "id": _build_id(origin, build),
        "checkout_id": _checkout_id(origin, build),
        "origin": origin,
        "comment": f"{machine.release} {machine.version}".strip(),
        "architecture": FOREIGN.sub("_", machine.architecture).lower(),
    }


def _test(origin: str, build: ReportedBuild, verdict: Verdict, began: datetime) -> dict[str, Any]:
    machine, start = build.machine, began.isoformat()
    test = {
        "id": f"{origin}:netlab-{_hash(_build_id(origin, build), start, verdict.full_name)}",
        "build_id": _build_id(origin, build),
        "origin": origin,
        "path": _path(verdict),
        "status": STATUS[verdict.outcome],
        "start_time": start,
        "duration": round(verdict.seconds, 3),
        "environment": {
            "comment": machine.distribution or f"QEMU, {machine.clock} time",
            "misc": {"spec": machine.spec, "hz": machine.hz, "sysctls": dict(machine.changed)},
        },
    }
    if verdict.why:
        test["comment"] = verdict.why
    if verdict.details:
        test["log_excerpt"] = "\n".join(verdict.details)[:LONGEST]
    return test


def _path(verdict: Verdict) -> str:
    parts = [*verdict.suite.split("."), verdict.name]
    return ".".join(["netlab", *(FOREIGN.sub("-", part).strip("-") or "x" for part in parts)])


def _checkout_id(origin: str, build: ReportedBuild) -> str:
    return f"{origin}:netlab-{_hash(build.commit or build.machine.release)}"


def _build_id(origin: str, build: ReportedBuild) -> str:
    machine = build.machine
    named = (machine.release, machine.version, machine.architecture, build.commit)
    return f"{origin}:netlab-{_hash(*named)}"


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode(errors="replace")).hexdigest()[:20]
