# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages to walk in, beside those that Sphinx makes: ``atlas/index.html``, as the atlas comes with
netlab, and ``conformance/index.html``, as it was played.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__
from netlab.atlas import recorded
from netlab.glossary import pairs
from reference.recordings import Recordings

if TYPE_CHECKING:
    from sphinx.application import Sphinx


HOME = "../index.html"
#: Instead of the conformance table, where nothing was played.
UNPLAYED = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>The conformance table was not played</title></head>
<body>
<p>This site was built where nothing is played. <code>netlab conformance --report DIR</code> writes
the page that belongs here. <a href="../reference/conformance.html">The table in words</a></p>
</body>
</html>
"""


def write(app: Sphinx, failed: Exception | None) -> None:
    """Write them."""
    if failed is None and app.builder.format == "html":
        walks = {
            "atlas": pairs.page(recorded.read(), __version__, HOME),
            "conformance": Recordings(app.config).table() or UNPLAYED,
        }
        for name, text in walks.items():
            folder = Path(app.outdir) / name
            folder.mkdir(exist_ok=True)
            (folder / "index.html").write_text(text)
