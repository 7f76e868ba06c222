# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a recipe as a scenario that a person can read and the kernel can play.

The model gives more than the pair: the pair that each call leads to, which the scenario waits for,
and the pair that remains once nothing is lost any more, which is the scenario's `healed`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from netlab.atlas.exchange import NOTHING, Call, Exchange, met_again, settle
from netlab.atlas.search import Recipe
from netlab.model.tcp import Segment, State
from netlab.model.vocabulary import Pair, Side

#: The ports of scenarios that need the same addresses and ports twice.
CLIENT_PORT, SERVER_PORT = 5556, 5555


def name_of(pair: Pair) -> str:
    """The name of a pair's scenario: ``syn-sent-and-listen``."""
    return f"{pair.client}-and-{pair.server}".lower().replace("_", "-")


def compose(recipe: Recipe) -> str:
    """The text of the scenario file."""
    return "\n".join((*_story(recipe), "source: the atlas", *_steps(recipe), *_expect(recipe), ""))


def _story(recipe: Recipe) -> Iterator[str]:
    calls = ", ".join(map(str, recipe.calls)) or "none at all"
    story = (
        f"{recipe.pair}: {_losses_in_words(recipe)}. Nothing less freezes this pair, and no fewer "
        f"calls: {calls}."
    )
    yield from textwrap.wrap(story, 98, initial_indent="# ", subsequent_indent="# ")


def _losses_in_words(recipe: Recipe) -> str:
    if not recipe.losses:
        return "nothing is lost"
    ways = []
    for side, segments in _by_side(recipe):
        names = [f"every {segment}" for segment in segments]
        ways.append(f"{' and '.join(names)} to the {side} is lost")
    return ", ".join(ways)


def _by_side(recipe: Recipe) -> Iterator[tuple[Side, list[Segment]]]:
    for side in Side:
        segments = [segment for to, segment in recipe.losses if to is side]
        if segments:
            yield side, segments


def _steps(recipe: Recipe) -> Iterator[str]:
    yield "steps:"
    if not recipe.calls:  # a scenario has a step
        yield "  - client: {sysctl: {tcp_sack: 1}} # nobody does anything to anybody"
    for side, segments in _by_side(recipe):
        written = str(segments[0]) if len(segments) == 1 else f"[{', '.join(map(str, segments))}]"
        yield f"  - drop: {{segment: {written}, to: {side}, as: to-{side}}}"
    again = _needs_same_numbers(recipe)
    passive = accepted = False
    for call, before, after in played(recipe):
        yield f"  - {call.side}: {_call(call, again)}"
        if after.pair != before.pair and call is not recipe.calls[-1]:
            yield f"  - reach: {{client: {after.pair.client}, server: {after.pair.server}}}"
        server = after.server
        if server.born > before.server.born:
            passive, accepted = call != Call(Side.SERVER, "connect"), False
        open_ = server.owned and server.state not in (State.CLOSED, State.SYN_RECV)
        if passive and not accepted and open_:
            accepted = True
            yield "  - server: accept"
        for side in Side:
            end = after.end(side)
            if end.got_data and end.owned and not before.end(side).got_data:
                yield f"  - {side}: {{read: hello}}"
    for side in _losing_no_more(recipe):
        yield f"  - remove: to-{side} # it has acted, and has no part in what follows"


def _losing_no_more(recipe: Recipe) -> Iterator[Side]:
    """The sides to which nothing is lost any more, while the frozen ends repeat what they sent."""
    frozen = _frozen(recipe)
    if any(frozen.end(side).resent() for side in Side):
        met = met_again(frozen, frozenset(recipe.losses))
        yield from (side for side, _ in _by_side(recipe) if side not in {to for to, _ in met})


def played(recipe: Recipe) -> Iterator[tuple[Call, Exchange, Exchange]]:
    """Each call with the settled exchanges before and after it."""
    before = NOTHING
    for call in recipe.calls:
        act = before.end(call.side).act(call.action)
        assert act is not None, f"{recipe.pair}: {call} is not possible"
        changed = before.with_end(call.side, act.after)
        sent = [(call.side.peer, packet) for packet in act.sent]
        after = settle(changed, sent, frozenset(recipe.losses))
        assert after is not None, f"{recipe.pair}: {call} never settles"
        yield call, before, after
        before = after


def _needs_same_numbers(recipe: Recipe) -> bool:
    """True if a later connection must have the addresses and ports of an earlier one."""
    connects = [call for call in recipe.calls if call.action == "connect"]
    return len(connects) > 1 or Call(Side.SERVER, "connect") in connects


def _call(call: Call, again: bool) -> str:
    match call.action:
        case "connect" if again:
            ports = (SERVER_PORT, CLIENT_PORT)
            port, own = ports if call.side is Side.CLIENT else ports[::-1]
            return f"{{connect: {{port: {port}, from: {own}, reuse: yes}}}}"
        case "listen" if again:
            return "{listen: {reuse: yes}}"
        case "send":
            return "{send: hello}"
    return call.action


def _expect(recipe: Recipe) -> Iterator[str]:
    yield "expect:"
    yield f"  pair: {{client: {recipe.pair.client}, server: {recipe.pair.server}}}"
    healed = healed_pair(recipe)
    if healed == recipe.pair:
        yield "  cause: nothing is lost any more, and neither end has anything to say"
    else:
        yield f"  healed: {{client: {healed.client}, server: {healed.server}}}"


def healed_pair(recipe: Recipe) -> Pair:
    """The pair that, by the model, remains once nothing is lost any more."""
    healed = settle(_frozen(recipe), [], frozenset())
    assert healed is not None, f"{recipe.pair}: never heals"
    return healed.pair


def _frozen(recipe: Recipe) -> Exchange:
    frozen = NOTHING
    for _, _, after in played(recipe):
        frozen = after
    return frozen
