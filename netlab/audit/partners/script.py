# SPDX-License-Identifier: GPL-2.0-or-later
r"""A protocol of one's own as a file: what is expected of a client and said to it, in turn.

::

    port: 4000
    talk:
      - send: "hello\n"
      - expect: "\n"          # all up to this text
        setup: yes            # no request yet: a login, say
      - send: "welcome\n"
      - expect: {bytes: 8}    # so many
      - wait: 200ms
      - send: {hex: 00 ff 0a}
      - close: yes
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from netlab.audit.partners.base import Protocol, ServerSession, Talk
from netlab.model import outside, units
from netlab.model.errors import ScenarioError

LARGEST = 1 << 20  # bytes
PORT = 7000
KEYS = ("port", "talk", "repeat")
STEPS = ("expect", "send", "wait", "close")
MARKS = ("setup", "repeatable")  # of what is expected
LONGEST = 40  # characters of a request, as it is told


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    """What is expected, and what is then said."""

    until: bytes = b""  # all up to this; b'': `length` bytes
    length: int = 0
    setup: bool = False
    repeatable: bool = False
    reply: bytes = b""
    wait: float = 0.0  # seconds before the reply
    closes: bool = False

    def heard(self, data: bytes) -> int:
        """How many of these bytes are what is expected; 0 while it is not whole."""
        if self.until:
            return data.find(self.until) + len(self.until) if self.until in data else 0
        return self.length if len(data) >= self.length else 0


@dataclass(frozen=True, slots=True)
class TalkScript:
    """A file that says how a server talks. `greeting` is said before anything is expected."""

    port: int
    greeting: ScriptTurn
    turns: tuple[ScriptTurn, ...]
    repeat: bool  # the turns begin again after the last one


class ScriptSession(ServerSession):
    """One connection. What comes after the last turn is not answered."""

    def __init__(self, script: TalkScript) -> None:
        self._script = script
        self._left = [*script.turns]
        self._buffer = b""

    @property
    def settled(self) -> bool:
        """True once no more of what is expected is setup."""
        return not any(turn.setup for turn in self._left)

    def greeting(self) -> bytes:
        """What is said first."""
        return self._script.greeting.reply

    def take(self, data: bytes) -> Iterator[Talk]:
        """Take what has arrived, and answer each turn that is whole."""
        self._buffer += data
        while self._left and (length := self._left[0].heard(self._buffer)):
            said, self._buffer = self._buffer[:length], self._buffer[length:]
            turn = self._left.pop(0)
            if not self._left and self._script.repeat:
                self._left = [turn for turn in self._script.turns if not turn.setup]
            key = "" if turn.setup else _told(said)
            yield Talk(turn.reply, key, turn.repeatable, turn.closes, turn.wait)


def _told(said: bytes) -> str:
    text = ascii(said.decode("latin-1"))[1:-1]
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(said)} bytes)"


class Scripted(Protocol):
    """A server that does as a file says."""

    does = "what its file says"

    def __init__(self, script: TalkScript) -> None:
        self._script = script

    @property
    def asks_at_once(self) -> bool:  # type: ignore[override]
        """True if what a client says first is a request already."""
        return not self._script.greeting.reply and not any(t.setup for t in self._script.turns)

    def session(self) -> ServerSession:
        """A new connection."""
        return ScriptSession(self._script)


@cache
def load(path: Path) -> TalkScript:
    """What a file says. Raises `ScenarioError` with the file, what was expected and what was
    found.
    """
    found = outside.document(path, LARGEST, "a protocol")
    try:
        return _script(found)
    except ScenarioError as error:
        raise ScenarioError(error.problem, path) from None


def _script(found: Any) -> TalkScript:
    if not isinstance(found, dict) or not isinstance(found.get("talk"), list):
        raise ScenarioError("expected 'talk:' with a list of expect, send, wait and close")
    _known("the file", found, KEYS)
    port = found.get("port", PORT)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 1 << 16:
        raise ScenarioError(f"port: expected a number from 1 to 65535; found {port!r}")
    greeting, *turns = _turns(found["talk"])
    if not turns:
        raise ScenarioError("nothing is expected of the client: say so by 'expect: TEXT'")
    if greeting.wait or greeting.closes:
        raise ScenarioError("before the first 'expect' there can only be 'send'")
    return TalkScript(port, greeting, tuple(turns), _flag("repeat", found.get("repeat", False)))


def _turns(steps: Sequence[Any]) -> Iterator[ScriptTurn]:
    """What is said before anything is expected, and then each thing that is."""
    about: dict[str, Any] = {}
    for number, step in enumerate(steps, 1):
        where = f"step {number}"
        words = [*step] if isinstance(step, dict) else []
        if not words or words[0] not in STEPS:
            raise ScenarioError(f"{where}: expected one of {', '.join(STEPS)}; found {step!r}")
        word = words[0]
        _known(where, step, (word, *(MARKS if word == "expect" else ())))
        if about.get("closes"):
            raise ScenarioError(f"{where}: the connection is closed before it")
        match word:
            case "expect":
                yield ScriptTurn(**about)
                about = _expected(where, step)
            case "send":
                about["reply"] = about.get("reply", b"") + _bytes(where, step["send"])
            case "wait":
                if about.get("reply"):
                    raise ScenarioError(f"{where}: a wait comes before what is sent")
                about["wait"] = about.get("wait", 0.0) + _seconds(where, step["wait"])
            case "close":
                about["closes"] = _flag(where, step["close"])
    yield ScriptTurn(**about)


def _expected(where: str, step: Mapping[str, Any]) -> dict[str, Any]:
    marks = {mark: _flag(where, step.get(mark, False)) for mark in MARKS}
    wanted = step["expect"]
    if isinstance(wanted, dict) and [*wanted] == ["bytes"]:
        if not isinstance(wanted["bytes"], int) or wanted["bytes"] < 1:
            raise ScenarioError(f"{where}: expected a number of bytes; found {wanted['bytes']!r}")
        return {"length": wanted["bytes"], **marks}
    return {"until": _bytes(where, wanted), **marks}


def _bytes(where: str, given: Any) -> bytes:
    found = b""
    if isinstance(given, dict) and [*given] == ["hex"]:
        try:
            found = bytes.fromhex(str(given["hex"]))
        except ValueError:
            raise ScenarioError(f"{where}: expected hex digits; found {given['hex']!r}") from None
    elif isinstance(given, str):
        found = given.encode()
    if not found:
        raise ScenarioError(f"{where}: expected a text, or {{hex: 00 ff}}; found {given!r}")
    return found


def _seconds(where: str, given: Any) -> float:
    try:
        return units.duration(str(given))
    except ValueError:
        problem = f"{where}: expected a duration such as 2s or 500ms; found {given!r}"
        raise ScenarioError(problem) from None


def _flag(where: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise ScenarioError(f"{where}: expected yes or no; found {given!r}")
    return given


def _known(where: str, found: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(f"{where}: no key {key!r}: {meant}expected {', '.join(known)}")
