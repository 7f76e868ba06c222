# SPDX-License-Identifier: GPL-2.0-or-later
"""Gets kernels: from a distribution's archive, out of packages, or from where they lie.

What was fetched is kept in the cache by its version. A list of packages is asked for once a day;
with that list, a kernel that is in the cache costs no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netlab import extras
from netlab.kernels import cache
from netlab.kernels.sources import distributions, local, mirrors, package_set, select, unpack
from netlab.kernels.sources.apt import Moved, Root
from netlab.kernels.sources.distributions import Distribution
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.mirrors import Progress
from netlab.kernels.sources.select import Choice, NoSuite, Package
from netlab.kernels.sources.spec import Spec, parse
from netlab.model.errors import NetlabError, ScenarioError

KEPT = "kernel.json"


def quiet(what: str, done: int, total: int) -> None:
    """Tells nobody."""


def obtain(
    spec: Spec,
    mirrors: Mapping[str, str] | None = None,
    keyrings: Sequence[Path] = (),
    progress: Progress = quiet,
    refresh: bool = False,
) -> Kernel:
    """The kernel that is meant, on disk.

    `mirrors` are URLs by their archives (debian, debian-security, ubuntu), before those that this
    machine's apt is configured for; `keyrings` count beside its keys; `refresh` asks for today's
    list of packages again. `progress` is told what is done and how many bytes of how many are
    there; a remark has none.

    Raises `NoSuite` (a `ScenarioError`) where the archive has no such suite or kernel, another
    `ScenarioError` where what was given is no kernel or a mirror must be named, `LabError` where a
    download is cut or not signed as it should be, or the cache cannot be written.
    """
    match spec.kind:
        case "distribution":
            return _fetched(spec, mirrors or {}, keyrings, progress, refresh)
        case "packages":
            return _unpacked(spec, progress)
        case "folder":
            return local.folder(spec.text, spec.paths[0], progress)
        case "image":
            return local.image(spec.text, spec.paths[0], spec.modules, progress)
        case "host":
            raise ScenarioError("host is the kernel that runs here: there is nothing to fetch")


def defaults(given: Mapping[str, str] | None = None, small: bool = False) -> tuple[Spec, ...]:
    """What a matrix plays where nobody says which kernels: those of every distribution that this
    machine has a mirror of, or that one is given for. `small`: three, of the first of them.

    They are marked: what its archive no longer has (`NoSuite`) is to be left out with a word.
    Raises `ScenarioError` where there is no mirror at all.
    """
    there = {**mirrors.machine(), **mirrors.checked(given or {})}
    known = [about for about in distributions.known().values() if about.name in there]
    if not known:
        raise ScenarioError(
            "this machine's apt is configured for no mirror of "
            f"{' or '.join(distributions.known())}; say which kernels to play (--kernel), or give "
            "a mirror: --mirror ubuntu=URL"
        )
    texts = known[0].small if small else [text for about in known for text in about.matrix]
    return tuple(replace(parse(text), by_default=True) for text in texts)


def _fetched(
    spec: Spec,
    given: Mapping[str, str],
    keyrings: Sequence[Path],
    progress: Progress,
    refresh: bool,
) -> Kernel:
    extras.require("kernels", spec.text)
    about = distributions.known()[spec.distribution]
    distributions.architecture()
    root = Root(about, spec.suite, progress)
    try:
        return _chosen(
            spec, root, _listed(root, spec, given, keyrings, progress, refresh), progress
        )
    except Moved:
        # The list is old: its kernels are gone, and newer ones are there.
        return _chosen(spec, root, _listed(root, spec, given, keyrings, progress, True), progress)


def _listed(
    root: Root,
    spec: Spec,
    given: Mapping[str, str],
    keyrings: Sequence[Path],
    progress: Progress,
    refresh: bool,
) -> tuple[Package, ...]:
    """The kernels of a suite, from its mirror, or from what is left of an earlier day."""
    about = distributions.known()[spec.distribution]
    try:
        sources = mirrors.sources(about, spec.suite, given, progress)
    except ScenarioError:
        if given or not root.is_listed:
            raise
        return root.packages((), ())
    return root.packages(sources, _keys(about, given, keyrings, progress), refresh)


def _chosen(spec: Spec, root: Root, packages: Sequence[Package], progress: Progress) -> Kernel:
    """The kernel of a list of packages: from the cache, else downloaded and unpacked."""
    about = distributions.known()[spec.distribution]
    which = select.choose(packages, about, spec.suite, spec.version)
    # Epochs and the like have a colon, which no file name should have.
    place = cache.folder("kernels", about.name) / f"{which.release}_{which.version}".replace(
        ":", "%"
    )
    return _kept(spec.text, place) or _downloaded(spec, root, which, place, progress)


def _downloaded(spec: Spec, root: Root, which: Choice, place: Path, progress: Progress) -> Kernel:
    with cache.locked(place, lambda: progress(f"{spec.text}: another netlab fetches it", 0, 0)):
        if (kernel := _kept(spec.text, place)) is not None:
            return kernel
        begun = cache.folder("downloads", f"{place.parent.name}-{place.name}{cache.DRAFT}")
        packages = root.download(which.packages, begun)
        _keep(packages, place, f"unpacking {which.release}", progress)
        cache.remove(begun)
        kernel = _kept(spec.text, place)
        assert kernel is not None
        return kernel


def _unpacked(spec: Spec, progress: Progress) -> Kernel:
    """The kernel in packages; what it was split into is taken from the same folder."""
    packages = package_set.completed(spec.paths, progress)
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in packages]
    name = hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]
    place = cache.folder("kernels", "packages") / f"{packages[0].stem}-{name}"
    with cache.locked(place):
        kernel = _kept(spec.text, place)
        if kernel is None:
            _keep(packages, place, f"unpacking {packages[0].name}", progress)
            kernel = _kept(spec.text, place)
    assert kernel is not None
    return kernel


def _keep(packages: Sequence[Path], place: Path, what: str, progress: Progress) -> None:
    """Unpack into the cache."""
    progress(what, 0, 0)
    with cache.draft(place) as begun:
        found = unpack.unpack(packages, begun)
        record = {"release": found.release, "image": found.image, "modules": found.modules}
        with cache.written(begun):
            (begun / KEPT).write_text(json.dumps(record))


def _kept(text: str, place: Path) -> Kernel | None:
    """A kernel from the cache."""
    try:
        record = json.loads((place / KEPT).read_text())
    except (OSError, ValueError):
        return None
    image, modules = place / record["image"], place / record["modules"]
    if not image.is_file() or not modules.is_dir():  # somebody has tidied
        return None
    return Kernel(text, record["release"], image, modules)


def _keys(
    about: Distribution, given: Mapping[str, str], keyrings: Sequence[Path], progress: Progress
) -> tuple[Path, ...]:
    """The keys that may sign a distribution's lists.

    Where this machine has none, they come out of a package of another distribution that it does
    have keys of: that package is checked as every other, so the trust is that distribution's.
    Raises `ScenarioError` where none can be had.
    """
    found = mirrors.keyrings(about, keyrings)
    place = cache.folder("keys") / about.keyring_package
    if not found and not place.is_dir():
        for text in about.keyring_from:
            try:
                _fetch_keys(about, parse(text), place, given, progress)
                break
            except NetlabError as error:
                progress(f"no keys of {about.name} from {text}: {error}", 0, 0)
    if not found:
        found = tuple(path for name in about.keyrings for path in place.glob(f"{name}.*"))
    if not found:
        raise ScenarioError(
            f"this machine has no keys to check what {about.name} has signed: install its package "
            f"{about.keyring_package}, or give a file that has them: --keyring FILE"
        )
    return found


def _fetch_keys(
    about: Distribution, source: Spec, place: Path, given: Mapping[str, str], progress: Progress
) -> None:
    other = distributions.known()[source.distribution]
    root = Root(other, source.suite, progress)
    packages = [
        package
        for package in _listed(root, source, given, (), progress, False)
        if package.name == about.keyring_package
    ]
    if not packages:
        raise NoSuite(f"{source.text} has no package {about.keyring_package}")
    with cache.locked(place):
        begun = cache.folder("downloads", about.keyring_package + cache.DRAFT)
        paths = root.download(packages[:1], begun)
        with cache.draft(place) as keys:
            for path in paths:
                unpack.keys(path, keys)
        cache.remove(begun)
    progress(
        f"the keys of {about.name} are those of {about.keyring_package} in {source.text}", 0, 0
    )
