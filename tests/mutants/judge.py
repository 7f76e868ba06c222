# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether `netlab baseline check` sees a mutant, and what it says of it; each answer is kept."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from netlab.linux.syscalls import bound
from netlab.model.errors import LabError, Unmet
from netlab.model.files import write

from .data import Mutant
from .tree import BASELINES, Tree

CHECKOUT = Path(__file__).parents[2]
#: What is played, and its scenarios and options. The cheapest comes first, as the first that sees a
#: mutant ends its trial: the conformance table alone, for both families; the default, which has it,
#: too. IPv4's scenarios say nothing of what is IPv6's own, nor IPv6's more than those of IPv4 about
#: what they share.
TABLE, DEFAULT, IPV6, ATLAS = "table", "default", "ipv6", "atlas"
OPTIONS = {TABLE: ("port-open", "--table"), DEFAULT: (), IPV6: ("--ipv6",), ATLAS: ("--atlas",)}
MODES = {"ipv4": (TABLE, DEFAULT, ATLAS), "ipv6": (TABLE, IPV6)}
#: What the default has.
BY_DEFAULT = (TABLE, DEFAULT)
SAID = "DIFFERENT "


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check of one mutant said."""

    edition: str  # of netlab, which decides what is played
    code: int  # the command's exit code
    seconds: float
    differences: tuple[str, ...] = ()  # its sentences
    trouble: str = ""  # why something could not be played

    @property
    def caught(self) -> bool:
        """Whether the exit code says that this kernel behaves otherwise."""
        return self.code == Unmet.exit_code


def caught_by(answers: Mapping[str, Answer]) -> str | None:
    """What was played when a mutant was seen, or None."""
    return next((mode for mode, answer in answers.items() if answer.caught), None)


class Judge:
    """Checks the images of a tree, and keeps what was said beside them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._recording = threading.Lock()

    def answers(self, mutant: Mutant) -> dict[str, Answer]:
        """What was said of a mutant until now, by what was played."""
        answers = {}
        for mode in OPTIONS:
            kept = self._kept(mutant, mode)
            if kept.exists():
                data = json.loads(kept.read_text())
                answers[mode] = Answer(**{**data, "differences": tuple(data["differences"])})
        return answers

    def open_modes(self, mutant: Mutant) -> tuple[str, ...]:
        """What is still to be played: nothing for one that was caught, and for others what was not
        played by this edition of netlab.
        """
        answers, now = self.answers(mutant), edition()
        if caught_by(answers):
            return ()
        asked = {mode for mode, answer in answers.items() if answer.edition == now}
        return tuple(mode for mode in MODES[mutant.family] if mode not in asked)

    def ask(self, mutant: Mutant, mode: str) -> Answer:
        """Check the image of a mutant, and keep the answer.

        Raises `LabError` where no baseline can be recorded of the kernel without a change.
        """
        with self._recording:
            baseline = self._baseline(mode)
        image = self._tree.image(mutant)
        began = time.monotonic()
        ended = _netlab("check", str(baseline), *OPTIONS[mode], "--kernel", str(image))
        answer = Answer(
            edition(), ended.returncode, round(time.monotonic() - began, 1),
            tuple(_differences(ended.stdout)),
            "" if ended.returncode in (0, Unmet.exit_code) else _last(ended.stderr),
        )  # fmt: skip
        kept = self._kept(mutant, mode)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(kept.with_suffix(".txt"), ended.stdout + ended.stderr)
        write(kept, json.dumps(asdict(answer), indent=1))
        return answer

    def _kept(self, mutant: Mutant, mode: str) -> Path:
        return self._tree.folder / "checks" / mutant.key / f"{mode}.json"

    def _baseline(self, mode: str) -> Path:
        """What the kernel without a change does, as this edition of netlab sees it."""
        path = self._tree.folder / BASELINES / f"{mode}-{edition()}.yaml"
        if path.exists():
            return path
        path.parent.mkdir(exist_ok=True)
        image = str(self._tree.image())
        ended = _netlab("record", *OPTIONS[mode], "-o", str(path), "--kernel", image)
        if ended.returncode:
            raise LabError(f"no baseline of {image}: {_last(ended.stderr)}")
        return path


@cache
def edition() -> str:
    """A digest of what decides what is played: netlab's code and scenarios."""
    digest = hashlib.sha256()
    for folder in ("netlab", "scenarios"):
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _netlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `netlab baseline`, from a folder that has no scenarios of its own; it ends where this
    one does.
    """
    command = [sys.executable, "-m", "netlab", "baseline", *arguments]
    return subprocess.run(
        bound(command, signal.SIGTERM), cwd="/", stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _differences(output: str) -> Iterator[str]:
    """The sentences of a check."""
    for line in output.splitlines():
        if line.startswith(SAID):
            yield line.removeprefix(SAID)


def _last(errors: str) -> str:
    lines = errors.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
