# SPDX-License-Identifier: GPL-2.0-or-later
"""Gets kernels: from a distribution's archive, from packages, or from local files.

Fetched kernels are kept in the cache by version. A list of packages is fetched once a day; with
that list, a kernel in the cache needs no network.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netlab import extras
from netlab.kernels import cache
from netlab.kernels.sources import (
    distributions,
    local,
    mirrors,
    package_set,
    release,
    select,
    unpack,
)
from netlab.kernels.sources.apt import Moved, Root
from netlab.kernels.sources.distributions import Distribution
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.mirrors import Progress
from netlab.kernels.sources.select import Choice, NoSuite, Package
from netlab.kernels.sources.spec import Spec, parse
from netlab.model.errors import LabError, NetlabError, ScenarioError

KEPT = "kernel.json"


def quiet(what: str, done: int, total: int) -> None:
    """A `Progress` that reports nothing."""


def obtain(
    spec: Spec,
    mirrors: Mapping[str, str] | None = None,
    keyrings: Sequence[Path] = (),
    progress: Progress = quiet,
    refresh: bool = False,
) -> Kernel:
    """The kernel that `spec` names, on disk.

    `mirrors` are URLs by archive (debian, debian-security, ubuntu), used before those that this
    machine's apt is configured for; `keyrings` are trusted in addition to its keys; `refresh`
    fetches the list of packages again, whatever its age. `progress` gets what is being done, the
    bytes that are there and the total; for a remark both are 0.

    Raises `NoSuite` (a `ScenarioError`) where the archive has no such suite or kernel, another
    `ScenarioError` where what was given is not a kernel or a mirror must be named, `LabError` where
    a download is cut off or not properly signed, or the cache cannot be written.
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


def state(spec: Spec) -> str:
    """The release that a spec means, and whether it is there, in words: without a network, and
    without unpacking or building anything.
    """
    try:
        match spec.kind:
            case "host":
                return f"{os.uname().release}, which runs here"
            case "image":
                return f"{release.of(spec.paths[0])}, built"
            case "folder":
                return f"{release.of(local.in_folder(spec.text, spec.paths[0]))}, built"
            case "packages":
                return "to be unpacked"
            case "distribution":
                return _listed_state(spec)
    except NetlabError as error:
        return str(error).removeprefix(f"{spec.text}: ")


def _listed_state(spec: Spec) -> str:
    about = distributions.known()[spec.distribution]
    root = Root(about, spec.suite, quiet)
    if not root.is_listed:
        return "not looked for yet"
    extras.require("kernels", spec.text)
    which = select.choose(root.listed(), about, spec.suite, spec.version)
    there = _kept(spec.text, _place(about, which)) is not None
    return f"{which.release}, {'fetched' if there else 'not fetched yet'}"


def defaults(given: Mapping[str, str] | None = None, small: bool = False) -> tuple[Spec, ...]:
    """The kernels that a matrix plays by default: those of every distribution for which this
    machine has a mirror or one is given. `small`: only three, of the first distribution.

    They are marked `by_default`: one that its archive no longer has (`NoSuite`) is to be left out
    with a remark. Raises `LabError` where this machine knows no mirror at all.
    """
    there = {**mirrors.machine(), **mirrors.checked(given or {})}
    known = [about for about in distributions.known().values() if about.name in there]
    if not known:
        raise LabError(
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
    """The kernels of a suite, from its mirror, or from a list of an earlier day."""
    about = distributions.known()[spec.distribution]
    try:
        sources = mirrors.sources(about, spec.suite, given, progress)
    except ScenarioError:
        if given or not root.is_listed:
            raise
        return root.packages((), ())
    return root.packages(sources, _keys(about, given, keyrings, progress), refresh)


def _chosen(spec: Spec, root: Root, packages: Sequence[Package], progress: Progress) -> Kernel:
    """The kernel from a list of packages: cached, or else downloaded and unpacked."""
    about = distributions.known()[spec.distribution]
    which = select.choose(packages, about, spec.suite, spec.version)
    place = _place(about, which)
    return _kept(spec.text, place) or _downloaded(spec, root, which, place, progress)


def _place(about: Distribution, which: Choice) -> Path:
    """Where a kernel is kept. Epochs and the like have a colon, which no file name should have."""
    name = f"{which.release}_{which.version}".replace(":", "%")
    return cache.folder("kernels", about.name) / name


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
    """The kernel in packages; its other packages are taken from the same folder."""
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
    if not image.is_file() or not modules.is_dir():  # something has deleted them
        return None
    return Kernel(text, record["release"], image, modules)


def _keys(
    about: Distribution, given: Mapping[str, str], keyrings: Sequence[Path], progress: Progress
) -> tuple[Path, ...]:
    """The keys that may sign a distribution's lists.

    Where this machine has none, they come from a package of another distribution whose keys it
    does have: that package is checked like any other, so the trust is in that distribution.
    Raises `ScenarioError` where there are none.
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
