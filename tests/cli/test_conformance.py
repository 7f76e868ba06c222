# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab conformance``: the grid, one row, the list, records, the page, and exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from netlab import cli

from .browser import look
from .shell import netlab


class Screen(io.StringIO):
    """A standard output that says that it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


#: What does not fit into a page's width, and how many squares lead to a row that is there.
FITS = """
(page, view) => ({
  wide: page.documentElement.scrollWidth - view.innerWidth,
  lost: [...page.querySelectorAll("td a")].filter(
    (square) => !page.getElementById(decodeURIComponent(square.hash.slice(1)))).length,
  squares: page.querySelectorAll("td a").length,
})
"""

#: Where arrow keys lead in the grids, and how many stops of the Tab key these are.
WALK = """
(page, view) => {
  const at = () => decodeURIComponent(page.activeElement.hash.slice(1));
  const went = [];
  page.querySelector('td a[href="#rst-in-window-again/SYN_RECV-crossed"]').focus();
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowDown"]) {
    page.activeElement.dispatchEvent(
      new view.KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
    went.push(at());
  }
  const grids = page.querySelectorAll(".answers").length;
  const stops = [...page.querySelectorAll("td a")].filter(square => square.tabIndex === 0);
  return {went, alone: stops.length === grids, there: stops.some(each => each.hash.endsWith(
    page.activeElement.hash))};
}
"""


def test_one_row_is_explained_with_its_packets() -> None:
    done = netlab("conformance", "rst-in-window/FIN_WAIT2", "--ipv4")
    assert done.code == 0
    assert "RFC 5961, section 3.2" in done.out
    assert "event        arrives RST seq=next+10" in done.out
    assert "├── RST seq=11" in done.out
    assert "1 row over IPv4: 1 as said in" in done.out


def test_some_rows_are_a_grid_in_80_columns() -> None:
    done = netlab("conformance", "rst-*", COLUMNS="80")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert (
        "rst-in-window              ✓    ✓    ✓    ✓    ✓    ✓    ◆    ✓    ✓    ✓    ◆" in done.out
    )


def test_a_kernel_that_does_otherwise_is_told_and_ends_with_1() -> None:
    done = netlab("conformance", "listen-syn-sack", "--sysctl", "tcp_sack=0", "--ipv6")
    assert done.code == 1
    assert "IPv6: answers SYN|ACK ack=next+1 mss, expected SYN|ACK ack=next+1 mss sack" in done.out
    done = netlab("conformance", "listen-syn-sack", "listen-syn-all", "--sysctl", "tcp_sack=0")
    assert "listen-syn-sack/LISTEN (IPv4): answers SYN|ACK ack=next+1 mss, expected" in done.out
    assert done.code == 1


def test_records_are_objects_a_line() -> None:
    done = netlab("conformance", "fin/*", "--json", "--ipv4")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert len(records) == 13
    assert {record["outcome"] for record in records} == {"pass"}
    assert records[5]["name"] == "fin/ESTABLISHED"
    assert records[5]["then"] == "CLOSE_WAIT"


def test_the_list_plays_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "--list", "TIME_WAIT"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) > 50
    assert all("/TIME_WAIT" in line for line in listed)


def test_nothing_to_play_is_no_success() -> None:
    done = netlab("conformance", "--ipv4", "icmp-request-ipv6/*", "--ktap")
    assert (done.code, done.out) == (2, "")
    assert "over IPv4 there is none of these rows" in done.err
    assert netlab("conformance", "--ipv6", "icmp-request-ipv6/*").code == 0


def test_the_list_keeps_to_a_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", (screen := Screen()))
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["conformance", "--list"]) == 0
    lines = screen.getvalue().splitlines()
    assert len(lines) > 1000
    assert max(map(len, lines)) <= 80


def test_a_row_that_there_is_not_is_named() -> None:
    done = netlab("conformance", "rst-sometimes")
    assert (done.code, done.out) == (2, "")
    assert "no row is called 'rst-sometimes'" in done.err


def test_the_page_leads_from_a_square_to_its_row(tmp_path: Path) -> None:
    done = netlab("conformance", "rst-*", "syn*", "--report", tmp_path)
    assert done.code == 0
    page = (tmp_path / "conformance.html").read_text()
    assert '<a href="#rst-in-window/TIME_WAIT"' in page
    assert 'id="rst-in-window/TIME_WAIT"' in page
    assert "In TIME_WAIT a RST that is not at the next number is dropped without a word" in page
    for width, dark in ((1280, False), (1280, True), (380, False)):
        seen = look(tmp_path / "conformance.html", FITS, tmp_path, width, dark=dark)
        assert seen.complaints == []
        assert seen.answer["wide"] <= 0
        assert (seen.answer["lost"], seen.answer["squares"] > 150) == (0, True)
    seen = look(tmp_path / "conformance.html", WALK, tmp_path)
    assert seen.complaints == []
    assert seen.answer == {
        "went": [
            "rst-in-window-again/SYN_RECV-crossed",  # the first of its line that there is
            "rst-in-window-again/ESTABLISHED",
            "syn-rst/ESTABLISHED",
            "rst-in-window-again/ESTABLISHED",
            "syn-in-window-again/ESTABLISHED",
        ],
        "alone": True,
        "there": True,
    }
