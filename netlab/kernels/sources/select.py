# SPDX-License-Identifier: GPL-2.0-or-later
"""Selects the packages of a suite that make up the requested kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlab.kernels.sources.distributions import Distribution
from netlab.model.errors import ScenarioError

if TYPE_CHECKING:
    from debian.debian_support import Version

IMAGE = re.compile(r"linux-image-(?:unsigned-)?(?P<release>\d\S*)")
NAMES = re.compile(r"[a-z0-9][a-z0-9+.-]+")


class NoSuite(ScenarioError):
    """The mirror does not have the suite, or the suite has no such kernel."""


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package, as a suite lists it."""

    name: str
    version: str
    depends: str  # in Debian's notation
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """A kernel of a suite."""

    release: str  # uname -r
    version: str  # of its packages
    packages: tuple[Package, ...]  # that have its image and its modules


def parse(text: str) -> list[Package]:
    """The packages in the output of ``apt-cache show``."""
    stanzas = (
        dict(line.partition(": ")[::2] for line in stanza.splitlines())
        for stanza in text.split("\n\n")
    )
    return [
        Package(each["Package"], each["Version"], each.get("Depends", ""), int(each.get("Size", 0)))
        for each in stanzas
        if "Package" in each
    ]


def choose(
    packages: Sequence[Package], distribution: Distribution, suite: str, prefix: str
) -> Choice:
    """The suite's current kernel, or the newest whose version starts with `prefix`.

    Raises `NoSuite`, which lists what the suite has, where there is none.
    """
    newest: dict[str, Package] = {}
    for package in packages:
        if package.name not in newest or _age(package) > _age(newest[package.name]):
            newest[package.name] = package
    whole = [image for image in _images(newest, distribution) if _is_whole(image, newest)]
    current = _current(newest, distribution)
    if prefix:
        found = max((i for i in whole if _starts(_release(i), prefix)), key=_age, default=None)
    elif current is not None and _is_whole(current, newest):
        found = current
    else:
        found = max(whole, key=_age, default=None)
    if found is None:
        wanted = prefix or f"of {distribution.flavours[0]}"
        branches = {_branch(_release(image)) for image in whole}
        raise NoSuite(
            f"{distribution.name}:{suite} has no kernel {wanted}, or not all of its packages; it "
            f"has {', '.join(sorted(branches, key=_key)) or 'none at all'}"
        )
    # The base has the list of what is built in; a kernel boots without it.
    base = newest.get(f"linux-base-{_release(found)}")
    parts = (found, *(newest[name] for name in _split(found)), *([base] if base else []))
    return Choice(_release(found), found.version, parts)


def _images(newest: Mapping[str, Package], distribution: Distribution) -> list[Package]:
    """All kernels of the best available flavour; the unsigned ones where none is signed."""
    for flavour in distribution.flavours:
        for infix in ("", "unsigned-"):
            # 6.1.0-56, 6.12.43+deb12, 7.3; not 6.1.0-56-rt, which is another flavour.
            name = re.compile(rf"linux-image-{infix}\d[\w.+~]*(-\d[\w.+~]*)?-{flavour}")
            found = [package for package in newest.values() if name.fullmatch(package.name)]
            found = [package for package in found if _points_to(package, newest) is None]
            if found:
                return found
    return []


def _current(newest: Mapping[str, Package], distribution: Distribution) -> Package | None:
    """The kernel that the first of the metapackages leads to."""
    for name in distribution.metapackages:
        package = newest.get(name)
        while package is not None:
            further = _points_to(package, newest)
            if further is None:
                break
            package = further
        if package is not None and IMAGE.fullmatch(package.name):
            return package
    return None


def _points_to(package: Package, newest: Mapping[str, Package]) -> Package | None:
    """The image that a metapackage depends on; None for any other package.

    Where a suite has that image only unsigned, the unsigned one.
    """
    for name in NAMES.findall(package.depends):
        if IMAGE.fullmatch(name) and name != package.name:
            unsigned = name.replace("linux-image-", "linux-image-unsigned-", 1)
            return newest.get(name) or newest.get(unsigned)
    return None


def _split(package: Package) -> list[str]:
    """The names of an image's other packages: parts of the same release that it depends on."""
    wanted = {f"linux-{part}-{_release(package)}" for part in ("binary", "modules")}
    return [name for name in dict.fromkeys(NAMES.findall(package.depends)) if name in wanted]


def _is_whole(package: Package, newest: Mapping[str, Package]) -> bool:
    """True if all of a kernel is there: archives keep signed images longer than their modules."""
    return all(name in newest for name in _split(package))


def _release(package: Package) -> str:
    """The release that uname -r will print: packages have it in their names."""
    found = IMAGE.fullmatch(package.name)
    assert found is not None
    return found["release"]


def _starts(release: str, prefix: str) -> bool:
    """Whether a version starts with a prefix: 6.12 does not start with 6.1."""
    return release.startswith(prefix) and not release[len(prefix) :][:1].isdigit()


def _branch(release: str) -> str:
    """6.16.3+deb13-cloud-amd64 is 6.16."""
    found = re.match(r"\d+(\.\d+)?", release)
    return found[0] if found else release


def _age(package: Package) -> tuple[Version, Version]:
    return _key(package.version), _key(package.name)


def _key(version: str) -> Version:
    from debian.debian_support import Version

    return Version(re.sub(r"[^\w.+~:-]", "", version))
