# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads how users name a kernel: ``debian:bookworm``, ``./vmlinuz``, ``kernel-core.rpm``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netlab.kernels.sources import distributions
from netlab.model import outside
from netlab.model.errors import ScenarioError, of_file

Kind = Literal["distribution", "packages", "folder", "image", "host"]

POSSIBLE = """\
a kernel is one of
  debian:bookworm                 the newest that a user of that suite has
  debian:trixie-backports=6.16    the newest 6.16 that the suite still has
  ubuntu:noble
  ./linux-image-6.1.deb           a package, or several joined with +; what it was split into is
  ./kernel-core-6.1.x86_64.rpm    taken from the same folder
  ./folder                        an unpacked package, a root file system, a kernel's source tree
  ./vmlinuz or ./bzImage          with its modules beside it, or as ./vmlinuz:MODULES
  host                            the kernel that runs here, without a virtual machine"""

NAMED = re.compile(r"(?P<distribution>[a-z]+):(?P<suite>[^=]*)(?:=(?P<version>.*))?")
SUITE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
VERSION = re.compile(r"\d[\w.+~-]*")
#: Versions may have a + as well: only one after the name of a package joins.
JOIN = re.compile(r"(?<=\.deb)\+|(?<=\.rpm)\+")


@dataclass(frozen=True, slots=True)
class Spec:
    """A requested kernel."""

    text: str  # as it was written
    kind: Kind
    distribution: str = ""  # debian
    suite: str = ""  # bookworm
    version: str = ""  # the newest that starts with this; "": the suite's current one
    paths: tuple[Path, ...] = ()  # the packages, the folder, or the image
    modules: Path | None = None  # a folder in which the image's modules are
    by_default: bool = False  # not requested: no error if its archive no longer has it


def parse(text: str) -> Spec:
    """The kernel that a text names. Raises `ScenarioError`, which lists what is possible, and
    `LabError` where this machine cannot look for it.
    """
    try:
        return _parse(text)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise of_file(error, f"{text} cannot be read: {error.strerror}") from None


def _parse(text: str) -> Spec:
    if text == "host":
        return Spec(text, "host")
    named = NAMED.fullmatch(text)
    if named and not Path(text).exists() and not Path(named["distribution"]).is_file():
        return _distribution(text, named)
    if text.endswith((".deb", ".rpm")):
        paths = tuple(Path(part).absolute() for part in JOIN.split(text))
        for path in paths:
            if not path.exists():
                raise ScenarioError(f"there is no package {path}")
            outside.opened(path, "a package").close()
        if len({path.suffix for path in paths}) > 1:
            raise ScenarioError(f"{text} joins .deb and .rpm: a kernel comes in one of them")
        return Spec(text, "packages", paths=paths)
    return _place(text)


def _distribution(text: str, named: re.Match[str]) -> Spec:
    distribution, suite, version = named["distribution"], named["suite"], named["version"]
    known = distributions.known()
    if distribution not in known:
        raise ScenarioError(
            f"{text}: {distribution!r} is neither a distribution that netlab can fetch "
            f"({', '.join(known)}) nor a file; of another one, give the packages. {POSSIBLE}"
        )
    if not SUITE.fullmatch(suite):
        raise ScenarioError(
            f"{text}: {suite!r} is no name of a suite; expected {distribution}:"
            f"{known[distribution].example}, or another by its code name"
        )
    if version is not None and not VERSION.fullmatch(version):
        raise ScenarioError(
            f"{text}: {version!r} is no beginning of a version; expected "
            f"{distribution}:{suite}=6.16, or nothing behind the suite for its newest kernel"
        )
    return Spec(text, "distribution", distribution, suite, version or "")


def _place(text: str) -> Spec:
    """A folder, or an image, optionally with a folder of modules after a colon."""
    path = Path(text)
    if text and path.is_dir():
        return Spec(text, "folder", paths=(path.absolute(),))
    if text and path.exists():
        outside.opened(path, "a kernel's image").close()
        return Spec(text, "image", paths=(path.absolute(),))
    image, colon, modules = text.rpartition(":")
    if colon and Path(image).is_file():
        if not Path(modules).is_dir() or not modules:
            raise ScenarioError(f"{text}: there is no folder {modules!r} with modules")
        return Spec(
            text, "image", paths=(Path(image).absolute(),), modules=Path(modules).absolute()
        )
    if "/" in text:
        raise ScenarioError(f"there is no {image if colon else text}; {POSSIBLE}")
    raise ScenarioError(f"{text!r} is no kernel that netlab can get; {POSSIBLE}")
