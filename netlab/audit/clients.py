# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of clients as a file: how each is called, built and asked for its version, and who it
talks with.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from netlab import scheduler
from netlab.audit.partners import protocols
from netlab.audit.plan import AuditPlan
from netlab.linux import privileges
from netlab.model import outside
from netlab.model.errors import LabError, ScenarioError
from netlab.testbed.launch import Launch
from netlab.testbed.program import Program, filled_in

LARGEST = 1 << 17  # bytes
CLIENT_KEYS = ("name", "file", "command", "build", "version", "from", "talks", "server", "lacks")
SERVER_KEYS = ("command", "from", "env", "slow")
NEEDED = ("name", "command", "talks")
#: Both ways in which a client is played: as it is, and with the word that the file has for it.
DEFAULTS, RECOMMENDED = "defaults", "recommended"
WAYS = (DEFAULTS, RECOMMENDED)
#: Where the Python of the clients is, beside the file.
ENVIRONMENT = Path(".venv", "bin", "python")
BEHIND = 7000  # the port at which a server is started that is none of netlab's
BUILDING, ASKING = 300.0, 30.0  # seconds
VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-+~][\w.+~-]+)?|\b\d+\b")


@dataclass(frozen=True, slots=True)
class StockClient:
    """One client of a list, in one way."""

    name: str
    way: str  # one of `WAYS`
    talks: str
    source: str  # where it is from: "Debian curl"
    plan: AuditPlan
    room: str = ""  # the folder for what it needs, and for what is needed to make that
    build: tuple[str, ...] = ()  # the command that makes it
    version: tuple[str, ...] = ()  # the command that tells it
    lacks: str = ""  # why it cannot be played at all

    def built(self) -> str:
        """Make what it needs; returns why it could not be made, or ''."""
        if not self.build:
            return ""
        code, said = _said(self.build, self, BUILDING)
        return f"{shlex.join(self.build)}: {said.strip() or code}" if code else ""

    def told_version(self) -> str:
        """The version that it tells of itself; '' where it tells none."""
        _, said = _said(self.version, self, ASKING) if self.version else (0, "")
        found = VERSION.search(said)
        return found[0] if found else ""


def _said(line: tuple[str, ...], client: StockClient, within: float) -> tuple[int | str, str]:
    """How a command of the list's ended (0: well), and what it said. All that it starts ends with
    it, and with this process. Raises `LabError` where nothing can be started so.
    """
    privileges.prepare()
    launch = Launch(folder=Path(client.plan.folder))
    environment = {**os.environ, "TMPDIR": client.room}
    here = contextlib.nullcontext()
    try:
        program = Program(here, line, launch, _wait, environment)
    except LabError as error:
        return str(error), ""
    with contextlib.closing(program):
        _wait(lambda: program.exit_code is not None or None, within)
        if program.exit_code is None:
            return f"not done after {within:g} s", ""
        return program.exit_code, program.said


def _wait(condition: Callable[[], bool | None], within: float) -> bool | None:
    return scheduler.wait(condition, scheduler.now() + within)


def load(path: Path, plan: AuditPlan, built: Path) -> list[StockClient]:
    """The clients of a file, each in both ways if the file has a word for the other. `plan` has
    what all of them share, `built` is the folder for what they need.

    Raises `ScenarioError` with the file, what was expected and what was found.
    """
    found = outside.document(path, LARGEST, "a list of clients")
    try:
        return [*_Reader(found, path, plan, built).clients()]
    except ScenarioError as error:
        raise ScenarioError(error.problem, path) from None


def chosen(clients: list[StockClient], names: list[str], way: str) -> list[StockClient]:
    """Those of these names or patterns, in one way ('': both). Raises `ScenarioError` for a name
    that there is not.
    """
    known = dict.fromkeys(each.name for each in clients)
    for name in names:
        if not any(fnmatchcase(each, name) for each in known):
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(
                f"no client is called {name!r}: {meant}there are {', '.join(known)}"
            )
    return [
        each
        for each in clients
        if (not names or any(fnmatchcase(each.name, name) for name in names))
        and way in ("", each.way)
    ]


class _Reader:
    """What is read of one file. Every problem is a `ScenarioError` without the file's name."""

    def __init__(self, found: Any, path: Path, plan: AuditPlan, built: Path) -> None:
        if not isinstance(found, dict) or not isinstance(found.get("clients"), list):
            raise ScenarioError("expected 'clients:' with a list of NAME, COMMAND, TALKS ...")
        folder = path.absolute().parent
        python = folder / ENVIRONMENT
        texts = {key: value for key, value in found.items() if isinstance(value, str)}
        self._values = {
            **texts,
            "python": str(python) if python.exists() else sys.executable,
            "built": str(built),
        }
        self._word = texts.get(RECOMMENDED, "")
        self._folder, self._plan = folder, replace(plan, listed=("--clients", str(path)))
        self._clients = found["clients"]
        self._servers = _mapping("servers", found.get("servers", {}))

    def clients(self) -> Iterator[StockClient]:
        names: set[str] = set()
        for number, entry in enumerate(self._clients, 1):
            about = f"client {number}"
            _keys(about, _mapping(about, entry), CLIENT_KEYS)
            for key in NEEDED:
                if not isinstance(entry.get(key), str) or not entry[key]:
                    raise ScenarioError(f"{about}: expected a text for {key!r}")
            if entry["name"] in names:
                raise ScenarioError(f"two clients are called {entry['name']!r}")
            names.add(entry["name"])
            yield from self._both(self._client(entry))

    def _both(self, client: StockClient) -> Iterator[StockClient]:
        plan = client.plan
        yield replace(client, plan=replace(plan, listed=(*plan.listed, client.name)))
        if self._word:
            listed = (*plan.listed, "--way", RECOMMENDED, client.name)
            plan = replace(plan, command=(*plan.command, self._word), listed=listed)
            yield replace(client, way=RECOMMENDED, plan=plan)

    def _client(self, entry: Mapping[str, Any]) -> StockClient:
        lacks, plan = str(entry.get("lacks", "")), self._plan
        plan = replace(plan, command=self._words(entry, "command"), folder=str(self._folder))
        if entry["talks"] in protocols():
            plan = replace(plan, talks=entry["talks"])
        elif not lacks:
            plan, lacks = self._served(entry, plan)
        return StockClient(
            name=entry["name"],
            way=DEFAULTS,
            talks=entry["talks"],
            source=_source(entry.get("from", {})),
            plan=plan,
            room=self._values["built"],
            build=self._words(entry, "build"),
            version=self._words(entry, "version"),
            lacks=lacks,
        )

    def _served(self, entry: Mapping[str, Any], plan: AuditPlan) -> tuple[AuditPlan, str]:
        """Who has a server of the list to talk with, or why not."""
        name = entry.get("server", "")
        if name not in self._servers:
            known = ", ".join(self._servers) or "none"
            raise ScenarioError(
                f"{entry['name']}: nobody here talks {entry['talks']!r}, so it needs one of the "
                f"servers ({known}); found {name!r}"
            )
        server = _mapping(name, self._servers[name])
        _keys(name, server, SERVER_KEYS)
        if server.get("slow"):
            return plan, f"{name} is started in no lab: {server['slow']}"
        told = {key: str(value) for key, value in _mapping("env", server.get("env", {})).items()}
        command = shlex.join(self._words(server, "command"))
        return replace(plan, server=command, port=BEHIND, told=tuple(told.items())), ""

    def _words(self, entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
        try:
            line = shlex.split(str(entry.get(key, "")))
        except ValueError as error:
            raise ScenarioError(f"{entry.get('name')}: {key}: {str(error).lower()}") from None
        return tuple(filled_in(word, self._values) for word in line)


def _mapping(about: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ScenarioError(f"{about}: expected KEY: VALUE ...; found {found!r}")
    return found


def _keys(about: str, found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(f"{about}: no key {key!r}: {meant}expected {', '.join(known)}")


def _source(found: Any) -> str:
    """Where a client is from, in words."""
    names = {"debian": "Debian", "pypi": "PyPI", "npm": "npm"}
    return ", ".join(
        f"{names.get(way, way)} {package}" for way, package in _mapping("from", found).items()
    )
