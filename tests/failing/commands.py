# SPDX-License-Identifier: GPL-2.0-or-later
"""One short run of each command, and what it takes."""

from __future__ import annotations

from typing import NamedTuple

SHORT = "--hold 10ms port-closed"
CONNECTS = "curl -sS {{server}}:{{port}}"
STEP = '{{"server":listen}}'  # a step without a blank, for str.format


class Command(NamedTuple):
    """A command line; {results} is a folder that it may write to, {given} one with its input."""

    line: str
    code: int = 0  # where nothing fails
    says: str = ""  # where it ends as it should
    stdin: str = ""
    patience: float = 60.0  # seconds: who has not ended by then hangs
    prints: str | None = None  # the same each time; None: not known, or never the same


COMMANDS: dict[str, Command] = {
    "run": Command("run --hold 10ms syn-rejected-with-tcp-reset", says="1 passed"),
    "forge": Command(f"run {SHORT}", says="1 passed"),
    "run-program": Command("run --hold 10ms user-timeout", says="1 passed"),
    "report": Command(f"run {SHORT} --report {{results}}", says="1 passed"),
    "ladder": Command(f"run {SHORT} --ladder", says="1 passed"),
    "pcap": Command(f"run {SHORT} --pcap {{results}}", says="1 passed"),
    "ktap": Command(f"run {SHORT} --ktap", says="ok 1 probes.port-closed"),
    "junit": Command(f"run {SHORT} --junit {{results}}/a.xml", says="1 passed"),
    "json": Command(f"run {SHORT} --json", says='"outcome": "pass"'),
    "prove": Command(f"run {SHORT} --prove", says="1 passed"),
    "story": Command("run --hold 10ms nat-that-remembers", says="1 passed"),
    "list": Command("list", says="port-closed"),
    "show": Command("show port-closed", says="by hand"),
    "explain": Command("explain TCPTimeouts", says="nstat -az TcpExtTCPTimeouts"),
    "atlas": Command("atlas CLOSED/LISTEN", says="CLOSED"),
    "atlas-page": Command("atlas --report {results} --recorded", says="index.html"),
    "conformance": Command("conformance rst-exact/ESTABLISHED --ipv4", says="1 as said"),
    "fsm": Command("fsm --svg {results}/fsm.svg", says="arrows seen", patience=300.0),
    "snapshot": Command("snapshot", says='"looks"'),
    "mask": Command("snapshot --mask word", says='"looks"'),
    "diagnose": Command("diagnose {given}/stuck.txt", code=1, says="SYN"),
    "diagnose-here": Command("diagnose", says=""),
    "repro": Command("repro {given}/stuck.txt", says="steps:"),
    "repro-file": Command("repro {given}/stuck.txt -o {results}/a.yaml", says="a.yaml"),
    "repro-cause": Command("repro {given}/stuck.txt --cause syn-ack-lost", says="syn-ack-lost:"),
    "page": Command(
        "compare {given}/a.jsonl {given}/b.jsonl --page {results}/a.html", says="no differences"
    ),
    "compare": Command("compare {given}/a.jsonl {given}/b.jsonl", says="no differences"),
    "record": Command("baseline record --run {given}/a.jsonl -o {results}/a.yaml"),
    "check": Command("baseline check {given}/a.yaml --run {given}/a.jsonl", says="as recorded"),
    "record-here": Command(f"baseline record {SHORT} -o {{results}}/a.yaml"),
    "matrix-here": Command(f"matrix --kernel host {SHORT} --report {{results}}", says="1 passed"),
    "matrix-missing": Command("matrix --kernel ./no-such-bzImage port-closed", code=2),
    "bisect": Command("bisect --good a --scenario port-open {given}", code=2),
    "watch": Command("watch --every 1s --for 1s --textfile {results}", says="2 looks"),
    "collector": Command("collector", says="netlab diagnose"),
    "playbook": Command("collector --playbook", says="ansible.builtin"),
    "doctor": Command("doctor", says="ok"),
    "schema": Command("schema", says="$schema"),
    "kernel-config": Command("kernel-config", says="CONFIG_VETH=y"),
    "completion": Command("completion bash", says="netlab"),
    "teach": Command("teach port-closed", stdin="\n" * 40, says="port-closed"),
    "exec": Command(f"exec --step {STEP} -- true"),
    "audit": Command(f"audit --fault refused --cap 10s -- {CONNECTS}", says="error"),
    "warp": Command("warp --kernel ./no-such-bzImage -- true", code=2, says="there is no"),
    "search": Command(
        "search --server {given}/serve --ready 8000 --only double --most 1 -- curl -s server:8000",
        says="1 trial: 1 fine",
    ),
    "freeze": Command("freeze port-closed --for 100ms", says="is frozen"),
    "lab": Command("lab", code=2),
}
