# SPDX-License-Identifier: GPL-2.0-or-later
"""The stock clients of `examples/audit/`: their list is whole, and those that are here get a
reply, with their defaults and with what their documentation recommends.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from netlab import Net
from netlab.testbed.program import Program
from tests.programs import found

from .test_planted import PATIENCE, answer_http, answer_lines

FOLDER = Path(__file__).parents[2] / "examples" / "audit"
READ = yaml.safe_load((FOLDER / "clients.yaml").read_text())
LIST: list[dict[str, Any]] = READ["clients"]
SERVERS: dict[str, dict[str, Any]] = READ["servers"]
SUFFIXES = {".sh", ".py", ".mjs", ".java", ".go"}
WAYS = {"debian", "pypi", "npm"}
PARTNERS = {"http": answer_http, "line": answer_lines}


def test_every_client_is_in_the_list_and_the_reverse() -> None:
    there = [path.name for path in FOLDER.iterdir() if path.suffix in SUFFIXES]
    assert sorted(entry["file"] for entry in LIST) == sorted(there)
    assert len(LIST) >= 20


def test_every_server_is_in_the_list_and_is_asked_by_a_client() -> None:
    files = {word for each in SERVERS.values() for word in shlex.split(each["command"])}
    assert {f"servers/{path.name}" for path in (FOLDER / "servers").glob("*.*")} <= files
    assert {entry.get("server") for entry in LIST} - {None} == {*SERVERS}


def test_a_client_says_how_it_is_had_and_where_its_recommendation_is_from() -> None:
    for entry in LIST:
        text = (FOLDER / entry["file"]).read_text()
        head = text[: text.index("--recommended") + 400]
        assert re.search(r"https://\S+", head) or "has no time-out of its own" in head, entry
        assert {*entry["from"]} < WAYS, entry
        for way, packages in entry["from"].items():
            for package in packages.split():
                if way != "debian":
                    assert package in head, entry
        assert all(entry[key] for key in ("name", "version", "talks")), entry
        assert (entry.get("server") in SERVERS) != ("lacks" in entry), entry


def test_what_comes_from_registries_is_what_their_own_lists_say() -> None:
    sources = [entry["from"] for entry in (*LIST, *SERVERS.values())]
    listed = {way: {each.get(way) for each in sources} - {None} for way in ("pypi", "npm")}
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == listed["pypi"]
    assert {*yaml.safe_load((FOLDER / "package.json").read_text())["dependencies"]} == listed["npm"]


def here(entry: dict[str, Any]) -> bool:
    """Whether it is played here: it needs no build, no database and nothing of npm, and its program
    is called as its package, so that it is that one.
    """
    if entry["talks"] not in PARTNERS or "build" in entry or "npm" in entry["from"]:
        return False
    if entry["command"].startswith("{python}"):
        return importlib.util.find_spec(entry["from"].get("pypi", "sys")) is not None
    return found(entry["from"]["debian"]) is not None


def test_a_client_gets_a_reply_both_ways(net: Net) -> None:
    servers = {talks: net.serve(answer) for talks, answer in PARTNERS.items()}
    begun: list[Program] = []
    for entry in filter(here, LIST):
        words = shlex.split(entry["command"].replace("{python}", sys.executable))
        there = servers[entry["talks"]]
        env = {"NETLAB_SERVER": there.host, "NETLAB_PORT": str(there.port)}
        for more in ([], ["--recommended"]):
            begun.append(net.lab.client.run([*words, *more], cwd=FOLDER, env=env))
    assert len(begun) >= 8  # those of Python, both ways
    failed = [f"{each}: {each.errors}" for each in begun if each.wait(PATIENCE)]
    assert not failed
    assert all(each.output for each in begun)


@pytest.mark.parametrize("entry", LIST, ids=lambda entry: entry["name"])
def test_its_command_is_about_its_file(entry: dict[str, Any]) -> None:
    words = shlex.split(f"{entry.get('build', '')} {entry['command']}")
    assert entry["file"] in words
    assert ("{built}" in entry["command"]) == ("build" in entry)
