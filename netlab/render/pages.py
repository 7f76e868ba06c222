# SPDX-License-Identifier: GPL-2.0-or-later
"""What all pages for the browser share: templates in which a wrong name is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def environment() -> jinja2.Environment:
    """The templates of `netlab.render`, to which a page adds filters of its own."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("netlab.render"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
