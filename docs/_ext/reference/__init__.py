# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference, written anew whenever the site is built, from what netlab itself reads: a Sphinx
extension.

Each kind of page is a module with a function `pages`: paths below ``docs/reference`` and Markdown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _write(app: Sphinx) -> None:
    from reference import (
        api,
        causes,
        checkout,
        commands,
        conformance,
        facts,
        kernels,
        language,
        scenarios,
        words,
    )
    from reference.markdown import write
    from reference.recordings import Recordings

    kinds = (
        commands, language, scenarios, causes, facts, words, conformance, kernels, api, checkout
    )  # fmt: skip
    pages = {path: text for kind in kinds for path, text in kind.pages().items()}
    write(Path(app.srcdir) / "reference", pages)
    recordings = Recordings(app.config)
    recordings.pictures(causes.played())
    recordings.table()


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    from reference import accessible, api, checkout, commands, recordings, sidebar, walks

    app.add_config_value(recordings.PLAY, "1", "env", types=(str,))
    app.add_config_value(recordings.FOLDER, "", "env", types=(str,))
    app.add_directive("netlab-command", commands.CommandDirective)
    app.add_directive("netlab-ladder", recordings.LadderDirective)
    app.connect("builder-inited", _write)
    app.connect("source-read", checkout.read)
    app.connect("autodoc-process-signature", api.unannotated)
    app.connect("missing-reference", api.public)
    titles = sidebar.SidebarTitles()
    app.connect("env-check-consistency", titles.take)
    app.connect("html-page-context", titles.shorten, priority=400)  # before furo's
    app.connect("html-page-context", accessible.mend, priority=600)  # after furo's
    app.connect("build-finished", walks.write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
