# SPDX-License-Identifier: GPL-2.0-or-later
"""Says what belongs to the Python that runs it, in JSON: its program, its library, where it looks
for packages, and the files of those that are named as arguments with all that they require.

Any Python runs it, given to it as text (``-c``): nothing here is newer than Python 3.8.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import sysconfig
from importlib import metadata


def main() -> None:
    """Print it."""
    names = sys.argv[1:]
    files = {file for name in names for file in _of_module(name)}
    files |= _of_distributions(names) if names else set()
    told = {
        "program": sys.executable,
        "base": getattr(sys, "_base_executable", sys.executable),
        "prefix": sys.prefix,
        "path": [each for each in sys.path if each],
        "library": sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}),
        "tag": sys.implementation.cache_tag,
        "files": sorted(file for file in files if file),
        "built in": sorted(getattr(sys, "stdlib_module_names", ())),
    }
    print(json.dumps(told))


def _of_module(name: str) -> list[str]:
    """Where a module is: a file, or a package's folders."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        return []
    return list(found.submodule_search_locations or [found.origin or ""])


def _of_distributions(names: list[str]) -> set[str]:
    """The files of the distributions that have these modules, and of those that they require."""
    homes: dict[str, list[str]] = getattr(metadata, "packages_distributions", dict)()
    todo = [each for name in names for each in homes.get(name, [])]
    done: set[str] = set()
    files: set[str] = set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in done:
            continue
        done.add(name)
        try:
            about = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        files.update(str(about.locate_file(file)) for file in about.files or ())
        if about.files is None:  # as Debian installs them
            for module in (about.read_text("top_level.txt") or "").split():
                files.update(_of_module(module))
            files.add(str(getattr(about, "_path", "")))
        todo += [found for each in about.requires or () for found in _required(each)]
    return files


def _required(line: str) -> list[str]:
    """The distribution that a requirement names, if it is not one of an extra."""
    return [] if "extra" in line.partition(";")[2] else re.findall(r"^[\w.-]+", line)


if __name__ == "__main__":
    main()
