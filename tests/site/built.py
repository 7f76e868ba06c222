# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of a site that was built, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

#: What a browser loads by itself: tags with the attribute that has the address.
LOADED = {
    ("audio", "src"), ("embed", "src"), ("iframe", "src"), ("img", "src"), ("img", "srcset"),
    ("link", "href"), ("object", "data"), ("script", "src"), ("source", "src"),
    ("source", "srcset"), ("video", "poster"), ("video", "src"),
}  # fmt: skip
IN_STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class BuiltPage(HTMLParser):
    """One page: its ids, where it leads, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.words = ""  # all that can be read on it
        self.options: set[str] = set()  # of commands, where each is explained
        self._key = False  # inside what a person types
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is looked for."""
        self._key = self._key or tag == "kbd"
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.ids.add(value)
            if tag == "a" and name == "href":
                self.links.append(value)
            if (tag, name) in LOADED:
                self.loaded += [each.split()[0] for each in value.split(",") if each.strip()]
            if name == "style":
                self.loaded += _in_styles(value)

    def handle_endtag(self, tag: str) -> None:
        """Leave what a person types."""
        self._key = self._key and tag != "kbd"

    def handle_data(self, data: str) -> None:
        """Keep the words, and what styles in a page load."""
        self.words += data
        if self._key and data.startswith("-"):
            self.options.add(data.split(maxsplit=1)[0])
        if self.lasttag == "style":
            self.loaded += _in_styles(data)


def _in_styles(text: str) -> list[str]:
    return [first or second for first, second in IN_STYLES.findall(text)]


class BuiltSite:
    """All pages below a folder, by their paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = {
            path.relative_to(folder).as_posix(): BuiltPage(path.read_text())
            for path in sorted(folder.rglob("*.html"))
        }

    def broken(self) -> Iterator[str]:
        """Links within the site that lead nowhere, each with its page."""
        for name, page in self.pages.items():
            for address in (*page.links, *page.loaded):
                if not _is_outside(address) and not self._leads(name, address):
                    yield f"{name}: {address}"

    def _leads(self, name: str, address: str) -> bool:
        path, fragment = urldefrag(address)
        if path.startswith("data:"):
            return True
        target = (self.folder / name).parent / unquote(urlsplit(path).path) if path else None
        file = target.resolve() if target else self.folder / name
        if not file.is_file():
            return False
        found = self.pages.get(file.relative_to(self.folder).as_posix())
        return not fragment or found is None or unquote(fragment) in found.ids

    def outside(self) -> Iterator[str]:
        """What a browser would load from elsewhere, each with its page or style sheet."""
        for name, page in self.pages.items():
            yield from (f"{name}: {each}" for each in page.loaded if _is_outside(each))
        for path in sorted(self.folder.rglob("*.css")):
            addresses = _in_styles(path.read_text())
            yield from (f"{path.name}: {each}" for each in addresses if _is_outside(each))


def _is_outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")
