# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages whose examples are played: README and what is in ``docs/``.

A fenced block of the language ``console`` is a transcript: lines that begin with ``$ `` are typed
(``> `` goes on with the one before), and below each is what it prints. `play` types them, one after
the other, into one shell in a fresh folder. The word after the language says more of a block::

    ```yaml file=my-first.yaml      is a file of that name for all transcripts below it
    ```python of=examples/test_x.py stands like this in a file of the checkout
    ```console needs=curl,nginx     is played where these programs are
    ```console as-root              shows what only root sees (states, to the microsecond)
    ```console any-order            has lines that come in any order
    ```console by-hand              is played by hand (`scripts/transcripts.py --all`)

What a page says of an output holds as `doctest` has it: ``...`` stands for any text, and a run of
spaces for any other. What is never the same (times to the millisecond, ports that the kernel
chooses, its release) needs no dots: `VARIES`.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt  # comes with rich

from . import of_time
from .of_time import ANY

HOME = Path(__file__).parents[1]
#: All pages with examples. Pages of figures (`docs/kernels.md`, ...) have none.
PAGES = (HOME / "README.md", *sorted((HOME / "docs").glob("*.md")))
WITHIN, BY_HAND = 100, 900  # seconds, for all commands of a transcript
AGAIN = 2
ROWS, COLUMNS = 24, 80
#: What no two plays have in common, and what is compared instead.
VARIES = (
    (r"\b\d+\.\d{3} \d{3}\b", "SECONDS"),  # of a ladder
    (r"^ *┆ .* m?s +┆ +┆ *\n", ""),  # nothing for so long
    (r"^ +played again: .*\n", ""),  # on a busy machine
    (r"^((PASS|FAIL) .* \d+\.\d+ s +)\d+", r"\1COUNT"),  # what is dropped while a pair is held
    (r"\b\d+\.\d+ ?s\b", "TIME"),
    (r"\b\d+ (ms|milliseconds)\b", "TIME"),
    (r"\b(kernel|Linux) \d+\.\d+[\w.+-]*", r"\1 RELEASE"),
    (r"> \d+ s\b", "> TIME"),
    (r"\buntil 13\d s\b", "until SYN'S END"),  # counted from when the program began
    (r", \d+ s$", ", TIME"),  # of a kernel's run
    (r"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "WHEN"),
    (r"\(pid \d+\)", "(pid PID)"),
    (r"(?<=:)[3-6]\d{4}\b", "PORT"),
    (r"\b10\.\d+\.\d+\.(?=[12]\b)", "10.0.0."),  # labs beside each other
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins (``page``, ``line``), and the words after its fence."""

    page: Path
    line: int  # of its fence, from 1
    words: tuple[str, ...]
    lines: tuple[str, ...]
    indent: str = ""
    #: The files that stand before it in its page.
    files: tuple[Block, ...] = field(default=(), repr=False)

    @property
    def language(self) -> str:
        """The first word after the fence, or nothing."""
        return self.words[0] if self.words else ""

    @property
    def text(self) -> str:
        """What is in it."""
        return "".join(f"{line}\n" for line in self.lines)

    def value(self, name: str) -> str:
        """What stands after ``NAME=``, or nothing."""
        found = [word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")]
        return found[0] if found else ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A line of a transcript, and what stands below it."""

    typed: tuple[str, ...]
    output: tuple[str, ...]

    @property
    def shell(self) -> str:
        """As a shell reads it."""
        return "\n".join([self.typed[0].removeprefix("$ "), *(one[2:] for one in self.typed[1:])])


def blocks(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in order."""
    source = page.read_text().splitlines()
    files: tuple[Block, ...] = ()
    for token in MarkdownIt().parse("\n".join(source)):
        if token.type != "fence" or token.map is None:
            continue
        first = source[token.map[0]]
        indent = first[: len(first) - len(first.lstrip())]
        words, lines = tuple(token.info.split()), tuple(token.content.splitlines())
        block = Block(page, token.map[0] + 1, words, lines, indent, files)
        if block.value("file"):
            files = (*files, block)
        yield block


def transcripts(page: Path) -> list[Block]:
    """The blocks of a page that are played."""
    return [block for block in blocks(page) if block.language == "console"]


def commands(block: Block) -> list[Command]:
    """What is typed in a transcript. Raises `ValueError` where it begins with something else."""
    parts: list[tuple[list[str], list[str]]] = []
    for line in block.lines:
        if line.startswith("$ "):
            parts.append(([line], []))
        elif not parts:
            raise ValueError(f"{block}: a transcript begins with '$ COMMAND', not with: {line}")
        elif line.startswith("> ") and not parts[-1][1]:
            parts[-1][0].append(line)
        else:
            parts[-1][1].append(line)
    return [Command(tuple(typed), tuple(output)) for typed, output in parts]


def play(block: Block) -> list[Command]:
    """Type a transcript's commands into a shell, in a folder with the page's files.

    Raises `TimeoutError` where that takes more than `WITHIN` seconds (`BY_HAND`).
    """
    asked = commands(block)
    with tempfile.TemporaryDirectory(prefix="netlab-page-") as name:
        folder = Path(name, "here")
        folder.mkdir()
        for each in block.files:
            _write(folder / each.value("file"), each)
        said = _typed([one.shell for one in asked], folder, block)
    assert len(said) == len(asked), f"{block}: the shell ended early: {said[-1]}"
    return [Command(one.typed, tuple(out)) for one, out in zip(asked, said, strict=True)]


def _write(path: Path, block: Block) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)
    if block.text.startswith("#!"):
        path.chmod(0o755)


def _typed(lines: Sequence[str], folder: Path, block: Block) -> list[list[str]]:
    """What each of them prints on a terminal of `COLUMNS`, at which nobody types."""
    end = f"--- {os.urandom(8).hex()} ---"
    script = folder.parent / "typed"
    script.write_text("".join(f"{line}\nprintf '\\n%s\\n' '{end}'\n" for line in lines))
    screen, terminal = os.openpty()
    tty.setraw(terminal)
    termios.tcsetwinsize(terminal, (ROWS, COLUMNS))
    with os.fdopen(screen, "rb", buffering=0) as printed:
        try:
            shell = subprocess.Popen(
                ["sh", script],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
        finally:
            os.close(terminal)
        within = BY_HAND if by_hand(block) else WITHIN
        ending = threading.Thread(target=_end, args=[shell, within])
        ending.start()
        said = b"".join(_until_closed(printed))
        ending.join()
    if shell.returncode < 0:
        raise TimeoutError(f"{block}: not at its end after {within} s: {said.decode()}")
    # Where progress was shown on a terminal that cannot be wiped, rich leaves empty lines.
    text = re.sub(r"\n{3,}", "\n\n", said.decode(errors="replace").replace(f"\n{end}\n", end))
    release = os.uname().release  # a page says which, but not what a builder has called it
    *parts, rest = text.replace(release, release.partition("-")[0]).split(end)
    return [part.lstrip("\n").splitlines() for part in ([*parts, rest] if rest else parts)]


def _until_closed(printed: io.RawIOBase) -> Iterator[bytes]:
    """What is printed, until nobody has the terminal any more (EIO)."""
    with contextlib.suppress(OSError):
        while said := printed.read(65536):
            yield said


def _end(shell: subprocess.Popen[bytes], within: float) -> None:
    """Wait for the shell, and end what it has left in the background, too."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        shell.wait(within)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


def _environment(folder: Path) -> dict[str, str]:
    """That of somebody who has just installed netlab: nothing of who plays the page."""
    cache_of = os.environ.get("NETLAB_CACHE") or str(Path("~/.cache/netlab").expanduser())
    binaries = Path(sys.executable).parent
    path = f"{binaries}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    kept = {name: os.environ[name] for name in ("NETLAB_TEST_MARK",) if name in os.environ}
    home = {"HOME": str(folder.parent), "NETLAB_CACHE": cache_of, "CHECKOUT": str(HOME)}
    return {"PATH": path, "LANG": "C.UTF-8", "TERM": "dumb", **home, **kept}


def differences(block: Block, played: Sequence[Command]) -> list[str]:
    """Where a transcript prints something else than its page says: a text for each command."""
    pairs = zip(commands(block), played, strict=True)
    return [text for text in (_difference(block, *pair) for pair in pairs) if text]


def settled(block: Block, played: list[Command]) -> tuple[list[Command], list[str]]:
    """What is printed, and where that is something else than the page says. It is played `AGAIN`
    only where nothing differs but what a clock decides (`of_time`): anything else may be rare, and
    is wrong all the same.
    """
    for _ in range(AGAIN):
        if not differences(block, played) or not _is_of_time(block, played):
            break
        played = play(block)
    return played, differences(block, played)


def _is_of_time(block: Block, played: Sequence[Command]) -> bool:
    """True if no command prints anything else that differs."""
    return all(
        not _difference(block, *pair) or of_time.only(pair[0].output, pair[1].output, _holds)
        for pair in zip(commands(block), played, strict=True)
    )


def _difference(block: Block, wanted: Command, got: Command) -> str:
    in_order = sorted if "any-order" in block.words else list
    want, have = _text(in_order(wanted.output)), _text(in_order(got.output))
    if _holds(want, have):
        return ""
    example = doctest.Example(wanted.shell, want)
    return f"{block}: {wanted.shell}\n{_CHECKER.output_difference(example, have, _FLAGS)}"


_CHECKER = doctest.OutputChecker()
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _holds(want: str, got: str) -> bool:
    for pattern, word in VARIES:
        want, got = (re.sub(pattern, word, text, flags=re.MULTILINE) for text in (want, got))
    return _CHECKER.check_output(want, got, _FLAGS)


def recorded(block: Block, played: Sequence[Command]) -> list[str]:
    """The lines of a transcript as they are to be: an output that holds stays as it is written,
    with its figures; another one is taken from `played`, but for what dots cover.
    """
    lines: list[str] = []
    for wanted, got in zip(commands(block), played, strict=True):
        same = not _difference(block, wanted, got)
        lines += [*wanted.typed, *(wanted.output if same else _lines(wanted.output, got.output))]
    return lines


def _lines(wanted: Sequence[str], got: Sequence[str]) -> list[str]:
    return merged(wanted, got, lambda want, have: "".join(_words(want, have)))


def _words(wanted: str, got: str) -> list[str]:
    """One line, word by word: what dots cover in it stays covered."""
    want, have = (re.findall(r"\s+|\S+", line) for line in (wanted, got))
    return merged(want, have, lambda _, word: word)


def merged(
    wanted: Sequence[str], got: Sequence[str], changed: Callable[[str, str], str]
) -> list[str]:
    """`got`, but for what dots of `wanted` cover: an item that has dots and holds stays, and so
    does ``...`` where it stands for items of `got`; `changed` makes one item of two.
    """
    best: dict[tuple[int, int], tuple[float, tuple[str, ...]]] = {(len(wanted), len(got)): (0, ())}

    def ways(i: int, j: int) -> Iterator[tuple[float, tuple[str, ...]]]:
        """How to go on from here: what it costs in all, and what comes of it."""
        dots = i < len(wanted) and wanted[i].strip() == ANY
        if i < len(wanted) and j < len(got):
            cost = _distance(wanted[i], got[j])
            stays = cost == 0 and ANY in wanted[i]
            rest, items = best[i + 1, j + 1]
            yield cost + rest, (wanted[i] if stays else changed(wanted[i], got[j]), *items)
        if i < len(wanted):
            rest, items = best[i + 1, j]
            yield _ALONE + rest, items
        if j < len(got):
            rest, items = best[i, j + 1]
            yield (rest, items) if dots else (_ALONE + rest, (got[j], *items))

    for i in reversed(range(len(wanted) + 1)):
        for j in reversed(range(len(got) + 1)):
            if (i, j) not in best:
                best[i, j] = min(ways(i, j), key=lambda way: way[0])
    return list(best[0, 0][1])


_ALONE = 1.1  # two that do not agree are rather the same item, changed


@cache
def _distance(want: str, got: str) -> float:
    if _holds(want, got):
        return 0
    return 1 - SequenceMatcher(None, want, got, autojunk=False).ratio() / 2


def rewrite(page: Path, changed: Sequence[tuple[Block, Sequence[str]]]) -> None:
    """Put new lines into blocks of a page."""
    source = page.read_text().splitlines()
    for block, lines in sorted(changed, key=lambda one: one[0].line, reverse=True):
        begin = block.line
        source[begin : begin + len(block.lines)] = [
            f"{block.indent}{one}".rstrip() for one in lines
        ]
    page.write_text(_text(source))


def needs(block: Block) -> list[str]:
    """The programs without which it cannot be played."""
    return [name for name in block.value("needs").split(",") if name]


def may_be_played(block: Block) -> bool:
    """Whether it would print the same to whoever is here."""
    return "as-root" not in block.words or os.geteuid() == 0


def by_hand(block: Block) -> bool:
    """Whether it takes more time than a test may."""
    return "by-hand" in block.words
