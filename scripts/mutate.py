# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutation testing of what netlab's answers rest on: proofs, checks, comparisons, diagnosis.

cosmic-ray's operators change one thing of a module, in a copy of the checkout: an operator, a
number, a condition. Then the tests of that module are played. If they pass, the mutant has
survived: a test is missing, or the change makes no difference. ``tests/survivors.toml`` has the
latter, each with the reason.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

HOME = Path(__file__).resolve().parent.parent
KNOWN = HOME / "tests" / "survivors.toml"
WANTED = 0.92  # the least share of mutants that must be killed
PATIENCE = 90.0  # seconds; a mutant that hangs is killed

FACTS = ("tests/unit/diagnosis/test_facts.py",)
ANSWERS = (
    *(f"tests/unit/diagnosis/test_{name}.py" for name in ("finding", "unseen", "hosts", "rank")),
    "-k",
    "not thousand and not four_times",
)
#: A made-up lab first, then failures of each kind on the kernel: those that take seconds only.
PLAYED = (
    "tests/unit/scenario/test_runner.py",
    "tests/unit/scenario/test_runner_plays.py",
    "tests/kernel/test_proofs.py::test_what_heals_comes",
    *(
        f"tests/kernel/test_{name}.py"
        for name in ("trouble", "stories", "refusals", "caused", "proofs")
    ),
    "-k",
    "test_runner or what_heals or disturbed or cannot_be_noted or of_which or after_nobody "
    "or caller_has_looked or stories and not third_host "
    "or as_they_stand or pair0 or server-LISTEN or fails-ETIMEDOUT or read-other0 or after-at "
    "or TcpOutRsts-7 or dropped-at or at_the_pair or a_removal or tcp_banana or no_cause "
    "or does_not_heal or only_stays",
)
#: The modules, and what pytest is to play: the fastest that can kill their mutants.
TESTS = {
    "netlab/diagnosis/facts/application.py": FACTS,
    "netlab/diagnosis/facts/destination.py": FACTS,
    "netlab/diagnosis/facts/handshake.py": FACTS,
    "netlab/diagnosis/facts/passing.py": ("tests/unit/diagnosis/test_passing_states.py",),
    "netlab/diagnosis/facts/registry.py": FACTS,
    "netlab/diagnosis/facts/sending.py": FACTS,
    "netlab/diagnosis/facts/timing.py": FACTS,
    "netlab/diagnosis/facts/tracking.py": FACTS,
    "netlab/diagnosis/grouping.py": ("tests/unit/diagnosis/test_grouping.py",),
    "netlab/diagnosis/pairing.py": (
        "tests/unit/diagnosis/test_pairing.py",
        "tests/unit/diagnosis/test_passing_states.py",
        "tests/unit/diagnosis/test_translation.py",
    ),
    "netlab/diagnosis/rank.py": ANSWERS,
    "netlab/diagnosis/services.py": ("tests/unit/diagnosis/test_services.py",),
    "netlab/diagnosis/translation.py": ("tests/unit/diagnosis/test_translation.py",),
    "netlab/diagnosis/unseen.py": ("tests/unit/diagnosis/test_unseen.py",),
    "netlab/kernels/compare/changes.py": (
        "tests/unit/kernels/compare/test_changes.py",
        "tests/unit/kernels/compare/test_order.py",
    ),
    "netlab/kernels/compare/differences.py": (
        "tests/unit/kernels/compare/test_differences.py",
        "tests/unit/kernels/compare/test_compare.py",
        "-k",
        "not run_to_run and not baseline",
    ),
    "netlab/linux/expression.py": ("tests/unit/linux/test_expression.py",),
    "netlab/observe/transitions.py": ("tests/unit/observe/test_transitions.py",),
    "netlab/scenario/acting.py": ("tests/unit/scenario/test_acting.py",),
    "netlab/scenario/caused.py": ("tests/unit/scenario/test_caused.py",),
    "netlab/scenario/checks.py": ("tests/unit/scenario/test_checks.py",),
    "netlab/scenario/runner.py": PLAYED,
    "netlab/snapshot/mask.py": (
        "tests/unit/snapshot/test_mask.py",
        "-k",
        "not findings and not keep_what",
    ),
    "netlab/testbed/expect.py": (
        "tests/unit/testbed/test_expect.py",
        "tests/kernel/test_proofs.py",
        "-k",
        "not copy and not each_part",
    ),
}
#: What a test needs a second for otherwise.
QUICK = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
#: Each operator becomes its opposite, and its neighbour at the bound; the others of cosmic-ray's
#: hundred replacements change more at once, so whatever kills these kills them, too.
REPLACED = {
    "Eq": {"NotEq"}, "NotEq": {"Eq"}, "Is": {"IsNot"}, "IsNot": {"Is"},
    "Lt": {"LtE", "GtE"}, "LtE": {"Lt", "Gt"}, "Gt": {"GtE", "LtE"}, "GtE": {"Gt", "Lt"},
    "Add": {"Sub"}, "Sub": {"Add"}, "Mul": {"Div"}, "Div": {"Mul"}, "FloorDiv": {"Mul"},
    "Mod": {"Mul"}, "Pow": {"Mul"}, "LShift": {"RShift"}, "RShift": {"LShift"},
    "BitOr": {"BitAnd"}, "BitAnd": {"BitOr"}, "BitXor": {"BitAnd"},
    "USub": {"UAdd"}, "UAdd": {"USub"}, "Invert": {"UAdd"}, "Delete": {"Not"},
}  # fmt: skip
Key = tuple[str, str, str]  # a module, its line before, and after


@dataclass(frozen=True)
class Mutant:
    """One change of a module."""

    module: str
    line: int
    was: str
    now: str
    text: str  # of the whole module

    @property
    def key(self) -> Key:
        """By what it is known in the list, wherever its line has moved."""
        return self.module, self.was, self.now


class Tests:
    """The tests of one module in a copy of the checkout, played again and again."""

    def __init__(self, folder: Path, python: str, arguments: tuple[str, ...]) -> None:
        server = str(folder / "scripts" / "mutate_tests.py")
        self._server = subprocess.Popen(
            [python, server, str(PATIENCE), *QUICK, *arguments],
            cwd=folder,
            env={
                name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def pass_(self) -> bool:
        """Play them. Everything that no test says is a failure."""
        assert self._server.stdin
        assert self._server.stdout
        print(file=self._server.stdin, flush=True)
        return self._server.stdout.readline().strip() == "0"

    def close(self) -> None:
        """Let the other process go."""
        self._server.communicate()


def main() -> int:
    """Play the mutants; return 1 if one survived that is not known, too many did, or the list of
    survivors has one that is none.
    """
    options = _options()
    known = _known()
    chosen = [name for name in TESTS if any(each in name for each in options.modules or [""])]
    with tempfile.TemporaryDirectory(prefix="netlab-mutate-") as folder:
        play = partial(_module, Path(folder), options.python, known)
        with ThreadPoolExecutor(options.jobs) as pool:
            totals = list(pool.map(play, chosen))
    number, killed, new, gone = (sum(each) for each in zip(*totals, strict=True))
    print(f"{killed / number:.1%} of {number} mutants killed; {new} survivors are not known")
    return int(new > 0 or gone > 0 or killed / number < WANTED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", help="parts of their paths: rank, facts/ (all)")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="modules at a time (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    return parser.parse_args()


def _known() -> set[Key]:
    entries = tomllib.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    return {(name, each["was"], each["now"]) for name, listed in entries.items() for each in listed}


def _module(folder: Path, python: str, known: set[Key], name: str) -> tuple[int, int, int, int]:
    """Play all mutants of one module: how many there are, were killed, survived unknown, and are
    known although there are none such.
    """
    began = time.monotonic()
    copy = folder / name.replace("/", ".")
    shutil.copytree(HOME, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    path = copy / name
    whole = path.read_text()
    tests = Tests(copy, python, TESTS[name])
    if not tests.pass_():
        raise SystemExit(f"without any mutant, this fails: pytest {' '.join(TESTS[name])}")
    number = killed = new = 0
    gone = {key for key in known if key[0] == name}
    for mutant in _mutants(name, whole):
        number += 1
        gone.discard(mutant.key)
        path.write_text(mutant.text)
        if not tests.pass_():
            killed += 1
        elif mutant.key not in known:
            new += 1
            print(f"{name}:{mutant.line}\n  - {mutant.was}\n  + {mutant.now}", flush=True)
    tests.close()
    shutil.rmtree(copy)
    took = time.monotonic() - began
    print(f"{name}: {killed} of {number} killed ({killed / number:.1%}), {took:.0f} s", flush=True)
    for _, was, now in sorted(gone):
        print(f"{KNOWN.name}: {name} has no such mutant any more\n  - {was}\n  + {now}", flush=True)
    return number, killed, new, len(gone)


def _mutants(name: str, whole: str) -> Iterator[Mutant]:
    left_out = set(_only_checked(ast.parse(whole)))
    nodes = list(ast_nodes(get_ast(whole)))
    for operator_name in filter(_wanted, operator_names()):
        kind = get_operator(operator_name)
        if kind.arguments():
            continue
        operator = kind()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            text = start not in left_out and mutate_code(whole, operator, occurrence)
            if text:
                yield Mutant(name, start[0], *_changed(whole, text), text)


def _wanted(operator: str) -> bool:
    match = re.search(r"Replace(?:Binary|Comparison|Unary)Operator_(\w+)_(\w+)", operator)
    return match is None or match[2] in REPLACED[match[1]]


def _changed(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, as they were and as they are."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    was, now = (" ".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return was, now


def _only_checked(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Every place, as line and column, of what only the type checker looks at: annotations, and
    whether a dataclass is frozen (or has slots, which nobody does).
    """
    for node in ast.walk(tree):
        said = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for decorator in getattr(node, "decorator_list", ()):
            said += [word.value for word in getattr(decorator, "keywords", ())]
        for part in filter(None, said):
            for line in range(part.lineno, part.end_lineno + 1):
                first = part.col_offset if line == part.lineno else 0
                last = part.end_col_offset if line == part.end_lineno else 200
                yield from ((line, column) for column in range(first, last))


if __name__ == "__main__":
    sys.exit(main())
