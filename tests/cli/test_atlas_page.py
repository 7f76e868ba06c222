# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas as a page: what it has, and how one walks in it, in a browser without a window."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netlab.atlas import fsm, store

from .browser import look, print_to
from .shell import netlab

PAIR = "FIN_WAIT1/CLOSE_WAIT"
#: What a browser shows of the page at one address: `open` goes there first, as a link would.
OPEN = """
  const open = name => {
    view.history.replaceState(null, "", `#${name}`);
    view.dispatchEvent(new view.HashChangeEvent("hashchange"));
  };
  const key = (name, at = page.body) => at.dispatchEvent(
    new view.KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
  const now = () => page.querySelector(".place.open");
  const lit = name => [...page.querySelectorAll(`.${name}`)].map(
    part => part.dataset.state || part.dataset.arrow);
  const step = () => now().querySelector("output").firstChild.data.split(":")[0];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas") / "out"
    done = netlab("atlas", "--report", folder, "--recorded")
    assert (done.code, done.out, done.err) == (0, f"report: {folder / 'index.html'}\n", "")
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    return folder / "index.html"


# --- what it has


class Outline(HTMLParser):
    """The elements that lead somewhere, or are led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an element leads to, and what it loads."""
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loaded += [value for name, value in given.items() if name == "src"]
        self.loaded += [given["href"]] if tag == "link" else []


def test_every_pair_has_its_place_and_every_link_its_end(page: Path) -> None:
    seen = Outline(page.read_text())
    assert {str(pair) for pair in store.pairs()} <= {*seen.ids}
    assert len({*seen.ids}) == len(seen.ids)
    assert {link.removeprefix("#") for link in seen.links} <= {*seen.ids}
    assert seen.loaded == ["data:,"]


def test_a_pair_has_its_evidence_and_what_is_said_of_it(page: Path) -> None:
    text = page.read_text()
    place = text[text.index(f'id="{PAIR}"') :].partition("</article>")[0]
    for part in (
        "Every ACK to the client is lost.",
        "it becomes FIN_WAIT2/CLOSE_WAIT",
        "about 107 s once its program is gone",
        "table inet to-client {",
        "FIN-WAIT-1 ",
        "CLOSE-WAIT ",
        "fin-ack-lost: the FIN arrives, and its ACK does not",
        "netlab atlas FIN_WAIT1/CLOSE_WAIT",
    ):
        assert part in place, part


def test_a_pair_that_cannot_be_says_why(page: Path) -> None:
    assert "It cannot be: FIN_WAIT2 needs a peer that took the FIN" in page.read_text()


def test_every_move_of_a_ladder_is_an_arrow_that_is_known(page: Path) -> None:
    known = {f"{arrow.source}-{arrow.target}" for arrow in fsm.ARROWS if not arrow.absent}
    made = set(re.findall(r"(?:client|server):(\w+-\w+)", page.read_text()))
    assert len(made) > 20
    assert made <= known


# --- how one walks in it


def test_the_first_place_is_open_and_nothing_complains(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        f"""(page, view) => {{ {OPEN} return {{
          shown: [...page.querySelectorAll(".place")].filter(p => p.offsetParent).map(p => p.id),
          beside: page.querySelectorAll(".grid a").length,
          tabs: [...page.querySelectorAll(".grid a")].filter(a => a.tabIndex === 0).length,
        }}; }}""",
        tmp_path,
    )
    assert seen.complaints == []
    assert seen.answer == {"shown": ["SYN_SENT/SYN_RECV"], "beside": 110, "tabs": 1}


def test_a_link_opens_its_pair_where_it_is_held_and_the_keys_walk(
    page: Path, tmp_path: Path
) -> None:
    seen = look(
        page,
        f"""(page, view) => {{ {OPEN}
          open("{PAIR}");
          const held = [lit("in-client"), lit("in-server"), step()];
          const heard = now().querySelector("output").textContent;
          const gone = lit("by-client");
          for (let n = 0; n < 100; n++) key("ArrowLeft");
          const first = [lit("in-client"), step(), lit("by-client"), lit("by-server")];
          for (let n = 0; n < 100; n++) key("ArrowRight");
          const last = [lit("in-client"), lit("in-server")];
          now().querySelector('[data-go="-1"]').click();
          return {{id: now().id, held, heard, gone, first, last, back: step(),
                   focus: page.activeElement.id}};
        }}""",
        tmp_path,
    )
    assert seen.complaints == []
    found = seen.answer
    assert (found["id"], found["focus"]) == (PAIR, f"heading:{PAIR}")
    assert found["held"][:2] == [["FIN_WAIT1"], ["CLOSE_WAIT"]]
    assert set(found["gone"]) == {
        "CLOSED-SYN_SENT",
        "SYN_SENT-ESTABLISHED",
        "ESTABLISHED-FIN_WAIT1",
    }
    number = re.fullmatch(r"step (\d+) of (\d+)", found["held"][2])
    assert number
    assert ": FIN_WAIT1 / CLOSE_WAIT: " in found["heard"]
    assert found["heard"].endswith(", of the server is lost (to-client) to the client")
    assert 5 < int(number[1]) < int(number[2])
    assert found["first"] == [["CLOSED", "CLOSED"], f"step 1 of {number[2]}", [], []]
    assert found["last"] == [["FIN_WAIT2"], ["CLOSE_WAIT"]]
    assert found["back"] == f"step {int(number[2]) - 1} of {number[2]}"


def test_an_address_in_any_spelling_opens_its_pair_and_without_one_the_first(
    page: Path, tmp_path: Path
) -> None:
    seen = look(
        page,
        f"""(page, view) => {{ {OPEN}
          const ids = [];
          for (const name of [
            "fin-wait-1/close_wait", "SYN_RECV%2FSYN_RECV", "page:pairs", "100%", ""
          ]) {{
            open(name);
            ids.push(now().id);
          }}
          return ids;
        }}""",
        tmp_path,
    )
    assert seen.complaints == []
    crossed = "SYN_RECV/SYN_RECV"
    assert seen.answer == [PAIR, crossed, crossed, crossed, "SYN_SENT/SYN_RECV"]


def test_arrow_keys_move_in_the_grid_and_stop_at_its_edges(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        f"""(page, view) => {{ {OPEN}
          const at = () => decodeURIComponent(page.activeElement.hash.slice(1));
          const went = [];
          page.querySelector('.grid [aria-current]').focus();
          for (const name of ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp"]) {{
            key(name, page.activeElement);
            went.push(at());
          }}
          for (let n = 0; n < 20; n++) key("ArrowRight", page.activeElement);
          went.push(at());
          return went;
        }}""",
        tmp_path,
    )
    assert seen.answer == [
        "SYN_RECV/SYN_RECV",
        "SYN_RECV/ESTABLISHED",
        "SYN_SENT/ESTABLISHED",
        "CLOSED/ESTABLISHED",
        "CLOSED/ESTABLISHED",
        "CLOSED/TIME_WAIT",
    ]


def test_without_scripts_all_pairs_stand_below_each_other(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        """page => ({
          shown: [...page.querySelectorAll(".place")].filter(p => p.offsetParent).length,
          buttons: [...page.querySelectorAll("button")].filter(p => p.offsetParent).length,
        })""",
        tmp_path,
        scripts=False,
    )
    assert seen.answer == {"shown": 110, "buttons": 0}


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(width: int, page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        f"""(page, view) => {{ {OPEN} const wide = [];
          for (const place of page.querySelectorAll(".place")) {{
            open(place.id);
            if (page.documentElement.scrollWidth > view.innerWidth) wide.push(place.id);
          }}
          return wide;
        }}""",
        tmp_path,
        width=width,
    )
    assert seen.answer == []


def test_words_can_be_read_in_the_dark(page: Path, tmp_path: Path) -> None:
    colours = """(page, view) => [page.body, page.querySelector(".place.open")].map(part =>
      [view.getComputedStyle(part).color, view.getComputedStyle(part).backgroundColor].map(
        colour => colour.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b)))"""
    for words, ground in look(page, colours, tmp_path, dark=True).answer:
        assert words > ground + 300


def test_on_paper_there_is_the_pair_that_was_open(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "atlas.pdf"
    print_to(paper, page, tmp_path)
    sheets = len(re.findall(rb"/Type /Page\b", paper.read_bytes()))
    assert 2 <= sheets <= 8


# --- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recorded"], "it needs --report DIR"),
        (["--report", "{out}", "FW1/CW"], "the page has all pairs; leave out 'FW1/CW'"),
        (["--report", "{out}", "--recorded", "--json"], "so that --json has no meaning"),
        (["--report", "{out}", "--recorded", "--ipv6"], "so that --ipv6 has no meaning"),
        (["--report", "/proc/netlab-atlas"], "--report: /proc/netlab-atlas cannot be written"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    done = netlab("atlas", *(word.format(out=tmp_path / "out") for word in words))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
