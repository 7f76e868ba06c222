# SPDX-License-Identifier: GPL-2.0-or-later
"""The sidebar's tree of all pages, of which furo shows the titles alone. Sphinx copies every
heading of every page for it, once a page, which is half of a build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import toctree

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


class SidebarTitles:
    """The titles of all pages, in the form of their tables of contents."""

    def __init__(self) -> None:
        self._tocs: dict[str, nodes.bullet_list] = {}

    def take(self, app: Sphinx, env: BuildEnvironment) -> None:
        """Keep them, once all pages are read."""
        self._tocs = {name: _title(toc) for name, toc in env.tocs.items()}

    def shorten(
        self, app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
    ) -> None:
        """Have a page's tree made of them."""
        whole, env = context["toctree"], app.env

        def of_titles(**how: Any) -> str:
            kept, env.tocs = env.tocs, self._tocs
            try:
                return str(whole(**how))
            finally:
                env.tocs = kept

        context["toctree"] = of_titles


def _title(toc: nodes.bullet_list) -> nodes.bullet_list:
    """What a page's own table of contents begins with; all of it where pages are below it."""
    if next(toc.findall(toctree), None) is not None or not toc.children:
        return toc
    first = toc[0]
    assert isinstance(first, nodes.list_item)
    return nodes.bullet_list("", nodes.list_item("", first[0].deepcopy()))
