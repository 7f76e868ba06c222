# SPDX-License-Identifier: GPL-2.0-or-later
"""One suite's list of kernels and its packages, by an apt with its own root in the cache.

The machine's own sources, lists and packages are neither read nor changed; its proxies are used.
Signatures are checked as usual, against the keys that are named for the suite and no others.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netlab.kernels import cache
from netlab.kernels.sources import distributions, select
from netlab.kernels.sources.apt_process import run
from netlab.kernels.sources.distributions import Distribution
from netlab.kernels.sources.mirrors import Progress, Source, ask, without_apt
from netlab.kernels.sources.select import NoSuite, Package
from netlab.model.errors import LabError, NetlabError

DAY = 24 * 3600

MISSING = re.compile(r"The repository '(?P<uri>\S+) (?P<suite>\S+) Release' does(?: not|n't) have")
EXPIRED = re.compile(
    r"Release file for (?P<uri>\S+?)/dists/(?P<suite>[^/\s]+)/\S* is (expired|not)"
)
UNTRUSTED = re.compile(r"NO_PUBKEY|EXPKEYSIG|REVKEYSIG|BADSIG|is not signed|verify|unauthenticated")
MOVED = re.compile(r" 404 ")
#: A line of --print-uris.
FILE = re.compile(r"'(?P<uri>\S+)' (?P<name>[\w.+~%-]+\.deb) \d+ SHA256:(?P<sha256>[0-9a-f]{64})")
#: Not meant to be typed, so not in PATH; in the same place in every distribution that has apt.
HELPER = "/usr/lib/apt/apt-helper"

#: The hooks that a machine has for its own updates are not run for netlab's, and unsigned lists are
#: refused whatever the machine allows. Run by root, apt would download as another user, who cannot
#: read root's cache; so it stays root.
CONFIGURATION = """\
#clear APT::Update;
#clear APT::Architectures;
#clear Acquire::AllowInsecureRepositories;
#clear Acquire::AllowDowngradeToInsecureRepositories;
#clear Acquire::AllowWeakRepositories;
#clear APT::Get::AllowUnauthenticated;
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "1";
Dir::Etc::sourcelist "{root}/netlab.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{root}/state";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Cache::pkgcache "packages.bin";
Dir::Cache::srcpkgcache "";
"""


#: Lists that could not be refreshed: this process tries only once, as that may take seconds.
_old_today: set[Path] = set()


class Moved(LabError):
    """The mirror no longer has what the list names: the list is old."""


class Root:
    """netlab's own apt for one suite, with the updates that its users have enabled with it."""

    def __init__(self, distribution: Distribution, suite: str, progress: Progress) -> None:
        self._about = distribution
        self._name = f"{distribution.name}:{suite}"
        self._suite = suite
        self._progress = progress
        self._folder = cache.folder("apt", f"{distribution.name}-{suite}")
        self._index = self._folder / "packages.json"

    @property
    def is_listed(self) -> bool:
        """True if there is a list, of any age."""
        return self._index.is_file()

    def listed(self) -> tuple[Package, ...]:
        """The suite's kernels by the list that is there. Raises `LabError` where there is none."""
        return _packages(self._stored())

    def packages(
        self, sources: Sequence[Source], keyrings: Sequence[Path], refresh: bool = False
    ) -> tuple[Package, ...]:
        """The suite's kernels; the list is fetched if it is a day old, or from other mirrors.

        Without a network an older list is used, with a remark. Without `sources`, the stored list
        is. Raises `NoSuite`, or `LabError` where there is neither a new list nor an old one.
        """
        with cache.locked(self._folder, self._waiting):
            stored = self._stored()
            asked = [f"{source.uri} {source.suite}" for source in sources]
            same = stored is not None and (not sources or stored["asked"] == asked)
            if same and not refresh and not self._is_old:
                return _packages(stored)
            try:
                if not sources:
                    raise LabError("no mirror of it is known")
                self._update(sources, keyrings)
                self._list(asked)
            except NetlabError as error:
                if not same:
                    raise
                date = time.strftime("%d %B", time.localtime(self._index.stat().st_mtime))
                self._progress(f"{self._name} as of {date}: {error}", 0, 0)
                _old_today.add(self._index)
                return _packages(stored)
            return _packages(self._stored())

    def download(self, packages: Sequence[Package], folder: Path) -> list[Path]:
        """Fetch packages into a folder; a download that was cut off there is resumed.

        Raises `Moved` where the list is too old, `LabError` where the download is cut off.
        """
        what = f"{packages[0].name} of {self._name}"
        total = sum(package.size for package in packages)
        with cache.locked(self._folder, self._waiting):
            files = self._files(packages)
            # apt's own table has 40 MB, and is rebuilt in 2 s.
            (self._folder / "cache" / "packages.bin").unlink(missing_ok=True)
        if len(files) < len(packages):
            raise Moved(f"{what} is no longer in the list")

        def tick() -> None:  # apt's own percentages leave out what was there before
            self._progress(what, _filled(folder), total)

        tick()
        for file in files:
            path = folder / file["name"]
            if path.is_file() and _digest(path) == file["sha256"]:
                continue
            # "apt-get download" starts over each time, its helper resumes.
            command = [HELPER, *self._options(), "download-file", file["uri"], str(path)]
            ended = run([*command, f"SHA256:{file['sha256']}"], folder, tick)
            if ended.code == 0:
                continue
            if MOVED.search(ended.errors):
                raise Moved(f"{what} is no longer there: {ended.complaint}")
            raise LabError(
                f"the download of {what} was cut at {_filled(folder) / 1e6:.1f} of "
                f"{total / 1e6:.1f} MB ({ended.complaint}); run it again, and it goes on from there"
            )
        return [folder / file["name"] for file in files]

    def _files(self, packages: Sequence[Package]) -> list[re.Match[str]]:
        """The addresses and checksums of packages, from the signed lists."""
        names = [f"{package.name}={package.version}" for package in packages]
        text = ask("apt-get", *self._options(), "download", "--print-uris", *names)
        return list(FILE.finditer(text))

    @property
    def _is_old(self) -> bool:
        old = time.time() - self._index.stat().st_mtime > DAY
        return old and self._index not in _old_today

    def _waiting(self) -> None:
        self._progress(f"{self._name}: another netlab fetches it", 0, 0)

    def _stored(self) -> dict[str, Any] | None:
        try:
            stored: dict[str, Any] = json.loads(self._index.read_text())
        except (OSError, ValueError):
            return None
        return stored

    def _list(self, asked: list[str]) -> None:
        """Store what is needed about kernels: reading apt's own lists takes seconds each time."""
        flavours = "|".join((*self._about.flavours, *self._metapackages()))
        pattern = (
            rf"^linux-(image|image-unsigned|base|binary|modules)-(.*-)?({flavours})$"
            r"|^[a-z]*-(archive-)?keyring$"
        )
        text = ask("apt-cache", *self._options(), "show", pattern)
        packages = [asdict(package) for package in select.parse(text)]
        draft = self._index.with_suffix(cache.DRAFT)
        with cache.written(self._index):
            draft.write_text(json.dumps({"asked": asked, "packages": packages}))
            draft.replace(self._index)

    def _metapackages(self) -> list[str]:
        return [name.removeprefix("linux-image-") for name in self._about.metapackages]

    def _meant(self) -> str:
        """A question after a suite that is called nearly so."""
        specs = (*self._about.matrix, *self._about.small, f":{self._about.example}")
        suites = {spec.partition(":")[2].partition("=")[0] for spec in specs}
        close = difflib.get_close_matches(self._suite, sorted(suites), n=1, cutoff=0.7)
        return f". Did you mean {self._about.name}:{close[0]}?" if close else ""

    def _options(self) -> list[str]:
        return ["-q", "-c", str(self._folder / "apt.conf")]

    def _update(self, sources: Sequence[Source], keyrings: Sequence[Path]) -> None:
        """Fetch the lists; a suite that is not needed is left out where it is missing."""
        if shutil.which("apt-get") is None:
            raise without_apt()
        self._configure(sources, keyrings)
        self._progress(f"list of {self._name}", 0, 0)
        ended = run(["apt-get", *self._options(), "update"], self._folder)
        errors = ended.errors
        if ended.code == 0 and "Failed to fetch" not in errors:
            return
        absent = {found["suite"] for found in MISSING.finditer(errors)}
        expired = {found["suite"] for found in EXPIRED.finditer(errors)}
        extra = {source.suite for source in sources if not source.needed} & (absent | expired)
        if self._suite in absent:
            raise NoSuite(
                f"{self._name}: {sources[0].uri} has no suite {self._suite!r}, or is no mirror of "
                f"{self._about.name}; a suite that is no longer served is in the distribution's "
                f"archive of old releases (--mirror {self._about.name}=URL)"
                f"{self._meant()}"
            )
        if UNTRUSTED.search(errors):
            names = " and ".join(str(path) for path in keyrings)
            raise LabError(
                f"{self._name} is not signed by a key of {names} ({ended.complaint}); "
                "--keyring FILE adds the keys of its archive"
            )
        if extra:
            for suite in sorted(extra):
                why = "its mirror has no such suite" if suite in absent else "its list has expired"
                self._progress(f"{self._name} without {suite}: {why}", 0, 0)
            rest = [source for source in sources if source.suite not in extra]
            self._update(rest, keyrings)
            return
        raise LabError(f"the list of {self._name} cannot be fetched: {ended.complaint}")

    def _configure(self, sources: Sequence[Source], keyrings: Sequence[Path]) -> None:
        arch = distributions.architecture()
        stanzas = [
            f"Types: deb\nURIs: {source.uri}\nSuites: {source.suite}\nComponents: main\n"
            f"Architectures: {arch}\nTargets: Packages\n"
            f"Signed-By: {' '.join(str(path) for path in keyrings)}\n"
            for source in sources
        ]
        with cache.written(self._folder):
            for name in ("state", "lists/partial", "cache/archives/partial"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            (self._folder / "status").touch()
            (self._folder / "netlab.sources").write_text("\n".join(stanzas))
            configuration = CONFIGURATION.format(root=self._folder, arch=arch)
            (self._folder / "apt.conf").write_text(configuration)


def _packages(stored: dict[str, Any] | None) -> tuple[Package, ...]:
    if stored is None:
        raise LabError("the list of packages was deleted while it was read: run it again")
    return tuple(Package(**package) for package in stored["packages"])


def _filled(folder: Path) -> int:
    """The bytes of packages, whole or partial, that are in a folder."""
    total = 0
    for path in folder.glob("*.deb*"):
        with contextlib.suppress(FileNotFoundError):  # apt renames whole files, removes bad ones
            total += path.stat().st_size
    return total


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
