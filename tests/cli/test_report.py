# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab run --report and --pcap: the files, what a browser shows of them, and what is refused."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.evidence import Evidence
from netlab.render.report import Chapter, ReportHead, report

from .browser import headings, look, print_to
from .shell import netlab, scenario

#: Where nobody may make a file, root neither.
NOWHERE = Path("/proc/netlab-report")
#: Passes, fails, is skipped, and drops.
NAMES = ("synack-dropped", "fin-dropped", "hello-both-ways", "syn-rejected-with-policy-fail")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every outcome but one."""
    home = tmp_path_factory.mktemp("report")
    failing = scenario(home, pair="ESTABLISHED/ESTABLISHED", within="300ms", name="never")
    done = netlab("run", "--hold", "300ms", "--report", home / "out", failing, *NAMES)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[-1] == f"report: {home / 'out' / 'index.html'}"
    return home / "out"


# --- the files


def test_a_report_is_a_page_and_two_files_a_scenario(folder: Path) -> None:
    captured = {f"{name}.pcapng" for name in ("never", *NAMES[:3])}  # what is skipped sends nothing
    records = {f"{name}.json" for name in ("never", *NAMES)}
    assert {path.name for path in folder.iterdir()} == {"index.html", *captured, *records}


def test_the_records_are_evidence_with_every_packet(folder: Path) -> None:
    run = Evidence.from_json((folder / "synack-dropped.json").read_text())
    assert run.recording
    assert {frame.seen for frame in run.recording.frames} == {"in", "out", "dropped"}


def test_the_capture_has_the_packets_of_the_record(folder: Path) -> None:
    from scapy.utils import RawPcapNgReader

    run = Evidence.from_json((folder / "synack-dropped.json").read_text())
    with RawPcapNgReader(str(folder / "synack-dropped.pcapng")) as reader:
        packets = list(reader)
    assert run.recording
    assert [data for data, _ in packets] == [frame.data for frame in run.recording.frames]
    comments = {comment for _, about in packets for comment in about.comments or ()}
    assert comments == {b"dropped by drop-1 at client input"}


def test_files_can_be_read_by_those_who_may_read_any(folder: Path) -> None:
    usual = 0o666 & ~_umask()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {usual}


def _umask() -> int:
    old = os.umask(0o022)
    os.umask(old)
    return old


def test_captures_alone(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    done = netlab("run", "--hold", "50ms", "--pcap", out, scenario(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"captures: {out} (1 file)"
    assert [path.name for path in out.iterdir()] == ["mine.pcapng"]


def test_with_json_standard_output_is_json_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = netlab("run", "--json", "--report", out, scenario(tmp_path))
    assert json.loads(done.out)["scenario"] == "mine"
    assert (out / "mine.json").read_text() == done.out
    assert done.err == f"report: {out / 'index.html'}\n"


def test_scenarios_of_one_name_get_files_of_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scenario(tmp_path / name)
    out = tmp_path / "out"
    assert netlab("run", f"{tmp_path}/", "--report", out).code == 0
    assert {path.stem for path in out.iterdir()} == {"index", "mine", "mine-2"}


def test_a_report_is_replaced_and_what_lies_beside_it_is_left(tmp_path: Path) -> None:
    mine = scenario(tmp_path)
    other = tmp_path / "precious"
    other.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "index.html").symlink_to(other)
    assert netlab("run", "--report", out, mine).code == 0
    assert other.read_text() == "precious"
    assert (out / "notes.txt").read_text() == "mine"
    assert {path.name for path in out.iterdir()} == {
        "index.html", "mine.json", "mine.pcapng", "notes.txt",
    }  # fmt: skip


@pytest.mark.parametrize("option", ["--report", "--pcap"])
def test_a_folder_that_cannot_be_is_refused_before_anything_is_played(
    option: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place, why in (
        (file, "File exists"),
        (file / "below", "Not a directory"),
        (NOWHERE, "No such file or directory"),
    ):
        done = netlab("run", option, place, scenario(tmp_path))
        assert (done.code, done.out) == (2, "")
        assert done.err == f"netlab: {option}: {place} cannot be written: {why}\n"


def test_a_page_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    done = netlab("run", "--report", tmp_path, scenario(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "index.html is a folder: name another place" in done.err


# --- the page, in a browser

PICTURES = """page => [...page.querySelectorAll("svg, svg rect, svg path, svg line, svg text")]
  .filter(shape => getComputedStyle(shape).display !== "none" && !shape.closest("defs, marker"))
  .map(shape => [shape.tagName, shape.outerHTML.slice(0, 90), shape.getBoundingClientRect()])
  .filter(([name, , box]) => name === "line" || name === "path"
      ? box.width + box.height === 0 : box.width * box.height === 0)
  .map(([, text]) => text)"""
OVERFLOW = """(page, view) => [page.documentElement.scrollWidth - view.innerWidth,
  ...[...page.querySelectorAll("body *")].filter(one => !one.closest("svg, .scroll, .problem"))
    .filter(one => one.getBoundingClientRect().right > view.innerWidth + 1
      && getComputedStyle(one).position !== "absolute")
    .map(one => one.outerHTML.slice(0, 90))]"""


@pytest.mark.parametrize("width", [1000, 360])
def test_every_picture_is_drawn_and_the_console_is_quiet(
    width: int, folder: Path, tmp_path: Path
) -> None:
    count = """page => [".states", ".ladder"].map(kind =>
      page.querySelectorAll(kind).length)"""
    assert look(folder / "index.html", count, tmp_path, width) == ([4, 3], [])
    assert look(folder / "index.html", PICTURES, tmp_path, width) == ([], [])


@pytest.mark.parametrize("width", [1000, 390, 360])
def test_the_page_never_scrolls_sideways(width: int, folder: Path, tmp_path: Path) -> None:
    overflow, *elements = look(folder / "index.html", OVERFLOW, tmp_path, width).answer
    assert (overflow <= 0, elements) == (True, [])


def test_words_are_dark_on_light_and_light_on_dark(folder: Path, tmp_path: Path) -> None:
    function = """(page, view) => ["backgroundColor", "color"].map(what =>
      view.getComputedStyle(page.body)[what].match(/\\d+/g).reduce((sum, n) => sum + +n, 0))"""
    paper, ink = look(folder / "index.html", function, tmp_path).answer
    assert (paper > 700, ink < 200) == (True, True)
    paper, ink = look(folder / "index.html", function, tmp_path, dark=True).answer
    assert (paper < 200, ink > 600) == (True, True)


def test_the_page_can_be_read_without_scripts(folder: Path, tmp_path: Path) -> None:
    function = """page => [page.querySelector(".filter").checkVisibility(),
      page.querySelectorAll("article").length,
      page.body.innerText.includes("SYN-ACK never reaches"),
      [...page.querySelectorAll("summary")].every(one => one.checkVisibility())]"""
    seen = look(folder / "index.html", function, tmp_path, scripts=False)
    assert seen.answer == [False, 5, True, True]


def test_the_filter_leaves_the_rows_that_have_all_words(folder: Path, tmp_path: Path) -> None:
    function = """(page, view) => {
      const input = page.querySelector("input");
      input.value = "syn_recv DROPPED";
      input.dispatchEvent(new view.Event("input"));
      return [...page.querySelectorAll(".contents th[scope^=row]")]
        .filter(row => row.checkVisibility()).map(row => row.innerText.trim());
    }"""
    shown = look(folder / "index.html", function, tmp_path).answer
    assert shown == ["handshake", "synack-dropped"]


def test_on_paper_the_folded_tables_are_unfolded(folder: Path, tmp_path: Path) -> None:
    without = tmp_path / "without.html"
    page = folder / "index.html"
    without.write_text(page.read_text().replace("</style>", "details { display: none }</style>"))
    assert _pages(page, tmp_path) > _pages(without, tmp_path) + 3


def test_on_paper_no_heading_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """Stories of all lengths move headings to every place of a sheet; ladders that are longer than
    a sheet begin one of their own.
    """
    run = Evidence.from_json((folder / "synack-dropped.json").read_text())
    assert run.recording
    frames = tuple(
        replace(frame, at=frame.at + 3 * again)
        for again in range(9)
        for frame in run.recording.frames
    )
    recorded = (None, None, None, None, replace(run.recording, frames=frames))
    chapters = [
        Chapter(
            replace(run, recording=recorded[number % 5]), f"number-{number}", "word " * 14 * number
        )
        for number in range(15)
    ]
    page, paper = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(report(chapters, ReportHead("1.2.3", "now", 1.0)))
    print_to(paper, page, tmp_path)
    found = headings(paper)
    assert len(found) > 60
    margin, some_lines, caption = 45, 65, 60  # points, points, letters
    assert min(heading.height for heading in found) > margin + some_lines
    assert min(heading.letters for heading in found) > caption


def _pages(page: Path, folder: Path) -> int:
    paper = folder / "page.pdf"
    print_to(paper, page, folder)
    return len(re.findall(rb"/Type /Page\b", paper.read_bytes()))
