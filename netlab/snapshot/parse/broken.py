# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows that a terminal or a mail program has broken: at a blank, or in the middle of a word."""

from __future__ import annotations

import re

from netlab.linux.inet_diag import INFO

#: The words of ``ss -i`` without a value, and the names of those with one, beside those of `INFO`.
PLAIN = frozenset({
    "ts", "sack", "ecn", "ecnseen", "ecn_mode", "fastopen", "app_limited", "send",
    "pacing_rate", "delivery_rate", "max_pacing_rate", "cubic", "reno", "bbr", "vegas", "dctcp",
    "htcp", "westwood", "illinois", "hybla", "prague", "yeah", "nv", "cdg", "usec_ts", "<->",
    "---", "-->",
})  # fmt: skip
NAMES = frozenset({
    "wscale", "rto", "rtt", "ato", "mss", "pmtu", "rcvmss", "advmss", "cwnd", "ssthresh",
    "bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received", "segs_out", "segs_in",
    "data_segs_out", "data_segs_in", "lastsnd", "lastrcv", "lastack", "unacked", "retrans",
    "lost", "sacked", "fackets", "reordering", "reord_seen", "rcv_rtt", "rcv_space",
    "rcv_ssthresh", "notsent", "minrtt", "snd_wnd", "rcv_wnd", "rehash", "delivered",
    "delivered_ce", "busy", "rwnd_limited", "sndbuf_limited", "backoff", "dsack_dups",
    "rcv_ooopack", "ino", "sk", "uid", "cgroup", "timer", "users", "skmem", "bbr", "dctcp",
    "tcp-ulp-tls", "fastopenkey", "mark", "fwmark", "dev", "opt", "class_id",
}) | {*INFO}  # fmt: skip
RATE = re.compile(r"[\d.]+[KMGT]?bps$")
FIGURE = re.compile(r"[\w-]{1,30}:[\d.,/]*\d$")
GLUED = re.compile(r"[^\w(](?P<name>[a-z_]+):[\d.]")
TAIL = re.compile(r"[\d.,/%]")
#: What somebody wrote behind a row, which no tool prints: ``<-- this one``, ``# why?``, ``<1>``.
REMARK = re.compile(
    r"(?<=\S)\s{2,}+(?:<(?:-+|=+)(?![->]) ?\S|#|//|\(!|\.{3}|\u2026|\u2190"
    r"|[<\[]\W*(?:snip|cut|\.{3}|\u2026)|[\u2460-\u2473\u2776-\u277f]|(?:<\d\d?>|\[\d\d?\]|\*)$)"
)


def joined(before: str, line: str) -> str:
    """Two pieces of a row as one: a word that was broken in its middle is whole again."""
    line = line.lstrip()
    blank = "" if in_one_word(before, line.split(None, 1)[0]) else " "
    return f"{before}{blank}{line}"


def without_remark(line: str) -> str:
    """A row without what somebody wrote behind it."""
    found = REMARK.search(line) if "  " in line or "\t" in line else None
    return line if found is None else line[: found.start()]


def in_one_word(before: str, begin: str) -> bool:
    """Whether a row that ends so and a line that begins so were broken in the middle of a word."""
    return _one_word(_last(before), begin)


def glued(word: str) -> bool:
    """Whether a figure stands right behind something else, as in ``7:cwnd:10``."""
    found = GLUED.search(word)
    return found is not None and found["name"] in NAMES and word.partition(":")[0] not in NAMES


def _last(text: str) -> str:
    words = text[-200:].split()
    return words[-1] if words and not text[-1].isspace() else ""


def _one_word(end: str, begin: str) -> bool:
    if not end:
        return False
    if end.count("(") > end.count(")") and ":(" in end:
        return True
    if FIGURE.match(end) and TAIL.match(begin):
        return True
    if end.endswith("m") and FIGURE.match(end[:-1]) and begin.startswith("s"):
        return True  # milliseconds
    return _known(end + begin) and not _known(end)


def _known(word: str) -> bool:
    name, colon, value = word.partition(":")
    return (
        (name in NAMES and value != "")
        if colon
        else (word in PLAIN or RATE.match(word) is not None)
    )
