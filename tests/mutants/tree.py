# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's source, and what is built in it: one image without a change, one of each mutant.

All of it is kept below one folder. What was interrupted is done again from where it was: an image
is there whole or not at all, and a source that was changed is put back before anything is built.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from netlab.linux.syscalls import bound
from netlab.model.errors import LabError
from netlab.model.files import write

from .data import Mutant, mutated

PACKAGE = "linux-source-6.12"
CONFIG = Path(__file__).parent / "kernel.config"
IMAGE = Path("arch/x86/boot/bzImage")
BASE = "unchanged"
BASELINES = "baselines"
JOBS = 2
#: The build's number and its moment are in `uname -v`; a moment of its own would build more anew.
MAKE = ("make", f"-j{JOBS}", "LOCALVERSION=-mutants", "KBUILD_BUILD_TIMESTAMP=Thu Jan 1 1970")


class Tree:
    """A kernel's source below `folder`, and the images that were built of it."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.path = folder / "tree"
        self._say = say
        self._images = folder / "images"
        self._kept = folder / "as-it-was"

    def image(self, mutant: Mutant | None = None) -> Path:
        """Where the kernel with a mutant is, or the one without; it need not be built."""
        return self._images / (mutant.key if mutant else BASE)

    def source(self, mutant: Mutant) -> str:
        """The file that a mutant changes, as it was. Raises `LabError` where there is none."""
        kept = self._kept / mutant.file
        path = kept if kept.exists() else self.path / mutant.file
        try:
            return path.read_text()
        except FileNotFoundError:
            raise LabError(f"{mutant.name}: this kernel has no {mutant.file}") from None

    def fetch(self) -> None:
        """Get Debian's package of the source, by apt, and unpack it; what is there is kept.

        Raises `LabError` where that cannot be done.
        """
        if self.path.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not [*self.folder.glob(f"{PACKAGE}_*.deb")]:
            self._say(f"fetching {PACKAGE}")
            self._run("apt-get", "-q", "download", PACKAGE, where=self.folder)
        (package,) = self.folder.glob(f"{PACKAGE}_*.deb")
        self._say("unpacking the source")
        begun, tree = self.folder / "package", self.folder / "tree.part"
        for each in (begun, tree):
            shutil.rmtree(each, ignore_errors=True)
            each.mkdir()
        self._run("dpkg-deb", "-x", str(package), str(begun))
        (archive,) = begun.glob("usr/src/linux-source-*.tar.xz")
        self._run("tar", "-xf", str(archive), "-C", str(tree), "--strip-components=1")
        shutil.rmtree(begun)
        tree.rename(self.path)

    def configure(self) -> None:
        """Make `.config`: the smallest there is, and what a guest of netlab needs, built in.

        Raises `LabError` where an option is not to be had.
        """
        wanted = CONFIG.read_text()
        made = self.folder / "kernel.config"  # what .config was made of
        if made.exists() and made.read_text() == wanted:
            return
        for each in (self._images, self.folder / BASELINES):  # of another kernel
            shutil.rmtree(each, ignore_errors=True)
        self._run("make", "tinyconfig", where=self.path)
        self._run("scripts/kconfig/merge_config.sh", "-m", ".config", str(CONFIG), where=self.path)
        self._run("make", "olddefconfig", where=self.path)
        has = {*(self.path / ".config").read_text().splitlines()}
        missing = [
            line for line in wanted.splitlines() if line[:1] not in ("#", "") and line not in has
        ]
        if missing:
            raise LabError(f"this kernel cannot be configured with {', '.join(missing)}")
        write(made, wanted)

    def build(self, mutant: Mutant | None = None) -> Path:
        """The image with a mutant, or the one without, built where it is not there.

        Raises `ScenarioError` where the change does not fit, `LabError` where it does not compile.
        """
        image = self.image(mutant)
        if image.exists():
            return image
        self.restore()
        if mutant:
            self._change(mutant)
        self._run(*MAKE, "bzImage", where=self.path)
        image.parent.mkdir(exist_ok=True)
        draft = image.with_suffix(".part")
        shutil.copyfile(self.path / IMAGE, draft)
        draft.rename(image)
        return image

    def restore(self) -> None:
        """Put back what a mutant has changed."""
        for kept in [*self._kept.rglob("*.[ch]")]:
            shutil.copyfile(kept, self.path / kept.relative_to(self._kept))
            kept.unlink()

    def _change(self, mutant: Mutant) -> None:
        path, kept = self.path / mutant.file, self._kept / mutant.file
        text = mutated(self.source(mutant), mutant)
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".part")
        shutil.copyfile(path, draft)
        draft.rename(kept)
        path.write_text(text)

    def _run(self, *command: str, where: Path | None = None) -> None:
        """Run a program, and write what it says into a log; it ends where this one does.

        Raises `LabError` where it fails.
        """
        log = self.folder / "log"
        with log.open("wb") as output:
            ended = subprocess.run(
                bound(command, signal.SIGTERM), cwd=where, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env=_environment(), check=False,
            )  # fmt: skip
        if ended.returncode:
            raise LabError(f"{' '.join(command)} failed ({ended.returncode}): {_error(log)}; {log}")


def _environment() -> dict[str, str]:
    """The environment, without what a caller's `make` would tell the kernel's."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "ARCH")}


def _error(log: Path) -> str:
    """The line of a log that says what is wrong, or the last."""
    lines: Sequence[str] = log.read_text(errors="replace").splitlines() or ["it said nothing"]
    return next((line for line in lines if "error:" in line.lower()), lines[-1])
