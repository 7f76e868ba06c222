# SPDX-License-Identifier: GPL-2.0-or-later
"""All pages have one head, and load nothing."""

from __future__ import annotations

import re
from pathlib import Path

from netlab import render
from netlab.model.tcp import State
from netlab.render import fsm_svg
from netlab.render.fsm_layout import ROUTES

TEMPLATES = Path(render.__file__).parent / "templates"
PARTS = {"page.html", "chapter.html"}


def test_every_page_has_the_head_that_all_have() -> None:
    pages = {path.name: path.read_text() for path in TEMPLATES.glob("*.html")}
    assert len(pages) > 5
    for name in pages.keys() - PARTS:
        assert '{% extends "page.html" %}' in pages[name]
        assert "<head>" not in pages[name]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', pages["page.html"])
    assert policy
    assert policy[1].startswith("default-src 'none'; ")


def test_the_figure_has_every_state_and_every_arrow() -> None:
    drawn = fsm_svg.figure()
    assert {*re.findall(r'data-state="(\w+)"', drawn)} == {str(state) for state in State}
    assert re.findall(r'data-arrow="([\w-]+)"', drawn) == [f"{a}-{b}" for a, b in ROUTES]
