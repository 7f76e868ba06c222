# SPDX-License-Identifier: GPL-2.0-or-later
"""The mirrors of a distribution's packages and the keys that count, as this machine is configured.

netlab names no host. apt itself is asked for its configuration, so both of its formats, and any
other that it can read, are read as it reads them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.kernels.sources import distributions
from netlab.kernels.sources.distributions import Distribution
from netlab.model.errors import LabError, ScenarioError

#: Gets what is being done, the bytes that are there, and the total; both are 0 for a remark, and
#: where the size is unknown.
Progress = Callable[[str, int, int], None]

#: Where keys of archives lie (apt-key(8), sources.list(5)).
KEYS = (Path("/usr/share/keyrings"), Path("/etc/apt/keyrings"), Path("/etc/apt/trusted.gpg.d"))
KEY_FILES = (".gpg", ".pgp", ".asc")
CONFIGURED = re.compile(r"'(\S+?)/*/dists/\S+/InRelease' (\S+) ")
URL = re.compile(r"[a-z][a-z0-9+-]*:/\S*")


@dataclass(frozen=True, slots=True)
class Source:
    """One suite of one archive."""

    uri: str
    suite: str
    needed: bool = True  # False: updates and security updates, which not every suite has


def sources(
    distribution: Distribution, suite: str, given: Mapping[str, str], progress: Progress
) -> tuple[Source, ...]:
    """The sources of a user of that suite: the suite, its updates, its security updates.

    `given` are mirrors by archive, used before those of this machine. Raises `ScenarioError`
    where no mirror is known.
    """
    there = {**machine(), **checked(given)}
    name = distribution.name
    if name not in there:
        raise ScenarioError(
            f"{name}:{suite}: this machine's apt is configured for no mirror of {name}; "
            f"give one: --mirror {name}=URL"
        )
    found = [Source(there[name], suite)]
    for ending, archive in {} if distribution.is_alone(suite) else distribution.beside.items():
        if archive in there:
            found.append(Source(there[archive], suite + ending, needed=False))
        else:
            progress(f"{name}:{suite} without {suite}{ending}: no mirror of {archive}", 0, 0)
    return tuple(found)


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Mirrors from the command line. Raises `ScenarioError` for an unknown archive or a bad URL."""
    archives = _archives()
    for name, uri in given.items():
        if name not in archives:
            raise ScenarioError(
                f"--mirror {name}={uri}: expected one of {', '.join(archives)}, found {name!r}"
            )
        if not URL.fullmatch(uri):
            raise ScenarioError(
                f"--mirror {name}={uri}: expected a URL, such as http://HOST/{name} or "
                f"file:/FOLDER, found {uri!r}"
            )
    return {name: uri.rstrip("/") for name, uri in given.items()}


def machine() -> dict[str, str]:
    """Mirrors that this machine's apt is configured for, by archive; the first of each."""
    if shutil.which("apt-get") is None:
        return {}
    lists = Path(ask("apt-config", "shell", "folder", "Dir::State::lists/d")[8:].strip("'\n"))
    configured = [found.groups() for found in
                  CONFIGURED.finditer(ask("apt-get", "update", "--print-uris"))]  # fmt: skip
    found: dict[str, str] = {}
    # A list that has been fetched names its archive. Where none has been (a fresh container), the
    # last part of a mirror's path does, by custom; other vendors' archives may end in the same
    # word, but in longer paths.
    for uri, release in configured:
        if name := _told(lists / release):
            found.setdefault(name, uri)
    for uri, _ in sorted(configured, key=lambda each: len(each[0])):
        name = uri.rpartition("/")[2].removesuffix(".list").removesuffix("-ports")
        if name in _archives():
            found.setdefault(name, uri)
    return found


def _told(release: Path) -> str:
    """The archive that a Release file names; "" where there is no file, or it names another."""
    try:
        head = release.read_text(errors="replace")[:2000]
    except OSError:
        return ""
    fields = dict(line.partition(": ")[::2] for line in head.splitlines())
    security = "-security" if fields.get("Label", "").lower().endswith("security") else ""
    for distribution in distributions.known().values():
        if distribution.label == fields.get("Origin", "").split(" ")[0]:  # "Debian Backports"
            return distribution.name + security
    return ""


def _archives() -> list[str]:
    names = {
        name: None
        for distribution in distributions.known().values()
        for name in (distribution.name, *distribution.beside.values())
    }
    return list(names)


def keyrings(distribution: Distribution, given: Sequence[Path]) -> tuple[Path, ...]:
    """Files with the keys that may sign a distribution: this machine's, and those given.

    Empty where there are none. Raises `ScenarioError` for a given file that does not exist.
    """
    for path in given:
        if not path.is_file():
            raise ScenarioError(f"--keyring {path}: there is no such file")
    whole = [folder / (name + ending) for name in distribution.keyrings
             for folder in KEYS for ending in KEY_FILES]  # fmt: skip
    found = [path for path in whole if path.is_file()][:1] or list(_single(distribution))
    return (*found, *(path.absolute() for path in given))


def _single(distribution: Distribution) -> Iterable[Path]:
    """Keys in separate files, as older systems have them."""
    for folder in KEYS:
        for path in sorted(folder.glob(f"{distribution.name}-*")):
            if path.suffix in KEY_FILES and "removed" not in path.name:
                yield path


def ask(*command: str) -> str:
    """The output of one of apt's programs, for questions that need no privilege and no network.

    Raises `LabError` where this machine has no apt.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            check=False,
        ).stdout
    except OSError:
        raise without_apt() from None


def without_apt() -> LabError:
    """The error for a machine without apt."""
    return LabError(
        "a distribution's kernel is fetched by apt-get, and this machine has none: give a file "
        "instead (kernel-core-*.rpm, linux-image-*.deb, a folder, a vmlinuz)"
    )


def environment() -> dict[str, str]:
    """The environment for apt: messages in English, which netlab reads."""
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
