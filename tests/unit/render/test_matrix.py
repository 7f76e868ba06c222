# SPDX-License-Identifier: GPL-2.0-or-later
"""Many kernels side by side: as text of any width, and as a page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from netlab.kernels.compare import overview
from netlab.kernels.compare.overview import Overview
from netlab.kernels.compare.page import page
from netlab.model.kernel_run import KernelRun, PlayedRow
from netlab.model.vocabulary import Family
from netlab.render.matrix import Column, Grid, Mark, MatrixRow, matrix, problems
from netlab.render.matrix_page import sends
from netlab.render.style import Style
from tests.build import states
from tests.unit.kernels.compare.test_compare import LINEAR, MACHINE, NEW_SYN, OLD_SYN, play

PLAIN = Style(False)
HOSTILE = "</script><script>alert(1)</script>&\"'"


def seen() -> Overview:
    """Three kernels: one differs, one broke."""
    old = KernelRun(
        replace(MACHINE, release="6.1.0-56"),
        (play(), play("fin-dropped")),
        timings=(OLD_SYN,),
        sysctls={"net.ipv4.tcp_sack": "1"},
        done=True,
    )
    other = play(observed=states("CLOSED/LISTEN"))
    new = replace(
        old,
        machine=replace(MACHINE, release="6.8.0-151"),
        scenarios=(other, play("fin-dropped")),
        timings=(NEW_SYN,),
        sysctls={"net.ipv4.tcp_sack": "1", **LINEAR},
    )
    broken = KernelRun(
        replace(MACHINE, release="6.99.1"), error=f"panic {HOSTILE}", console=(HOSTILE,)
    )
    return overview.overview([old, new, broken])


def grid(kernels: int, rows: int) -> Grid:
    columns = tuple(Column(f"6.{n}", f"6.{n}.0-generic") for n in range(kernels))
    name = "a-scenario-with-as-long-a-name-as-any-of-them-has-{}"
    marks = tuple(Mark("✓b" if n == 5 else "✓", "pass", n == 5) for n in range(kernels))
    same = tuple(replace(mark, news=False) for mark in marks)
    return Grid(
        "scenarios",
        columns,
        tuple(MatrixRow(name.format(n), marks if n % 10 == 0 else same) for n in range(rows)),
    )


# --- text


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.parametrize("every", [False, True])
def test_a_table_fits_its_width_and_loses_no_kernel(width: int, every: bool) -> None:
    lines = matrix(grid(12, 71), width, PLAIN, every).splitlines()
    assert max(map(len, lines)) <= width
    heads = " ".join(line for line in lines if "6.0" in line or "6.11" in line)
    assert all(f"6.{n}" in heads.split() for n in range(12))
    shown = sum(line.startswith("a-scenario") for line in lines)
    blocks = shown // (71 if every else 8)
    assert shown == blocks * (71 if every else 8)
    assert blocks == (2 if width == 80 else 1)
    assert ("63 are the same wherever they were compared" in lines) is not every


@pytest.mark.parametrize("width", [20, 30, 40, 60])
def test_on_a_very_narrow_terminal_names_and_cells_are_shortened(width: int) -> None:
    lines = matrix(grid(3, 5), width, PLAIN, every=True).splitlines()[1:]
    assert max(map(len, lines)) <= width
    assert sum("6.2" in line for line in lines) == 1


def test_in_a_file_every_name_and_cell_is_whole_and_all_kernels_stand_side_by_side() -> None:
    name, text = "a-name" * 20, "long " * 20 + "end"
    columns = tuple(Column(f"6.{number}", "") for number in range(30))
    whole = Grid("sysctls", columns, (MatrixRow(name, (Mark(text),) * 30),))
    _, _, row = matrix(whole, None, PLAIN, every=True).splitlines()
    assert row.startswith(name)
    assert row.count(text) == 30


def test_what_differs_stands_out() -> None:
    text = matrix(grid(12, 1), 160, Style(True))
    assert text.count("\033[33;1m") == 1
    assert "✓b" in text.split("\033[33;1m")[1][:8]


def test_a_kernel_that_broke_is_told_with_its_console() -> None:
    assert problems(seen().columns, PLAIN) == [f"ERROR 6.99: panic {HOSTILE}", f"    {HOSTILE}"]


def test_cells_tell_what_each_kernel_did() -> None:
    grids = {grid.title: grid for grid in seen().grids()}
    (syn,) = grids["timers"].rows
    assert [mark.text for mark in syn.marks] == ["7 in 129 s", "11 in 135 s", ""]
    assert [mark.news for mark in syn.marks] == [False, True, False]
    assert [mark.text for mark in grids["scenarios"].rows[0].marks] == ["✓", "✓b", ""]
    linear = next(row for row in grids["sysctls"].rows if row.name == "tcp_syn_linear_timeouts")
    assert [mark.text for mark in linear.marks] == ["–", "4", ""]
    assert "since 6.5" in " ".join(linear.marks[1].told)


# --- the page


class Reader(HTMLParser):
    """What is in a page: its tags, ids, links and words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.policy = self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what it says."""
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "content" and value and value.startswith("default-src"):
                self.policy = value

    def handle_data(self, data: str) -> None:
        """Keep its words."""
        self.words += data


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    read = Reader(page(seen(), "1.2.3"))
    assert read.policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "script" not in read.tags
    assert all(link.startswith(("#", "data:")) for link in read.links)


def test_every_link_of_a_cell_leads_to_its_sentence() -> None:
    read = Reader(page(seen(), "1.2.3"))
    targets = [link[1:] for link in read.links if link.startswith("#")]
    assert len(targets) == 4  # the tables, the scenario, the timer, the sysctl
    assert {*targets} <= {*read.ids}
    assert len({*read.ids}) == len(read.ids)


def test_the_page_tells_the_differences_the_reasons_and_the_broken_kernel() -> None:
    words = " ".join(Reader(page(seen(), "1.2.3")).words.split())
    assert "3 kernels 3 differences, 1 unexplained" in words
    assert "syn-dropped: the pair is CLOSED/LISTEN on 6.8, SYN_SENT/LISTEN on 6.1" in words
    assert "UNEXPLAINED" in words
    assert "syn-linear-timeouts, since 6.5" in words
    assert f"ERROR panic {HOSTILE}" in words


def test_a_picture_of_a_timer_has_its_packets_and_its_end() -> None:
    picture = sends(OLD_SYN.sends, OLD_SYN.after, 134.9)
    assert picture.count("<path") == 7 + 1 + 1  # packets, the end, the axis
    assert sends((), None, 0) == sends((), None, 5) == ""


def test_what_the_signs_mean_is_said_below_a_table_that_shows_some() -> None:
    legend = "signs that mean something"
    told = matrix(replace(grid(12, 71), legend=legend), 20, PLAIN).splitlines()
    assert told[-3:-1] == ["signs that mean", "something"]
    same = tuple(row for row in grid(12, 71).rows if not row.differs)
    assert "signs" not in matrix(replace(grid(12, 71), rows=same, legend=legend), 80, PLAIN)


def test_a_row_that_does_otherwise_than_its_table_says_is_not_ticked() -> None:
    row = PlayedRow("rst-in-window/SYN_RECV", Family.IPV4, answers=("ACK",))
    other = row.but(outcome="fail", problem="expected ACK; found nothing", answers=())
    runs = [
        KernelRun(replace(MACHINE, release=release), rows=(each,), done=True)
        for release, each in (
            ("6.1.0", row),
            ("6.17.0", other),
            ("6.18.0", other.but(then="LISTEN")),
        )
    ]
    (table,) = (each for each in overview.overview(runs).grids() if "table" in each.title)
    assert [mark.text for mark in table.rows[0].marks] == ["✓", "≠", "≠c"]
    assert table.rows[0].marks[1].told[0] == "expected ACK; found nothing"
    assert "≠ otherwise" in table.legend
