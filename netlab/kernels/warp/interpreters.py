# SPDX-License-Identifier: GPL-2.0-or-later
"""What interpreters come with: their libraries and packages. This machine's are asked, because
only they know; those of another tree come with all of it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlab.kernels.warp.packing import Packing, sizes
from netlab.model.errors import ScenarioError
from netlab.model.outside import MIB
from netlab.model.text import printable
from netlab.programs import belongings

PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*")
NODE = re.compile(r"node|nodejs")
#: Others, and what prints the folders that they come with, one a line.
OTHERS = (
    (re.compile(r"perl[\d.]*"), ("-e", r"print map {qq($_\n)} grep {-d && m(^/)} @INC")),
    (re.compile(r"ruby[\d.]*"), ("-e", "puts $LOAD_PATH")),
)
PATIENCE = 60.0  # seconds
#: Of a Python's packages: with more, only those that the program imports are packed.
MOST = 100 * MIB
#: Parts of Python's library that no program misses.
IDLE = re.compile(
    r"/(test|tests|idlelib|turtledemo|lib2to3|ensurepip|config-[^/]*|idle_test|site-packages"
    r"|dist-packages)(/|$)|\.(a|o|pyi|exe)$"
)
#: An import that is a call, as setuptools writes it.
CALLED = re.compile(r"__import__\(['\"](\w+)['\"]\)")


class Interpreters:
    """Adds what interpreters need to a packing. `line` is the command, with its program's path,
    `folder` where it starts, and `packages` are imported in addition to what it shows.
    """

    def __init__(
        self,
        packing: Packing,
        line: Sequence[str],
        folder: str,
        environment: Mapping[str, str],
        packages: Sequence[str] = (),
    ) -> None:
        self._packing = packing
        self._line, self._folder = line, folder
        self._environment, self._packages = environment, packages
        self.remarks: list[str] = []
        self.stands_for: dict[str, str] = {}  # a shim, and the program that it starts

    def on_path(self, name: str) -> str | None:
        """The program that a name without a slash means."""
        return self._packing.tree.on_path(name, self._environment.get("PATH", ""))

    def add(self, path: str) -> None:
        """Add what a program comes with, where it is an interpreter."""
        if self._packing.tree.is_foreign:
            return
        name = os.path.basename(path)
        if PYTHON.fullmatch(name):
            self._add_python(path)
        elif NODE.fullmatch(name):
            self._add_node(path)
        for pattern, question in OTHERS:
            if pattern.fullmatch(name):
                for folder in self._asked(path, question).splitlines():
                    self._packing.add_library(folder)

    # --- Python

    def _add_python(self, path: str) -> None:
        about = self._belongings(path)
        self._stands_for(path, about["program"])
        for program in (about["program"], about["base"]):
            self._packing.add(program)
        self._packing.add_library(f"{about['prefix']}/pyvenv.cfg")
        for library in about["library"]:
            self._packing.add_library(
                library, lambda at: not IDLE.search(at) and _is_current(at, about)
            )
        shown = self._add_modules(about) - {*about["built in"]}
        own = {*about["library"], *self._code_folders()}
        places = [each for each in about["path"] if each not in own and not _is_in(each, own)]
        self._add_packages(path, places, about, shown)

    def _add_packages(
        self, path: str, places: Sequence[str], about: Mapping[str, Sequence[str]], shown: set[str]
    ) -> None:
        """Add what is in the folders of packages: all, or what is needed for those names."""
        whole = sum(sum(sizes(place, self._packing.tree)) for place in places)
        if whole <= MOST:
            for place in places:
                self._packing.add_library(place, lambda at: _is_current(at, about))
            return
        # Whatever is imported, Python reads these at its start.
        starts = [each for place in places for each in self._packing.tree.below_one(place)
                  if each.endswith((".pth", "/sitecustomize.py", "/usercustomize.py"))]  # fmt: skip
        for each in starts:
            self._packing.add_library(each)
        begun = {name for each in starts for name in _begun(self._packing.tree.outside(each))}
        names = sorted({*shown, *begun, *self._packages})
        for file in self._belongings(path, *names)["files"]:
            self._packing.add_library(os.path.normpath(file), lambda at: _is_current(at, about))
        self.remarks.append(
            f"the packages of {path} have {whole // MIB} MiB: packed are those that the program "
            f"imports ({', '.join(sorted(shown)) or 'none'}) and what they require; --package NAME "
            "adds others"
        )

    def _belongings(self, path: str, *names: str) -> dict[str, Any]:
        """What belongs to a Python, and to packages of these names."""
        question = Path(belongings.__file__).read_text()
        told: dict[str, Any] = json.loads(self._asked(path, ("-c", question, *names)))
        return told

    def _code(self) -> str:
        """The code that a Python is given, as far as the command shows it."""
        after = {word: self._line[at + 1] for at, word in enumerate(self._line[:-1])}
        pieces = [after["-c"]] if "-c" in after else []
        pieces += [f"import {after['-m'].partition('.')[0]}"] if "-m" in after else []
        for word in self._line:
            file = self._packing.tree.file(os.path.join(self._folder, word))
            if file is not None and _is_python(file):
                pieces.append(file.read_text(errors="replace"))
        return "\n".join(pieces)

    def _code_folders(self) -> list[str]:
        """Where the command's own code is: the folders of its scripts, or the one it starts in."""
        tree = self._packing.tree
        paths = [os.path.join(self._folder, word) for word in self._line if word.endswith(".py")]
        scripts = [path for path in paths if tree.file(path)]
        return [os.path.dirname(tree.way(path).end) for path in scripts] or [self._folder]

    def _add_modules(self, about: Mapping[str, Sequence[str]]) -> set[str]:
        """Add the modules beside the code that it imports, and that those import. Returns the names
        of all that is imported.
        """
        folders = self._code_folders()
        todo, done = [*imported(self._code())], {*about["built in"]}
        while todo:
            name = todo.pop()
            if name in done:
                continue
            done.add(name)
            for path in (f"{folder}/{name}{end}" for folder in folders for end in (".py", "")):
                for file in self._python_at(path, about):
                    todo += imported(_text(file))
        return done

    def _python_at(self, path: str, about: Mapping[str, Sequence[str]]) -> list[Path]:
        """Add a module or a package; its files that are Python."""
        known = len(self._packing.fresh)
        self._packing.add_library(path, lambda at: _is_current(at, about))
        fresh = self._packing.fresh[known:]
        return [self._packing.files[each] for each in fresh if each.endswith(".py")]

    # --- Node

    def _add_node(self, path: str) -> None:
        about = json.loads(
            self._asked(
                path,
                ("-p", "JSON.stringify([process.execPath, ...require('module').globalPaths])"),
            )
        )
        self._stands_for(path, about[0])
        self._packing.add(about[0])
        for each in about[1:]:
            self._packing.add_library(each)
        self._packing.add_library("/usr/share/nodejs")  # Debian's, which node is built to read
        self._packing.add_library("/etc/ssl/openssl.cnf")
        for word in self._line:
            file = self._packing.tree.file(os.path.join(self._folder, word))
            if file is not None and file.suffix in {".js", ".mjs", ".cjs", ".ts"}:
                self._add_project(os.path.dirname(os.path.join(self._folder, word)))

    def _add_project(self, folder: str) -> None:
        """Add what a script's project has: all around its package.json, or the scripts beside it,
        and the packages of the folders above.
        """
        above = [folder, *map(str, Path(folder).parents)]
        home = next((each for each in above if self._packing.tree.file(f"{each}/package.json")), "")
        if home:
            self._packing.add_library(home, lambda at: not at.endswith("/.git"))
        else:
            for each in self._packing.tree.below_one(folder):
                if each.endswith((".js", ".mjs", ".cjs", ".json", ".node")):
                    self._packing.add_library(each)
        for each in above:
            self._packing.add_library(f"{each}/node_modules")

    # ---

    def _stands_for(self, path: str, program: str) -> None:
        """Note that a path is a shim (pyenv, nvm): in a guest it leads to the program itself."""
        tree = self._packing.tree
        if tree.way(path).end != tree.way(program).end:
            self.stands_for[path] = program
            self._packing.link(path, program)

    def _asked(self, path: str, words: Iterable[str]) -> str:
        try:
            done = subprocess.run(
                [path, *words],
                cwd=self._folder,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ScenarioError(f"{path} does not say what it comes with: {error}") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
            raise ScenarioError(f"{path} does not say what it comes with: {printable(last)}")
        return done.stdout


def imported(code: str) -> set[str]:
    """The names of the modules that a text imports anywhere; empty where it is no Python."""
    try:
        nodes = [*ast.walk(ast.parse(code))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    ]
    return {name.partition(".")[0] for name in names}


def _begun(file: Path) -> set[str]:
    """The modules that a file imports when Python starts (site)."""
    text = _text(file)
    if file.suffix == ".pth":
        starts = ("import ", "import\t")
        text = "\n".join(line for line in text.splitlines() if line.startswith(starts))
    return imported(text) | {*CALLED.findall(text)}


def _is_current(path: str, about: Mapping[str, object]) -> bool:
    """Whether that Python reads a file: not the byte code of another."""
    if path.endswith(".pyc") and "/__pycache__/" in path:
        return path.endswith(f".{about['tag']}.pyc")
    return not path.endswith("/.git")


def _is_in(path: str, folders: Iterable[str]) -> bool:
    inner = [folder for folder in folders if path.startswith(f"{folder}/")]
    return any(not re.search(r"/(site|dist)-packages", path[len(folder) :]) for folder in inner)


def _is_python(file: Path) -> bool:
    if file.suffix == ".py":
        return True
    with file.open("rb") as opened:
        first = opened.readline(256)
    return first.startswith(b"#!") and b"python" in first


def _text(file: Path) -> str:
    return file.read_text(errors="replace")
