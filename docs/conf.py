# SPDX-License-Identifier: GPL-2.0-or-later
"""How the site is built: `./scripts/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HOME = Path(__file__).parent
sys.path.insert(0, str(HOME / "_ext"))

from netlab import __version__  # noqa: E402  # needs no path: it is installed

project = "netlab"
author = "netlab's authors"
copyright = "netlab's authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "reference"]
exclude_patterns = ["_ext", "_static"]
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure"]  # what commands print is no language
smartquotes = False  # texts and commands are as netlab has them

# What docstrings have in single backticks is code, and leads to what it names if that is public.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
add_module_names = False

netlab_recordings = str(HOME.parent / "build" / "recordings")  # ladders that were played

myst_enable_extensions = ["attrs_block", "attrs_inline", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "netlab"
html_static_path = ["_static"]
html_css_files = ["netlab.css"]
html_js_files = [("netlab.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": ()}  # no source is published beside it
