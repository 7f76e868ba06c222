# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit as a file: the program, who it talks with, what it promises, and what is meant."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import Any

from netlab.audit import faults
from netlab.audit.plan import CAP, PROMISE, USUAL, AuditPlan
from netlab.model import outside, units
from netlab.model.auditing import NOT_REACHED, WORDS
from netlab.model.errors import ScenarioError
from netlab.model.vocabulary import Family

LARGEST = 1 << 16  # bytes
KEYS = (
    "program", "talks", "server", "port", "as-server", "cap", "promise", "jobs", "allow", "faults"
)  # fmt: skip


def load(path: Path, family: Family = Family.IPV4) -> tuple[AuditPlan, list[str]]:
    """What a file asks for, and the names of its faults. Raises `ScenarioError` with the file, what
    was expected and what was found.
    """
    found = outside.document(path, LARGEST, "an audit")
    try:
        return _plan(found, family)
    except ScenarioError as error:
        raise ScenarioError(error.problem, path) from None


def _plan(found: Any, family: Family) -> tuple[AuditPlan, list[str]]:
    if not isinstance(found, dict) or "program" not in found:
        raise ScenarioError("expected 'program: COMMAND ...' and the like")
    for key in found:
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(f"no key {key!r}: {meant}expected {', '.join(KEYS)}")
    as_server = found.get("as-server", False)
    if not isinstance(as_server, bool):
        raise ScenarioError(f"as-server: expected yes or no; found {as_server!r}")
    cap = _seconds(found, "cap", CAP)
    plan = AuditPlan(
        command=_words(found["program"]),
        talks=str(found.get("talks", USUAL)),
        as_server=as_server,
        server=str(found.get("server", "")),
        port=_port(found.get("port", 0)),
        cap=cap,
        promise=_seconds(found, "promise", min(PROMISE, cap)),
        family=family,
        jobs=_jobs(found.get("jobs", 0)),
        allow=_allowed(found.get("allow", {})),
    )
    plan.check()
    return plan, _names(found.get("faults", []), as_server)


def _words(program: Any) -> tuple[str, ...]:
    if isinstance(program, list) and program and all(isinstance(word, str) for word in program):
        return tuple(program)
    try:
        words = shlex.split(program) if isinstance(program, str) else []
    except ValueError as error:
        raise ScenarioError(f"program: {str(error).lower()}") from None
    if not words:
        raise ScenarioError(f"program: expected a command, or a list of words; found {program!r}")
    return tuple(words)


def _seconds(found: dict[str, Any], key: str, usual: float) -> float:
    given = found.get(key, usual)
    try:
        return units.duration(str(given))
    except ValueError:
        problem = f"{key}: expected a duration such as 5s or 500ms; found {given!r}"
        raise ScenarioError(problem) from None


def _port(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < 1 << 16:
        raise ScenarioError(f"port: expected a number from 1 to 65535; found {given!r}")
    return given


def _jobs(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise ScenarioError(f"jobs: expected a number of labs at the same time; found {given!r}")
    return given


def _allowed(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ScenarioError(f"allow: expected FAULT: VERDICT ...; found {given!r}")
    known = {*faults.faults(), *faults.of_servers()}
    for fault, word in given.items():
        if fault not in known:
            raise ScenarioError(f"allow: no fault is called {fault!r}")
        if word not in (*WORDS, NOT_REACHED):
            raise ScenarioError(f"allow: expected one of {', '.join(WORDS)}; found {word!r}")
    return dict(given)


def _names(given: Any, as_server: bool) -> list[str]:
    if not isinstance(given, list):
        raise ScenarioError(f"faults: expected a list of names; found {given!r}")
    names = [*map(str, given)]
    if as_server:
        return [fault.name for fault in faults.chosen_of_servers(names)]
    return [fault.name for fault in faults.chosen(names)]
