# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes down whose is what packages of Debian's and Fedora's bring along, under which license.

    .venv/bin/python scripts/copyright.py            write it
    .venv/bin/python scripts/copyright.py --check    say what is not as it would be written

What the packages themselves say (of the versions in requirements.lock, which are installed here)
goes into packaging/debian/copyright, between what is written there by hand, and into the field
License of packaging/rpm/netlab-tcp.spec.

Exit codes: 0 both are as written here, 1 one is not (--check).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from vendored import PACKAGING, builds, plays

COPYRIGHT = PACKAGING / "debian" / "copyright"
SPEC = PACKAGING / "rpm" / "netlab-tcp.spec"
OWN = "GPL-2.0-or-later"
#: Where a package does not name its license by SPDX: how the package index calls it.
CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: Public Domain": "LicenseRef-Fedora-Public-Domain",
}
#: Where even that is not exact: what the package's own text says of what is in it.
READ = {"docutils": "LicenseRef-Fedora-Public-Domain AND BSD-2-Clause AND BSD-3-Clause"}
#: Holders that a package's license does not name, since they are those of code inside it.
INSIDE = {"zstandard": ["Meta Platforms, for the library inside"]}
#: Debian's names, where they are not those of SPDX.
DEBIAN = {
    "AND": "and", "OR": "or", "MIT": "Expat", "GPL-2.0-only": "GPL-2", "GPL-2.0-or-later": "GPL-2+",
    "LicenseRef-Fedora-Public-Domain": "public-domain",
}  # fmt: skip
#: What is written here, and not by hand: setuptools is not of the lock.
GENERATED = re.compile(r"Files: vendor/(?!setuptools-)")
#: A line of a license that names a holder, and not how to name one, nor the author of the license.
HOLDER = re.compile(
    r"Copyright (?:\(c\) |© |(?=\d{4}))((?!.*Free Software Foundation)[^<].*)", re.IGNORECASE
)


def license_of(name: str) -> str:
    """An expression of SPDX. Raises ValueError where the package says nothing that is known."""
    if name in READ:
        return READ[name]
    if expression := _fields(name, "License-Expression"):
        return expression[0]
    known = [CLASSIFIERS[each] for each in _fields(name, "Classifier") if each in CLASSIFIERS]
    if not known:
        raise ValueError(f"which license {name} has is not known: add it to READ, with the reason")
    return " AND ".join(known)


def _fields(name: str, field: str) -> list[str]:
    return metadata.metadata(name).get_all(field) or []


def holders_of(name: str) -> list[str]:
    """Who its licenses name, or its authors where they name nobody."""
    found = dict.fromkeys(match[1].rstrip(".,") for line in _licenses(name)
                          if (match := HOLDER.fullmatch(line.strip())))  # fmt: skip
    return [*(found or _authors(name)), *INSIDE.get(name, ())]


def _licenses(name: str) -> Iterator[str]:
    for file in metadata.files(name) or ():
        if ".dist-info" in str(file) and re.match(r"LICEN[CS]E|COPYING|NOTICE", file.name):
            yield from file.read_text(encoding="utf-8").splitlines()


def _authors(name: str) -> list[str]:
    named = _fields(name, "Author") or _fields(name, "Author-email")
    return [re.sub(r"\s*<[^>]*>|\"", "", each) for each in named]


def paragraph(name: str) -> str:
    """What Debian's file says of one package."""
    terms = " ".join(DEBIAN.get(word, word) for word in license_of(name).split())
    holders = "\n ".join(holders_of(name))
    return f"Files: vendor/{name.replace('-', '_')}-*\nCopyright: {holders}\nLicense: {terms}"


def copyrights(text: str, names: Iterable[str]) -> str:
    """The file, with a paragraph for each of `names` after that of netlab itself."""
    kept = [each for each in text.strip().split("\n\n") if not GENERATED.match(each)]
    (own,) = (number for number, each in enumerate(kept) if each.startswith("Files: *"))
    return "\n\n".join([*kept[: own + 1], *map(paragraph, sorted(names)), *kept[own + 1 :]]) + "\n"


def licensed(text: str, names: Iterable[str]) -> str:
    """The spec, whose License is netlab's and that of each of `names`, which are installed."""
    terms = {OWN}
    for name in names:
        said = license_of(name)
        terms |= {f"({said})"} if " OR " in said else set(said.split(" AND "))
    line = " AND ".join(sorted(terms, key=lambda each: (each != OWN, each.strip("("))))
    return re.sub(r"^(License: +).*$", rf"\g<1>{line}", text, flags=re.MULTILINE)


def written() -> dict[Path, str]:
    """Each file, as it should be."""
    return {
        COPYRIGHT: copyrights(COPYRIGHT.read_text(), {*plays(), *builds()}),
        SPEC: licensed(SPEC.read_text(), plays()),
    }


def main() -> int:
    """Write both, or compare: 1 if one is not as written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = {path: text for path, text in written().items() if path.read_text() != text}
    for path, text in stale.items():
        if check:
            name = path.relative_to(PACKAGING.parent)
            print(f"{name} is not what packages say of themselves: run scripts/copyright.py")
        else:
            path.write_text(text)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
