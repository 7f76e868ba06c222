# SPDX-License-Identifier: GPL-2.0-or-later
r"""An executor for NIPA, the CI of netdev: plays on each branch that its list has anew.

    .venv/bin/python scripts/nipa.py --branches https://.../branches.json --tree ~/net-next \
        --results /var/www/netlab --url https://.../netlab [NAME...]

The list has a name, a date and a repository for each branch. What came after the last one that was
tested is fetched into the tree, built there (with the .config that it has), booted and played on;
the first time, only the newest. For each, `results-BRANCH.json` says what passed, a test for each
folder of scenarios, and `BRANCH.ktap` everything; `results.json` lists them, as NIPA's collector
reads it. Then this ends: a timer calls it again. Exit codes: 0 all that was new was tested, 2 bad
usage, or a list that is none, 3 a branch could not be fetched, or no guest can be booted here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from netlab.kernels.bisect.history import Commit
from netlab.kernels.bisect.trial import Trial, attempt
from netlab.kernels.matrix import Plan
from netlab.kernels.suite import Job
from netlab.kernels.vm import qemu
from netlab.model import files
from netlab.model.errors import LabError, NetlabError, ScenarioError
from netlab.model.vocabulary import Family
from netlab.render import ktap
from netlab.render.verdicts import WHOLE, Verdict, of_kernel
from netlab.scenario import catalogue

GROUP = "netlab"
KEPT = 500  # branches in the list of results, as NIPA's own executors keep
RESULT = {"pass": "pass", "skip": "skip", "fail": "fail", "error": "fail"}
PATIENCE = 60.0  # seconds for the list of branches


class Branch(NamedTuple):
    """One entry of the list."""

    name: str
    date: datetime
    url: str  # of the repository

    @property
    def file(self) -> str:
        """Its name in a file's: net-next-2026-11-28--00-00."""
        return "".join(each if each.isalnum() or each in "-_." else "-" for each in self.name)


class Executor:
    """Where branches come from, and where results go."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._listed = options.results / "results.json"

    def run(self, plan: Plan) -> int:
        """Test what is new; return the exit code."""
        files.prepare(self._options.results, "--results")
        entries = json.loads(self._listed.read_text()) if self._listed.exists() else []
        code = 0
        for branch in new(branches(self._options.branches), entries):
            self._list(entries, branch, None)  # NIPA shows it as pending
            began = datetime.now(UTC)
            try:
                verdicts = self._tested(branch, plan)
            except NetlabError as error:
                print(f"nipa: {branch.name}: {error}", file=sys.stderr)
                code = error.exit_code
                continue
            self._list(entries, branch, self._tell(branch, verdicts, began))
        return code

    def _tested(self, branch: Branch, plan: Plan) -> Sequence[Verdict]:
        tree = self._options.tree
        git(tree, "fetch", "--quiet", branch.url, branch.name)
        git(tree, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        commit = Commit(git(tree, "rev-parse", "HEAD"), "", branch.name, "", "")
        trial = attempt(commit, tree, self._options.build, plan, lambda: None)
        return told(trial, plan.job.family)

    def _tell(self, branch: Branch, verdicts: Sequence[Verdict], began: datetime) -> str:
        """Write what became of a branch; return where that is."""
        folder, where = self._options.results, self._options.url.rstrip("/")
        lines = "\n".join(ktap.nested({branch.name: verdicts}))
        files.write(folder / f"{branch.file}.ktap", f"{lines}\n")
        link = f"{where}/{branch.file}.ktap"
        name = f"results-{branch.file}.json"
        entry = {
            "executor": self._options.name,
            "branch": branch.name,
            "start": str(began),
            "end": str(datetime.now(UTC)),
            "link": link,
            "results": [*results(verdicts, link)],
        }
        files.write(folder / name, json.dumps(entry))
        return f"{where}/{name}"

    def _list(self, entries: list[dict[str, Any]], branch: Branch, url: str | None) -> None:
        """Put a branch into the list, in its place if it has one."""
        entry = {"url": url, "branch": branch.name, "executor": self._options.name}
        for place, each in enumerate(entries):
            if each["branch"] == branch.name:
                entries[place] = entry
                break
        else:
            entries.append(entry)
        del entries[:-KEPT]
        files.write(self._listed, json.dumps(entries))


def branches(where: str) -> list[Branch]:
    """The list of branches, from a URL or a file. Raises `ScenarioError` where it is none, and
    `LabError` where it cannot be had.
    """
    try:
        if "://" in where:
            with urllib.request.urlopen(where, timeout=PATIENCE) as answer:
                text = answer.read()
        else:
            text = Path(where).read_bytes()
    except OSError as error:  # urllib's errors are, too
        raise LabError(f"{where} cannot be read: {error}") from None
    try:
        return [
            Branch(each["branch"], datetime.fromisoformat(each["date"]), each["url"])
            for each in json.loads(text)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ScenarioError(f"{where} is no list of branches: {error!r}") from None


def new(listed: Sequence[Branch], entries: Sequence[dict[str, Any]]) -> list[Branch]:
    """The branches to test, old to new."""
    done = {each["branch"] for each in entries if each["url"]}
    ordered = sorted(listed, key=lambda branch: branch.date)
    last = max((each.date for each in ordered if each.name in done), default=None)
    if last is None:
        return ordered[-1:]
    return [each for each in ordered if each.date > last]


def told(trial: Trial, family: Family) -> Sequence[Verdict]:
    """What became of each test; of a kernel that was not played on, of the one that all have."""
    if trial.run:
        return of_kernel(trial.run, family)
    return [Verdict("kernel", WHOLE, "fail", trial.why, (trial.why,), trial.seconds)]


def results(verdicts: Sequence[Verdict], link: str) -> Iterator[dict[str, Any]]:
    """One test for each suite, with its parts, in NIPA's words."""

    def by_suite(verdict: Verdict) -> str:
        return verdict.suite

    for suite, grouped in groupby(sorted(verdicts, key=by_suite), by_suite):
        parts = [*grouped]
        yield {
            "test": suite.replace(".", "-"),
            "group": GROUP,
            "result": RESULT[ktap.worst(parts)],
            "link": link,
            "results": [{"test": each.name, "result": RESULT[each.outcome]} for each in parts],
        }


def git(tree: Path, *words: str) -> str:
    """What git prints. Raises `LabError` where it fails."""
    done = subprocess.run(
        ["git", *words], cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"git {words[0]}: {' '.join(done.stderr.split())[:300]}")
    return done.stdout.strip()


def main(words: Sequence[str]) -> int:
    """Test what is new; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="scenarios of netlab's (default: all)"
    )
    parser.add_argument("--branches", required=True, help="the list: a URL, or a file")
    parser.add_argument("--tree", required=True, type=Path, help="a git tree with a .config")
    parser.add_argument("--results", required=True, type=Path, help="the folder for results")
    parser.add_argument("--url", required=True, help="where others see that folder")
    parser.add_argument("--name", default="netlab", help="of this executor (netlab)")
    parser.add_argument("--ipv6", action="store_true")
    parser.add_argument("--build", default=f"make olddefconfig && make -j{os.cpu_count()}")
    options = parser.parse_args(words)
    try:
        qemu.program()
        chosen = catalogue.choose(options.names) if options.names else []
        if foreign := [each.name for each in chosen if not catalogue.is_built_in(each)]:
            raise ScenarioError(f"{foreign[0]} did not come with netlab")
        job = Job(names=tuple(each.name for each in chosen), ipv6=options.ipv6)
        return Executor(options).run(Plan(job, qemu.Guest()))
    except NetlabError as error:
        print(f"nipa: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
