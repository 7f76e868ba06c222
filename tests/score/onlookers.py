# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at healthy hosts on a real path as their owners would, asks netlab, and counts accusations.

A question is one connection in what is handed in; any finding about it is an accusation. What has
only TIME_WAITs is not counted, unless it is accused: hundreds of them would flatter the share. Nor
is what the line has made half-open: it lost the RST, and nobody repeats one.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path as File
from typing import Any, TypeAlias

from netlab.diagnosis import rank
from netlab.linux.namespace import Namespace
from netlab.model.errors import ScenarioError
from netlab.model.findings import BY_COUNTERS, Finding
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.snapshot import collect, parse, store
from netlab.snapshot.records import Snapshot

from .network import RESET, Path, network
from .traffic import NAMES

#: Seconds after the first look of a round at which both hosts are looked at again.
MOMENTS = (0.0, 1.0, 3.0, 5.0)
SETTLES = 4.0  # seconds until every service is in use
LASTS = 60.0  # seconds in which every service ends what it hears nothing of
COMMANDS = {
    "ss -tanoei": ("ss", "-tanoei"),
    "ss -tan": ("ss", "-tan"),
    "netstat -tnop": ("netstat", "-tnop"),
}
SNAPSHOT = "netlab snapshot"
FORMS = (*COMMANDS, SNAPSHOT)
TIMED = ("ss -tanoei", SNAPSHOT)  # forms that show how long a connection has been as it is
TWICE = 2  # the moment of the second look, where one asks with two

Texts: TypeAlias = dict[str, str]  # by form, of one host at one moment; "twice": both snapshots
Ends: TypeAlias = Collection[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Round:
    """All that was seen of both hosts, by side and moment."""

    path: Path
    views: Mapping[str, Sequence[Texts]]
    #: RSTs that the line lost, where that is known: seconds after the first look, and the ports.
    resets: Sequence[tuple[float, int, int]] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody hands in: the name of the form, of the occasion, and the texts by side."""

    form: str
    occasion: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accusation:
    """A finding about a connection with which nothing is wrong."""

    path: Path
    form: str
    occasion: str
    kind: str  # of the connection
    cause: str
    confidence: float
    states: str
    evidence: tuple[str, ...]
    lines: tuple[str, ...]  # of the texts, about this connection

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it was an answer to, as `Verdicts` counts it."""
        return str(self.path), self.form, self.occasion, self.kind


@dataclass(slots=True)
class Verdicts:
    """What was asked, and what was accused."""

    #: By path, form, occasion and the connection's kind.
    asked: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    accusations: list[Accusation] = field(default_factory=list)

    @property
    def questions(self) -> int:
        """The number of questions."""
        return self.asked.total()

    @property
    def per_mille(self) -> float:
        """Accusations in a thousand questions."""
        return 1000 * len(self.accusations) / max(1, self.questions)

    def of(self, forms: Sequence[str], path: str = "", kind: str = "") -> Verdicts:
        """Those about these forms, and this path and kind if one is named."""

        def fits(key: tuple[str, str, str, str]) -> bool:
            return key[1] in forms and path in ("", key[0]) and kind in ("", key[3])

        asked = Counter({key: count for key, count in self.asked.items() if fits(key)})
        return Verdicts(asked, [each for each in self.accusations if fits(each.key)])

    @property
    def surest(self) -> float:
        """The confidence of the surest accusation, from 0 to 1."""
        return max((each.confidence for each in self.accusations), default=0.0)


# --- looking


def watch(paths: Iterable[Path], rounds: int, seed: int) -> list[Round]:
    """Look at the hosts on each path so many times, one path after the other."""
    return [
        seen
        for number, path in enumerate(paths)
        for seen in _watch_one(path, rounds, seed + number)
    ]


def _watch_one(path: Path, rounds: int, seed: int) -> list[Round]:
    with (
        tempfile.TemporaryFile() as lost,
        network(path, seed, resets=lost.fileno()) as hosts,
    ):
        time.sleep(SETTLES)
        return [_round(path, hosts, lost.fileno()) for _ in range(rounds)]


def lost_resets(lost: int, began: float) -> list[tuple[float, int, int]]:
    """The RSTs that a line has lost so far, as a `Round` has them."""
    found = os.pread(lost, os.fstat(lost).st_size, 0)  # it is still written
    return [(at - began, one, other) for at, one, other in RESET.iter_unpack(found)]


def _round(path: Path, hosts: Mapping[Side, Namespace], lost: int) -> Round:
    views: dict[str, list[Texts]] = {str(side): [] for side in hosts}
    samples: dict[str, list[Any]] = {str(side): [] for side in hosts}
    began = time.monotonic()
    for moment in MOMENTS:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        for side in hosts:
            views[str(side)].append({})
        for form, command in COMMANDS.items():
            for side, host in hosts.items():
                with host:
                    views[str(side)][-1][form] = printed(command)
        for side, host in hosts.items():
            with host:
                samples[str(side)].append(collect.collect())
    for name, taken in samples.items():
        for texts, sample in zip(views[name], taken, strict=True):
            texts[SNAPSHOT] = store.to_json(name, sample)
        views[name][TWICE]["twice"] = store.to_json(name, [*taken[0], *taken[TWICE]])
    return Round(path, views, lost_resets(lost, began))


def printed(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- asking


def judge(rounds: Iterable[Round], forms: Sequence[str] = FORMS) -> Verdicts:
    """Ask about everything that was seen, in every way in which somebody may."""
    verdicts = Verdicts()
    for seen in rounds:
        half_open = {frozenset(ports) for at, *ports in seen.resets if at >= -LASTS}
        kind = partial(_healthy, half_open)
        for form in forms:
            for question in _questions(seen, form):
                ask(seen.path, question, verdicts, kind)
    return verdicts


def _questions(seen: Round, form: str) -> Iterator[Question]:
    client, server = (seen.views[str(side)] for side in (Side.CLIENT, Side.SERVER))
    yield Question(form, "client", {"client": client[0][form]})
    yield Question(form, "server", {"server": server[0][form]})
    for number, moment in enumerate(MOMENTS):
        when = f"{moment:g} s apart" if number else "together"
        texts = {"client": client[0][form], "server": server[number][form]}
        yield Question(form, f"both, {when}", texts)
        if number:
            texts = {"client": client[number][form], "server": server[0][form]}
            yield Question(form, f"both, {when}", texts)
    twice = {side: _twice(views, form) for side, views in (("client", client), ("server", server))}
    for side, text in twice.items():
        yield Question(form, f"{side}, twice", {side: text})
    yield Question(form, "both, twice", twice)


def _twice(views: Sequence[Texts], form: str) -> str:
    if form == SNAPSHOT:
        return views[TWICE]["twice"]
    return views[0][form] + views[TWICE][form]


def ask(path: Path, question: Question, verdicts: Verdicts, kind: Callable[[Ends], str]) -> None:
    """Ask, and count what was asked and who is accused, by the kinds of connections.

    `kind` says nothing of one with which something is wrong: that is not counted.
    """
    snapshots = [one for side, text in question.texts.items() for one in _read(text, side)]
    lasting = {
        frozenset((socket.local, socket.remote))
        for snapshot in snapshots
        for socket in snapshot.samples[-1].sockets
        if socket.state is not State.TIME_WAIT
    }
    for ends in lasting:
        if named := kind(ends):
            verdicts.asked[str(path), question.form, question.occasion, named] += 1
    for finding in rank.diagnose(snapshots).findings:
        verdicts.accusations += _accusations(path, question, finding, kind)


@lru_cache(maxsize=2)  # one look is asked about with both ends, and then with each
def _read(text: str, side: str) -> tuple[Snapshot, ...]:
    return tuple(parse.read(text, side))


def _healthy(half_open: Collection[frozenset[int]], ends: Ends) -> str:
    """The service of a connection; nothing if it is one of the half-open ones, by their ports."""
    if frozenset(port for _, port in ends) in half_open:
        return ""
    return next((NAMES[port] for _, port in ends if port in NAMES), "?")


def _accusations(
    path: Path, question: Question, finding: Finding, kind: Callable[[Ends], str]
) -> Iterator[Accusation]:
    evidence = (*finding.evidence_for, *finding.evidence_against)
    causes = "|".join((finding.cause, *finding.also))
    for each in finding.connections:
        ends = (each.local, each.remote)
        if not kind(ends):
            continue
        states = "/".join(map(str, each.states))
        lines = tuple(_lines(question, {port for _, port in ends}))
        yield Accusation(
            path, question.form, question.occasion, kind(ends),
            causes, finding.confidence, states, evidence, lines,
        )  # fmt: skip
    if not finding.connections and finding.confidence >= BY_COUNTERS:  # less is a hint
        yield Accusation(
            path, question.form, question.occasion, "the host",
            causes, finding.confidence, "", evidence, (),
        )  # fmt: skip


def _lines(question: Question, ports: set[int]) -> Iterator[str]:
    """What the texts say of a connection: its line, and the indented one below."""
    for side, text in question.texts.items():
        if question.form.startswith(SNAPSHOT):
            continue
        shown = False
        for line in text.splitlines():
            shown = (
                shown if line[:1].isspace() else all(f":{port} " in line for port in ports - {0})
            )
            if shown:
                yield f"{side}: {line.strip()}"


# --- keeping


def keep(rounds: Iterable[Round], folder: File) -> None:
    """Write each round to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seen in enumerate(rounds):
        said = {
            "rtt": seen.path.rtt,
            "loss": seen.path.loss,
            "views": seen.views,
            "resets": seen.resets,
        }
        (folder / f"round-{number:04}.json").write_text(json.dumps(said) + "\n")


def load(folder: File) -> list[Round]:
    """Read what `keep` wrote. Raises `ScenarioError` where there is nothing."""
    files = sorted(folder.glob("round-*.json"))
    if not files:
        raise ScenarioError("has no round-*.json: expected what --keep wrote", folder)
    said = [json.loads(file.read_text()) for file in files]
    return [
        Round(
            Path(each["rtt"], each["loss"]),
            each["views"],
            [(at, one, other) for at, one, other in each.get("resets", ())],
        )
        for each in said
    ]
