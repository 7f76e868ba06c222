# SPDX-License-Identifier: GPL-2.0-or-later
"""One good scenario, and every way to spoil it that the loader has words for."""

from __future__ import annotations

from typing import NamedTuple

GOOD = """\
# The server's SYN-ACK never reaches the client: neither end can finish the handshake, both keep retrying.
name: synack-dropped
source: Part 1, Figures 7-8
steps:
  - server: listen
  - drop: {segment: SYN|ACK, to: client}
  - client: connect
expect:
  pair: {client: SYN_SENT, server: SYN_RECV}
  hold: 1.2s
  dropped: at least 2
  healed: {client: ESTABLISHED, server: ESTABLISHED}
"""  # noqa: E501  # the example of DESIGN.md, letter by letter
NAME = "synack-dropped.yaml"

_NAME = "name: synack-dropped"
_SOURCE = "source: Part 1, Figures 7-8"
_LISTEN = "server: listen"
_DROP = "drop: {segment: SYN|ACK, to: client}"
_TO = "to: client"
_CONNECT = "client: connect"
_PAIR = "pair: {client: SYN_SENT, server: SYN_RECV}"
_HOLD = "hold: 1.2s"
_DROPPED = "dropped: at least 2"
_HEALED = "  healed: {client: ESTABLISHED, server: ESTABLISHED}\n"
_STEPS = GOOD[GOOD.index("steps:") : GOOD.index("expect:")]
_EXPECT = GOOD[GOOD.index("expect:") :]


class Wrong(NamedTuple):
    """A spoilt document: what is wrong, by which edit, and what is to be said in which line."""

    what: str
    old: str
    new: str
    line: int
    says: str
    schema: bool = True  # whether it is a matter of shape, which the JSON Schema refuses too

    @property
    def text(self) -> str:
        """The spoilt document."""
        assert GOOD.count(self.old) == 1, f"{self.old!r} is not in the good document once"
        return GOOD.replace(self.old, self.new)


WORDS = [
    Wrong("key", _SOURCE, "sauce: x", 3, "has no 'sauce'. Did you mean source? It takes: name, "),
    Wrong("key of a drop", _TO, "too: client", 6, "drop has no 'too'. Did you mean to?"),
    Wrong("key of expect", "hold:", "holds:", 10, "expect has no 'holds'. Did you mean hold?"),
    Wrong("key like nothing", "hold:", "qqq:", 10, "has no 'qqq'. It takes: pair, of, hold, "),
    Wrong("step", _DROP, "dorp: {}", 6, "no step is called 'dorp'. Did you mean drop? Known: "),
    Wrong("action as a step", _CONNECT, "forge: {from: client, segment: RST}", 7,
          "'forge' is what an end does: write 'client: {forge: {...}}' or 'server: {"),
    Wrong("action without arguments as a step", _LISTEN, "listen: server", 5,
          "'listen' is what an end does: write 'client: listen' or 'server: listen'"),
    Wrong("acting side", _LISTEN, "sever: listen", 5, "'sever'. Did you mean server?"),
    Wrong("action", _CONNECT, "client: conect", 7, "cannot 'conect'. Did you mean connect?"),
    Wrong("state", "SYN_SENT", "SYN_SEND", 9,
          "client: expected a state: ESTABLISHED, SYN_SENT, "),
    Wrong("what a terminal would obey", "SYN_SENT", '"\\e]0;x\\a"', 9,
          r"the control character \x1b cannot stand in a text: leave it out"),
    Wrong("a sysctl of the machine", _CONNECT, "client: {sysctl: {kernel.hostname: x}}", 7,
          "expected a sysctl of the network, which a lab has for itself, such as tcp_syncookies "),
    Wrong("state by its beginning", "SYN_SENT", "SYN", 9, "client: expected a state: "),
    Wrong("state with dots", "SYN_SENT", "SYN.SENT", 9, "Did you mean SYN_SENT?"),
    Wrong("segment", "SYN|ACK", "SYNACK", 6, "segment: expected a segment: SYN, SYN|ACK, ACK, "),
    Wrong("segment with a hyphen", "SYN|ACK", "syn-ack", 6, "Did you mean SYN|ACK?"),
    Wrong("segment nobody sends", "SYN|ACK", "DATA|SYN", 6, "found 'DATA|SYN'", schema=False),
    Wrong("port too large", _TO, f"{_TO}, port: 70000", 6,
          "port: expected a port, 1 to 65535; found '70000'"),
    Wrong("port by name", _TO, f"{_TO}, port: http", 6, "1 to 65535; found 'http'"),
    Wrong("hook", _TO, "at: client outptu", 6, "Did you mean client output?"),
    Wrong("no hook", _TO, "at: client", 6, "at: expected a side and a hook: client prerouting, "),
    Wrong("side", _TO, "to: cleint", 6,
          "to: expected a side: client or server; found 'cleint'. Did you mean client?"),
    Wrong("duration", _HOLD, "hold: soon", 10,
          "hold: expected a duration such as 1.2s, 300ms, 2min or 1h; found 'soon'"),
    Wrong("unit", _HOLD, "hold: 2w", 10, "a duration such as 1.2s, 300ms, 2min or 1h; found '2w'"),
    Wrong("negative duration", _HOLD, "hold: -1s", 10, "; found '-1s'"),
    Wrong("errno", _CONNECT, f"{_CONNECT}\n    fails: ECONNREFUSE", 8,
          "fails: expected an error of errno(3) such as ECONNREFUSED; found 'ECONNREFUSE'. "
          "Did you mean ECONNREFUSED?", schema=False),
    Wrong("a word of Python's errno", _CONNECT, f"{_CONNECT}\n    fails: errorcode", 8,
          "expected an error of errno(3) such as ECONNREFUSED; found 'errorcode'"),
    Wrong("comparison", "at least 2", "at lest 2", 11,
          "a number, 'at least 2', 'at most 3', 'between 1 and 3' or none; found 'at lest 2'",
          schema=False),
    Wrong("range upside down", "at least 2", "between 3 and 1", 11, "found 'between 3 and 1'",
          schema=False),
    Wrong("timer", _HOLD, "rows: {client: {timer: keepalife}}", 10, "Did you mean keepalive?"),
    Wrong("counter", _HOLD, "counters: {client: {tcp_out: 1}}", 10,
          "expected a counter as nstat names it, ", schema=False),
    Wrong("a behaviour", _NAME, "needs: behaviour:shutdown-wait-in-syn-recv", 2,
          "Did you mean behaviour:shutdown-waits-in-syn-recv?", schema=False),
    Wrong("a need of a kind that is none", _NAME, "needs: version:6.10", 2,
          "needs: expected a sysctl such as tcp_rto_max_ms, 'counter:NAME' as nstat names it, "
          "'program:NAME', 'python:NAME' for a package of Python, or 'behaviour:NAME'"),
    Wrong("no counter", _NAME, "needs: [counter:tcp_out]", 2, "found 'counter:tcp_out'"),
    Wrong("family", _NAME, "family: ipv5", 2, "a family: ipv4 or ipv6; found 'ipv5'"),
    Wrong("flag", _NAME, "slow: perhaps", 2, "slow: expected yes or no; found 'perhaps'"),
    Wrong("answer", _DROP, "reject: {segment: SYN, to: server, with: tcp-rst}", 6,
          "with: expected an answer: tcp-reset, no-route, "),
    Wrong("name of a fault", _TO, f"{_TO}, as: a b", 6,
          "as: expected a name of letters, digits and hyphens; found 'a b'"),
    Wrong("signal", _CONNECT, "client: {signal: SIGNT}", 7, "Did you mean SIGINT?", schema=False),
    Wrong("option", _CONNECT, "client: {option: {IP_TTL: 1}}", 7,
          "option: expected a socket option such as TCP_NODELAY; found 'IP_TTL'", schema=False),
    Wrong("value of an option", _CONNECT, "client: {option: {TCP_NODELAY: on}}", 7, "found 'on'"),
    Wrong("command line", _CONNECT, """client: {run: "a 'b"}""", 7,
          "run: expected a command line", schema=False),
    Wrong("no words", _CONNECT, "client: {run: []}", 7,
          "run: expected a command line, or a list of its words, with {client}"),
    Wrong("words that are lists", _CONNECT, "client: {run: [ls, [a]]}", 7, "found a list"),
    Wrong("placeholder in a word", _CONNECT, "client: {run: [ping, '{host}']}", 7, "found a list",
          schema=False),
    Wrong("an error inside", _CONNECT, "client: {read: {bytes: 1}, fails: ECONNRESET}", 7,
          "'fails' stands beside 'client:', as another key of the same step, and not in it: "
          "{client: ..., fails: ...}"),
    Wrong("an error further inside", _CONNECT, "client: {read: {bytes: 1, fails: EPIPE}}", 7,
          "'fails' stands beside 'client:'"),
    Wrong("a connection inside", _CONNECT, "client: {of: first, read: hi}", 7,
          "'of' stands beside 'client:'"),
    Wrong("placeholder", _CONNECT, "client: {run: 'ping {host}'}", 7, "'ping {host}'",
          schema=False),
    Wrong("argument beside", _CONNECT, "client: {start: ls, redy: 80}", 7,
          "start has no 'redy'. Did you mean ready? It takes: command, ready, within"),
    Wrong("no argument beside", _CONNECT, "client: {start: ls}", 7,
          "start lacks 'ready': a port that it listens on, or a text that it writes"),
    Wrong("exit", _HOLD, "program: {exits: 256}", 10,
          "exits: expected an exit code, 0 to 255, a signal: SIGKILL, or never; found '256'"),
    Wrong("no program there", f"{_CONNECT}\nexpect:",
          f"{_CONNECT}\n  - client: {{run: ls}}\nexpect:\n  program: {{exits: 0, at: server}}", 10,
          "expect has 'program', but no step starts one at the server", schema=False),
    Wrong("no program that ends then", "server: ESTABLISHED", "server: ESTABLISHED, program: 0", 12,
          "expect has 'program', but no step starts one", schema=False),
    Wrong("no program", _HOLD, "program: 0", 10, "expect has 'program', but no step starts one",
          schema=False),
    Wrong("huge count", "at least 2", "9" * 400, 11, "dropped: expected a number, ",
          schema=False),
    Wrong("huge duration", _LISTEN, f"server: {{listen: {{defer: {'9' * 400}}}}}", 5,
          "defer: expected a duration in whole seconds", schema=False),
]  # fmt: skip

SHAPES = [
    Wrong("two keys at the top", _SOURCE, "source: a\nsource: b", 4,
          "the scenario: 'source' appears twice, first on line 3. Keep one", schema=False),
    Wrong("two keys, nested", _PAIR, "pair:\n    client: LISTEN\n    client: CLOSED", 11,
          "pair: 'client' appears twice, first on line 10. Keep one", schema=False),
    Wrong("two keys in a step", _TO, f"{_TO}, to: server", 6, "drop: 'to' appears twice",
          schema=False),
    Wrong("two sides in a step", _CONNECT, f"{_CONNECT}\n    {_LISTEN}", 7,
          "a step does one thing, and this does 'client' and 'server': make it two"),
    Wrong("two actions", _CONNECT, "client: {connect: {}, close: {}}", 7,
          "client does one thing in a step; found 2"),
    Wrong("no action", _CONNECT, "client: {}", 7,
          "client does one thing in a step; found an empty mapping"),
    Wrong("nothing done", _CONNECT, "of: c1", 7, "a step does one of: client, server, drop, "),
    Wrong("no step", _STEPS, "steps: []\n", 4, "expected a list of steps; found an empty list"),
    Wrong("steps by name", _STEPS, "steps: {server: listen}\n", 4, "steps; found a mapping"),
    Wrong("a word as a step", _CONNECT, "connect", 7,
          "a step: expected a mapping (key: value); found 'connect'"),
    Wrong("no state", "SYN_SENT", "[]", 9, "client: expected a state: ESTABLISHED, "),
    Wrong("a list as a duration", _HOLD, "hold: [1s]", 10, "2min or 1h; found a list"),
    Wrong("a mapping as a segment", "SYN|ACK", "{}", 6, "or ANY; found an empty mapping"),
    Wrong("a list as a key", _HOLD, "? [hold]\n  : 1s", 10,
          "expect: expected a word as key; found a list", schema=False),
    Wrong("a word as a pair", _PAIR, "pair: LISTEN", 9,
          "pair: expected a mapping (key: value); found 'LISTEN'"),
    Wrong("a list of actions", _LISTEN, "server: [listen]", 5,
          "server: expected a mapping (key: value); found a list"),
    Wrong("no source", f"{_SOURCE}\n", "", 2,
          "the scenario lacks 'source': where the case is described"),
    Wrong("empty source", _SOURCE, "source:", 3, "source: expected text; found nothing"),
    Wrong("no steps", _STEPS, "", 2, "the scenario lacks 'steps': a list of steps"),
    Wrong("no expect", _EXPECT, "", 2, "the scenario lacks 'expect': what is expected"),
    Wrong("no pair", f"  {_PAIR}\n", "", 9, "expect lacks 'pair': a pair of states"),
    Wrong("half a pair", ", server: SYN_RECV", "", 9, "pair lacks 'server': a state: "),
    Wrong("a reject without answer", _DROP, "reject: {segment: SYN, to: server}", 6,
          "reject lacks 'with': an answer: tcp-reset, "),
    Wrong("an action without its value", _CONNECT, "client: sysctl", 7,
          "sysctl needs arguments: sysctl: {...}"),
    Wrong("a modifier of a drop", _DROP, f"{_DROP}\n    fails: EPERM", 6,
          "'fails' goes with what a side does, not with 'drop'"),
    Wrong("an argument nobody takes", _CONNECT, "client: {close: now}", 7,
          "close: expected a mapping (key: value); found 'now'"),
    Wrong("a list", GOOD, "- a\n- b\n", 1,
          "the scenario: expected a mapping (key: value); found a list"),
    Wrong("a word", GOOD, "hello\n", 1, "expected a mapping (key: value); found 'hello'"),
    Wrong("nothing at all", GOOD, "", 1,
          "is empty: expected a mapping with source, steps and expect"),
    Wrong("only comments", GOOD, "# a\n# b\n", 1,
          "is empty: expected a mapping with source, steps and expect"),
]  # fmt: skip

NO_YAML = [
    Wrong("an open bracket", _PAIR, "pair: {client: SYN_SENT", 10, "is not YAML: "),
    Wrong("an open quote", _SOURCE, 'source: "Part 1', 3, "found unexpected end of stream"),
    Wrong("an open bracket at the end", _HEALED, "  healed: {client: CLOSED", 12, "is not YAML: "),
    Wrong("a tab", "  - server", "\t- server", 5, "is not YAML: found character "),
    Wrong("a control character", "Figures", "\x07", 3, "is not YAML: "),
    Wrong("one after wide characters", GOOD, f"# {'é' * 9}\n# \x07\n{GOOD}", 2, "is not YAML: "),
    Wrong("an alias", _SOURCE, "source: *name", 3,
          "aliases (*name) are not used in scenarios: say it again"),
    Wrong("two documents", GOOD, f"{GOOD}---\n{GOOD}", 13,
          "is not YAML: but found another document"),
    Wrong("half a character", _SOURCE, r'source: "\ud800"', 3, "is not YAML: found invalid "),
    Wrong("brackets, 5000 deep", GOOD, f"{_SOURCE}\na: {'[' * 5000}", 2, "is nested too deeply"),
    Wrong("dashes, 5000 deep", GOOD, f"{_SOURCE}\na:\n{'- ' * 5000}", 3, "is nested too deeply"),
]  # fmt: skip

SENSE = [
    Wrong("another file's name", _NAME, "name: syn-dropped", 2,
          "name is 'syn-dropped', and the file is 'synack-dropped.yaml'"),
    Wrong("another name, said late", GOOD, f"{GOOD.replace(_NAME, 'slow: no')}name: late\n", 13,
          "name is 'late', and the file is 'synack-dropped.yaml'"),
    Wrong("neither healed nor cause", _HEALED, "", 9, "expect needs 'healed' "),
    Wrong("a healing that nothing shows", _HEALED,
          "  healed: {client: SYN_SENT, server: SYN_RECV}\n", 12,
          "'healed' is the pair itself, so nothing shows that it healed. Add ", schema=False),
    Wrong("heal without healed", _HEALED, "  cause: none\n  heal: [remove: all]\n", 13,
          "expect has 'heal' but not 'healed'"),
    Wrong("healed by removing nothing", _CONNECT, f"{_CONNECT}\n  - remove: all", 13,
          "expect has 'healed', but no fault is in force by then that could be removed. Say what "
          "heals it, 'heal: [server: accept]', or why nothing does, 'cause'"),
    Wrong("dropped by nobody", f"  - {_DROP}\n", "", 10,
          "expect has 'dropped', but no step drops anything"),
    Wrong("an unknown connection", _CONNECT, "client: close\n    of: c1", 7,
          "no connection of the client is called 'c1' by then. Known: none; give one with 'as:'"),
    Wrong("a connection's name too early", _CONNECT, f"{_CONNECT}\n    of: c1", 7,
          "'of' goes with what concerns a connection, not with connect"),
    Wrong("the other end's connection", _CONNECT,
          "client: {connect: {as: c1}}\n  - server: close\n    of: c1", 8, "'c1'"),
    Wrong("expected of an unknown one", _HOLD, "of: c1", 10, "no connection is called 'c1' by "),
    Wrong("an unknown fault lifted", _CONNECT, "remove: loss", 7,
          "no fault is called 'loss' by then. Known: drop-1"),
    Wrong("a plug of another name", _CONNECT, "plug: client\n  - remove: plug-2", 8, "'plug-2'"),
    Wrong("a word of before", _CONNECT, "lift: all", 7,
          "'lift' is called 'remove' now: write 'remove:'"),
    Wrong("an unknown fault counted", "at least 2", "{loss: 1}", 11,
          "no fault is called 'loss' by then. Known: drop-1"),
    Wrong("two faults of one name", _DROP, f"{_DROP}\n  - plug: {{as: drop-1}}", 7,
          "there is already a fault called 'drop-1'"),
    Wrong("two places", _TO, f"{_TO}, at: server output", 6, "drop needs one place: 'to: client' "),
    Wrong("no place", f", {_TO}", "", 6,
          "drop needs one place: 'to: client' loses it on the wire, 'at: server output' is "),
    Wrong("no segment", "segment: SYN|ACK, ", "", 6, "drop needs either 'segment' or 'nft'"),
    Wrong("segment and nft", _TO, f"{_TO}, nft: tcp", 6, "drop needs either 'segment' or 'nft'"),
    Wrong("packet and segment", _TO, f"{_TO}, packet: 3", 6, "drop of one packet needs 'to', and"),
    Wrong("a packet without a side", "segment: SYN|ACK, to: client", "packet: 3, at: client input",
          6, "drop of one packet needs 'to', and"),
    Wrong("again, and no packet", _TO, f"{_TO}, again: 1", 6, "drop with 'again' needs 'packet'"),
    Wrong("no such packet", "segment: SYN|ACK", "packet: ACK", 6,
          "packet: expected a packet: its number (7), or seq=1, ack=146, SYN, FIN or RST; "
          "found 'ACK'"),
    Wrong("packets begin with the first", "segment: SYN|ACK", "packet: 0", 6, "found '0'"),
    Wrong("a cut of nothing", _DROP, "cut: {to: client}", 6, "cut lacks 'packet'"),
    Wrong("nft and a port", "segment: SYN|ACK", "nft: tcp, port: 1", 6, "it says it all"),
    Wrong("first and after", _TO, f"{_TO}, first: 1, after: 2", 6,
          "with 'first' and 'after' is two faults: make it two steps"),
    Wrong("text and bytes", _CONNECT, "client: {send: {text: a, bytes: 1}}", 7,
          "send needs a text, or a number of bytes"),
    Wrong("nothing to read", _CONNECT, "client: read", 7, "read needs a text, or a number of "),
    Wrong("an address never added", _CONNECT, "client: {connect: {address: added}}", 7, "added"),
    Wrong("an impossible pair", "SYN_SENT", "TIME_WAIT", 9, "TIME_WAIT/SYN_RECV cannot be: "),
    Wrong("an impossible healing", _HEALED, "  healed: {client: LISTEN, server: LISTEN}\n", 12,
          "LISTEN/LISTEN cannot be: two listeners have no connection with each other"),
    Wrong("a number for some kernels only", _HOLD,
          "counters: {client: {TCPTimeouts: {tcp_sack: 1}}}", 10,
          "what depends on the kernel needs a case and 'otherwise'"),
    Wrong("a number for all other kernels", _HOLD,
          "counters: {client: {TCPTimeouts: {otherwise: 1}}}", 10,
          "what depends on the kernel needs a case and 'otherwise'"),
    Wrong("an end for some kernels only", _HEALED,
          f"{_HEALED}  ends: {{client: CLOSED, server: LISTEN, after: {{tcp_sack: 1s}}}}\n", 13,
          "what depends on the kernel needs a case and 'otherwise'"),
    Wrong("an impossible end", _HEALED,
          f"{_HEALED}  ends: {{after: 1s, client: LISTEN, server: LISTEN}}\n", 13, "cannot be: "),
    Wrong("an impossible step", _CONNECT, "reach: {client: LAST_ACK, server: [CLOSED, LAST_ACK]}",
          7, "LAST_ACK/LAST_ACK cannot be: "),
    Wrong("a hop nobody knows", _STEPS, f"path: [gnat]\n{_STEPS}", 4,
          "no hop is called 'gnat'. Did you mean nat? Known: router, nat, "),
    Wrong("two hops in one", _STEPS, f"path: [{{nat: {{}}, firewall: {{}}}}]\n{_STEPS}", 4,
          "a hop is one thing; found 2"),
    Wrong("a service of nobody", _STEPS, f"path: [service]\n{_STEPS}", 4,
          "service needs 'to': service: {...}"),
    Wrong("two hops of one name", _STEPS, f"path: [nat, nat]\n{_STEPS}", 4,
          "path: two hops are called nat: give one of them another name", schema=False),
    Wrong("a service that is a server", _STEPS, f"path: [service: {{to: a, as: a}}]\n{_STEPS}", 4,
          "path: 'a' is the name of a service and of a server", schema=False),
    Wrong("too many hops", _STEPS,
          f"path: [{', '.join(f'router: {{as: r{n}}}' for n in range(6))}]\n{_STEPS}", 4,
          "path: a path has at most 5 hops; found 6", schema=False),
    Wrong("no hop at all", _STEPS, f"path: [asymmetric]\n{_STEPS}", 4,
          "path: a path needs at least one hop that is a host", schema=False),
    Wrong("a link too narrow", _STEPS, f"path: [narrow: 900]\n{_STEPS}", 4,
          "narrow: expected bytes, 1280 to 1500; found '900'"),
    Wrong("bits that no segment has", _CONNECT, "client: {forge: RST|DATA}", 7,
          "forge: expected control bits: SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, or several: "
          "FIN|ACK; "
          "found 'RST|DATA'", schema=False),
    Wrong("a number that counts from nowhere", _CONNECT, "client: {forge: RST, seq: 10}", 7,
          "seq: expected next, or so much more or less: next+10; found '10'"),
    Wrong("a timestamp of nobody's", _CONNECT, "client: {forge: ACK, timestamp: now}", 7,
          "timestamp: expected last, or so much more or less: last+10; found 'now'", schema=False),
    Wrong("an answer in no words", _CONNECT, "client: {forge: ACK, gets: ACK seq=1}", 7,
          "gets: expected nothing, or a segment such as RST or ACK seq=next ack=next+5; found "
          "'ACK seq=1'", schema=False),
    Wrong("a checksum that needs no saying", _CONNECT, "client: {forge: ACK, checksum: right}", 7,
          "its checksum: wrong; found 'right'"),
    Wrong("a figure that ss does not have", _HOLD, "info: {client: {cwn: 1}}", 10,
          "a figure of ss -i: "),
    Wrong("a reading that no read gives", _HOLD, "reads: {client: 5}", 10,
          "what an application reads: a number of bytes such as '5 bytes', EOF, an error of "
          "errno(3) such as ECONNRESET, or nothing"),
    Wrong("a memory of no time", _STEPS, f"path: [nat: {{forgets: 0}}]\n{_STEPS}", 4,
          "forgets: expected a duration in whole seconds, 1s to 1000000s; found '0'", schema=False),
    Wrong("ports turned round", _STEPS, f"path: [nat: {{ports: 5-1}}]\n{_STEPS}", 4,
          "ports: expected a port, or a lower and a higher one", schema=False),
    Wrong("an endless time-out", _STEPS, f"path: [proxy: {{timeout: 2h}}]\n{_STEPS}", 4,
          "timeout: expected a duration of at most an hour such as 10s; found '2h'"),
    Wrong("a hop that is not on the way", _CONNECT, "forget: nat", 7, "no hop is called 'nat'",
          schema=False),
    Wrong("an address that nobody has", _CONNECT, "client: {connect: {to: web}}", 7,
          "no address is called 'web' by then. Known: client, server", schema=False),
    Wrong("a table that there is not", _HOLD, "tracked: {nat: nothing}", 10,
          "no hop that remembers connections is called 'nat'", schema=False),
    Wrong("a state of no entry", _HOLD, "tracked: {nat: SYN}", 10,
          "expected a state of an entry: nothing, NONE, SYN_SENT, "),
]  # fmt: skip
