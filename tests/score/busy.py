# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at real busy services every few seconds from both ends, asks netlab, counts accusations.

Every look is asked about by itself and together with the next, with both ends and with each alone.
A question and an accusation are as in `onlookers`. What is said of a service that is full, or of a
reader that reads slowly, as it is meant to be, is counted apart (`services.GRAY`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from netlab.linux.namespace import Namespace
from netlab.model.errors import LabError
from netlab.model.vocabulary import Side
from netlab.snapshot import collect, store

from .network import Path, network
from .onlookers import (
    LASTS,
    SNAPSHOT,
    Accusation,
    Ends,
    Question,
    Round,
    Texts,
    Verdicts,
    ask,
    lost_resets,
    printed,
)  # fmt: skip
from .services import CLOSED, GRAY, HALF_OPEN, KINDS, NAMES, Services

LINE = Path(rtt=0.08, loss=0.02)
APART = 5.0  # seconds between two looks
LOOKING = 2.0  # seconds that one look at both hosts takes at most
PATIENCE = 90.0  # seconds until every service is in use
COMMANDS = {
    "ss -tanoei": ("ss", "-tanoei"),
    "nstat": ("nstat", "-azs"),
    "ss -tan": ("ss", "-tan"),
    "netstat -tano": ("netstat", "-tano"),
}
#: What somebody hands in: of each look its texts, in this order.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "ss -tanoei": ("ss -tanoei",),
    "ss -tanoei, twice": ("ss -tanoei",),
    "ss and nstat, twice": ("ss -tanoei", "nstat"),
    SNAPSHOT: (SNAPSHOT,),
    f"{SNAPSHOT} --twice": ("twice",),
    "ss -tan": ("ss -tan",),
    "netstat -tano": ("netstat -tano",),
}
PLAIN = ("ss -tan", "netstat -tano")  # they do not show how long a connection has been as it is
TIMED = tuple(form for form in TEXTS if form not in PLAIN)
FORMS = (*TIMED, *PLAIN)
ENDS = {"both": ("client", "server"), "client": ("client",), "server": ("server",)}


# --- looking


def watch(minutes: float, seed: int) -> Round:
    """Look at the services for so long. Raises `LabError` where one is not in use."""
    services = Services()
    with (
        tempfile.TemporaryFile() as lost,
        network(LINE, seed, services.serve, services.use, lost.fileno()) as hosts,
    ):
        _in_use(hosts[Side.SERVER])
        began = time.monotonic()
        views = _views(hosts, round(minutes * 60 / APART) + 1)
        seen = Round(LINE, views, lost_resets(lost.fileno(), began))
    if idle := unused(seen):
        raise LabError(f"{', '.join(idle)}: not in use for half of the time, so nothing is said")
    return seen


def _in_use(server: Namespace) -> None:
    """Wait until every service has a connection."""
    until = time.monotonic() + PATIENCE
    while missing := NAMES.keys() - {*_established(_seen(server))}:
        if time.monotonic() > until:
            names = ", ".join(NAMES[port] for port in sorted(missing))
            raise LabError(f"{names}: no connection after {PATIENCE:g} s")
        time.sleep(0.5)


def _seen(host: Namespace) -> str:
    with host:
        return printed(COMMANDS["ss -tan"])


def _established(text: str) -> Iterator[int]:
    """The local ports of established connections in a listing of ss."""
    for line in text.splitlines():
        match line.split():
            case ["ESTAB", _, _, local, *_]:
                yield int(local.rpartition(":")[2])


def unused(seen: Round) -> list[str]:
    """The services that have no connection in half of the looks at the server's host."""
    looks = seen.views[str(Side.SERVER)]
    used = Counter(port for look in looks for port in {*_established(look["ss -tan"])})
    return [name for port, name in NAMES.items() if 2 * used[port] < len(looks)]


def _views(hosts: Mapping[Side, Namespace], looks: int) -> dict[str, list[Texts]]:
    views: dict[str, list[Texts]] = {str(side): [] for side in hosts}
    before: dict[Side, Sequence[Any]] = {}
    began = time.monotonic()
    for number in range(looks):
        time.sleep(max(0.0, began + number * APART - time.monotonic()))
        for side, texts in _look(hosts, before).items():
            views[str(side)].append(texts)
    return views


def _look(hosts: Mapping[Side, Namespace], before: dict[Side, Sequence[Any]]) -> dict[Side, Texts]:
    """One look at both hosts by every tool; `before` has the samples of the last, and gets its."""
    texts: dict[Side, Texts] = {side: {} for side in hosts}
    for form, command in COMMANDS.items():
        for side, text in _at_once(hosts, command).items():
            texts[side][form] = text
    now = {}
    for side, host in hosts.items():
        with host:
            now[side] = collect.collect()
    for side, sample in now.items():
        texts[side][SNAPSHOT] = store.to_json(str(side), sample)
        if side in before:
            texts[side]["twice"] = store.to_json(str(side), [*before[side], *sample])
    before.update(now)
    return texts


def _at_once(hosts: Mapping[Side, Namespace], command: Sequence[str]) -> dict[Side, str]:
    """What a command prints at both hosts, side by side: what closes in between is at one end only.

    Into files, since a pipe that nobody reads holds up whoever has much to say.
    """
    with contextlib.ExitStack() as opened:
        running = {}
        for side, host in hosts.items():
            said = opened.enter_context(tempfile.TemporaryFile())
            with host:
                running[side] = said, subprocess.Popen(command, stdout=said)
        for _, process in running.values():
            if process.wait():
                raise LabError(f"{' '.join(command)} ended with {process.returncode}")
        sizes = {side: os.fstat(said.fileno()).st_size for side, (said, _) in running.items()}
        return {
            side: os.pread(said.fileno(), sizes[side], 0).decode()
            for side, (said, _) in running.items()
        }


# --- asking


def judge(seen: Round, forms: Iterable[str] = FORMS) -> Verdicts:
    """Ask about every look, in every way in which somebody may."""
    verdicts = Verdicts()
    for form in forms:
        for question, resets in _questions(seen, form):
            ask(seen.path, question, verdicts, partial(_kind, resets))
    return verdicts


def _kind(resets: Collection[frozenset[int]], ends: Ends) -> str:
    """What a connection is: of a service, or half-open since one of these RSTs was lost."""
    ports = frozenset(port for _, port in ends)
    if ports in resets and not ports & {*CLOSED}:
        return HALF_OPEN
    return next((KINDS[port] for port in ports if port in KINDS), "?")


def _lost_by(moment: float, seen: Round) -> Collection[frozenset[int]]:
    """The ports of connections that may be half-open at a moment: for a minute at most."""
    return {
        frozenset(ports) for at, *ports in seen.resets if moment - LASTS <= at <= moment + LOOKING
    }


def _questions(seen: Round, form: str) -> Iterator[tuple[Question, Collection[frozenset[int]]]]:
    twice = form.endswith("twice")
    for number in range(int(twice), len(seen.views["client"])):
        looks = (number - 1, number) if twice and "twice" not in TEXTS[form] else (number,)
        for ends, sides in ENDS.items():
            texts = {
                side: "".join(
                    seen.views[side][look][text] for look in looks for text in TEXTS[form]
                )
                for side in sides
            }
            question = Question(form, f"{ends}, after {number * APART:g} s", texts)
            yield question, _lost_by(number * APART, seen)


def is_gray(accusation: Accusation) -> bool:
    """Whether it says no more than what the service is meant to be."""
    gray = GRAY.get(accusation.kind)
    if gray is None:
        return False
    return not gray.causes or not {*accusation.cause.split("|")}.isdisjoint(gray.causes)


def apart(verdicts: Verdicts) -> tuple[Verdicts, list[Accusation]]:
    """The verdicts without what is gray, and that."""
    gray = [each for each in verdicts.accusations if is_gray(each)]
    accused = [each for each in verdicts.accusations if not is_gray(each)]
    return Verdicts(verdicts.asked, accused), gray


def ends(accusation: Accusation) -> str:
    """With which ends it was asked: both, client or server."""
    return accusation.occasion.partition(",")[0]
