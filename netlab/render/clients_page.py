# SPDX-License-Identifier: GPL-2.0-or-later
"""What many clients do under every fault, as a page of Markdown and as lines of a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from netlab.model.auditing import NOT_PLAYED, NOT_REACHED, ClientCell
from netlab.model.text import printable

COLUMNS = 8  # clients of one table
TOLD = 1.0  # seconds from which on it is told how long an error took
HANGS, AGAIN = "hangs", "again and again"
TITLES = {"defaults": "With their defaults", "recommended": "As their documentation recommends"}
USUAL = "defaults"
ROOM = 24  # columns of a client's name and version
Cells = Sequence[ClientCell]


def lines(cells: Cells) -> Iterator[str]:
    """A line for each client: what it does how often."""
    for (client, way), some in _by_client(cells).items():
        first = some[0]
        name = f"{client} {first.version}" + ("" if way == USUAL else f" ({way})")
        yield f"{name:{ROOM}}  {_counted(some)}".rstrip()


def _counted(cells: Cells) -> str:
    if cells[0].word == NOT_PLAYED and not cells[0].fault:
        return f"{NOT_PLAYED}: {printable(cells[0].why)}"
    counts = Counter(each.word for each in cells)
    told = ", ".join(f"{number} {word}" for word, number in counts.most_common())
    for_ever = sum(map(_for_ever, cells))
    return f"{told} ({for_ever} for ever)" if for_ever else told


def page(
    cells: Cells, faults: Mapping[str, str], kernel: str, cap: float, promise: float, command: str
) -> str:
    """The whole page. `faults`: what each of them is, by name; `cap` and `promise`: seconds;
    `command`: what has made it.
    """
    played = [each for each in cells if each.fault]
    number = len({each.client for each in played})
    blocks = [
        f"# What {number} stock clients do on the worst day",
        _opening(number, len(faults), kernel, cap, promise),
        f"```sh\n{command}\n```",
        _words(cap),
        "## In short",
        _table(_in_short(played)),
        "## What meets them",
        "How many of them hang, and how many of those for ever: with their defaults, and as their "
        "documentation recommends.",
        _table(_by_fault(played, faults)),
    ]
    for way in dict.fromkeys(each.way for each in played):
        blocks += [f"## {TITLES.get(way, way)}", *_grids(played, faults, way)]
    absent = dict.fromkeys((each.client, each.why) for each in cells if not each.fault)
    if absent:
        blocks += ["## Not played", "\n".join(f"- {name}: {_cell(why)}" for name, why in absent)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _opening(number: int, faults: int, kernel: str, cap: float, promise: float) -> str:
    return (
        f"Each of {number} clients makes one request, once with nothing wrong and then under each "
        f"of {faults} faults, each time in a lab of its own, on Linux {kernel}. Who has not come "
        f"back after {cap:g} s hangs; until when is what the kernel's own timers and the client's "
        f"own time-outs say, continued from there. An end later than {promise:g} s after the fault "
        "met it is late. [Test your own program](audit.md) has the verdicts, and what each rests "
        "on. The page is made by"
    )


def _words(cap: float) -> str:
    return (
        "and one cell of it is played again, with its packets, both ends' sockets and all that the "
        "client wrote, by its client and its fault:\n\n"
        "```sh\nnetlab audit --clients examples/audit/clients.yaml --fault silent-server curl\n"
        "```\n\n"
        "**hangs** ∞: for ever, nothing will end it; **hangs** 939 s: that long, more than "
        f"{cap:g} s anyway; \\* after these: unless a clock of its own, at which it looks again "
        "and again, ends it sooner; **hangs** ↻: it tries again and again; ×3: the server saw the "
        "request three times, and it may be repeated; **sent twice**: it saw one again that may "
        "not; –: the fault never met it; ?: the "
        "machine was too busy each time. What is bold is wrong."
    )


# --- tables


def _table(rows: Iterator[Sequence[str]]) -> str:
    heading, *rest = rows
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in (heading, ["---"] * len(heading), *rest)
    )


def _in_short(cells: Cells) -> Iterator[Sequence[str]]:
    ways = [*dict.fromkeys(each.way for each in cells)]
    heads = [f"{word}, {way}" for way in ways for word in ("hangs", "otherwise wrong")]
    yield ["client", "version", "from", *heads]
    by_client = _by_client(cells)
    for name in dict.fromkeys(each.client for each in cells):
        first = next(each for each in cells if each.client == name)
        told = []
        for way in ways:
            some = by_client.get((name, way), [])
            wrong = [each for each in some if not each.sound and each.word != HANGS]
            told += [_hanging(some), _others(wrong)]
        yield [f"**{name}**", first.version, first.source, *told]


def _hanging(cells: Cells) -> str:
    hanging = [each for each in cells if each.word == HANGS]
    for_ever = sum(map(_for_ever, hanging))
    or_less = "\\*" if any(_for_ever(each) and each.wakes for each in hanging) else ""
    return f"{len(hanging)} ({for_ever} ∞{or_less})" if for_ever else str(len(hanging) or "")


def _others(cells: Cells) -> str:
    counts = Counter(each.word for each in cells)
    return ", ".join(f"{number} {word}" for word, number in counts.most_common())


def _by_fault(cells: Cells, faults: Mapping[str, str]) -> Iterator[Sequence[str]]:
    ways = [*dict.fromkeys(each.way for each in cells)]
    yield ["fault", "what it is", *(f"hang, {way}" for way in ways)]
    for name, does in faults.items():
        some = [each for each in cells if each.fault == name]
        yield [name, does, *(_hanging([e for e in some if e.way == way]) for way in ways)]


def _grids(cells: Cells, faults: Mapping[str, str], way: str) -> Iterator[str]:
    """Tables of a few clients each: those of HTTP, then the others."""
    some = [each for each in cells if each.way == way]
    by_key = {(each.client, each.fault): each for each in some}
    kinds: list[Callable[[ClientCell], bool]] = [_is_http, lambda each: not _is_http(each)]
    for kind in kinds:
        names = [*dict.fromkeys(each.client for each in some if kind(each))]
        for place in range(0, len(names), COLUMNS):
            yield _table(_grid(names[place : place + COLUMNS], by_key, faults))


def _is_http(cell: ClientCell) -> bool:
    return cell.talks == "http"


def _grid(
    names: Sequence[str], by_key: Mapping[tuple[str, str], ClientCell], faults: Mapping[str, str]
) -> Iterator[Sequence[str]]:
    yield ["", *names]
    for fault in faults:
        yield [fault, *(_short(by_key.get((name, fault))) for name in names)]


def _short(cell: ClientCell | None) -> str:
    """A verdict in a word or two."""
    if cell is None or cell.word == NOT_PLAYED:
        return "?"
    if cell.word == NOT_REACHED:
        return "–"
    if cell.sound:
        took = f" {cell.after:.0f} s" if cell.after >= TOLD else ""
        return f"{cell.word}{took}" + (f" ×{cell.times}" if cell.times else "")
    if cell.word == HANGS:
        return f"**{HANGS}** {_until(cell)}"
    return f"**{cell.word}**" + (f" {cell.after:.0f} s" if cell.word == "late" else "")


def _until(cell: ClientCell) -> str:
    if AGAIN in cell.why:
        return "↻"
    until = "∞" if cell.until is None else f"{cell.until:.0f} s"
    return f"{until}\\*" if cell.wakes else until


def _for_ever(cell: ClientCell) -> bool:
    return cell.word == HANGS and cell.until is None and AGAIN not in cell.why


def _by_client(cells: Cells) -> dict[tuple[str, str], list[ClientCell]]:
    found: dict[tuple[str, str], list[ClientCell]] = {}
    for each in cells:
        found.setdefault((each.client, each.way), []).append(each)
    return found


def _cell(text: str) -> str:
    """A text that is no Markdown."""
    return printable(" ".join(text.split())).replace("|", "\\|").replace("<", "&lt;")
