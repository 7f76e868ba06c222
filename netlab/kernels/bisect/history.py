# SPDX-License-Identifier: GPL-2.0-or-later
"""The commits of a kernel's tree, as git keeps and bisects them.

Every git has a session of its own: Ctrl-C in a terminal is netlab's to answer, and the tree is left
as it was found.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netlab.model.errors import LabError, ScenarioError

Mark = Literal["good", "bad", "skip"]
#: What is asked of a commit, each in a line.
ABOUT = "%H%n%h%n%s%n%an%n%as"
SHORT = 300  # characters of git's complaint that are passed on


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    id: str  # 40 hexadecimal digits
    short: str
    subject: str
    author: str
    day: str  # 2026-11-28

    def __str__(self) -> str:
        return f"{self.short} {self.subject}"


class History:
    """The commits of one work tree.

    Raises `ScenarioError` where the folder is none, where what git tracks there was changed, or
    where somebody bisects there already; `LabError` where git is not installed.
    """

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        try:
            top = self._git("rev-parse", "--show-toplevel")
        except ScenarioError as error:
            raise ScenarioError(f"{tree} is no git tree of a kernel: {error}") from None
        if Path(top) != tree.resolve():
            raise ScenarioError(f"{tree} is inside a git tree: name {top} itself")
        if Path(tree, self._git("rev-parse", "--git-path", "BISECT_START")).exists():
            raise ScenarioError(
                f"{tree}: a bisection is under way there; 'git bisect reset' ends it"
            )
        changed = self._git("status", "--porcelain", "--untracked-files=no").splitlines()
        if changed:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise ScenarioError(
                f"{tree}: {changed[0][3:]}{more} was changed and not committed; commit it, or put "
                "it away with 'git stash'"
            )

    def commit(self, name: str = "HEAD") -> Commit:
        """The commit of a name. Raises `ScenarioError` where there is none."""
        try:
            lines = self._git("show", "--no-patch", f"--format={ABOUT}", f"{name}^{{commit}}")
        except ScenarioError:
            raise ScenarioError(f"{self._tree} has no commit {name!r}") from None
        return Commit(*lines.splitlines()[-5:])

    def check(self, good: Commit, bad: Commit) -> None:
        """Raises `ScenarioError` where no commit can be the first bad one."""
        if good.id == bad.id:
            raise ScenarioError(f"{good} is given as good and as bad: nothing is between")
        if not self._git("rev-list", "--max-count=1", bad.id, "--not", good.id):
            raise ScenarioError(
                f"{good} has {bad} in it: good is the one before the change, also where that is a "
                "fix; the two are the other way round"
            )

    @contextlib.contextmanager
    def bisection(self) -> Iterator[None]:
        """Bisect in the body; afterwards the tree is where it was, on the same branch."""
        self._git("bisect", "start")
        try:
            yield
        finally:
            self._git("bisect", "reset")

    def check_out(self, commit: Commit) -> None:
        """Make the files those of a commit; what they have in common keeps its times."""
        self._git("checkout", "--quiet", "--detach", commit.id)

    def mark(self, mark: Mark, commit: Commit) -> None:
        """Tell git about a commit, which then checks out the next one to try, if there is one.

        Raises `ScenarioError` with git's words where that makes no sense.
        """
        done = self._run("bisect", mark, commit.id)
        if done.returncode not in (0, 2):  # 2: only commits that are skipped are left
            raise _refused(done)

    def suspects(self) -> list[Commit]:
        """The commits that may be the first bad one, with the last one known to be bad first."""
        good = self._git("for-each-ref", "--format=%(refname)", "refs/bisect/good-*").split()
        lines = self._git("rev-list", f"--format={ABOUT}", "refs/bisect/bad", "--not", *good)
        told = lines.splitlines()
        return [Commit(*told[at + 1 : at + 6]) for at in range(0, len(told), 6)]

    def skipped(self) -> set[str]:
        """The ids of the commits that are skipped."""
        refs = self._git("for-each-ref", "--format=%(objectname)", "refs/bisect/skip-*")
        return {*refs.split()}

    def first_release(self, commit: Commit) -> str:
        """The first release that has a commit, such as 6.13; '' where no tag tells."""
        done = self._run("describe", "--contains", "--match", "v[0-9]*", commit.id)
        name = done.stdout.strip().removeprefix("v")
        return "" if done.returncode else ".".join(name.partition("-")[0].split(".")[:2])

    def _git(self, *words: str) -> str:
        done = self._run(*words)
        if done.returncode:
            raise _refused(done)
        return done.stdout.rstrip("\n")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["git", *words],
                cwd=self._tree,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                start_new_session=True,
                check=False,
            )
        except FileNotFoundError:
            raise LabError("git is not installed") from None


def _refused(done: subprocess.CompletedProcess[str]) -> ScenarioError:
    said = " ".join((done.stderr or done.stdout).split())[:SHORT]
    return ScenarioError(said or f"{' '.join(done.args)} ended with {done.returncode}")
