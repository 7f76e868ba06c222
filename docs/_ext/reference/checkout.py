# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of the checkout that pages lead to, as pages of the site: those who read the checkout and
those who read the site follow the same links.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[2]
#: The pages, each with its file.
FILES = {
    "contributing.md": DOCS.parent / "CONTRIBUTING.md",
    "tests.md": DOCS.parent / "tests" / "README.md",
}
LINK = re.compile(r"(?<=\]\()[^):#\s]+\.md(?=[#)])")


def pages() -> dict[str, str]:
    """Each file with its links as they are in ``docs/reference``."""
    return {
        name: _linked(file.read_text(), file.parent, DOCS / "reference")
        for name, file in FILES.items()
    }


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead a page's links to one of the files to its page."""
    folder = (DOCS / docname).parent
    source[0] = _linked(source[0], folder, folder)


def _linked(text: str, before: Path, after: Path) -> str:
    """A text that is moved from one folder to another."""
    homes = {file: DOCS / "reference" / name for name, file in FILES.items()}

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(before / link[0]))
        return os.path.relpath(homes.get(target, target), after)

    return LINK.sub(moved, text)
