# SPDX-License-Identifier: GPL-2.0-or-later
"""Many clients under every fault, all side by side, and what is kept of them for a table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from netlab import scheduler
from netlab.audit import run
from netlab.audit.clients import StockClient
from netlab.audit.faults.base import AuditFault, Sound
from netlab.audit.play import play
from netlab.linux.privileges import labs_at_once
from netlab.model.auditing import NOT_PLAYED, AuditCell, AuditPlay, ClientCell, Until
from netlab.model.errors import ScenarioError, of_file
from netlab.render.program import last_lines

#: Labs at the same time for each core: nearly all of them wait for what has been lost. Those that
#: a busy machine has disturbed are played again, with fewer beside them.
A_CORE = (16, 4, 1)
DISTURBED = 1.0  # seconds that one waits for a processor, and what it does may be another thing
TOO_BUSY = "the machine was too busy each time: again with --resume"
#: Programs at the same time for each core, while they are seen to work without a fault: all of
#: them compute then.
BEGINNING = 2
#: How often one is tried without a fault that does not work: the machine may have been busy.
TRIES = 2
Meanwhile = Callable[[], None]
Pair = tuple[StockClient, AuditFault]
Base = tuple[str, AuditPlay]  # a client's version, and how it is without a fault


class Many:
    """Clients and faults to be played. `known`: cells of before, which are not played again."""

    def __init__(
        self,
        clients: Sequence[StockClient],
        faults: Sequence[AuditFault],
        known: Iterable[ClientCell] = (),
        meanwhile: Meanwhile = lambda: None,
    ) -> None:
        self._clients, self._faults, self._meanwhile = clients, faults, meanwhile
        self._known = {each.key: each for each in known if each.word != NOT_PLAYED}

    def cells(self) -> Iterator[ClientCell]:
        """Each cell as it ends, those of before first. Who cannot be played has one that says
        why, of the fault ''.
        """
        pairs = [(client, fault) for client in self._clients for fault in self._faults]
        kept = {(client, fault): self._kept(client, fault) for client, fault in pairs}
        yield from filter(None, kept.values())
        missing = [pair for pair in pairs if kept[pair] is None]
        bases: dict[StockClient, Base] = {}
        for client, version, found in self._begun([*dict.fromkeys(each for each, _ in missing)]):
            if isinstance(found, str):
                yield _cell(client, version, "", NOT_PLAYED, found)
            else:
                bases[client] = version, found
        yield from self._played([pair for pair in missing if pair[0] in bases], bases)

    def _kept(self, client: StockClient, fault: AuditFault) -> ClientCell | None:
        known = self._known.get((client.name, client.way, fault.name))
        return known if known and known.cap == client.plan.cap else None

    def _begun(
        self, clients: Sequence[StockClient]
    ) -> Iterator[tuple[StockClient, str, AuditPlay | str]]:
        """Each with its version and how it is without a fault, or why it cannot be played."""
        names = {each.name: each for each in clients}
        why = {}
        for name, each in names.items():
            self._meanwhile()
            why[name] = each.lacks or each.built() or _absent(each)
        yield from ((each, "", why[each.name]) for each in clients if why[each.name])
        fit = [each for each in clients if not why[each.name]]
        versions = {name: each.told_version() for name, each in names.items() if not why[name]}
        plays = [partial(_sound, each) for each in fit]
        at_once = self._at_once(BEGINNING)
        for number, found in scheduler.side_by_side(plays, at_once, self._meanwhile):
            yield fit[number], versions[fit[number].name], found

    def _played(
        self, wanted: Sequence[Pair], bases: Mapping[StockClient, Base]
    ) -> Iterator[ClientCell]:
        for a_core in A_CORE:
            disturbed = []
            for (client, fault), found in self._side_by_side(wanted, a_core):
                version, base = bases[client]
                cell = run.cell(fault, found, base, client.plan)
                if is_sure(cell, client.plan.cap):
                    yield _of(client, version, cell)
                else:
                    disturbed.append((client, fault))
            wanted = disturbed
        for client, fault in wanted:
            yield _cell(client, bases[client][0], fault.name, NOT_PLAYED, TOO_BUSY)

    def _side_by_side(
        self, wanted: Sequence[Pair], a_core: int
    ) -> Iterator[tuple[Pair, AuditPlay]]:
        plays = [partial(play, fault, client.plan) for client, fault in wanted]
        at_once = self._at_once(a_core)
        for number, found in scheduler.side_by_side(plays, at_once, self._meanwhile):
            yield wanted[number], found

    def _at_once(self, a_core: int) -> int:
        most = min(labs_at_once(), a_core * (os.cpu_count() or 1))
        return min(each.plan.at_once(most) for each in self._clients)


def is_sure(cell: AuditCell, cap: float) -> bool:
    """True if a busy machine has not made this verdict: it makes nothing fine, and whoever hangs
    has waited for nearly all of `cap` seconds.
    """
    most = cap / 4 if cell.word == "hangs" else DISTURBED
    return cell.word == "fine" or cell.play.disturbed <= most


def _absent(client: StockClient) -> str:
    try:
        client.plan.check()
    except ScenarioError as error:
        return error.problem
    return ""


def _sound(client: StockClient) -> AuditPlay | str:
    """How it is without a fault, or why it cannot be audited."""
    why = ""
    for _ in range(TRIES):
        found = play(Sound(), client.plan)
        why = found.problem or run.unfit(found, client.plan)
        if not why:
            return found
        said = [*last_lines(found.errors or found.output)][-1:]
        why = " ".join([why, *map(str.strip, said)])
    return why


def _of(client: StockClient, version: str, cell: AuditCell) -> ClientCell:
    return _cell(
        client,
        version,
        cell.fault,
        cell.word,
        cell.why,
        sound=cell.sound,
        after=round(cell.play.after, 3),
        until=cell.play.until,
        command=cell.command,
        times=cell.repeated.times if cell.repeated else 0,
    )


def _cell(
    client: StockClient,
    version: str,
    fault: str,
    word: str,
    why: str,
    sound: bool = True,
    after: float = 0.0,
    until: Until | None = None,
    command: str = "",
    times: int = 0,
) -> ClientCell:
    return ClientCell(
        client.name, client.way, version, client.talks, client.source, fault, word, why, sound,
        after, until.seconds if until else None, until is not None and until.wakes is not None,
        client.plan.cap, command, times,
    )  # fmt: skip


# --- kept in a file, a line each


def read(path: Path) -> list[ClientCell]:
    """The cells that a file has kept; none if there is no such file. A line that was not written
    whole is left out. Raises `ScenarioError` for a file that is no such file, `LabError` for one
    that cannot be read.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise of_file(error, f"--resume: {path} cannot be read: {error.strerror}") from None
    found = [*filter(None, map(_read, lines))]
    if lines and not found:
        raise ScenarioError(f"--resume: {path} has no cells of an audit; name another file")
    return found


def _read(line: str) -> ClientCell | None:
    try:
        values = json.loads(line)
        known = [each.name for each in fields(ClientCell) if each.name in values]
        return ClientCell(**{name: values[name] for name in known})
    except (ValueError, TypeError, KeyError):
        return None


def line(cell: ClientCell) -> str:
    """A cell as a line of such a file."""
    return json.dumps(asdict(cell))
