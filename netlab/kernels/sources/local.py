# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that is on disk already: an image, a folder with one, or the tree it was built in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from netlab.kernels import cache
from netlab.kernels.sources import config, release
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.mirrors import Progress
from netlab.model import outside
from netlab.model.errors import ScenarioError

#: Where a folder has an image: a root file system, an unpacked package, the targets of
#: `make install` and `make modules_install`, /boot itself.
IMAGES = (
    *("boot/vmlinu[xz]", "boot/vmlinu[xz]-*", "vmlinu[xz]", "vmlinu[xz]-*", "bzImage", "Image"),
    *("lib/modules/*/vmlinuz", "usr/lib/modules/*/vmlinuz"),
)
#: Where a kernel's own tree has one, after `make`.
BUILT = ("arch/x86/boot/bzImage", "arch/arm64/boot/Image")
CONFIG = ".config"
BUILD = "'netlab kernel-config' prints what its .config must have, and make bzImage builds it"
LARGEST = 16 * outside.MIB  # bytes of a tree's list of modules; with everything, 1 MiB
#: Where modules are, from a folder that the image is in or below.
MODULES = ("lib/modules/{}", "usr/lib/modules/{}", "modules/{}", "{}")


def image(text: str, path: Path, modules: Path | None, progress: Progress) -> Kernel:
    """An image and its modules: those given, or else those of its release next to it.

    Raises `ScenarioError` where the file is not an image, the given folder lacks its modules, or
    the tree that it was built in is configured without what everything needs.
    """
    which = release.of(path)
    if modules is not None:
        found = _modules_in(which, [modules])
        if found is None and _has_modules(modules) and modules.name != which:
            found = modules if not re.fullmatch(r"\d+\.\d+.*", modules.name) else None
        if found is None:
            raise ScenarioError(
                f"{text}: no modules of {which} in {modules}; expected a folder that has "
                f"lib/modules/{which}, or that folder itself"
            )
        return Kernel(text, which, path, found)
    tree = _tree_of(path.resolve())
    if tree is not None:
        linked = _linked(tree, which, progress)
        return Kernel(text, which, path, linked, _configured(text, tree, path, linked is not None))
    found = _modules_in(which, path.parents[:3]) or _modules_in(which, path.resolve().parents[:3])
    if found is None:
        progress(
            f"{text}: no modules of {which} beside it: all that a lab needs must be built in; "
            f"or say where they are: {text}:FOLDER", 0, 0,
        )  # fmt: skip
    return Kernel(text, which, path, found)


def folder(text: str, path: Path, progress: Progress) -> Kernel:
    """The one kernel in a folder. Raises `ScenarioError` where there is none, or several."""
    return image(text, in_folder(text, path), None, progress)


def in_folder(text: str, path: Path) -> Path:
    """The image of the one kernel in a folder. Raises `ScenarioError` as `folder`."""
    built = [path / name for name in BUILT if (path / name).is_file()]
    if built and _tree_of(built[0].resolve()):
        return built[0]
    found: dict[str, Path] = {}
    for candidate in _candidates(path):
        found.setdefault(release.of(candidate), candidate)
    if not found and (path / "Kbuild").is_file() and (path / "arch").is_dir():
        raise ScenarioError(
            f"{text}: is a kernel's tree that is not built: no {BUILT[0]}; {_to_build(path)}"
        )
    if not found:
        raise ScenarioError(
            f"no kernel in {path}: expected boot/vmlinuz-*, lib/modules/*/vmlinuz, vmlinuz, or a "
            f"kernel's source tree with {BUILT[0]} (is it built?)"
        )
    if len(found) > 1:
        names = " or ".join(str(each) for _, each in sorted(found.items()))
        raise ScenarioError(f"{text}: {len(found)} kernels are in it; give one: {names}")
    (only,) = found.values()
    return only


def _to_build(tree: Path) -> str:
    """What is to be done in a tree that is not built. What its configuration lacks is named before
    anybody waits for the compiler.
    """
    about = _configuration(tree)
    problem = "" if about is None else config.problem(about, modules=True)
    return f"its .config {problem}" if problem else BUILD


def _candidates(path: Path) -> Iterator[Path]:
    for pattern in IMAGES:
        yield from (each for each in sorted(path.glob(pattern)) if each.is_file())


def _modules_in(which: str, folders: Iterable[Path]) -> Path | None:
    """The folder with a release's modules, from the places where it may be."""
    for base in folders:
        if base.name == which and _has_modules(base):
            return base
        for pattern in MODULES:
            if _has_modules(base / pattern.format(which)):
                return base / pattern.format(which)
    return None


def _has_modules(path: Path) -> bool:
    return (path / "kernel").is_dir() or (path / "modules.builtin").is_file()


def _tree_of(path: Path) -> Path | None:
    """The tree that an image was built in."""
    for tree in path.parents[3:4]:  # arch/x86/boot/bzImage
        if (tree / "include" / "config").is_dir() and (tree / "arch").is_dir():
            return tree
    return None


def _configured(text: str, tree: Path, image: Path, modules: bool) -> tuple[str, ...]:
    """What the tree's configuration leaves out. Raises `ScenarioError` where that is too much."""
    about = _configuration(tree)
    if about is None:
        return ()
    if problem := config.problem(about, modules):
        raise ScenarioError(f"{text}: its .config {problem}")
    newer = (tree / CONFIG).stat().st_mtime > image.stat().st_mtime
    stale = (f"its .config is newer than {image.name}: make {image.name}",) if newer else ()
    return (*stale, *(f"its .config {each}" for each in config.remarks(about, modules)))


def _configuration(tree: Path) -> str | None:
    """The text of its ``.config``, which not everybody keeps. Raises `ScenarioError` for a file
    that is none.
    """
    file = tree / CONFIG
    if not file.is_file():
        return None
    return outside.text(file, config.LARGEST, "a kernel's configuration")


def _linked(tree: Path, which: str, progress: Progress) -> Path | None:
    """The modules of a tree, laid out as `make modules_install` would, by links into it.

    None where it was configured without modules. Raises `ScenarioError` where they are not built.
    """
    order = tree / "modules.order"
    if not order.is_file():
        progress(f"{tree}: no modules were built (make modules), so none are used", 0, 0)
        return None
    # modules.order has kernel/net/x.ko up to Linux 5.17, net/x.ko then, net/x.o from 6.2 on.
    names = [
        re.sub(r"\.o$", ".ko", line.removeprefix("kernel/"))
        for line in outside.text(order, LARGEST, "a list of modules").split()
    ]
    absent = [name for name in names if not (tree / name).is_file()]
    if absent:
        raise ScenarioError(
            f"{tree}: {len(absent)} of {len(names)} modules are not built ({absent[0]}, ...): "
            "make modules"
        )
    name = hashlib.sha256(str(tree).encode()).hexdigest()[:12]
    place = cache.folder("trees") / name
    with cache.locked(place), cache.draft(place) as begun, cache.written(place):
        modules = begun / "lib" / "modules" / which
        for each in names:
            link = modules / "kernel" / each
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(tree / each)
        modules.mkdir(parents=True, exist_ok=True)
        for listed in ("modules.builtin", "modules.builtin.modinfo"):
            if (tree / listed).is_file():
                (modules / listed).symlink_to(tree / listed)
    return place / "lib" / "modules" / which
